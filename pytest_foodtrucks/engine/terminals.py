"""Commands in containers that somebody types into: with a terminal of their own, or with what a pipe brings."""

from collections.abc import Sequence
from typing import Any, Final

from .execs import ExecRequests, ExecStream

_HEAD: Final = b"\1\0\0\0\0\0\0\0"
"""Of a frame of standard output: what a terminal says has none."""


class Terminal(ExecStream):
    """A command with a terminal in its container; `receive` and `output_now` give what the terminal says."""

    def _next_frame(self) -> bytes | None:
        """Return all that was received as one frame: a terminal has one stream, in no frames."""
        if not self._received:
            return None
        frame, self._received = _HEAD + self._received, b""
        return frame


class TerminalRequests(ExecRequests):
    """What an engine is asked about commands that somebody types into."""

    def open_terminal(self, container: str, argv: Sequence[str], *, terminal: bool) -> tuple[str, ExecStream]:
        """Start a command in a container, and return its id and its two ends; with a terminal, or by pipes."""
        with self._asking(f"run {argv[0]!r} in the container {container}"):
            created: Any = self.api.exec_create(container, list(argv), stdin=True, tty=terminal)
            stream = self.api.exec_start(created["Id"], tty=terminal, socket=True)
        return str(created["Id"]), (Terminal if terminal else ExecStream)(stream)

    def resize_terminal(self, exec_id: str, *, rows: int, columns: int) -> None:
        """Tell a command's terminal how large it is."""
        with self._asking("resize a terminal"):
            self.api.exec_resize(exec_id, height=rows, width=columns)

    def exit_code_of(self, exec_id: str) -> int | None:
        """Return the exit code of a command whose outputs have ended; None where the engine lost it."""
        with self._asking("tell how a command ended"):
            return self._exit_code(exec_id, None, wait=True)
