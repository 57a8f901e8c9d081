"""Builds cfitsio as a static library under a folder, without root: it goes into lib/, include/ and lib/pkgconfig/.

    python3 scripts/cfitsio.py FOLDER

NASA publishes cfitsio outside every package registry; the source package of PyPI's fitsio carries it unchanged, and is
known by its SHA-256. cmake has to be in PATH. zlib's functions come from the program that links cfitsio.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

INDEX = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
CARRIER = "fitsio-1.4.2"
SHA256 = "92a02f0e63d539d85ca5a185ae0cc8d40029270858275964ee2539ee0136f0c3"
CFITSIO = "cfitsio-4.6.4"
OPTIONS = {
    # A function that the program's bzip2 calls has its own definition there.
    "CMAKE_C_FLAGS": "-Dbz_internal_error=cfitsio_bz_internal_error",
    "CMAKE_BUILD_TYPE": "Release",
    "CMAKE_INSTALL_LIBDIR": "lib",
    "CMAKE_POLICY_VERSION_MINIMUM": "3.5",
    "CMAKE_POSITION_INDEPENDENT_CODE": "ON",
    "BUILD_SHARED_LIBS": "OFF",
    "USE_CURL": "OFF",
    "USE_PTHREADS": "ON",
    "TESTS": "OFF",
    "UTILS": "OFF",
    "ZLIB_LIBRARY": "z",
}


def main() -> None:
    target = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as scratch:
        unpack(checked(download(f"{CARRIER}.tar.gz")), scratch)
        # Its headers are all that cfitsio needs of zlib here.
        for part in (CFITSIO, "zlib"):
            unpack(Path(scratch, CARRIER, f"{part}.tar.gz").read_bytes(), scratch)
        options = OPTIONS | {"ZLIB_INCLUDE_DIR": f"{scratch}/zlib", "CMAKE_INSTALL_PREFIX": str(target)}
        build = f"{scratch}/build"
        run("cmake", "-S", f"{scratch}/{CFITSIO}", "-B", build, *(f"-D{k}={v}" for k, v in options.items()))
        run("cmake", "--build", build, "--parallel", str(len(os.sched_getaffinity(0))), "--target", "install")


def download(name: str) -> bytes:
    """The file of that name among those of the project fitsio in the package index."""
    request = urllib.request.Request(f"{INDEX}/fitsio/", headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        files = json.load(answer)["files"]
    found = [f["url"] for f in files if f["filename"] == name]
    if not found:
        sys.exit(f"{INDEX} has no {name}")
    with urllib.request.urlopen(found[0], timeout=300) as answer:
        return answer.read()


def checked(archive: bytes) -> bytes:
    """The archive, if it is the one that is known."""
    found = hashlib.sha256(archive).hexdigest()
    if found != SHA256:
        sys.exit(f"{CARRIER}.tar.gz has the SHA-256 {found}, not {SHA256}")
    return archive


def unpack(archive: bytes, folder: str) -> None:
    """Unpacks a .tar.gz."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder)


def run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}\n{' '.join(command)}: failed")


if __name__ == "__main__":
    main()
