"""Times reading SDSS spec files with selfsi and with astropy, in turns, in one run.

    benches/read_vs_astropy.py [FILES] [ROUNDS]

needs target/release/selfsi, cargo, and a Python with astropy (make check). Both read what a spectrum
needs: flux, loglam, ivar, and_mask and wdisp of the COADD table, and the redshift of the table after
it. Files are in the page cache: it is the reading that is timed, not the disk.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.io import fits

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "survey_configs" / "demo.toml"


def with_astropy(files):
    """Seconds, and a sum to compare: nothing read is left out."""
    start = time.perf_counter()
    total = redshifts = 0.0
    for path in files:
        with fits.open(path) as hdus:
            table = hdus[1].data
            flux = np.asarray(table["flux"], dtype=np.float32)
            loglam = np.asarray(table["loglam"], dtype=np.float64)
            ivar = np.asarray(table["ivar"], dtype=np.float32)
            mask = np.asarray(table["and_mask"], dtype=np.int64)
            wdisp = np.asarray(table["wdisp"], dtype=np.float32)
            bad = ~(ivar > 1e-6) | ~np.isfinite(flux)
            total += float(np.where(bad, 0, flux).sum(dtype=np.float64))
            redshifts += float(hdus[2].data["Z"][0])
            assert len(loglam) == len(wdisp) == len(mask)
    return time.perf_counter() - start, total, redshifts


def with_selfsi(program, folder, threads):
    out = subprocess.run([program, folder, str(threads)], check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def built():
    """The bench's program, built if need be."""
    build = ["cargo", "bench", "--bench", "read_files", "--no-run", "--message-format=json"]
    out = subprocess.run(build, check=True, capture_output=True, text=True, cwd=ROOT)
    found = [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]
    programs = [f["executable"] for f in found if f.get("executable")]
    return programs[-1]


def main(n, rounds):
    program = built()
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"mock.folder={folder}/mock", f"mock.spectra={n}", "mock.broken=0"]
        command = [ROOT / "target/release/selfsi", "mock", CONFIG]
        for s in settings:
            command += ["--set", s]
        subprocess.run(command, check=True, capture_output=True)
        spectra = f"{folder}/mock/spectra"
        files = sorted(Path(spectra).rglob("spec-*.fits"))
        assert len(files) == n
        cores = os.cpu_count() or 1
        times = {"astropy": [], "selfsi, 1 thread": [], f"selfsi, {cores} threads": []}
        with_astropy(files)
        for _ in range(rounds):
            seconds, _, z = with_astropy(files)
            times["astropy"].append(seconds)
            for name, threads in (("selfsi, 1 thread", 1), (f"selfsi, {cores} threads", cores)):
                found = with_selfsi(program, spectra, threads)
                assert found["files"] == n and abs(found["z"] - z) < 1e-3 * n
                times[name].append(found["seconds"])
    slow = statistics.median(times["astropy"])
    print(f"{n} spec files, {rounds} rounds in turns, load {os.getloadavg()[0]:.1f}")
    print("| reader | files per second, median | least, most | ratio |\n|---|---|---|---|")
    for name, seconds in times.items():
        rates = sorted(n / s for s in seconds)
        median = n / statistics.median(seconds)
        ratio = slow / statistics.median(seconds)
        print(f"| {name} | {median:.0f} | {rates[0]:.0f}, {rates[-1]:.0f} | {ratio:.1f} |")


if __name__ == "__main__":
    main(*(int(a) for a in (sys.argv[1:] + ["1000", "5"][len(sys.argv) - 1 :])))
