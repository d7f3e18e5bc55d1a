"""Carries what somebody types, or a pipe brings, into a command in a container, and what that says back."""

import fcntl
import os
import select
import signal
import struct
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.errors import EngineError

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine
    from pytest_foodtrucks.engine.execs import ExecStream

_PIECE: Final = 65536
_SECONDS: Final = 0.5
"""Between two looks: a connection by TLS may have something that its descriptor doesn't tell of."""


class Typed:
    """A command in a container, and this process's own input and output."""

    def __init__(self, engine: "Engine", exec_id: str, stream: "ExecStream") -> None:
        self._engine = engine
        self._exec_id = exec_id
        self._stream = stream
        self._input: int | None = sys.stdin.fileno()

    def until_its_end(self) -> None:
        """Carry both ways until the command has ended."""
        with self._own_terminal():
            while self._said():
                self.bring()

    def bring(self) -> None:
        """Wait for what is typed or said, and bring what was typed."""
        asked = [self._stream.fileno()] + ([] if self._input is None else [self._input])
        ready, _, _ = select.select(asked, [], [], _SECONDS)
        if self._input is None or self._input not in ready:
            return
        typed = os.read(self._input, _PIECE)
        with suppress(OSError):  # it has ended
            if typed:
                self._stream.send(typed)
            else:
                self._input = None
                self._stream.end_input()

    def _said(self) -> bool:
        """Write what the command said; False when it has ended."""
        while (output := self._stream.output_now()) is not None:
            if output == (b"", b""):
                return False
            for descriptor, said in zip((1, 2), output, strict=True):
                _write(descriptor, said)
        return True

    @contextmanager
    def _own_terminal(self) -> Iterator[None]:
        """Hand each key on as it is typed, where this is a terminal, and the terminal's size."""
        if self._input is None or not os.isatty(self._input):
            yield
            return
        before = termios.tcgetattr(self._input)
        handler = signal.signal(signal.SIGWINCH, lambda *_: self._resize())
        try:
            tty.setraw(self._input, termios.TCSADRAIN)  # what was typed ahead stays
            self._resize()
            yield
        finally:
            signal.signal(signal.SIGWINCH, handler)
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, before)

    def _resize(self) -> None:
        rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(sys.stdin.fileno(), termios.TIOCGWINSZ, b"\0" * 8))
        if rows and columns:
            with suppress(EngineError):  # it has just ended
                self._engine.resize_terminal(self._exec_id, rows=rows, columns=columns)


def _write(descriptor: int, said: bytes) -> None:
    while said:
        said = said[os.write(descriptor, said) :]
