"""The images of CIFAR-10's Python version, as a NumPy array [N, 3, 32, 32] of bytes.

    python cifar10.py OUT.npy data_batch_1 data_batch_2 ...

selfsi reads the binary version by itself, with its labels, which an array of images has no place for.
Give this script files of a source that you trust: they are pickles, and a pickle can run any program.
"""

import pathlib
import pickle
import sys

import numpy as np


def images(path):
    with open(path, "rb") as file:
        return pickle.load(file, encoding="bytes")[b"data"].reshape(-1, 3, 32, 32)


def main(out, *batches):
    part = pathlib.Path(out + ".part")
    with open(part, "wb") as file:
        np.save(file, np.concatenate([images(path) for path in batches]))
    part.replace(out)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
