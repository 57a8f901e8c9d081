"""selfsi: restored catalogs as astropy and specutils know them, and the program's commands as functions.

    import selfsi
    cat = selfsi.open("restored.fits")
    cat["053347.90+244238.2"]          # specutils Spectrum
    cat.lines("CIV")                   # QTable
    selfsi.restore("run", out="restored.fits")

Importing it costs nothing: what a name needs (astropy, specutils, h5py) is loaded when the name is used, so
that simulators need numpy alone. Once specutils is there, `Spectrum.read("restored.fits")` works.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import _specutils
from .errors import Error

if TYPE_CHECKING:
    from . import simulator
    from .audit_tables import Audited, audited
    from .catalog import Catalog
    from .clean_spectra import Truth, truth
    from .commands import audit, diagnose, evaluate, generate, inspect, merge, mock, prepare, restore, run, simulate, train
    from .images import Images
    from .opening import open
    from .prepared_set import Prepared, prepared
    from .training_log import metrics

#: The module that each public name stands in; none has the name of a function in it.
_WHERE = {
    "Audited": "audit_tables",
    "Catalog": "catalog",
    "Images": "images",
    "Prepared": "prepared_set",
    "Truth": "clean_spectra",
    "audit": "commands",
    "audited": "audit_tables",
    "diagnose": "commands",
    "evaluate": "commands",
    "generate": "commands",
    "inspect": "commands",
    "merge": "commands",
    "metrics": "training_log",
    "mock": "commands",
    "open": "opening",
    "prepare": "commands",
    "prepared": "prepared_set",
    "restore": "commands",
    "run": "commands",
    "simulate": "commands",
    "train": "commands",
    "truth": "clean_spectra",
}

__all__ = [*_WHERE, "Error", "simulator"]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(importlib.import_module(f".{_WHERE[name]}", __name__), name)
    elif name == "simulator":
        value = importlib.import_module(".simulator", __name__)
    elif name == "__version__":
        from importlib.metadata import version

        value = version("selfsi")
    else:
        raise AttributeError(f"module 'selfsi' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


_specutils.when_imported()
