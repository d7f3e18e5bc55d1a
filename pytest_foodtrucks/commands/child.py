"""Runs a command beside the stack: signals are handed on to it, and its exit code is ours."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

from . import exit_codes

_HANDED_ON: Final = (
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCONT,
)
_OF_TERMINAL: Final = frozenset({signal.SIGINT, signal.SIGQUIT})
"""What a terminal sends by Ctrl-C and Ctrl-\\ to all processes in its foreground, so to the command too."""


def run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command to its end, and return its exit code: 128 and the number for a signal that ended it.

    It is in this process's group, and has its terminal; Ctrl-Z stops both.
    """
    with _handing_on() as child:
        try:
            pid = os.posix_spawnp(argv[0], list(argv), dict(environ))
        except FileNotFoundError:
            return exit_codes.NOT_FOUND
        except OSError:
            return exit_codes.NOT_EXECUTABLE
        child.begin(pid)
        _, status = os.waitpid(pid, 0)
        child.end()
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else exit_codes.by_signal(-code)


class _Child:
    """Hands signals on to a process, those too that come before it is started."""

    def __init__(self) -> None:
        self._pid: int | None = None
        self._waiting: list[int] = []

    def begin(self, pid: int) -> None:
        self._pid = pid
        for number in self._waiting:
            self._send(number)

    def end(self) -> None:
        """Hand on no more: somebody else may have its number."""
        self._pid = None

    def hear(self, number: int, _: FrameType | None) -> None:
        if number in _OF_TERMINAL and _in_foreground():
            return
        if self._pid is None:
            self._waiting.append(number)
        else:
            self._send(number)

    def _send(self, number: int) -> None:
        if self._pid is not None:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(self._pid, number)


@contextmanager
def _handing_on() -> Iterator[_Child]:
    child = _Child()
    before = {number: signal.getsignal(number) for number in _HANDED_ON}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, child.hear)
    try:
        yield child
    finally:
        for number in heard:
            signal.signal(number, before[number])


def _in_foreground() -> bool:
    """Tell whether this process's group is in the foreground of its terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:  # it has none
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
