"""Whether a session has its project's kept stack: decided once, and read by its workers and its end."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.engine.urls import without_user
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.sessions.state_folder import read_json, usable, write_json

from .kept_stack import KeptStack

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine

_FILE: Final = "kept.json"
"""In the session's folder: `{"stack": id}`, or null where another session holds the kept stack."""


def choose_kept_stack(session: Session, engine: "Engine", project: str, **timing: Any) -> KeptStack | None:
    """Take a project's kept stack on an engine for a session; return None where another session holds it.

    `timing` takes `clock` and `sleep`, as `KeptStack.hold` does.
    """
    stack = KeptStack.on(engine, session.state_folder, project)
    held = stack.try_to_hold(session.full_owner(), engine.running_since, **timing)
    if held:
        with usable(session.state_folder):
            stack.begin(project, engine.url)
    write_json(session.folder / _FILE, {"stack": stack.id if held else None})
    return stack if held else None


def chosen_kept_stack(session: Session) -> KeptStack | None:
    """Return the kept stack that a session holds; None where it holds none, or none yet."""
    try:
        stack_id = read_json(session.folder / _FILE)["stack"]
    except FileNotFoundError:
        return None
    return None if stack_id is None else KeptStack.by_id(session.state_folder, stack_id, session.owner)


def project_of(root: Path, name: str | None) -> str:
    """Return the project of a root folder; with a name it is another one."""
    return str(root) if name is None else f"{root} ({name})"


def engine_words(engine_option: str, environ: Mapping[str, str]) -> str:
    """Return `on URL` or `on CONTEXT` if somebody set the engine, else an empty text.

    It is a part of the project's name, which messages show and from which the kept stack's id is made.
    """
    if "://" in engine_option:
        return f"on {without_user(engine_option)}"
    set_by = [environ[name] for name in ("DOCKER_HOST", "DOCKER_CONTEXT") if environ.get(name, "") != ""]
    return f"on {without_user(set_by[0])}" if set_by else ""
