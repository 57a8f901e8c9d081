"""Clean spectra, where they are known."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np

from .errors import Error
from .hdf5 import open_hdf5
from .units import unit


@dataclass(frozen=True)
class Truth:
    """The clean spectra of a survey with known truth, as `selfsi mock` writes them."""

    path: Path
    #: [D], vacuum, in the frame of the grid of the survey.
    wavelength: u.Quantity
    unit: u.Unit
    #: Of each row.
    names: np.ndarray[Any, np.dtype[np.str_]]
    #: Redshift of each row, NaN where the file has none.
    z: np.ndarray[Any, np.dtype[np.float64]]

    def flux(self, names: Iterable[str] | None = None) -> u.Quantity:
        """The flux of the objects of these names, in their order, [n, D]; of all for None.

        Raises KeyError for a name that is not there.
        """
        with open_hdf5(self.path) as file:
            if names is None:
                return u.Quantity(file["flux"][:], self.unit)
            rows = {name: row for row, name in enumerate(self.names)}
            try:
                wanted = np.array([rows[str(n).strip()] for n in names], dtype=int)
            except KeyError as e:
                raise KeyError(f"{self.path}: no object of the name {e.args[0]}") from None
            # h5py reads rows that ascend.
            order = np.unique(wanted)
            flux = file["flux"][order] if len(order) else np.empty((0, len(self.wavelength)), np.float32)
            return u.Quantity(flux[np.searchsorted(order, wanted)], self.unit)


def truth(path: str | os.PathLike[str]) -> Truth:
    """Opens clean spectra in HDF5 with `flux`, `loglam` and `id`: truth.h5 of `selfsi mock`, or your own.

    Raises Error if they are not there.
    """
    path = Path(path).expanduser()
    with open_hdf5(path) as file:
        absent = [n for n in ("flux", "loglam", "id") if n not in file]
        if absent:
            raise Error(f"{path}: no dataset {', '.join(absent)}; give clean spectra, e.g. truth.h5 of selfsi mock")
        names = np.array([str(n).strip() for n in file["id"].asstr()[:]])
        return Truth(
            path,
            u.Quantity(10.0 ** file["loglam"][:], u.AA),
            unit(file.attrs.get("flux_unit", "")),
            names,
            file["z"][:] if "z" in file else np.full(len(names), np.nan),
        )
