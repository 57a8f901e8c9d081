"""`selfsi.open`: a file by what it says of itself."""

from __future__ import annotations

import os

from .catalog import Catalog
from .errors import Error
from .images import Images
from .stack import open_stack

#: Other formats, and what opens them.
_OTHERS = {
    "selfsi-audit": "selfsi.audited",
    "selfsi-prepared": "selfsi.prepared",
    "selfsi-images": "selfsi.prepared",
    "selfsi-truth": "selfsi.truth",
    "selfsi-restored-spec": "specutils.Spectrum.read",
    "selfsi-restored-coadd": "specutils.SpectrumList.read",
}


def open(path: str | os.PathLike[str]) -> Catalog | Images:
    """Opens what `selfsi restore`, `merge` or `generate` wrote, FITS or HDF5: a Catalog of spectra, or Images.

    Raises Error if it is something else, and names what opens that.
    """
    stack = open_stack(path)
    found = stack.header.get("FORMAT", "")
    if found in _OTHERS:
        problem = f"{path}: of the format {found}; open it with {_OTHERS[found]}"
    elif not {"RESTORED", "GENERATED"} & set(stack.images):
        problem = f"{path}: neither RESTORED nor GENERATED in it; give a file that selfsi restore wrote"
    else:
        return Catalog(stack) if "WAVELENGTH" in stack.tables else Images(stack)
    stack.close()
    raise Error(problem)
