"""The session's side of its watchdog: started before the first object, seen before each, told of a good end."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.engine.descriptors import Descriptor
from pytest_foodtrucks.errors import StateError
from pytest_foodtrucks.sessions import processes
from pytest_foodtrucks.sessions.processes import Life, Process
from pytest_foodtrucks.sessions.session import ENDED_NOTE
from pytest_foodtrucks.sessions.state_folder import read_json, write_json

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.endpoints import Endpoint
    from pytest_foodtrucks.sessions.session import Session

    from .kept import Kept

_NOTE: Final = "watchdog.json"
_START_SECONDS: Final = 20.0
"""It takes 15 ms; on a busy machine much longer."""

_VARIABLES: Final = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
     "XDG_RUNTIME_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
)  # fmt: skip
_PREFIXES: Final = ("DOCKER_", "SSL_", "SSH_", "LC_")
"""What the watchdog needs to reach the engine. CI runners find what they kill at a job's end by other variables, such
as RUNNER_TRACKING_ID (actions/runner#598) and Jenkins' BUILD_ID and JENKINS_NODE_COOKIE."""


class Watching:
    """A run's watchdog, as one process of the session sees it; `say` tells people that there is none."""

    def __init__(self, session: "Session", say: Callable[[str], object]) -> None:
        self._session = session
        self._say = say
        self._seen: Process | None = None
        self._channel: Descriptor | None = None
        self._given_up = False
        self._lock = Lock()

    def see(self, endpoint: "Endpoint", kept: "Kept | None") -> None:
        """See that the watchdog watches; start it, also anew, where it doesn't.

        It will ask the engine at `endpoint`, and clean up in the kept stack too, unless another session holds that.
        """
        with self._lock:  # what is prepared beside a network is created in threads
            if not self._given_up and not self._watches():
                self._start(self._handed(endpoint, kept))

    def _start(self, handed: Mapping[str, object]) -> None:
        self._seen, why = self._started(json.dumps(handed).encode() + b"\n")
        self._given_up = self._seen is None
        if self._given_up:
            self._say(
                f"no watchdog could be started ({why}): what this session leaves if it is killed stays until the next "
                "session of the same state folder, or `foodtrucks prune`"
            )
        with suppress(StateError):  # another process would start one too, which does no harm
            write_json(self._session.folder / _NOTE, {} if self._seen is None else asdict(self._seen))

    def _watches(self) -> bool:
        """Tell whether a process of this run has started it, and it lives; or found that it can't be started."""
        if self._seen is None:
            try:
                note = read_json(self._session.folder / _NOTE)
            except (OSError, StateError):
                return False
            self._given_up = not note
            self._seen = Process(**note) if note else None
        return self._given_up or (self._seen is not None and processes.life(self._seen) is not Life.DEAD)

    def tell_ended(self) -> bool:
        """Tell the watchdog that nothing is left to do; False where it can't be told from here."""
        import _socket  # noqa: PLC0415 - as in _started

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

    def _started(self, handed: bytes) -> tuple[Process | None, str]:
        """Start it with the first interpreter that can; return its process, or None and why not."""
        why = "Python doesn't tell which program it is"
        for python in _interpreters():
            try:
                return self._started_by(python, handed), ""
            except (OSError, ValueError) as error:
                why = f"{python}: {error}"
        return None, why

    def _handed(self, endpoint: "Endpoint", kept: "Kept | None") -> Mapping[str, object]:
        """Return all that the watchdog is to know: it doesn't ask the state folder, which somebody may remove."""
        return {
            "path": _module_path(),
            "owner": self._session.full_owner().text(),
            "process": asdict(self._session.owner.process),
            "lease": self._session.owner.lease,
            "endpoint": asdict(endpoint),
            "ended_note": ENDED_NOTE,
            "kept": None if kept is None else str(kept.folder),
        }

    def _started_by(self, python: str, handed: bytes) -> Process:
        import _socket  # noqa: PLC0415 - the system's own: a test may have replaced what `socket` has
        import subprocess  # noqa: PLC0415 - only sessions that start something pay for it

        ours, theirs = _socket.socketpair()
        try:
            owner = _pidfd(self._session.owner.process)
            descriptors = [each for each in (theirs.fileno(), owner) if each >= 0]
            script = Path(__file__).with_name("watchdog.py")
            command = [python, "-I", "-S", str(script), str(self._session.folder), str(theirs.fileno()), str(owner)]
            try:
                process = subprocess.Popen(
                    command,
                    cwd="/",
                    env=dict(_environment(os.environ)),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    pass_fds=descriptors,
                )
            finally:
                theirs.close()
                if owner >= 0:
                    os.close(owner)
            with process:  # it forks itself and ends: the watchdog is nobody's child
                try:
                    ours.settimeout(_START_SECONDS)
                    ours.sendall(handed)
                    said = ours.recv(64)
                except ConnectionError:
                    said = b""
                except OSError:
                    process.kill()
                    raise
            if not said:
                raise OSError("it ended at once")
            self._channel = Descriptor(ours.detach())
            return processes.neighbour(int(said))
        finally:
            ours.close()


def _pidfd(process: Process) -> int:
    """Return a descriptor by which the kernel tells of a process's end; -1 where that can't be had."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # not Linux; refused by a filter of system calls, or gone
        return -1
    if processes.life(process) is Life.ALIVE:
        return descriptor
    os.close(descriptor)
    return -1


def _environment(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in environ.items():
        if name in _VARIABLES or name.startswith(_PREFIXES) or name.lower().endswith("_proxy"):
            yield name, value


def _interpreters() -> Iterator[str]:
    """Yield the paths at which this Python may be found; a program that embeds it is none."""
    folder = "bin/python{}.{}".format(*sys.version_info)
    paths = [sys.executable, getattr(sys, "_base_executable", None)]
    paths += [str(Path(prefix) / folder) for prefix in (sys.prefix, sys.base_prefix)]
    with suppress(OSError):
        paths.append(str(Path("/proc/self/exe").readlink()))
    for path in dict.fromkeys(path for path in paths if path):
        if Path(path).name.startswith(("python", "pypy")) and Path(path).is_file():
            yield from _absolute(path)


def _module_path() -> list[str]:
    """Return where the watchdog is to look for modules: first where this process has those from that it will need.

    A file beside somebody's tests may have the name of one of them.
    """
    needed = (sys.modules.get(name) for name in ("pytest_foodtrucks", "docker", "requests", "urllib3"))
    files = [getattr(module, "__file__", None) for module in needed]
    first = [str(Path(found).parents[1]) for file in files if file for found in _absolute(file)]
    entries = [os.fsdecode(entry) for entry in sys.path if isinstance(entry, str | bytes)]
    return list(dict.fromkeys([*first, *(found for entry in entries for found in _absolute(entry))]))


def _absolute(path: str) -> Iterator[str]:
    """Yield a path as it is from everywhere; nothing where it counts from a folder that somebody removed."""
    with suppress(FileNotFoundError):
        yield str(Path(path).absolute())
