"""A kept stack: what stays on the engine for the project's next session, with a record of how each part was made."""

import shutil
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.clock import wall
from pytest_foodtrucks.errors import StateError
from pytest_foodtrucks.sessions.owners import ContainerStart, Owner
from pytest_foodtrucks.sessions.state_folder import (
    is_there,
    make_folder,
    read_json,
    usable,
    write_file,
    write_json,
)
from pytest_foodtrucks.sessions.state_key import identity, keyed

from .kept_holder import KeptHolder
from .part_records import PartRecords

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine

KEPT: Final = "kept"
"""The owner label of a kept stack's things; their session label is the kept stack's id."""

UNUSED_HOURS: Final = 8
"""A kept stack that no session used for so many hours is removed at the start of any session."""

_FOLDER: Final = "kept"
_ABOUT: Final = "about"
_USED: Final = "used"


class KeptStack(PartRecords):
    """A stack that stays when its session ends; one session at a time holds it.

    Its folder has a record of each part. The folder's name depends on the project, the state folder and the engine: so
    a session with another engine, or with a copy of the state folder, has another kept stack.
    """

    def __init__(self, folder: Path, owner: Owner | None = None) -> None:
        """`owner` is the session that holds it; None where this process doesn't hold it (yet)."""
        super().__init__(folder)
        self._owner = owner
        self._holder = KeptHolder(folder, self.state_folder)

    @classmethod
    def on(cls, engine: "Engine", state: Path, project: str) -> "KeptStack":
        """Return a project's kept stack on an engine."""
        name = keyed(state)(f"{identity(state)} {project}")
        return cls(state / _FOLDER / f"{name}-{_short(engine.identity)}")

    @classmethod
    def by_id(cls, state: Path, stack_id: str, owner: Owner) -> "KeptStack":
        """Return the kept stack with an id, which an owner holds."""
        return cls(state / _FOLDER / stack_id, owner)

    @property
    def id(self) -> str:
        """The session label of its things."""
        return self.folder.name

    @property
    def state_folder(self) -> Path:
        """The state folder."""
        return self.folder.parents[1]

    @property
    def project(self) -> str:
        """Its project, for people."""
        return str(self._about().get("project", "an unknown project"))

    @property
    def url(self) -> str:
        """Where its engine was when it was last used, for people."""
        return str(self._about().get("engine", "an unknown one"))

    def _about(self) -> Mapping[str, Any]:
        try:
            return read_json(self.folder / _ABOUT)
        except (OSError, StateError):
            return {}

    def is_on(self, engine: "Engine") -> bool:
        """Tell whether it is on an engine."""
        return self.id.partition("-")[2] == _short(engine.identity)

    def is_copied(self) -> bool:
        """Tell whether its folder is in a copy of the state folder that it was made in."""
        here = identity(self.state_folder)
        return str(self._about().get("state", here)) != here

    # its session

    def try_to_hold(
        self, owner: Owner, container_start: ContainerStart, *, unknown: bool = False, **timing: Any
    ) -> bool:
        """Let an owner hold it, and return True; False where another one holds it and may live.

        `unknown` also takes it from one of whom nobody can tell whether it lives. `timing` takes `clock` and `sleep`.
        """
        held = self._holder.take(owner, container_start, unknown=unknown, **timing)
        if held:
            self._owner = owner
        return held

    def release(self) -> None:
        """Leave it to the next session, if its owner still holds it."""
        if self._owner is not None:
            self._holder.leave(self._owner)

    def begin(self, project: str, url: str) -> None:
        """Make its folder, and record that it is in use, on the engine at a URL."""
        make_folder(self.folder)
        write_json(self.folder / _ABOUT, {"project": project, "engine": url, "state": identity(self.state_folder)})
        self.record_use()

    def end(self) -> None:
        """Remove its folder, and release it; its owner has removed its things from the engine."""
        shutil.rmtree(self.folder, ignore_errors=True)  # nobody else writes there
        self.release()

    def record_use(self) -> None:
        """Record that a session used it until now; do nothing where somebody removed its folder."""
        with usable(self.state_folder):
            if is_there(self.folder):
                write_file(self.folder / _USED, b"")

    def unused_for(self, clock: Callable[[], float] = wall) -> float:
        """Return the seconds since a session used it."""
        try:
            return clock() - (self.folder / _USED).stat().st_mtime
        except OSError:  # its session died before it made anything
            return float("inf")


def all_kept_stacks(state: Path) -> list[KeptStack]:
    """Return the kept stacks of a state folder."""
    with usable(state):
        return [KeptStack(folder) for folder in sorted((state / _FOLDER).glob("*/"))]


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]
