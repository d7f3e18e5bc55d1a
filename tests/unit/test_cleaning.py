"""What the watchdog does once its owner is dead."""

from collections.abc import Iterator

from fakes.machine import Clock
from pytest_foodtrucks.errors import EngineError
from pytest_foodtrucks.stacks.cleaning import clean_up


def looks(*found: int | EngineError) -> Iterator[int | EngineError]:
    """Return what one look after the other finds on the engine; nothing in the end."""
    yield from found
    while True:
        yield 0


def test_it_looks_until_two_empty_looks_are_far_enough_apart() -> None:
    clock, seen = Clock(), looks(3, 0, 1)
    began = clock.now
    assert clean_up(lambda: next(seen), clock=clock, sleep=clock.sleep)  # type: ignore[arg-type,return-value] # no errors here
    assert clock.now - began >= 1.5 + 6


def test_an_engine_that_is_away_is_asked_again() -> None:
    clock, seen = Clock(), looks(EngineError("away"), EngineError("away"), 2)

    def remove() -> int:
        look = next(seen)
        if isinstance(look, EngineError):
            raise look
        return look

    assert clean_up(remove, clock=clock, sleep=clock.sleep)


def test_an_engine_that_stays_away_is_given_up() -> None:
    clock = Clock()

    def remove() -> int:
        raise EngineError("away")

    began = clock.now
    assert not clean_up(remove, clock=clock, sleep=clock.sleep)
    assert clock.now - began < 660
