"""The soak run of questions with known answers: what is drawn, how an answer is read, and each promise seen broken."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from unittest import mock

import pytest

from pytest_foodtrucks import EngineError, IsolationError, Matrix, ProbeError, Verdict, VerdictKind
from pytest_foodtrucks.isolation.tables import Cell
from pytest_foodtrucks.probes.verdicts import Attempt
from soak import questions, truth
from soak.machine import ROOT
from soak.questions import Ask, Question, Reply, World
from soak.truth import Result, reported

from .test_events import OURS, container, network

WORLD = World(
    things={name: name for name in [*questions.SOURCES, *questions.TARGETS]},
    addresses={
        (target, network): (f"{target} on {network}",)
        for target, networks in questions.TARGETS.items()
        for network in networks
    },
    gateways={},
    internal_route=True,
)

RESULT = Result(
    kind="assert_isolated",
    text="abroad, the service echo",
    negative=True,
    expected="passes",
    answer="passes",
    flaky=False,
    words="",
    seconds=4.0,
)


def verdict(*kinds: VerdictKind) -> Verdict:
    """Return the verdict of tries with these ends."""
    attempts = tuple(Attempt(kind, 0.1, "words") for kind in kinds)
    kind = kinds[0] if len(set(kinds)) == 1 else VerdictKind.INCONCLUSIVE
    return Verdict(kind, "192.0.2.1", 7000, len(kinds), "words", attempts)


def raising(error: Exception) -> Ask:
    """Return a question that ends in an error."""
    return mock.Mock(side_effect=error)


def answers_of(kind: str, text: str) -> str:
    """Return the known answer of the one question that there is of a kind and a text."""
    (found,) = [one for one in questions.every_question() if (one.kind, one.text) == (kind, text)]
    return found.answer(WORLD)


def drawn(count: int, seed: int) -> list[Question]:
    """Draw questions as the soak run does."""
    return questions.draw(count, random.Random(seed))  # noqa: S311 - no secret


DRAWING = """
import random
from soak import questions
print([(one.kind, one.text) for one in questions.draw(200, random.Random(7))])
"""


class TestDrawing:
    """Half of the questions are negative, all kinds come up, and a seed draws the same again."""

    def test_half_are_negative(self) -> None:
        assert Counter(question.negative for question in drawn(1000, seed=1)) == {True: 500, False: 500}

    def test_each_kind_comes_up(self) -> None:
        kinds = {(one.kind, one.negative) for one in drawn(1000, seed=1)}
        assert kinds == {(one.kind, one.negative) for one in questions.every_question()}

    def test_each_kind_of_verdict_is_asked_for(self) -> None:
        kinds = {one.kind for one in questions.every_question()}
        assert {f"Probe.connect: {kind}" for kind in VerdictKind} <= kinds

    def test_a_seed_draws_the_same_again(self) -> None:
        first, second, other = ([(one.kind, one.text) for one in drawn(50, seed)] for seed in (7, 7, 8))
        assert first == second != other

    def test_another_process_draws_the_same(self) -> None:
        answers = {
            subprocess.check_output(
                [sys.executable, "-c", DRAWING], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}
            )
            for seed in ("1", "2", "3")
        }
        assert len(answers) == 1

    def test_no_question_has_two_answers(self) -> None:
        answers: dict[tuple[str, str], set[str]] = {}
        for one in questions.every_question():
            kind = "Probe.connect" if one.kind.startswith("Probe.connect") else one.kind
            answers.setdefault((kind, one.text), set()).add(one.answer(WORLD))
        assert [about for about, known in answers.items() if len(known) > 1] == []


@pytest.mark.parametrize(
    ("kind", "text", "answer"),
    [
        ("assert_resolves", "neighbour, the name yell", "passes"),
        ("assert_resolves", "abroad, the service echo", "ResolutionError"),
        ("assert_not_resolves", "island, the service echo", "passes"),
        ("assert_reachable", "both, the name foreign, port 7000", "passes"),
        ("assert_reachable", "both, the name foreign, port 7999", "ReachabilityError"),
        ("assert_reachable", "bridge_probe, the service stand, port 7000", "ReachabilityError"),
        ("assert_isolated", "bridge_probe, the service stand", "IsolationError"),
        ("assert_isolated", "castaway, the service both", "passes"),
        ("Probe.resolve", "abroad_probe, duo", "both on abroad"),
        ("Probe.resolve", "bridge_probe, stand", ""),
        ("Probe.connect: connected", "bridge_probe, the address of stand on bridge", "connected"),
        ("Probe.connect: dropped", "abroad_probe, the address of both on home", "dropped"),
        ("Probe.connect, from an internal network", "island_probe, the address of echo on home", "dropped"),
    ],
)
def test_the_known_answer_follows_from_who_is_on_which_network(kind: str, text: str, answer: str) -> None:
    assert answers_of(kind, text) == answer


def test_a_name_leads_to_addresses_of_both_families_and_by_address_the_last_one_is_asked() -> None:
    both = replace(WORLD, addresses={**WORLD.addresses, ("echo", "home"): ("172.30.0.2", "fd00::2")})
    questions_of = {(one.kind, one.text): one for one in questions.every_question()}
    assert questions_of["Probe.resolve", "home_probe, echo"].answer(both) == "172.30.0.2, fd00::2"
    probe = mock.Mock()
    things = replace(both, things={**both.things, "home_probe": probe})
    questions_of["Probe.connect: connected", "home_probe, the address of echo on home"].ask(things)
    probe.connect.assert_called_once_with("fd00::2", 7000)


def test_a_tables_first_cell_says_whether_the_question_is_negative() -> None:
    tables = [one for one in questions.every_question() if one.kind == "reachability"]
    assert {one.negative for one in tables} == {True, False}
    assert [one for one in tables if one.negative is not (one.answer(WORLD)[0] == "X")] == []


def test_an_internal_network_without_a_route_has_nothing_dropped() -> None:
    text = "island_probe, the address of echo on home"
    (question,) = [one for one in questions.every_question() if one.text == text]
    assert question.answer(replace(WORLD, internal_route=False)) == "unreachable"


class TestReading:
    """What the package says becomes an answer."""

    @pytest.mark.parametrize(
        ("said", "reply"),
        [
            (None, Reply("passes", flaky=False)),
            (["192.0.2.9", "192.0.2.1"], Reply("192.0.2.1, 192.0.2.9", flaky=False)),
            ([], Reply("", flaky=False)),
            (verdict(VerdictKind.DROPPED), Reply("dropped", flaky=False, words="words")),
            (verdict(VerdictKind.DROPPED, VerdictKind.CONNECTED), Reply("inconclusive", flaky=True, words="words")),
        ],
    )
    def test_what_was_said(self, said: object, reply: Reply) -> None:
        assert questions.asked(lambda _: said, WORLD) == reply

    def test_a_table(self) -> None:
        cells = {
            ("a", "c"): Cell(".", "", "", verdict(VerdictKind.CONNECTED), ""),
            ("a", "d"): Cell("!", "", "", verdict(VerdictKind.DROPPED, VerdictKind.CONNECTED), ""),
        }
        assert questions.read(Matrix(("a",), ("c", "d"), cells)) == Reply(".!", flaky=True, words="words; words")

    @pytest.mark.parametrize(
        ("error", "answer", "flaky"),
        [
            (IsolationError("open"), "IsolationError", False),
            (IsolationError("flaky, the tries differ"), "IsolationError", True),
            (ProbeError("no answer"), "unanswered", False),
            (EngineError("no engine"), "unanswered", False),
        ],
    )
    def test_an_error(self, error: Exception, answer: str, *, flaky: bool) -> None:
        reply = questions.asked(raising(error), WORLD)
        assert (reply.answer, reply.flaky) == (answer, flaky)
        assert str(error) in reply.words


class TestAsking:
    """A question is written down with what came of it; a look at the engine's events is only for a bad one."""

    def ask(self, answer: str) -> tuple[Result, int]:
        engine = mock.Mock()
        engine.networks_changed.return_value = True
        question = Question("a kind", "a text", negative=False, expected="passes", ask=lambda _: [answer])
        return truth.ask(question, WORLD, engine), engine.networks_changed.call_count

    def test_a_right_answer(self) -> None:
        result, looked = self.ask("passes")
        assert (result.outcome, result.disturbed, looked) == ("right", False, 0)

    def test_a_wrong_answer_tells_of_networks_that_came_and_went(self) -> None:
        result, looked = self.ask("another")
        assert (result.outcome, result.disturbed, looked) == ("wrong", True, 1)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (
            replace(RESULT, answer="IsolationError", words="it is\nopen"),
            "wrong: assert_isolated: abroad, the service echo: 'IsolationError' instead of 'passes': it is open",
        ),
        (replace(RESULT, flaky=True), "flaky: assert_isolated"),
        (replace(RESULT, answer="unanswered", words="ProbeError: why"), "unanswered: assert_isolated"),
        (replace(RESULT, expected="connected", answer="inconclusive"), "unanswered: assert_isolated"),
        (replace(RESULT, expected=".X", answer=".!"), "unanswered: assert_isolated"),
        (
            replace(RESULT, text="t", answer="x", disturbed=True),
            "wrong: assert_isolated: t: 'x' instead of 'passes', while networks were created or removed on the engine",
        ),
    ],
)
def test_each_broken_promise_is_reported(result: Result, words: str) -> None:
    (line,) = reported([RESULT, result], busy_processes=2, threads=12).broken
    assert line.startswith(words)


def test_what_is_inconclusive_by_intention_is_right() -> None:
    assert replace(RESULT, expected="inconclusive", answer="inconclusive").outcome == "right"


def test_each_kind_has_a_row_for_the_yes_and_one_for_the_no() -> None:
    results = [RESULT, replace(RESULT, seconds=6.0, answer="IsolationError"), replace(RESULT, negative=False)]
    section = reported(results, ["the session failed"], busy_processes=2, threads=12)
    assert section.body.splitlines()[2:4] == [
        "| `assert_isolated` | yes | 1 | 1 | 0 | 0 | 0 | 4.00, 4.00 s |",
        "| `assert_isolated` | no | 2 | 1 | 1 | 0 | 0 | 5.00, 6.00 s |",
    ]
    assert section.summary == (
        "3 questions, 2 of them with a no for an answer: 2 right, 1 wrong, 0 flaky, 0 unanswered."
    )
    assert section.broken[0] == "the session failed"


def test_networks_that_others_made_are_counted() -> None:
    own = [network("create", "n1"), container("create", "c1"), network("connect", "n1", attached="c1")]
    heard = [*own, network("create", "n2"), network("destroy", "n2"), network("create", "n3")]
    assert truth.networks_of_others(heard, OURS) == 2
    assert "others made 2 networks" in reported([RESULT], busy_processes=2, threads=12, others=2).body


def test_busy_processes_count_for_the_length_of_a_block() -> None:
    with truth.busy(2) as started:
        assert len(started) == 2
        time.sleep(0.05)
        assert all(process.poll() is None for process in started)
    assert all(process.poll() is not None for process in started)
