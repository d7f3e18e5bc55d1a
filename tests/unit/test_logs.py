"""A container's log as a stream: frames and lines, cut anyhow, and of any length."""

import re
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from math import inf

import pytest

from pytest_foodtrucks.engine.logs import (
    LONGEST_LINE,
    Frame,
    LogLine,
    Search,
    contents,
    frames,
    lines,
    moment,
    search,
    whole,
)

STAMP = "2026-01-31T12:00:00.500000000Z "
MOMENT = 1769860800.5


def frame(content: bytes, stream: int = 1) -> bytes:
    """Return a frame as the engine sends it."""
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


def stamped(content: str, stream: int = 1, second: int = 0) -> Frame:
    """Return a frame with a time stamp."""
    return Frame(stream, f"2026-01-31T12:00:{second:02}.500000000Z {content}".encode())


def found(pattern: str, *frames: str) -> bool:
    """Search frames with the same time stamp."""
    return search([stamped(content) for content in frames], re.compile(pattern, re.MULTILINE)).found


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


def test_a_whole_log_is_without_its_frames_and_that_of_a_terminal_as_it_is() -> None:
    assert whole([frame(b"one\n")[:3], frame(b"one\n")[3:] + frame(b"two\n", 2)]) == b"one\ntwo\n"
    assert whole([b"one\r\n", b"two"]) == b"one\r\ntwo"
    assert whole([]) == b""


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
    def frames() -> Iterator[Frame]:
        yield stamped("ready\n")
        raise AssertionError("read on")

    found = search(frames(), re.compile("^r(ead)y$", re.MULTILINE))
    assert found.match is not None
    assert (found.match.string, found.match[1], found.moment) == ("ready", "ead", MOMENT)


def test_where_none_is_found_the_search_has_the_last_lines_moment() -> None:
    frames = [Frame(1, b"2026-01-31T11:00:00.000000000Z one\n"), stamped("two\n")]
    assert search(frames, re.compile("ready")) == Search(None, MOMENT)
    assert search([], re.compile("")) == Search(None, None)


def test_the_time_stamp_is_no_part_of_the_line() -> None:
    assert not found("2026", "one\n")


def test_a_line_in_several_frames_is_one() -> None:
    assert found("^ready now$", "rea", "dy ", "now\n")
    assert not found("^now", "ready ", "now\n")


def test_a_long_line_is_found_whole_though_the_other_stream_says_something_meanwhile() -> None:
    log = [stamped("database "), stamped("noise\n", 2), stamped("is ready\n"), stamped("last words", 2)]
    for pattern in ("^database is ready$", "^noise$", "^last words$"):
        assert search(log, re.compile(pattern, re.MULTILINE)).found
    assert not search(log, re.compile("database noise")).found


def test_a_last_line_without_an_end_is_one_too() -> None:
    assert found("^ready$", "one\n", "ready")


def test_bytes_that_are_no_text_dont_hide_a_line() -> None:
    assert search([Frame(1, STAMP.encode() + b"caf\xe9 ready\n")], re.compile("ready$", re.MULTILINE)).found


def test_of_an_endless_line_only_the_beginning_is_searched_and_its_cut_is_no_end() -> None:
    longest = "x" * (LONGEST_LINE - 5)
    assert found("ready", longest, "ready", "and more\n")
    assert not found("ready$", longest, "ready", "and more\n")
    assert not found("more", longest, "ready", "and more\n")
    assert found("^next$", longest, "ready", "and more\n", "next\n")


# lines with their times and streams


def test_lines_have_their_times_and_streams() -> None:
    log = [stamped("out\n"), stamped("err\n", 2, 1), stamped("\n", 1, 2)]
    times = [datetime(2026, 1, 31, 12, 0, second, 500_000, UTC) for second in range(3)]
    assert list(lines(log)) == [
        LogLine(times[0], "stdout", "out"),
        LogLine(times[1], "stderr", "err"),
        LogLine(times[2], "stdout", ""),
    ]


def test_a_long_line_in_frames_between_those_of_the_other_stream_is_one() -> None:
    log = [stamped("a" * 100_000), stamped("err\n", 2), stamped("b\n"), stamped("c", 2), stamped("d")]
    assert [(line.stream, line.text) for line in lines(log)] == [
        ("stderr", "err"),
        ("stdout", "a" * 100_000 + "b"),
        ("stderr", "c"),
        ("stdout", "d"),
    ]


@pytest.mark.parametrize("size", [1, 7, 8, 9, 33, 1000])
def test_the_log_of_a_terminal_has_no_frames_and_one_stream(size: int) -> None:
    log = f"{STAMP}one\r\n{STAMP}\r\n{STAMP}two".encode()
    pieces = [log[start : start + size] for start in range(0, len(log), size)]
    assert [(line.stream, line.text) for line in lines(frames(pieces, stamps=True))] == [
        ("stdout", "one"),
        ("stdout", ""),
        ("stdout", "two"),
    ]
    assert search(frames(pieces, stamps=True), re.compile("^two$", re.MULTILINE)).found
    assert search(frames(pieces, stamps=True), re.compile("one$")).found


@pytest.mark.parametrize("size", [1000, 16_384, 100_000])
def test_a_terminals_long_line_is_without_the_stamps_of_its_entries(size: int) -> None:
    entries = [b"a" * 16_384, b"b" * 16_384, b"end\r\n", b"next\r\n"]
    log = b"".join(STAMP.encode() + entry for entry in entries)
    pieces = [log[start : start + size] for start in range(0, len(log), size)]
    assert [line.text for line in lines(frames(pieces, longest=inf, stamps=True))] == [
        "a" * 16_384 + "b" * 16_384 + "end",
        "next",
    ]
    assert search(frames(pieces, stamps=True), re.compile("^a+b+end$", re.MULTILINE)).found


def test_a_terminals_line_without_an_end_is_searched_and_has_its_moment() -> None:
    log = [STAMP.encode() + b"x" * 60_000, b"x" * 60_000, b"\ry" * 60_000]
    assert search(frames(log, stamps=True), re.compile("ready")) == Search(None, MOMENT)
    assert search(frames([*log, b"\r\n", STAMP.encode() + b"ready\r\n"], stamps=True), re.compile("ready")).found


@pytest.mark.parametrize("pieces", [[], [b""], [b"x"], [b"\1\0"]])
def test_a_short_log_ends(pieces: list[bytes]) -> None:
    assert b"".join(contents(pieces)) in {b"", b"x", b"\1\0"}


def test_an_endless_line_takes_no_memory() -> None:
    tracemalloc.start()
    assert search((stamped("x" * 16_384) for _ in range(1000)), re.compile("y")).moment == MOMENT
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
