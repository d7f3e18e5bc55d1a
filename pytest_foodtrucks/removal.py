"""Removal by label: a session's own things, those of owners that are provably dead, kept ones whose time is over."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import kept
from .errors import EngineError, NoAnswer
from .kept import Kept
from .patience import is_in_use
from .runs import OWNER_LABEL, Run, forget_dead, is_orphan

if TYPE_CHECKING:
    from .engine import Engine

SESSION_LABEL: Final = "pytest-foodtrucks"
_SIDE_BY_SIDE: Final = 4
"""Removals at the same time: on a busy machine six of them, one after the other, took more than 5 s."""
_CLOCK_TOLERANCE: Final = 300.0
"""Seconds."""


def remove_session(engine: "Engine", session: str) -> int:
    """Remove what carries a session's label, containers before networks; return how many things there were."""
    return _remove(
        engine,
        engine.labelled("containers", SESSION_LABEL, session),
        engine.labelled("networks", SESSION_LABEL, session),
    )


def remove_at_end(engine: "Engine", run: Run) -> int:
    """Remove what an owner has at its end: its own things, and what it began for its kept stack and didn't finish."""
    chosen = kept.chosen(run)
    return remove_session(engine, run.id) + (0 if chosen is None else remove_unrecorded(engine, chosen))


def remove_after(engine: "Engine", run: Run) -> int:
    """Remove what a dead owner left: its own things, and what it had begun for a kept stack that nobody has now."""
    found = remove_session(engine, run.id)
    chosen = kept.chosen(run)
    held = None if chosen is None else Kept.held(chosen.folder)
    if held is not None:
        try:
            found += remove_unrecorded(engine, held)
        finally:
            held.release()
    return found


def sweep(engine: "Engine", state: Path) -> int:
    """Remove what provably dead owners of this state folder left, and kept stacks that nobody used for long.

    Returns how many things there were. Raises as `all_of` does.
    """
    try:
        return all_of([partial(remove_orphans, engine, state), partial(_remove_unused, engine, state)])
    finally:
        forget_dead(state)


def all_of(removals: Iterable[Callable[[], int]]) -> int:
    """Do all of some removals, also where one fails; return how many things there were.

    Raises their EngineErrors in the end, as one; NoAnswer at once: the others would get none either.
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


def _remove_unused(engine: "Engine", state: Path) -> int:
    return all_of(partial(remove_kept, engine, unused) for unused in _unused(engine, state))


def _unused(engine: "Engine", state: Path) -> list[Kept]:
    """Return the kept stacks whose time is over; none where this clock and the engine's don't agree on the time."""
    unused = [each for each in kept.all_kept(state) if each.unused_for() > kept.UNUSED_HOURS * 3600]
    return unused if unused and abs(engine.clock_difference()) < _CLOCK_TOLERANCE else []


def remove_kept(engine: "Engine", stack: Kept) -> int:
    """Remove a kept stack that no session holds; return how many things there were.

    One on another engine is left: what isn't found here isn't gone there.
    """
    held = Kept.held(stack.folder) if stack.is_on(engine) else None
    if held is None:
        return 0
    try:
        found = remove_session(engine, held.id)
    except EngineError:
        held.release()
        raise
    held.end()
    return found


def remove_unrecorded(engine: "Engine", stack: Kept) -> int:
    """Remove what a session that was killed had begun for a kept stack, and didn't finish; return how many things."""
    finished = {record["value"]["id"] for record in stack.records()}
    begun = [engine.labelled(kind, SESSION_LABEL, stack.id) for kind in ("containers", "networks")]
    return _remove(engine, *([thing for thing in things if thing not in finished] for things in begun))


def remove_orphans(engine: "Engine", state: Path) -> int:
    """Remove what provably dead owners of this state folder left; return how many things there were."""

    def orphaned(things: Mapping[str, str]) -> list[str]:
        return [thing for thing, owner in things.items() if is_orphan(owner, state)]

    containers = orphaned(engine.labels("containers", OWNER_LABEL))
    return _remove(engine, containers, orphaned(engine.labels("networks", OWNER_LABEL)))


def remove_network(engine: "Engine", network: str) -> None:
    """Remove a network; by force where something seems to be attached to it for longer than a moment."""
    try:
        engine.remove_network(network)
    except EngineError as error:
        if not is_in_use(error):
            raise
        engine.clear_network(network)
        engine.remove_network(network)


def _remove(engine: "Engine", containers: list[str], networks: list[str]) -> int:
    failed = _each(engine.remove_container, containers)
    failed += _each(lambda network: remove_network(engine, network), networks)
    _raise_any(failed)
    return len(containers) + len(networks)


def _raise_any(failed: list[EngineError]) -> None:
    if failed:
        raise EngineError("; ".join(map(str, failed)), status=failed[0].status) from failed[0]


def _each(remove: Callable[[str], None], things: list[str]) -> list[EngineError]:
    """Remove things side by side, and return what was refused: the others can go all the same.

    Raises NoAnswer as soon as there is none: nor will there be to the next.
    """

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
