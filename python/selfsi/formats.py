"""The versions of formats, which every file of selfsi's says of itself: docs/reference/compatibility.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import Error

#: How the names of selfsi's formats begin.
OURS = "selfsi-"
#: The major version that this package reads of each, and of those whose version 2 is of the rest frame.
MAJOR = 1
FRAMED = {f"selfsi-{name}" for name in ("prepared", "restored", "generated", "truth", "simulated")}


def check_not_newer(path: Path, keys: Mapping[str, Any]) -> None:
    """Raises Error if the file whose keys are these is of a version that came later."""
    # In FITS in capitals, in HDF5 not; prepared sets number their versions.
    found = {k: keys.get(k, keys.get(k.lower(), "")) for k in ("FORMAT", "FMTVER", "VERSION")}
    version = str(found["FMTVER"] or found["VERSION"] or MAJOR)
    newest = 2 if found["FORMAT"] in FRAMED else MAJOR
    if str(found["FORMAT"]).startswith(OURS) and int(version.split(".")[0]) > newest:
        raise Error(
            f"{path}: version {version} of {found['FORMAT']}, this package reads {newest}.x; use a newer selfsi"
        )
