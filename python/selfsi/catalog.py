"""A restored catalog of spectra, and generated spectra, which have the same form."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.nddata import InverseVariance, StdDevUncertainty
from astropy.table import QTable

from .errors import Error, missing
from .rows import Rows
from .stack import open_stack

if TYPE_CHECKING:
    from specutils import Spectrum, SpectrumList

    from .stack import Stack

#: The quantities of a line, as the columns of the catalog name them.
QUANTITIES = ("PEAK", "CENTROID", "EW")


class Catalog(Rows):
    """Spectra with a table of their objects, as `selfsi restore` or `selfsi generate` wrote them.

    `cat[3]` and `cat["053347.90+244238.2"]` are specutils `Spectrum`s; `len(cat)` is the number of rows,
    flagged ones included; `for spectrum in cat` goes through all of them.
    """

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack)
        if "WAVELENGTH" not in stack.tables:
            raise Error(f"{self.path}: no table WAVELENGTH; give a file of spectra that selfsi restore wrote")

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Catalog:
        """As `selfsi.open`, of a file of spectra."""
        return cls(open_stack(path))

    @cached_property
    def wavelength(self) -> u.Quantity:
        """The wavelength of each pixel, [D]: vacuum, in the frame of the grid (`frame`)."""
        return u.Quantity(self._stack.table("WAVELENGTH")["WAVELENGTH"].filled(np.nan), u.AA)

    @property
    def frame(self) -> str:
        """What the wavelengths of the grid are: "observed", or "rest": each spectrum was moved by its redshift."""
        return str(self.header.get("FRAME", "observed"))

    def observed_wavelength(self, key: int | str) -> u.Quantity:
        """Where the pixels of the row of a number or a name were observed, [D]: vacuum."""
        if self.frame == "observed" or "Z_GRID" not in self.table.colnames:
            return self.wavelength
        return self.wavelength * (1.0 + float(np.ma.filled(self.table["Z_GRID"][self.index(key)], np.nan)))

    @property
    def main(self) -> str:
        """The image that a spectrum is of unless another is asked for: RESTORED, or GENERATED."""
        return self.images[0]

    def __getitem__(self, key: int | str) -> Spectrum:
        return self.spectrum(key)

    def __iter__(self) -> Iterator[Spectrum]:
        return (self.spectrum(row) for row in range(len(self)))

    def spectrum(self, key: int | str, image: str | None = None) -> Spectrum:
        """A spectrum of the row of a number or a name.

        RESTORED has the standard deviation of the draws (SIGMA) as its uncertainty, where there is one;
        OBSERVED the inverse variance of the observation, and a mask on the pixels that were not observed;
        DRAW, and quantiles such as Q16, have none. A flagged row is NaN, and masked.
        """
        row = self.index(key)
        name = self._named(image or self.main)
        if name in ("DRAWS", "SIGMA", "SIGMA_PRIOR", "IVAR"):
            raise Error(f"{self.path}: {name} is no spectrum; take draws(row), or array('{name}')")
        flux = self._row(name, row)
        mask = ~np.isfinite(flux)
        uncertainty = None
        if name == "OBSERVED":
            ivar = self._row("IVAR", row)
            uncertainty = InverseVariance(ivar)
            mask |= ~(ivar > 0)
        elif name == "RESTORED" and "SIGMA" in self.images:
            sigma = self._row("SIGMA", row)
            # A single draw tells no deviation.
            if self.flag[row] != 0 or np.isfinite(sigma).any():
                uncertainty = StdDevUncertainty(sigma)
        return self._spectrum(flux, uncertainty, mask, row, name)

    def draws(self, key: int | str) -> Spectrum:
        """Every draw of a row, as one spectrum with flux [draws, D].

        Raises Error if the catalog was written without `--save-draws`.
        """
        row = self.index(key)
        flux = np.array(self._stack.image(self._named("DRAWS"))[:, row], dtype=np.float32)
        return self._spectrum(flux, None, ~np.isfinite(flux), row, "DRAWS")

    def spectra(
        self, flag: int | None = 0, image: str | None = None, rows: Iterable[int | str] | None = None
    ) -> SpectrumList:
        """The spectra of the rows with this FLAG, of all for None; or of the `rows` given, whatever their flag."""
        if rows is not None:
            chosen = [self.index(r) for r in rows]
        else:
            chosen = list(range(len(self))) if flag is None else np.flatnonzero(self.flag == flag).tolist()
        spectra = [self.spectrum(r, image) for r in chosen]
        return specutils().SpectrumList(spectra)

    @property
    def line_names(self) -> tuple[str, ...]:
        """The emission lines that the catalog holds, e.g. ("LYA", "NV", "SIIV", "CIV")."""
        ends = f"_{QUANTITIES[0]}"
        return tuple(c.removesuffix(ends) for c in self.table.colnames if c.endswith(ends))

    def lines(self, line: str) -> QTable:
        """Measurements of an emission line, a row for each row of the catalog: PEAK, CENTROID and EW with
        their errors (PEAK_ERR …), in units; NaN where there is none.

        `line` is a name as in the catalog's columns; spaces and case do not matter: "CIV", "C IV".
        """
        key = line.replace(" ", "").replace("α", "a").upper()
        if key not in self.line_names:
            raise KeyError(f"{self.path}: no line {line}; the catalog has {', '.join(self.line_names)}")
        known = [c for c in ("NAME", "Z", "FLAG") if c in self.table.colnames]
        found = QTable(self.table[known])
        for quantity in QUANTITIES:
            for end in ("", "_ERR"):
                column = self.table[f"{key}_{quantity}{end}"]
                found[quantity + end] = u.Quantity(column.filled(np.nan), column.unit)
        found.meta["line"] = key
        return found

    def _spectrum(self, flux: Any, uncertainty: Any, mask: Any, row: int, image: str) -> Spectrum:
        table = self.table[row]
        meta = {"image": image, "row": row, "header": self.header}
        for key in ("NAME", "FLAG", "REASON"):
            meta[key.lower()] = table[key].item() if isinstance(table[key], np.generic) else table[key]
        z = table["Z"] if "Z" in self.table.colnames else np.ma.masked
        redshift = None if z is np.ma.masked or z <= -1 else float(z)
        axis = self.observed_wavelength(row)
        if not np.isfinite(axis).all():  # A row without a redshift.
            axis = self.wavelength
        return specutils().Spectrum(
            flux=u.Quantity(flux, self.unit, copy=False),
            spectral_axis=axis,
            uncertainty=uncertainty,
            mask=mask,
            redshift=redshift,
            meta=meta,
        )


def specutils() -> Any:
    """The package specutils, which is optional."""
    try:
        return importlib.import_module("specutils")
    except ImportError as e:
        raise missing("specutils", "specutils") from e
