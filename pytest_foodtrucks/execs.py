"""Commands in containers: what one answered, and one that goes on."""

from dataclasses import dataclass
from typing import Any, Final

_FRAME_HEAD: Final = 8


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
        self._received = b""

    def send(self, data: bytes) -> None:
        """Send to its input; OSError where it is gone."""
        self._socket.sendall(data)

    def receive(self, seconds: float) -> bytes:
        """Wait for output, standard output and error together; nothing means that it has ended.

        Raises TimeoutError when nothing came within `seconds`, OSError where the connection broke.
        """
        self._socket.settimeout(seconds)
        while (frame := self._next_frame()) is None:
            more = self._socket.recv(65536)
            if not more:
                return b""
            self._received += more
        return frame

    def _next_frame(self) -> bytes | None:
        """Take a complete frame off what was received: a head of 8 bytes, the last 4 of them its length."""
        end = _FRAME_HEAD + int.from_bytes(self._received[4:_FRAME_HEAD], "big")
        if len(self._received) < max(end, _FRAME_HEAD + 1):
            return None
        frame, self._received = self._received[_FRAME_HEAD:end], self._received[end:]
        return frame

    def close(self) -> None:
        """Hang up; a shell ends then, when it has done what it was told."""
        response = getattr(self._stream, "_response", None)  # where docker-py keeps what holds the connection
        for each in (response, self._stream, self._socket):
            if each is not None:
                each.close()
