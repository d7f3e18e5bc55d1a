"""An HTTP answer, read from the bytes that came until the connection's end: all of it, or why it isn't complete."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_BODILESS: Final = frozenset({204, 304})
"""Status codes whose answers have no body, whatever their length says (RFC 9112, 6.3)."""

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class HttpAnswer:
    """An HTTP answer as the probe read it."""

    status: int
    headers: dict[str, str]
    text: str


class Incomplete(Exception):
    """What came is no complete answer; the message says what it is instead."""


def read_answer(exit_code: int | None, output: bytes, trouble: bytes, *, most: int | None = None) -> HttpAnswer:
    """Read an answer from what a tool received, with its exit code and its words; Incomplete where it isn't all.

    Where `most` bytes came, what there is of the body is enough.
    """
    head, blank, rest = output.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = re.match(r"HTTP/1\.[01] ([1-9][0-9]{2})(?![0-9])", first)
    if status is None or not blank:
        raise Incomplete(f"no complete answer; the probe saw {(output + trouble).decode(errors='replace')!r}.")
    pairs = (line.partition(":") for line in lines)
    fields = [(name.strip().lower(), value.strip()) for name, _, value in pairs]
    if most is not None and len(output) >= most:
        body = rest[:most]
    else:
        body = b"" if int(status[1]) in _BODILESS else _body(fields, rest, exit_code, trouble)
    return HttpAnswer(int(status[1]), dict(fields), body.decode(errors="replace"))


def _body(fields: Fields, rest: bytes, exit_code: int | None, trouble: bytes) -> bytes:
    """Return the body; one without a length ends with the connection, if that ended well."""
    if "chunked" in _values(fields, "transfer-encoding"):
        return _of_chunks(rest)
    lengths = _values(fields, "content-length")
    if lengths:
        return _of_length(rest, lengths)
    if exit_code != 0:
        words = trouble.decode(errors="replace").strip()
        raise Incomplete(f"the answer broke off after {len(rest)} bytes: {words!r}.")
    return rest


def _values(fields: Fields, name: str) -> list[str]:
    """Return the different values of a field, which may stand there several times and be a list each time."""
    values = [value.strip().lower() for key, line in fields if key == name for value in line.split(",")]
    return list(dict.fromkeys(values))


def _of_length(rest: bytes, lengths: Sequence[str]) -> bytes:
    if len(lengths) > 1 or not re.fullmatch("[0-9]{1,18}", lengths[0]):
        raise Incomplete(f"the answer's Content-Length is {', '.join(lengths)[:50]!r}, which is no number of bytes.")
    length = int(lengths[0])
    if len(rest) < length:
        raise Incomplete(f"the answer broke off after {len(rest)} of {length} bytes.")
    return rest[:length]


def _of_chunks(rest: bytes) -> bytes:
    """Return the body of an answer in chunks (RFC 9112, 7.1), which some servers give to HTTP/1.0 too."""
    body = bytearray()
    while True:
        line, end, rest = rest.partition(b"\r\n")
        size = re.fullmatch(rb"\s*([0-9A-Fa-f]{1,8})\s*", line.partition(b";")[0])
        if not end or size is None:
            raise Incomplete(f"the answer, in chunks, broke off after {len(body)} bytes.")
        length = int(size[1], 16)
        if length == 0:
            return bytes(body)
        chunk, after = rest[:length], rest[length : length + 2]
        if after != b"\r\n":
            raise Incomplete(f"the answer, in chunks, broke off after {len(body) + len(chunk)} bytes.")
        body += chunk
        rest = rest[length + 2 :]
