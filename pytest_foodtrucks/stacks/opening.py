"""How a session begins on the engine, and how it ends there."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.engine.own_container import possible_containers
from pytest_foodtrucks.engine.urls import without_user
from pytest_foodtrucks.errors import EngineError, EngineNotFound, FoodtrucksError, NoAnswer, StateError
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.sessions.state_folder import state_folder

from .kept_choice import choose_kept_stack, chosen_kept_stack, engine_words
from .kept_stack import UNUSED_HOURS, KeptStack
from .lent_stack import borrow_stack, borrowed_stack
from .removal import remove_things_of_ending_session, remove_unfinished_parts, sweep_at_session_start
from .stack import Stack
from .watching import Watching

if TYPE_CHECKING:
    from pytest_foodtrucks.containers.progress import Progress
    from pytest_foodtrucks.engine.engine import Engine
    from pytest_foodtrucks.settings import Settings

_FOLDER: Final = "foodtrucks_session"
_OWNER: Final = "foodtrucks_session_owner"
_ERROR: Final = "foodtrucks_session_error"
"""What xdist's controller gives each worker: the session's folder and owner, or why there is no folder."""

_NOTICEABLE: Final = 60.0
"""Seconds between two clocks that people are told of."""


def session_of(worker_input: Mapping[str, str], settings: "Settings") -> Session:
    """Return the session that an xdist worker's controller began; begin one in a process that is no worker.

    `worker_input` is what the controller gave the worker; empty where this is none. Raises StateError where the state
    folder can't be used, here or in the controller.
    """
    if _ERROR in worker_input:
        raise StateError(worker_input[_ERROR])
    if _FOLDER not in worker_input:
        return Session.begin(state_folder(settings.state_dir, os.environ))
    return Session.of_controller(Path(worker_input[_FOLDER]), worker_input[_OWNER])


def input_for_worker(begin: Callable[[], Session]) -> Mapping[str, str]:
    """Return what xdist's controller gives a worker, so that it shares the controller's session.

    Where none can begin, for whatever reason, the tests that need one say so: perhaps there are none.
    """
    try:
        session = begin()
    except StateError as error:
        return {_ERROR: error.message}
    except Exception as error:  # noqa: BLE001 - raised in xdist's controller it would end everybody's session
        return {_ERROR: f"The session can't begin: {type(error).__name__}: {error}"}
    return {_FOLDER: str(session.folder), _OWNER: session.owner.text()}


def opened_stack(
    settings: "Settings",
    session: Session,
    *,
    project: str,
    worker: str | None,
    progress: "Progress",
    fresh: bool = False,
    borrows: str = "",
) -> Stack:
    """Find the engine, open the session on it unless another process did, and return this process's stack.

    `project` is whose stack is kept, where the settings keep one; with `fresh` what is kept now is removed. `worker`
    is the xdist worker's id, or None. `borrows` is the id of the stack of `foodtrucks run` to take over, in place of a
    kept one; empty for none.
    """
    from pytest_foodtrucks.engine.discovery import find_engine  # noqa: PLC0415 - imports docker, which only sessions with an engine pay for

    watching = Watching(session, progress.say)
    owner = owner_of_kept(project, settings) if settings.reuse and not borrows else None
    engine = find_engine(settings.engine, host=settings.host, only=session.endpoint())
    about: Any = {"project": owner, "say": progress.say, "fresh": fresh, "borrows": borrows}
    session.go_to_engine(lambda: begin_on_engine(engine, session, watching, **about))
    used = session.endpoint()
    if used not in {None, engine.endpoint}:  # another worker opened the session meanwhile, and had found another one
        engine.close()
        engine = find_engine(host=settings.host, only=used)
    return Stack(engine, settings, progress=progress, session=session, worker=worker, watching=watching)


def owner_of_kept(project: str, settings: "Settings") -> str:
    """Return what a project's kept stack belongs to: the project, on the engine that somebody set."""
    return f"{project} {engine_words(settings.engine, os.environ)}".strip()


def begin_on_engine(
    engine: "Engine",
    session: Session,
    watching: Watching,
    *,
    project: str | None,
    say: Callable[[str], object],
    fresh: bool = False,
    borrows: str = "",
) -> None:
    """Do what comes before a session's first object on the engine.

    `project` is what the session's kept stack belongs to; None where it wants none. With `fresh` that stack is made
    anew. `borrows` is the stack of `foodtrucks run` to take over. `say` tells people.
    """
    session.record_engine(engine.endpoint)
    watching.see(engine.endpoint, None if project is None else KeptStack.on(engine, session.state_folder, project))
    session.record_engine(engine.endpoint, is_local=engine.local, container=_own_container(engine, session))
    warning = clock_warning(engine.clock_difference)
    if warning is not None:
        say(warning)
    try:
        sweep_at_session_start(engine, session)
    except NoAnswer:
        raise
    except EngineError as error:  # of what others left; this session can do without
        say(f"what a dead session left can't be removed: {error}")
    if project is not None:
        _begin_kept(engine, session, project, say, fresh=fresh)
    if borrows and borrow_stack(session, engine, borrows) is None:
        say("another session has the stack of `foodtrucks run` now; this one gets a stack of its own")


def clock_warning(difference: float) -> str | None:
    """Return what to say of clocks that differ by some seconds; None where that matters to nobody."""
    if abs(difference) < _NOTICEABLE:
        return None
    side = "ahead of" if difference > 0 else "behind"
    return (
        f"the engine's clock is {abs(difference):.0f} s {side} this machine's, which is allowed for. Remedy: set the "
        "one that is wrong"
    )


def _begin_kept(engine: "Engine", session: Session, project: str, say: Callable[[str], object], *, fresh: bool) -> None:
    stack = choose_kept_stack(session, engine, project)
    if stack is not None:
        if fresh and stack.forget_all():
            say("what was kept is made anew, as --foodtrucks-fresh says")
        remove_unfinished_parts(engine, stack)
    else:
        say("another session holds this project's kept stack; this one gets a stack of its own")


def _own_container(engine: "Engine", session: Session) -> tuple[str, str] | None:
    """Return the engine's container that this process is in, and when that was started; None where it is in none.

    What the container's files say may be another one's, whose network it has. So the engine is asked: the watchdog,
    which this process started, is among the container's processes, with the session's id in its command line.
    """
    for container in dict.fromkeys(possible_containers()):
        if any(session.id in line for line in engine.command_lines(container)):
            since = engine.running_since(container)
            return None if since is None else (container, since)
    return None


def end_session(
    stack: Stack | None,
    session: Session | None,
    settings: "Settings",
    progress: Callable[[], "Progress"],
    *,
    folder: Path | None = None,
    name: str | None = None,
) -> None:
    """Remove what the fixtures could not, and what the workers shared; tell of what stays.

    `stack` is None in a process that had none, such as xdist's controller; `session` is None if none was begun.
    `folder` and `name` are a kept stack's, as `kept_message` takes them. What can't be removed now is left to the
    watchdog, which wakes when this process ends.
    """
    owned = session if session is not None and session.ends_here else None
    used = borrowed = None
    with suppress(StateError):  # its own process's end leaves the stacks too
        used, borrowed = (chosen_kept_stack(owned), borrowed_stack(owned)) if owned is not None else (None, None)
    with _errors_on_stderr():
        if stack is not None:
            stack.close()
        elif owned is not None:
            end_of_controller(owned)
    with _errors_on_stderr():
        if borrowed is not None and owned is not None:
            borrowed.give_back(owned)
    with _errors_on_stderr():
        if used is not None and leave_kept(used):
            progress().say(kept_message(settings, folder, name))


@contextmanager
def _errors_on_stderr() -> Iterator[None]:
    """Write what can't be removed at the end to standard error: pytest has shown its warnings by now."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a test may have replaced for good what the engine is asked by
        words = str(error) if isinstance(error, FoodtrucksError) else f"{type(error).__name__}: {error}"
        with suppress(OSError, ValueError, AttributeError):  # standard error is closed, or is none: nobody is told
            sys.stderr.write(
                f"foodtrucks: Containers may be left behind: {words}\nfoodtrucks: {left_behind_message(error)}\n"
            )


def left_behind_message(error: Exception) -> str:
    """Return what becomes of the things that could not be removed at the session's end."""
    if not isinstance(error, FoodtrucksError):
        return "The watchdog removes them now, else the next session does."
    if isinstance(error, NoAnswer | EngineNotFound):
        return "They go when it answers within 10 minutes, else with the next session that uses it."
    return "Remedy: remove what `docker ps --all --filter label=pytest-foodtrucks` lists, then the network."


def kept_message(settings: "Settings", folder: Path | None = None, name: str | None = None) -> str:
    """Return the message about a kept stack at the session's end: how long it stays, and what removes it.

    `foodtrucks down` removes the one of the folder that it is run in: `folder` is the stack's where the session was
    begun in another one. `name` is the stack's where its folder has several.
    """
    command = ["foodtrucks", "down", *([] if name is None else ["--name", name])]
    if settings.engine != "auto":
        command.append(f"--engine={without_user(settings.engine)}")
    if settings.state_dir is not None:
        command.append(f"--state-dir={state_folder(settings.state_dir, {})}")
    words = shlex.join(command)
    if folder is not None:
        words = f"cd {shlex.quote(str(folder))} && {words}"
    return f"the stack stays for the next session, {UNUSED_HOURS} hours at most; `{words}` removes it"


def end_of_controller(session: Session) -> None:
    """Remove what xdist's workers shared, at the end of the controller, which owns it."""
    used = session.is_on_engine()
    if used:
        from pytest_foodtrucks.engine.discovery import find_engine  # noqa: PLC0415 - imports docker, which only sessions with an engine pay for

        with closing(find_engine(host="127.0.0.1", only=session.endpoint())) as engine:  # no port is asked here
            remove_things_of_ending_session(engine, session.id, chosen_kept_stack(session))
    session.end(watchdog_knows=not used)


def leave_kept(stack: KeptStack) -> bool:
    """Leave the kept stack that a session holds to the next session; tell whether there is something in it."""
    stack.record_use()
    there = any(True for _ in stack.records())
    stack.release()
    return there
