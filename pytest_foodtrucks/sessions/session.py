"""One test session: its folder in the state folder, and the owner label of its things."""

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from pytest_foodtrucks.clock import wall
from pytest_foodtrucks.engine.endpoints import Endpoint
from pytest_foodtrucks.errors import StateError

from . import lease, owners, processes
from .owners import Owner, read_owner
from .processes import Life
from .state_folder import (
    is_there,
    make_folder,
    prepare,
    read_json,
    session_folder,
    session_folders,
    usable,
    write_file,
    write_json,
)
from .state_key import identity

_OWNER: Final = "owner.json"
_ENGINE: Final = "engine.json"
_ON_ENGINE: Final = "open"
ENDED_NOTE: Final = "ended"
"""The file in a session's folder that tells the watchdog: the session removed its things itself."""
_DEAD_STAYS: Final = 3600.0
"""Seconds after which a dead session's folder is removed. Its watchdog has ended long before."""
_UNKNOWN_STAYS: Final = 30 * 24 * 3600.0
"""Seconds after which a session's folder is removed if nobody can tell whether the session lives."""


class Session:
    """One test session, shared by its xdist workers.

    It is begun by the xdist controller, or by the one process that there is. That process ends it, too; an xdist worker
    and a forked child don't.
    """

    def __init__(self, folder: Path, owner: Owner, *, begun: bool = False) -> None:
        self.folder = folder
        self.owner = owner
        self._begun_in = os.getpid() if begun else None

    @classmethod
    def begin(cls, state: Path) -> "Session":
        """Begin a session in this process; StateError where the state folder can't be used."""
        prepare(state)
        folder = session_folder(state, secrets.token_hex(6))
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
    def of_controller(cls, folder: Path, owner: str) -> "Session":
        """Return the controller's session in an xdist worker, from what the controller told: folder and owner label."""
        known = read_owner(owner)
        if known is None:
            raise StateError(
                f"The xdist controller told of its session by {owner!r}, which says nothing. Remedy: run again."
            )
        return cls(folder, known)

    @property
    def id(self) -> str:
        """The session's id, which its things have as a label."""
        return self.owner.session

    @property
    def state_folder(self) -> Path:
        """The state folder."""
        return self.folder.parents[1]

    @property
    def ends_here(self) -> bool:
        """Tell whether this process must end the session: it began the session, and hasn't ended it yet."""
        return self._begun_in == os.getpid()

    @property
    def owner_label(self) -> str:
        """The text of the owner label, which all things of the session have."""
        return self.full_owner().text()

    def full_owner(self) -> Owner:
        """Return the owner with its machine and its container, which are known once the engine has been asked."""
        recorded = self._recorded_engine()
        return self.owner if recorded is None else replace(self.owner, **recorded["place"])

    def is_alive(self) -> bool:
        """Tell whether the process that began the session lives; a worker asks, because it may live longer.

        Also True where that can't be told.
        """
        return processes.life(self.owner.process) is not Life.DEAD

    def go_to_engine(self, first: Callable[[], object]) -> None:
        """Call `first`, unless a process of this session did; nothing is created on the engine before."""
        from filelock import FileLock  # noqa: PLC0415 - only sessions that start something pay for it

        with ExitStack() as locked:
            with usable(self.state_folder):
                locked.enter_context(FileLock(self.folder / "open.lock", mode=0o600))
            if not self.is_on_engine():
                first()
                with usable(self.state_folder):
                    write_file(self.folder / _ON_ENGINE, b"")

    def is_on_engine(self) -> bool:
        """Tell whether a process of this session went to the engine."""
        return is_there(self.folder / _ON_ENGINE)

    def record_engine(
        self, endpoint: Endpoint, *, is_local: bool = False, container: tuple[str, str] | None = None
    ) -> None:
        """Record which engine the session uses: its workers and its watchdog use the same one.

        `is_local` tells that the engine is on this machine. `container` is the engine's container in which the session
        runs, with the time of that container's start.
        """
        container_id, container_start = ("", "") if container is None else container
        place = {
            "machine": owners.machine_in(self.state_folder) if is_local else "",
            "container": container_id,
            "container_start": container_start,
        }
        write_json(self.folder / _ENGINE, {"endpoint": asdict(endpoint), "place": place})

    def endpoint(self) -> Endpoint | None:
        """Return where the session's engine is; None before a process of the session went to one."""
        recorded = self._recorded_engine()
        return None if recorded is None else Endpoint(**recorded["endpoint"])

    def _recorded_engine(self) -> Mapping[str, Any] | None:
        try:
            return read_json(self.folder / _ENGINE)
        except FileNotFoundError:
            return None

    def end(self, *, watchdog_knows: bool = True) -> None:
        """End the session if this process has to; its things have been removed from the engine.

        A watchdog that doesn't know of the end finds a note of it when it wakes, and removes the folder.
        """
        if not self.ends_here:
            return
        self._begun_in = None
        if watchdog_knows:
            self.remove_folder()
        elif is_there(self.folder):
            with usable(self.state_folder):
                write_file(self.folder / ENDED_NOTE, b"")

    def remove_folder(self) -> None:
        """Remove the session's folder."""
        shutil.rmtree(self.folder, ignore_errors=True)  # a worker that is still dying may write once more


def remove_folders_of_dead_sessions(state: Path, clock: Callable[[], float] = wall) -> None:
    """Remove the folders of sessions that died long ago; whatever is left of them on the engine has labels that tell.

    A folder also goes, much later, where nobody can tell whether its session lives.
    """
    with usable(state):
        folders = session_folders(state)
    for folder in folders:
        try:
            age = clock() - folder.stat().st_mtime
            life = life_of_session(folder, state)
            if life is not Life.ALIVE and age > (_DEAD_STAYS if life is Life.DEAD else _UNKNOWN_STAYS):
                shutil.rmtree(folder, ignore_errors=True)  # another session does the same
        except OSError:  # gone, or another user's
            continue


def life_of_session(folder: Path, state: Path) -> Life:
    """Tell whether the session lives that a folder is of, without asking an engine."""
    if (folder / ENDED_NOTE).exists():
        return Life.DEAD
    try:
        owner = read_owner((folder / _OWNER).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        owner = None
    return Life.UNKNOWN if owner is None else owners.life(replace(owner, container=""), state, container_start=str)
