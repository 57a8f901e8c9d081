"""Where the program is, and the libtorch that it runs with. It needs no other package, so that the command starts at once."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from pathlib import Path

from .errors import Error

#: The version of torch that the program is built with: MAJOR.MINOR.
TORCH = "2.13"

_OURS = Path(__file__).resolve().parent / "bin" / "selfsi"


def main() -> None:
    """The command `selfsi` of an installed wheel: becomes the program."""
    try:
        if not _OURS.is_file():
            raise Error(
                "this is selfsi's Python package alone; install the wheel, which holds the program, "
                "or build it from the sources (make install) and call that"
            )
        environment = _beside_torch()
        os.execve(_OURS, [sys.argv[0], *sys.argv[1:]], environment)
    except Error as e:
        sys.exit(f"selfsi: error: {e}")


def find() -> tuple[str, dict[str, str]]:
    """The program and the environment to start it in.

    The variable SELFSI names it; else it is the one in the wheel; else the `selfsi` in PATH.

    Raises Error if there is none, or no libtorch for it.
    """
    named = os.environ.get("SELFSI")
    if named:
        if shutil.which(named) is None:
            raise Error(f"SELFSI = {named}: there is no such program; correct the variable or unset it")
        return named, dict(os.environ)
    if _OURS.is_file():
        return str(_OURS), _beside_torch()
    found = shutil.which("selfsi")
    if found is None:
        raise Error(
            "there is no program `selfsi`; install the wheel, or name the program in the variable SELFSI"
        )
    return found, dict(os.environ)


def _beside_torch() -> dict[str, str]:
    """The environment in which the wheel's program finds the torch of this Python.

    It looks in site-packages/torch/lib beside it first, whatever LD_LIBRARY_PATH says. A torch in
    another folder of packages, as `pip install --user` makes it, is put there.
    """
    python = sys.executable
    install = f"{python} -m pip install 'torch=={TORCH}.*'"
    spec = importlib.util.find_spec("torch")
    folders = spec.submodule_search_locations if spec else None
    torch = Path(folders[0]) if folders else None
    if torch is None or not (torch / "lib" / "libtorch_cpu.so").is_file():
        raise Error(f"there is no torch in the environment of {python}, and selfsi computes with it; {install}")
    version = _version(torch / "version.py")
    if version is not None and version.split(".")[:2] != TORCH.split("."):
        raise Error(f"{torch}: torch {version}; expected {TORCH}, which selfsi is built with; {install}")
    environment = dict(os.environ)
    if (_OURS.parents[2] / "torch").resolve() != torch.resolve():
        paths = [str(torch / "lib"), environment.get("LD_LIBRARY_PATH", "")]
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(p for p in paths if p)
    return environment


def _version(file: Path) -> str | None:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"^__version__\s*=\s*['\"]([^'\"]+)", text, re.MULTILINE)
    return found[1] if found else None
