"""The app's start: waiting for Elasticsearch, and loading, on a clock that takes no time."""

import logging
from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any, TypeVar

import pytest

from pytest_foodtrucks.web_image.foodtrucks_web.elastic import Refused, Unavailable
from pytest_foodtrucks.web_image.foodtrucks_web.settings import Settings
from pytest_foodtrucks.web_image.foodtrucks_web.starting import GaveUp, start

T = TypeVar("T")
TRUCKS = [{"id": "the-merry-taco"}]


class Clock:
    """Seconds that pass only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Catalogue:
    """An Elasticsearch that answers its health and its loading as scripted."""

    def __init__(
        self, *, statuses: Iterable[str | Exception] = ("green",), loads: Iterable[int | Exception] = (1,)
    ) -> None:
        self._statuses = iter(statuses)
        self._loads = iter(loads)
        self.tries = 0

    def status(self) -> str:
        self.tries += 1
        return _given(next(self._statuses))

    def load(self, trucks: Iterable[Mapping[str, Any]]) -> int:
        assert list(trucks) == TRUCKS
        return _given(next(self._loads))


def _given(answer: T | Exception) -> T:
    if isinstance(answer, Exception):
        raise answer
    return answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


def begin(catalogue: Catalogue, clock: Clock, *, wait: float = 60.0) -> int:
    return start(catalogue, TRUCKS, Settings(wait=wait), clock=clock, sleep=clock.sleep)


@pytest.mark.parametrize("status", ["yellow", "green"])
def test_a_ready_server_is_loaded_at_once(clock: Clock, status: str) -> None:
    assert begin(Catalogue(statuses=[status], loads=[733]), clock) == 733
    assert clock() == 1000.0


@pytest.mark.parametrize("answer", ["red", Unavailable("it answers 503: no master")])
def test_a_half_ready_server_is_asked_again(clock: Clock, answer: str | Exception) -> None:
    catalogue = Catalogue(statuses=[answer, answer, "yellow"], loads=[733])
    assert begin(catalogue, clock) == 733
    assert catalogue.tries == 3


def test_loading_that_is_put_off_is_tried_again_as_a_whole(clock: Clock) -> None:
    catalogue = Catalogue(statuses=repeat("green"), loads=[Unavailable("it has no master"), 733])
    assert begin(catalogue, clock) == 733
    assert catalogue.tries == 2


def test_a_refusal_ends_the_start_at_once(clock: Clock) -> None:
    with pytest.raises(Refused):
        begin(Catalogue(loads=[Refused("bad mapping")]), clock)
    assert clock() == 1000.0


def test_waiting_ends_with_host_port_time_tries_and_the_last_reason(clock: Clock) -> None:
    with pytest.raises(
        GaveUp, match=r"^Gave up on Elasticsearch at es:9200 after 30\.\d s \(\d+ tries\): its health is red$"
    ):
        begin(Catalogue(statuses=repeat("red")), clock, wait=30)
    assert 30 <= clock() - 1000 <= 31


def test_no_time_is_time_for_one_try(clock: Clock) -> None:
    catalogue = Catalogue(statuses=repeat("red"))
    with pytest.raises(GaveUp, match="1 tries"):
        begin(catalogue, clock, wait=0)
    assert catalogue.tries == 1


def test_it_asks_often_at_first_and_each_second_later(clock: Clock) -> None:
    catalogue = Catalogue(statuses=repeat("red"))
    with pytest.raises(GaveUp):
        begin(catalogue, clock, wait=1)
    early = catalogue.tries
    with pytest.raises(GaveUp):
        begin(catalogue, clock, wait=60)
    assert early >= 4
    assert catalogue.tries - early < 70


def test_while_it_waits_it_says_so_every_few_seconds(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(GaveUp):
        begin(Catalogue(statuses=repeat("red")), clock, wait=30)
    assert 5 <= len(caplog.messages) <= 10
    assert caplog.messages[0].startswith("Waiting for Elasticsearch at es:9200, ")
    assert caplog.messages[0].endswith("s of 30 s: its health is red")


def test_a_short_wait_says_nothing(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    begin(Catalogue(statuses=["red", "red", "green"], loads=[733]), clock)
    assert caplog.messages == []
