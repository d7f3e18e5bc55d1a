"""The state folder: who owns which stack, and whether the owner lives."""

import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import lease
from .errors import StateError
from .usable import usable

if TYPE_CHECKING:
    from .endpoints import Endpoint

OWNER_LABEL: Final = "pytest-foodtrucks.owner"
_LEASE: Final = "lease"
_OPEN: Final = "open"
_ENGINE: Final = "engine.json"
ENDED: Final = "ended"
"""The note in the lease of a run that cleaned up: its folder alone says nothing, somebody may have removed that."""
_KEPT_FOR: Final = 3600.0
"""Seconds after which the folder of a dead run goes: much longer than its watchdog works."""


def state_folder(option: str | None, environ: Mapping[str, str]) -> Path:
    """Return the state folder: the option's, else the user's by the XDG base directory specification."""
    if option is not None:
        return Path(option).expanduser().absolute()
    base = environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base != "" else Path.home() / ".local/state") / "pytest-foodtrucks"


class Run:
    """One session's place in the state folder, shared by its xdist workers.

    Whoever has `lease` is the owner: the xdist controller, or the one process there is.
    """

    def __init__(self, folder: Path, held: "lease.Lease | None" = None) -> None:
        self.folder = folder
        self._held = held

    @classmethod
    def begin(cls, state: Path) -> "Run":
        """Make a run of this process's own; StateError where the folder can't be used."""
        folder = state / "runs" / secrets.token_hex(6)
        try:
            with usable(state):
                identity(state)
                folder.mkdir(parents=True)
                return cls(folder, lease.Lease(folder / _LEASE))
        except ImportError as error:
            raise StateError(
                "A stack needs file locks that this system doesn't have. Remedy: on Windows, use WSL 2."
            ) from error

    @property
    def id(self) -> str:
        """The session's id."""
        return self.folder.name

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder.parents[1]

    @property
    def is_owner(self) -> bool:
        """Tell whether this process owns the run's stack."""
        return self._held is not None

    @property
    def owner_label(self) -> str:
        """What tells whoever shares the state folder where to look for the owner."""
        return f"{identity(self.state)}/{self.id}"

    @property
    def lease_file(self) -> Path:
        """The file whose lock is held as long as the owner lives."""
        return self.folder / _LEASE

    def owner_lives(self) -> bool:
        """Tell whether the owner lives; asked in a worker, which may outlive its controller."""
        return self.is_owner or not lease.is_free(self.lease_file)

    def open(self, first: Callable[[], object]) -> None:
        """Call `first` unless a process of this run did; before anything is created on the engine."""
        from filelock import FileLock  # noqa: PLC0415 - only sessions that start something pay for it

        with ExitStack() as locked:
            with usable(self.state):
                locked.enter_context(FileLock(self.folder / "open.lock"))
            if not self.is_open():
                first()
                with usable(self.state):
                    (self.folder / _OPEN).touch()

    def is_open(self) -> bool:
        """Tell whether a process of this run went to the engine."""
        return (self.folder / _OPEN).exists()

    def note_engine(self, endpoint: "Endpoint") -> None:
        """Note where the engine is that the run uses: whoever comes later, and whoever cleans, asks that one."""
        from dataclasses import asdict  # noqa: PLC0415 - the watchdog waits without it

        from .sharing import write_json  # noqa: PLC0415 - likewise

        write_json(self.folder / _ENGINE, asdict(endpoint))

    def endpoint(self) -> "Endpoint | None":
        """Return where the engine is that the run uses; None where no process of it went to one."""
        from .endpoints import Endpoint  # noqa: PLC0415 - as above
        from .sharing import read_json  # noqa: PLC0415 - likewise

        try:
            about = read_json(self.folder / _ENGINE)
        except FileNotFoundError:
            return None
        return Endpoint(about["url"], about["set_by"], about["context"])

    def end(self) -> None:
        """Forget the run, if it is this process's own: its stack is gone."""
        if self._held is not None:
            self.forget()
            self._held.release(ENDED)

    def forget(self) -> None:
        """Remove the run's folder."""
        shutil.rmtree(self.folder, ignore_errors=True)  # a worker that is still dying may write once more


def is_orphan(owner_label: str, state: Path) -> bool:
    """Tell whether an owner is provably dead: it is of this state folder, and its lease is free."""
    folder, _, run = owner_label.partition("/")
    if not run.isalnum() or folder != identity(state):
        return False
    try:
        return lease.is_free(state / "runs" / run / _LEASE)
    except OSError:  # another user's, or no locks here: no proof
        return False


def forget_dead(state: Path, clock: Callable[[], float] = time.time) -> None:
    """Remove the folders of runs that died long ago: their things are gone, or are known as theirs all the same."""
    for file in state.glob(f"runs/*/{_LEASE}"):
        try:
            old = clock() - file.stat().st_mtime > _KEPT_FOR
            if old and lease.is_free(file):
                shutil.rmtree(file.parent, ignore_errors=True)  # somebody else does the same
        except OSError:  # gone, or another user's
            continue


def identity(state: Path) -> str:
    """Return the folder's own name, made once: who doesn't share the folder can't judge its owners."""
    file = state / "identity"
    if not file.exists():
        state.mkdir(parents=True, exist_ok=True)
        part = state / f"identity.{secrets.token_hex(4)}"
        try:
            part.write_text(secrets.token_hex(8), encoding="ascii")
            file.hardlink_to(part)  # the first one stays
        except FileExistsError:
            pass
        finally:
            part.unlink(missing_ok=True)
    content = file.read_bytes()
    text = content.decode("ascii", errors="replace").strip()
    if not text.isalnum() or not text.isascii():
        raise StateError(
            f"The state file {file} is corrupt: {content[:40]!r}. Remedy: remove it, and by hand what killed sessions "
            "left (docker ps --all --filter label=pytest-foodtrucks): without it nobody can tell whose that is."
        )
    return text
