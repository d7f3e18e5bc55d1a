"""The exit codes of the command: they stay, so that scripts may rely on them."""

import signal
from typing import Final

DONE: Final = 0
FAILED: Final = 1
"""Something failed: a service that didn't start, an engine that refused."""
WRONG_USE: Final = 2
"""An unknown option, an impossible value, or a service that there is none of."""
NO_STACK: Final = 3
"""No stack runs that was asked for."""
NO_ENGINE: Final = 4
"""No container engine answers."""
NOT_IN_TIME: Final = 5
"""The time was up."""
COULD_NOT_RUN: Final = 125
"""`run` and `shell` have the command's own code; this is theirs for all of the above, but for unknown options."""
NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
"""As shells say it of a command that can't be run, and of one that there is none of."""


def by_signal(number: int) -> int:
    """Return the exit code of what a signal ended, as shells have it."""
    return 128 + number


INTERRUPTED: Final = by_signal(signal.SIGINT)
