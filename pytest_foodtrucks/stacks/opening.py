"""How a session begins on the engine, and how it ends there."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.errors import EngineError, NoAnswer

from .kept_choice import choose_kept_stack, chosen_kept_stack
from .kept_stack import KeptStack
from .removal import remove_things_of_ending_session, remove_unfinished_parts, sweep_at_session_start

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine
    from pytest_foodtrucks.sessions.session import Session

    from .watching import Watching

_NOTICEABLE: Final = 60.0
"""Seconds between two clocks that people are told of."""

_ID: Final = re.compile("[0-9a-f]{64}")
_MOUNTED: Final = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"})
"""Files that an engine mounts into a container from a folder with its id."""


def begin_on_engine(
    engine: "Engine", session: "Session", watching: "Watching", *, project: str | None, say: Callable[[str], object]
) -> None:
    """Do what comes before a session's first object on the engine.

    `project` is what the session's kept stack belongs to; None where it wants none. `say` tells people.
    """
    session.record_engine(engine.endpoint)
    watching.see(engine.endpoint, None if project is None else KeptStack.on(engine, session.state, project))
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
        _begin_kept(engine, session, project, say)


def clock_warning(difference: float) -> str | None:
    """Return what to say of clocks that differ by some seconds; None where that matters to nobody."""
    if abs(difference) < _NOTICEABLE:
        return None
    side = "ahead of" if difference > 0 else "behind"
    return (
        f"the engine's clock is {abs(difference):.0f} s {side} this machine's, which is allowed for. Remedy: set the "
        "one that is wrong"
    )


def _begin_kept(engine: "Engine", session: "Session", project: str, say: Callable[[str], object]) -> None:
    stack = choose_kept_stack(session, engine, project)
    if stack is not None:
        remove_unfinished_parts(engine, stack)
    else:
        say("another session holds this project's kept stack; this one gets a stack of its own")


def _own_container(engine: "Engine", session: "Session") -> tuple[str, str] | None:
    """Return the engine's container that this process is in, and when that was started; None where it is in none.

    What the container's files say may be another one's, whose network it has. So the engine is asked: the watchdog,
    which this process started, is among the container's processes, with the session's id in its command line.
    """
    for container in dict.fromkeys(_candidates()):
        if any(session.id in line for line in engine.command_lines(container)):
            since = engine.running_since(container)
            return None if since is None else (container, since)
    return None


def _candidates() -> Iterator[str]:
    """Yield the ids of containers that this process may be in, by what the kernel tells of it."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        groups = Path("/proc/self/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    mine = "\n".join(line for line in mounts if line.split()[4] in _MOUNTED)
    yield from _ID.findall(f"{mine}\n{groups}")
    if re.fullmatch("[0-9a-f]{12}", socket.gethostname()):
        yield socket.gethostname()


def end_of_controller(session: "Session") -> None:
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
