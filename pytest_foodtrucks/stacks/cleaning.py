"""What a watchdog does once its session is dead: it removes the session's things, until no more appear."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any, Final

from pytest_foodtrucks.clock import monotonic, sleep
from pytest_foodtrucks.engine.discovery import find_engine
from pytest_foodtrucks.engine.endpoints import Endpoint
from pytest_foodtrucks.errors import FoodtrucksError
from pytest_foodtrucks.sessions import processes
from pytest_foodtrucks.sessions.owners import read_owner

from .kept_stack import KeptStack
from .removal import remove_things_of_watched_session

_PAUSE: Final = 0.5
_NOTHING_NEW: Final = 6.5
"""Seconds between two looks that find nothing: after the xdist controller is killed, its workers go on for up to 5."""
_PATIENCE: Final = 600.0
"""Seconds for which the watchdog tries, where the engine is away. What is left then, the next session removes."""


def clean(folder: Path, handed: Mapping[str, Any]) -> None:
    """Remove a dead session's things, then its folder; `handed` is what the session handed to its watchdog."""
    owner = read_owner(handed["owner"])
    assert owner is not None  # noqa: S101 - for the type checker: a session's own
    ours = replace(owner, process=processes.this_process())
    kept_stack = None if handed["kept"] is None else KeptStack(Path(handed["kept"]))
    endpoint = Endpoint(**handed["endpoint"])

    def remove() -> int:
        with closing(find_engine(only=endpoint, host="127.0.0.1")) as engine:  # no published port is used here
            return remove_things_of_watched_session(engine, ours, kept_stack)

    if clean_up(remove):
        rmtree(folder, ignore_errors=True)


def clean_up(
    remove: Callable[[], int],
    *,
    clock: Callable[[], float] = monotonic,
    sleep: Callable[[float], None] = sleep,
) -> bool:
    """Call `remove` until it has found nothing for a while; return False where it came to no such end.

    `remove` returns how many things it found. Where it fails, it is called again: the engine may be away, or busy with
    the same things, or the disk is full.
    """
    empty_since: float | None = None
    give_up = clock() + _PATIENCE
    while clock() < give_up:
        try:
            found = remove()
        except FoodtrucksError:
            found = 1
        if found:
            empty_since = None
        elif empty_since is None:
            empty_since = clock()
        elif clock() - empty_since >= _NOTHING_NEW:
            return True
        sleep(_PAUSE)
    return False
