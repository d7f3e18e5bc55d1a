"""Which of the user's files a function reads while it runs, and what tells that one of them changed."""

import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib.util import source_from_cache
from pathlib import Path
from typing import Any, Final

from .sources import is_users

_READ_WHOLE: Final = 1_000_000
"""Bytes. Of a larger file its size and its time tell whether it changed."""
_MOST_FILES: Final = 10_000
"""So many files of a folder are looked at."""

_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_EVENTS: Final = frozenset({"open", "os.listdir", "os.scandir"})
"""What Python tells its audit hooks."""
_IMPORTING: Final = ("importlib", "_frozen_importlib")
_SYSTEMS_OWN: Final = ("/proc/", "/sys/", "/dev/", "/etc/")


def content_of(path: Path) -> str:
    """Return what tells whether a file, or all that is in a folder, changed; empty where nothing can be read."""
    try:
        if path.is_dir():
            return _content_of_folder(path)
        if not path.is_file():
            return ""
        about = path.stat()
        if about.st_size > _READ_WHOLE:
            return f"{about.st_size} bytes, {about.st_mtime_ns}"
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _content_of_folder(folder: Path) -> str:
    found: list[str] = []
    for here, folders, files in os.walk(folder):
        folders.sort()
        found += [f"{here}/{name} {content_of(Path(here, name))}" for name in sorted(files)]
        if len(found) > _MOST_FILES:
            break
    return sha256("\n".join(found).encode(errors="surrogateescape")).hexdigest()


def fingerprint(path: str, digest: Callable[[str], str]) -> str:
    """Return the fingerprint of a file's content, or of the names in a folder that aren't hidden."""
    place = Path(path)
    if not place.is_dir():
        return digest(content_of(place))
    try:
        names = sorted(each.name for each in place.iterdir() if not each.name.startswith((".", "__pycache__")))
    except OSError:
        names = []
    return digest("\n".join(names))


class Reading:
    """The files that a thread reads, and the folders that it lists, while `going_on` does."""

    def __init__(self) -> None:
        self._opened: set[str] = set()
        self._written: set[str] = set()
        self._listed: set[str] = set()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Record what Python opens in this block. An audit hook hears it; that stays, and does nothing afterwards."""
        _install_hook()
        _READINGS[threading.get_ident()] = self
        try:
            yield
        finally:
            del _READINGS[threading.get_ident()]

    def hear(self, event: str, path: str, flags: int) -> None:
        """Take what Python tells of one call."""
        if event != "open":
            self._listed.add(path)
        elif flags & _WRITES:
            self._written.add(path)
        else:
            self._opened.add(_as_source(path))

    def fingerprints(self, digest: Callable[[str], str]) -> dict[str, str]:
        """Return a fingerprint of each of the user's own files and folders; one that was written too is no source."""
        read = {path for path in self._opened - self._written if Path(path).is_file()}
        listed = {path for path in self._listed if Path(path).is_dir()}
        return {path: fingerprint(path, digest) for path in sorted(read | listed) if _is_users_data(path)}


_READINGS: Final[dict[int, Reading]] = {}
"""Those that go on, by the number of their thread."""


@functools.cache
def _install_hook() -> None:
    sys.addaudithook(_hear)


def _hear(event: str, args: tuple[Any, ...]) -> None:
    """Pass on what concerns a reading; what goes wrong here mustn't end the call that is told of."""
    if _READINGS and event in _EVENTS:
        with suppress(Exception):
            reading = _READINGS.get(threading.get_ident())
            if reading is None or isinstance(args[0], int) or (event != "open" and _is_import(sys._getframe(1))):  # noqa: SLF001 - who lists it
                return
            path = Path(os.fsdecode(args[0] if args[0] is not None else "."))
            reading.hear(event, str(path.absolute()), args[2] if event == "open" else 0)


def _is_import(frame: Any) -> bool:
    """Tell whether Python's import looks for a module; what else is in a folder doesn't matter to that."""
    return str(frame.f_globals.get("__name__")).startswith(_IMPORTING)


def _as_source(path: str) -> str:
    """Return the source file of a compiled module, and another path as it is."""
    with suppress(ValueError, NotImplementedError):
        return source_from_cache(path) if path.endswith(".pyc") else path
    return path


def _is_users_data(path: str) -> bool:
    return is_users(path) and not path.startswith(_SYSTEMS_OWN)
