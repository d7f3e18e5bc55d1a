"""What a value given by somebody is: how a message shows it, and the checks that keywords and options have in common.

A check returns the value in its plain form, or raises `Unfit` with what would do. It gets the value
alone: its caller knows the keyword or the option.
"""

import functools
import inspect
import math
import re
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from .callers import fixture_parameters
from .errors import DefinitionError, FoodtrucksError
from .excerpts import shortened

T = TypeVar("T")

_MOST_ENTRIES: Final = 10_000
"""More of them in one list are a mistake, such as an iterator without an end."""

_LONGEST: Final = 10.0**9
"""Seconds; what waits takes no number of any size."""

_SIZES: Final = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_DURATIONS: Final = {"us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_MOST: Final = 2**63 - 1
"""What the engine's 64-bit numbers hold."""

_TAG: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_IMAGE: Final = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?"  # registry, its port
    r"[a-z0-9]+(?:(?:\.|_|__|-+|/)[a-z0-9]+)*"  # repository
    rf"(?::{_TAG})?(?:@[a-z0-9]+:[0-9a-f]{{32,}})?"
)
"""The form that the engine's reference grammar gives to an image's name."""

SMALLEST_HEAP: Final = 128 * 1024**2
"""Bytes. Measured with servers of few modules: 9.5.0 dies at 32m and starts at 48m, 8.8.2 dies at 16m; the official
ones have many more modules."""


class Unfit(ValueError):
    """A value isn't accepted: the text says what would be; `why` says what is wrong with it, if that isn't obvious."""

    def __init__(self, remedy: str, *, why: str = "") -> None:
        super().__init__(remedy)
        self.why = why


def checked(keyword: str, value: Any, check: Callable[[Any], T]) -> T:
    """Return a keyword's value as a check makes it; DefinitionError names the keyword, the value and what would do.

    The check raises `Unfit`, or a DefinitionError that is the whole message.
    """
    try:
        return check(value)
    except FoodtrucksError:
        raise
    except Unfit as error:
        words = f"{error.why}. Remedy: {error}."
    except Exception as error:  # noqa: BLE001 - a foreign object may raise anything when it is looked at
        words = f" can't be read ({type(error).__name__}). Remedy: give a plain value."
    raise DefinitionError(f"{_described(keyword, value)}{words}")


_SECRET: Final = frozenset(("environment", "env", "build args", "build secrets", "logging", "secrets", "configs"))


def _described(keyword: str, value: object) -> str:
    """Return a keyword with its value; of those that may have secrets in them none is ever shown."""
    if keyword == "build" and type(value) is dict:
        return f"build, a mapping with {shown(list(value))},"
    if keyword in _SECRET or (keyword == "build" and not isinstance(value, str | Path)):
        return f"{keyword}, of type {type(value).__name__},"
    return f"{keyword}={shown(value)}"


# in messages


def shown(value: object) -> str:
    """Return a value as a message shows it: in one line, shortened, and a URL without user and password."""
    try:
        return shortened(_without_user(repr(value)))
    except Exception:  # noqa: BLE001 - whatever a foreign __repr__ raises, the message has more to say
        return f"<{type(value).__name__}, which can't be shown>"


def _without_user(line: str) -> str:
    before, slashes, rest = line.partition("://")
    _, at, host = rest.rpartition("@")
    return f"{before}{slashes}…{at}{host}" if at else line


# texts


def text(value: object) -> str:
    """Check a text that a program or the engine is to get."""
    if not isinstance(value, str):
        raise Unfit("give a text", why=" is no text")
    if "\0" in value:
        raise Unfit("leave the NUL out", why=" has a NUL in it")
    if any("\ud800" <= each <= "\udfff" for each in value):
        raise Unfit("leave it out", why=" has half a character (a lone surrogate) in it")
    return value


def matching(pattern: str, remedy: str) -> Callable[[object], str]:
    """Return a check of texts that have a form."""
    form = re.compile(pattern)

    def check(value: object) -> str:
        if not form.fullmatch(text(value)):
            raise Unfit(remedy)
        return str(value)

    return check


def expression(value: object) -> re.Pattern[str]:
    """Check a regular expression for the lines of a text."""
    try:
        return re.compile(text(value), re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        raise Unfit("mend it, or escape what is meant literally (re.escape)", why=f" can't be read: {error}") from None


def image_name(value: object) -> str:
    """Check an image's name."""
    if not _IMAGE.fullmatch(text(value)):
        raise Unfit("use an image's name, such as registry.example/team/app:1.2")
    return str(value)


tag: Final = matching(_TAG, "use a tag, such as 9.5.0")


def heap(value: object) -> str:
    """Check a heap size."""
    words = text(value)
    try:
        size = size_in_bytes(words)
    except ValueError:
        raise Unfit("use a size with unit, such as 512m or 1g") from None
    if size < SMALLEST_HEAP:
        raise Unfit(f"Elasticsearch cannot start with so little: use at least {SMALLEST_HEAP // 1024**2}m, better 512m")
    return words.strip().lower().removesuffix("b")  # the JVM knows 512m, and not 512mb


def path(value: object) -> Path:
    """Check a path; one that begins at a home becomes whole."""
    if not isinstance(value, Path):
        value = text(value)
    if "\0" in str(value) or str(value) == "":
        raise Unfit("give a path", why=" is no path")
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise Unfit(
            "begin it with / or ./", why=" begins at the home of a user that this machine doesn't know"
        ) from None


# numbers


def whole(value: object, *, least: int, most: int) -> int:
    """Check a whole number in a range; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Unfit(f"give a whole number from {least} to {most}")
    return value


def seconds(value: object) -> float:
    """Check a time in seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST:
        raise Unfit("give seconds above 0 as a number, such as 120")
    return value


def switch(value: object) -> bool:
    """Check True or False."""
    if not isinstance(value, bool):
        raise Unfit("give True or False")
    return value


def finite(value: object) -> bool:
    """Tell whether a value is a number of some size; True and False are none."""
    return not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)


# sizes and times, as Compose writes them: 512m, 1m30s


def size_in_bytes(text: str | int) -> int:
    """Read a size such as 512m; ValueError where it is none, or more than the engine can count."""
    match = re.fullmatch(r"([0-9]{1,19})([kmg]?)b?", str(text).strip().lower())
    size = _MOST + 1 if match is None else int(match[1]) * _SIZES[match[2]]
    if size > _MOST:
        raise ValueError(f"{text!r} is no size: use a number with unit, such as 512m")
    return size


def nanoseconds(duration: str | float) -> int:
    """Read a duration such as 1m30s as nanoseconds, a number as seconds; ValueError where it is none."""
    if isinstance(duration, bool) or not isinstance(duration, str | int | float):
        raise _no_duration_error(duration)
    if isinstance(duration, str):
        parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(us|ms|s|m|h)", duration)
        if not parts or "".join(map("".join, parts)) != duration:
            raise _no_duration_error(duration)
        total = sum(float(number) * _DURATIONS[unit] for number, unit in parts)
    else:
        total = duration * _DURATIONS["s"]
    if not 0 <= total <= _MOST:  # nan is neither
        raise _no_duration_error(duration)
    return int(total)


def _no_duration_error(duration: object) -> ValueError:
    return ValueError(f"{duration!r} is no duration: use Compose's form, such as 500ms or 1m30s")


# lists


def unrolled(value: object) -> Any:
    """Return an iterator's entries as a tuple, so that they can be read twice; else the value itself."""
    return tuple(entries(value)) if isinstance(value, Iterator) else value


def entries(value: Iterable[Any]) -> list[Any]:
    """Return the entries of what has an order."""
    if isinstance(value, set | frozenset):
        raise Unfit("write it as a list", why=" has no order")
    found = list(islice(value, _MOST_ENTRIES + 1))
    if len(found) > _MOST_ENTRIES:
        raise Unfit("give less", why=f" has more than {_MOST_ENTRIES} entries")
    return found


def is_list(value: object) -> bool:
    """Tell whether a value has entries, and is neither a text nor a mapping."""
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | bytearray | memoryview | Mapping)


def texts(value: Any) -> tuple[str, ...]:
    """Check a list of texts."""
    if not is_list(value):
        raise Unfit("write it as a list, as in Compose", why=" is no list of texts")
    found = entries(value)
    for index, each in enumerate(found):
        if not isinstance(each, str):
            raise Unfit("write it as a text", why=f" has at index {index} {shown(each)}, which is no text")
    return tuple(map(text, found))


def split_words(value: Any) -> tuple[str, ...]:
    """Check a command: a list of texts, or a text, which is split into words as a shell does."""
    if not isinstance(value, str):
        return texts(value)
    try:
        return tuple(shlex.split(text(value)))
    except Unfit:
        raise
    except ValueError as error:
        raise Unfit("mend its quotes, or give a list", why=f" can't be split into words: {error}") from None


def words_of_command(value: Any) -> tuple[str, ...]:
    """Check a command that is run as it is, by no shell; a text is split into words as a shell does."""
    if not isinstance(value, str) and not is_list(value):
        raise Unfit("give its words, such as ['ls', '-l'] or 'ls -l'", why=" is neither a list nor a text")
    words = split_words(value)
    if not words or not words[0]:
        raise Unfit("give its words, such as ['ls', '-l'] or 'ls -l'", why=" names no command")
    return words


# functions of users: are they asynchronous, or generators?

_VALUE: Final = "give a value, or a function whose parameters are fixtures, such as `lambda es_on_net: es_on_net.alias`"
_BY_NAME: Final = frozenset({inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY})
_YET_TO_RUN: Final = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)


def function_of_fixtures(value: Any) -> Any:
    """Check a function whose parameters are fixtures."""
    if isinstance(value, type):
        raise Unfit(_VALUE, why=" is a class")
    if only_begins(value):
        raise Unfit(_VALUE, why=" is asynchronous, or a generator: called, it would only begin")
    try:
        parameters = fixture_parameters(value)
    except (TypeError, ValueError):
        raise Unfit(_VALUE, why=" is a function that doesn't tell its parameters") from None
    if any(parameter.kind not in _BY_NAME for parameter in parameters):
        raise Unfit(_VALUE, why=" has parameters that can't be given by name")
    return value


def only_begins(function: object) -> bool:
    """Tell whether calling a function would only return a coroutine, or a generator of any kind."""
    while isinstance(function, functools.partial):
        function = function.func
    called = getattr(type(function), "__call__", None)  # noqa: B004 - the method, not whether there is one
    return any(is_kind(each) for is_kind in _YET_TO_RUN for each in (function, called))


def takes_one(function: Callable[..., Any]) -> bool:
    """Tell whether a function can be called with one value, as far as it tells."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(None)
    except TypeError:
        return False
    return True


def has_only_begun(result: object) -> bool:
    """Tell whether a function returned a coroutine, a generator or the like; a coroutine or generator is closed."""
    if inspect.iscoroutine(result) or inspect.isgenerator(result):
        result.close()  # else Python warns about it too
        return True
    return isinstance(result, Awaitable | Iterator | AsyncIterator)
