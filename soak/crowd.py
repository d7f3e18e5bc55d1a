"""./run soak crowd: checkouts of one project that run their tests at once on one engine."""

import argparse
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from . import events, onengine, proc, suites
from .command import Command, Soak
from .document import Section, table
from .events import Event
from .pytest_sessions import Ended, Suite

_COLLISION_WORDS: Final = ("already in use", "already allocated", "Pool overlaps", "Conflict")
_WORKERS: Final = 4


@dataclass
class Counted:
    """What went on in some rounds; each list has one sentence for each thing that must not be."""

    sessions: int = 0
    tests: int = 0
    documents: int = 0
    networks: int = 0
    containers: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    collisions: list[str] = field(default_factory=list)
    cross_removals: list[str] = field(default_factory=list)
    wrong_counts: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def broken(self) -> list[str]:
        """Return all that must not be."""
        return [*self.failed, *self.collisions, *self.cross_removals, *self.wrong_counts, *self.left]


def counted_round(
    counted: Counted,
    name: str,
    heard: Sequence[Event],
    *,
    identities: set[str],
    notes: Sequence[Mapping[str, Any]],
    ends: Mapping[str, Ended],
    shared: Mapping[str, int],
) -> None:
    """Add a round: `notes` are what the tests wrote down, `shared` how many of each a session is to make."""
    sessions = events.made(heard, identities)
    counted.sessions += len(ends)
    counted.tests += len(notes)
    for checkout, ended in ends.items():
        if ended.code != 0:
            counted.failed.append(f"{name}: {checkout} ended with exit code {ended.code}: {ended.tail(6)!r}")
        words = [word for word in _COLLISION_WORDS if word in ended.output]
        if words:
            counted.collisions.append(f"{name}: the output of {checkout} has {', '.join(words)}")
    counted.collisions += [f"{name}: made twice: {twice}" for twice in events.names_made_twice(heard)]
    for made in sessions.values():
        counted.networks += len(made.networks)
        counted.containers.update(made.containers)
        found = {alias: made.containers[alias] for alias in shared}
        if len(made.networks) != 1 or found != shared:
            counted.collisions.append(f"{name}: a session made {len(made.networks)} networks and {found}")
    if len(sessions) != len(ends):
        counted.collisions.append(f"{name}: {len(ends)} sessions had {len(sessions)} stacks")
    _add_notes(counted, name, heard, notes)
    ids = {thing for made in sessions.values() for thing in made.ids | made.networks}
    remaining = events.never_destroyed(heard, ids)
    if remaining:
        counted.left.append(f"{name}: {len(remaining)} things were never destroyed")


def _add_notes(counted: Counted, name: str, heard: Sequence[Event], notes: Sequence[Mapping[str, Any]]) -> None:
    needed_until: dict[str, float] = {}
    for note in notes:
        for thing in (note["network"], *note["containers"]):
            needed_until[thing] = max(needed_until.get(thing, 0.0), note["until"])
        counted.documents += len(note["counted"])
        counted.wrong_counts += [
            f"{name}: {what}: {number} in place of {right}"
            for what, number, right in note["counted"]
            if number != right
        ]
    counted.cross_removals += [
        f"{name}: {event.kind} {event.id[:12]}: {event.action} while its tests ran"
        for event in events.ended_before(heard, needed_until)
    ]


def _round(soak: Soak, counted: Counted, number: int, *, elasticsearch: bool) -> None:
    name = f"round {number} with {'Elasticsearch' if elasticsearch else 'small containers'}"
    folder = soak.folder / f"{'elasticsearch' if elasticsearch else 'small'}-{number}"
    checkouts = _checkouts(folder, soak.options, elasticsearch=elasticsearch, one_state_folder=number % 2 == 1)
    began = time.monotonic()
    with events.heard(soak.engine) as heard, ThreadPoolExecutor(len(checkouts)) as pool:
        options = (f"-n{_WORKERS}", "--foodtrucks-timeout=600")
        ends = dict(
            zip(checkouts, pool.map(lambda suite: suite.run(*options, timeout=1800), checkouts.values()), strict=True)
        )
    notes = [note for suite in checkouts.values() for note in suite.notes()]
    identities = {identity for suite in checkouts.values() if (identity := suite.identity()) is not None}
    shared = {"es": 1, "foodtrucks-web": 1} if elasticsearch else {"store": 1, "echo": 1}
    before = len(counted.broken())
    counted_round(counted, name, heard, identities=identities, notes=notes, ends=ends, shared=shared)
    if onengine.owned(soak.engine, identities):
        counted.left.append(f"{name}: the engine still has something")
    if proc.mentioning(folder):
        time.sleep(1)  # a watchdog sees its run ended and goes
        counted.left += [f"{name}: process {pid} is still there" for pid in proc.mentioning(folder)]
    new = counted.broken()[before:]
    soak.say(f"{name}: {len(notes)} tests in {time.monotonic() - began:.0f} s, {len(new)} broken")
    for text in new:
        soak.say(f"  {text}")


def _checkouts(
    folder: Path, options: argparse.Namespace, *, elasticsearch: bool, one_state_folder: bool
) -> dict[str, Suite]:
    """Write the checkouts; each has a word and a count of documents that no other has."""
    state = folder / "state" if one_state_folder else None
    return {
        f"checkout {number}": suites.write(
            folder / f"checkout-{number}",
            elasticsearch=elasticsearch,
            word=f"checkout{number}",
            documents=20 + 7 * number,
            tests=options.tests,
            state=state,
        )
        for number in range(options.checkouts)
    }


def _run(soak: Soak) -> Section:
    small, real = Counted(), Counted()
    for number in range(soak.options.rounds):
        _round(soak, small, number + 1, elasticsearch=False)
    for number in range(soak.options.elasticsearch_rounds):
        _round(soak, real, number + 1, elasticsearch=True)
    return reported(soak.options, small, real)


def reported(options: argparse.Namespace, small: Counted, real: Counted) -> Section:
    """Sum up: one column for each of the two kinds of rounds."""
    both = (small, real)
    rows: list[list[object]] = [
        ["rounds", options.rounds, options.elasticsearch_rounds],
        ["sessions", *(counted.sessions for counted in both)],
        ["tests that noted what they counted", *(counted.tests for counted in both)],
        ["networks made", *(counted.networks for counted in both)],
        ["services made, by alias", *(_aliases(counted.containers) for counted in both)],
        ["counts of documents", *(counted.documents for counted in both)],
        ["wrong counts", *(len(counted.wrong_counts) for counted in both)],
        ["cross-removals", *(len(counted.cross_removals) for counted in both)],
        ["collisions", *(len(counted.collisions) for counted in both)],
        ["sessions that failed", *(len(counted.failed) for counted in both)],
        ["things left", *(len(counted.left) for counted in both)],
    ]
    note = """
Counted from the engine's live events and from what each test wrote down. A collision: a second network or service of
one session, a name that was made twice, or an engine's refusal for a name, a port or a subnet. A cross-removal: a
service or the network ended before the last test that needed it. The checkouts share one state folder in every odd
round, as one user's do, and have one each in every even round. Each has documents that no other has."""
    return Section(
        name="crowd",
        title="Checkouts at once on one engine",
        summary=f"{options.checkouts} checkouts, each with `-n {_WORKERS}`, ran their tests at the same time.",
        body=f"{table(['', 'small containers', 'Elasticsearch and the app'], rows)}\n{note}",
        broken=[*small.broken(), *real.broken()],
    )


def _aliases(containers: Counter[str]) -> str:
    return ", ".join(f"{times} {alias}" for alias, times in sorted(containers.items()))


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=15, help="with small containers (default: 15)")
    parser.add_argument("--elasticsearch-rounds", type=int, default=3, help="with Elasticsearch (default: 3)")
    parser.add_argument("--checkouts", type=int, default=4, help="at once (default: 4)")
    parser.add_argument("--tests", type=int, default=12, help="of each checkout (default: 12)")


COMMAND: Final = Command("crowd", "checkouts that run their tests at once on one engine", _add_options, _run)
