"""The Docker daemon: started where nothing else starts it."""

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .debian import checked
from .setup_error import SetupError

_LAST_LINES = 20
_PAUSE = 0.1  # seconds


@dataclass(frozen=True)
class Daemon:
    """How dockerd is started, and what it leaves when it is killed."""

    command: tuple[str, ...] = ("dockerd",)
    log: Path = Path("/var/log/foodtrucks-dockerd.log")
    pid_file: Path = Path("/var/run/docker.pid")
    containerd_pid_file: Path = Path("/var/run/docker/containerd/containerd.pid")


def process_name(pid: str) -> str | None:
    """Return the name of a living process's program, None where there is none.

    A killed process that nobody has buried has no command line any more: where PID 1 is no init
    system, that can last.
    """
    try:
        command_line = Path("/proc", pid, "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Path(command_line.split(b"\0")[0].decode(errors="replace")).name if command_line else None


def is_stale(pid_file: Path, name: str, name_of: Callable[[str], str | None] = process_name) -> bool:
    """Tell whether a pid file names no living process of that name, though it exists."""
    return pid_file.is_file() and name_of(pid_file.read_text(encoding="ascii").strip()) != name


def start(root: Sequence[str], answers: Callable[[], bool], *, daemon: Daemon, timeout: float = 60) -> None:
    """Start the daemon through systemd where that runs, else by ourselves, and wait until it answers.

    `root` is what to put before a command that needs root; `timeout` is in seconds.

    Raises SetupError with the last lines of the log.
    """
    if Path("/run/systemd/system").is_dir():
        checked([*root, "systemctl", "start", "docker"], remedy="see `journalctl -u docker`, and run again")
        process = None
    else:
        process = _start_detached(root, daemon)
    deadline = time.monotonic() + timeout
    while not answers():
        if process is not None and process.poll() is not None:
            raise _failed(daemon, f"ended with exit code {process.returncode}")
        if time.monotonic() > deadline:
            raise _failed(daemon, f"doesn't answer after {timeout:.0f} s")
        time.sleep(_PAUSE)


def _start_detached(root: Sequence[str], daemon: Daemon) -> subprocess.Popen[bytes] | None:
    """Start dockerd in a session of its own; None where one is starting already.

    A killed dockerd leaves pid files. It refuses to start while its own names a living process, and
    takes whatever the other one names for its containerd, so both go unless they tell the truth.
    Containers and bridges of before it stops, takes over, or keeps clear of by itself.
    """
    for pid_file, name in ((daemon.pid_file, "dockerd"), (daemon.containerd_pid_file, "containerd")):
        if is_stale(pid_file, name):
            checked([*root, "rm", "-f", str(pid_file)])
    if daemon.pid_file.is_file():
        return None
    return subprocess.Popen(
        [*root, "sh", "-c", 'log=$1; shift; exec "$@" >>"$log" 2>&1', "sh", str(daemon.log), *daemon.command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def _failed(daemon: Daemon, how: str) -> SetupError:
    lines = daemon.log.read_text(errors="replace").splitlines() if daemon.log.is_file() else []
    return SetupError(
        f"The Docker daemon was started and {how}. Mend what its log says ({daemon.log}), then run again. Its last "
        "lines:\n" + "\n".join(lines[-_LAST_LINES:])
    )
