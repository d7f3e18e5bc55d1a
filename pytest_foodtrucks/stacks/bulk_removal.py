"""Removes many things side by side: one that can't be removed keeps none of the others."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.engine.patience import is_in_use
from pytest_foodtrucks.errors import EngineError, NoAnswer

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine

_SIDE_BY_SIDE: Final = 4
"""Removals at the same time: on a busy machine six of them, one after the other, took more than 5 s."""


def remove_all(engine: "Engine", containers: list[str], networks: list[str], volumes: list[str]) -> int:
    """Remove containers, then what they were on and had; return how many things there were.

    Raises the EngineErrors of what can't be removed at the end, as one; NoAnswer at once.
    """
    failed = _each(engine.remove_container, containers)
    failed += _each(lambda network: remove_network(engine, network), networks)
    failed += _each(engine.remove_volume, volumes)
    _raise_any(failed)
    return len(containers) + len(networks) + len(volumes)


def remove_network(engine: "Engine", network: str) -> None:
    """Remove a network; by force where something seems to be attached to it for longer than a moment."""
    try:
        engine.remove_network(network)
    except EngineError as error:
        if not is_in_use(error):
            raise
        engine.clear_network(network)
        engine.remove_network(network)


def do_all(removals: Iterable[Callable[[], int]]) -> int:
    """Do all removals, one after the other, also where one fails; return how many things there were.

    Raises their EngineErrors at the end, as one; NoAnswer at once: the others would get no answer either.
    """
    found, failed = 0, []
    for remove in removals:
        try:
            found += remove()
        except NoAnswer:
            raise
        except EngineError as error:
            failed.append(error)
    _raise_any(failed)
    return found


def _raise_any(failed: list[EngineError]) -> None:
    if failed:
        raise EngineError("; ".join(map(str, failed)), status=failed[0].status) from failed[0]


def _each(remove: Callable[[str], None], things: list[str]) -> list[EngineError]:
    """Remove things side by side; return the errors of those that can't be removed. Raises NoAnswer at once."""

    def refused(thing: str) -> EngineError | None:
        try:
            remove(thing)
        except NoAnswer:
            raise
        except EngineError as error:
            return error
        return None

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        try:
            return [error for error in pool.map(refused, things) if error is not None]
        except NoAnswer:
            pool.shutdown(cancel_futures=True)
            raise
