"""Where user code called us from: relative paths in definitions begin there, and messages point there."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_PACKAGE = f"{Path(__file__).parent}{os.sep}"
_READY_MADE = f"{_PACKAGE}plugin.py"
"""Where the ready-made fixtures are defined, as a user's conftest defines others."""


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file; as text `FILE:LINE`, relative to the current folder where it is below it."""

    file: Path
    line: int

    def __str__(self) -> str:
        folder = Path.cwd()
        below = self.file.relative_to(folder) if self.file.is_relative_to(folder) else self.file
        return f"{below}:{self.line}"

    def is_ready_made(self) -> bool:
        """Tell whether it is in this package."""
        return str(self.file).startswith(_PACKAGE)


def calling_place() -> Place:
    """Return the line of the nearest caller outside this package, where a call of many lines begins."""
    frame = sys._getframe(1)  # noqa: SLF001 - inspect.stack reads the sources of all frames for the same answer
    while frame.f_back is not None and _passed_over(frame.f_code.co_filename):
        frame = frame.f_back
    return Place(Path(frame.f_code.co_filename), frame.f_lineno)


def place_in(traceback: TracebackType | None) -> Place | None:
    """Return the line from which an error's way led into this package; None where there is none."""
    place = None
    while traceback is not None and not _passed_over(traceback.tb_frame.f_code.co_filename):
        place = Place(Path(traceback.tb_frame.f_code.co_filename), traceback.tb_lineno)
        traceback = traceback.tb_next
    return place


def calling_file() -> Path:
    """Return the file of the nearest caller outside this package."""
    return calling_place().file


def _passed_over(file: str) -> bool:
    return file.startswith(_PACKAGE) and file != _READY_MADE
