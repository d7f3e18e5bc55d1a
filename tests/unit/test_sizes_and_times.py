"""Sizes and durations in Compose's form."""

import re
from typing import Any

import pytest

from pytest_foodtrucks.values import nanoseconds, size_in_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("5", 5),
        (5, 5),
        ("5b", 5),
        ("5k", 5 * 1024),
        ("5kb", 5 * 1024),
        ("512m", 512 * 1024**2),
        (" 512MB ", 512 * 1024**2),
        ("1g", 1024**3),
        ("2GB", 2 * 1024**3),
    ],
)
def test_a_size_is_read_in_bytes(text: str | int, size: int) -> None:
    assert size_in_bytes(text) == size


@pytest.mark.parametrize(
    "text", ["", "m", "1.5g", "-1m", "1t", "5bb", "1 g", "1e3", "\u0661m", "9" * 20, "9999999999g"]
)
def test_what_is_no_size_is_named_with_a_remedy(text: str) -> None:
    with pytest.raises(ValueError, match=f"{text!r} is no size: use a number with unit, such as 512m"):
        size_in_bytes(text)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("1s", 10**9),
        ("500ms", 5 * 10**8),
        ("30us", 30_000),
        ("1m30s", 90 * 10**9),
        ("1.5s", 1_500_000_000),
        ("1h0m1s", 3601 * 10**9),
        (2, 2 * 10**9),
        (0.25, 250_000_000),
    ],
)
def test_a_duration_is_read_in_nanoseconds(duration: str | float, expected: int) -> None:
    assert nanoseconds(duration) == expected


@pytest.mark.parametrize(
    "duration",
    [
        *["", "5", "s", "1s ", "1 s", "1x", "x1s", "1d", "1s-2s", "\u0661s", "9" * 400 + "s"],
        *[float("inf"), float("nan"), -1, True, None, 10**300, [1]],
    ],
)
def test_what_is_no_duration_is_named_with_a_remedy(duration: Any) -> None:
    with pytest.raises(ValueError, match=f"{re.escape(repr(duration))} is no duration: use Compose's form"):
        nanoseconds(duration)
