"""A lock of threads that a forked process has anew: whoever held it in the parent isn't there to let it go."""

import os
from threading import Lock
from types import TracebackType
from weakref import WeakSet

_LOCKS: "WeakSet[ForkLock]" = WeakSet()


class ForkLock:
    """A lock for `with`; free in a forked child, also where a thread of its parent had it."""

    def __init__(self) -> None:
        self.renew()
        _LOCKS.add(self)

    def renew(self) -> None:
        """Let it be free, whoever has it."""
        self._lock = Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._lock.locked():  # in a child that was forked within the block it is free
            self._lock.release()


def _renew_all() -> None:
    for lock in list(_LOCKS):
        lock.renew()


os.register_at_fork(after_in_child=_renew_all)
