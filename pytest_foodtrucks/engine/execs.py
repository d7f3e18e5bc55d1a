"""Commands in containers: what one answered, and one that goes on."""

import time
from dataclasses import dataclass
from typing import Any, Final

from .descriptors import close_quietly

_FRAME_HEAD: Final = 8
_STANDARD_ERROR: Final = 2
"""The first byte of a frame: 1 is standard output."""


@dataclass(frozen=True)
class ExecResult:
    """What a command in a container answered; `exit_code` is None where the engine lost it."""

    exit_code: int | None
    stdout: str
    stderr: str


class ExecStream:
    """A command in a container that goes on, with its input and its output.

    No public constructor: `Engine.open_exec` gives one. Close it.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._socket = getattr(stream, "_sock", stream)  # a unix or TCP socket comes wrapped in a file, the others bare
        self._response = getattr(stream, "_response", None)  # where docker-py keeps what holds the connection
        self._received = b""

    def send(self, data: bytes) -> None:
        """Send to its input; OSError where it is gone."""
        self._socket.sendall(data)

    def receive(self, seconds: float) -> bytes:
        """Wait for output, standard output and error together; nothing means that it has ended.

        Raises TimeoutError when nothing came within `seconds`, OSError where the connection broke.
        """
        return self._frame(seconds)[_FRAME_HEAD:]

    def outputs(self, seconds: float | None, *, most: int | None = None) -> tuple[bytes, bytes]:
        """Wait for its end, or for `most` bytes and a little more, and return standard output and error.

        Raises TimeoutError when it hasn't ended within `seconds`; None waits for as long as it takes.
        """
        until = None if seconds is None else time.monotonic() + seconds
        heard = (bytearray(), bytearray())
        while frame := self._frame(None if until is None else max(0.001, until - time.monotonic())):
            heard[frame[0] == _STANDARD_ERROR].extend(frame[_FRAME_HEAD:])
            if most is not None and sum(map(len, heard)) >= most:
                break
        return bytes(heard[0]), bytes(heard[1])

    def _frame(self, seconds: float | None) -> bytes:
        self._socket.settimeout(seconds)
        while (frame := self._next_frame()) is None:
            more = self._read()
            if not more:
                return b""
            self._received += more
        return frame

    def _read(self) -> bytes:
        """Read what comes next; first what came with the head of the engine's answer.

        That is in the buffer of the answer's file, which docker-py's own reading from the socket leaves out: what
        comes in one piece with the head gets lost so.
        """
        file = self._response.raw._fp.fp if self._response is not None else None  # noqa: SLF001 - as docker-py does
        read = getattr(file, "read1", self._socket.recv)
        more: bytes = read(65536)
        return more

    def _next_frame(self) -> bytes | None:
        """Take a complete frame off what was received: a head of 8 bytes, the last 4 of them its length."""
        end = _FRAME_HEAD + int.from_bytes(self._received[4:_FRAME_HEAD], "big")
        if len(self._received) < max(end, _FRAME_HEAD + 1):
            return None
        frame, self._received = self._received[:end], self._received[end:]
        return frame

    def close(self) -> None:
        """Hang up; a shell ends then, when it has done what it was told."""
        for each in (self._response, self._stream, self._socket):
            if each is not None:
                close_quietly(each)
