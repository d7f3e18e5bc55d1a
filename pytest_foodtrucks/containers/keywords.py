"""The checks of a container's keywords; each returns the value in its plain form."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pytest_foodtrucks.engine.hostnames import is_address, refuse_no_host_name, same_name
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.values import (
    Unfit,
    entries,
    is_list,
    matching,
    nanoseconds,
    shown,
    size_in_bytes,
    split_words,
    text,
    texts,
    whole,
)


def environment(value: Any, *, keyword: str = "environment") -> dict[str, str]:
    """Check variables and their values: a mapping, or a list of NAME=VALUE."""
    if isinstance(value, Mapping):
        pairs = entries(value.items())
    elif is_list(value):
        pairs = [_pair(entry, index, keyword) for index, entry in enumerate(entries(value))]
    else:
        raise Unfit("write it as a mapping, or as a list of NAME=VALUE", why=" is neither a mapping nor a list")
    plain = {_variable(name, keyword): _content(content, name, keyword) for name, content in pairs}
    return dict(sorted(plain.items()))  # in one order, because workers and sessions compare it


def _pair(entry: object, index: int, keyword: str) -> tuple[str, str | None]:
    if not isinstance(entry, str):
        raise DefinitionError(
            f"{keyword} has at index {index} no text, but a {type(entry).__name__}. Remedy: write NAME=VALUE."
        )
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


def _content(value: Any, name: object, keyword: str) -> str:
    if value is None:
        raise DefinitionError(f"{keyword} has no value for {shown(name)}. Remedy: give one, or leave the name out.")
    if not _has_text_of_its_own(value):
        raise DefinitionError(
            f"{keyword} has for {shown(name)} a value of the type {type(value).__name__}. Remedy: write it as the text "
            "that the program reads."
        )
    try:
        return text(str(value))
    except Unfit as error:
        raise DefinitionError(f"{keyword} has for {shown(name)} a value that{error.why}. Remedy: {error}.") from None


def _has_text_of_its_own(value: object) -> bool:
    """Tell whether a value is a number, or of a type that defines its text; True is no such, as Compose writes true."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number or (type(value).__str__ is not object.__str__ and not isinstance(value, bytes | BaseException))


_OWN_NAMES: Final = re.compile(r"(?:.*\.)?localhost|ip6-.*")
"""Names for which a container's /etc/hosts or its resolver gives the container's own addresses."""

_LONGEST_NAME: Final = 253
"""Characters; a message doesn't show a longer name."""


def host_names(value: Any) -> tuple[str, ...]:
    """Check names on a network, and leave out those that are the same to a name server as one before."""
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


words: Final = split_words


def one_or_texts(value: Any) -> tuple[str, ...]:
    """Check a list of texts; one text means a list of that one."""
    return texts([value] if isinstance(value, str) else value)


def tmpfs(value: Any) -> tuple[str, ...]:
    """Check paths for file systems in memory, each with its options behind a colon, or a mapping."""
    given = [value] if isinstance(value, str | Mapping) else value
    plain = (
        [_tmpfs_in_a_text(each) if isinstance(each, Mapping) else each for each in entries(given)]
        if is_list(given)
        else given
    )
    found = texts(plain)
    if not all(re.fullmatch(r"/[^:]*[^:/][^:]*(:[^:]*)?", each) for each in found):
        raise Unfit("give paths in the container, such as /run or /data:size=64m")
    return found


def _tmpfs_in_a_text(given: Mapping[Any, Any]) -> str:
    if not isinstance(given.get("target"), str) or given.keys() - {"target", "size", "mode"}:
        raise Unfit("give `target`, and if need be `size` and `mode`", why=f" has {shown(dict(given))}")
    options = [f"size={size(given['size'])}"] if given.get("size") is not None else []
    options += [f"mode={permissions(given['mode']):o}"] if given.get("mode") is not None else []
    return ":".join([given["target"], *([",".join(options)] if options else [])])


def size(value: Any) -> int:
    """Check a size, and return it in bytes."""
    try:
        found = size_in_bytes(value if isinstance(value, int) and not isinstance(value, bool) else text(value))
    except ValueError:
        found = 0
    if found < 1:
        raise Unfit("use a number with unit, such as 64m", why=f" has the size {shown(value)}")
    return found


_NOT_OCTAL: Final = frozenset({400, 440, 444, 600, 640, 644, 666, 700, 750, 755, 777, 1777})
"""What somebody wrote who meant octal digits."""


def permissions(value: Any) -> int:
    """Check the permissions of a file: a number such as 0o440, or its octal digits as a text."""
    if isinstance(value, str) and re.fullmatch("[0-7]{3,5}", value):
        return int(value, 8)
    try:
        if value not in _NOT_OCTAL:
            return whole(value, least=0, most=0o7777)
    except Unfit:
        pass
    raise Unfit("give the octal number, such as 0o440, or its digits as a text", why=f" has the mode {shown(value)}")


_LEAST_MEMORY: Final = 6 * 1024**2
"""Bytes; the engine refuses less, and takes 0 as no limit."""


def memory_limit(value: Any) -> int:
    """Check an amount of memory, and return it in bytes."""
    try:
        size = size_in_bytes(value if isinstance(value, int) and not isinstance(value, bool) else text(value))
    except ValueError:
        raise Unfit("use a number with unit, such as 512m") from None
    if size < _LEAST_MEMORY:
        raise Unfit("use at least 6m, the engine's least; leave it out for no limit")
    return size


def folder_inside(value: object) -> str:
    """Check a folder in the container, where a command is to run."""
    return matching(r"/[^\0]*", "give a path in the container that begins with a slash, such as '/app'")(value)


def input_bytes(value: Any) -> bytes:
    """Check what a command is to read from its standard input; a text is sent as UTF-8."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str):
        return value.encode(errors="surrogateescape")
    raise Unfit("give bytes or a text, such as Path('dump.sql').read_bytes()", why=" is neither bytes nor a text")


def user(value: Any) -> str:
    """Check a user: a name or a number, and perhaps a group behind a colon."""
    if isinstance(value, int):
        return str(whole(value, least=0, most=2**31 - 1))
    return matching(r"[^\s:]+(:[^\s:]+)?", "give a name or a number, such as '1000' or '1000:1000'")(value)


def capabilities(value: Any) -> tuple[str, ...]:
    """Check names of the kernel's capabilities."""
    names = one_or_texts(value)
    if not all(re.fullmatch(r"[A-Za-z_]+", name) for name in names):
        raise Unfit("give the kernel's names, such as ['NET_ADMIN']")
    return names


def name_servers(value: Any) -> tuple[str, ...]:
    """Check addresses of name servers."""
    servers = one_or_texts(value)
    if not all(map(is_address, servers)):
        raise Unfit("give the addresses of name servers, such as ['127.0.0.1']")
    return servers


def search_domains(value: Any) -> tuple[str, ...]:
    """Check domains that are put behind names; one dot means none at all."""
    domains = one_or_texts(value)
    try:
        for domain in domains:
            refuse_no_host_name("no.domain" if domain == "." else domain)
    except DefinitionError:
        raise Unfit("give domains, such as ['example.com']") from None
    return domains


_TESTS: Final = ("CMD", "CMD-SHELL", "NONE")
"""One of them begins a health check's test if that is a list."""
_TIMES: Final = {"interval": "Interval", "timeout": "Timeout", "start_period": "StartPeriod"}
_LEAST_TIME: Final = 10**6
"""Nanoseconds; the engine refuses less, and takes 0 as its own default."""


def healthcheck(value: Any) -> dict[str, Any]:
    """Check a health check, and return it in the engine's form."""
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
            "ignore another one silently",
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
