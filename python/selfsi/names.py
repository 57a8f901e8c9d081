"""Rows by their number or the name of their object."""

from __future__ import annotations

import difflib
from collections import defaultdict
from pathlib import Path

import numpy as np
from astropy.table import Table

from .errors import Error

#: The columns that name an object.
NAMES = ("NAME", "SDSS_NAME")


class Names:
    """The rows of a table, and the names that they go by."""

    def __init__(self, path: Path, table: Table) -> None:
        self._path = path
        self._count = len(table)
        rows: dict[str, list[int]] = defaultdict(list)
        for column in (c for c in NAMES if c in table.colnames):
            for row, name in enumerate(np.ma.getdata(table[column])):
                text = str(name).strip()
                if text and row not in rows[text]:
                    rows[text].append(row)
        self._rows = dict(rows)

    def row(self, key: int | str) -> int:
        """The row of a number, which may count from the end, or of a name.

        Raises IndexError or KeyError if there is none, Error if several rows have the name.
        """
        if isinstance(key, str):
            return self._named(key.strip())
        if isinstance(key, bool | np.bool_) or not isinstance(key, int | np.integer):
            raise TypeError(f"a row is a number or a name, not {key!r}; for several rows take spectra(rows=…) or array()")
        if not -self._count <= key < self._count:
            raise IndexError(f"{self._path}: row {key} of {self._count}")
        return int(key) % self._count

    def _named(self, name: str) -> int:
        rows = self._rows.get(name, [])
        if len(rows) == 1:
            return rows[0]
        if rows:
            raise Error(f"{self._path}: {name} is the name of rows {', '.join(map(str, rows))}; give a number")
        near = difflib.get_close_matches(name, self._rows, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise KeyError(f"{self._path}: no object of the name {name}{hint}")
