"""Deeds with other processes and threads."""

import ctypes
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from .files import read_state
from .here import LONG, SHORT, Here

_PR_SET_NAME: Final = 15


def forked(child: Callable[[], object]) -> None:
    """Fork, and let the child do something and end."""
    if os.fork() == 0:
        try:
            child()
        finally:
            os._exit(0)


def fork_and_return(_: Here) -> None:
    if os.fork() == 0:
        raise SystemExit


def fork_and_exit(here: Here) -> None:
    forked(lambda: os.closerange(0, 1000))
    with suppress(OSError):
        forked(lambda: shutil.copytree(here.state, here.new("read-by-child")))


def fork_for_long(_: Here) -> None:
    forked(lambda: time.sleep(LONG))


def daemonise(_: Here) -> None:
    def daemon() -> None:
        os.setsid()
        forked(lambda: time.sleep(LONG))

    forked(daemon)


def multiprocess(here: Here) -> None:
    process = multiprocessing.get_context("fork").Process(target=read_state, args=[here])
    process.start()
    process.join()


def inherit(_: Here) -> None:
    subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({LONG})"], close_fds=False)


_SLEEPING: Final = """
import json, sys, time
time.sleep({seconds})
if {needs}:
    with open({notes!r}, "a") as file:
        file.write(json.dumps({{**{needs}, "until": time.time()}}) + "\\n")
"""


def become_another(here: Here) -> None:
    needs = {"kind": "needs", "network": here.net.id, "containers": [here.store.container.id], "owner": here.owner}
    needs = needs if here.pid == here.owner else {}
    code = _SLEEPING.format(seconds=SHORT, needs=needs, notes=str(here.home / "notes.jsonl"))
    os.execv(sys.executable, [sys.executable, "-c", code])  # noqa: S606 - a shell isn't wanted


def rename(_: Here) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_NAME, b"a) Z 1 (b", 0, 0, 0)


def thread(_: Here) -> None:
    threading.Thread(target=time.sleep, args=[LONG / 2]).start()
