"""The system's limits on a process: which of them caused an error, and what to do."""

import errno
import os
from collections.abc import Iterator
from typing import Final

_MESSAGES: Final = {
    errno.EMFILE: "This process may open no more than {limit} files. Remedy: allow it more (ulimit -n 1024).",
    errno.ENFILE: "The machine may open no more files. Remedy: end what holds them, or allow more (fs.file-max).",
    errno.EAGAIN: (
        "No more threads or processes may be started here. Remedy: allow more (ulimit -u, or the container's limit of "
        "processes)."
    ),
    errno.ENOMEM: "No memory is left for this process. Remedy: allow it more (ulimit -v, or the container's limit).",
}


def reached(error: BaseException) -> str | None:
    """Return the message for an error that a limit caused, however others wrapped it; None where none did."""
    numbers = [_number(each) for each in _causes(error, set())]
    number = next((number for number in numbers if number in _MESSAGES), None)
    return None if number is None else _MESSAGES[number].format(limit=os.sysconf("SC_OPEN_MAX"))


def _number(error: BaseException) -> int | None:
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return errno.EAGAIN
    return error.errno if isinstance(error, OSError) else None


def _causes(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    """Yield an error and those behind it; urllib3 and requests keep theirs as arguments too."""
    if id(error) in seen:
        return
    seen.add(id(error))
    yield error
    for each in (error.__cause__, error.__context__, *error.args):
        if isinstance(each, BaseException):
            yield from _causes(each, seen)
