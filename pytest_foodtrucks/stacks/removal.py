"""Removal by label: a session's own things, those of owners that are certainly dead, kept ones whose time is over."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.engine.labels import OWNER_LABEL, SESSION_LABEL
from pytest_foodtrucks.engine.patience import is_in_use
from pytest_foodtrucks.errors import EngineError, NoAnswer, StateError
from pytest_foodtrucks.sessions import owners
from pytest_foodtrucks.sessions.owners import Owner, read_owner
from pytest_foodtrucks.sessions.processes import Life
from pytest_foodtrucks.sessions.session import Session, remove_folders_of_dead_sessions

from . import kept
from .kept import Kept

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine
    from pytest_foodtrucks.engine.listing import Kind

_SIDE_BY_SIDE: Final = 4
"""Removals at the same time: on a busy machine six of them, one after the other, took more than 5 s."""
_CLOCK_TOLERANCE: Final = 300.0
"""Seconds."""


def remove_session(engine: "Engine", session_id: str) -> int:
    """Remove what carries a session's label, containers before networks; return how many things there were."""
    return _remove(
        engine,
        engine.labelled("containers", SESSION_LABEL, session_id),
        engine.labelled("networks", SESSION_LABEL, session_id),
    )


def remove_at_end(engine: "Engine", session_id: str, stack: Kept | None) -> int:
    """Remove what an owner has at its end: its own things, and what it began for its kept stack and didn't finish.

    Where a test removed the records of the kept stack, that is all of it: no session could take it over.
    """
    return remove_session(engine, session_id) + (0 if stack is None else remove_unrecorded(engine, stack))


def remove_after(engine: "Engine", owner: Owner, stack: Kept | None) -> int:
    """Remove what a dead owner left: its own things, and what it had begun for a kept stack that nobody has now.

    `owner` is the dead one's token with the process of whoever removes for it.
    """
    found = remove_session(engine, owner.session)
    with suppress(StateError):  # then the next session of that state folder does it
        found += 0 if stack is None else _remove_begun(engine, owner, stack)
    return found


def _remove_begun(engine: "Engine", owner: Owner, stack: Kept) -> int:
    if not stack.hold(owner, engine.running_since):
        return 0
    try:
        return remove_unrecorded(engine, stack)
    finally:
        stack.release()


def sweep(engine: "Engine", session: Session) -> int:
    """Remove what certainly dead owners left, and kept stacks of the run's state folder that nobody used for long.

    Returns how many things there were. Raises as `all_of` does.
    """
    try:
        return all_of([partial(remove_orphans, engine, session.state), partial(_remove_unused, engine, session)])
    finally:
        remove_folders_of_dead_sessions(session.state)


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


def _remove_unused(engine: "Engine", session: Session) -> int:
    owner = session.full_owner()
    return all_of(partial(remove_kept, engine, unused, owner) for unused in _unused(engine, session.state))


def _unused(engine: "Engine", state: Path) -> list[Kept]:
    """Return the kept stacks whose time is over; none where this clock and the engine's don't agree on the time."""
    unused = [each for each in kept.all_kept(state) if each.unused_for() > kept.UNUSED_HOURS * 3600]
    return unused if unused and abs(engine.clock_difference) < _CLOCK_TOLERANCE else []


def remove_kept(engine: "Engine", stack: Kept, owner: Owner, *, untold: bool = False) -> int:
    """Remove a kept stack that no session holds, on behalf of an owner; return how many things there were.

    One on another engine is left: what isn't found here isn't gone there. So is one that a copy of the state folder
    tells of: it may be in use by a session of the original. `untold` removes one, too, of which it can't be told
    whether a session holds it.
    """
    if stack.is_copied() or not stack.is_on(engine) or not stack.hold(owner, engine.running_since, untold=untold):
        return 0
    try:
        found = remove_session(engine, stack.id)
    except EngineError:
        stack.release()
        raise
    stack.end()
    return found


def remove_unrecorded(engine: "Engine", stack: Kept) -> int:
    """Remove what a session that was killed had begun for a kept stack, and didn't finish; return how many things."""
    finished = {record["value"]["id"] for record in stack.records()}
    begun = [engine.labelled(kind, SESSION_LABEL, stack.id) for kind in ("containers", "networks")]
    return _remove(engine, *([thing for thing in things if thing not in finished] for things in begun))


def remove_orphans(engine: "Engine", state: Path, *, untold_before: float | None = None) -> int:
    """Remove what certainly dead owners left; return how many things there were.

    `untold_before`, in seconds of the epoch by the engine's clock, removes also what was created before then, and of
    whose owner it can't be told whether it lives.
    """
    judged: dict[str, Life] = {}

    def is_orphan(label: str, created: float) -> bool:
        if label not in judged:
            judged[label] = life_of(label, engine, state)
        untold = judged[label] is Life.UNKNOWN and label != kept.OWNER
        old = untold_before is not None and created < untold_before
        return judged[label] is Life.DEAD or (untold and old)

    def orphans(kind: "Kind") -> list[str]:
        owned = engine.labels(kind, OWNER_LABEL)
        created = engine.created(kind, OWNER_LABEL) if untold_before is not None else {}
        return [thing for thing, label in owned.items() if is_orphan(label, created.get(thing, float("inf")))]

    containers = orphans("containers")
    return _remove(engine, containers, orphans("networks"))


def life_of(label: str, engine: "Engine", state: Path) -> Life:
    """Tell whether the owner lives that a label names."""
    owner = read_owner(label)
    return Life.UNKNOWN if owner is None else owners.life(owner, state, container_start=engine.running_since)


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
