"""The state folder: where it is, and how its files are written so that no other user reads or changes them."""

import errno
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pytest_foodtrucks.engine import limits
from pytest_foodtrucks.errors import StateError

_SESSIONS: Final = "runs"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def state_folder(option: str | None, environ: Mapping[str, str]) -> Path:
    """Return the state folder: the option's, else the user's by the XDG base directory specification.

    That specification ignores a relative $XDG_STATE_HOME. Raises StateError where the user's home isn't known.
    """
    base = environ.get("XDG_STATE_HOME", "")
    try:
        if option is not None:
            return Path(option).expanduser().absolute()
        home = Path(base) if Path(base).is_absolute() else Path.home() / ".local/state"
    except RuntimeError as error:
        raise StateError(
            f"No state folder can be found: {str(error).rstrip('.')}. Remedy: name one with --foodtrucks-state-dir."
        ) from error
    return home / "pytest-foodtrucks"


def session_folder(state: Path, session_id: str) -> Path:
    """Return a session's folder; the name `runs` stays, because several versions may share a state folder."""
    return state / _SESSIONS / session_id


def session_folders(state: Path) -> list[Path]:
    """Return the folders of all sessions."""
    return list(state.glob(f"{_SESSIONS}/*/"))


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Turn an OSError in a state folder into a StateError, which names the folder and a remedy."""
    try:
        yield
    except OSError as error:
        raise _unusable_error(folder, error) from error


def _unusable_error(folder: Path, error: OSError) -> StateError:
    limit = limits.reached(error)
    if limit is not None:
        return StateError(f"The state folder {folder} can't be used. {limit}")
    remedy = "make room there" if error.errno in _FULL else "make it writable"
    words = error.strerror if error.strerror is not None else str(error).rstrip(".")
    return StateError(
        f"The state folder {folder} can't be used: {words}. Remedy: {remedy}, or choose another with "
        "--foodtrucks-state-dir."
    )


def prepare(state: Path) -> None:
    """Make a state folder if there is none, and check that no other user can write in it; else StateError."""
    try:
        import fcntl  # noqa: F401, PLC0415 - missing on Windows, where sessions without our fixtures run all the same
    except ImportError as error:
        raise StateError(
            "A stack needs file locks that this system doesn't have. Remedy: on Windows, use WSL 2."
        ) from error
    with usable(state):
        for each in [*reversed(state.parents), state]:
            _refuse_foreign_link(each, state)
        make_folder(state)
        status = state.stat()
    if status.st_uid != os.geteuid():
        raise _unsafe_error(state, f"it belongs to the user {status.st_uid}, and this is {os.geteuid()}")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _unsafe_error(state, "other users can write in it")


def _refuse_foreign_link(path: Path, state: Path) -> None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(status.st_mode) and status.st_uid not in {0, os.geteuid()}:
        raise _unsafe_error(state, f"{path} is a link that the user {status.st_uid} made")


def _unsafe_error(state: Path, why: str) -> StateError:
    return StateError(
        f"The state folder {state} isn't safe: {why}. Remedy: choose one of your own with --foodtrucks-state-dir."
    )


def make_folder(folder: Path) -> None:
    """Make a folder that only this user can open, whatever the process's umask is; leave one that is there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError:
        if not folder.is_dir():
            raise
    else:
        folder.chmod(0o700)


def write_file(file: Path, content: bytes) -> None:
    """Write a file that only this user can open; whoever reads it sees all of it, or all of the one before."""
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        write_new(part, content)
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def write_new(file: Path, content: bytes) -> None:
    """Write a new file that only this user can open; FileExistsError where there is one."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(stream.fileno(), 0o600)  # a test may have set any umask
        stream.write(content)


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write a state file; StateError where it can't be written."""
    with usable(file.parent):
        write_file(file, json.dumps(content).encode())


def read_json(file: Path) -> Mapping[str, Any]:
    """Read a state file; FileNotFoundError where there is none, StateError where it is corrupt or can't be read."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except OSError as error:  # a test may have changed the process's user, or the folder's mode
        raise _unusable_error(file.parent, error) from error
    except ValueError as error:
        raise corrupt_error(file, str(error)) from error
    if not isinstance(content, dict):
        raise corrupt_error(file, f"it has {content!r}")
    return content


def is_there(file: Path) -> bool:
    """Tell whether a state file is there; StateError where that can't be seen."""
    with usable(file.parent):
        try:
            file.stat()
        except FileNotFoundError:
            return False
        return True


def corrupt_error(file: Path, why: str) -> StateError:
    """Return the error for a state file that can't be understood."""
    return StateError(f"The state file {file} is corrupt: {why}. Remedy: run again, which makes it anew.")
