"""Writes into requirements/*.txt the hashes of the packages that they pin: run it after a version has changed.

    python3 scripts/requirements.py requirements/check.txt ...

Hashes are PyPI's own, of the wheels for Linux and macOS and of the sources. From then on pip installs nothing else
(https://pip.pypa.io/en/stable/topics/secure-installs/).
"""

import json
import re
import sys
import urllib.request

PIN = re.compile(r"([A-Za-z0-9_.-]+)==([^\s;\\]+)")
PYTHONS = re.compile(r"py3\d*|py2|cp31[0-4]")
SYSTEMS = ("manylinux", "macosx", "any")


def hashes(name: str, version: str) -> list[str]:
    """SHA-256 of each file of a release that one of our machines may install."""
    project = re.sub(r"[-_.]+", "-", name).lower()
    request = urllib.request.Request(
        f"https://pypi.org/simple/{project}/",
        headers={"Accept": "application/vnd.pypi.simple.v1+json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        files = json.load(answer)["files"]
    found = sorted(f["hashes"]["sha256"] for f in files if serves(f["filename"], version))
    if not found:
        sys.exit(f"{name}=={version}: PyPI has no file of it for Linux or macOS")
    return found


def serves(file: str, version: str) -> bool:
    """Whether the file is of that version, and for us."""
    if file.endswith(".whl"):
        _, its, *_, python, abi, system = file.removesuffix(".whl").split("-")
        ours = abi == "abi3" or any(PYTHONS.fullmatch(p) for p in python.split("."))
        ours = ours and not abi.endswith("t")  # builds without the interpreter's lock
        return its == version and ours and any(s in system for s in SYSTEMS)
    return file.endswith(f"-{version}.tar.gz") or file.endswith(f"-{version}.zip")


def main() -> None:
    for path in sys.argv[1:]:
        with open(path) as file:
            lines = [line.rstrip(" \\\n") for line in file if not line.startswith("    --hash")]
        for k, line in enumerate(lines):
            if pin := PIN.match(line):
                all_of_it = [line, *(f"    --hash=sha256:{h}" for h in hashes(*pin.groups()))]
                lines[k] = " \\\n".join(all_of_it)
        with open(path, "w") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
