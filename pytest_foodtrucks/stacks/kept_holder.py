"""The holder of a kept stack: which session has it now, written to a file beside the stack's folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pytest_foodtrucks.clock import monotonic, sleep
from pytest_foodtrucks.sessions import owners
from pytest_foodtrucks.sessions.owners import ContainerStart, Owner, read_owner
from pytest_foodtrucks.sessions.processes import Life
from pytest_foodtrucks.sessions.state_folder import make_folder, usable, write_file

_PATIENCE: Final = 2.0
"""Seconds for which a session waits: a watchdog, or another session's start, may hold the kept stack for a moment."""
_PAUSE: Final = 0.05
_LOCK_SECONDS: Final = 30.0
"""Reading and writing the holder takes a moment only."""


class KeptHolder:
    """The session that holds a kept stack; its file stays when the stack's folder is removed."""

    def __init__(self, folder: Path, state: Path) -> None:
        """`folder` is the stack's, in the state folder."""
        self._state = state
        self._file = folder.with_name(f"{folder.name}.holder")
        self._lock = folder.with_name(f"{folder.name}.lock")

    def take(
        self,
        owner: Owner,
        container_start: ContainerStart,
        *,
        unknown: bool = False,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], None] = sleep,
    ) -> bool:
        """Make an owner the holder, and return True; False where another one is the holder and may live.

        `unknown` also takes the place of one of whom nobody can tell whether it lives.
        """
        until = clock() + _PATIENCE
        while True:
            with self._locked():
                if self._is_free(owner, container_start, unknown=unknown):
                    write_file(self._file, owner.text().encode())
                    return True
            if clock() >= until:
                return False
            sleep(_PAUSE)

    def leave(self, owner: Owner) -> None:
        """Remove the holder's file, if `owner` is still the holder."""
        with self._locked():
            holder = self._read()
            if holder is not None and holder.session == owner.session:
                self._file.unlink(missing_ok=True)

    def _is_free(self, owner: Owner, container_start: ContainerStart, *, unknown: bool) -> bool:
        holder = self._read()
        if holder is None or holder.session == owner.session:
            return True
        if unknown:
            return owners.life(holder, self._state, container_start=container_start) is not Life.ALIVE
        return owners.process_life(holder, self._state, container_start=container_start) is Life.DEAD

    def _read(self) -> Owner | None:
        """Return the holder; None also if the file is incomplete: its writer died."""
        try:
            return read_owner(self._file.read_text(encoding="utf-8"))
        except (FileNotFoundError, UnicodeDecodeError):
            return None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let nobody else read or write the holder."""
        from filelock import FileLock  # noqa: PLC0415 - only sessions that start something pay for it

        with usable(self._state):
            make_folder(self._file.parent)
            with FileLock(self._lock, _LOCK_SECONDS, mode=0o600):
                yield
