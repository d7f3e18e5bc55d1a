"""A container's log as a stream: frames and lines, cut anyhow, and of any length."""

import re
import tracemalloc
from collections.abc import Iterator

import pytest

from pytest_foodtrucks.engine.logs import LONGEST_LINE, Search, contents, moment, search

STAMP = "2026-01-31T12:00:00.500000000Z "
MOMENT = 1769860800.5


def frame(content: bytes, stream: int = 1) -> bytes:
    """Return a frame as the engine sends it."""
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


def found(pattern: str, *frames: str) -> bool:
    """Search frames with the same time stamp."""
    return search([f"{STAMP}{content}".encode() for content in frames], re.compile(pattern, re.MULTILINE)).found


@pytest.mark.parametrize("size", [1, 3, 8, 9, 1000])
def test_frames_are_taken_apart_however_they_come(size: int) -> None:
    stream = frame(b"one\n") + frame(b"", 2) + frame(b"two\n", 2) + frame(b"x" * 300)
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert list(contents(pieces)) == [b"one\n", b"", b"two\n", b"x" * 300]


@pytest.mark.parametrize("size", [1, 3, 8, 9, 1000])
def test_a_terminals_log_has_no_frames_and_its_lines_are_taken_apart_however_they_come(size: int) -> None:
    stream = b"one\r\ntwo, a longer line\r\n\r\nlast"
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert list(contents(pieces)) == [b"one\n", b"two, a longer line\n", b"\n", b"last"]
    assert list(contents([b"a\n"])) == [b"a\n"]
    assert list(contents([])) == []


def test_a_terminals_line_without_an_end_is_read_in_bounded_memory() -> None:
    tracemalloc.start()
    total = sum(map(len, contents(b"x" * 10_000 for _ in range(1000))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 10_000_000
    assert peak < 1_000_000


def test_a_frame_that_breaks_off_isnt_shown() -> None:
    assert list(contents([frame(b"one\n") + frame(b"two\n")[:-1]])) == [b"one\n"]


def test_a_line_is_found_with_its_moment_and_nothing_is_read_behind_it() -> None:
    def frames() -> Iterator[bytes]:
        yield f"{STAMP}ready\n".encode()
        raise AssertionError("read on")

    assert search(frames(), re.compile("^ready$", re.MULTILINE)) == Search(found=True, moment=MOMENT)


def test_where_none_is_found_the_search_has_the_last_lines_moment() -> None:
    frames = [b"2026-01-31T11:00:00.000000000Z one\n", f"{STAMP}two\n".encode()]
    assert search(frames, re.compile("ready")) == Search(found=False, moment=MOMENT)
    assert search([], re.compile("")) == Search(found=False, moment=None)


def test_the_time_stamp_is_no_part_of_the_line() -> None:
    assert not found("2026", "one\n")


def test_a_line_in_several_frames_is_one() -> None:
    assert found("^ready now$", "rea", "dy ", "now\n")
    assert not found("^now", "ready ", "now\n")


def test_a_last_line_without_an_end_is_one_too() -> None:
    assert found("^ready$", "one\n", "ready")


def test_bytes_that_are_no_text_dont_hide_a_line() -> None:
    assert search([STAMP.encode() + b"caf\xe9 ready\n"], re.compile("ready$", re.MULTILINE)).found


def test_of_an_endless_line_only_the_beginning_is_searched_and_its_cut_is_no_end() -> None:
    longest = "x" * (LONGEST_LINE - 5)
    assert found("ready", longest, "ready", "and more\n")
    assert not found("ready$", longest, "ready", "and more\n")
    assert not found("more", longest, "ready", "and more\n")
    assert found("^next$", longest, "ready", "and more\n", "next\n")


def test_an_endless_line_takes_no_memory() -> None:
    tracemalloc.start()
    assert search((STAMP.encode() + b"x" * 16_384 for _ in range(1000)), re.compile("y")).moment == MOMENT
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * LONGEST_LINE


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-31T12:00:00.5Z", MOMENT),
        ("2026-01-31T12:00:00Z", 1769860800.0),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
    ],
)
def test_the_engines_moments(text: str, seconds: float | None) -> None:
    assert moment(text) == seconds
