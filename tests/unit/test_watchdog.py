"""What the watchdog does once its owner is dead."""

from collections.abc import Iterator
from pathlib import Path

from fakes import Clock
from pytest_foodtrucks.errors import EngineError
from pytest_foodtrucks.runs import Run
from pytest_foodtrucks.watchdog import clean_up


def run_of(state: Path) -> Run:
    """Return a run as the watchdog sees it: its owner is dead."""
    return Run(Run.begin(state).folder)


def looks(*found: int | EngineError) -> Iterator[int | EngineError]:
    """Return what one look after the other finds on the engine; nothing in the end."""
    yield from found
    while True:
        yield 0


def test_it_looks_until_two_empty_looks_are_far_enough_apart(tmp_path: Path) -> None:
    clock, run, seen = Clock(), run_of(tmp_path), looks(3, 0, 1)
    began = clock.now
    clean_up(run, lambda: next(seen), clock=clock, sleep=clock.sleep)  # type: ignore[arg-type,return-value] # no errors here
    assert clock.now - began >= 1.5 + 6
    assert not run.folder.exists()


def test_an_engine_that_is_away_is_asked_again(tmp_path: Path) -> None:
    clock, run = Clock(), run_of(tmp_path)
    seen = looks(EngineError("away"), EngineError("away"), 2)

    def remove() -> int:
        look = next(seen)
        if isinstance(look, EngineError):
            raise look
        return look

    clean_up(run, remove, clock=clock, sleep=clock.sleep)
    assert not run.folder.exists()


def test_an_engine_that_stays_away_is_given_up_and_the_run_stays_for_the_next_sweep(tmp_path: Path) -> None:
    clock, run = Clock(), run_of(tmp_path)

    def remove() -> int:
        raise EngineError("away")

    began = clock.now
    clean_up(run, remove, clock=clock, sleep=clock.sleep)
    assert clock.now - began < 660
    assert run.folder.exists()
