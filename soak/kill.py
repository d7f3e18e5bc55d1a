"""./run soak kill: sessions that are ended by force at random moments, and what is left of them when."""

import argparse
import os
import random
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final

from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.errors import FoodtrucksError

from . import onengine, proc, suites
from .command import Command, Soak, an_engine
from .document import Section, table
from .pytest_sessions import Session, Suite

TWICE: Final = "Ctrl-C twice"
PROMISES: Final = {"process": 5.0, "group": 5.0, "controller alone": 10.0}
"""Seconds after the owner's death until nothing is left, by what of a session was killed."""

_WORKERS: Final = 3
_LOOK: Final = 0.1
"""Seconds between two looks at the engine."""
_PATIENCE: Final = 60.0
"""Seconds until it is called left behind; also for a watchdog that doesn't end."""
_TRIES: Final = 5
_BETWEEN_CTRL_CS: Final = (0.05, 1.0)


@dataclass(frozen=True)
class Kill:
    """What is done to one session; `moment` is a share of an undisturbed session's length."""

    way: str
    target: str
    workers: int
    elasticsearch: bool
    moment: float

    @property
    def kind(self) -> tuple[int, bool]:
        """What the length of an undisturbed session depends on."""
        return self.workers, self.elasticsearch


@dataclass(frozen=True)
class Outcome:
    """What came of it, in seconds after the owner's death.

    `gone` is when the engine was first seen without anything of the session for good, `watchdog` when that had ended;
    None where it never was. `found` is how many things the engine had then; `by_itself` tells of a session that
    had ended before; `files` are those that its state folder still has.
    """

    kill: Kill
    seconds: float
    found: int
    gone: float | None
    watchdog: float | None
    by_itself: bool
    files: Sequence[str]

    @property
    def promise_kept(self) -> bool:
        """Tell whether the promise was kept."""
        return self.gone is not None and self.gone <= PROMISES[self.kill.target] and self.watchdog is not None


def planned(way: str, sessions: int, choose: random.Random, *, elasticsearch_every: int) -> list[Kill]:
    """Return the plan for some sessions: a third of them with workers, the targets in turn, each moment by chance.

    Ctrl-C reaches the whole group, as a terminal sends it.
    """
    kills = []
    for number in range(sessions):
        workers = _WORKERS if number % 3 == 2 else 0  # noqa: PLR2004 - each third one
        in_turn = ("group", "controller alone" if workers else "process")[number // 3 % 2]
        kills.append(
            Kill(
                way=way,
                target="group" if way == TWICE else in_turn,
                workers=workers,
                elasticsearch=elasticsearch_every > 0 and number % elasticsearch_every == elasticsearch_every - 1,
                moment=choose.random(),
            )
        )
    return kills


def strike(session: Session, kill: Kill, pause: float) -> None:
    """Do to a session what the plan says; `pause` is how many seconds after the first Ctrl-C the second comes."""
    send: Callable[[int, int], None] = os.killpg if kill.target == "group" else os.kill
    if kill.way != TWICE:
        send(session.process.pid, signal.Signals[kill.way])
        return
    send(session.process.pid, signal.SIGINT)
    time.sleep(pause)
    if session.process.poll() is None:
        send(session.process.pid, signal.SIGINT)


def aftermath(engine: Engine, suite: Suite, group: int, died: float) -> tuple[int, float | None, float | None]:
    """Look until nothing is left of a session and nobody works for it any more.

    Returns how many things there were at most, when they were gone, when the watchdog was. Workers whose controller
    was killed go on for a while, and may create things after an empty look: only the last look counts.
    """
    found, gone, watchdog = 0, None, None
    while time.monotonic() - died < _PATIENCE:
        left = onengine.owned(engine, {suite.identity()})
        found = max(found, len(left))
        now = time.monotonic() - died
        gone = None if left else now if gone is None else gone
        waits = bool(proc.watchdogs(suite.state))
        watchdog = None if waits else now if watchdog is None else watchdog
        if not left and not waits and not proc.of_group(group):
            break
        time.sleep(_LOOK)
    return found, gone, watchdog


def killed(kill: Kill, folder: Path, length: float, pause: float) -> Outcome:
    """End a session by force at its moment; one that had ended before is tried again, by the length that it had."""
    for number in range(_TRIES):
        outcome = _killed_once(kill, folder / str(number), length, pause)
        if not outcome.by_itself:
            break
        length = outcome.seconds
    return outcome


def _killed_once(kill: Kill, folder: Path, length: float, pause: float) -> Outcome:
    """Start a session, end it by force at the moment, and see what comes of it."""
    suite = suites.write(folder, elasticsearch=kill.elasticsearch)
    with closing(an_engine()) as engine, suite.started(*_options(kill.workers)) as session:
        began = time.monotonic()
        try:
            session.process.wait(timeout=kill.moment * length)
            by_itself = True
        except subprocess.TimeoutExpired:
            by_itself = False
            strike(session, kill, pause)
        session.process.wait(timeout=_PATIENCE)
        died = time.monotonic()
        found, gone, watchdog = aftermath(engine, suite, session.process.pid, died)
        return Outcome(kill, died - began, found, gone, watchdog, by_itself, suite.files())


def _options(workers: int) -> list[str]:
    return [f"-n{workers}"] if workers else []


def _lengths(soak: Soak, kills: Sequence[Kill]) -> dict[tuple[int, bool], float]:
    """Measure how long an undisturbed session takes, of each kind that the plan has, beside as many small ones."""
    lengths = {}
    for workers, elasticsearch in sorted({kill.kind for kill in kills}):
        name = f"undisturbed-{workers}-{elasticsearch}"
        first = suites.write(soak.folder / name, elasticsearch=elasticsearch)
        others = [suites.write(soak.folder / f"{name}-{n}") for n in range(1, soak.options.side_by_side)]
        with ThreadPoolExecutor(soak.options.side_by_side) as pool:
            beside = [pool.submit(suite.run) for suite in others]
            ended = [first.run(*_options(workers)), *(future.result() for future in beside)]
        for one in ended:
            if one.code != 0:
                raise FoodtrucksError(f"An undisturbed session fails:\n{one.tail()}")
        lengths[workers, elasticsearch] = ended[0].seconds
        soak.say(f"undisturbed, {_kind(workers, elasticsearch=elasticsearch)}: {ended[0].seconds:.1f} s")
    return lengths


def _kind(workers: int, *, elasticsearch: bool) -> str:
    return (
        f"{f'-n {workers}' if workers else 'one process'}, {'Elasticsearch' if elasticsearch else 'small containers'}"
    )


def _run(soak: Soak) -> Section:
    kills = list(_plan(soak))
    lengths = _lengths(soak, kills)
    soak.choose.shuffle(kills)
    pauses = [soak.choose.uniform(*_BETWEEN_CTRL_CS) for _ in kills]
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(soak.options.side_by_side) as pool:
        work = [
            pool.submit(killed, kill, soak.folder / f"session-{number}", lengths[kill.kind], pause)
            for number, (kill, pause) in enumerate(zip(kills, pauses, strict=True))
        ]
        try:
            for future in work:
                outcomes.append(future.result())
                soak.say(f"{len(outcomes)}/{len(kills)} {message(outcomes[-1])}")
        finally:
            pool.shutdown(cancel_futures=True)  # after Ctrl-C those that have not begun
    return reported(outcomes, lengths, side_by_side=soak.options.side_by_side)


def _plan(soak: Soak) -> Iterator[Kill]:
    plan = partial(planned, choose=soak.choose, elasticsearch_every=soak.options.elasticsearch_every)
    yield from plan("SIGKILL", soak.options.sessions)
    for way in ("SIGTERM", "SIGHUP", TWICE):
        yield from plan(way, soak.options.others)


def message(outcome: Outcome) -> str:
    """Return one line about an outcome."""
    kill = outcome.kill
    what = f"{kill.way} to the {kill.target}, {_kind(kill.workers, elasticsearch=kill.elasticsearch)}"
    if outcome.by_itself:
        when = f"had ended by itself before its moment, {kill.moment:.2f} of an undisturbed one's length"
    else:
        when = f"after {outcome.seconds:.1f} s, with {outcome.found} things on the engine"
    gone = f"gone {outcome.gone:.1f} s later" if outcome.gone is not None else "STILL THERE"
    watchdog = f"watchdog {outcome.watchdog:.1f} s" if outcome.watchdog is not None else "WATCHDOG STILL THERE"
    late = "" if outcome.promise_kept else " BROKEN"
    files = f", {len(outcome.files)} files left" if outcome.files else ""
    return f"{what}: {when}; {gone}, {watchdog}{files}{late}"


def reported(outcomes: Sequence[Outcome], lengths: dict[tuple[int, bool], float], *, side_by_side: int) -> Section:
    """Sum up: one row for each way and target."""

    def key(outcome: Outcome) -> tuple[str, str, int]:
        return outcome.kill.way, outcome.kill.target, outcome.kill.workers

    rows = []
    for (way, target, workers), group in groupby(sorted(outcomes, key=key), key):
        rows.append([way, target, f"-n {workers}" if workers else "none", *_figures(list(group))])
    heads = ["sent", "to", "workers", "sessions", "with something on the engine", "late or left", "promised",
             "gone: median, longest", "watchdog ended: median, longest"]  # fmt: skip
    undisturbed = "; ".join(
        f"{_kind(workers, elasticsearch=elasticsearch)}: {seconds:.1f} s"
        for (workers, elasticsearch), seconds in lengths.items()
    )
    files = [outcome for outcome in outcomes if outcome.files]
    by_itself = sum(outcome.by_itself for outcome in outcomes)
    elasticsearch = sum(outcome.kill.elasticsearch for outcome in outcomes)
    notes = f"""
Undisturbed sessions took: {undisturbed}.
Each moment was drawn evenly from such a length. A session that had ended by then was tried again by its own length;
{by_itself} had ended each time.
{elasticsearch} sessions had a real Elasticsearch and the app, the others small containers; {side_by_side} ran side by
side. Seconds count from the owner's death. The engine was asked ten times a second, and counts as empty only from the
look after which it stayed so until the watchdog and all workers had ended. {len(files)} state folders still had files
of the run, of which nobody holds the lease."""
    kept = sum(outcome.promise_kept for outcome in outcomes)
    return Section(
        name="kill",
        title="Sessions that are killed",
        summary=f"{len(outcomes)} sessions ended by force at random moments; of {kept} nothing was left in time, and "
        "their watchdogs ended.",
        body=f"{table(heads, rows)}\n{notes}",
        broken=[message(outcome) for outcome in outcomes if not outcome.promise_kept],
    )


def _figures(outcomes: Sequence[Outcome]) -> list[str]:
    return [
        str(len(outcomes)),
        str(sum(outcome.found > 0 for outcome in outcomes)),
        str(sum(not outcome.promise_kept for outcome in outcomes)),
        f"{PROMISES[outcomes[0].kill.target]:.0f} s",
        spread([outcome.gone for outcome in outcomes if outcome.found]),
        spread([outcome.watchdog for outcome in outcomes if outcome.found]),
    ]


def spread(seconds: Sequence[float | None]) -> str:
    """Return the median and the longest of the times that there are."""
    known = [value for value in seconds if value is not None]
    return f"{statistics.median(known):.1f}, {max(known):.1f} s" if known else "-"


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sessions", type=int, default=100, help="ended by SIGKILL (default: 100)")
    parser.add_argument("--others", type=int, default=25, help="ended each other way (default: 25)")
    parser.add_argument("--side-by-side", type=int, default=3, help="sessions at the same time (default: 3)")
    parser.add_argument(
        "--elasticsearch-every", type=int, default=10, metavar="N", help="each Nth session; 0: none (default: 10)"
    )


COMMAND: Final = Command("kill", "sessions ended by force at random moments", _add_options, _run)
