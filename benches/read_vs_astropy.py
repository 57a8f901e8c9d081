"""Times reading SDSS spec files, plain and gzipped, with selfsi, astropy and fitsio, in turns, in one run.

    benches/read_vs_astropy.py [FILES] [ROUNDS] [PROGRAM READER]

needs target/release/selfsi and cargo, or these two programs (selfsi, and what cargo makes of the bench
read_files), and a Python with astropy (make check); fitsio where it is installed. All read what a spectrum needs: flux,
loglam, ivar, and_mask and wdisp of the COADD table, and the redshift of the table after it. Files are in the
page cache: it is the reading that is timed, not the disk. What counts is the least CPU time of all rounds, of
one thread, which other programs on the same cores disturb least.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.io import fits

try:
    import fitsio
except ImportError:
    fitsio = None

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "survey_configs" / "demo.toml"
COLUMNS = ["flux", "loglam", "ivar", "and_mask", "wdisp"]


def by_astropy(path):
    with fits.open(path) as hdus:
        table = hdus[1].data
        return [np.asarray(table[name]) for name in COLUMNS], hdus[2].data["Z"][0]


def by_fitsio(path):
    with fitsio.FITS(path) as hdus:
        table = hdus[1].read(columns=COLUMNS)
        return [table[name] for name in table.dtype.names], hdus[2]["Z"][0:1][0]


def with_python(read, files):
    """CPU seconds, and a sum to compare: nothing read is left out."""
    start = time.process_time()
    redshifts = 0.0
    for path in files:
        columns, z = read(str(path))
        assert len(columns) == len(COLUMNS) and len(columns[0]) > 0
        # In the order of the bytes that the machine computes with, as selfsi has them.
        columns = [c.astype(c.dtype.newbyteorder("="), copy=False) for c in columns]
        redshifts += float(z)
    return time.process_time() - start, redshifts


def with_selfsi(reader, folder):
    out = subprocess.run([reader, folder, "1"], check=True, capture_output=True, text=True)
    found = json.loads(out.stdout)
    return found["cpu"], found["z"]


def built():
    """The bench's program, built if need be."""
    build = ["cargo", "bench", "--bench", "read_files", "--no-run", "--message-format=json"]
    out = subprocess.run(build, check=True, capture_output=True, text=True, cwd=ROOT)
    found = [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]
    programs = [f["executable"] for f in found if f.get("executable")]
    return programs[-1]


def gzipped(plain, to):
    for file in plain:
        out = to / (file.name + ".gz")
        out.write_bytes(gzip.compress(file.read_bytes(), 6))
        yield out


def main(n=1000, rounds=5, program=ROOT / "target/release/selfsi", reader=None):
    reader = reader or built()
    readers = {"astropy": by_astropy} | ({"fitsio": by_fitsio} if fitsio else {})
    print(f"{n} spec files, {rounds} rounds in turns, one thread, load {os.getloadavg()[0]:.1f}")
    print("| reader | files | CPU ms per file, least | most | speed of selfsi over it |\n|---|---|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"mock.folder={folder}/mock", f"mock.spectra={n}", "mock.broken=0"]
        command = [program, "mock", CONFIG]
        for s in settings:
            command += ["--set", s]
        subprocess.run(command, check=True, capture_output=True)
        plain = sorted(Path(f"{folder}/mock/spectra").rglob("spec-*.fits"))
        packed = Path(folder) / "gzipped"
        packed.mkdir()
        sets = {"plain": plain, "gzipped": list(gzipped(plain, packed))}
        for kind, files in sets.items():
            place = files[0].parent if kind == "gzipped" else f"{folder}/mock/spectra"
            assert len(files) == n
            times = {name: [] for name in ["selfsi", *readers]}
            for _ in range(rounds):
                seconds, z = with_selfsi(reader, place)
                times["selfsi"].append(seconds)
                for name, read in readers.items():
                    seconds, found = with_python(read, files)
                    assert abs(found - z) < 1e-3 * n
                    times[name].append(seconds)
            ours = min(times["selfsi"])
            for name, seconds in times.items():
                least, most = (1000 * f(seconds) / n for f in (min, max))
                print(f"| {name} | {kind} | {least:.2f} | {most:.2f} | {min(seconds) / ours:.1f} |", flush=True)


if __name__ == "__main__":
    numbers = [int(a) for a in sys.argv[1:3]]
    main(*numbers, *sys.argv[3:5])
