"""Wheels: what the web apps require, downloaded here, because a build inside the engine may not reach the index."""

import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from bootstrap import debian

from . import debian_base

_MANYLINUX = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34")


def downloaded(requirements: Sequence[Path], context: Path) -> None:
    """Put the wheels for the base's Python into `context`, in the folder `wheels`."""
    platforms = [f"--platform={name}_{platform.machine()}" for name in _MANYLINUX]
    debian.checked(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--only-binary=:all:", "--implementation=cp", f"--python-version={debian_base.PYTHON}", *platforms),
            *("--dest", str(context / "wheels")),
            *(word for file in requirements for word in ("--requirement", str(file))),
        ],
        remedy="see that pip reaches an index, and run again",
    )
