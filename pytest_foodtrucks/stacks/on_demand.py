"""Starts a thing when it is first asked for, and keeps it until the end."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Generic, TypeVar

from pytest_foodtrucks.engine.fork_lock import ForkLock

T = TypeVar("T")


class OnDemand(Generic[T]):
    """A thing that is started when it is first asked for, and started anew when it has ended."""

    def __init__(self, start: Callable[[], AbstractContextManager[T]], *, alive: Callable[[T], bool]) -> None:
        self._start = start
        self._alive = alive
        self._undo = ExitStack()
        self._value: T | None = None
        self._of = ""
        self._lock = ForkLock()

    def get(self, *, of: str = "") -> T:
        """Return the thing; a new one where it has ended, or where it was started for another `of`."""
        with self._lock:
            if self._value is None or self._of != of or not self._alive(self._value):
                self._undo.close()
                self._value = self._undo.enter_context(self._start())
                self._of = of
            return self._value

    def close(self) -> None:
        """Remove the thing, if it was started."""
        with self._lock:
            self._value = None
            self._undo.close()
