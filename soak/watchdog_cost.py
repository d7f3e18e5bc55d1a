"""./run soak watchdog: what the watchdog uses while it waits."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from pytest_foodtrucks.errors import FoodtrucksError

from . import proc, suites
from .command import Command, Soak
from .document import Section, table
from .proc import Use
from .pytest_sessions import Suite

_LIMIT: Final = 20 * 1024
"""KiB."""
_SETTLED: Final = 2.0
"""Seconds after which its start is over."""


def _waiting(state: Path, still: float) -> int:
    deadline = time.monotonic() + still
    while time.monotonic() < deadline:
        found = proc.watchdogs(state)
        if len(found) == 1:
            return found[0]
        time.sleep(0.1)
    raise FoodtrucksError("No watchdog was there. Remedy: see that a session of the plugin runs here.")


def _measured(pid: int, seconds: float) -> tuple[Use, Use]:
    time.sleep(_SETTLED)
    first = proc.use(pid)
    time.sleep(seconds)
    return first, proc.use(pid)


def _run(soak: Soak) -> Section:
    seconds: float = soak.options.seconds
    suite: Suite = suites.write(soak.folder / "suite", tests=1, pause=seconds + 30)
    bare = [sys.executable, "-S", "-c", f"import time; time.sleep({seconds + 30})"]
    with suite.started() as session, subprocess.Popen(bare, cwd="/") as python:
        try:
            watchdog = _measured(_waiting(suite.state, 60), seconds)
            control = proc.use(python.pid)
        finally:
            python.kill()
            session.process.terminate()
            session.process.wait(timeout=60)
    _ended(suite)
    soak.say(f"measured over {seconds:.0f} s")
    return reported(watchdog, control, seconds)


def _ended(suite: Suite) -> None:
    """Wait until the watchdog has removed the session, which was ended by force."""
    while proc.watchdogs(suite.state):
        time.sleep(0.1)


def reported(watchdog: tuple[Use, Use], control: Use, seconds: float) -> Section:
    """Compare with what was promised, and with a Python that does nothing."""
    first, last = watchdog
    tick = os.sysconf("SC_CLK_TCK")
    used = (last.ticks - first.ticks) / tick
    rows: list[list[object]] = [
        ["resident memory (RSS)", _megabytes(last.rss), _megabytes(control.rss), "under 20 MB"],
        ["its share of it (PSS)", _megabytes(last.pss), _megabytes(control.pss), ""],
        [f"processor time in {seconds:.0f} s", f"{used:.2f} s", "", "none"],
        ["times that it woke", last.switches - first.switches, "", "none"],
        ["open descriptors", last.descriptors, control.descriptors, ""],
    ]
    broken = []
    if last.rss >= _LIMIT:
        broken.append(f"resident memory: {_megabytes(last.rss)}")
    if last.ticks > first.ticks:
        broken.append(f"processor time: {used:.2f} s")
    return Section(
        name="watchdog",
        title="The watchdog while it waits",
        summary="measured in /proc, beside a bare `python -S` that sleeps.",
        body=table(["", "watchdog", "bare Python", "promised"], rows),
        broken=broken,
    )


def _megabytes(kibibytes: int) -> str:
    return f"{kibibytes / 1024:.1f} MB"


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=60, help="to measure over (default: 60)")


COMMAND: Final = Command("watchdog", "what the watchdog uses while it waits", _add_options, _run)
