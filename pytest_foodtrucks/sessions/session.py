"""One session's place in the state folder, and the proof of who owns it."""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from pytest_foodtrucks.engine.endpoints import Endpoint
from pytest_foodtrucks.errors import StateError

from . import lease, owners, processes
from .owners import Owner, read_owner
from .processes import Life
from .state_folder import identity, is_there, make_folder, prepare, read_json, usable, write_file, write_json

_OWNER: Final = "owner.json"
_ENGINE: Final = "engine.json"
_OPEN: Final = "open"
ENDED_NOTE: Final = "ended"
"""The file in a run's folder by which a watchdog learns that its owner removed its things itself."""
_KEPT_FOR: Final = 3600.0
"""Seconds after which the folder of a dead run goes: much longer than its watchdog works."""
_UNTOLD_KEPT_FOR: Final = 30 * 24 * 3600.0
"""Seconds after which the folder goes of a run of which nobody can tell whether its owner lives."""


class Run:
    """One session's place in the state folder, shared by its xdist workers.

    The process that began it owns it: the xdist controller, or the one process there is. A child that is forked from it
    doesn't.
    """

    def __init__(self, folder: Path, owner: Owner, *, begun: bool = False) -> None:
        self.folder = folder
        self.owner = owner
        self._begun_in = os.getpid() if begun else None

    @classmethod
    def begin(cls, state: Path) -> "Run":
        """Make a run of this process's own; StateError where the folder can't be used."""
        prepare(state)
        folder = state / "runs" / secrets.token_hex(6)
        with usable(state), ExitStack() as undo:
            make_folder(folder.parent)
            make_folder(folder)
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            owner = Owner(
                state=identity(state),
                session=folder.name,
                process=processes.this_process(),
                lease=lease.create(owners.lease_file(state, folder.name)),
            )
            write_file(folder / _OWNER, owner.text().encode())
            undo.pop_all()
        return cls(folder, owner, begun=True)

    @classmethod
    def shared(cls, folder: Path, owner: str) -> "Run":
        """Return another process's run, as it told of it: its folder, and its owner's text."""
        known = read_owner(owner)
        if known is None:
            raise StateError(
                f"The xdist controller told of its run by {owner!r}, which says nothing. Remedy: run again."
            )
        return cls(folder, known)

    @property
    def id(self) -> str:
        """The session's id."""
        return self.owner.session

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder.parents[1]

    @property
    def is_owner(self) -> bool:
        """Tell whether this process owns the run's stack."""
        return self._begun_in == os.getpid()

    @property
    def owner_label(self) -> str:
        """What tells whoever looks at a thing of this run who owns it."""
        return self.placed_owner().text()

    def placed_owner(self) -> Owner:
        """Return the owner with what is known of it since there is an engine."""
        about = self._about_engine()
        return self.owner if about is None else replace(self.owner, **about["place"])

    def owner_lives(self) -> bool:
        """Tell whether the owner lives, as far as can be told; asked in a worker, which may outlive its controller."""
        return processes.life(self.owner.process) is not Life.DEAD

    def open(self, first: Callable[[], object]) -> None:
        """Call `first` unless a process of this run did; before anything is created on the engine."""
        from filelock import FileLock  # noqa: PLC0415 - only sessions that start something pay for it

        with ExitStack() as locked:
            with usable(self.state):
                locked.enter_context(FileLock(self.folder / "open.lock", mode=0o600))
            if not self.is_open():
                first()
                with usable(self.state):
                    write_file(self.folder / _OPEN, b"")

    def is_open(self) -> bool:
        """Tell whether a process of this run went to the engine."""
        return is_there(self.folder / _OPEN)

    def note_engine(
        self, endpoint: Endpoint, *, is_local: bool = False, container: tuple[str, str] | None = None
    ) -> None:
        """Note where the engine is that the run uses: whoever comes later, and whoever cleans, asks that one.

        `is_local` tells that it is on this machine; `container` is the one of its containers that the session is in,
        and when that was started.
        """
        place = {
            "machine": owners.machine_in(self.state) if is_local else "",
            "container": "" if container is None else container[0],
            "container_start": "" if container is None else container[1],
        }
        write_json(self.folder / _ENGINE, {"endpoint": asdict(endpoint), "place": place})

    def endpoint(self) -> Endpoint | None:
        """Return where the engine is that the run uses; None where no process of it went to one."""
        about = self._about_engine()
        return None if about is None else Endpoint(**about["endpoint"])

    def _about_engine(self) -> Mapping[str, Any] | None:
        try:
            return read_json(self.folder / _ENGINE)
        except FileNotFoundError:
            return None

    def end(self, *, watchdog_knows: bool = True) -> None:
        """Forget the run, if it is this process's own: its stack is gone.

        A watchdog that hasn't been told so reads it here when it wakes, and removes the folder.
        """
        if not self.is_owner:
            return
        self._begun_in = None
        if watchdog_knows:
            self.forget()
        elif is_there(self.folder):
            with usable(self.state):
                write_file(self.folder / ENDED_NOTE, b"")

    def forget(self) -> None:
        """Remove the run's folder."""
        shutil.rmtree(self.folder, ignore_errors=True)  # a worker that is still dying may write once more


def forget_dead(state: Path, clock: Callable[[], float] = time.time) -> None:
    """Remove the folders of runs that died long ago: their things are gone, or their labels tell of them."""
    with usable(state):
        folders = list(state.glob("runs/*/"))
    for folder in folders:
        try:
            age = clock() - folder.stat().st_mtime
            life = _life(folder, state)
            if life is not Life.ALIVE and age > (_KEPT_FOR if life is Life.DEAD else _UNTOLD_KEPT_FOR):
                shutil.rmtree(folder, ignore_errors=True)  # somebody else does the same
        except OSError:  # gone, or another user's
            continue


def _life(folder: Path, state: Path) -> Life:
    """Tell whether the owner of a run's folder lives, without an engine."""
    if (folder / ENDED_NOTE).exists():
        return Life.DEAD
    try:
        owner = read_owner((folder / _OWNER).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        owner = None
    return Life.UNKNOWN if owner is None else owners.life(replace(owner, container=""), state, container_start=str)
