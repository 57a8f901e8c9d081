"""Puts the program named by SELFSI_BINARY into the wheel, and says which systems it starts on."""

import os
import platform
import re
import subprocess

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Program(BuildHookInterface):
    def initialize(self, version, build_data):
        program = os.environ.get("SELFSI_BINARY")
        if program is None:
            return
        major, minor = glibc(program)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-manylinux_{major}_{minor}_{platform.machine()}"
        build_data["force_include"][os.path.abspath(program)] = "selfsi/bin/selfsi"


def glibc(program):
    """The oldest glibc that has all symbols the program needs."""
    symbols = subprocess.run(
        ["objdump", "-T", program], check=True, capture_output=True, text=True
    ).stdout
    return max((int(a), int(b)) for a, b in re.findall(r"\(GLIBC_(\d+)\.(\d+)", symbols))
