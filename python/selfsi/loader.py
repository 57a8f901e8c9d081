"""The specutils loader "selfsi restored": `Spectrum.read("restored.fits")` and `SpectrumList.read`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import StdDevUncertainty

if TYPE_CHECKING:
    from .catalog import Catalog

#: Its name in `Spectrum.read(path, format=…)`.
LABEL = "selfsi restored"


def register() -> None:
    """Tells specutils of the loader. Again is no fault."""
    from specutils import Spectrum, SpectrumList
    from specutils.io.registers import data_loader

    one = data_loader(
        LABEL,
        identifier=identify,
        dtype=Spectrum,
        extensions=["fits"],
        priority=10,
        force=True,
        autogenerate_spectrumlist=False,
    )
    one(read)
    several = data_loader(
        LABEL, identifier=identify, dtype=SpectrumList, extensions=["fits"], priority=10, force=True
    )
    several(read_list)


def identify(origin: str, path: Any, file: Any, *args: Any, **kwargs: Any) -> bool:
    """Whether this is a restored catalog: it says so in its first header."""
    given = args[0] if args else None
    if isinstance(given, fits.HDUList):
        return _is_ours(given)
    with fits.open(path or file or given) as hdus:
        return _is_ours(hdus)


def _is_ours(hdus: fits.HDUList) -> bool:
    header = hdus[0].header
    named = header.get("FORMAT")
    if named is not None:
        return bool(named == "selfsi-restored")
    # Written before files named their format.
    return str(header.get("CREATOR", "")).startswith("selfsi") and "RESTORED" in hdus and "WAVELENGTH" in hdus


def _catalog(source: Any) -> Catalog:
    """The catalog that specutils was given: a path, an open file, or open HDUs."""
    from .catalog import Catalog
    from .stack import open_hdus

    if isinstance(source, str | os.PathLike):
        return Catalog.open(source)
    return Catalog(open_hdus(source if isinstance(source, fits.HDUList) else fits.open(source)))


def read(path: Any, row: int | str | None = None, image: str | None = None, **kwargs: Any) -> Any:
    """The restored spectra of a catalog as one `Spectrum`: of a `row` (number or name) alone with flux [D]; else
    of all rows, [N, D], flagged ones masked. `image` is DRAW, OBSERVED, Q16 …, in place of RESTORED.
    """
    from .catalog import specutils

    with _catalog(path) as catalog:
        if row is not None:
            return catalog.spectrum(row, image)
        name = image or catalog.main
        flux = np.array(catalog.array(name), dtype=np.float32)
        uncertainty = None
        if name.upper() == "RESTORED" and "SIGMA" in catalog.images:
            uncertainty = StdDevUncertainty(np.array(catalog.array("SIGMA"), dtype=np.float32))
        return specutils().Spectrum(
            flux=u.Quantity(flux, catalog.unit, copy=False),
            spectral_axis=catalog.wavelength,
            uncertainty=uncertainty,
            mask=~np.isfinite(flux),
            meta={"header": catalog.header, "table": catalog.table, "image": name.upper()},
        )


def read_list(path: Any, flag: int | None = 0, image: str | None = None, **kwargs: Any) -> Any:
    """The restored spectra of the rows with this FLAG, one by one; of all for None."""
    with _catalog(path) as catalog:
        return catalog.spectra(flag, image)
