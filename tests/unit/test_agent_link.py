"""The way to an agent, against streams in memory: whatever it says amiss is no answer, never a wrong one."""

import json
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from fakes.agent import OPEN, PROHIBITED, REFUSED, Says, Stream, reply, resolves_to
from pytest_foodtrucks.engine.execs import ExecStream
from pytest_foodtrucks.probes import asking
from pytest_foodtrucks.probes.agent import client as client_module
from pytest_foodtrucks.probes.agent import link as link_module
from pytest_foodtrucks.probes.agent.client import Agent, Arrivals, Connection, Packet
from pytest_foodtrucks.probes.agent.link import Link, NoReply


class Starts:
    """Starts one agent after the other; the last one answers rightly."""

    def __init__(self, *streams: ExecStream) -> None:
        self.streams = [*streams, Stream()]
        self.started = 0

    def __call__(self, argv: Sequence[str]) -> ExecStream:
        del argv
        self.started += 1
        return self.streams[min(self.started, len(self.streams)) - 1]


def no_answer(says: Says, within: float = 60) -> str:
    """Return why there is no answer from an agent that says this."""
    with pytest.raises(NoReply) as raised:
        Link(Starts(Stream(says))).ask("about", within=within)
    return str(raised.value)


def test_an_agent_answers() -> None:
    assert Link(Starts()).ask("about", within=5) == "about"


def test_an_answer_may_come_in_pieces() -> None:
    link = Link(Starts(Stream(lambda question: [bytes([byte]) for byte in reply(question)])))
    assert link.ask("about", within=5) == "about"


@pytest.mark.parametrize("tail", [b"", b'{"v": 1, "id"'], ids=["nothing", "half a line"])
def test_an_agent_that_ends_before_its_answer_has_none(tail: bytes) -> None:
    assert no_answer(lambda _: [tail, b""] if tail else [b""]).startswith("the agent ended")


def test_an_answer_without_its_end_of_line_is_none() -> None:
    assert no_answer(lambda question: [reply(question).strip(), b""]).startswith("the agent ended")


def test_a_line_too_long_ends_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "_LONGEST_LINE", 1000)
    words = no_answer(lambda _: [b"x" * 500] * 4)
    assert words.startswith("the agent says too much")
    assert len(words) < 500


def test_a_flood_of_noise_ends_the_agent() -> None:
    words = no_answer(lambda _: [b"noise\n" * 10000] * 100)
    assert words.startswith("the agent says too much")


def test_noise_before_an_answer_is_passed_over() -> None:
    link = Link(Starts(Stream(lambda question: [b"warning\n", b"\xff\n[1]\n" + reply(question)])))
    assert link.ask("about", within=5) == "about"


@pytest.mark.parametrize(
    "line",
    [b"[1]\n", b'"id"\n', b"null\n", b'{"id": []}\n', b'{"id": {}}\n', b"{}\n", b"[" * 100_000 + b"\n", b"\xff\xfe\n"],
)
def test_a_line_that_is_no_answer_is_noise(line: bytes) -> None:
    assert no_answer(lambda _: [line, b""]).startswith("the agent ended")


def test_an_answer_to_another_question_is_noise() -> None:
    assert no_answer(lambda question: [reply(question, id="0" * 16), b""]).startswith("the agent ended")


@pytest.mark.parametrize("amiss", [{"v": 2}, {"v": None}, {"trouble": "OSError: too many"}])
def test_an_answer_of_another_version_or_with_a_trouble_is_none(amiss: dict[str, Any]) -> None:
    assert no_answer(lambda question: [reply(question, **amiss)]).startswith("the agent has no answer")


def test_a_silent_agent_has_no_answer_and_is_replaced() -> None:
    starts = Starts(hung := Stream(lambda _: []))
    link = Link(starts)
    with pytest.raises(NoReply, match=r"silent: nothing came within 0\.01 s"):
        link.ask("about", within=0.01)
    assert hung.closed
    assert link.ask("about", within=5) == "about"
    assert starts.started == 2


@pytest.mark.parametrize("last_words", [[], [b"Killed\n"], [b"Trace\n", b"back\n"]])
def test_an_agent_that_died_before_it_is_asked_is_replaced(last_words: list[bytes]) -> None:
    first = Stream()
    link = Link(starts := Starts(first))
    link.ask("about", within=5)
    first.said += [*last_words, b""]
    assert link.ask("about", within=5) == "about"
    assert starts.started == 2


def test_an_agent_that_dies_while_it_is_asked_is_replaced_for_the_next_question() -> None:
    link = Link(Starts(Stream(lambda _: [b"Killed\n", b""])))
    with pytest.raises(NoReply, match="the agent ended; heard 'Killed'"):
        link.ask("about", within=5)
    assert link.ask("about", within=5) == "about"


def test_a_container_without_python_is_told_with_the_remedy() -> None:
    says: Says = lambda _: [b'exec failed: "python3": executable file not found in $PATH\n', b""]  # noqa: E731
    with pytest.raises(NoReply, match=r"(?s)no agent starts there.*exec failed.*Remedy: give --foodtrucks-probe-imag"):
        Link(Starts(Stream(greets=says))).ask("about", within=5)


def test_an_engine_that_starts_nothing_is_no_answer() -> None:
    def start(argv: Sequence[str]) -> ExecStream:
        raise OSError(f"no {argv[0]}")

    with pytest.raises(NoReply, match="no python3"):
        Link(start).ask("about", within=5)


def test_threads_that_ask_at_once_get_their_own_answers() -> None:
    waiting: list[bytes] = []
    lock = threading.Lock()

    def backwards(question: dict[str, Any]) -> list[bytes]:
        with lock:
            waiting.append(reply(question, answer=question["number"]))
            return waiting[::-1] if len(waiting) == 8 else []

    link, answers = Link(Starts(Stream(backwards))), {}

    def ask(number: int) -> None:
        answers[number] = link.ask("about", within=60, number=number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: number for number in range(8)}


def test_close_hangs_up_and_the_next_question_starts_another_agent() -> None:
    starts = Starts(first := Stream())
    link = Link(starts)
    link.ask("about", within=5)
    link.close()
    assert first.closed
    assert link.ask("about", within=5) == "about"
    assert starts.started == 2


def test_close_before_any_question_does_nothing() -> None:
    Link(starts := Starts()).close()
    assert starts.started == 0


class BlockedStream(Stream):
    """Whoever receives after the greeting waits until it is told to go on."""

    def __init__(self) -> None:
        super().__init__(lambda _: [])
        self.receiving, self.go_on = threading.Event(), threading.Event()
        self.closed_meanwhile = False

    def receive(self, seconds: float) -> bytes:
        if self.said:
            return super().receive(seconds)
        self.receiving.set()
        self.go_on.wait(10)
        self.closed_meanwhile |= self.closed
        return b""


def test_a_stream_is_not_closed_under_the_thread_that_reads_it() -> None:
    stream = BlockedStream()
    link = Link(Starts(stream))
    agent = link._ready()  # noqa: SLF001 - greeted
    asking = threading.Thread(target=lambda: pytest.raises(NoReply, agent.ask, "about", {}, 60))  # noqa: RUF061 - in a thread
    asking.start()
    stream.receiving.wait(10)
    closing = threading.Thread(target=link.close)
    closing.start()
    closing.join(0.2)
    stream.go_on.set()
    asking.join()
    closing.join()
    assert not stream.closed_meanwhile


forking = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
"""Python warns of a fork where there are threads, which is what is tried here."""


def in_forked_process(call: Callable[[], Any]) -> Any:
    """Return what a function returns in a forked process; None where it doesn't end."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends it
        try:
            os.write(writing, json.dumps(call()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        told = file.read()
    os.waitpid(child, 0)
    return json.loads(told) if told else None


@forking
def test_a_forked_process_asks_another_agent_and_reads_nothing_of_the_first() -> None:
    starts = Starts(first := Stream())
    link = Link(starts)
    link.ask("about", within=5)
    before = first.received
    told = in_forked_process(
        lambda: [link.ask("about", within=5), starts.started, first.received - before, first.closed]
    )
    assert told == ["about", 2, 0, False]


class SlowStarts(Starts):
    """The first agent takes until the test lets it start."""

    def __init__(self) -> None:
        super().__init__()
        self.starting, self.go_on = threading.Event(), threading.Event()

    def __call__(self, argv: Sequence[str]) -> ExecStream:
        stream = super().__call__(argv)
        if self.started == 1:
            self.starting.set()
            self.go_on.wait(60)
        return stream


@forking
def test_a_forked_process_asks_although_a_thread_of_its_parent_was_starting_an_agent() -> None:
    link = Link(starts := SlowStarts())
    asking = threading.Thread(target=link.ask, args=("about",), kwargs={"within": 5})
    asking.start()
    starts.starting.wait(10)
    told = in_forked_process(lambda: link.ask("about", within=5))
    starts.go_on.set()
    asking.join()
    assert told == "about"


@forking
def test_a_forked_process_closes_although_a_thread_of_its_parent_was_reading() -> None:
    stream = BlockedStream()
    link = Link(Starts(stream))
    asking = threading.Thread(target=lambda: pytest.raises(NoReply, link.ask, "about", within=60))  # noqa: RUF061 - in a thread
    asking.start()
    stream.receiving.wait(10)

    def close_and_ask() -> Any:
        link.close()
        return link.ask("about", within=5)

    told = in_forked_process(close_and_ask)
    stream.go_on.set()
    asking.join()
    assert told == "about"


# the client


WEB = Connection("172.30.0.2", 80)


def connect(*tries: Any, **values: Any) -> None:
    answer = {"tries": {"0": list(tries)}, "changes": 0, **values}
    Agent(Starts(Stream(lambda question: [reply(question, answer=answer)]))).connect([WEB])


def test_three_tries_are_read() -> None:
    connect(OPEN, OPEN, PROHIBITED)


@pytest.mark.parametrize(
    "amiss",
    [
        {"error": "ECONNREFUSED"},
        {"error": ""},
        {"icmp": PROHIBITED["icmp"]},
        {"connected": 1},
        {"connected": False, "icmp": PROHIBITED["icmp"]},
        {"connected": False, "error": 111},
        {"local": []},
        {"seconds": None},
        {"segments": [1]},
        {"segments": "12"},
    ],
    ids=str,
)
def test_a_try_that_contradicts_itself_is_no_answer(amiss: dict[str, Any]) -> None:
    with pytest.raises(NoReply, match="can't be read"):
        connect(OPEN, OPEN, {**OPEN, **amiss})


def test_more_tries_than_were_asked_for_are_no_answer() -> None:
    with pytest.raises(NoReply, match="more tries"):
        connect(*[OPEN] * 4)


def test_an_agent_that_makes_no_try_has_no_answer() -> None:
    with pytest.raises(NoReply, match="makes no try"):
        connect()


def test_what_an_agent_had_no_room_for_is_asked_for_again() -> None:
    asked: list[dict[str, int]] = []

    def one_try_at_once(question: dict[str, Any]) -> list[bytes]:
        asked.append({each["address"]: each["tries"] for each in question["connections"]})
        tries = {each["key"]: [REFUSED] if each["key"] == "0" else [] for each in question["connections"]}
        return [reply(question, answer={"tries": tries, "changes": int(len(asked) == 2)})]

    es = replace(WEB, address="172.30.0.3", tries=1)
    outcomes, changed = Agent(Starts(Stream(one_try_at_once))).connect([WEB, es])
    assert asked == [
        {WEB.address: 3, es.address: 1},
        {WEB.address: 2, es.address: 1},
        {WEB.address: 1, es.address: 1},
        {es.address: 1},
    ]
    assert {each: [one.error for one in told] for each, told in outcomes.items()} == {
        WEB: ["ECONNREFUSED"] * 3,
        es: ["ECONNREFUSED"],
    }
    assert changed


@pytest.mark.parametrize("answer", [None, [], "text", {}, {"tries": {}}, {"tries": {"0": None}}], ids=str)
def test_an_answer_of_another_form_is_no_answer(answer: Any) -> None:
    agent = Agent(Starts(Stream(lambda question: [reply(question, answer=answer)])))
    for ask in (lambda: agent.connect([WEB]), lambda: agent.look_up(["web"])):
        with pytest.raises(NoReply, match="can't be read"):
            ask()


def look_up(name: dict[str, Any]) -> Any:
    return Agent(Starts(Stream(lambda question: [reply(question, answer={"web": name})]))).look_up(["web"])["web"]


def test_a_name_is_read() -> None:
    assert look_up(resolves_to("10.0.0.1") or {}).addresses == ("10.0.0.1",)


@pytest.mark.parametrize(
    "amiss",
    [
        {"hosts": "10.0.0.1"},
        {"application": {"addresses": "10.0.0.1", "error": None}},
        {"application": {"addresses": ["10.0.0.1"], "error": "EAI_NONAME"}},
        {"application": {"addresses": [1], "error": None}},
        {"queries": [{"name": "web."}]},
        {"queries": [{**(resolves_to("10.0.0.1") or {})["queries"][0], "error": "no answer"}]},
        {"queries": [{**(resolves_to("10.0.0.1") or {})["queries"][0], "rcode": None}]},
    ],
    ids=str,
)
def test_a_name_that_contradicts_itself_is_no_answer(amiss: dict[str, Any]) -> None:
    with pytest.raises(NoReply, match="can't be read"):
        look_up({**(resolves_to("10.0.0.1") or {}), **amiss})


PACKET: list[Any] = ["tcp", "10.0.0.1", 40000, "10.0.0.2", 80, ""]
WATCHED: dict[str, Any] = {
    "packets": [PACKET],
    "lost": 0,
    "before": {"ListenOverflows": 1},
    "after": {"ListenOverflows": 3},
}


def watched(told: Any) -> Arrivals:
    """Return what an agent saw that says this at the end of its watch."""

    def says(question: dict[str, Any]) -> list[bytes]:
        return [reply(question, answer=told if question["ask"] == "watched" else {"watch": 1})]

    with Agent(Starts(Stream(says))).watching() as seen:
        return seen()


def test_arrivals_are_read() -> None:
    assert watched(WATCHED) == Arrivals((Packet("tcp", "10.0.0.1", 40000, "10.0.0.2", 80, ""),), True, 2)  # noqa: FBT003


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {**WATCHED, "packets": None},
        {**WATCHED, "packets": [PACKET[:5]]},
        {**WATCHED, "packets": [[*PACKET[:5], None]]},
        {**WATCHED, "packets": [[*PACKET[:2], "40000", *PACKET[3:]]]},
        {**WATCHED, "after": {}},
        {key: value for key, value in WATCHED.items() if key != "lost"},
    ],
    ids=str,
)
def test_arrivals_that_cant_be_read_are_no_answer(told: Any) -> None:
    with pytest.raises(NoReply, match="can't be read"):
        watched(told)


# what is no answer is no verdict


TROUBLES: dict[str, Says] = {
    "lies": lambda question: [reply(question, answer={"tries": {"0": [{**OPEN, "error": "EPERM"}] * 3}, "changes": 0})],
    "dies half-way": lambda question: [reply(question)[:20], b""],
    "floods": lambda _: [b"noise\n" * 10000] * 100,
    "answers for another question": lambda question: [reply(question, id="0" * 16), b""],
    "is stopped": lambda _: [],
    "runs out of memory": lambda question: [reply(question, trouble="MemoryError: ")],
}


@pytest.mark.parametrize("says", TROUBLES.values(), ids=TROUBLES)
def test_an_agent_in_trouble_gives_no_verdict(says: Says, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_MARGIN", "_BEGIN_SECONDS", "_LOOK_UP_SECONDS"):
        monkeypatch.setattr(client_module, name, 0.02)
    agent, connection = Agent(lambda _: Stream(says)), replace(WEB, wait=0.01)
    assert asking.connect(agent, [connection])[0][connection].kind == "inconclusive"
    found = asking.look_up(agent, ["web"])["web"]
    assert (found.failure, found.absent) == ("inconclusive", False)
