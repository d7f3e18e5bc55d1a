"""Proof that an owner lives: a lock that the kernel drops when its process ends, however it ends."""

import os
from contextlib import suppress
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

    def release(self, note: str = "") -> None:
        """Give it up, and leave a note to whoever waits for it; once is enough."""
        if self._path in _held:
            _held.discard(self._path)
            with suppress(OSError):  # a full disk: whoever waits then takes it for a death, and finds nothing to do
                os.write(self._descriptor, note.encode("ascii"))
            os.close(self._descriptor)


def is_free(path: Path) -> bool:
    """Tell whether nobody holds the lease; one that isn't there is free."""
    return path not in _held and _note(path, wait=False) is not None


def wait_until_free(path: Path) -> str:
    """Block until nobody holds the lease; return the note of who gave it up, empty if it died."""
    note = _note(path, wait=True)
    return note if note is not None else ""


def _note(path: Path, *, wait: bool) -> str | None:
    """Return the note in a lease that nobody holds; None where somebody does."""
    import fcntl  # noqa: PLC0415 - missing on Windows, as above

    try:
        file = path.open("r+", encoding="ascii")
    except FileNotFoundError:
        return ""
    with file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        return file.read()
