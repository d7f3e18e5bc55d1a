"""./run soak faults: faults under a running load; when traffic stops, when it is back, and who else notices."""

import argparse
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from .command import Command, Soak
from .document import Section, table
from .pytest_sessions import Suite

WITHIN: Final = 1.0
"""Seconds, as promised, until traffic stops, and until it is back."""

_PATIENCE: Final = 1.0
"""Seconds after which the load gives up a request."""

_TITLES: Final = {"es_on_net": "Elasticsearch, searched", "web_on_net": "the app, asked to search Elasticsearch"}
"""What has the faults, by its fixture."""

_RESTARTS: Final = ("stopped", "killed", "restart")

_CONFTEST: Final = """
import os
import pytest
from pytest_foodtrucks import service

SERVER = '''
import http.server, signal, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"taco")

    def log_message(self, *_):
        pass

signal.signal(signal.SIGTERM, lambda *_: sys.exit())
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
'''
neighbour = service(
    image=os.environ.get("EXAMPLE_PYTHON_IMAGE", "python:3.13-slim"), command=["python", "-c", SERVER], ports=[8000]
)

@pytest.fixture(scope="session")
def es_seed():
    def seed(es):
        for number in range(200):
            es.client.index(index="menu", document={"dish": "taco", "number": number})
        es.client.indices.refresh(index="menu")
    return seed
"""

_TESTS: Final = """
import json, random, threading, time
from contextlib import contextmanager
import pytest
from figures import PATIENCE, PLAN, SEED, THREADS

choose = random.Random(SEED)

@contextmanager
def load(ask, threads):
    ended, answers = threading.Event(), []

    def go_on():
        while not ended.wait(0.01):
            asked = time.monotonic()
            try:
                well = ask()
            except Exception:
                well = False
            answers.append([asked, time.monotonic(), bool(well)])

    running = [threading.Thread(target=go_on) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield answers
    finally:
        ended.set()
        for thread in running:
            thread.join()

def searching(service):
    if service.alias != "es":
        return lambda: service.client.get("/search?q=taco", timeout=PATIENCE).json()["hits"] > 0
    client = service.client.options(request_timeout=PATIENCE)
    return lambda: client.search(index="menu", query={"match": {"dish": "taco"}})["hits"]["total"]["value"] == 200

def asking(service):
    return lambda: service.client.get("/", timeout=PATIENCE).text == "taco"

@contextmanager
def fault(service, kind):
    if kind == "restart":
        service.restart()
        yield
    else:
        with getattr(service, kind)():
            yield

def is_back(answers, healed):
    return any(well and asked > healed for asked, _, well in answers[-50:])

@pytest.mark.parametrize(("fixture", "kind", "times"), PLAN)
def test_it(fixture, kind, times, request, web_on_net, neighbour):
    service = request.getfixturevalue(fixture)
    with load(searching(service), THREADS) as answers, load(asking(neighbour), 1) as beside:
        for _ in range(times):
            time.sleep(0.2)
            answers.clear()
            beside.clear()
            began = time.monotonic()
            with fault(service, kind):
                if kind != "restart":
                    time.sleep(choose.uniform(1.1, 1.5))
                leaving = time.monotonic() if kind != "restart" else began
            healed = time.monotonic()
            while not is_back(answers, healed) and time.monotonic() < healed + 10:
                time.sleep(0.01)
            time.sleep(0.3)
            note = dict(on=fixture, kind=kind, began=began, leaving=leaving, healed=healed,
                        answers=list(answers), beside=list(beside))
            with open("notes.jsonl", "a") as file:
                file.write(json.dumps(note) + "\\n")
"""


class Answer(NamedTuple):
    """A request of the load: when it was asked and answered, in seconds, and whether it was answered well."""

    asked: float
    answered: float
    well: bool


@dataclass(frozen=True)
class Trial:
    """One fault: when its block was entered and left, when it counted as healed, and what the load saw."""

    on: str
    kind: str
    began: float
    leaving: float
    healed: float
    answers: Sequence[Answer]
    beside: Sequence[Answer]

    @classmethod
    def read(cls, note: Mapping[str, Any]) -> "Trial":
        """Read what a test wrote down."""
        seen = {name: [Answer(*answer) for answer in note[name]] for name in ("answers", "beside")}
        return cls(**{**note, **seen})

    @property
    def stopped_after(self) -> float | None:
        """Seconds from the beginning to the last good answer; None for a restart, which has no block."""
        if self.leaving == self.began:
            return None
        good = [one.answered for one in self.answers if one.well and self.began <= one.answered <= self.leaving]
        return max(good, default=self.began) - self.began

    @property
    def healing(self) -> float:
        """Seconds from the end of the block until it returned."""
        return self.healed - self.leaving

    @property
    def back_after(self) -> float | None:
        """Seconds from then to the first good answer; None where none came."""
        good = [one.answered for one in self.answers if one.well and one.answered >= self.healed]
        return min(good) - self.healed if good else None

    @property
    def failed_after(self) -> int:
        """How many requests failed that were asked when it was healed."""
        return sum(not one.well for one in self.answers if one.asked > self.healed)

    @property
    def failed_beside(self) -> int:
        """How many requests to the neighbour failed."""
        return sum(not one.well for one in self.beside)

    def broken(self) -> list[str]:
        """Return a sentence for each promise that it broke."""
        what = f"{self.kind} on {self.on}"
        broken = []
        if self.stopped_after is not None and self.stopped_after > WITHIN:
            broken.append(f"{what}: traffic went on for {self.stopped_after:.2f} s")
        if self.back_after is None or self.back_after > WITHIN:
            when = "not" if self.back_after is None else f"only {self.back_after:.2f} s later"
            broken.append(f"{what}: healed, and traffic was {when} back")
        if self.failed_after:
            broken.append(f"{what}: {self.failed_after} requests failed that were asked after it was healed")
        if self.failed_beside:
            broken.append(f"{what}: {self.failed_beside} requests to the neighbour failed")
        if not self.beside:
            broken.append(f"{what}: the neighbour was asked nothing")
        return broken


def _run(soak: Soak) -> Section:
    options = soak.options
    plan = [
        *(("es_on_net", kind, options.faults) for kind in ("paused", "disconnected")),
        *(("web_on_net", kind, options.faults) for kind in _RESTARTS),
        *(("es_on_net", kind, options.elasticsearch_restarts) for kind in _RESTARTS),
    ]
    figures = f"PLAN, PATIENCE, SEED, THREADS = {plan!r}, {_PATIENCE}, {options.seed}, {options.threads}\n"
    suite = Suite.write(soak.folder / "suite", figures=figures, conftest=_CONFTEST, test_it=_TESTS)
    soak.say(f"{sum(times for *_, times in plan)} faults, each some seconds")
    ended = suite.run("--foodtrucks-timeout=600", timeout=60 * 60)
    failed = [] if ended.code == 0 else [f"the session ended with exit code {ended.code}: {ended.tail()!r}"]
    return reported([Trial.read(note) for note in suite.notes()], failed)


def reported(trials: Sequence[Trial], failed: Sequence[str] = ()) -> Section:
    """Sum up: one row for each kind of fault on each service."""
    groups: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[trial.on, trial.kind].append(trial)
    heads = ["fault", "on", "times", "requests", "traffic stopped after", "healing took", "back after that",
             "failed when healed", "requests beside", "failed beside"]  # fmt: skip
    rows = [[f"`{kind}`", _TITLES[on], *_figures(group)] for (on, kind), group in groups.items()]
    note = f"""
Seconds are the median and the longest. Traffic stopped with the last good answer, counted from the moment in which the
block was entered; healing took from the block's end until it returned; traffic was back with the first good answer
after that. A search is given up after {_PATIENCE:.0f} s, and who asked shortly before the end of healing may have to
wait for that: the engine's proxy accepts before the service does. Failed when healed are requests that were asked then,
by clients that had been in hand all the time and keep their connections. Beside it stood another service on the same
network, under a load of its own."""
    return Section(
        name="faults",
        title="Faults under load",
        summary=f"{len(trials)} faults; traffic was to stop within {WITHIN:.0f} s, and to be back within as much.",
        body=f"{table(heads, rows)}\n{note}",
        broken=[*failed, *(text for trial in trials for text in trial.broken())],
    )


def _figures(group: Sequence[Trial]) -> list[object]:
    return [
        len(group),
        sum(len(trial.answers) for trial in group),
        spread([trial.stopped_after for trial in group]),
        spread([trial.healing for trial in group]),
        spread([trial.back_after for trial in group]),
        sum(trial.failed_after for trial in group),
        sum(len(trial.beside) for trial in group),
        sum(trial.failed_beside for trial in group),
    ]


def spread(seconds: Sequence[float | None]) -> str:
    """Return the median and the longest of the times that there are."""
    known = [value for value in seconds if value is not None]
    return f"{statistics.median(known):.2f}, {max(known):.2f} s" if known else "-"


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--faults", type=int, default=50, help="of each kind (default: 50)")
    parser.add_argument(
        "--elasticsearch-restarts",
        type=int,
        default=10,
        metavar="N",
        help="of Elasticsearch, for each kind that starts it anew (default: 10)",
    )
    parser.add_argument("--threads", type=int, default=4, help="that ask at the same time (default: 4)")


COMMAND: Final = Command("faults", "faults on services under a running load", _add_options, _run)
