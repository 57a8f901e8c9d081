"""The commands of the program as functions. Each runs it and gives what it prints with --json."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import threading
import warnings
from collections.abc import Mapping, Sequence
from typing import IO, Any

from . import program
from .bar import LOG, Bar
from .errors import Error

Path = str | os.PathLike[str]
Options = Mapping[str, Any]

#: Messages of the program that go to the log.
_LEVELS = {"note": logging.INFO, "debug": logging.DEBUG}


def run(command: str, *arguments: Any, set: Options | None = None, **options: Any) -> Any:
    """Runs `selfsi COMMAND ARGUMENTS…` and gives what it prints with --json; None if it prints nothing.

    An option is the keyword of its name, with `_` for `-`: `save_draws=True`, `ntargets=100`, `device="cuda"`;
    a list gives it several times, True stands for an option without a value, None and False leave it out.
    `set` holds config keys: `set={"train.steps": 5000}`.

    Progress is a bar in a notebook, elsewhere lines of the log `selfsi`; warnings of the program are Python's.
    An interrupt reaches the program, which saves what it has to save first.

    Raises Error with the line in which the program says what is wrong.
    """
    binary, environment = program.find()
    words = [command, *map(os.fspath, map(_text, arguments)), *_options(options)]
    for key, value in (set or {}).items():
        words += ["--set", f"{key}={_toml(value)}"]
    process = subprocess.Popen(
        [binary, *words, "--json", "--progress", "lines"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=environment,
    )
    assert process.stdout is not None and process.stderr is not None
    out: list[str] = []
    reader = threading.Thread(target=lambda pipe: out.append(pipe.read()), args=(process.stdout,), daemon=True)
    reader.start()
    try:
        said = _listen(process.stderr)
        code = process.wait()
    except KeyboardInterrupt:
        # Where the terminal has told it already, the program takes this for the same one.
        process.send_signal(signal.SIGINT)
        _listen(process.stderr)
        process.wait()
        raise
    finally:
        if process.poll() is None:
            process.kill()
        reader.join()
        process.stdout.close()
        process.stderr.close()
    if code != 0:
        raise Error(said or f"selfsi {command} ended with {code}", code)
    return _answer("".join(out))


def prepare(config: Path, out: Path | None = None, **options: Any) -> dict[str, Any]:
    """`selfsi prepare CONFIG`: a survey becomes a training set. Gives the report."""
    return _dict(run("prepare", config, out=out, **options))


def mock(config: Path, **options: Any) -> dict[str, Any]:
    """`selfsi mock CONFIG`: a mock survey with known truth."""
    return _dict(run("mock", config, **options))


def simulate(config: Path, clean: Path, out: Path, **options: Any) -> dict[str, Any]:
    """`selfsi simulate CONFIG --from CLEAN --out OUT`: clean data sent through F."""
    return _dict(run("simulate", config, "--from", clean, out=out, **options))


def train(config: Path, out: Path, **options: Any) -> dict[str, Any]:
    """`selfsi train CONFIG --out RUN`: the map is learned. `resume=True` continues."""
    return _dict(run("train", config, out=out, **options))


def restore(folder: Path, *inputs: Path, out: Path, **options: Any) -> dict[str, Any]:
    """`selfsi restore RUN INPUT… --out OUT`: observations become a restored catalog."""
    return _dict(run("restore", folder, *inputs, out=out, **options))


def merge(shards: Sequence[Path], out: Path, **options: Any) -> dict[str, Any]:
    """`selfsi merge SHARD… --out OUT`: the parts of a restoration become one catalog."""
    return _dict(run("merge", *shards, out=out, **options))


def audit(folder: Path, restored: Path, *inputs: Path, **options: Any) -> dict[str, Any]:
    """`selfsi audit RUN RESTORED INPUT…`: which features do the data support?"""
    return _dict(run("audit", folder, restored, *inputs, **options))


def evaluate(*folders: Path, truth: Path, **options: Any) -> dict[str, Any]:
    """`selfsi evaluate RUN… --truth TRUTH`: errors and calibration where the truth is known."""
    return _dict(run("evaluate", *folders, truth=truth, **options))


def diagnose(*arguments: Any, **options: Any) -> Any:
    """`selfsi diagnose RUN`: does the training contract, stall or drift?"""
    return run("diagnose", *arguments, **options)


def generate(folder: Path, out: Path, **options: Any) -> dict[str, Any]:
    """`selfsi generate RUN --out OUT`: new samples of the population."""
    return _dict(run("generate", folder, out=out, **options))


def inspect(*files: Path, **options: Any) -> list[dict[str, Any]]:
    """`selfsi inspect FILE…`: what the files hold, one entry for each."""
    return list(run("inspect", *files, **options))


def _options(options: Options) -> list[str]:
    words: list[str] = []
    for name, value in options.items():
        option = ("-" if len(name) == 1 else "--") + name.replace("_", "-")
        if value is True:
            words.append(option)
        elif isinstance(value, list | tuple):
            for each in value:
                words += [option, _text(each)]
        elif value is not None and value is not False:
            words += [option, _text(value)]
    return words


def _text(value: Any) -> str:
    return os.fspath(value) if isinstance(value, str | os.PathLike) else str(value)


def _toml(value: Any) -> str:
    """A value of the config: a text as it is, which the program takes for TOML where it is TOML."""
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_inner(v)}" for key, v in value.items()) + "}"
    return _inner(value)


def _inner(value: Any) -> str:
    if isinstance(value, Mapping):
        return _toml(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inner, value)) + "]"
    if isinstance(value, float):
        return repr(float(value))
    # Texts, truth values and whole numbers look alike in JSON and TOML.
    return json.dumps(os.fspath(value) if isinstance(value, os.PathLike) else getattr(value, "item", lambda: value)())


def _listen(pipe: IO[str]) -> str:
    """Passes on what the program says while it works; gives its last error."""
    bar = Bar()
    errors: list[str] = []
    usage: list[str] = []
    for line in map(str.rstrip, pipe):
        ours, _, message = line.partition("selfsi: ")
        kind, _, text = message.partition(": ")
        if ours == "" and kind == "error":
            errors.append(text)
        elif ours == "" and kind == "warning":
            warnings.warn(text, stacklevel=4)
        elif ours == "" and kind in _LEVELS:
            LOG.log(_LEVELS[kind], text)
        elif usage or line.startswith("error: "):
            usage.append(line.strip())
        else:
            bar.line(line)
    if errors:
        return errors[-1]
    # A wrong option is told in several lines, with the usage below the first empty one.
    end = next((i for i, line in enumerate(usage) if not line or line.startswith("Usage:")), len(usage))
    return " ".join(usage[:end]).removeprefix("error: ")


def _answer(text: str) -> Any:
    text = text.strip()
    if not text:
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _dict(answer: Any) -> dict[str, Any]:
    return dict(answer)
