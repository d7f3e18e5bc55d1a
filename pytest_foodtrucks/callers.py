"""Where user code called us from: relative paths in definitions begin there."""

import os
import sys
from pathlib import Path

_PACKAGE = f"{Path(__file__).parent}{os.sep}"


def calling_file() -> Path:
    """Return the file of the nearest caller outside this package."""
    frame = sys._getframe(1)  # noqa: SLF001 - inspect.stack reads the sources of all frames for the same answer
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return Path(frame.f_code.co_filename)
