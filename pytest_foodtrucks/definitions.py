"""What a service is to be: the keywords of the factories, in Compose's words, and their meaning."""

import difflib
import functools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypedDict, TypeVar

from .errors import DefinitionError

if TYPE_CHECKING:
    from .ready import Check

T = TypeVar("T")
Value: TypeAlias = T | Callable[..., T]
"""A value, or a function whose parameters are fixtures and which returns it."""


class ServiceKeywords(TypedDict, total=False):
    """The keywords of `service()`, `elasticsearch_service()` and `Network.service()`."""

    image: Value[str | None]
    build: Value[str | Path | Mapping[str, Any] | None]
    command: Value[Sequence[str] | str | None]
    entrypoint: Value[Sequence[str] | str | None]
    environment: Value[Mapping[str, object] | Sequence[str]]
    aliases: Value[Sequence[str]]
    ports: Value[Sequence[int]]
    volumes: Value[Sequence[str]]
    tmpfs: Value[Sequence[str] | str]
    mem_limit: Value[str | int | None]
    user: Value[str | int | None]
    cap_add: Value[Sequence[str]]
    healthcheck: Value[Mapping[str, Any] | None]
    timeout: Value[float | None]
    ready: "Check | Iterable[Check] | None"


@dataclass(frozen=True)
class Build:
    """Where an image is built from: Compose's `build`, its paths made absolute. The arguments are never shown."""

    context: Path
    dockerfile: str = "Dockerfile"
    args: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    target: str | None = None


@dataclass(frozen=True, kw_only=True)
class ServiceDefinition:
    """A service's definition with all values resolved.

    `folder` is where relative paths begin, `name` the default of `aliases`: that of the service's fixture. The
    environment is never shown.
    """

    folder: Path
    name: str = ""
    image: str | None = None
    build: Build | None = None
    command: Sequence[str] | str | None = None
    entrypoint: Sequence[str] | str | None = None
    environment: Mapping[str, str] = field(repr=False)
    aliases: tuple[str, ...]
    ports: tuple[int, ...] = ()
    volumes: tuple[str, ...] = ()
    tmpfs: tuple[str, ...] = ()
    mem_limit: str | int | None = None
    user: str | None = None
    cap_add: tuple[str, ...] = ()
    healthcheck: Mapping[str, Any] | None = None
    timeout: float | None = None
    ready: "Check | Iterable[Check] | None" = None

    @property
    def alias(self) -> str:
        """The first of its names on the network."""
        return self.aliases[0]


SERVICE_KEYWORDS: Final = frozenset(ServiceKeywords.__annotations__)


def check_keywords(keywords: Iterable[str], known: Collection[str] = SERVICE_KEYWORDS, *, of: str = "service") -> None:
    """Raise DefinitionError for keywords that aren't known, naming the nearest that would do."""
    unknown = [keyword for keyword in keywords if keyword not in known]
    if unknown:
        raise DefinitionError(" ".join(f"A {of} has no keyword {each!r}; {_nearest(each, known)}" for each in unknown))


def _nearest(keyword: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(keyword, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(known))}."


def kept(keywords: Mapping[str, object]) -> dict[str, Any]:
    """Return keywords whose values may be read more than once."""
    return {name: tuple(value) if isinstance(value, Iterator) else value for name, value in keywords.items()}


def define(keywords: Mapping[str, Any], *, alias: str, folder: Path) -> ServiceDefinition:
    """Return the definition that resolved keywords mean; `alias` is the default name.

    Raises DefinitionError, which names the value and what would do.
    """
    check_keywords(keywords)
    values = {name: value for name, value in kept(keywords).items() if value is not None}
    for name, normalise in _NORMALISED.items():
        if name in values:
            values[name] = normalise(values[name])
    if "build" in values:
        values["build"] = _build(values["build"], folder)
    if ("image" in values) == ("build" in values):
        raise DefinitionError(
            f"The service {alias!r} has {'both' if 'image' in values else 'neither'} image= and build=. "
            "Remedy: give one."
        )
    values.setdefault("environment", {})
    if not values.get("aliases"):
        values["aliases"] = (alias,)
    return ServiceDefinition(folder=folder, name=alias, **values)


def _environment(value: Mapping[str, object] | Sequence[str], *, keyword: str = "environment") -> dict[str, str]:
    pairs = value if isinstance(value, Mapping) else dict(_pair(entry) for entry in _texts(value, keyword=keyword))
    for name, content in pairs.items():
        if content is None:
            raise DefinitionError(f"{keyword} has no value for {name!r}. Remedy: give one, or leave the name out.")
    return {name: str(content) for name, content in pairs.items()}


def _pair(entry: str) -> tuple[str, str | None]:
    name, equals, content = entry.partition("=")
    return name, content if equals else None


def _ports(value: Sequence[int]) -> tuple[int, ...]:
    single = isinstance(value, str | Mapping) or not isinstance(value, Iterable)
    ports: tuple[Any, ...] = (value,) if single else tuple(value)
    for port in ports:
        if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:  # noqa: PLR2004 - TCP's range
            raise DefinitionError(
                f"ports has {port!r}. Remedy: give the container's ports as numbers, such as [5000]; each gets a free "
                "port of the host."
            )
    return ports


def _aliases(value: Sequence[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        raise DefinitionError(f"aliases={value!r} is a text. Remedy: give a list, such as [{value!r}].")
    for alias in value:
        if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?", alias):
            raise DefinitionError(f"The alias {alias!r} is no host name. Remedy: use letters, digits and hyphens.")
    return tuple(dict.fromkeys(value))


def _texts(value: Sequence[str] | str, *, keyword: str) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)
    if isinstance(value, Mapping) or not all(isinstance(text, str) for text in texts):
        raise DefinitionError(f"{keyword}={value!r} is no list of texts. Remedy: write it as a list, as in Compose.")
    return texts


def _timeout(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise DefinitionError(f"timeout={value!r}. Remedy: give seconds above 0 as a number, such as 120.")
    return value


_NORMALISED: Mapping[str, Callable[[Any], Any]] = {
    "environment": _environment,
    "ports": _ports,
    "aliases": _aliases,
    "volumes": functools.partial(_texts, keyword="volumes"),
    "tmpfs": functools.partial(_texts, keyword="tmpfs"),
    "cap_add": functools.partial(_texts, keyword="cap_add"),
    "user": str,
    "timeout": _timeout,
}


def _build(value: str | Path | Mapping[str, Any], folder: Path) -> Build:
    given: Mapping[str, Any] = value if isinstance(value, Mapping) else {"context": value}
    unknown = given.keys() - {field.name for field in fields(Build)}
    if unknown or not isinstance(given.get("context"), str | Path):
        raise DefinitionError(
            f"build={value!r} can't be built. Remedy: give a folder, or a mapping with `context` and if need be "
            "`dockerfile`, `args`, `target`."
        )
    context = (folder / Path(given["context"]).expanduser()).resolve()
    dockerfile = given.get("dockerfile", "Dockerfile")
    if not (context / dockerfile).is_file():
        raise DefinitionError(
            f"build={value!r}: there is no {context / dockerfile}. Remedy: create it, or mend the path."
        )
    args = tuple(_environment(given.get("args", {}), keyword="build args").items())
    return Build(context, dockerfile, args, given.get("target"))
