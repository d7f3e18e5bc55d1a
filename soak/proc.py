"""Processes of this machine, by what /proc tells of them."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_GONE: Final = "ZX"
"""States of what has ended already and waits for its parent."""


@dataclass(frozen=True)
class Use:
    """What a process uses: memory in KiB, processor time in clock ticks, how often it woke, open descriptors."""

    rss: int
    pss: int
    ticks: int
    switches: int
    descriptors: int


def of_group(group: int) -> list[int]:
    """Return the ids of the living processes of a process group."""
    return [int(entry.name) for entry in _PROC.glob("[0-9]*") if _state_and_group(entry) == group]


def _state_and_group(entry: Path) -> int | None:
    """Return a living process's group."""
    try:
        fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:  # ended meanwhile
        return None
    return None if fields[0] in _GONE else int(fields[2])


def watchdogs(state: Path) -> list[int]:
    """Return the ids of the watchdogs that wait for owners of a state folder."""
    return [pid for pid, argv in _commands() if f"watchdog.py\0{state}/".encode() in argv]


def watchdogs_below(folder: Path) -> list[int]:
    """Return the ids of the watchdogs that wait for owners of any state folder in a folder."""
    return [pid for pid, argv in _commands() if f"watchdog.py\0{folder}/".encode() in argv]


def mentioning(folder: Path) -> list[int]:
    """Return the ids of the processes that have a folder in their command line."""
    return [pid for pid, argv in _commands() if str(folder).encode() in argv and pid != os.getpid()]


def _commands() -> list[tuple[int, bytes]]:
    found = []
    for entry in _PROC.glob("[0-9]*"):
        try:
            found.append((int(entry.name), (entry / "cmdline").read_bytes()))
        except OSError:  # ended meanwhile
            continue
    return found


def named(name: str) -> list[int]:
    """Return the ids of the processes whose program has a name."""
    return [pid for pid, argv in _commands() if Path(argv.partition(b"\0")[0].decode(errors="replace")).name == name]


def use(pid: int) -> Use:
    """Return what a process uses now; OSError where it may not be asked, or has ended."""
    about = _PROC / str(pid)
    rollup = dict(line.split(":", 1) for line in (about / "smaps_rollup").read_text().splitlines()[1:])
    status = dict(line.split(":", 1) for line in (about / "status").read_text().splitlines())
    fields = (about / "stat").read_text().rpartition(")")[2].split()
    return Use(
        rss=int(rollup["Rss"].split()[0]),
        pss=int(rollup["Pss"].split()[0]),
        ticks=int(fields[11]) + int(fields[12]),
        switches=int(status["voluntary_ctxt_switches"]),
        descriptors=descriptors(pid),
    )


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has open; OSError where it may not be asked."""
    return sum(1 for _ in (_PROC / str(pid) / "fd").iterdir())


def kill(pid: int) -> None:
    """End a process at once."""
    os.kill(pid, signal.SIGKILL)
