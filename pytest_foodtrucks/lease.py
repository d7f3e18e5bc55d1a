"""Proof that an owner lives: a lock that the kernel drops when its process ends, however it ends."""

import os
from pathlib import Path

_held: set[Path] = set()
"""The leases that this process holds: asking the kernel for one of them would drop it."""


class Lease:
    """A held lock on a file.

    A POSIX record lock: with a forked child of the owner still alive, flock told of the owner's death seconds late, and
    this one at once. Its owner must open the file only once: closing any descriptor of it drops the lock.
    """

    def __init__(self, path: Path) -> None:
        import fcntl  # noqa: PLC0415 - missing on Windows, where sessions without our fixtures run all the same

        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # left to the process's end, as the lock is
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise
        self._path = path
        _held.add(path)

    def release(self) -> None:
        """Give it up."""
        _held.discard(self._path)
        os.close(self._descriptor)


def is_free(path: Path) -> bool:
    """Tell whether nobody holds the lease; one that isn't there is free."""
    return path not in _held and _locked(path, wait=False)


def wait_until_free(path: Path) -> None:
    """Block until nobody holds the lease."""
    _locked(path, wait=True)


def _locked(path: Path, *, wait: bool) -> bool:
    import fcntl  # noqa: PLC0415 - missing on Windows, as above

    try:
        file = path.open("r+", encoding="ascii")
    except FileNotFoundError:
        return True
    with file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
