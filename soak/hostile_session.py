"""One hostile session: what its tests are to do, its suite, and what is said of how it ended."""

import json
import random
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.engine.labels import OWNER_LABEL
from pytest_foodtrucks.sessions.owners import read_owner
from pytest_foodtrucks.sessions.processes import Process, process_of

from . import deeds, proc, suites
from .deeds import DEEDS
from .pytest_sessions import Suite

SIDE_BY_SIDE: Final = 3

_TESTS: Final = 4
_PROMISE: Final = 10.0
"""Seconds after the owner's end until nothing is left of it."""
_HANGS: Final = 150.0
"""Seconds after which a session is called hanging."""
_COPIED: Final = 15.0
"""Seconds until a session has begun whose state folder is copied."""
_LOOK: Final = 0.2
_NOBODY: Final = Process("", "", 0, "")
_OURS: Final = re.compile(r"^.*\bpytest_foodtrucks/[\w/]+\.py.*$", re.MULTILINE)

_CONFTEST: Final = """
from pathlib import Path
from deeds.here import Here
from pytest_foodtrucks.fixtures.stash import STACK

@pytest.fixture(scope="session")
def here(foodtrucks_net, store, echo, pytestconfig):
    owner = os.getppid() if hasattr(pytestconfig, "workerinput") else os.getpid()
    return Here(pytestconfig.stash[STACK], store, foodtrucks_net, Path(__file__).parent, owner)
"""
_DOES: Final = """
import json, time
from pathlib import Path
import pytest
from deeds import do
from deeds.here import own_service

PLAN = json.loads((Path(__file__).parent / "plan.json").read_text())

@pytest.mark.parametrize("number", range(len(PLAN)))
def test_it(number, here):
    here.note_needs()
    for moment, deed in PLAN[number]:
        time.sleep(moment)
        do(deed, here)
        here.note_needs()
    if number % 2:
        with own_service(here):
            time.sleep(0.2)
    here.check()
    here.note_needs()
"""


@dataclass(frozen=True)
class Planned:
    """What one session's tests are to do: for each test the deeds, each after a moment in seconds.

    `state` is the name of its state folder in its group's; `copied_from` of the one that it is a copy of.
    """

    tests: Sequence[Sequence[tuple[float, str]]]
    workers: int
    reuse: bool
    state: str
    copied_from: str | None = None

    def options(self, group: Path) -> list[str]:
        """Return pytest's options; those with reuse are sessions of one project."""
        options = ["-s", "-p", "no:faulthandler", "-W", "ignore", "--foodtrucks-timeout=60"]
        options += [f"-n{self.workers}"] if self.workers else []
        return [*options, *(["--foodtrucks-reuse", f"--rootdir={group}"] if self.reuse else [])]


@dataclass(frozen=True)
class Happened:
    """What came of one session.

    `code` is None where it hung. `gone` is after how many seconds nothing of it was left, None where something was
    after the promised time; then `removed_by` tells who removed it: a sweep, prune, or nobody. `done` are the deeds
    that its tests came to; `around` those of all sessions with its state folder.
    """

    planned: Planned
    code: int | None
    gone: float | None
    output: str
    removed_by: str = ""
    done: Sequence[str] = ()
    around: Sequence[str] = ()
    written: Sequence[str] = ()
    """The test's own files in which there is something else now."""
    owner: Process = _NOBODY
    ended: float = float("inf")
    """When its owner's process was seen to have ended, in seconds of the epoch."""


def planned(sessions: int, choose: random.Random) -> list[Planned]:
    """Return the plan: each deed as often as any other, its test and moment by chance."""
    alone, going, last = _deck(choose, alone=True), _deck(choose, alone=False), _deck(choose, last=True)
    plan = []
    for number in range(sessions):
        workers = 2 if choose.random() < 0.25 else 0  # noqa: PLR2004 - a quarter
        tests: list[list[tuple[float, str]]] = [[] for _ in range(_TESTS)]
        for _ in range(choose.randint(1, 3)):
            from_all = not workers and choose.random() < 0.13  # noqa: PLR2004 - as often as the others
            tests[choose.randrange(_TESTS)].append((choose.uniform(0, 0.5), next(alone if from_all else going)))
        if choose.random() < 0.5:  # noqa: PLR2004 - half of them
            tests[-1].append((choose.uniform(0, 0.5), next(last)))
        state, copied_from = _state_of(number % SIDE_BY_SIDE, choose)
        plan.append(
            Planned(tests, workers, reuse=choose.random() < 0.25, state=state, copied_from=copied_from)  # noqa: PLR2004 - a quarter
        )
    return plan


def _deck(choose: random.Random, *, alone: bool = False, last: bool = False) -> Iterator[str]:
    """Yield deeds of a kind without end, shuffled anew each time that all were there."""
    names = [name for name, deed in DEEDS.items() if deed.last is last and (last or deed.alone is alone)]
    while True:
        yield from choose.sample(names, len(names))


def _state_of(index: int, choose: random.Random) -> tuple[str, str | None]:
    """Return the name of a session's state folder, and of which other one it is a copy, by its index in its group."""
    if index == 0 or choose.random() < 0.5:  # noqa: PLR2004 - half
        return "state", None
    return (f"copy-{index}", "state") if choose.random() < 0.5 else (f"state-{index}", None)  # noqa: PLR2004 - half


def write(group: Path, number: int, plan: Planned) -> Suite:
    """Write a session's suite."""
    small = suites.write(group / f"session-{number}", state=group / plan.state)
    folder = small.folder
    conftest = folder / "conftest.py"
    conftest.write_text(conftest.read_text(encoding="utf-8") + _CONFTEST, encoding="utf-8")
    (folder / "test_it.py").write_text(_DOES, encoding="utf-8")
    (folder / "plan.json").write_text(json.dumps(plan.tests), encoding="utf-8")
    shutil.copytree(Path(deeds.__file__).parent, folder / "deeds", ignore=shutil.ignore_patterns("__pycache__"))
    return small


def things(engine: Engine, owner: Process) -> set[str]:
    """Return the ids of all that an owner's process has on the engine."""
    labels = {**engine.labels("containers", OWNER_LABEL), **engine.labels("networks", OWNER_LABEL)}
    return {thing for thing, label in labels.items() if (found := read_owner(label)) and found.process == owner}


def _happened(engine: Engine, suite: Suite, plan: Planned) -> Happened:
    """Run one session, and look for how long something of it is left."""
    with suite.started(*plan.options(suite.folder.parent)) as session:
        owner = process_of(session.process.pid)
        code: int | None = None
        with suppress(subprocess.TimeoutExpired):
            code = session.process.wait(timeout=_HANGS)
        if code is None:
            proc.kill(session.process.pid)
            session.process.wait()
        ended, at = time.monotonic(), time.time()
        gone = None
        while gone is None and time.monotonic() - ended < _PROMISE:
            gone = time.monotonic() - ended if not things(engine, owner) else None
            time.sleep(_LOOK)
        return Happened(plan, code, gone, session.output, owner=owner, ended=at)


def after_copying(engine: Engine, suite: Suite, plan: Planned) -> Happened:
    """Run a session, whose state folder may be a copy of the one of a session that runs already."""
    if plan.copied_from is not None:
        original = suite.state.with_name(plan.copied_from)
        until = time.monotonic() + _COPIED
        while not list(original.glob("runs/*/open")) and time.monotonic() < until:
            time.sleep(_LOOK)
        with suppress(shutil.Error, FileNotFoundError):  # files come and go there
            shutil.copytree(original, suite.state, dirs_exist_ok=True)
    return _happened(engine, suite, plan)


def implied(plan: Planned, done: Sequence[str], around: Sequence[str]) -> set[int]:
    """Return the exit codes with that a session may end after what was done in it, and around it."""
    did = [DEEDS[name] for name in done]
    codes = {code for deed in did for code in deed.codes}
    if any(1 in DEEDS[name].codes for name in around):
        codes |= {0, 1}
    last = [deed for deed in did if deed.last]
    if plan.workers:  # xdist tells of a worker that died, and goes on
        return codes | ({0, 1} if last else {0})
    return set(last[-1].codes) if last else codes | {0}


def broken(happened: Happened) -> list[str]:
    """Return a sentence for each promise that a session's end broke."""
    said = []
    allowed = implied(happened.planned, happened.done, happened.around)
    if happened.code is None:
        said.append("it hung")
    elif happened.code not in allowed:
        said.append(f"it ended with exit code {happened.code}, not with one of {sorted(allowed)}")
    if happened.gone is None and not _is_excused(happened):
        said.append(f"something of it was left after {_PROMISE:.0f} s; removed then by {happened.removed_by}")
    traces = _OURS.findall(happened.output)
    if traces and not any(DEEDS[name].mutes for name in happened.done):
        said.append(f"its output has a traceback of ours: {traces[0].strip()!r}")
    said += [f"something was written to the test's own file {path}" for path in happened.written]
    return said


def _is_excused(happened: Happened) -> bool:
    """Tell whether nobody could remove it in time, and whoever came next removed what it could recognise."""
    watchdog = any(DEEDS[name].kills_watchdog for name in happened.done)
    lost = any(DEEDS[name].loses_lease for name in happened.around)
    return watchdog and (happened.removed_by == "a sweep" or (lost and happened.removed_by == "prune --older-than"))
