"""A folder that can't be used for the state, told in one sentence."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .errors import StateError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Let what fails in a state folder fail with a StateError that names it, and the remedy."""
    try:
        yield
    except OSError as error:
        remedy = "make room there" if error.errno in _FULL else "make it writable"
        raise StateError(
            f"The state folder {folder} can't be used: {error.strerror}. Remedy: {remedy}, or choose another with "
            "--foodtrucks-state-dir."
        ) from error
