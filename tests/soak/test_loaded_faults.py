"""What the soak run of faults reads from what its tests wrote down: each promise can be seen broken."""

from dataclasses import replace

import pytest

from soak.loaded_faults import Answer, Trial, reported, spread

GOOD = Trial(
    on="web_on_net",
    kind="killed",
    began=10.0,
    leaving=12.0,
    healed=12.8,
    answers=[
        Answer(10.0, 10.1, well=True),
        Answer(10.2, 10.3, well=False),
        Answer(12.5, 12.9, well=False),
        Answer(12.85, 13.0, well=True),
    ],
    beside=[Answer(11.0, 11.1, well=True)],
)


def test_a_good_fault_breaks_nothing() -> None:
    assert GOOD.broken() == []
    assert GOOD.stopped_after == pytest.approx(0.1)
    assert GOOD.healing == pytest.approx(0.8)
    assert GOOD.back_after == pytest.approx(0.2)
    assert (GOOD.failed_after, GOOD.failed_beside) == (0, 0)


def test_a_note_is_read_as_it_was_written() -> None:
    note = {name: getattr(GOOD, name) for name in ("on", "kind", "began", "leaving", "healed")}
    lists = {name: [list(answer) for answer in getattr(GOOD, name)] for name in ("answers", "beside")}
    assert Trial.read({**note, **lists}) == GOOD


def test_a_fault_without_any_answer_stopped_traffic_at_once() -> None:
    assert replace(GOOD, answers=[]).stopped_after == 0


def test_a_restart_has_no_block_in_which_traffic_could_stop() -> None:
    assert replace(GOOD, leaving=10.0).stopped_after is None


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        (replace(GOOD, answers=[Answer(11.0, 11.5, well=True), *GOOD.answers]), "traffic went on for 1.50 s"),
        (replace(GOOD, answers=GOOD.answers[:3]), "healed, and traffic was not back"),
        (replace(GOOD, answers=[Answer(13.0, 14.0, well=True)]), "healed, and traffic was only 1.20 s later back"),
        (replace(GOOD, answers=[*GOOD.answers, Answer(13.0, 13.1, well=False)]), "1 requests failed that were asked"),
        (replace(GOOD, beside=[Answer(11.0, 12.0, well=False)]), "1 requests to the neighbour failed"),
        (replace(GOOD, beside=[]), "the neighbour was asked nothing"),
    ],
)
def test_each_broken_promise_is_reported(trial: Trial, words: str) -> None:
    [message] = trial.broken()
    assert message.startswith(f"killed on web_on_net: {words}")
    assert reported([GOOD, trial]).broken == [message]


def test_each_kind_of_fault_has_its_row() -> None:
    section = reported([GOOD, replace(GOOD, on="es_on_net", kind="restart", leaving=10.0)], ["the session failed"])
    first, second = section.body.splitlines()[2:4]
    figures = "1 | 4 | 0.10, 0.10 s | 0.80, 0.80 s | 0.20, 0.20 s | 0 | 1 | 0 |"
    assert first == f"| `killed` | the app, asked to search Elasticsearch | {figures}"
    assert second.startswith("| `restart` | Elasticsearch, searched | 1 | 4 | - | 2.80, 2.80 s |")
    assert section.broken == ["the session failed"]


def test_times_that_there_are_not_are_a_dash() -> None:
    assert spread([None]) == "-"
    assert spread([1.0, None, 3.0, 2.0]) == "2.00, 3.00 s"
