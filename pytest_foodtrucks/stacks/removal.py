"""Removes things by their labels, and names of images by themselves.

A function's name says whose they are, its first line when they are removed.
"""

from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.engine.labels import KINDS, OWNER_LABEL, SESSION_LABEL, session_of_image_name
from pytest_foodtrucks.errors import EngineError, StateError
from pytest_foodtrucks.sessions import owners
from pytest_foodtrucks.sessions.owners import Owner, read_owner
from pytest_foodtrucks.sessions.processes import Life
from pytest_foodtrucks.sessions.session import Session, life_of_session, remove_folders_of_dead_sessions
from pytest_foodtrucks.sessions.state_folder import session_folder

from .bulk_removal import do_all, remove_all
from .kept_stack import KEPT, UNUSED_HOURS, KeptStack, all_kept_stacks

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine
    from pytest_foodtrucks.engine.labels import Kind

_CLOCK_TOLERANCE: Final = 300.0
"""Seconds."""

# All functions return how many things they found. For what can't be removed `remove_all` and
# `do_all` raise EngineError.

# sessions


def remove_things_of_ending_session(engine: "Engine", session_id: str, kept_stack: KeptStack | None) -> int:
    """At a session's end, in its own process: remove its things, and the unfinished parts of its kept stack.

    If a test removed the records of the kept stack, all its parts count as unfinished: no session could take it over.
    """
    return (
        remove_by_session_label(engine, session_id)
        + _remove_image_names_of_session(engine, session_id)
        + (0 if kept_stack is None else remove_unfinished_parts(engine, kept_stack))
    )


def remove_things_of_watched_session(engine: "Engine", owner: Owner, kept_stack: KeptStack | None) -> int:
    """After a session's death, in its watchdog: remove its things, and the unfinished parts of its kept stack.

    Another session may hold the kept stack by now; then the stack is left. `owner` is the dead session's owner, with
    the watchdog in place of its process.
    """
    found = remove_by_session_label(engine, owner.session)
    found += _remove_image_names_of_session(engine, owner.session)
    with suppress(StateError):  # the next session of that state folder does it
        found += 0 if kept_stack is None else _remove_unfinished_parts_if_free(engine, owner, kept_stack)
    return found


def sweep_at_session_start(engine: "Engine", session: Session) -> int:
    """At a session's start: remove the things of all dead sessions, and kept stacks that nobody used for long.

    It also removes the dead sessions' folders from the state folder.
    """
    try:
        return do_all(
            [
                partial(remove_things_of_dead_sessions, engine, session.state_folder),
                partial(_remove_image_names_of_dead_sessions, engine, session.state_folder),
                partial(_remove_unused_kept_stacks, engine, session),
            ]
        )
    finally:
        remove_folders_of_dead_sessions(session.state_folder)


def remove_things_of_dead_sessions(engine: "Engine", state: Path, *, unknown_before: float | None = None) -> int:
    """At a session's start, and by `foodtrucks prune`: remove the things of all sessions that are certainly dead.

    With `unknown_before`, in seconds of the epoch by the engine's clock, also what was created before then, if nobody
    can tell whether its session lives.
    """
    lives: dict[str, Life] = {}

    def goes(label: str, created: float) -> bool:
        if label not in lives:
            lives[label] = life_of_owner(label, engine, state)
        unknown = lives[label] is Life.UNKNOWN and label != KEPT
        old = unknown_before is not None and created < unknown_before
        return lives[label] is Life.DEAD or (unknown and old)

    def those_that_go(kind: "Kind") -> list[str]:
        labels = engine.labels(kind, OWNER_LABEL)
        created = engine.created(kind, OWNER_LABEL) if unknown_before is not None else {}
        return [thing for thing, label in labels.items() if goes(label, created.get(thing, float("inf")))]

    return remove_all(engine, *map(those_that_go, KINDS))


def life_of_owner(label: str, engine: "Engine", state: Path) -> Life:
    """Tell whether the session lives that an owner label names."""
    owner = read_owner(label)
    return Life.UNKNOWN if owner is None else owners.life(owner, state, container_start=engine.running_since)


def remove_by_session_label(engine: "Engine", session_id: str) -> int:
    """Remove all that carries a session's id as its label, or a kept stack's."""
    return remove_all(engine, *_things(engine, session_id))


def _things(engine: "Engine", session_id: str) -> list[list[str]]:
    """Return the things of each kind that carry a session's id, or a kept stack's."""
    return [engine.labelled(kind, SESSION_LABEL, session_id) for kind in KINDS]


# names that images have for the time of one build


def names_of_builds(engine: "Engine", state: Path) -> dict[str, Life]:
    """Return the names that images have for single builds, with what the state folder tells of their sessions."""
    return {
        name: life_of_session(session_folder(state, session_id), state)
        for name, session_id in _sessions_by_name(engine).items()
    }


def _sessions_by_name(engine: "Engine") -> dict[str, str]:
    seen = {name: session_of_image_name(name) for name in engine.image_names()}
    return {name: session_id for name, session_id in seen.items() if session_id is not None}


def _remove_image_names_of_dead_sessions(engine: "Engine", state: Path) -> int:
    lives = names_of_builds(engine, state)
    return remove_image_names(engine, [name for name, life in lives.items() if life is Life.DEAD])


def _remove_image_names_of_session(engine: "Engine", session_id: str) -> int:
    return remove_image_names(engine, [name for name, each in _sessions_by_name(engine).items() if each == session_id])


def remove_image_names(engine: "Engine", names: Iterable[str]) -> int:
    """Take names off their images, and return how many went: the last one of an image that a container has stays."""
    return sum(1 for name in names if engine.untag_image(name))


# kept stacks


def remove_kept_stack(engine: "Engine", stack: KeptStack, owner: Owner, *, unknown: bool = False) -> int:
    """At a session's start, and by `foodtrucks prune`: remove a kept stack that no session holds.

    `owner` holds it meanwhile. With `unknown`, also one whose holder may be alive or dead. A kept stack on another
    engine is left: what isn't found here may be there. A stack that is recorded in a copied state folder is left too: a
    session with the original folder may use it.
    """
    if stack.is_copied() or not stack.is_on(engine):
        return 0
    if not stack.try_to_hold(owner, engine.running_since, unknown=unknown):
        return 0
    try:
        found = remove_by_session_label(engine, stack.id)
    except EngineError:
        stack.release()
        raise
    stack.end()
    return found


def _remove_unused_kept_stacks(engine: "Engine", session: Session) -> int:
    owner = session.full_owner()
    return do_all(partial(remove_kept_stack, engine, stack, owner) for stack in _unused(engine, session.state_folder))


def _unused(engine: "Engine", state: Path) -> list[KeptStack]:
    """Return the kept stacks that nobody used for long; none where this clock and the engine's differ too much."""
    unused = [stack for stack in all_kept_stacks(state) if stack.unused_for() > UNUSED_HOURS * 3600]
    return unused if unused and abs(engine.clock_difference) < _CLOCK_TOLERANCE else []


def remove_unfinished_parts(engine: "Engine", stack: KeptStack) -> int:
    """When a session takes or leaves a kept stack: remove what has the stack's label and isn't recorded there.

    A session that was killed had begun it, and nobody can take it over.
    """
    values = [record["value"] for record in stack.records()]
    finished = {value["id"] for value in values} | {each for value in values for each in value.get("volumes", ())}
    return remove_all(
        engine, *([each for each in things if each not in finished] for things in _things(engine, stack.id))
    )


def _remove_unfinished_parts_if_free(engine: "Engine", owner: Owner, stack: KeptStack) -> int:
    if not stack.try_to_hold(owner, engine.running_since):
        return 0
    try:
        return remove_unfinished_parts(engine, stack)
    finally:
        stack.release()
