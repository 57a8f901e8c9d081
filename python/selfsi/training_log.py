"""The log of a training."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import MaskedColumn, Table

from .errors import Error


def metrics(run: str | os.PathLike[str]) -> Table:
    """metrics.jsonl of a run folder, a row for each line; masked where a line does not tell a number.

    Columns are named as the keys are, those of a validation as "validation.score" and so on.

    Raises Error if there is no such file in the folder.
    """
    path = Path(run).expanduser() / "metrics.jsonl"
    try:
        # A line that is being written now has no end yet.
        text = path.read_text(encoding="utf-8").rpartition("\n")[0]
    except OSError as e:
        raise Error(f"{path}: {e.strerror}; give a run folder that selfsi train wrote") from e
    lines = [dict(_flat(json.loads(line))) for line in text.splitlines()]
    names = list(dict.fromkeys(name for line in lines for name in line))
    return Table({name: _column([line.get(name) for line in lines]) for name in names}, masked=True)


def _flat(entry: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in entry.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield above + name, value


def _column(values: list[Any]) -> MaskedColumn:
    """Numbers, or lists of numbers of one length, with None where there is none."""
    known = next((v for v in values if v is not None), np.nan)
    filled = np.array([np.full_like(known, 0) if v is None else _numbers(v) for v in values])
    mask = np.array([v is None for v in values])
    column = MaskedColumn(filled)
    column.mask = np.broadcast_to(mask.reshape(-1, *[1] * (filled.ndim - 1)), filled.shape)
    return column


def _numbers(value: Any) -> Any:
    """A number that is not finite is null in JSON."""
    return [np.nan if v is None else v for v in value] if isinstance(value, list) else value
