"""A container's log as a stream: the engine's frames taken apart, and lines searched one at a time."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from typing import Final, NamedTuple

_FRAME_HEAD: Final = 8
"""Bytes before each frame; the last 4 of them tell the length of what follows."""
_FRAMES: Final = re.compile(rb"[\0-\3]\0\0\0")
"""How each of them begins; no text does."""

_STAMP: Final = 31
"""Bytes of the time before each frame where it was asked for, and a space: 2026-01-31T12:00:00.123456789Z."""

LONGEST_LINE: Final = 64 * 1024
"""Bytes of a line that are searched."""
_CUT: Final = "…"
"""Stands for the rest of a longer line, so that its cut isn't taken for its end."""


def contents(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what is in the engine's frames; pieces of its answer come cut anyhow.

    The log of a container with a terminal has no frames; of it each line is yielded.
    """
    received = bytearray()
    rest = iter(pieces)
    for piece in rest:
        received += piece
        if len(received) >= _FRAME_HEAD:
            break
    kind = _lines_of_terminal if received and not _FRAMES.match(received) else _of_frames
    yield from kind(chain([bytes(received)], rest))


def _lines_of_terminal(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a terminal's lines, which end with a carriage return too; of an endless one what is there."""
    received = bytearray()
    for piece in pieces:
        received += piece
        *lines, last = received.split(b"\n")
        yield from (bytes(line).removesuffix(b"\r") + b"\n" for line in lines)
        received = last
        if len(received) > LONGEST_LINE:
            yield bytes(received)
            received = bytearray()
    if received:
        yield bytes(received)


def _of_frames(pieces: Iterable[bytes]) -> Iterator[bytes]:
    received = bytearray()
    for piece in pieces:
        received += piece
        begin = 0
        while len(received) - begin >= _FRAME_HEAD:
            start = begin + _FRAME_HEAD
            end = start + int.from_bytes(received[begin + 4 : start], "big")
            if end > len(received):
                break
            yield bytes(received[start:end])
            begin = end
        del received[:begin]


class Search(NamedTuple):
    """What came of a search: whether a line matches, and when the last line that was read was written.

    The moment is in seconds of the epoch, by the engine's clock; None where no line was read.
    """

    found: bool
    moment: float | None


def search(frames: Iterable[bytes], pattern: re.Pattern[str]) -> Search:
    """Search a log with time stamps line by line, until a line matches."""
    stamp = b""
    for stamp, line in _lines(frames):
        if pattern.search(line):
            return Search(found=True, moment=moment(stamp.decode()))
    return Search(found=False, moment=moment(stamp.decode()))


def _lines(frames: Iterable[bytes]) -> Iterator[tuple[bytes, str]]:
    """Yield lines with their time stamps; a long line comes in several frames, and each has the line's stamp."""
    stamp, line = b"", bytearray()
    for frame in frames:
        stamp = frame[: _STAMP - 1]
        if len(line) <= LONGEST_LINE:
            line += frame[_STAMP:]
        if frame.endswith(b"\n"):
            yield stamp, _text(line)
            line = bytearray()
    if line:
        yield stamp, _text(line)


def _text(line: bytes | bytearray) -> str:
    if len(line) <= LONGEST_LINE:
        return line.decode(errors="replace")
    return line[:LONGEST_LINE].decode(errors="replace") + _CUT


def moment(text: str) -> float | None:
    """Read the engine's time, in nanoseconds (2026-01-31T12:00:00.123456789Z); None for none and its zero, the year 1.

    In seconds of the epoch.
    """
    if not text or text.startswith("0001-"):
        return None
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction}" if fraction else 0)
