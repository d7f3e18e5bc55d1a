"""A process on this machine: what tells it from every other process, and whether it lives."""

import errno
import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_ENDED: Final = frozenset("ZX")
"""States of a process that has ended and waits for its parent (proc_pid_stat(5))."""
_SYSCTL: Final = "/usr/sbin/sysctl"
_PS: Final = "/bin/ps"


class Life(StrEnum):
    """Whether a process or a session lives, as far as that can be proved."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """Nobody can tell from here."""


@dataclass(frozen=True)
class Process:
    """What tells a process from every other one: its id and its start, and where these count.

    `boot` is the id of the kernel's boot, `namespaces` are those in which process ids and start times count. `start` is
    in the system's own unit. Each of these texts is empty where the system doesn't tell.
    """

    boot: str
    namespaces: str
    pid: int
    start: str


def this_process() -> Process:
    """Return this process."""
    return process_of(os.getpid())


def process_of(pid: int) -> Process:
    """Return the process that has an id here."""
    boot, namespaces = _here()
    start, _ = _seen(pid)
    return Process(boot, namespaces, pid, start)


def life(process: Process) -> Life:
    """Tell whether a process lives.

    It is dead only where that is certain: its id counts here, and no process has the id, or one that was started at
    another time has it, or the process is a zombie.
    """
    if process.boot == "" or (process.boot, process.namespaces) != _here() or process.pid <= 0:
        return Life.UNKNOWN
    if not _is_there(process.pid):
        return Life.DEAD
    start, is_zombie = _seen(process.pid)
    if is_zombie:
        return Life.DEAD
    if "" in {start, process.start}:  # ended just now, or hidden from us (mount option hidepid)
        return Life.UNKNOWN if _is_there(process.pid) else Life.DEAD
    return Life.ALIVE if start == process.start else Life.DEAD


def _is_there(pid: int) -> bool:
    """Tell whether a process has an id; only the error "no such process" says that none has (kill(2))."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno != errno.ESRCH
    return True


def _here() -> tuple[str, str]:
    """Return the kernel's boot, and the namespaces in which process ids count here; empty where that isn't known."""
    if sys.platform == "darwin":
        return _said(_SYSCTL, "-n", "kern.bootsessionuuid"), ""
    try:
        if (_PROC / "self").readlink().name != str(os.getpid()):  # /proc shows another namespace
            return "", ""
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return boot, f"{_namespace('pid')} {_namespace('time')}"
    except OSError:
        return "", ""


def _namespace(kind: str) -> str:
    try:
        return (_PROC / "self/ns" / kind).readlink().name
    except FileNotFoundError:  # a kernel before 5.6 has no time namespaces
        return ""


def _seen(pid: int) -> tuple[str, bool]:
    """Return when a process was started (empty where that isn't known), and whether it is a zombie."""
    if sys.platform == "darwin":  # ps(1) of macOS; not tried there
        state, _, start = _said(_PS, "-o", "stat=,lstart=", "-p", str(pid)).partition(" ")
        return start.strip(), state[:1] in _ENDED
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "", False
    state, threads, start = fields[0], int(fields[17]), fields[19]
    return start, state in _ENDED and threads <= 1  # the first thread may have ended before others


def _said(*command: str) -> str:
    """Return what a command of the system prints; nothing where it fails."""
    import subprocess  # noqa: PLC0415 - for macOS alone

    environment = {"LC_ALL": "C", "TZ": "UTC"}
    try:
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
