"""Signals that end the command: they end its session in good order."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Ending:
    """Which signal ended the command; None as long as none did."""

    def __init__(self) -> None:
        self.number: int | None = None

    def interrupt(self, number: int, _: FrameType | None) -> None:
        """Note a signal, and end what goes on as Ctrl-C does."""
        self.number = number
        raise KeyboardInterrupt


@contextmanager
def ended_in_order() -> Iterator[Ending]:
    """Let signals end a block as Ctrl-C does, those that nohup or a shell's `&` had ignored excepted."""
    ending = Ending()
    before = {number: signal.getsignal(number) for number in _ENDING}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, ending.interrupt)
    try:
        yield ending
    finally:
        for number in heard:
            signal.signal(number, before[number])
