"""What is started when it is first asked for, and stays."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class OnDemand(Generic[T]):
    """Something that is started when it is first asked for, stays, and is started anew when it lives no more."""

    def __init__(self, start: Callable[[], AbstractContextManager[T]], *, alive: Callable[[T], bool]) -> None:
        self._start = start
        self._alive = alive
        self._undo = ExitStack()
        self._value: T | None = None
        self._of = ""
        self._lock = Lock()

    def get(self, *, of: str = "") -> T:
        """Return it; another one where it has ended, or where `of`, what it was started for, has changed."""
        with self._lock:
            if self._value is None or self._of != of or not self._alive(self._value):
                self._undo.close()
                self._value = self._undo.enter_context(self._start())
                self._of = of
            return self._value

    def close(self) -> None:
        """Remove it."""
        with self._lock:
            self._value = None
            self._undo.close()
