"""How far a command is: a bar in a notebook, else lines in the log `selfsi`."""

from __future__ import annotations

import logging
import re
import sys
from dataclasses import dataclass
from typing import Any

LOG = logging.getLogger("selfsi")
_PROGRESS = re.compile(r"(?P<what>[a-z ]+): (?P<done>\d+)/(?P<total>\d+)")


@dataclass(frozen=True)
class _Shown:
    what: str
    done: int
    total: int

    def __repr__(self) -> str:
        return f"{self.what}: {self.done}/{self.total}"

    def _repr_html_(self) -> str:
        return f"<progress style='width: 30em' max='{self.total}' value='{self.done}'></progress> {self!r}"


class Bar:
    """Shows the lines `what: done/total` that the program prints."""

    def __init__(self) -> None:
        self._what: str | None = None
        self._handle: Any = None

    def line(self, text: str) -> None:
        """Takes a line of progress."""
        found = _PROGRESS.fullmatch(text)
        if found is None or not in_notebook():
            LOG.info(text)
            return
        shown = _Shown(found["what"], int(found["done"]), int(found["total"]))
        if shown.what == self._what:
            self._handle.update(shown)
        else:
            from IPython.display import display

            self._what, self._handle = shown.what, display(shown, display_id=True)


def in_notebook() -> bool:
    """Whether a notebook shows what is displayed."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
