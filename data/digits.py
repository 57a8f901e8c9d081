"""The 8 x 8 handwritten digits that come with scikit-learn, as a NumPy array [1797, 8, 8].

    python digits.py OUT.npy

Reads the table inside the installed package without importing it: scikit-learn's own dependencies
are not needed. The data are the test part of the UCI "Optical Recognition of Handwritten Digits"
set (Alpaydin & Kaynak 1998): pixel values 0..16.
"""

import csv
import gzip
import pathlib
import struct
import sys
import sysconfig

TABLE = "sklearn/datasets/data/digits.csv.gz"


def main(out):
    table = pathlib.Path(sysconfig.get_paths()["purelib"]) / TABLE
    if not table.is_file():
        sys.exit(f"{table}: not there; pip install --no-deps scikit-learn")
    with gzip.open(table, "rt") as lines:
        rows = [[float(v) for v in row[:64]] for row in csv.reader(lines)]
    # The NPY format 1.0: magic, version, length of the header, header padded to 64 bytes, values.
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(rows)}, 8, 8), }}"
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    values = [v for row in rows for v in row]
    out = pathlib.Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    part.write_bytes(
        b"\x93NUMPY\x01\x00"
        + struct.pack("<H", len(header))
        + header.encode("latin1")
        + struct.pack(f"<{len(values)}f", *values)
    )
    part.replace(out)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
