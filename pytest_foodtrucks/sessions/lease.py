"""A session's lease: a file that its watchdog locks while it works, so that nobody else removes the same things."""

import errno
import os
import stat
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple


class LeaseFile(NamedTuple):
    """The numbers that tell a lease's file from its copies."""

    device: int
    inode: int


class LeaseState(StrEnum):
    """What is seen of a lease."""

    HELD = "held"
    FREE = "free"
    LOST = "lost"
    """The file isn't there, is another one, or can't be opened: that proves nothing."""


def create(path: Path) -> LeaseFile:
    """Make the file of a new lease, which nobody holds yet; OSError where it can't be made."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        return _file(descriptor)
    finally:
        os.close(descriptor)


def look_at(path: Path, file: LeaseFile, *, same_boot: bool = True) -> LeaseState:
    """Tell whether somebody holds a lease, without waiting for it.

    A device may have another number after the machine was started anew; without `same_boot` only the inode is compared.
    """
    import fcntl  # noqa: PLC0415 - missing on Windows, where sessions without our fixtures run all the same

    try:
        descriptor = _opened(path)
    except OSError:
        return LeaseState.LOST
    try:
        found = _file(descriptor)
        if found.inode != file.inode or (same_boot and found.device != file.device):
            return LeaseState.LOST
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # also for a child that was forked in between
    except OSError as error:
        return LeaseState.HELD if error.errno in {errno.EWOULDBLOCK, errno.EACCES} else LeaseState.LOST
    finally:
        os.close(descriptor)
    return LeaseState.FREE


def _opened(path: Path) -> int:
    """Open a lease; OSError for a symbolic link, and for anything but a regular file."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no plain file")
    return descriptor


def _file(descriptor: int) -> LeaseFile:
    status = os.fstat(descriptor)
    return LeaseFile(status.st_dev, status.st_ino)
