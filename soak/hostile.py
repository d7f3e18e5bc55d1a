"""./run soak hostile: sessions whose tests do, in the session's own process, what ends other proofs of life."""

import argparse
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.engine.labels import SESSION_LABEL
from pytest_foodtrucks.errors import EngineError
from pytest_foodtrucks.sessions.processes import Process
from pytest_foodtrucks.stacks.bulk_removal import remove_network

from . import events, proc, suites
from .command import Command, Soak
from .deeds import DEEDS
from .document import Section, table
from .events import Event
from .hostile_session import SIDE_BY_SIDE, Happened, Planned, after_copying, broken, planned, things, write
from .pytest_sessions import Suite

_WATCHDOGS_END: Final = 60.0
"""Seconds after the owner's end until its watchdog has ended."""
_LOOK: Final = 0.2
_SEEN_LATE: Final = 0.1
"""Seconds by which the end of a process may be seen too late."""


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


# three side by side

_PRUNE: Final = """
import sys
from pytest_foodtrucks import cli
from pytest_foodtrucks.engine.engine import Engine
ours, created = sys.argv[1].split(","), Engine.created
labels = Engine.labels
def only(found):
    return {thing: about for thing, about in found.items() if thing in ours}
Engine.labels = lambda self, *about: only(labels(self, *about))
Engine.created = lambda self, *about: only(created(self, *about))
sys.exit(cli.main(["prune", "--older-than=1s", f"--state-dir={sys.argv[2]}"]))
"""
"""The command, on an engine that shows nobody else's things: so it can't say of those either."""


def _removed_by(engine: Engine, suite: Suite, owner: Process) -> str:
    """Have left things removed as the documents say, and return by what."""
    suites.write(suite.folder / "next", tests=1, state=suite.state).run()
    if not things(engine, owner):
        return "a sweep"
    left = ",".join(things(engine, owner))
    time.sleep(2)
    subprocess.run([sys.executable, "-c", _PRUNE, left, str(suite.state)], stdout=subprocess.DEVNULL, check=False)
    return "nobody" if things(engine, owner) else "prune --older-than"


def _group(soak: Soak, counted: Counted, name: str, plans: Sequence[Planned]) -> None:
    """Run three sessions side by side, and judge what came of them."""
    group = soak.folder / name
    chosen = [write(group, index, plan) for index, plan in enumerate(plans)]
    began, before = time.monotonic(), len(counted.broken)
    with events.heard(soak.engine) as heard, ThreadPoolExecutor(len(plans)) as pool:
        ended = list(pool.map(partial(after_copying, soak.engine), chosen, plans))
    notes = [suite.notes() for suite in chosen]
    every = [note for each in notes for note in each]
    seen = []
    for suite, happened, own in zip(chosen, ended, notes, strict=True):
        removed_by = _removed_by(soak.engine, suite, happened.owner) if happened.gone is None else ""
        sharing = [each for each, plan in zip(notes, plans, strict=True) if plan.state == happened.planned.state]
        around = [deed for each in sharing for deed in did(each)]
        written_in = written(suite.folder)
        seen.append(replace(happened, removed_by=removed_by, done=did(own), around=around, written=written_in))
        add(counted, name, seen[-1])
    add_notes(counted, name, heard, every, {happened.owner.pid: happened.ended for happened in seen})
    counted.files += sum(len(_foreign(suite.folder)) for suite in chosen)
    counted.broken += [f"{name}: {text}" for text in _others_ended(soak.engine, every)]
    counted.broken += [f"{name}: the watchdog {pid} didn't end" for pid in _unended(group)]
    _tidy(soak.engine, group, every, [happened.owner for happened in seen])
    seconds, what = time.monotonic() - began, "; ".join(map(message, seen))
    soak.say(f"{counted.sessions}/{soak.options.sessions} in {seconds:.0f} s: {what}")
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
    counted.broken += [f"{name}, {message(happened)}: {text}" for text in broken(happened)]


def add_notes(
    counted: Counted, name: str, heard: Sequence[Event], notes: Sequence[Mapping[str, Any]], ends: Mapping[int, float]
) -> None:
    """Add what the engine reported of what the tests needed; `ends` are when their owners' processes ended.

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


def _others_ended(engine: Engine, notes: Sequence[Mapping[str, Any]]) -> list[str]:
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
    while (there := proc.watchdogs_below(group)) and time.monotonic() < until:
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
    mine = {thing for owner in owners for thing in things(engine, owner)}
    kept = {note.get("kept") for note in notes} - {None}
    for thing, session in engine.labels("containers", SESSION_LABEL).items():
        if thing in mine or session in kept:
            engine.remove_container(thing)
    for thing, session in engine.labels("networks", SESSION_LABEL).items():
        if thing in mine or session in kept:
            remove_network(engine, thing)


# all of it


def _run(soak: Soak) -> Section:
    counted = Counted()
    soak.folder.chmod(0o755)  # whoever becomes nobody shall miss the state folder only
    plan = planned(soak.options.sessions, soak.choose)
    for number, begin in enumerate(range(0, len(plan), SIDE_BY_SIDE), 1):
        _group(soak, counted, f"group-{number}", plan[begin : begin + SIDE_BY_SIDE])
    return reported(counted)


def message(happened: Happened) -> str:
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
