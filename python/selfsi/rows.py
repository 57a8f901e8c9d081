"""What catalogs of spectra and of images have in common: rows with a table, found by number or name."""

from __future__ import annotations

from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Table

from .errors import Error
from .names import Names
from .units import unit

if TYPE_CHECKING:
    from typing_extensions import Self

    from .stack import Stack

#: What stays readable of a flagged row: which object it is, and why it was not restored.
KNOWN = {
    *("NAME", "SDSS_NAME", "REASON", "SOURCE", "PLATE", "MJD", "FIBERID", "THING_ID", "FLAG", "RA", "DEC", "Z"),
    *("HELDOUT", "LABEL", "SEED", "NUMBER", "WCS"),
}


class Rows:
    """An open file of selfsi's with images, one row per object, and a table of the objects."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.path = stack.path
        #: The images that the file holds, e.g. ("RESTORED", "SIGMA", "DRAW", "OBSERVED", "IVAR").
        self.images = stack.images

    @property
    def header(self) -> fits.Header:
        """What the file says of how it was made: METHOD, SEED, CREATOR, HISTORY and more."""
        return self._stack.header

    @cached_property
    def table(self) -> Table:
        """The objects, a row each. What is unknown is masked, and what was measured on a flagged row."""
        table = self._stack.table("CATALOG")
        flagged = np.asarray(table["FLAG"]) != 0
        for name in set(table.colnames) - KNOWN:
            table[name].mask[flagged] = True
        return table

    @property
    def flag(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """FLAG of each row: 0, or a sum of the bits that the header names (FLAG1 …)."""
        return np.asarray(self.table["FLAG"])

    @cached_property
    def unit(self) -> u.Unit:
        """The unit of the images; dimensionless where the file names none."""
        return unit(self._stack.image_header(self.images[0]).get("BUNIT", ""))

    def array(self, image: str = "RESTORED") -> Any:
        """An image with all its rows, without a copy: numpy's memory map, or h5py's dataset."""
        return self._stack.image(self._named(image))

    def index(self, key: int | str) -> int:
        """The row of a number, which may count from the end, or of a name (NAME or SDSS_NAME).

        Raises IndexError or KeyError if there is none, Error if several rows have the name.
        """
        return self._names.row(key)

    def __len__(self) -> int:
        return len(self.table)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file; arrays that were taken from it stay."""
        self._stack.close()

    def __repr__(self) -> str:
        flagged = np.count_nonzero(self.flag)
        return f"<{type(self).__name__} {self.path}: {len(self)} rows, {flagged} flagged; {', '.join(self.images)}>"

    @cached_property
    def _names(self) -> Names:
        return Names(self.path, self.table)

    def _named(self, image: str) -> str:
        name = image.upper()
        if name not in self.images:
            hint = "; selfsi restore --save-draws writes them" if name == "DRAWS" else ""
            raise Error(f"{self.path}: no image {name}; the file has {', '.join(self.images)}{hint}")
        return name

    def _row(self, image: str, row: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        """A row of an image, in memory and in the machine's own order of bytes."""
        return np.array(self._stack.image(image)[row], dtype=np.float32)
