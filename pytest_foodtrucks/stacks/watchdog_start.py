"""Starts a watchdog: a process of its own, which has nothing of the session's but what it is handed."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.engine.descriptors import Descriptor
from pytest_foodtrucks.sessions import processes
from pytest_foodtrucks.sessions.processes import Life, Process

if TYPE_CHECKING:
    import _socket
    import subprocess

_START_SECONDS: Final = 20.0
"""It takes 15 ms; on a busy machine much longer."""

_VARIABLES: Final = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
     "XDG_RUNTIME_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
)  # fmt: skip
_PREFIXES: Final = ("DOCKER_", "SSL_", "SSH_", "LC_")
"""What the watchdog needs to reach the engine. CI runners find what they kill at a job's end by other variables, such
as RUNNER_TRACKING_ID (actions/runner#598) and Jenkins' BUILD_ID and JENKINS_NODE_COOKIE."""


class NotStarted(Exception):
    """No watchdog could be started; the message says why."""


def start_watchdog(folder: Path, owner: Process, handed: bytes) -> tuple[Process, Descriptor]:
    """Start a watchdog with the first interpreter that can; return its process, and the channel to it.

    `folder` is the session's, `owner` the process whose death it waits for, `handed` a line of JSON: all that it is to
    know. Raises NotStarted.
    """
    why = "Python doesn't tell which program it is"
    for python in interpreters():
        try:
            return _started_by(python, folder, owner, handed)
        except (OSError, ValueError) as error:
            why = f"{python}: {error}"
    raise NotStarted(why)


def _started_by(python: str, folder: Path, owner: Process, handed: bytes) -> tuple[Process, Descriptor]:
    import _socket  # noqa: PLC0415 - the system's own: a test may have replaced what `socket` has

    ours, theirs = _socket.socketpair()
    try:
        process = _launched(python, folder, theirs, owner)
        pid = _hand_over(process, ours, handed)
        channel = Descriptor(ours.detach())
        return processes.process_of(pid), channel
    finally:
        ours.close()


def _launched(python: str, folder: Path, channel: "_socket.socket", owner: Process) -> "subprocess.Popen[bytes]":
    """Start the script with its end of the channel, which is closed here."""
    import subprocess  # noqa: PLC0415 - only sessions that start something pay for it

    pidfd = _pidfd(owner)
    script = Path(__file__).with_name("watchdog.py")
    try:
        return subprocess.Popen(
            [python, "-I", "-S", str(script), str(folder), str(channel.fileno()), str(pidfd)],
            cwd="/",
            env=dict(_environment(os.environ)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[each for each in (channel.fileno(), pidfd) if each >= 0],
        )
    finally:
        channel.close()
        if pidfd >= 0:
            os.close(pidfd)


def _hand_over(process: "subprocess.Popen[bytes]", channel: "_socket.socket", handed: bytes) -> int:
    """Hand a line over, and return the watchdog's process id; OSError where it ends, or says nothing for long."""
    with process:  # it forks itself and ends: the watchdog is nobody's child
        try:
            channel.settimeout(_START_SECONDS)
            channel.sendall(handed)
            said = channel.recv(64)
        except ConnectionError:
            said = b""
        except OSError:
            process.kill()
            raise
    if not said:
        raise OSError("it ended at once")
    return int(said)


def _pidfd(process: Process) -> int:
    """Return a pidfd, by which the kernel tells of a process's end; -1 where there is none."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # not Linux; refused by a filter of system calls, or gone
        return -1
    if processes.life(process) is Life.ALIVE:
        return descriptor
    os.close(descriptor)
    return -1


def _environment(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the variables that the watchdog gets."""
    for name, value in environ.items():
        if name in _VARIABLES or name.startswith(_PREFIXES) or name.lower().endswith("_proxy"):
            yield name, value


def interpreters() -> Iterator[str]:
    """Yield the paths at which this Python may be found, but not the path of a program that embeds Python."""
    folder = "bin/python{}.{}".format(*sys.version_info)
    paths = [sys.executable, getattr(sys, "_base_executable", None)]
    paths += [str(Path(prefix) / folder) for prefix in (sys.prefix, sys.base_prefix)]
    with suppress(OSError):
        paths.append(str(Path("/proc/self/exe").readlink()))
    for path in dict.fromkeys(path for path in paths if path):
        if Path(path).name.startswith(("python", "pypy")) and Path(path).is_file():
            yield from _absolute(path)


def module_path() -> list[str]:
    """Return where the watchdog looks for modules: first where this process found the ones that it needs.

    A file beside somebody's tests may have the name of one of them.
    """
    needed = (sys.modules.get(name) for name in ("pytest_foodtrucks", "docker", "requests", "urllib3"))
    files = [getattr(module, "__file__", None) for module in needed]
    first = [str(Path(found).parents[1]) for file in files if file for found in _absolute(file)]
    entries = [os.fsdecode(entry) for entry in sys.path if isinstance(entry, str | bytes)]
    return list(dict.fromkeys([*first, *(found for entry in entries for found in _absolute(entry))]))


def _absolute(path: str) -> Iterator[str]:
    """Yield the absolute path; nothing where it is relative to a folder that somebody removed."""
    with suppress(FileNotFoundError):
        yield str(Path(path).absolute())
