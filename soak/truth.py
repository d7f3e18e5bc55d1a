"""./run soak truth: questions of all kinds whose answers are known, while all processors are busy."""

import argparse
import json
import os
import random
import secrets
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import Final, TextIO

from pytest_foodtrucks.engine.engine import Engine

from . import events, questions
from .command import Command, Soak
from .document import Section, table
from .events import Event
from .loaded_faults import spread
from .machine import ROOT
from .pytest_sessions import Suite
from .questions import Question, World

_TOLD_EVERY: Final = 30.0
"""Seconds between two lines of progress."""

_TIME_LIMIT: Final = 3600.0

_OUTCOMES: Final = ("right", "wrong", "flaky", "unanswered")

_BARE: Final = """
FROM {image} AS tools
FROM scratch
COPY --from=tools /bin/busybox /httpd
ENTRYPOINT ["/httpd", "-f", "-p", "7000", "-h", "/sys/kernel"]
"""
"""An image with one static program and neither shell nor tools."""

_CONFTEST: Final = """
import os, sys
import pytest
from pytest_foodtrucks import Probe, network, service
from pytest_foodtrucks.probes.beacons import running_probe
from figures import BARE, ROOT

sys.path[:0] = [ROOT, f"{ROOT}/tests"]
from lab import ECHO, IDLE, IMAGE
from soak.questions import ALIASES, BRIDGE, MUTED, NOWHERE, ROBIN, SOURCES, TARGETS, TOOLLESS, World

home = network()
abroad = network()
island = network(internal=True)
echo = service(**ECHO, network="home", aliases=list(ALIASES["echo"]))
pair = service(image=IMAGE, command=["sh", "-c", "nc -ll -p 7001 -e cat & exec nc -ll -p 7000 -e cat"],
               ports=[7000, 7001], network="home")
foreign = service(**ECHO, network="abroad")
twin = service(**ECHO, network="abroad", aliases=["twin", ROBIN])
castaway = service(**ECHO, network="island")
neighbour = service(**IDLE, network="home")
stranger = service(**IDLE, network="abroad")

@pytest.fixture(scope="session")
def both(home, abroad, twin):
    with home.service(**ECHO, aliases=list(ALIASES["both"])) as service:
        abroad.connect(service, aliases=[*ALIASES["both"], ROBIN])
        yield service

@pytest.fixture(scope="session")
def stand(home, foodtrucks_engine):
    with home.service(**ECHO, aliases=["stand"]) as service:
        foodtrucks_engine.connect("bridge", service.container.id)
        yield service

@pytest.fixture(scope="session")
def bare(home):
    with home.service(image=BARE, ports=[7000], aliases=["bare"]) as service:
        yield service

def probe_on(fixture):
    def start(request):
        with request.getfixturevalue(fixture).probe() as probe:
            yield probe
    return pytest.fixture(scope="session")(start)

home_probe, abroad_probe, island_probe = map(probe_on, ("home", "abroad", "island"))

@pytest.fixture(scope="session")
def muted(home):
    with home.probe() as probe:
        silent = f"echo nameserver {home.subnet.rpartition('.')[0]}.250 >/etc/resolv.conf"
        assert probe.run(["sh", "-c", silent]).exit_code == 0
        yield probe

@pytest.fixture(scope="session")
def nowhere(home):
    with running_probe(home.stack, "none", "no network") as probe:
        yield probe

@pytest.fixture(scope="session")
def toolless(bare):
    return Probe(bare.container, "a container without tools")

@pytest.fixture(scope="session")
def world(request):
    names = [*SOURCES, *TARGETS, MUTED, NOWHERE, TOOLLESS]
    things = {name: request.getfixturevalue(name) for name in dict.fromkeys(names)}
    networks = {things[name].name: name for name in ("home", "abroad", "island")} | {"bridge": BRIDGE}
    addresses = {
        (target, networks[attachment.network]): attachment.addresses
        for target in TARGETS
        for attachment in things[target].container.attachments
    }
    gateways = {name: things[name].gateway for name in ("home", "abroad")}
    gateways[BRIDGE] = things["bridge_probe"].container.attachments[0].gateways[0]
    routes = things["island_probe"].run(["cat", "/proc/net/route"]).stdout.splitlines()
    internal_route = any(line.split()[1] == "00000000" for line in routes)
    return World(things, addresses, gateways, internal_route)
"""

_TESTS: Final = """
import random
from figures import BUSY, QUESTIONS, SEED, THREADS
from soak import truth

def test_it(world, foodtrucks_engine):
    with truth.busy(BUSY), open("notes.jsonl", "a") as file:
        truth.ask_all(world, foodtrucks_engine, file, count=QUESTIONS, threads=THREADS, seed=SEED)
"""


@dataclass(frozen=True)
class Result:
    """A question that was asked, as it is written down; `disturbed` tells of networks made or removed meanwhile."""

    kind: str
    text: str
    negative: bool
    expected: str
    answer: str
    flaky: bool
    words: str
    seconds: float
    disturbed: bool = False

    @property
    def outcome(self) -> str:
        """Which of four it is: right, wrong, flaky, or unanswered."""
        if self.flaky:
            return "flaky"
        if self.answer == self.expected:
            return "right"
        unanswered = {questions.UNANSWERED, "inconclusive"}
        return "unanswered" if self.answer in unanswered or "!" in self.answer else "wrong"

    def broken(self) -> list[str]:
        """Return a sentence for a promise that it broke."""
        if self.outcome == "right":
            return []
        when = ", while networks were created or removed on the engine" if self.disturbed else ""
        said = f"{self.answer!r} instead of {self.expected!r}"
        return [f"{self.outcome}: {self.kind}: {self.text}: {said}{when}: {' '.join(self.words.split())}"]


@contextmanager
def busy(count: int) -> "Iterator[list[subprocess.Popen[bytes]]]":
    """Keep processors busy with so many processes that do nothing but count; yield them."""
    with ExitStack() as undo:
        started = []
        for _ in range(count):
            started.append(undo.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"])))
            undo.callback(started[-1].kill)  # before it is waited for
        yield started


def ask_all(world: World, engine: Engine, file: TextIO, *, count: int, threads: int, seed: int) -> None:
    """Draw questions, ask them side by side, and write each down as a line when it is answered."""
    drawn = questions.draw(count, random.Random(seed))  # noqa: S311 - no secret
    with ThreadPoolExecutor(threads) as pool:
        answered = pool.map(lambda question: ask(question, world, engine), drawn)
        for result in answered:
            file.write(json.dumps(asdict(result)) + "\n")
            file.flush()  # whole lines only, for who reads them meanwhile


def ask(question: Question, world: World, engine: Engine) -> Result:
    """Ask one question; where the answer isn't the known one, look whether networks came and went meanwhile."""
    began = time.monotonic()
    reply = questions.asked(question.ask, world)
    seconds = time.monotonic() - began
    result = Result(
        kind=question.kind,
        text=question.text,
        negative=question.negative,
        expected=question.answer(world),
        answer=reply.answer,
        flaky=reply.flaky,
        words=reply.words,
        seconds=seconds,
    )
    disturbed = result.outcome != "right" and engine.networks_changed(seconds + 1)
    return replace(result, disturbed=disturbed)


def _run(soak: Soak) -> Section:
    options = soak.options
    busy_processes = os.cpu_count() if options.busy is None else options.busy
    with _bare_image(soak) as bare:
        figures = {"BARE": bare, "ROOT": str(ROOT), "BUSY": busy_processes, "QUESTIONS": options.questions}
        figures |= {"SEED": options.seed, "THREADS": options.threads}
        lines = "".join(f"{name} = {value!r}\n" for name, value in figures.items())
        suite = Suite.write(soak.folder / "suite", figures=lines, conftest=_CONFTEST, test_it=_TESTS)
        with events.heard(soak.engine) as heard:
            failed = _answered(soak, suite)
    results = [Result(**note) for note in suite.notes()]
    if len(results) != options.questions:
        failed.append(f"only {len(results)} of {options.questions} questions came to an end")
    others = networks_of_others(heard, suite.identity())
    return reported(results, failed, busy_processes=busy_processes, threads=options.threads, others=others)


def networks_of_others(heard: Sequence[Event], identity: str | None) -> int:
    """Count the networks that others than the run made meanwhile; `identity` is its state folder's."""
    own = events.made(heard, {identity} if identity is not None else set())
    made = {event.id for event in heard if (event.kind, event.action) == ("network", "create")}
    return len(made - {network for session in own.values() for network in session.networks})


@contextmanager
def _bare_image(soak: Soak) -> Iterator[str]:
    """Build the image of a service without tools, and remove it: here, since a session may be ended by force."""
    folder, tag = soak.folder / "bare", f"foodtrucks-soak-bare:{secrets.token_hex(4)}"
    folder.mkdir()
    dockerfile = _BARE.format(image=os.environ.get("EXAMPLE_BUSYBOX_IMAGE", "busybox"))
    (folder / "Dockerfile").write_text(dockerfile, encoding="utf-8")
    for _ in soak.engine.build(folder, dockerfile="Dockerfile", args={}, tag=tag):
        pass  # its lines end when it is done
    try:
        yield tag
    finally:
        soak.engine.api.remove_image(tag, force=True)


def _answered(soak: Soak, suite: Suite) -> list[str]:
    """Run the session to its end and tell how far it is; return its failure as a message."""
    give_up, known = time.monotonic() + _TIME_LIMIT, 0
    with suite.started("--foodtrucks-timeout=600") as session:
        while session.process.poll() is None and time.monotonic() < give_up:
            with suppress(subprocess.TimeoutExpired):
                session.process.wait(timeout=_TOLD_EVERY)
            results = [Result(**note) for note in suite.notes()]
            soak.say(f"{len(results)}/{soak.options.questions}: {dict(Counter(result.outcome for result in results))}")
            for text in (text for result in results[known:] for text in result.broken()):
                soak.say(f"  {text}")
            known = len(results)
        code = session.process.poll()
    tail = "\n".join(session.output.splitlines()[-15:])
    return [] if code == 0 else [f"the session ended with exit code {code}: {tail!r}"]


def reported(
    results: Sequence[Result], failed: Sequence[str] = (), *, busy_processes: int | None, threads: int, others: int = 0
) -> Section:
    """Sum up: two rows for each kind of question, one for the yes and one for the no.

    `others` is how many networks others than the run made on the engine meanwhile.
    """
    groups: dict[tuple[str, bool], list[Result]] = defaultdict(list)
    for result in results:
        groups[result.kind, result.negative].append(result)
    heads = ["question", "true answer", "asked", *_OUTCOMES, "seconds"]
    rows = [
        [f"`{kind}`", "no" if negative else "yes", *_figures(groups[kind, negative])]
        for kind, negative in sorted(groups)
    ]
    outcomes = Counter(result.outcome for result in results)
    negatives = sum(result.negative for result in results)
    counts = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in _OUTCOMES)
    note = f"""
Seconds are the median and the longest, and include the wait for others that ask from the same place. A no is the truth
where there is no such name or no connection, whatever the assertion makes of it: `assert_isolated` passes then, and
`assert_reachable` raises. The answer to a question to `reachability` is a whole table, of two sources and two targets;
its first cell says which of the two it is. Unanswered is a question that ended in ProbeError, or inconclusive where the
truth was known. {threads} questions were asked side by side, while {busy_processes} processes did nothing but
count. Meanwhile others made {others} networks on the engine, and Docker's isolation is away for some milliseconds at
each; the run itself made its own before it asked."""
    return Section(
        name="truth",
        title="Questions with known answers",
        summary=f"{len(results)} questions, {negatives} of them with a no for an answer: {counts}.",
        body=f"{table(heads, rows)}\n{note}",
        broken=[*failed, *(text for result in results for text in result.broken())],
    )


def _figures(group: Sequence[Result]) -> list[object]:
    outcomes = Counter(result.outcome for result in group)
    return [len(group), *(outcomes[outcome] for outcome in _OUTCOMES), spread([result.seconds for result in group])]


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--questions", type=int, default=1000, help="in all (default: 1000)")
    parser.add_argument("--threads", type=int, default=12, help="that ask at the same time (default: 12)")
    parser.add_argument("--busy", type=int, metavar="N", help="processes that only count (default: one for each CPU)")


COMMAND: Final = Command("truth", "questions with known answers, while all processors are busy", _add_options, _run)
