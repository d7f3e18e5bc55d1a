"""Descriptors that stay open, and whether they are still ours.

A test may close all descriptors of its process, and open something of its own, which then gets one of the numbers. It
may also replace the file system by one in memory, as pyfakefs does in all modules; the descriptors stay true ones.
"""

import io
import os
from contextlib import suppress
from typing import Any


class _System:
    """The system's own functions on descriptors: pyfakefs replaces the names of modules, and not those of classes."""

    fstat = staticmethod(os.fstat)
    isatty = staticmethod(os.isatty)
    write = staticmethod(os.write)
    close = staticmethod(os.close)


class Descriptor:
    """An open descriptor of ours; what it leads to tells it from others."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._leads_to = _target(number)

    def is_ours(self) -> bool:
        """Tell whether it still leads to where it did."""
        try:
            return _target(self.number) == self._leads_to
        except OSError:
            return False

    def close(self) -> None:
        """Close it, if it is still ours."""
        if self.is_ours():
            _System.close(self.number)


def _target(number: int) -> tuple[int, int]:
    status = _System.fstat(number)
    return status.st_dev, status.st_ino


class _Output(io.RawIOBase):
    """What is written to a descriptor, as long as that is ours; then it goes nowhere."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._descriptor.is_ours() and _System.isatty(self._descriptor.number)

    def fileno(self) -> int:
        return self._descriptor.number

    def write(self, data: Any) -> int:
        return _System.write(self._descriptor.number, data) if self._descriptor.is_ours() else len(data)

    def close(self) -> None:
        if not self.closed:
            self._descriptor.close()
        super().close()


def output_to(number: int) -> io.TextIOWrapper:
    """Return a stream of text to where a descriptor leads now, by one of its own; OSError where it is closed."""
    output = io.BufferedWriter(_Output(Descriptor(os.dup(number))))
    return io.TextIOWrapper(output, errors="replace")  # an encoding without "…" is no reason to fail


def close_quietly(each: Any) -> None:
    """Close something that has a descriptor, whoever may have closed that before."""
    with suppress(OSError):
        each.close()
