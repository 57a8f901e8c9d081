"""The loader "selfsi restored" joins specutils when specutils is imported, before or after selfsi."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType


def when_imported() -> None:
    """Registers the loader now, if specutils is there; else as soon as it is."""
    if "specutils" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _Finder())


def _register() -> None:
    from . import loader

    loader.register()


class _Finder(importlib.abc.MetaPathFinder):
    """Lets the others find specutils, and adds to what they do."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "specutils":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, of_specutils: importlib.abc.Loader) -> None:
        self.of_specutils = of_specutils

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.of_specutils.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        if spec is not None:
            # As if this had not been here: others ask a package's loader for more.
            module.__loader__ = spec.loader = self.of_specutils
        self.of_specutils.exec_module(module)
        _register()
