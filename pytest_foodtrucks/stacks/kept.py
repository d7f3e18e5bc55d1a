"""Kept stacks: what stays on the engine for the next session of the same project, and the record of how it was made."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.engine.urls import without_user
from pytest_foodtrucks.errors import StateError
from pytest_foodtrucks.sessions import owners
from pytest_foodtrucks.sessions.owners import ContainerStart, Owner, read_owner
from pytest_foodtrucks.sessions.processes import Life
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.sessions.state_folder import (
    identity,
    is_there,
    keyed,
    make_folder,
    read_json,
    usable,
    write_file,
    write_json,
)

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine

OWNER: Final = "kept"
"""What the label pytest-foodtrucks.owner says of kept things; the session label then is the kept stack's id."""

UNUSED_HOURS: Final = 8
"""After so many hours without a session any session's sweep may take a kept stack."""

_CHOICE: Final = "kept.json"
"""The file in a run's folder that names its kept stack: none where another session holds that."""
_ABOUT: Final = "about"
_USED: Final = "used"

_PATIENCE: Final = 2.0
"""Seconds that a watchdog or a sweep may hold a kept stack, and a session waits for it."""
_PAUSE: Final = 0.05
_LOCK_SECONDS: Final = 30.0
"""Reading and writing who holds it takes a moment only."""


class Kept:
    """A stack that outlives its session; one session at a time holds it: `owner`, if it does.

    Its folder has a record for each part, and its name says of which project it is, in which state folder, and on which
    engine: nobody takes it for gone who asks another one, and a copy of the state folder names another stack. Who holds
    it is noted beside the folder: that note stays when the folder goes.
    """

    def __init__(self, folder: Path, owner: Owner | None = None) -> None:
        self.folder = folder
        self._owner = owner

    @classmethod
    def on(cls, engine: "Engine", state: Path, project: str) -> "Kept":
        """Return a project's kept stack on an engine."""
        name = keyed(state)(f"{identity(state)} {project}")
        return cls(state / "kept" / f"{name}-{_short(engine.identity)}")

    @property
    def id(self) -> str:
        """What its things carry as their session."""
        return self.folder.name

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder.parents[1]

    @property
    def project(self) -> str:
        """Whose it is, for people."""
        return str(self._about().get("project", "an unknown project"))

    @property
    def url(self) -> str:
        """Where its engine was when it was used last, for people."""
        return str(self._about().get("engine", "an unknown one"))

    def _about(self) -> Mapping[str, Any]:
        try:
            return read_json(self.folder / _ABOUT)
        except (OSError, StateError):
            return {}

    def is_on(self, engine: "Engine") -> bool:
        """Tell whether it is on an engine."""
        return self.folder.name.partition("-")[2] == _short(engine.identity)

    def is_copied(self) -> bool:
        """Tell whether it is recorded in a copy of its state folder: then it may be another one's."""
        own = identity(self.state)
        return str(self._about().get("state", own)) != own

    # who holds it

    def hold(
        self,
        owner: Owner,
        container_start: ContainerStart,
        *,
        unknown: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> bool:
        """Note that an owner holds it, and return True; False where somebody else does and may live.

        `unknown` also takes it from one of whom nobody can tell whether it lives.
        """
        until = clock() + _PATIENCE
        while True:
            with self._noting():
                if self._is_free(owner, container_start, unknown=unknown):
                    write_file(self._holder, owner.text().encode())
                    self._owner = owner
                    return True
            if clock() >= until:
                return False
            sleep(_PAUSE)

    def _is_free(self, owner: Owner, container_start: ContainerStart, *, unknown: bool) -> bool:
        holder = self._held_by()
        if holder is None or holder.session == owner.session:
            return True
        if unknown:
            return owners.life(holder, self.state, container_start=container_start) is not Life.ALIVE
        return owners.process_life(holder, self.state, container_start=container_start) is Life.DEAD

    def _held_by(self) -> Owner | None:
        """Return who holds it; None also where the note is only half there: whoever wrote that is dead."""
        try:
            return read_owner(self._holder.read_text(encoding="utf-8"))
        except (FileNotFoundError, UnicodeDecodeError):
            return None

    def release(self) -> None:
        """Leave it to the next session, if its owner still holds it; whoever used it notes that before."""
        with self._noting():
            holder = self._held_by()
            if holder is not None and self._owner is not None and holder.session == self._owner.session:
                self._holder.unlink(missing_ok=True)

    @property
    def _holder(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.holder")

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Let nobody else read or write who holds it."""
        from filelock import FileLock  # noqa: PLC0415 - only sessions that start something pay for it

        with usable(self.state):
            make_folder(self.folder.parent)
            with FileLock(self.folder.with_name(f"{self.folder.name}.lock"), _LOCK_SECONDS, mode=0o600):
                yield

    def end(self) -> None:
        """Forget it, whose things are gone; its owner holds it."""
        shutil.rmtree(self.folder, ignore_errors=True)  # nobody else writes there
        self.release()

    # what is noted of it

    def begin(self, project: str, url: str) -> None:
        """Make its folder, and note that it is in use, on the engine at a URL."""
        make_folder(self.folder)
        write_json(self.folder / _ABOUT, {"project": project, "engine": url, "state": identity(self.state)})
        self.used()

    def used(self) -> None:
        """Note that a session used it until now; nothing where somebody removed it."""
        with usable(self.state):
            if is_there(self.folder):
                write_file(self.folder / _USED, b"")

    def unused_for(self, clock: Callable[[], float] = time.time) -> float:
        """Return the seconds since a session used it."""
        try:
            return clock() - (self.folder / _USED).stat().st_mtime
        except OSError:  # its session died before it made anything
            return float("inf")

    def record(self, part: str) -> Mapping[str, Any] | None:
        """Return what was noted of a part; None where nothing can be read."""
        try:
            return read_json(self._file(part))
        except (OSError, StateError):
            return None

    def write(self, part: str, content: Mapping[str, Any]) -> None:
        """Note how a part was made and where it is."""
        write_json(self._file(part), content)

    def add_contents(self, part: str, contents: Iterable[str]) -> None:
        """Note what another part put into one when it started, as far as this one is kept too."""
        record = self.record(part)
        if record is not None:
            value = record["value"]
            self.write(part, {**record, "value": {**value, "contents": sorted({*value["contents"], *contents})}})

    def forget(self, part: str) -> None:
        """Forget a part."""
        with usable(self.state):
            self._file(part).unlink(missing_ok=True)

    def records(self) -> Iterator[Mapping[str, Any]]:
        """Yield the records of all parts that can be read; StateError where the folder can't."""
        with usable(self.state):
            files = list(self.folder.glob("*.json"))
        for file in files:
            try:
                yield read_json(file)
            except (OSError, StateError):  # a corrupt one counts as none, and its part is made anew
                continue

    def _file(self, part: str) -> Path:
        return self.folder / f"{sha256(part.encode()).hexdigest()[:16]}.json"


def settle(session: Session, engine: "Engine", project: str, **timing: Any) -> Kept | None:
    """Begin a project's kept stack on an engine, held by a run's owner; None where another session holds it.

    It is noted in the run's folder. `timing` takes `clock` and `sleep`, as `Kept.hold` does.
    """
    stack = Kept.on(engine, session.state, project)
    held = stack.hold(session.full_owner(), engine.running_since, **timing)
    if held:
        with usable(session.state):
            stack.begin(project, engine.url)
    write_json(session.folder / _CHOICE, {"stack": stack.id if held else None})
    return stack if held else None


def chosen(session: Session) -> Kept | None:
    """Return the kept stack that a run holds, for its workers and its watchdog; None where it has none (yet)."""
    try:
        name = read_json(session.folder / _CHOICE)["stack"]
    except FileNotFoundError:
        return None
    return None if name is None else Kept(session.state / "kept" / name, session.owner)


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]


def all_kept(state: Path) -> list[Kept]:
    """Return the kept stacks of a state folder."""
    with usable(state):
        return [Kept(folder) for folder in sorted((state / "kept").glob("*/"))]


def place(engine_option: str, environ: Mapping[str, str]) -> str:
    """Return where the engine is, as somebody set it: with stacks elsewhere another session may do something."""
    if "://" in engine_option:
        return f"on {without_user(engine_option)}"
    set_by = [environ[name] for name in ("DOCKER_HOST", "DOCKER_CONTEXT") if environ.get(name, "") != ""]
    return f"on {without_user(set_by[0])}" if set_by else ""
