"""What goes wrong, in one line."""

from __future__ import annotations


class Error(Exception):
    """The line in which the program, or this package, says what is wrong and what to do about it."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        #: What the program ended with: 1 failed, 2 wrongly called, 130 stopped by a signal, whose state is saved.
        self.exit_code = exit_code


def missing(package: str, extra: str) -> Error:
    """That an optional package is needed, and how to get it."""
    return Error(f"{package} is not installed; pip install 'selfsi[{extra}]', or {package} itself")
