"""The time, which no test can stop.

Tests freeze Python's clocks: freezegun replaces the functions of `time` in all modules, and a module that is imported
meanwhile gets the replaced ones; time-machine changes what `time.time` itself answers. Neither replaces what is held
here, and neither changes what the system says of its monotonic clocks. pytest imports this before any test runs.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final


def _system_clock(name: str) -> Callable[[], float]:
    """Return what reads one of the system's clocks; where there is none of that name, Python's monotonic clock."""
    number = getattr(time, name, None)
    return time.monotonic if number is None else partial(time.clock_gettime, number)


_MONOTONIC: Final = _system_clock("CLOCK_MONOTONIC")
_SINCE_BOOT: Final = _system_clock("CLOCK_BOOTTIME" if hasattr(time, "CLOCK_BOOTTIME") else "CLOCK_MONOTONIC")
"""It goes on while the machine is suspended. On macOS the monotonic clock does."""
_BOOT: Final = time.time() - _SINCE_BOOT()
_SLEEP: Final = time.sleep


def monotonic() -> float:
    """Return the seconds of a clock that nobody sets."""
    return _MONOTONIC()


def wall() -> float:
    """Return the seconds of the epoch; a clock that is set after pytest began isn't noticed."""
    return _BOOT + _SINCE_BOOT()


def sleep(seconds: float) -> None:
    """Wait, also where a test has replaced `time.sleep` so as not to."""
    _SLEEP(seconds)
