"""One stack for all xdist workers: whoever comes first starts a part, the others read where it is."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from . import errors
from .errors import FoodtrucksError, StateError
from .usable import usable

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
    with ExitStack() as locked:
        with usable(folder):
            locked.enter_context(FileLock(folder / f"{name}.lock"))
        value = _loaded(load, state) if state.exists() else _started(start, dump, state)
    yield value


def _started(start: Callable[[], T], dump: Callable[[T], Mapping[str, Any]], state: Path) -> T:
    try:
        value = start()
    except FoodtrucksError as error:
        with suppress(StateError):  # the start's own error matters
            write_json(state, {"error": type(error).__name__, "message": error.message, "logs": error.logs})
        raise
    except Exception as error:  # a seed is the user's, and may raise anything
        words = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
        with suppress(StateError):
            write_json(state, {"error": "StartError", "message": words, "logs": ""})
        raise
    write_json(state, dump(value))
    return value


def _loaded(load: Callable[[Mapping[str, Any]], T], state: Path) -> T:
    content = read_json(state)
    try:
        if "error" not in content:
            return load(content)
        kind: type[FoodtrucksError] = getattr(errors, content["error"])
        failed = kind(content["message"], logs=content["logs"])
    except (LookupError, TypeError, AttributeError) as error:
        raise _corrupt(state, f"it has {dict(content)!r}") from error
    raise failed


def _corrupt(state: Path, why: str) -> StateError:
    return StateError(f"The state file {state} is corrupt: {why}. Remedy: run again, which makes it anew.")


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write a state file, so that a reader sees all of it or the one before."""
    part = file.with_suffix(".part")
    with usable(file.parent):
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(file)


def read_json(file: Path) -> Mapping[str, Any]:
    """Read a state file; StateError where it is corrupt."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _corrupt(file, str(error)) from error
    if not isinstance(content, dict):
        raise _corrupt(file, f"it has {content!r}")
    return content
