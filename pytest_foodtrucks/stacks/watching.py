"""The session's side of its watchdog: it runs before the first object is created, and is told of a good end."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from threading import Lock
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.errors import StateError
from pytest_foodtrucks.sessions import processes
from pytest_foodtrucks.sessions.processes import Life, Process
from pytest_foodtrucks.sessions.session import ENDED_NOTE
from pytest_foodtrucks.sessions.state_folder import read_json, write_json

from .watchdog_start import NotStarted, module_path, start_watchdog

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.descriptors import Descriptor
    from pytest_foodtrucks.engine.endpoints import Endpoint
    from pytest_foodtrucks.sessions.session import Session

    from .kept_stack import KeptStack

_NOTE: Final = "watchdog.json"
"""In the session's folder: the watchdog's process, or nothing where none can be started."""


class Watching:
    """A session's watchdog, as one process of the session sees it; `say` tells people if there is none."""

    def __init__(self, session: "Session", say: Callable[[str], object]) -> None:
        self._session = session
        self._say = say
        self._watchdog: Process | None = None
        self._channel: Descriptor | None = None
        self._given_up = False
        self._lock = Lock()

    def see(self, endpoint: "Endpoint", kept_stack: "KeptStack | None") -> None:
        """Check that the watchdog lives, and start another one where it doesn't.

        It will remove things from the engine at `endpoint`, also the unfinished parts of the kept stack, unless another
        session holds that by then.
        """
        with self._lock:  # what is prepared beside a network is created in threads
            if not self._given_up and not self._lives():
                self._start(self._handed(endpoint, kept_stack))

    def _lives(self) -> bool:
        """Tell whether the watchdog lives that a process of this session started, or whether all have given up."""
        if self._watchdog is None:
            try:
                note = read_json(self._session.folder / _NOTE)
            except (OSError, StateError):
                return False
            self._given_up = not note
            self._watchdog = Process(**note) if note else None
        return self._given_up or (self._watchdog is not None and processes.life(self._watchdog) is not Life.DEAD)

    def _start(self, handed: Mapping[str, object]) -> None:
        line = json.dumps(handed).encode() + b"\n"
        try:
            self._watchdog, self._channel = start_watchdog(self._session.folder, self._session.owner.process, line)
        except NotStarted as reason:
            self._watchdog, self._given_up = None, True
            self._say(
                f"no watchdog could be started ({reason}): what this session leaves if it is killed stays until the "
                "next session of the same state folder, or `foodtrucks prune`"
            )
        with suppress(StateError):  # another process would start one too, which does no harm
            write_json(self._session.folder / _NOTE, {} if self._watchdog is None else asdict(self._watchdog))

    def _handed(self, endpoint: "Endpoint", kept_stack: "KeptStack | None") -> Mapping[str, object]:
        """Return all that the watchdog is to know: it doesn't read the state folder, which somebody may remove."""
        return {
            "path": module_path(),
            "owner": self._session.full_owner().text(),
            "process": asdict(self._session.owner.process),
            "lease": self._session.owner.lease,
            "endpoint": asdict(endpoint),
            "ended_note": ENDED_NOTE,
            "kept": None if kept_stack is None else str(kept_stack.folder),
        }

    def tell_ended(self) -> bool:
        """Tell the watchdog that nothing is left to do; return False where this process can't tell it."""
        import _socket  # noqa: PLC0415 - the system's own: a test may have replaced what `socket` has

        if self._channel is None or not self._channel.is_ours():
            return False
        channel = _socket.socket(fileno=self._channel.number)
        self._channel = None
        try:
            channel.send(b"ended", _socket.MSG_NOSIGNAL if hasattr(_socket, "MSG_NOSIGNAL") else 0)
        except OSError:  # it has been killed
            return False
        finally:
            channel.close()
        return True
