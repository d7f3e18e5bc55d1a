"""./run soak cycles: sessions in sequence, and whether everything is afterwards where it was."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from . import events, onengine, proc, suites
from .command import Command, Soak
from .document import Section, table
from .pytest_sessions import Ended, Suite

_REST: Final = 3.0
"""Seconds in which the engine and the last watchdog come to rest."""
_DESCRIPTORS_TO_SPARE: Final = 5
"""The engine opens and closes some at any time; a leak of one per session would be many more."""


@dataclass(frozen=True)
class Sample:
    """What there is at rest.

    The first five are the sessions' own. `descriptors` are the engine's, None where they can't be read; `everybodys` is
    all that the engine has, whoever made it.
    """

    containers: int
    networks: int
    volumes: int
    processes: int
    files: Sequence[str]
    descriptors: int | None
    everybodys: str


@dataclass(frozen=True)
class Cycle:
    """One session, what it was, and how it ended."""

    what: str
    ended: Ended


def _sample(soak: Soak, suite: Suite, volumes: set[str]) -> Sample:
    time.sleep(_REST)
    engine, identities = soak.engine, {suite.identity()}
    there = onengine.volumes(engine)
    containers, networks = len(engine.api.containers(all=True)), len(engine.api.networks())
    return Sample(
        containers=len(onengine.owned(engine, identities, kinds=["containers"])),
        networks=len(onengine.owned(engine, identities, kinds=["networks"])),
        volumes=len(there & volumes),
        processes=len(proc.mentioning(soak.folder)),
        files=suite.files(),
        descriptors=onengine.descriptors(engine),
        everybodys=f"{containers} containers, {networks} networks, {len(there)} volumes",
    )


def _run(soak: Soak) -> Section:
    state = soak.folder / "state"
    both = [suites.write(soak.folder / f"suite-{n}", elasticsearch=n == 1, state=state) for n in (0, 1)]
    with events.heard(soak.engine) as heard:
        warmed = [_cycle(suite, elasticsearch=suite is both[1], workers=0) for suite in both]
        before = _sample(soak, both[0], set())
        soak.say(f"at rest after two to warm up ({warmed[0].ended.seconds:.1f} and {warmed[1].ended.seconds:.1f} s)")
        cycles = []
        for number in range(1, soak.options.sessions + 1):
            every = soak.options.elasticsearch_every
            elasticsearch = every > 0 and number % every == 0
            cycle = _cycle(both[elasticsearch], elasticsearch=elasticsearch, workers=2 if number % 3 == 0 else 0)
            cycles.append(cycle)
            soak.say(f"{number}/{soak.options.sessions} {message(cycle)}")
    identity = both[0].identity()
    volumes = events.volumes_of(heard, {identity} if identity is not None else set())
    return reported(cycles, before, _sample(soak, both[0], volumes), volumes=len(volumes))


def _cycle(suite: Suite, *, elasticsearch: bool, workers: int) -> Cycle:
    ended = suite.run(*([f"-n{workers}"] if workers else []))
    what = (
        f"{'Elasticsearch' if elasticsearch else 'small containers'}, {f'-n {workers}' if workers else 'one process'}"
    )
    return Cycle(what, ended)


def message(cycle: Cycle) -> str:
    """Return one line about a session."""
    verdict = "ok" if cycle.ended.code == 0 else f"FAILED with exit code {cycle.ended.code}: {cycle.ended.tail()!r}"
    return f"{cycle.what}, {cycle.ended.seconds:.1f} s: {verdict}"


def reported(cycles: Sequence[Cycle], before: Sample, after: Sample, *, volumes: int) -> Section:
    """Compare; `volumes` is how many the sessions had."""
    flakes = [f"session {number}: {message(cycle)}" for number, cycle in enumerate(cycles, 1) if cycle.ended.code != 0]
    rows: list[list[object]] = [
        ["the sessions' containers", before.containers, after.containers],
        ["the sessions' networks", before.networks, after.networks],
        [f"the sessions' volumes (they had {volumes})", before.volumes, after.volumes],
        ["the sessions' processes", before.processes, after.processes],
        ["files in the state folder", len(before.files), len(after.files)],
        ["the engine's open descriptors", before.descriptors, after.descriptors],
        ["all that the engine has, whoever made it", before.everybodys, after.everybodys],
    ]
    counts = {what: len([cycle for cycle in cycles if cycle.what == what]) for what in {c.what for c in cycles}}
    kinds = "; ".join(f"{number} with {what}" for what, number in sorted(counts.items()))
    note = f"""
The sessions shared one state folder: {kinds}.
The engine's descriptors may differ by {_DESCRIPTORS_TO_SPARE}, since it opens and closes some at any time; they count
for everybody who uses it, and tell something only where nobody else does."""
    return Section(
        name="cycles",
        title="Sessions in sequence",
        summary=f"{len(cycles)} sessions one after another; {len(flakes)} failed.",
        body=f"{table(['at rest', 'before', 'after'], rows)}\n{note}",
        broken=[*flakes, *grown(before, after)],
    )


def grown(before: Sample, after: Sample) -> list[str]:
    """Return a sentence for each thing that is there in greater number than before."""
    grown = [
        f"{name}: {now} in place of {then}"
        for name, then, now in (
            ("containers", before.containers, after.containers),
            ("networks", before.networks, after.networks),
            ("volumes", before.volumes, after.volumes),
            ("processes", before.processes, after.processes),
        )
        if now > then
    ]
    new = sorted(set(after.files) - set(before.files))
    if new:
        grown.append(f"files in the state folder: {', '.join(new)}")
    if before.descriptors is not None and after.descriptors is not None:
        more = after.descriptors - before.descriptors
        if more > _DESCRIPTORS_TO_SPARE:
            grown.append(f"descriptors of the engine: {more} more")
    return grown


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sessions", type=int, default=100, help="in sequence (default: 100)")
    parser.add_argument(
        "--elasticsearch-every", type=int, default=5, metavar="N", help="each Nth session; 0: none (default: 5)"
    )


COMMAND: Final = Command("cycles", "sessions in sequence, and what they leave", _add_options, _run)
