"""What a watchdog does once its owner is dead: it removes what that left, until nothing more comes."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any, Final

from pytest_foodtrucks.engine.discovery import find_engine
from pytest_foodtrucks.engine.endpoints import Endpoint
from pytest_foodtrucks.errors import FoodtrucksError
from pytest_foodtrucks.sessions import processes
from pytest_foodtrucks.sessions.owners import read_owner

from .kept import Kept
from .removal import remove_after

_PAUSE: Final = 0.5
_CALM: Final = 6.5
"""Seconds between two empty looks: when only the xdist controller is killed, its workers go on for up to 5."""
_PATIENCE: Final = 600.0
"""Seconds that the engine may be away; what is left then goes with the next session's sweep."""


def clean(folder: Path, handed: Mapping[str, Any]) -> None:
    """Remove what a dead owner left, then the folder of its run; `handed` is what the watchdog was told of both."""
    owner = read_owner(handed["owner"])
    assert owner is not None  # noqa: S101 - for the type checker: a session's own
    ours = replace(owner, process=processes.this_process())
    kept = None if handed["kept"] is None else Kept(Path(handed["kept"]))
    endpoint = Endpoint(**handed["endpoint"])

    def remove() -> int:
        with closing(find_engine(only=endpoint, host="127.0.0.1")) as engine:  # of whose ports none is asked here
            return remove_after(engine, ours, kept)

    if clean_up(remove):
        rmtree(folder, ignore_errors=True)


def clean_up(
    remove: Callable[[], int],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Remove until two looks a while apart find nothing; tell whether it came to that.

    `remove` returns how many things it found.
    """
    empty_since: float | None = None
    give_up = clock() + _PATIENCE
    while clock() < give_up:
        try:
            found = remove()
        except FoodtrucksError:  # away, or busy with the same things; or the disk is full: asked again
            found = 1
        if found:
            empty_since = None
        elif empty_since is None:
            empty_since = clock()
        elif clock() - empty_since >= _CALM:
            return True
        sleep(_PAUSE)
    return False
