"""A terminal: runs a program on one, and knows what stays on its screen."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

_ROWS, _COLUMNS = 40, 120

_PATIENCE = 200.0
"""Seconds without a word, after which a program on a terminal counts as one that hangs."""


def run_on_terminal(argv: Sequence[str], *, folder: Path, environ: Mapping[str, str]) -> str:
    """Run a program to its end with all three streams on a terminal; return what it wrote."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    environ = {**environ, "TERM": "xterm"}
    written = b""
    with subprocess.Popen(argv, cwd=folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        try:
            while chunk := os.read(ours, 65536):
                written += chunk
        except OSError:  # how Linux says that the last one has closed the other end
            pass
        os.close(ours)
    return written.decode()


class Screen:
    """What a terminal shows after it was written to; knows the controls that pytest and rich use."""

    def __init__(self, text: str) -> None:
        self.lines = [""]
        self._row = self._column = 0
        for control, plain in re.findall(r"(\x1b\[[0-9;?]*[A-Za-z]|[\r\n])|([^\x1b\r\n]+)", text):
            self._obey(control) if control else self._put(plain)

    def _put(self, text: str) -> None:
        line = self.lines[self._row].ljust(self._column)
        self.lines[self._row] = line[: self._column] + text + line[self._column + len(text) :]
        self._column += len(text)

    def _obey(self, control: str) -> None:
        if control == "\r":
            self._column = 0
        elif control == "\n":
            self._row += 1
            self.lines += [""] * (self._row - len(self.lines) + 1)
        elif control.endswith("A"):
            self._row -= int(control[2:-1])
        elif control == "\x1b[2K":
            self.lines[self._row] = ""
        elif control[-1] not in "mhl":  # colours, and whether the cursor is shown
            raise AssertionError(f"an unknown control: {control!r}")


class OwnTerminal:
    """A program with a terminal of its own, as a person starts it: what is typed may be Ctrl-C, and it may hang up."""

    def __init__(self, argv: Sequence[str], *, folder: Path, environ: Mapping[str, str]) -> None:
        self.written = ""
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.execve(argv[0], list(argv), {**environ, "TERM": "xterm"})  # noqa: S606 - no shell is wanted
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))

    def wait_for(self, text: str) -> None:
        """Read until a text was written."""
        while text not in self.written:
            assert self._read(), f"{text!r} wasn't written, but: {self.written}"

    def type(self, keys: str) -> None:
        """Type something; Ctrl-C is chr(3)."""
        os.write(self._terminal, keys.encode())

    def end(self) -> int:
        """Wait for its end, and return its exit code, as a shell tells it."""
        while self._read():
            pass
        return self._waited()

    def hang_up(self) -> int:
        """Close the terminal, and wait for its end."""
        os.close(self._terminal)
        return self._waited()

    def _end_by_force(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def _waited(self) -> int:
        code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return code if code >= 0 else 128 - code

    def _read(self) -> bool:
        if not select.select([self._terminal], [], [], _PATIENCE)[0]:
            self._end_by_force()
            raise AssertionError(f"nothing was written for {_PATIENCE:g} s; before: {self.written}")
        try:
            chunk = os.read(self._terminal, 65536)
        except OSError:  # how Linux says that the other end is closed
            return False
        self.written += chunk.decode(errors="replace")
        return chunk != b""
