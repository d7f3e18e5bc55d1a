"""The state folder's key: it tells the folder from its copies, and makes digests that nobody can guess without it."""

import hmac
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from pytest_foodtrucks.clock import monotonic, sleep
from pytest_foodtrucks.errors import StateError

from .state_folder import prepare, usable, write_new

_KEY: Final = "key"
_KEY_LENGTH: Final = 32
"""Bytes."""
_WRITING_SECONDS: Final = 2.0
"""For how long another process may be writing the key."""
_PAUSE: Final = 0.01


def identity(state: Path) -> str:
    """Return the identity of a state folder; a copy of the folder has another one."""
    key, file = _key(state)
    return _digest(key, f"{file.st_dev}:{file.st_ino}:{file.st_ctime_ns}")


def keyed(state: Path) -> Callable[[str], str]:
    """Return a function that makes a text's digest; nobody can guess the text without this folder's key."""
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
        until = monotonic() + _WRITING_SECONDS
        while True:
            content, status = _read(file)
            if len(content) == _KEY_LENGTH:
                return content, status
            if content or monotonic() >= until:
                break
            sleep(_PAUSE)
    raise StateError(
        f"The state file {file} is corrupt: it has {len(content)} bytes, not {_KEY_LENGTH}. Remedy: remove it, and by "
        "hand what killed sessions left (docker ps --all --filter label=pytest-foodtrucks): without it nobody can tell "
        "which kept stack is whose."
    )


def _make_key(file: Path) -> None:
    prepare(file.parent)
    try:
        write_new(file, secrets.token_bytes(_KEY_LENGTH))
    except FileExistsError:
        return  # another process was first
    except OSError:
        with suppress(OSError):
            file.unlink(missing_ok=True)
        raise


def _read(file: Path) -> tuple[bytes, os.stat_result]:
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
        return stream.read(_KEY_LENGTH + 1), os.fstat(stream.fileno())
