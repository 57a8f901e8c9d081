"""HDF5 files through h5py, which is optional."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .errors import Error, missing
from .formats import check_not_newer


def open_hdf5(path: Path) -> Any:
    """An open h5py File.

    Raises Error if h5py is not installed, the file is not HDF5, or a newer selfsi wrote it.
    """
    try:
        import h5py
    except ImportError as e:
        raise missing("h5py", "hdf5") from e
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        file = h5py.File(path, "r")
    except OSError as e:
        raise Error(f"{path}: not an HDF5 file, or damaged ({e})") from e
    check_not_newer(path, file.attrs)
    return file
