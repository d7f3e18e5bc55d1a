"""Kept stacks: what stays on the engine for the next session of the same project, and the record of how it was made."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import lease
from .errors import StateError
from .runs import Run, identity
from .sharing import read_json, write_json
from .usable import usable

if TYPE_CHECKING:
    from .engine import Engine

OWNER: Final = "kept"
"""What the label pytest-foodtrucks.owner says of kept things; the session label then is the kept stack's id."""

UNUSED_HOURS: Final = 8
"""After so many hours without a session any session's sweep may take a kept stack."""

_CHOICE: Final = "kept"
"""The file in a run's folder that names its project's kept stacks, and then the one on its engine; empty where another
session holds them."""

_PATIENCE: Final = 2.0
"""Seconds that a watchdog or a sweep may hold a kept stack, and a session waits for it."""
_PAUSE: Final = 0.05


class Kept:
    """A stack that outlives its session; one session at a time holds it.

    Its folder has a record for each part, and its name says of which project it is, and on which engine: nobody takes
    it for gone who asks another one. The lease is beside the folder, one for all engines of a project, since it is
    taken before the engine is known. It stays when the folder goes: whoever waits for the lease of a removed folder
    would hold what nobody else can see.
    """

    def __init__(self, folder: Path, held: "lease.Lease | None" = None) -> None:
        self.folder = folder
        self._held = held

    @classmethod
    def held(cls, folder: Path) -> "Kept | None":
        """Hold it; None where another session does."""
        held = _hold(folder)
        return None if held is None else cls(folder, held)

    @classmethod
    def on(cls, engine: "Engine", project_folder: Path) -> "Kept":
        """Return a project's kept stack on an engine; `project_folder` is where that project's kept stacks are."""
        return cls(project_folder.with_name(f"{_project_of(project_folder)}-{_short(engine.identity())}"))

    @property
    def id(self) -> str:
        """What its things carry as their session."""
        return self.folder.name

    @property
    def project(self) -> str:
        """Whose it is, for people."""
        try:
            return (self.folder / "project").read_text(encoding="utf-8")
        except OSError:
            return "an unknown project"

    def is_on(self, engine: "Engine") -> bool:
        """Tell whether it is on an engine."""
        return self.folder.name.partition("-")[2] == _short(engine.identity())

    @property
    def url(self) -> str:
        """Where its engine was when it was used last, for people."""
        try:
            return (self.folder / "engine").read_text(encoding="utf-8")
        except OSError:
            return "an unknown one"

    def begin(self, project: str, url: str) -> None:
        """Make its folder, and note that it is in use, on the engine at a URL."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "project").write_text(project, encoding="utf-8")
        (self.folder / "engine").write_text(url, encoding="utf-8")
        self.used()

    def used(self) -> None:
        """Note that a session used it until now; nothing where somebody removed it."""
        if self.folder.exists():
            (self.folder / "used").touch()

    def unused_for(self, clock: Callable[[], float] = time.time) -> float:
        """Return the seconds since a session used it."""
        try:
            return clock() - (self.folder / "used").stat().st_mtime
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
        self._file(part).unlink(missing_ok=True)

    def records(self) -> Iterator[Mapping[str, Any]]:
        """Yield the records of all parts that can be read."""
        for file in self.folder.glob("*.json"):
            try:
                yield read_json(file)
            except (OSError, StateError):  # a corrupt one counts as none, and its part is made anew
                continue

    def _file(self, part: str) -> Path:
        return self.folder / f"{sha256(part.encode()).hexdigest()[:16]}.json"

    def release(self) -> None:
        """Leave it to the next session; whoever used it notes that before."""
        if self._held is not None:
            self._held.release()

    def end(self) -> None:
        """Forget it: its things are gone."""
        shutil.rmtree(self.folder, ignore_errors=True)  # nobody else writes there: the lease is held
        if self._held is not None:
            self._held.release()


def choose(
    run: Run, project: str, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> "lease.Lease | None":
    """Hold a project's kept stacks for a run, and note that in its folder; None where another session has them."""
    state = run.state
    folder = state / "kept" / _short(f"{identity(state)} {project}")
    until = clock() + _PATIENCE
    with usable(state):
        while (held := _hold(folder)) is None and clock() < until:
            sleep(_PAUSE)
        (run.folder / _CHOICE).write_text("" if held is None else folder.name, encoding="ascii")
    return held


def settle(run: Run, engine: "Engine", project: str) -> Kept | None:
    """Begin the kept stack that a run holds, now that its engine is known; None where it holds none."""
    name = _choice(run)
    if name is None or name == "":
        return None
    stack = Kept.on(engine, run.state / "kept" / name)
    with usable(run.state):
        stack.begin(project, engine.url)
        (run.folder / _CHOICE).write_text(stack.id, encoding="ascii")
    return stack


def chosen(run: Run) -> Kept | None:
    """Return the kept stack that a run holds, for its workers and its watchdog; None where it has none (yet)."""
    name = _choice(run)
    return Kept(run.state / "kept" / name) if name is not None and "-" in name else None


def is_refused(run: Run) -> bool:
    """Tell whether a run wanted a kept stack that another session holds."""
    return _choice(run) == ""


def _choice(run: Run) -> str | None:
    try:
        return (run.folder / _CHOICE).read_text(encoding="ascii")
    except FileNotFoundError:
        return None


def _hold(folder: Path) -> "lease.Lease | None":
    """Take the lease of a kept stack, and of all others of its project; None where another session has it."""
    file = folder.with_name(f"{_project_of(folder)}.lease")
    if not lease.is_free(file):
        return None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return lease.Lease(file)
    except BlockingIOError:  # another one was quicker
        return None


def _project_of(folder: Path) -> str:
    return folder.name.partition("-")[0]


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]


def all_kept(state: Path) -> list[Kept]:
    """Return the kept stacks of a state folder."""
    return [Kept(folder) for folder in sorted((state / "kept").glob("*/"))]


def place(engine_option: str, environ: Mapping[str, str]) -> str:
    """Return where the engine is, as somebody set it: with stacks elsewhere another session may do something."""
    if "://" in engine_option:
        return f"on {engine_option}"
    set_by = [environ[name] for name in ("DOCKER_HOST", "DOCKER_CONTEXT") if environ.get(name, "") != ""]
    return f"on {set_by[0]}" if set_by else ""
