"""After which errors a request is made again, and for how long."""

from collections.abc import Callable

import pytest

from fakes.machine import Clock
from pytest_foodtrucks.engine.patience import (
    ANSWER_SECONDS,
    Patience,
    RetryPolicy,
    appearance,
    change,
    freeze,
    question,
    removal,
)
from pytest_foodtrucks.errors import EngineError, NoAnswer

AWAY = NoAnswer("connection refused")
LATE = NoAnswer("read timed out", late=True)
BROKEN = EngineError("disk on fire", status=500)
UNFROZEN = EngineError("OCI runtime pause failed: unable to freeze: unknown", status=500)
LOADED = EngineError("fork: Resource temporarily unavailable", status=500)
MISSING = EngineError("no such container", status=404)
CONFLICT = EngineError("it is paused", status=409)
BEING_REMOVED = EngineError("removal of container c1 is already in progress", status=409)
IN_USE = EngineError("network n1 has active endpoints", status=403)
CONFIGURATION = EngineError("Docker's configuration")


@pytest.mark.parametrize(
    ("policy", "again"),
    [
        (question, [AWAY, LATE, BROKEN, UNFROZEN, LOADED]),
        (removal, [AWAY, LATE, BROKEN, UNFROZEN, LOADED, CONFLICT, IN_USE]),
        (change, [AWAY, LATE, LOADED]),
        (freeze, [UNFROZEN]),
        (appearance, [AWAY, LATE, BROKEN, UNFROZEN, LOADED, MISSING]),
    ],
)
def test_what_is_asked_again_after_which_answer(policy: RetryPolicy, again: list[EngineError]) -> None:
    errors = (AWAY, LATE, BROKEN, UNFROZEN, LOADED, MISSING, CONFLICT, BEING_REMOVED, IN_USE, CONFIGURATION)
    assert [error for error in errors if policy(error) > 0] == again


def failing(clock: Clock, error: EngineError, *, takes: float = 0.0) -> tuple[list[float], Callable[[], None]]:
    """Return what fails each time, and when it was asked."""
    asked: list[float] = []

    def request() -> None:
        asked.append(clock.now)
        clock.now += takes
        raise error

    return asked, request


@pytest.mark.parametrize("error", [AWAY, BROKEN])
def test_patience_ends_with_the_last_answer(error: EngineError) -> None:
    clock = Clock()
    asked, request = failing(clock, error)
    with pytest.raises(EngineError) as raised:
        Patience(clock=clock, sleep=clock.sleep).ask(request, question)
    assert raised.value is error
    assert 5 < asked[-1] - asked[0] < 15
    assert len(asked) > 5


def test_an_engine_that_takes_all_the_time_there_is_gets_a_second_try() -> None:
    clock = Clock()
    asked, request = failing(clock, LATE, takes=ANSWER_SECONDS)
    with pytest.raises(NoAnswer):
        Patience(clock=clock, sleep=clock.sleep).ask(request, question)
    assert len(asked) == 2


@pytest.mark.parametrize(("error", "tries"), [(AWAY, 1), (LATE, 1), (MISSING, 1)])
def test_a_silent_engine_is_asked_once(error: EngineError, tries: int) -> None:
    clock = Clock()
    patience = Patience(clock=clock, sleep=clock.sleep)
    patience.silent = True
    asked, request = failing(clock, error)
    with pytest.raises(EngineError):
        patience.ask(request, question)
    assert len(asked) == tries


def test_what_isnt_the_engines_error_ends_it() -> None:
    clock = Clock()

    def request() -> None:
        raise KeyError("Id")

    with pytest.raises(KeyError):
        Patience(clock=clock, sleep=clock.sleep).ask(request, question)
    assert clock.sleeps == []
