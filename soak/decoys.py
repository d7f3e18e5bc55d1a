"""./run soak decoys: what looks like an orphan of ours and is none stays, whoever cleans up beside it."""

import argparse
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.engine.labels import OWNER_LABEL, SESSION_LABEL
from pytest_foodtrucks.engine.subnets import free_subnet, gateway_of, host_routes
from pytest_foodtrucks.errors import EngineError, FoodtrucksError
from pytest_foodtrucks.sessions.owners import Owner, lease_file, machine_in, read_owner
from pytest_foodtrucks.sessions.processes import Process
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.stacks.kept_choice import choose_kept_stack
from pytest_foodtrucks.stacks.kept_stack import KEPT, UNUSED_HOURS, KeptStack

from . import events, proc, suites
from .command import Command, Soak
from .document import Section, table
from .events import Event
from .proxy import ignoring_filters
from .pytest_sessions import Suite

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

    `unknown` are owners of which nobody can say whether they live, or which live whatever became of their state
    folder, by what a decoy's kind says of them. The last three are ids of kept stacks: one that is held though its time
    is over, one that was used just now, and one of the other state folder whose time is over.
    """

    dead: Owner
    living: Owner
    others_dead: Owner
    others_living: Owner
    kept_in_use: str
    kept_just_now: str
    others_kept: str
    unknown: Mapping[str, Owner] = field(default_factory=dict)


JUST_NOW: Final = "a kept stack's that was used just now"
"""Stays until its time is over, or somebody prunes."""


def decoys(owners: Owners) -> dict[str, Mapping[str, str]]:
    """Return the labels of each kind of decoy."""
    dead = owners.dead
    newer = {**json.loads(dead.text()), "more": 1}
    return {
        "a living session's of the same state folder": _labels(owners.living.text()),
        "of another state folder, its owner living": _labels(owners.others_living.text()),
        "of another state folder, its owner dead there": _labels(owners.others_dead.text()),
        **{kind: _labels(owner.text()) for kind, owner in owners.unknown.items()},
        "of another host, with the id of a dead run here": _labels(replace(dead, process=_ANOTHER_HOST).text()),
        "without the owner's label": {SESSION_LABEL: dead.session},
        "with an empty owner's label": _labels(""),
        "with nothing but the state folder in it": _labels(dead.state),
        "without any label, under a name like ours": {},
        "of a newer format, with more in it": _labels(json.dumps(newer)),
        "of a newer format, with more before it": _labels(f"v2:{dead.text()}"),
        "of a newer format, with more labels": {**_labels("kept"), "pytest-foodtrucks.until": "0"},
        "of the format before": _labels(f"{dead.state}/{dead.session}"),
        "kept": _labels("kept"),
        "with a path for a run": _labels(replace(dead, session=f"../runs/{dead.session}").text()),
        "a kept stack's that a session holds, though its time is over": _labels(KEPT, owners.kept_in_use),
        "another state folder's kept stack, its time over": _labels(KEPT, owners.others_kept),
        JUST_NOW: _labels(KEPT, owners.kept_just_now),
    }


_ANOTHER_HOST: Final = Process("another boot", "pid:[1] time:[2]", 4711, "1")


def _labels(owner: str, session: str = "decoy") -> dict[str, str]:
    return {SESSION_LABEL: session, OWNER_LABEL: owner}


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
    image = os.environ["EXAMPLE_BUSYBOX_IMAGE"]
    subnet = free_subnet([*engine.subnets(), *host_routes()])
    subnets = None if subnet is None else {subnet: gateway_of({"Subnet": subnet})}
    network = engine.create_network(name, driver="bridge", internal=False, labels=labels, subnets=subnets)
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
    """Make the owners; the living ones are this process's own sessions."""
    living, others_living, gone, replaced, removed = (Session.begin(each) for each in (state, other, *[state] * 3))
    mine = (living, others_living, gone, replaced, removed)
    dead_without_lease = ended_owner(state)
    lease_file(state, gone.id).unlink()
    _replace(lease_file(state, replaced.id))
    shutil.rmtree(removed.folder)
    lease_file(state, dead_without_lease.session).unlink()
    dead_with_copy = ended_owner(state)
    _replace(lease_file(state, dead_with_copy.session))
    held, fresh, others = _kept(engine, living), _kept(engine, living), _kept(engine, others_living)
    fresh.release()
    others.release()
    _let_expire(held)
    _let_expire(others)
    try:
        yield Owners(
            dead=ended_owner(state),
            living=living.owner,
            others_dead=ended_owner(other),
            others_living=others_living.owner,
            kept_in_use=held.id,
            kept_just_now=fresh.id,
            others_kept=others.id,
            unknown={
                "a living session's, its lease gone": gone.owner,
                "a living session's, its lease replaced": replaced.owner,
                "a living session's, its run's folder removed": removed.owner,
                "of a dead owner whose lease is gone": dead_without_lease,
                "of a dead owner, a copy in its lease's place": dead_with_copy,
            },
        )
    finally:
        for session in mine:
            session.end()
        for stack in (held, fresh, others):
            stack.end()


_BEGIN: Final = """
import sys
from pathlib import Path
from pytest_foodtrucks.sessions.session import Session
print(Session.begin(Path(sys.argv[1])).owner.text())
"""


def ended_owner(state: Path) -> Owner:
    """Return an owner whose process has ended, with a lease that nobody holds."""
    command = [sys.executable, "-c", _BEGIN, str(state)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    owner = read_owner(said)
    if owner is None:
        raise FoodtrucksError(f"A session's owner is named by {said!r}, which says nothing.")
    return owner


def _replace(file: Path) -> None:
    """Put a copy in a file's place."""
    copy = file.with_name("copy")
    shutil.copy2(file, copy)
    copy.replace(file)


def _kept(engine: Engine, session: Session) -> KeptStack:
    """Begin and hold a kept stack of a new project for a session."""
    stack = choose_kept_stack(session, engine, f"a project of the decoys {secrets.token_hex(6)}")
    assert stack is not None  # noqa: S101 - a new one is nobody's
    return stack


def _let_expire(stack: KeptStack) -> None:
    long_ago = time.time() - (UNUSED_HOURS + 1) * 3600
    os.utime(stack.folder / "used", (long_ago, long_ago))


@contextmanager
def _to_be_removed(engine: Engine, state: Path, dead: Owner) -> Iterator[list[Pair]]:
    """Have true orphans, and a kept stack whose time is over: the controls."""
    session = Session.begin(state)
    expired = _kept(engine, session)
    expired.release()
    _let_expire(expired)
    kinds = {
        "an orphan": _labels(dead.text()),
        "what was there before the machine was started anew": _labels(
            replace(dead, machine=machine_in(state), process=replace(dead.process, boot="an earlier one")).text()
        ),
        "what a job container left that is gone": _labels(
            replace(dead, process=_ANOTHER_HOST, container="0" * 64, container_start="then").text()
        ),
        "a kept stack whose time is over": _labels(KEPT, expired.id),
    }
    try:
        with _standing(engine, kinds) as pairs:
            yield pairs
    finally:
        session.end()


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
    while proc.watchdogs(suite.state):
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
        f"the engine reported {event.kind} {event.action} of what was {kinds[event.id]}"
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
