"""Units as surveys and FITS write them."""

from __future__ import annotations

import re
import warnings

import astropy.units as u


def unit(text: str) -> u.Unit:
    """A unit in FITS's spelling or SDSS's, which shortens Angstrom and sets a number before; none: dimensionless."""
    if not text:
        return u.dimensionless_unscaled
    try:
        return u.Unit(text, format="fits")
    except ValueError:
        with warnings.catch_warnings():
            # SDSS divides more than once.
            warnings.simplefilter("ignore", u.UnitsWarning)
            return u.Unit(re.sub(r"\bAng\b", "Angstrom", text))
