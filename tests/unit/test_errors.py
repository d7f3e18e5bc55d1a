"""What all errors of the plugin have in common."""

import inspect

import pytest

from pytest_foodtrucks import errors
from pytest_foodtrucks.errors import FoodtrucksError, StartError

ALL = [thing for _, thing in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_each_error_descends_from_ours(error: type) -> None:
    assert issubclass(error, FoodtrucksError)


def test_a_question_without_an_answer_is_no_failed_assertion() -> None:
    assert not issubclass(errors.ProbeError, AssertionError)


def test_an_error_shows_the_last_log_lines_behind_its_message() -> None:
    assert str(StartError("es ended.", logs="one\ntwo\n")) == "es ended.\nIts last log lines:\n    one\n    two"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("it sent no response.. Remedy: wait.", "it sent no response. Remedy: wait."),
        ("it says (no)..", "it says (no)."),
        ("cd .. goes up... or so..\nmore", "cd .. goes up... or so.\nmore"),
        ("a/../b", "a/../b"),
    ],
)
def test_a_sentence_that_is_quoted_with_its_full_stop_has_one(message: str, shown: str) -> None:
    assert StartError(message).message == shown


def test_without_log_lines_the_message_stands_alone() -> None:
    assert str(StartError("es ended.")) == "es ended."
