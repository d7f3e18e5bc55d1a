"""./run soak decoys: what looks like an orphan of ours and is none stays, whoever cleans up beside it."""

import argparse
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pytest_foodtrucks import kept
from pytest_foodtrucks.engine import Engine
from pytest_foodtrucks.errors import EngineError, FoodtrucksError
from pytest_foodtrucks.kept import Kept
from pytest_foodtrucks.removal import SESSION_LABEL
from pytest_foodtrucks.runs import OWNER_LABEL, Run
from pytest_foodtrucks.subnets import free_subnet, host_routes

from . import events, processes, suites
from .command import Command, Soak
from .document import Section, table
from .events import Event
from .proxy import ignoring_filters
from .sessions import Suite

_PATIENCE: Final = 60.0


@dataclass(frozen=True)
class Pair:
    """A running container and a network with the same labels."""

    kind: str
    container: str
    network: str


@dataclass(frozen=True)
class Owners:
    """Whom decoys may belong to, here or in another state folder than that of the sessions that clean up.

    The first four are owners' labels, the others ids of kept stacks: one that is held though its time is over, one that
    was used just now, and one of the other state folder whose time is over.
    """

    dead: str
    living: str
    others_dead: str
    others_living: str
    kept_in_use: str
    kept_just_now: str
    others_kept: str


JUST_NOW: Final = "a kept stack's that was used just now"
"""Stays until its time is over, or somebody prunes."""


def decoys(owners: Owners) -> dict[str, Mapping[str, str]]:
    """Return the labels of each kind of decoy."""
    identity, dead = owners.dead.split("/")
    return {
        "a living session's of the same state folder": _labels(owners.living),
        "of another state folder, its owner living": _labels(owners.others_living),
        "of another state folder, its owner dead there": _labels(owners.others_dead),
        "of another host, with the id of a dead run here": _labels(f"{secrets.token_hex(8)}/{dead}"),
        "without the owner's label": {SESSION_LABEL: dead},
        "with an empty owner's label": _labels(""),
        "with nothing but the state folder in it": _labels(identity),
        "without any label, under a name like ours": {},
        "of a newer format, with more behind the run": _labels(f"{owners.dead}/2"),
        "of a newer format, with more before the folder": _labels(f"v2:{owners.dead}"),
        "of a newer format, with more labels": {**_labels("kept"), "pytest-foodtrucks.until": "0"},
        "kept": _labels("kept"),
        "with a path for a run": _labels(f"{identity}/../runs/{dead}"),
        "a kept stack's that a session holds, though its time is over": _labels(kept.OWNER, owners.kept_in_use),
        "another state folder's kept stack, its time over": _labels(kept.OWNER, owners.others_kept),
        JUST_NOW: _labels(kept.OWNER, owners.kept_just_now),
    }


def _labels(owner: str, session: str | None = None) -> dict[str, str]:
    return {SESSION_LABEL: owner.rpartition("/")[2] if session is None else session, OWNER_LABEL: owner}


@dataclass
class Counted:
    """What came of some rounds."""

    rounds: int = 0
    cleaners: Counter[str] = field(default_factory=Counter)
    decoys: Counter[str] = field(default_factory=Counter)
    ignored: int = 0
    broken: list[str] = field(default_factory=list)


def made(engine: Engine, kind: str, labels: Mapping[str, str]) -> Pair:
    """Make a pair on the engine; its subnet isn't of the engine's address pools, which have no room for so many."""
    name = f"foodtrucks-decoy-{secrets.token_hex(6)}"
    image = os.environ["FOODTRUCKS_PROBE_IMAGE"]
    subnet = free_subnet([*engine.subnets(), *host_routes()])
    network = engine.create_network(name, driver="bridge", internal=False, labels=labels, subnet=subnet)
    config = {"Image": image, "Cmd": ["sleep", "3600"], "Labels": dict(labels), "HostConfig": {"NetworkMode": name}}
    container = engine.create_container(name, config)
    engine.start_container(container)
    return Pair(kind, container, network)


def removed(engine: Engine, pair: Pair) -> None:
    """Remove a pair."""
    engine.remove_container(pair.container)
    engine.clear_network(pair.network)
    engine.remove_network(pair.network)


def is_whole(engine: Engine, pair: Pair) -> bool:
    """Tell whether a pair is there, runs and is connected."""
    try:
        running: bool = engine.inspect_container(pair.container)["State"]["Running"]
        return running and pair.container in engine.inspect_network(pair.network)["Containers"]
    except EngineError:
        return False


def is_gone(engine: Engine, pair: Pair) -> bool:
    """Tell whether neither of a pair is there."""
    ids = {container["Id"] for container in engine.api.containers(all=True)}
    ids |= {network["Id"] for network in engine.api.networks()}
    return not ids & {pair.container, pair.network}


@contextmanager
def _owners(engine: Engine, state: Path, other: Path) -> Iterator[Owners]:
    """Make the owners; the living ones are this process's own runs."""
    dead, others_dead = Run.begin(state), Run.begin(other)
    living, others_living = Run.begin(state), Run.begin(other)
    held = _kept(engine, state)
    fresh, others = _kept(engine, state), _kept(engine, other)
    dead.end()
    others_dead.end()
    fresh.release()
    others.release()
    _let_expire(held)
    _let_expire(others)
    try:
        yield Owners(
            dead=dead.owner_label,
            living=living.owner_label,
            others_dead=others_dead.owner_label,
            others_living=others_living.owner_label,
            kept_in_use=held.id,
            kept_just_now=fresh.id,
            others_kept=others.id,
        )
    finally:
        living.end()
        others_living.end()
        held.end()
        for stack in (fresh, others):
            Kept(stack.folder).end()  # its lease was given up before


def _kept(engine: Engine, state: Path) -> Kept:
    """Begin and hold a kept stack that nobody has."""
    stack = Kept.held(Kept.on(engine, state / "kept" / secrets.token_hex(6)).folder)
    assert stack is not None  # noqa: S101 - a new one is nobody's
    stack.begin("a project of the decoys", engine.url)
    return stack


def _let_expire(stack: Kept) -> None:
    long_ago = time.time() - (kept.UNUSED_HOURS + 1) * 3600
    os.utime(stack.folder / "used", (long_ago, long_ago))


@contextmanager
def _to_be_removed(engine: Engine, state: Path, dead: str) -> Iterator[list[Pair]]:
    """Have a true orphan, and a kept stack whose time is over: the controls."""
    expired = _kept(engine, state)
    expired.release()
    _let_expire(expired)
    kinds = {"an orphan": _labels(dead), "a kept stack whose time is over": _labels(kept.OWNER, expired.id)}
    with _standing(engine, kinds) as pairs:
        yield pairs


def _ends_well(suite: Suite, *options: str) -> None:
    ended = suite.run(*options)
    if ended.code != 0:
        raise FoodtrucksError(f"A session that was to clean up failed:\n{ended.tail()}")


def _is_killed(suite: Suite, *options: str) -> None:
    """Kill a session while its tests run, and wait until its watchdog has cleaned up."""
    notes = len(suite.notes())
    deadline = time.monotonic() + _PATIENCE
    with suite.started(*options) as session:
        while len(suite.notes()) == notes:
            if time.monotonic() > deadline or session.process.poll() is not None:
                raise FoodtrucksError(f"A session that was to be killed didn't come so far:\n{session.output}")
            time.sleep(0.05)
        os.killpg(session.process.pid, signal.SIGKILL)
        session.process.wait()
    while processes.watchdogs(suite.state):
        if time.monotonic() > deadline:
            raise FoodtrucksError("A watchdog didn't end.")
        time.sleep(0.1)


def _prune(suite: Suite) -> None:
    command = [sys.executable, "-m", "pytest_foodtrucks", "prune", f"--state-dir={suite.state}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise FoodtrucksError(f"The command prune failed: {result.stdout}{result.stderr}")


def _run(soak: Soak) -> Section:
    counted = Counted()
    with ignoring_filters(soak.engine.url, soak.folder) as proxy:
        suite = suites.write(soak.folder / "suite", tests=4)
        filterless = f"--foodtrucks-engine={proxy.url}"
        sessions: dict[str, Callable[[], None]] = {
            "a session's own end and its sweep": lambda: _ends_well(suite),
            "the same with `-n 2`": lambda: _ends_well(suite, "-n2"),
            "the same with `--foodtrucks-reuse`": lambda: _ends_well(suite, "--foodtrucks-reuse"),
            "the watchdog of a killed session": lambda: _is_killed(suite),
            "a session, on an engine that ignores filters": lambda: _ends_well(suite, filterless),
            "a watchdog, on an engine that ignores filters": lambda: _is_killed(suite, filterless),
        }
        command: dict[str, Callable[[], None]] = {"the command `prune`": lambda: _prune(suite)}
        try:
            for number in range(1, soak.options.rounds + 1):
                before = len(counted.broken)
                _beside_decoys(soak, counted, suite, sessions)
                _beside_decoys(soak, counted, suite, command, but=JUST_NOW)
                counted.rounds += 1
                soak.say(f"{number}/{soak.options.rounds}: {len(counted.broken) - before} broken")
                for text in counted.broken[before:]:
                    soak.say(f"  {text}")
        finally:
            _prune(suite)  # what the sessions with reuse kept
        counted.ignored = proxy.ignored
    return reported(counted)


def _beside_decoys(
    soak: Soak, counted: Counted, suite: Suite, cleaners: Mapping[str, Callable[[], None]], *, but: str | None = None
) -> None:
    """Have each cleaner do its work beside all decoys `but` one kind, and the controls."""
    engine = soak.engine
    with _owners(engine, suite.state, soak.folder / "another-state") as owners:
        kinds = {kind: labels for kind, labels in decoys(owners).items() if kind != but}
        with _standing(engine, kinds) as pairs:
            with events.heard(engine) as heard:
                for cleaner, clean in cleaners.items():
                    with _to_be_removed(engine, suite.state, owners.dead) as controls:
                        clean()
                        left = [pair.kind for pair in controls if not is_gone(engine, pair)]
                        counted.broken += [f"the control: {cleaner} left {kind}" for kind in left]
                    lost = [pair.kind for pair in pairs if not is_whole(engine, pair)]
                    counted.broken += [f"{cleaner} removed what was {kind}" for kind in lost]
                    counted.cleaners[cleaner] += 1
            counted.broken += disturbed(heard, pairs)
            counted.decoys.update(pair.kind for pair in pairs)


@contextmanager
def _standing(engine: Engine, kinds: Mapping[str, Mapping[str, str]]) -> Iterator[list[Pair]]:
    """Make a pair with the labels of each kind, and remove what is there of them at the end."""
    pairs: list[Pair] = []
    try:
        pairs += (made(engine, kind, labels) for kind, labels in kinds.items())
        yield pairs
    finally:
        for pair in pairs:
            removed(engine, pair)


def disturbed(heard: Sequence[Event], pairs: Sequence[Pair]) -> list[str]:
    """Return a sentence for each event by which a decoy was ended or disconnected."""
    kinds = {thing: pair.kind for pair in pairs for thing in (pair.container, pair.network)}
    ends = {"kill", "die", "stop", "destroy", "disconnect"}
    return [
        f"the engine told of {event.kind} {event.action} of what was {kinds[event.id]}"
        for event in heard
        if event.id in kinds and event.action in ends
    ]


def reported(counted: Counted) -> Section:
    """Sum up: one row for each kind of decoy."""
    lost = [text for text in counted.broken if not text.startswith("the control")]
    rows = [[kind, 2 * times] for kind, times in counted.decoys.items()]
    cleaned = "\n".join(f"- {cleaner}: {times} times" for cleaner, times in counted.cleaners.items())
    note = f"""
Each decoy is a running container and a network of its own; they stood while these cleaned up:

{cleaned}

Each of those met a true orphan and a kept stack whose time was over too, which it had to remove. {counted.ignored}
requests to the engine had filters that it ignored. The engine's events were heard all the time: none may tell of a
decoy that was ended or disconnected."""
    return Section(
        name="decoys",
        title="What looks like an orphan and is none",
        summary=f"{counted.rounds} rounds, {2 * sum(counted.decoys.values())} decoys: {len(lost)} were disturbed.",
        body=f"{table(['decoy', 'made'], rows)}\n{note}",
        broken=counted.broken,
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=10, help="with all decoys and cleaners (default: 10)")


COMMAND: Final = Command("decoys", "what looks like an orphan of ours and is none", _add_options, _run)
