"""The checks of the keywords that say what a container may use: memory, processors, processes, devices."""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pytest_foodtrucks.values import Unfit, entries, is_list, matching, shown, size_in_bytes, text, texts, whole


def number(least: int, most: int) -> Callable[[Any], int]:
    """Return a check of whole numbers in a range; Compose takes them as texts too."""

    def check(value: Any) -> int:
        is_written = isinstance(value, str) and re.fullmatch("-?[0-9]{1,18}", value)
        return whole(int(value) if is_written else value, least=least, most=most)

    return check


# memory


def _size(value: Any) -> int:
    try:
        return size_in_bytes(value if isinstance(value, int) and not isinstance(value, bool) else text(value))
    except ValueError:
        raise Unfit("use a number with unit, such as 512m") from None


def shared_memory(value: Any) -> int:
    """Check the size of /dev/shm, and return it in bytes."""
    size = _size(value)
    if size == 0:
        raise Unfit("use a number with unit, such as 512m; leave it out for the engine's own size")
    return size


def memory_and_swap(value: Any) -> int:
    """Check a limit for memory and swap together; -1 means none. In bytes."""
    if value in {-1, "-1"} if isinstance(value, int | str) else False:
        return -1
    size = _size(value)
    if size == 0:
        raise Unfit("use a number with unit, such as 512m, or -1 for no limit")
    return size


oom_score: Final = number(-1000, 1000)


# processors and processes

_LEAST_CPUS: Final = Decimal("0.01")
_MOST_CPUS: Final = 10_000
_SHARES: Final = (2, 262_144)
"""What the kernel takes."""


def processors(value: Any) -> int:
    """Check a number of processors, and return it in billionths of one."""
    plain = isinstance(value, int | float | str) and not isinstance(value, bool)
    try:
        count = Decimal(f"{value:.30}" if isinstance(value, str) else value) if plain else Decimal(0)
    except InvalidOperation:
        count = Decimal(0)
    if not count.is_finite() or not _LEAST_CPUS <= count <= _MOST_CPUS:
        raise Unfit(f"give a number of processors from {_LEAST_CPUS}, such as 0.5; leave it out for no limit")
    return round(count * 10**9)


processor_set: Final = matching(r"[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*", "name processors, such as '0-1' or '0,2'")
processor_shares: Final = number(*_SHARES)


def processes(value: Any) -> int:
    """Check the most processes that there may be; -1 means no limit."""
    most = number(-1, 2**31 - 1)(value)
    if most == 0:
        raise Unfit("give a number above 0, or -1 for no limit")
    return most


_ULIMITS: Final = frozenset(
    (
        *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio"),
        *("rttime", "sigpending", "stack"),
    )
)
"""The names that the engine knows."""
_LIMIT: Final = number(-1, 2**63 - 1)


def ulimits(value: Any) -> dict[str, tuple[int, int]]:
    """Check a process' limits: each is a number, or a mapping of soft and hard; -1 means none."""
    if not isinstance(value, Mapping):
        raise Unfit("write it as a mapping, such as {'nofile': 1024}", why=" is no mapping")
    plain = {_limits_name(name): _limits(limits, name) for name, limits in entries(value.items())}
    return dict(sorted(plain.items()))  # in one order, because workers and sessions compare it


def _limits_name(name: Any) -> str:
    if not isinstance(name, str) or name not in _ULIMITS:
        raise Unfit(f"use {', '.join(sorted(_ULIMITS))}", why=f" has the name {shown(name)}")
    return name


def _limits(value: Any, name: str) -> tuple[int, int]:
    given = value if isinstance(value, Mapping) else {"soft": value, "hard": value}
    try:
        soft, hard = (_LIMIT(given.get(each)) for each in ("soft", "hard"))
    except Unfit as error:
        raise Unfit(f"{error}, or a mapping of soft and hard", why=f" has for {name} {shown(value)}") from None
    if given.keys() - {"soft", "hard"} or (hard != -1 and (soft == -1 or soft > hard)):
        raise Unfit("give soft and hard, the soft one not above the hard one", why=f" has for {name} {shown(value)}")
    return soft, hard


def ulimits_body(limits: Mapping[str, Sequence[int]]) -> Mapping[str, Any]:
    """Return the piece of the engine API's ContainerCreate that they become."""
    told = [{"Name": name, "Soft": soft, "Hard": hard} for name, (soft, hard) in limits.items()]
    return {"HostConfig": {"Ulimits": told}}


# devices

_DEVICE: Final = re.compile(r"(?P<source>/[^:]+)(?::(?P<target>/[^:]+))?(?::(?P<permissions>[rwm]{1,3}))?")


def devices(value: Any) -> tuple[str, ...]:
    """Check devices of the engine's machine, and return each in its whole short form, /dev/a:/dev/b:rwm."""
    given = [value] if isinstance(value, str | Mapping) else value
    if not is_list(given):
        raise Unfit("write it as a list, such as ['/dev/fuse']", why=" is no list")
    return tuple(map(_device, entries(given)))


def _device(value: Any) -> str:
    short = _short_device(value) if isinstance(value, Mapping) else value
    match = _DEVICE.fullmatch(text(short)) if isinstance(short, str) else None
    if match is None:
        why = f" has {shown(value)}"
        if isinstance(value, str) and re.fullmatch(r"[^/\s]+/[^=\s]+=.+", value):
            raise Unfit("give a path; for GPUs there is gpus=", why=f"{why}, a name of CDI, which isn't supported")
        raise Unfit("give /dev/SOURCE, /dev/SOURCE:/dev/TARGET or /dev/SOURCE:/dev/TARGET:rwm", why=why)
    source, target, permissions = match.groups()
    return f"{source}:{target if target is not None else source}:{permissions if permissions is not None else 'rwm'}"


def _short_device(value: Mapping[Any, Any]) -> str | None:
    """Return the short form of a device's mapping; None where it has no such form."""
    given = [value.get(key) for key in ("source", "target", "permissions")]
    pieces = [each for each in given if each is not None]
    if value.keys() - {"source", "target", "permissions"} or given[0] is None:
        return None
    return ":".join(pieces) if all(isinstance(each, str) for each in pieces) else None


def devices_body(given: Sequence[str]) -> Mapping[str, Any]:
    """Return the piece of the engine API's ContainerCreate that they become."""
    keys = ("PathOnHost", "PathInContainer", "CgroupPermissions")
    return {"HostConfig": {"Devices": [dict(zip(keys, each.split(":"), strict=True)) for each in given]}}


_GPU_KEYS: Final = frozenset(("driver", "count", "device_ids", "capabilities", "options"))


def gpus(value: Any) -> tuple[dict[str, Any], ...]:
    """Check which GPUs a container gets, and return the engine's device requests."""
    if value == "all" if isinstance(value, str) else False:
        return (_gpu({"count": "all"}),)
    if not is_list(value):
        raise Unfit("give 'all', or a list such as [{'count': 1}]")
    return tuple(map(_gpu, entries(value)))


def _gpu(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or value.keys() - _GPU_KEYS or {"count", "device_ids"} <= value.keys():
        raise Unfit(
            "give mappings of driver, capabilities, options, and one of count and device_ids",
            why=f" has {shown(value)}",
        )
    ids = list(texts(value.get("device_ids", ())))
    every = -1 if not ids else 0
    return {
        "Driver": text(value.get("driver", "")),
        "Count": every if value.get("count", "all") == "all" else number(1, 1024)(value["count"]),
        "DeviceIDs": ids,
        "Capabilities": [list(dict.fromkeys(("gpu", *texts(value.get("capabilities", ())))))],
        "Options": _texts_by_name(value.get("options", {})),
    }


def _texts_by_name(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise Unfit("write options as a mapping", why=f" has the options {shown(value)}")
    return {text(name): text(content) for name, content in sorted(entries(value.items()))}
