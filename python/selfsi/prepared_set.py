"""The prepared set: what training and restoring are given."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.nddata import InverseVariance
from astropy.table import Table

from .catalog import specutils
from .errors import Error
from .hdf5 import open_hdf5
from .names import Names
from .stack import columns_of
from .units import unit

if TYPE_CHECKING:
    from specutils import Spectrum
    from typing_extensions import Self


class Prepared:
    """Observations as `selfsi prepare` brought them to the common grid: masked, and divided by each one's level."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_hdf5(path)
        if not {"name", "flag"} <= set(self._file) or not {"flux", "pixels"} & set(self._file):
            self._file.close()
            raise Error(f"{path}: not a prepared set; give the HDF5 file that selfsi prepare wrote")
        #: "flux" of spectra, "pixels" of images.
        self.main = "flux" if "flux" in self._file else "pixels"

    @cached_property
    def table(self) -> Table:
        """The objects, a row each: names, positions, redshift, NORM (the level), FLAG and REASON."""
        of_all = {"loglam", "noise_rho", "noise_scale", "noise_pixels", "shape", "softening", "mean", "std"}
        table = columns_of(self._file, {n for n, d in self._file.items() if d.ndim == 1} - of_all)
        if "NORM" in table.colnames:
            table["NORM"].unit = self.unit
        for name in {"RA", "DEC"} & set(table.colnames):
            table[name].unit = u.deg
        return table

    @cached_property
    def wavelength(self) -> u.Quantity:
        """The wavelength of each pixel of spectra, [D]: vacuum, in the frame of the grid (`frame`)."""
        return u.Quantity(10.0 ** self.array("loglam")[:], u.AA)

    @property
    def frame(self) -> str:
        """What the wavelengths of the grid are: "observed", or "rest": each spectrum was moved by its redshift."""
        return str(self._file.attrs.get("frame", "observed"))

    def observed_wavelength(self, row: int) -> u.Quantity:
        """Where the pixels of a row were observed, [D]: vacuum."""
        if self.frame == "observed":
            return self.wavelength
        return self.wavelength * (1.0 + float(np.ma.filled(self.table["Z_GRID"][row], np.nan)))

    @cached_property
    def unit(self) -> u.Unit:
        """The unit in which NORM is given, and a spectrum once it is multiplied by it."""
        return unit(self._file.attrs.get("flux_unit", self._file.attrs.get("unit", "")))

    @property
    def config(self) -> str:
        """The config that it was prepared with, as TOML."""
        return str(self._file.attrs["config"])

    def array(self, name: str | None = None) -> Any:
        """A dataset, whose rows are read when they are asked for: `flux` or `pixels`, `ivar`, `lsf` and others."""
        name = name or self.main
        if name not in self._file:
            raise Error(f"{self.path}: no dataset {name}; the file has {', '.join(self._file)}")
        return self._file[name]

    def __getitem__(self, key: int | str) -> Spectrum:
        return self.spectrum(key)

    def spectrum(self, key: int | str) -> Spectrum:
        """The observation of the row of a number or a name in physical units, masked where nothing was observed."""
        row = Names(self.path, self.table).row(key) if isinstance(key, str) else range(len(self))[key]
        if self.main != "flux":
            raise Error(f"{self.path}: images, not spectra; take array('pixels')[{row}]")
        norm = float(np.ma.getdata(self.table["NORM"])[row])
        flux, ivar = self.array("flux")[row], self.array("ivar")[row]
        flagged = bool(self.table["FLAG"][row] != 0)
        axis = self.observed_wavelength(row)
        return specutils().Spectrum(
            flux=u.Quantity(flux * np.float32(norm), self.unit),
            spectral_axis=axis if np.isfinite(axis).all() else self.wavelength,
            uncertainty=InverseVariance(ivar / np.float32(norm) ** 2),
            mask=~(ivar > 0) | flagged,
            meta={"row": row, "name": str(self.table["NAME"][row])},
        )

    def __len__(self) -> int:
        return len(self._file["name"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def __repr__(self) -> str:
        return f"<Prepared {self.path}: {len(self)} rows, {', '.join(self._file)}>"


def prepared(path: str | os.PathLike[str]) -> Prepared:
    """Opens the set that `selfsi prepare` wrote.

    Raises Error if it is something else.
    """
    return Prepared(Path(path).expanduser())
