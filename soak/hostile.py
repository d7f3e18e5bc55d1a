"""./run soak hostile: sessions whose tests do, in the session's own process, what ends other proofs of life."""

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pytest_foodtrucks import processes as package_processes
from pytest_foodtrucks.engine import Engine
from pytest_foodtrucks.errors import EngineError
from pytest_foodtrucks.owners import OWNER_LABEL, read_owner
from pytest_foodtrucks.processes import Process
from pytest_foodtrucks.removal import SESSION_LABEL, remove_network

from . import deeds, events, processes, suites
from .command import Command, Soak
from .deeds import DEEDS
from .document import Section, table
from .events import Event
from .sessions import Suite

_TESTS: Final = 4
_SIDE_BY_SIDE: Final = 3
_PROMISE: Final = 10.0
"""Seconds after the owner's end until nothing is left of it."""
_WATCHDOGS_END: Final = 60.0
"""Seconds after the owner's end until its watchdog has ended."""
_HANGS: Final = 150.0
"""Seconds after which a session is called hanging."""
_LOOK: Final = 0.2
_SEEN_LATE: Final = 0.1
"""Seconds by which the end of a process may be seen too late."""
_OURS: Final = re.compile(r"^.*\bpytest_foodtrucks/\w+\.py.*$", re.MULTILINE)

_CONFTEST: Final = """
from pathlib import Path
from deeds import Here
from pytest_foodtrucks.factories import STACK

@pytest.fixture(scope="session")
def here(foodtrucks_net, store, echo, pytestconfig):
    owner = os.getppid() if hasattr(pytestconfig, "workerinput") else os.getpid()
    return Here(pytestconfig.stash[STACK], store, foodtrucks_net, Path(__file__).parent, owner)
"""
_DOES: Final = """
import json, time
from pathlib import Path
import pytest
from deeds import own_service

PLAN = json.loads((Path(__file__).parent / "plan.json").read_text())

@pytest.mark.parametrize("number", range(len(PLAN)))
def test_it(number, here):
    here.note_needs()
    for moment, deed in PLAN[number]:
        time.sleep(moment)
        here.do(deed)
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
    after the promised time; then `removed_by` tells who removed it: a sweep, prune, or nobody. `done` are the deeds that
    its tests came to; `around` those of all sessions with its state folder.
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
    ended: float = float("inf")
    """When its owner's process was seen to have ended, in seconds of the epoch."""


@dataclass
class Counted:
    """What went on; each broken promise has one sentence."""

    sessions: int = 0
    workers: int = 0
    reuse: int = 0
    deeds: Counter[str] = field(default_factory=Counter)
    needed: int = 0
    files: int = 0
    closed: int = 0
    swept: Counter[str] = field(default_factory=Counter)
    gone: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


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
        state, copied_from = _state_of(number % _SIDE_BY_SIDE, choose)
        plan.append(
            Planned(tests, workers, reuse=choose.random() < 0.25, state=state, copied_from=copied_from)  # noqa: PLR2004 - a quarter
        )
    return plan


def _deck(choose: random.Random, *, alone: bool = False, last: bool = False) -> Iterator[str]:
    """Yield deeds of a kind without end, shuffled anew each time that all were there."""
    names = [name for name, deed in DEEDS.items() if deed.last is last and (last or deed.alone is alone)]
    while True:
        yield from choose.sample(names, len(names))


def _state_of(place: int, choose: random.Random) -> tuple[str, str | None]:
    """Return the name of a session's state folder, and of which other one it is a copy, by its place in its group."""
    if place == 0 or choose.random() < 0.5:  # noqa: PLR2004 - half
        return "state", None
    return (f"copy-{place}", "state") if choose.random() < 0.5 else (f"state-{place}", None)  # noqa: PLR2004 - half


def write(group: Path, number: int, plan: Planned) -> Suite:
    """Write a session's suite."""
    small = suites.write(group / f"session-{number}", state=group / plan.state)
    folder = small.folder
    conftest = folder / "conftest.py"
    conftest.write_text(conftest.read_text(encoding="utf-8") + _CONFTEST, encoding="utf-8")
    (folder / "test_it.py").write_text(_DOES, encoding="utf-8")
    (folder / "plan.json").write_text(json.dumps(plan.tests), encoding="utf-8")
    shutil.copy2(deeds.__file__, folder / "deeds.py")
    return small


# one session


def _things(engine: Engine, owner: Process) -> set[str]:
    """Return the ids of all that an owner's process has on the engine."""
    labels = {**engine.labels("containers", OWNER_LABEL), **engine.labels("networks", OWNER_LABEL)}
    return {thing for thing, label in labels.items() if (found := read_owner(label)) and found.process == owner}


def _happened(engine: Engine, suite: Suite, plan: Planned, owners: list[Process]) -> Happened:
    """Run one session, and look for how long something of it is left."""
    with suite.started(*plan.options(suite.folder.parent)) as session:
        owner = package_processes.neighbour(session.process.pid)
        owners.append(owner)
        code: int | None = None
        with suppress(subprocess.TimeoutExpired):
            code = session.process.wait(timeout=_HANGS)
        if code is None:
            processes.kill(session.process.pid)
            session.process.wait()
        ended, at = time.monotonic(), time.time()
        gone = None
        while gone is None and time.monotonic() - ended < _PROMISE:
            gone = time.monotonic() - ended if not _things(engine, owner) else None
            time.sleep(_LOOK)
        return Happened(plan, code, gone, session.output, ended=at)


def _after_copying(engine: Engine, group: Path, suite: Suite, plan: Planned, owners: list[Process]) -> Happened:
    """Run a session, whose state folder may be a copy of the one of a session that runs already."""
    if plan.copied_from is not None:
        until = time.monotonic() + 15
        while not list((group / plan.copied_from).glob("runs/*/open")) and time.monotonic() < until:
            time.sleep(_LOOK)
        with suppress(shutil.Error, FileNotFoundError):  # files come and go there
            shutil.copytree(group / plan.copied_from, group / plan.state, dirs_exist_ok=True)
    return _happened(engine, suite, plan, owners)


# what is said of it


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
    """Tell whether nobody could remove it in time, and whoever came next did all that can be told."""
    watchdog = any(DEEDS[name].kills_watchdog for name in happened.done)
    lost = any(DEEDS[name].loses_lease for name in happened.around)
    return watchdog and (happened.removed_by == "a sweep" or (lost and happened.removed_by == "prune --older-than"))


# three side by side

_PRUNE: Final = """
import sys
from pytest_foodtrucks import cli
from pytest_foodtrucks.engine import Engine
ours, created = sys.argv[1].split(","), Engine.created
labels = Engine.labels
def only(found):
    return {thing: about for thing, about in found.items() if thing in ours}
Engine.labels = lambda self, *about: only(labels(self, *about))
Engine.created = lambda self, *about: only(created(self, *about))
sys.exit(cli.main(["prune", "--older-than=1s", f"--state-dir={sys.argv[2]}"]))
"""
"""The command, on an engine that shows nobody else's things: of those it can't be told either."""


def _removed_by(engine: Engine, suite: Suite, owner: Process) -> str:
    """Have left things removed as the documents say, and return by what."""
    suites.write(suite.folder / "next", tests=1, state=suite.state).run()
    if not _things(engine, owner):
        return "a sweep"
    left = ",".join(_things(engine, owner))
    time.sleep(2)
    subprocess.run([sys.executable, "-c", _PRUNE, left, str(suite.state)], stdout=subprocess.DEVNULL, check=False)
    return "nobody" if _things(engine, owner) else "prune --older-than"


def _group(soak: Soak, counted: Counted, number: int, plans: Sequence[Planned]) -> None:
    group = soak.folder / f"group-{number}"
    chosen = [write(group, place, plan) for place, plan in enumerate(plans)]
    owners: list[list[Process]] = [[] for _ in plans]
    began = time.monotonic()
    with events.heard(soak.engine) as heard, ThreadPoolExecutor(len(plans)) as pool:
        work = [
            pool.submit(_after_copying, soak.engine, group, suite, plan, whose)
            for suite, plan, whose in zip(chosen, plans, owners, strict=True)
        ]
        ended = [future.result() for future in work]
    notes = [suite.notes() for suite in chosen]
    seen = []
    for place, happened in enumerate(ended):
        left = happened.gone is None
        seen.append(
            replace(
                happened,
                removed_by=_removed_by(soak.engine, chosen[place], owners[place][0]) if left else "",
                done=did(notes[place]),
                around=[
                    deed
                    for each, plan in zip(notes, plans, strict=True)
                    if plan.state == plans[place].state
                    for deed in did(each)
                ],
                written=written(chosen[place].folder),
            )
        )
    before = len(counted.broken)
    every = [note for each in notes for note in each]
    for happened in seen:
        add(counted, f"group {number}", happened)
    ends = {whose[0].pid: happened.ended for whose, happened in zip(owners, seen, strict=True)}
    add_notes(counted, f"group {number}", heard, every, ends)
    counted.files += sum(len(_foreign(suite.folder)) for suite in chosen)
    counted.broken += [f"group {number}: {text}" for text in _others_left(soak.engine, every)]
    counted.broken += [f"group {number}: watchdog {pid} didn't end" for pid in _unended(group)]
    _tidy(soak.engine, group, every, [owner for each in owners for owner in each])
    soak.say(
        f"{counted.sessions}/{soak.options.sessions} in {time.monotonic() - began:.0f} s: {'; '.join(told(happened) for happened in seen)}"
    )
    for text in counted.broken[before:]:
        soak.say(f"  BROKEN {text}")
        _keep(soak, group)


def _keep(soak: Soak, group: Path) -> None:
    """Keep what a group with a broken promise wrote, if that is wanted."""
    if soak.options.keep is not None and not (soak.options.keep / group.name).exists():
        shutil.copytree(group, soak.options.keep / group.name, symlinks=True, ignore=shutil.ignore_patterns("root-*"))


def did(notes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the deeds that were done."""
    return [note["deed"] for note in notes if note["kind"] == "did"]


def _foreign(folder: Path) -> list[Path]:
    return sorted((folder / "foreign").glob("*"))


def written(folder: Path) -> list[str]:
    """Return the files of a suite's tests that have not exactly what these wrote: their own name."""
    return [path.name for path in _foreign(folder) if path.read_bytes() != path.name.encode()]


def add(counted: Counted, name: str, happened: Happened) -> None:
    """Add a session."""
    counted.sessions += 1
    counted.workers += bool(happened.planned.workers)
    counted.reuse += happened.planned.reuse
    counted.deeds.update(happened.done)
    if happened.gone is not None:
        counted.gone.append(happened.gone)
    else:
        counted.swept[happened.removed_by] += 1
    counted.broken += [f"{name}, {told(happened)}: {text}" for text in broken(happened)]


def add_notes(
    counted: Counted, name: str, heard: Sequence[Event], notes: Sequence[Mapping[str, Any]], ends: Mapping[int, float]
) -> None:
    """Add what the engine told of what the tests needed; `ends` are when their owners' processes ended.

    The workers of a killed controller go on for a while, and need what nobody owns any more.
    """
    needed: dict[str, float] = {}
    for note in notes:
        if note["kind"] == "needs":
            until = min(note["until"], ends[note["owner"]] - _SEEN_LATE)
            for thing in (note["network"], *note["containers"]):
                needed[thing] = max(needed.get(thing, 0.0), until)
    counted.needed += len(needed)
    counted.closed += sum(note["kind"] == "closed" for note in notes)
    counted.broken += [
        f"{name}: {event.kind} {event.id[:12]}: {event.action} while its session needed it"
        for event in events.ended_before(heard, needed)
    ]


def _others_left(engine: Engine, notes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each container from an image of ours that isn't there any more; it was nobody's of us."""
    gone = []
    for note in notes:
        if note["kind"] == "foreign container":
            try:
                running = engine.inspect_container(note["container"])["State"]["Running"]
            except EngineError:
                running = False
            if not running:
                gone.append(f"the container {note['container'][:12]}, from an image of ours, was ended")
    return gone


def _unended(group: Path) -> list[int]:
    """Return the watchdogs that are still there after their time."""
    until = time.monotonic() + _WATCHDOGS_END
    while (there := processes.watchdogs_below(group)) and time.monotonic() < until:
        time.sleep(_LOOK)
    return there


def _tidy(engine: Engine, group: Path, notes: Sequence[Mapping[str, Any]], owners: Collection[Process]) -> None:
    """Remove what is kept, and by force what a broken promise left."""
    for key in group.rglob("key"):
        with suppress(OSError):
            key.parent.chmod(0o700)
        command = [sys.executable, "-m", "pytest_foodtrucks", "prune", f"--state-dir={key.parent}"]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    for note in notes:
        if note["kind"] == "foreign container":
            with suppress(EngineError):
                engine.remove_container(note["container"])
            engine.api.remove_image(note["image"], force=True)
    mine = {thing for owner in owners for thing in _things(engine, owner)}
    kept = {note.get("kept") for note in notes} - {None}
    for kind in ("containers", "networks"):
        mine |= {thing for thing, label in engine.labels(kind, SESSION_LABEL).items() if label in kept}  # type: ignore[arg-type] # a literal
    for thing in engine.labels("containers", SESSION_LABEL).keys() & mine:
        engine.remove_container(thing)
    for thing in engine.labels("networks", SESSION_LABEL).keys() & mine:
        remove_network(engine, thing)


# all of it


def _run(soak: Soak) -> Section:
    counted = Counted()
    soak.folder.chmod(0o755)  # whoever becomes nobody shall miss the state folder only
    plan = planned(soak.options.sessions, soak.choose)
    for number, begin in enumerate(range(0, len(plan), _SIDE_BY_SIDE), 1):
        _group(soak, counted, number, plan[begin : begin + _SIDE_BY_SIDE])
    return reported(counted)


def told(happened: Happened) -> str:
    """Return a few words about a session."""
    plan = happened.planned
    options = [f"-n {plan.workers}" if plan.workers else "", "reuse" if plan.reuse else "", plan.state]
    gone = f"gone {happened.gone:.1f} s later" if happened.gone is not None else f"removed by {happened.removed_by}"
    return f"[{', '.join(filter(None, options))}: {', '.join(happened.done)}] ended with {happened.code}, {gone}"


def reported(counted: Counted) -> Section:
    """Sum up: one row for each deed."""
    rows = [[name, counted.deeds[name]] for name in DEEDS]
    longest = f"{max(counted.gone):.1f} s" if counted.gone else "-"
    swept = ", ".join(f"{times} by {who}" for who, times in sorted(counted.swept.items()))
    note = f"""
{counted.workers} sessions had `-n 2`, {counted.reuse} `--foodtrucks-reuse`; three ran side by side, with one state
folder, one each, or a copy. {counted.needed} containers and networks were needed while all this was done. Nothing of
{len(counted.gone)} sessions was left after at most {longest}. Where the watchdog was killed and then its session, what
was left was removed afterwards: {swept or "never needed"}. Tests opened {counted.files} files of their own, under
numbers that had been ours too; each had exactly what they wrote. {counted.closed} of them were closed by libraries
that kept a number."""
    return Section(
        name="hostile",
        title="Sessions whose tests do their worst",
        summary=f"{counted.sessions} sessions whose tests did {sum(counted.deeds.values())} hostile deeds in their "
        "process; nothing living was to be removed, and nothing dead left.",
        body=f"{table(['what a test does', 'times'], rows)}\n{note}",
        broken=counted.broken,
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sessions", type=int, default=300, help="three side by side (default: 300)")
    parser.add_argument("--keep", type=Path, help="folder to copy a group to in which a promise was broken")


COMMAND: Final = Command("hostile", "sessions whose tests do their worst in the session's process", _add_options, _run)
