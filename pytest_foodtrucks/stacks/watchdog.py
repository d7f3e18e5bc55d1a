"""The watchdog: a process that waits for its owner's death, and removes what that left.

`watching.py` starts this file as a script, isolated (`-I -S`), so that nothing of the session's environment or folders
gets in. It works from what it is handed then, not from the state folder, and imports the package only when it has
something to do: while it waits it needs little memory.
"""

import errno
import fcntl
import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, Final

_LEASE_TRIES: Final = 40
_LEASE_PAUSE: Final = 0.025
"""Seconds. Whoever looks whether the lease is held has it for a moment."""
_BETWEEN_LOOKS: Final = 250
"""Milliseconds between two looks at the owner, where the kernel can't wake us."""


def main(folder: str, channel: int, owner: int) -> int:
    """Wait for the owner's death; return the exit code.

    `folder` is the run's. `channel` is a socket by which the session hands over what there is to know, a line of JSON;
    we answer with our process id once we watch, and any word from then on means that the owner removed its things
    itself. `owner` is a pidfd, or -1 where the system has none.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if os.fork() != 0:
        os._exit(0)  # nobody's child: as the session's it would stay a zombie when it ends
    with socket.socket(fileno=channel) as heard:
        handed: dict[str, Any] = json.loads(_line(heard))
        held = _hold_lease(Path(folder) / "lease", handed["lease"])
        heard.sendall(b"%d\n" % os.getpid())
        told = _wait(heard, owner, handed)
    if told:
        return 0
    if (Path(folder) / handed["ended_note"]).exists():
        from shutil import rmtree  # noqa: PLC0415 - needs memory: not while it waits

        rmtree(folder, ignore_errors=True)
        return 0
    sys.path += handed["path"]  # behind Python's own, which nothing of the user's may hide
    from pytest_foodtrucks.stacks.cleaning import clean  # noqa: PLC0415 - imports docker: not while it waits

    clean(Path(folder), handed)
    del held  # until here: nobody cleans beside us
    return 0


def _line(heard: socket.socket) -> bytes:
    """Read up to the first line's end."""
    parts: list[bytes] = []
    while not (parts and parts[-1].endswith(b"\n")):
        part = heard.recv(1 << 16)
        if not part:
            raise EOFError("the session hung up")
        parts.append(part)
    return b"".join(parts)


def _hold_lease(path: Path, file: list[int]) -> int | None:
    """Lock the lease, and return its descriptor; None where that file isn't there any more, or can't be had."""
    for _ in range(_LEASE_TRIES):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        found = os.fstat(descriptor)
        try:
            if [found.st_dev, found.st_ino] == file:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
        except OSError as error:
            if error.errno != errno.EWOULDBLOCK:
                os.close(descriptor)
                return None
        os.close(descriptor)
        time.sleep(_LEASE_PAUSE)
    return None


def _wait(heard: socket.socket, owner: int, handed: dict[str, Any]) -> bool:
    """Wait until the owner dies, or says that it removed its things itself; tell whether it said so."""
    waiting = select.poll()
    waiting.register(heard, select.POLLIN)
    if owner >= 0:
        waiting.register(owner, select.POLLIN)
    while True:
        ready = dict(waiting.poll(None if owner >= 0 else _BETWEEN_LOOKS))
        if heard.fileno() in ready:
            if _is_told(heard):
                return True
            waiting.unregister(heard)  # whoever started us has closed it, or ended; it may not be the owner
        if owner in ready or (owner < 0 and _is_dead(handed)):
            return False


def _is_told(heard: socket.socket) -> bool:
    """Tell whether somebody said something, rather than hung up."""
    try:
        return heard.recv(1) != b""
    except OSError:
        return False


def _is_dead(handed: dict[str, Any]) -> bool:
    """Look whether the owner is dead, where the system has no pidfd."""
    sys.path += [path for path in handed["path"] if path not in sys.path]
    from pytest_foodtrucks.sessions.processes import Life, Process, life  # noqa: PLC0415 - needs memory

    return life(Process(**handed["process"])) is Life.DEAD


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
