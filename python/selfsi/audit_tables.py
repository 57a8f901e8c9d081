"""The audit of a restored catalog."""

from __future__ import annotations

import os
from dataclasses import dataclass

from astropy.io import fits
from astropy.table import Table

from .errors import Error
from .stack import open_stack


@dataclass(frozen=True)
class Audited:
    """What `selfsi audit` found."""

    #: A row for each row of the restored catalog.
    table: Table
    #: A row for each emission feature, with its VERDICT; ROW is the row of `table`, from 0.
    features: Table
    #: Level and thresholds.
    header: fits.Header


def audited(path: str | os.PathLike[str]) -> Audited:
    """Reads the file that `selfsi audit` wrote.

    Raises Error if it is something else.
    """
    stack = open_stack(path)
    try:
        if not {"AUDIT", "FEATURES"} <= set(stack.tables):
            raise Error(f"{path}: no tables AUDIT and FEATURES; give the file that selfsi audit wrote")
        features = stack.table("FEATURES")
        # From 1 in the file, as FITS counts rows.
        features["ROW"] -= 1
        return Audited(stack.table("AUDIT"), features, stack.header)
    finally:
        stack.close()
