"""The state folder: where it is, whose it is, and how its files are written so that nobody else reads them."""

import errno
import hmac
import json
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from pytest_foodtrucks.engine import limits
from pytest_foodtrucks.errors import StateError

_SESSIONS: Final = "runs"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_KEY: Final = "key"
_KEY_LENGTH: Final = 32
"""Bytes."""
_WRITING_SECONDS: Final = 2.0
"""For how long the process that came first may be writing the key."""
_PAUSE: Final = 0.01


def state_folder(option: str | None, environ: Mapping[str, str]) -> Path:
    """Return the state folder: the option's, else the user's by the XDG base directory specification.

    By that a relative $XDG_STATE_HOME is none. Raises StateError where nobody says where the user's home is.
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
    """Let what fails in a state folder fail with a StateError that names it, and the remedy."""
    try:
        yield
    except OSError as error:
        raise _unusable(folder, error) from error


def _unusable(folder: Path, error: OSError) -> StateError:
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
    """See that a state folder is there, and that nobody else can write in it; StateError where that can't be."""
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
        raise _unsafe(state, f"it belongs to the user {status.st_uid}, and this is {os.geteuid()}")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _unsafe(state, "other users can write in it")


def _refuse_foreign_link(path: Path, state: Path) -> None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(status.st_mode) and status.st_uid not in {0, os.geteuid()}:
        raise _unsafe(state, f"{path} is a link that the user {status.st_uid} made")


def _unsafe(state: Path, why: str) -> StateError:
    return StateError(
        f"The state folder {state} isn't safe: {why}. Remedy: choose one of your own with --foodtrucks-state-dir."
    )


def make_folder(folder: Path) -> None:
    """Make a folder that is this user's alone, whatever the process's umask says; leave one that is there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError:
        if not folder.is_dir():
            raise
    else:
        folder.chmod(0o700)


def write_file(file: Path, content: bytes) -> None:
    """Write a file that is this user's alone, so that a reader sees all of it or the one before."""
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        _write_new(part, content)
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _write_new(file: Path, content: bytes) -> None:
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
        raise _unusable(file.parent, error) from error
    except ValueError as error:
        raise corrupt(file, str(error)) from error
    if not isinstance(content, dict):
        raise corrupt(file, f"it has {content!r}")
    return content


def is_there(file: Path) -> bool:
    """Tell whether a state file is there; StateError where that can't be seen."""
    with usable(file.parent):
        try:
            file.stat()
        except FileNotFoundError:
            return False
        return True


def corrupt(file: Path, why: str) -> StateError:
    """Return the error for a state file that says nothing."""
    return StateError(f"The state file {file} is corrupt: {why}. Remedy: run again, which makes it anew.")


# the key


def identity(state: Path) -> str:
    """Return what tells a state folder from its copies, as long as it is there."""
    key, file = _key(state)
    return _digest(key, f"{file.st_dev}:{file.st_ino}:{file.st_ctime_ns}")


def keyed(state: Path) -> Callable[[str], str]:
    """Return a function that gives a text's digest, which says nothing to who hasn't got this folder's key."""
    key, _ = _key(state)
    return lambda text: _digest(key, text)


def _digest(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(errors="surrogatepass"), "sha256").hexdigest()[:16]


def _key(state: Path) -> tuple[bytes, os.stat_result]:
    """Return the folder's key, made once, and what the system tells of its file."""
    file = state / _KEY
    with usable(state):
        if not file.exists():
            _make_key(file)
        until = time.monotonic() + _WRITING_SECONDS
        while True:
            content, status = _read(file)
            if len(content) == _KEY_LENGTH:
                return content, status
            if content or time.monotonic() >= until:
                break
            time.sleep(_PAUSE)
    raise StateError(
        f"The state file {file} is corrupt: it has {len(content)} bytes, not {_KEY_LENGTH}. Remedy: remove it, and by "
        "hand what killed sessions left (docker ps --all --filter label=pytest-foodtrucks): without it nobody can tell "
        "which kept stack is whose."
    )


def _make_key(file: Path) -> None:
    prepare(file.parent)
    try:
        _write_new(file, secrets.token_bytes(_KEY_LENGTH))
    except FileExistsError:
        return  # another process was first
    except OSError:
        with suppress(OSError):
            file.unlink(missing_ok=True)
        raise


def _read(file: Path) -> tuple[bytes, os.stat_result]:
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
        return stream.read(_KEY_LENGTH + 1), os.fstat(stream.fileno())
