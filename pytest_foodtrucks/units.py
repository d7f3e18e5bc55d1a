"""Sizes and durations as Compose writes them: 512m, 1m30s."""

import re
from typing import Final

_SIZES: Final = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_DURATIONS: Final = {"us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def size_in_bytes(text: str | int) -> int:
    """Read a size such as 512m; ValueError where it is none."""
    match = re.fullmatch(r"(\d+)([kmg]?)b?", str(text).strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is no size: use a number with unit, such as 512m")
    return int(match[1]) * _SIZES[match[2]]


def nanoseconds(duration: str | float) -> int:
    """Read a duration such as 1m30s as nanoseconds, a number as seconds; ValueError where it is none."""
    if isinstance(duration, int | float):
        return int(duration * _DURATIONS["s"])
    parts = re.findall(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)", duration)
    if not parts or "".join(map("".join, parts)) != duration:
        raise ValueError(f"{duration!r} is no duration: use Compose's form, such as 500ms or 1m30s")
    return int(sum(float(number) * _DURATIONS[unit] for number, unit in parts))
