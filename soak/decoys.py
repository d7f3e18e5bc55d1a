"""./run soak decoys: what looks like an orphan of ours and is none stays, whoever cleans up beside it."""

import argparse
import os
import secrets
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pytest_foodtrucks.engine import Engine
from pytest_foodtrucks.errors import EngineError, FoodtrucksError
from pytest_foodtrucks.removal import SESSION_LABEL
from pytest_foodtrucks.runs import OWNER_LABEL, Run

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
    """Who may be named as an owner: `dead` and `living` have the state folder of the sessions that clean up.

    The other two have another state folder; each is an owner's label.
    """

    dead: str
    living: str
    others_dead: str
    others_living: str


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
    }


def _labels(owner: str) -> dict[str, str]:
    return {SESSION_LABEL: owner.rpartition("/")[2], OWNER_LABEL: owner}


@dataclass
class Counted:
    """What came of some rounds."""

    rounds: int = 0
    cleaners: Counter[str] = field(default_factory=Counter)
    decoys: Counter[str] = field(default_factory=Counter)
    ignored: int = 0
    broken: list[str] = field(default_factory=list)


def made(engine: Engine, kind: str, labels: Mapping[str, str]) -> Pair:
    """Make a pair on the engine."""
    name = f"foodtrucks-decoy-{secrets.token_hex(6)}"
    image = os.environ["FOODTRUCKS_PROBE_IMAGE"]
    network = engine.create_network(name, driver="bridge", internal=False, labels=labels)
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
def _owners(state: Path, other: Path) -> Iterator[Owners]:
    """Make the owners; the living ones are this process's own runs."""
    dead, others_dead = Run.begin(state), Run.begin(other)
    living, others_living = Run.begin(state), Run.begin(other)
    owners = Owners(dead.owner_label, living.owner_label, others_dead.owner_label, others_living.owner_label)
    dead.end()
    others_dead.end()
    try:
        yield owners
    finally:
        living.end()
        others_living.end()


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


def _run(soak: Soak) -> Section:
    counted = Counted()
    with ignoring_filters(soak.engine.url, soak.folder) as proxy:
        suite = suites.write(soak.folder / "suite", tests=4)
        filterless = f"--foodtrucks-engine={proxy.url}"
        cleaners: dict[str, Callable[[], None]] = {
            "a session's own end and its sweep": lambda: _ends_well(suite),
            "the same with `-n 2`": lambda: _ends_well(suite, "-n2"),
            "the watchdog of a killed session": lambda: _is_killed(suite),
            "a session, on an engine that ignores filters": lambda: _ends_well(suite, filterless),
            "a watchdog, on an engine that ignores filters": lambda: _is_killed(suite, filterless),
        }
        for number in range(1, soak.options.rounds + 1):
            before = len(counted.broken)
            _round(soak, counted, suite, cleaners)
            soak.say(f"{number}/{soak.options.rounds}: {len(counted.broken) - before} broken")
            for text in counted.broken[before:]:
                soak.say(f"  {text}")
        counted.ignored = proxy.ignored
    return reported(counted)


def _round(soak: Soak, counted: Counted, suite: Suite, cleaners: Mapping[str, Callable[[], None]]) -> None:
    """Have each cleaner do its work beside the decoys and a true orphan."""
    engine = soak.engine
    with _owners(suite.state, soak.folder / "another-state") as owners, _standing(engine, decoys(owners)) as pairs:
        with events.heard(engine) as heard:
            for cleaner, clean in cleaners.items():
                with _standing(engine, {"orphan": _labels(owners.dead)}) as (orphan,):
                    clean()
                    if not is_gone(engine, orphan):
                        counted.broken.append(f"the control: {cleaner} left a true orphan")
                lost = [pair.kind for pair in pairs if not is_whole(engine, pair)]
                counted.broken += [f"{cleaner} removed what was {kind}" for kind in lost]
                counted.cleaners[cleaner] += 1
        counted.broken += disturbed(heard, pairs)
        counted.decoys.update(pair.kind for pair in pairs)
        counted.rounds += 1


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

Each of those met a true orphan too, which it had to remove. {counted.ignored} requests to the engine had filters that
it ignored. The engine's events were heard all the time: none may tell of a decoy that was ended or disconnected."""
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
