"""Sizes and durations as Compose writes them: 512m, 1m30s."""

import re
from typing import Final

_SIZES: Final = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_DURATIONS: Final = {"us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}

_MOST: Final = 2**63 - 1
"""What the engine's 64-bit numbers hold."""


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
