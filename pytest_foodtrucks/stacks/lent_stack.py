"""A lent stack: what `foodtrucks run` started, for the pytest that is its program, which removes nothing of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.errors import StartError, StateError
from pytest_foodtrucks.sessions.processes import Life
from pytest_foodtrucks.sessions.session import Session, life_of_session
from pytest_foodtrucks.sessions.state_folder import is_there, make_folder, read_json, session_folder, usable, write_json

from .kept_holder import KeptHolder
from .part_records import PartRecords

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine

VARIABLE: Final = "FOODTRUCKS_STACK"
"""In the environment: the id of the stack that a session is to take over."""

REMEDY: Final = f"unset {VARIABLE}, and the session starts a stack of its own"

_FOLDER: Final = "lent"
_ABOUT: Final = "about"
_FILE: Final = "lent.json"
"""In the borrower's folder: `{"stack": id}`, or null where another session has the stack."""


class LentStack(PartRecords):
    """The parts of a living session, which lends them to one session at a time. All stay the lender's."""

    def __init__(self, state: Path, stack_id: str) -> None:
        """`stack_id` is the lender's session id."""
        super().__init__(session_folder(state, stack_id) / _FOLDER)
        self.id = stack_id
        self._state = state
        self._holder = KeptHolder(self.folder, state)

    @classmethod
    def begin(cls, session: Session, engine: "Engine") -> "LentStack":
        """Let a session lend what it starts from now on."""
        stack = cls(session.state_folder, session.id)
        with usable(session.state_folder):
            make_folder(stack.folder)
        write_json(stack.folder / _ABOUT, {"engine": engine.identity, "url": engine.url})
        return stack

    @property
    def session_folder(self) -> Path:
        """The lender's folder, which has the keys of its secured services."""
        return self.folder.parent

    def refuse_unusable(self, engine: "Engine") -> None:
        """Raise StartError where the lender has ended, was never there, or is on another engine."""
        about = self._about()
        if about is None or life_of_session(self.session_folder, self._state) is Life.DEAD:
            raise StartError(
                f"{VARIABLE} names the stack {self.id}, which isn't there: `foodtrucks run` has ended, or it has "
                f"another state folder than this session, {self._state}. Remedy: {REMEDY}; or give both the same "
                "--foodtrucks-state-dir."
            )
        if about["engine"] != engine.identity:
            raise StartError(
                f"{VARIABLE} names the stack {self.id}, which is on the engine at {about['url']}; this session's "
                f"engine is at {engine.url}. Remedy: {REMEDY}; or give both the same --foodtrucks-engine."
            )

    def _about(self) -> Mapping[str, Any] | None:
        if not self.id.isalnum():  # it would be a path to another place
            return None
        try:
            return read_json(self.folder / _ABOUT)
        except (OSError, StateError):
            return None

    def take(self, session: Session, engine: "Engine", **timing: Any) -> bool:
        """Lend it to a session, and return True; False where another one has it and may live."""
        return self._holder.take(session.full_owner(), engine.running_since, **timing)

    def give_back(self, session: Session) -> None:
        """Leave it to the next session, if the lender still lives."""
        if is_there(self.folder):
            self._holder.leave(session.owner)


def borrow_stack(session: Session, engine: "Engine", stack_id: str, **timing: Any) -> LentStack | None:
    """Take over a lent stack for a session and its workers; None where another session has it.

    `timing` takes `clock` and `sleep`. Raises StartError where there is no such stack here.
    """
    stack = LentStack(session.state_folder, stack_id)
    stack.refuse_unusable(engine)
    taken = stack.take(session, engine, **timing)
    write_json(session.folder / _FILE, {"stack": stack_id if taken else None})
    return stack if taken else None


def borrowed_stack(session: Session) -> LentStack | None:
    """Return the stack that a session borrowed; None where it borrowed none, or none yet."""
    try:
        stack_id = read_json(session.folder / _FILE)["stack"]
    except FileNotFoundError:
        return None
    return None if stack_id is None else LentStack(session.state_folder, stack_id)
