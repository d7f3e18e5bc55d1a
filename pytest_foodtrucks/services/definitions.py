"""What a service is to be: the keywords of the factories, in Compose's words, and their meaning."""

import difflib
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypedDict, TypeVar

from pytest_foodtrucks.containers.building import Build
from pytest_foodtrucks.containers.compose import volume_source
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.hostnames import refuse_no_host_name, same_name
from pytest_foodtrucks.ready import as_checks
from pytest_foodtrucks.units import nanoseconds, size_in_bytes
from pytest_foodtrucks.values import (
    Unfit,
    checked,
    entries,
    image_name,
    is_list,
    matching,
    path,
    seconds,
    shown,
    text,
    texts,
    unrolled,
    whole,
)

if TYPE_CHECKING:
    from pytest_foodtrucks.callers import Place
    from pytest_foodtrucks.ready import Check

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


@dataclass(frozen=True, kw_only=True)
class ServiceDefinition:
    """A service's definition with all values resolved and in their plain form.

    `folder` is where relative paths begin, `name` the default of `aliases`: that of the service's fixture. `mem_limit`
    is in bytes, `healthcheck` in the engine's words. The environment is never shown.
    """

    folder: Path
    name: str = ""
    image: str | None = None
    build: Build | None = None
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(repr=False)
    aliases: tuple[str, ...]
    ports: tuple[int, ...] = ()
    volumes: tuple[str, ...] = ()
    tmpfs: tuple[str, ...] = ()
    mem_limit: int | None = None
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
        raise DefinitionError(
            " ".join(f"A {of} has no keyword {shown(each)}; {_nearest(each, known)}" for each in unknown)
        )


def _nearest(keyword: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(keyword[:100], known, n=1)  # a long one takes its time
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(known))}."


def kept(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return keywords whose values may be read more than once."""
    return {name: checked(name, value, unrolled) for name, value in keywords.items()}


@contextmanager
def told_at(place: "Place") -> Iterator[None]:
    """Put the place of a definition before the DefinitionErrors of a block."""
    try:
        yield
    except DefinitionError as error:
        if error.message.startswith(f"{place}: "):
            raise
        raise DefinitionError(f"{place}: {error.message}", logs=error.logs) from error.__cause__


def define(keywords: Mapping[str, Any], *, alias: str, folder: Path) -> ServiceDefinition:
    """Return the definition that resolved keywords mean; `alias` is the default name.

    Raises DefinitionError, which names the value and what would do.
    """
    check_keywords(keywords)
    given = {name: value for name, value in kept(keywords).items() if value is not None}
    values = {name: checked(name, value, KEYWORDS[name]) for name, value in given.items()}
    if "build" in values:
        values["build"] = _in_folder(values["build"], folder)
    if ("image" in values) == ("build" in values):
        raise DefinitionError(
            f"The service {alias!r} has {'both' if 'image' in values else 'neither'} image= and build=. "
            "Remedy: give one."
        )
    values.setdefault("environment", {})
    if not values.get("aliases"):
        values["aliases"] = checked("aliases", (alias,), host_names)
    return ServiceDefinition(folder=folder, name=alias, **values)


# what the keywords mean, one by one


def _environment(value: Any, *, keyword: str = "environment") -> dict[str, str]:
    if isinstance(value, Mapping):
        pairs = entries(value.items())
    elif is_list(value):
        pairs = [_pair(entry, f"{keyword} has at index {index}") for index, entry in enumerate(entries(value))]
    else:
        raise Unfit("write it as a mapping, or as a list of NAME=VALUE", why=" is neither a mapping nor a list")
    plain = {_variable(name, keyword): _content(content, f"{keyword} has for {shown(name)}") for name, content in pairs}
    return dict(sorted(plain.items()))  # one order, so that workers and sessions see that it is equal


def _pair(entry: object, where: str) -> tuple[str, str | None]:
    if not isinstance(entry, str):
        raise DefinitionError(f"{where} no text, but a {type(entry).__name__}. Remedy: write NAME=VALUE.")
    name, equals, content = entry.partition("=")
    return name, content if equals else None


def _variable(name: object, keyword: str) -> str:
    if not isinstance(name, str):
        raise DefinitionError(
            f"{keyword} has a name that is no text, but a {type(name).__name__}. Remedy: give a text."
        )
    if not re.fullmatch(r"[^\s=]+", name) or not name.isprintable():
        raise DefinitionError(
            f"{keyword} has the name {shown(name)}. Remedy: give a name without blanks, = and control characters."
        )
    return name


def _content(value: Any, where: str) -> str:
    if value is None:
        raise DefinitionError(
            f"{where.replace(' has for ', ' has no value for ')}. Remedy: give one, or leave the name out."
        )
    if not _says_itself(value):
        raise DefinitionError(
            f"{where} a value of the type {type(value).__name__}. Remedy: write it as the text that the program reads."
        )
    try:
        return text(str(value))
    except Unfit as error:
        raise DefinitionError(f"{where} a value that{error.why}. Remedy: {error}.") from None


def _says_itself(value: object) -> bool:
    """Tell whether a value's text is meant to be read; Compose writes true where Python writes True."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number or (type(value).__str__ is not object.__str__ and not isinstance(value, bytes | BaseException))


def _ports(value: Any) -> tuple[int, ...]:
    for port in (ports := entries(value) if is_list(value) else [value]):
        try:
            whole(port, least=1, most=65535)
        except Unfit:
            raise DefinitionError(
                f"ports has {shown(port)}. Remedy: give the container's ports as numbers, such as [5000]; each gets a "
                "free port of the host."
            ) from None
    return tuple(dict.fromkeys(ports))


_OWN_NAMES: Final = re.compile(r"(?:.*\.)?localhost|ip6-.*")
"""What a container's /etc/hosts, or its resolver, keeps for itself."""


def host_names(value: Any) -> tuple[str, ...]:
    """Check names on a network; those that a name server takes for one stand once."""
    if isinstance(value, str):
        raise DefinitionError(f"aliases={shown(value)} is a text. Remedy: give a list, such as [{shown(value)}].")
    found: dict[str, str] = {}
    for alias in texts(value):
        if len(alias) > _LONGEST_NAME:
            raise Unfit("use shorter names", why=f" has one of {len(alias)} characters")
        if "://" in alias:
            raise Unfit("use the host's name alone", why=" has a URL")
        refuse_no_host_name(alias, what="alias", final_dot=False)
        if _OWN_NAMES.fullmatch(same_name(alias)):
            raise DefinitionError(
                f"The alias {alias!r} means to each container itself. Remedy: use a name that nobody else has."
            )
        found.setdefault(same_name(alias), alias)
    return tuple(found.values())


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, str):
        return texts(value)
    try:
        return tuple(shlex.split(text(value)))
    except Unfit:
        raise
    except ValueError as error:
        raise Unfit("mend its quotes, or give a list", why=f" can't be split into words: {error}") from None


def one_or_texts(value: Any) -> tuple[str, ...]:
    """Check a list of texts; a text stands for a list of one."""
    return texts([value] if isinstance(value, str) else value)


def _volumes(value: Any) -> tuple[str, ...]:
    volumes = one_or_texts(value)
    for volume in volumes:
        volume_source(volume)
    return volumes


def _tmpfs(value: Any) -> tuple[str, ...]:
    places = one_or_texts(value)
    if not all(re.fullmatch(r"/[^:]*[^:/][^:]*(:[^:]*)?", place) for place in places):
        raise Unfit("give paths in the container, such as /run or /data:size=64m")
    return places


_LONGEST_NAME: Final = 253
"""Characters; what is longer isn't shown whole."""

_LEAST_MEMORY: Final = 6 * 1024**2
"""Bytes; the engine takes no less, and 0 for no limit."""


def _memory(value: Any) -> int:
    try:
        size = size_in_bytes(value if isinstance(value, int) and not isinstance(value, bool) else text(value))
    except ValueError:
        raise Unfit("use a number with unit, such as 512m") from None
    if size < _LEAST_MEMORY:
        raise Unfit("use at least 6m, the engine's least; leave it out for no limit")
    return size


def _user(value: Any) -> str:
    if isinstance(value, int):
        return str(whole(value, least=0, most=2**31 - 1))
    return matching(r"[^\s:]+(:[^\s:]+)?", "give a name or a number, such as '1000' or '1000:1000'")(value)


def _capabilities(value: Any) -> tuple[str, ...]:
    names = one_or_texts(value)
    if not all(re.fullmatch(r"[A-Za-z_]+", name) for name in names):
        raise Unfit("give the kernel's names, such as ['NET_ADMIN']")
    return names


_TESTS: Final = ("CMD", "CMD-SHELL", "NONE")
"""How the list form of a health check's test begins."""
_TIMES: Final = {"interval": "Interval", "timeout": "Timeout", "start_period": "StartPeriod"}
_LEAST_TIME: Final = 10**6
"""Nanoseconds; the engine takes no less, but for 0, which stands for its own default."""


def _healthcheck(value: Any) -> dict[str, Any]:
    """Return a health check in the engine's words."""
    if not isinstance(value, Mapping):
        raise Unfit("write it as Compose does: {'test': 'COMMAND'}")
    if value.get("disable", False) is True:
        return {"Test": ["NONE"]}
    if value.keys() - {"test", "retries", "disable", *_TIMES} or "test" not in value or value.get("disable", False):
        raise Unfit(
            "give `test`, and if need be `interval`, `timeout`, `retries` and `start_period`, as in Compose; or "
            "`disable`: True"
        )
    config: dict[str, Any] = {"Test": _test(value["test"])}
    config |= {theirs: _time(ours, value[ours]) for ours, theirs in _TIMES.items() if ours in value}
    if "retries" in value:
        config["Retries"] = _retries(value["retries"])
    return config


def _test(value: Any) -> list[str]:
    if isinstance(value, str) and value.strip():
        return ["CMD-SHELL", text(value)]
    words = list(texts(value)) if is_list(value) else []
    if not words or words[0] not in _TESTS or (len(words) == 1 and words != ["NONE"]):
        raise Unfit(
            f"begin the list with one of {', '.join(_TESTS)}, and say what to run, as in Compose; the engine would "
            "pass over another one without a word",
            why=f" has the test {shown(value)}",
        )
    return words


def _time(keyword: str, value: Any) -> int:
    try:
        duration = nanoseconds(value)
    except ValueError:
        duration = 1
    if 0 < duration < _LEAST_TIME:
        raise Unfit("use Compose's form, such as 500ms or 1m30s", why=f" has the {keyword} {shown(value)}")
    return duration


def _retries(value: Any) -> int:
    number = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) else value
    try:
        return whole(number, least=0, most=10**9)
    except Unfit as error:
        raise Unfit(str(error), why=f" has the retries {shown(value)}") from None


def _build(value: Any) -> Build:
    given: Mapping[str, Any] = value if isinstance(value, Mapping) else {"context": value}
    if given.keys() - {field.name for field in fields(Build)} or not isinstance(given.get("context"), str | Path):
        raise Unfit(
            "give a folder, or a mapping with `context` and if need be `dockerfile`, `args`, `target`",
            why=" can't be built",
        )
    if "://" in str(given["context"]):
        raise Unfit("give a folder", why=" is a URL")
    plain = {name: content for name, content in given.items() if content is not None}
    args = checked("build args", plain.get("args", {}), partial(_environment, keyword="build args"))
    target = matching(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "give a stage's name as target")
    return Build(
        path(plain["context"]),
        str(path(plain.get("dockerfile", "Dockerfile"))),
        tuple(args.items()),
        target(plain["target"]) if "target" in plain else None,
    )


def _in_folder(build: Build, folder: Path) -> Build:
    """Return a build with its context made absolute; DefinitionError where its Dockerfile isn't there."""
    file = folder / build.context / build.dockerfile
    try:
        context = (folder / build.context).resolve()
        file = context / build.dockerfile
        found, words = file.is_file(), "there is no"
    except (OSError, RuntimeError) as error:  # too long, or links in a circle
        found, words = False, f"{type(error).__name__} at"
    if not found:
        raise DefinitionError(f"For build= {words} {shown(str(file))}. Remedy: create it, or mend the path.")
    return replace(build, context=context)


def _ready(value: Any) -> Any:
    as_checks(value)
    return value


KEYWORDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "image": image_name,
    "build": _build,
    "command": _words,
    "entrypoint": _words,
    "environment": _environment,
    "aliases": host_names,
    "ports": _ports,
    "volumes": _volumes,
    "tmpfs": _tmpfs,
    "mem_limit": _memory,
    "user": _user,
    "cap_add": _capabilities,
    "healthcheck": _healthcheck,
    "timeout": seconds,
    "ready": _ready,
}
"""What is checked of each keyword, at its definition: nothing is found out only when the container is created."""
