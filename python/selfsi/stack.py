"""The two files that hold images with a table: FITS and HDF5, with the same names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from astropy.io import fits
from astropy.table import Table

from .errors import Error
from .formats import check_not_newer
from .hdf5 import open_hdf5

#: Columns in which −1 stands for unknown.
_NULLABLE = ("PLATE", "MJD", "FIBERID", "THING_ID", "LABEL")


class Stack(Protocol):
    """An open file: header, images with one row per object, and tables."""

    path: Path
    #: What the file says of itself.
    header: fits.Header
    #: The names of its images.
    images: tuple[str, ...]
    #: The names of its tables.
    tables: tuple[str, ...]

    def image(self, name: str) -> Any:
        """An image, whose rows are read when they are asked for."""
        ...

    def image_header(self, name: str) -> fits.Header:
        """What an image says of itself."""
        ...

    def table(self, name: str) -> Table:
        """A table, with masked cells where nothing is known."""
        ...

    def close(self) -> None:
        """Lets go of the file."""
        ...


def open_stack(path: str | os.PathLike[str]) -> Stack:
    """Opens a file by its first bytes.

    Raises Error if it is neither FITS nor HDF5, or written by a newer selfsi.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise Error(f"{path}: a folder; give a file of it, e.g. {path / 'restored.fits'}")
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"SIMPLE  ") or start.startswith(b"\x1f\x8b"):
        try:
            return FitsStack(path, fits.open(path, memmap=True))
        except OSError as e:
            raise Error(f"{path}: {e}") from e
    if start == b"\x89HDF\r\n\x1a\n":
        return Hdf5Stack(path)
    raise Error(f"{path}: neither FITS nor HDF5; give a file that selfsi wrote")


def open_hdus(hdus: fits.HDUList) -> Stack:
    """The same of a FITS file that is open already."""
    return FitsStack(Path(hdus.filename() or "FITS"), hdus)


class FitsStack:
    """FITS: image HDUs, memory-mapped, and table HDUs."""

    def __init__(self, path: Path, hdus: fits.HDUList) -> None:
        self.path = path
        self._hdus = hdus
        self.header = self._hdus[0].header
        check_not_newer(path, self.header)
        self.images = tuple(h.name for h in self._hdus if h.is_image and h.name != "PRIMARY")
        self.tables = tuple(h.name for h in self._hdus if isinstance(h, fits.BinTableHDU))

    def image(self, name: str) -> Any:
        return self._hdus[name].data

    def image_header(self, name: str) -> fits.Header:
        return self._hdus[name].header

    def table(self, name: str) -> Table:
        # In memory: tables are small beside the images. What it masks by itself are blank texts, too.
        table = Table.read(self._hdus[name], mask_invalid=False)
        table.meta.clear()
        table.convert_bytestring_to_unicode()
        return masked_where_nan(table)

    def close(self) -> None:
        self._hdus.close()


class Hdf5Stack:
    """HDF5: datasets by the names of the HDUs, in lower case; columns are datasets, too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_hdf5(path)
        self.header = _header(self._file.attrs)
        # Datasets that say their unit as images do; the others are columns, and the grid of wavelengths.
        self.images = tuple(sorted((n.upper() for n, d in self._file.items() if "bunit" in d.attrs), key=_place))
        grid = ("WAVELENGTH",) if "wavelength" in self._file else ()
        self.tables: tuple[str, ...] = ("CATALOG", *grid)

    def image(self, name: str) -> Any:
        return self._file[name.lower()]

    def image_header(self, name: str) -> fits.Header:
        return _header(self._file[name.lower()].attrs)

    def table(self, name: str) -> Table:
        grid = {"wavelength", "loglam"}
        names = grid if name == "WAVELENGTH" else set(self._file) - grid - {i.lower() for i in self.images}
        table = columns_of(self._file, names)
        if name == "WAVELENGTH":
            table["WAVELENGTH"].unit = "Angstrom"
        return table

    def close(self) -> None:
        self._file.close()


def _place(image: str) -> tuple[int, str]:
    """Where an image stands among those of a FITS file."""
    order = ("RESTORED", "GENERATED", "SIGMA", "SIGMA_PRIOR", "DRAW", "Q", "OBSERVED", "IVAR", "DRAWS")
    name = "Q" if re.fullmatch(r"Q[\d.]+", image) else image
    return (order.index(name) if name in order else len(order), image)


def _in_order(names: Iterable[str]) -> list[str]:
    """Columns as FITS files have them: who it is first."""
    first = ("NAME", "SDSS_NAME", "FLAG", "REASON", "PLATE", "MJD", "FIBERID", "THING_ID", "RA", "DEC", "Z", "NORM")
    return sorted(names, key=lambda n: (first.index(n) if n in first else len(first), n))


def columns_of(file: Any, names: Iterable[str]) -> Table:
    """Datasets with one value or row per object, as columns of the same names in capitals. What is unknown is masked."""
    table = Table({n: _values(file[n.lower()]) for n in _in_order(n.upper() for n in names)}, masked=True)
    for name in set(_NULLABLE) & set(table.colnames):
        table[name].mask = np.ma.getdata(table[name]) < 0
    return masked_where_nan(table)


def _values(dataset: Any) -> Any:
    return dataset.asstr()[:] if dataset.dtype.kind == "O" else dataset[:]


def _header(attributes: Any) -> fits.Header:
    """Attributes as the keys of FITS that they are elsewhere."""
    header = fits.Header()
    for name, value in attributes.items():
        if isinstance(value, bytes):
            value = value.decode()
        if name == "history":
            for line in value.splitlines():
                header.add_history(line)
        elif not isinstance(value, str) or (value.isascii() and value.isprintable()):
            # The config, of many lines, is no key.
            header[name.upper()] = value.item() if isinstance(value, np.generic) else value
    return header


def masked_where_nan(table: Table) -> Table:
    """The table with a mask on the cells that are NaN."""
    table = Table(table, masked=True, copy=False)
    for column in table.itercols():
        if column.dtype.kind == "f":
            column.mask = column.mask | np.isnan(np.ma.getdata(column))
    return table
