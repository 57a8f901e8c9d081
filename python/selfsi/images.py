"""Restored images, and generated ones, which have the same form."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from astropy.io import fits
from astropy.nddata import InverseVariance, NDData, StdDevUncertainty
from astropy.wcs import WCS

from .errors import Error
from .rows import Rows
from .stack import open_stack


class Images(Rows):
    """Images with a table of their objects, as `selfsi restore` or `selfsi generate` wrote them, in FITS or HDF5.

    `images[3]` and `images["galaxy 7"]` are astropy `NDData`, [H, W] or [C, H, W]; `len(images)` is the number
    of rows, flagged ones included.
    """

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Images:
        """As `selfsi.open`, of a file of images."""
        return cls(open_stack(path))

    def __getitem__(self, key: int | str) -> NDData:
        return self.picture(key)

    def __iter__(self) -> Iterator[NDData]:
        return (self.picture(row) for row in range(len(self)))

    def picture(self, key: int | str, image: str | None = None) -> NDData:
        """An image of the row of a number or a name, with its uncertainty and mask as in `Catalog.spectrum`."""
        row = self.index(key)
        name = self._named(image or self.images[0])
        if name in ("DRAWS", "SIGMA", "SIGMA_PRIOR", "IVAR"):
            raise Error(f"{self.path}: {name} is no image of its own; take draws(row), or array('{name}')")
        pixels = self._row(name, row)
        mask = ~np.isfinite(pixels)
        uncertainty = None
        if name == "OBSERVED" and "IVAR" in self.images:
            ivar = self._row("IVAR", row)
            uncertainty = InverseVariance(ivar)
            mask |= ~(ivar > 0)
        elif name == "RESTORED" and "SIGMA" in self.images:
            uncertainty = StdDevUncertainty(self._row("SIGMA", row))
        meta = {"image": name, "row": row, "name": str(self.table["NAME"][row]), "header": self.header}
        return NDData(pixels, uncertainty=uncertainty, mask=mask, unit=self.unit, meta=meta, wcs=self._plane(row))

    def draws(self, key: int | str) -> NDData:
        """Every draw of a row, [draws, H, W] or [draws, C, H, W].

        Raises Error if the file was written without `--save-draws`.
        """
        row = self.index(key)
        pixels = np.array(self._stack.image(self._named("DRAWS"))[:, row], dtype=np.float32)
        meta = {"image": "DRAWS", "row": row, "name": str(self.table["NAME"][row]), "header": self.header}
        return NDData(pixels, mask=~np.isfinite(pixels), unit=self.unit, meta=meta)

    @property
    def filters(self) -> tuple[str, ...]:
        """The filter of each channel; "" where the file names none."""
        channels = sum(1 for key in self.header if key.startswith("MEAN"))
        return tuple(str(self.header.get(f"FILTER{c + 1}", "")) for c in range(channels))

    def wcs(self, key: int | str) -> WCS | None:
        """Where the image of a row is on the sky: pixels, counted from 0, along its rows and columns. None: unknown."""
        if "WCS" not in self.table.colnames:
            return None
        cards = str(self.table["WCS"].filled("")[self.index(key)]).strip()
        return WCS(fits.Header.fromstring(cards)) if cards else None

    def _plane(self, row: int) -> WCS | None:
        """Of an image of one channel: those of several have an axis more than the sky."""
        return self.wcs(row) if len(self.filters) == 1 else None
