"""A container's log as a stream: the engine's frames taken apart, its lines, and lines searched one at a time."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Final, Literal, NamedTuple

_FRAME_HEAD: Final = 8
"""Bytes before each frame; the last 4 of them tell the length of what follows."""
_FRAMES: Final = re.compile(rb"[\0-\3]\0\0\0")
"""How each of them begins; no text does."""

_STANDARD_ERROR: Final = 2

_STAMP: Final = 31
"""Bytes of the time before each frame where it was asked for, and a space: 2026-01-31T12:00:00.123456789Z."""

_INNER_STAMP: Final = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ")

_ENTRY: Final = 16 * 1024
"""Bytes of a line that the engine writes as one entry of a log."""

LONGEST_LINE: Final = 64 * 1024
"""Bytes of a line that are searched."""
_CUT: Final = "…"
"""Stands for the rest of a longer line, so that its cut isn't taken for its end."""


class Frame(NamedTuple):
    """What the engine sends of a log at once: 1 is standard output, 2 standard error."""

    stream: int
    content: bytes


def contents(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what is in the engine's frames; pieces of its answer come cut anyhow."""
    return (frame.content for frame in frames(pieces))


def whole(pieces: Iterable[bytes]) -> bytes:
    """Return what is in the engine's frames; of a container with a terminal all that came, as it is."""
    received = b"".join(pieces)
    if not _FRAMES.match(received):
        return received
    return b"".join(frame.content for frame in _taken_apart([received]))


def frames(pieces: Iterable[bytes], *, longest: float = LONGEST_LINE, stamps: bool = False) -> Iterator[Frame]:
    """Yield the engine's frames; of a container with a terminal, whose log has none, each line as if it were one.

    Such a line is cut after `longest` bytes. With `stamps`, which were asked for then, each frame begins with one.
    """
    received = bytearray()
    rest = iter(pieces)
    for piece in rest:
        received += piece
        if len(received) >= _FRAME_HEAD:
            break
    whole = chain([bytes(received)], rest)
    if _FRAMES.match(received):
        return _taken_apart(whole)
    cut = _lines_of_terminal(whole, longest)
    return _each_with_stamp(cut) if stamps else cut


def _taken_apart(pieces: Iterable[bytes]) -> Iterator[Frame]:
    received = bytearray()
    for piece in pieces:
        received += piece
        begin = 0
        while len(received) - begin >= _FRAME_HEAD:
            start = begin + _FRAME_HEAD
            end = start + int.from_bytes(received[begin + 4 : start], "big")
            if end > len(received):
                break
            yield Frame(received[begin], bytes(received[start:end]))
            begin = end
        del received[:begin]


def _lines_of_terminal(pieces: Iterable[bytes], longest: float) -> Iterator[Frame]:
    """Yield a terminal's lines, which end with a carriage return too; of an endless one what is there."""
    received = bytearray()
    for piece in pieces:
        received += piece
        *lines, last = received.split(b"\n")
        yield from (Frame(1, bytes(line).removesuffix(b"\r") + b"\n") for line in lines)
        received = last
        if len(received) > longest:
            yield Frame(1, bytes(received))
            received = bytearray()
    if received:
        yield Frame(1, bytes(received))


def _each_with_stamp(cut: Iterable[Frame]) -> Iterator[Frame]:
    """Yield a terminal's lines, of which each piece begins with the line's time stamp, and has no other."""
    stamp = b""
    for stream, content in cut:
        begins = stamp == b""
        stamp = content[:_STAMP] if begins else stamp
        yield Frame(stream, stamp + (_without_stamps(content[_STAMP:]) if begins else content))
        stamp = b"" if content.endswith(b"\n") else stamp


def _without_stamps(content: bytes) -> bytes:
    """Return a terminal's line without the time stamps that the engine puts before each further entry of a long one."""
    found, at = bytearray(), 0
    while True:
        found += content[at : at + _ENTRY]
        at += _ENTRY
        inner = _INNER_STAMP.match(content, at)
        if inner is None:
            return bytes(found + content[at:])
        at = inner.end()


@dataclass(frozen=True)
class LogLine:
    """A line of a container's log: when it was written, to which stream, and its text without the line's end.

    A container with a terminal (`tty`) has one stream, stdout.
    """

    time: datetime
    stream: Literal["stdout", "stderr"]
    text: str


def lines(frames: Iterable[Frame]) -> Iterator[LogLine]:
    """Yield the lines of a log with time stamps; a long line comes in several frames, between those of the others."""
    begun: dict[int, tuple[bytes, bytearray]] = {}
    for stream, frame in frames:
        _, line = begun.setdefault(stream, (frame[: _STAMP - 1], bytearray()))
        line += frame[_STAMP:]
        if frame.endswith(b"\n"):
            yield _line(stream, *begun.pop(stream))
    for stream, (stamp, line) in begun.items():
        yield _line(stream, stamp, line)


def _line(stream: int, stamp: bytes, line: bytearray) -> LogLine:
    time = datetime.fromisoformat(stamp.decode())
    return LogLine(
        time, "stderr" if stream == _STANDARD_ERROR else "stdout", line.decode(errors="replace").removesuffix("\n")
    )


class Search(NamedTuple):
    """What came of a search: the match, if a line does, and when the last line that was read was written.

    The match's `string` is the line, without its end unless the pattern needs that. The moment is in seconds of the
    epoch, by the engine's clock; None where no line was read.
    """

    match: re.Match[str] | None
    moment: float | None

    @property
    def found(self) -> bool:
        """Whether a line matches."""
        return self.match is not None


def search(frames: Iterable[Frame], pattern: re.Pattern[str]) -> Search:
    """Search a log with time stamps line by line, until a line matches."""
    stamp = b""
    for stamp, line in _bounded_lines(frames):
        if (match := pattern.search(line)) is not None:
            bare = pattern.search(line.removesuffix("\n"))
            return Search(match if bare is None else bare, moment(stamp.decode()))
    return Search(None, moment(stamp.decode()))


def _bounded_lines(frames: Iterable[Frame]) -> Iterator[tuple[bytes, str]]:
    """Yield lines with their time stamps, long ones cut; they come in several frames, between those of the others."""
    begun: dict[int, bytearray] = {}
    stamp = b""
    for stream, frame in frames:
        stamp, line = frame[: _STAMP - 1], begun.setdefault(stream, bytearray())
        if len(line) <= LONGEST_LINE:
            line += frame[_STAMP:]
        if frame.endswith(b"\n"):
            yield stamp, _text(begun.pop(stream))
    for line in begun.values():
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
