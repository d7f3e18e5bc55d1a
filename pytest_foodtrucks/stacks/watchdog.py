"""The watchdog: a process that waits until a session has died, and then removes the session's things.

`watchdog_start.py` runs this file as a script, isolated (`-I -S`), so that nothing of the session's environment or
folders gets in. The script knows what it is handed, and doesn't read the state folder. It imports the package only when
the session has died: until then it needs little memory.
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
"""Seconds. Another process that looks whether the lease is held locks it for a moment."""
_BETWEEN_LOOKS: Final = 250
"""Milliseconds between two looks at the session's process, where the system has no pidfd."""


def main(folder: str, channel: int, owner: int) -> int:
    """Wait for the session's death, and remove its things; return the exit code.

    `folder` is the session's. `channel` is the number of a socket. By it the session hands over a line of JSON, all
    that there is to know; the watchdog answers with its process id once it watches. Whatever the session sends then
    means that it removed its things itself. `owner` is a pidfd of the process that ends the session, or -1 where the
    system has none.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if os.fork() != 0:
        os._exit(0)  # a child of the session's process would stay a zombie when it ends
    with socket.socket(fileno=channel) as session:
        handed: dict[str, Any] = json.loads(_line(session))
        held = _hold_lease(Path(folder) / "lease", handed["lease"])
        session.sendall(b"%d\n" % os.getpid())
        ended_well = _wait_for_end(session, owner, handed)
    if ended_well:
        return 0
    if (Path(folder) / handed["ended_note"]).exists():
        from shutil import rmtree  # noqa: PLC0415 - needs memory: not while it waits

        rmtree(folder, ignore_errors=True)
        return 0
    sys.path += handed["path"]  # after Python's own: no module of the user's hides one of those
    from pytest_foodtrucks.stacks.cleaning import clean  # noqa: PLC0415 - imports docker: not while it waits

    clean(Path(folder), handed)
    del held  # the lock has been held until here: nobody else removed the same things
    return 0


def _line(session: socket.socket) -> bytes:
    """Read the first line."""
    parts: list[bytes] = []
    while not (parts and parts[-1].endswith(b"\n")):
        part = session.recv(1 << 16)
        if not part:
            raise EOFError("the session hung up")
        parts.append(part)
    return b"".join(parts)


def _hold_lease(path: Path, file: list[int]) -> int | None:
    """Lock the lease, and return its descriptor; None where that file is gone, or can't be locked."""
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


def _wait_for_end(session: socket.socket, owner: int, handed: dict[str, Any]) -> bool:
    """Wait until the session dies, or says that it removed its things itself; return whether it said so."""
    waiting = select.poll()
    waiting.register(session, select.POLLIN)
    if owner >= 0:
        waiting.register(owner, select.POLLIN)
    while True:
        ready = dict(waiting.poll(None if owner >= 0 else _BETWEEN_LOOKS))
        if session.fileno() in ready:
            if _says_something(session):
                return True
            waiting.unregister(
                session
            )  # it was closed, or a worker that started us ended: no proof of the session's death
        if owner in ready or (owner < 0 and _is_dead(handed)):
            return False


def _says_something(session: socket.socket) -> bool:
    """Tell whether the session sent something, rather than closed the socket."""
    try:
        return session.recv(1) != b""
    except OSError:
        return False


def _is_dead(handed: dict[str, Any]) -> bool:
    """Tell whether the session's process is dead, where the system has no pidfd."""
    sys.path += [path for path in handed["path"] if path not in sys.path]
    from pytest_foodtrucks.sessions.processes import Life, Process, life  # noqa: PLC0415 - needs memory

    return life(Process(**handed["process"])) is Life.DEAD


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
