"""Deeds that end or disturb the session's process, or its watchdog."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from .here import SHORT, Here


def send(name: str) -> Callable[[Here], None]:
    def send(here: Here) -> None:
        os.kill(here.owner, signal.Signals[name])
        time.sleep(SHORT)

    return send


def stop_for_a_while(here: Here) -> None:
    script = f"kill -STOP {here.owner}; sleep {SHORT}; kill -CONT {here.owner}"
    subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True)
    time.sleep(SHORT / 2)


def ignore_children(_: Here) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def die_of_pipes(_: Here) -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def exit_at_once(_: Here) -> None:
    os._exit(7)


def crash(_: Here) -> None:
    ctypes.string_at(0)


def watchdogs(here: Here) -> Iterator[int]:
    """Yield the session's watchdogs."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"watchdog.py\0{here.folder}\0".encode() in (entry / "cmdline").read_bytes():
                yield int(entry.name)


def kill_watchdog(here: Here) -> None:
    for pid in watchdogs(here):
        here.note("killed", watchdog=pid)
        with suppress(ProcessLookupError):  # it has ended
            os.kill(pid, signal.SIGKILL)


def kill_both(here: Here) -> None:
    kill_watchdog(here)
    os.kill(here.owner, signal.SIGKILL)
    time.sleep(SHORT)
