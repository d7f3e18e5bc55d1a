"""One stack for all xdist workers: whoever comes first starts a part, the others read where it is."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from . import errors
from .errors import FoodtrucksError, StateError

T = TypeVar("T")


@contextmanager
def shared(
    folder: Path,
    key: str,
    *,
    start: Callable[[], T],
    dump: Callable[[T], Mapping[str, Any]],
    load: Callable[[Mapping[str, Any]], T],
) -> Iterator[T]:
    """Yield a part of the run: started here, or taken over from the worker that started it.

    It stays at the end of the block: whoever owns the run removes it by its label. A start that failed is remembered,
    and told to each worker without another try.
    """
    from filelock import FileLock  # noqa: PLC0415 - only xdist workers pay for it

    name = sha256(key.encode()).hexdigest()[:16]
    state = folder / f"{name}.json"
    with FileLock(folder / f"{name}.lock"):
        value = load(_told(state)) if state.exists() else _started(start, dump, state)
    yield value


def _started(start: Callable[[], T], dump: Callable[[T], Mapping[str, Any]], state: Path) -> T:
    try:
        value = start()
    except FoodtrucksError as error:
        write_json(state, {"error": type(error).__name__, "message": error.message, "logs": error.logs})
        raise
    except Exception as error:  # a seed is the user's, and may raise anything
        words = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
        write_json(state, {"error": "StartError", "message": words, "logs": ""})
        raise
    write_json(state, dump(value))
    return value


def _told(state: Path) -> Mapping[str, Any]:
    content = read_json(state)
    if "error" in content:
        failed: type[FoodtrucksError] = getattr(errors, content["error"])
        raise failed(content["message"], logs=content["logs"])
    return content


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write a state file, so that a reader sees all of it or the one before."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(content), encoding="utf-8")
    part.replace(file)


def read_json(file: Path) -> Mapping[str, Any]:
    """Read a state file; StateError where it is corrupt."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StateError(f"The state file {file} is corrupt: {error}. Remedy: run again.") from error
    if not isinstance(content, dict):
        raise StateError(f"The state file {file} is corrupt: it has {content!r}. Remedy: run again.")
    return content
