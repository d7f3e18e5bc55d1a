"""One stack for all xdist workers: whoever comes first starts a part, the others read where it is."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from textwrap import dedent
from typing import Any, Protocol, TypeVar

from pytest_foodtrucks import errors
from pytest_foodtrucks.errors import LOG_NOTE, FoodtrucksError, StateError, raised_by
from pytest_foodtrucks.sessions.state_folder import corrupt_error, is_there, read_json, usable, write_json

T = TypeVar("T")


class Shared(Protocol[T]):
    """What workers share: see `parts.Part`."""

    @property
    def key(self) -> str:
        """What tells it from all else that they share."""

    @property
    def values(self) -> Mapping[str, object]:
        """What must be the same in all of them."""

    def dump(self, value: T, /) -> Mapping[str, Any]:
        """Return where it is."""

    def load(self, about: Mapping[str, Any], /) -> T:
        """Return what another worker started."""


@contextmanager
def shared(
    folder: Path,
    part: Shared[T],
    *,
    digest: Callable[[str], str],
    on_other: Callable[[Sequence[str]], None],
    start: Callable[[], T],
) -> Iterator[T]:
    """Yield a part of the session: started here, or taken over from the worker that started it.

    It stays at the end of the block: whoever ends the session removes it. A start that failed is
    remembered: each worker gets its error, and nobody tries again. If the part was started from other values,
    `on_other` gets the names of those that differ. It raises, or lets the part be started anew. `digest` is the state
    folder's own: see `fingerprints`.
    """
    from filelock import FileLock  # noqa: PLC0415 - only xdist workers pay for it

    name = sha256(part.key.encode()).hexdigest()[:16]
    state = folder / f"{name}.json"
    with ExitStack() as locked:
        with usable(folder):
            locked.enter_context(FileLock(folder / f"{name}.lock", mode=0o600))
        here = fingerprints(part.values, digest)
        content = read_json(state) if is_there(state) else None
        words = [] if content is None else _others(content, here, state)
        if content is not None and words and "error" not in content:
            on_other(words)
        if content is None or words:
            value = _started(start, part.dump, state, values=here)
        else:
            value = _loaded(part.load, content, state)
    yield value


def _others(content: Mapping[str, Any], here: Mapping[str, str], state: Path) -> list[str]:
    try:
        return differing(content["values"], here)
    except (LookupError, TypeError, AttributeError) as error:
        raise corrupt_error(state, f"it has {dict(content)!r}") from error


def fingerprints(values: Mapping[str, object], digest: Callable[[str], str]) -> dict[str, str]:
    """Return a fingerprint of each value.

    It shows whether values differ, and not what they are: some are secrets. `digest` has a key that stays in the state
    folder: without one a short secret could be found by trying.
    """
    return {word: digest(repr(ordered(value))) for word, value in values.items()}


def ordered(value: object) -> object:
    """Return a value so that equal ones read alike, in whatever order a mapping or a set has its entries."""
    if isinstance(value, Mapping):
        return sorted((repr(key), repr(ordered(each))) for key, each in value.items())
    if isinstance(value, AbstractSet):
        return sorted(map(repr, value))
    if isinstance(value, list | tuple):
        return [ordered(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: ordered(getattr(value, field.name)) for field in fields(value)}
    return value


def differing(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the words for what has another fingerprint now."""
    return [word for word in now if before.get(word) != now[word]]


def _started(
    start: Callable[[], T], dump: Callable[[T], Mapping[str, Any]], state: Path, *, values: Mapping[str, str]
) -> T:
    try:
        value = start()
    except FoodtrucksError as error:
        with suppress(StateError):  # the start's own error matters
            failure = {"error": type(error).__name__, "message": error.message, "logs": error.logs}
            write_json(state, {"values": values, **failure})
        raise
    except Exception as error:  # a seed is the user's, and may raise anything
        with suppress(StateError):
            write_json(state, {"values": values, "error": "StartError", **_told(error)})
        raise
    write_json(state, {"values": values, "part": dump(value)})
    return value


def _told(error: Exception) -> Mapping[str, str]:
    """Return what other workers are told of an error that isn't ours; the log among its notes apart."""
    whose, words = raised_by(error), f"{type(error).__name__}: {error}"
    notes: list[str] = getattr(error, "__notes__", [])
    logs = [note for note in notes if note.startswith(LOG_NOTE)]
    message = "\n".join([words if whose is None else f"{whose} raised {words}", *(n for n in notes if n not in logs)])
    return {"message": message, "logs": "\n".join(dedent(log.partition("\n")[2]) for log in logs)}


def _loaded(load: Callable[[Mapping[str, Any]], T], content: Mapping[str, Any], state: Path) -> T:
    try:
        if "error" not in content:
            return load(content["part"])
        kind: type[FoodtrucksError] = getattr(errors, content["error"])
        failed = kind(content["message"], logs=content["logs"])
    except (LookupError, TypeError, AttributeError) as error:
        raise corrupt_error(state, f"it has {dict(content)!r}") from error
    raise failed
