"""Waits for a line of a service's log, and for a container's end."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from pytest_foodtrucks.clock import monotonic, sleep
from pytest_foodtrucks.errors import NotInTime, NotReadyInTime, StartError
from pytest_foodtrucks.ready import FIRST_PAUSE, LOG_LINES, LONGEST_PAUSE, OVERLAP
from pytest_foodtrucks.values import Unfit, checked, expression, finite, seconds

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.inspected import ContainerState
    from pytest_foodtrucks.engine.logs import Search

T = TypeVar("T")

_GROWTH: Final = 1.2
_LAST_MOMENT: Final = 253_402_300_800
"""Seconds of the epoch at the end of the year 9999; a datetime knows none behind it."""


class Awaited(Protocol):
    """A service, as far as these waits ask it."""

    @property
    def alias(self) -> str:
        """Its name on the network."""

    def seconds(self, timeout: float | None) -> float:
        """Return for how many seconds something of it is waited for: so many, else those that its start may take."""

    def by_engines_clock(self, moment: float | None) -> float | None:
        """Return a moment by this machine's clock, if there is one, as one by the engine's."""

    def state(self) -> "ContainerState":
        """Return the state of the container's life."""

    def search_log(self, pattern: re.Pattern[str], *, since: float | None = None) -> "Search":
        """Search the container's log line by line, since its last start or a later moment, by the engine's clock."""

    def last_words(self, *, lines: int) -> str:
        """Return the last lines of the container's log, printable, long ones cut."""


def moment_of(since: Any) -> float | None:
    """Return a moment in seconds of the epoch; DefinitionError for what is none."""
    return checked("since", since, _moment)


def _moment(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise Unfit("give it one, such as datetime.now(UTC)", why=" has no time zone")
        return value.timestamp()
    if not finite(value) or not 0 <= value < _LAST_MOMENT:
        raise Unfit("give seconds of the epoch, such as time.time(), or a datetime with its time zone")
    return float(value)


def _pattern(value: Any) -> re.Pattern[str]:
    compiled = isinstance(value, re.Pattern) and isinstance(value.pattern, str)
    return value if compiled else expression(value)


def wait_for_log(
    service: Awaited,
    pattern: str | re.Pattern[str],
    *,
    since: float | datetime | None,
    timeout: float | None,
    clock: Callable[[], float] = monotonic,
    sleep: Callable[[float], None] = sleep,
) -> re.Match[str]:
    """Return the match of the first line of a service's log that matches, once there is one.

    `since` is a moment by this machine's clock, None the container's last start; `timeout` is in seconds. Raises
    NotInTime when the time is up, or at once when the container has ended.
    """
    compiled = checked("pattern", pattern, _pattern)
    earliest, given = service.by_engines_clock(moment_of(since)), _seconds(service, timeout)

    def look() -> "tuple[Search, ContainerState] | None":
        nonlocal earliest
        state = service.state()
        search = service.search_log(compiled, since=earliest)
        if search.moment is not None:
            earliest = max(search.moment - OVERLAP, float("-inf") if earliest is None else earliest)
        return (search, state) if search.found or state.ended else None

    found = _until(look, given, clock=clock, sleep=sleep)
    if found is not None and found[0].match is not None:
        return found[0].match
    when = f" within {given:g} s" if found is None else f", and it has ended: {found[1]}"
    raise NotInTime(
        f"No line of the log of {service.alias} matched {compiled.pattern!r}{when}. "
        "Remedy: see what it logged; allow more with timeout=, or look further back with since=.",
        logs=service.last_words(lines=LOG_LINES),
    )


def wait_for_end(
    service: Awaited,
    *,
    timeout: float | None,
    clock: Callable[[], float] = monotonic,
    sleep: Callable[[float], None] = sleep,
) -> int:
    """Return a container's exit code, once it has ended; NotInTime when it hasn't within `timeout` seconds."""
    given = _seconds(service, timeout)
    state = _ended(service, given, clock=clock, sleep=sleep)
    if not state.ended:
        raise NotInTime(
            f"{service.alias} hasn't ended within {given:g} s: it is {state.status}. Remedy: see what it waits for, or "
            "allow more with timeout=.",
            logs=service.last_words(lines=LOG_LINES),
        )
    return state.exit_code


def wait_until_done(
    service: Awaited,
    *,
    clock: Callable[[], float] = monotonic,
    sleep: Callable[[float], None] = sleep,
) -> None:
    """Return when a job has ended with exit code 0, within the time that its start may take.

    Raises StartError for another exit code, and NotReadyInTime when the time is up; both have the end of its log.
    """
    given = service.seconds(None)
    state = _ended(service, given, clock=clock, sleep=sleep)
    if not state.ended:
        raise NotReadyInTime(
            f"The job {service.alias} hasn't ended within {given:g} s: it is {state.status}. Remedy: see what it waits "
            "for, or allow more with timeout= or --foodtrucks-timeout; what goes on, such as a server, is a service().",
            logs=service.last_words(lines=LOG_LINES),
        )
    if state.exit_code != 0 or state.oom_killed:
        raise StartError(
            f"The job {service.alias} failed: it {state}. Remedy: mend what its log shows.",
            logs=service.last_words(lines=LOG_LINES),
        )


def _ended(
    service: Awaited, given: float, *, clock: Callable[[], float], sleep: Callable[[float], None]
) -> "ContainerState":
    """Return a container's state when it has ended, or when the time is up."""

    def look() -> "ContainerState | None":
        state = service.state()
        return state if state.ended else None

    ended = _until(look, given, clock=clock, sleep=sleep)
    return ended if ended is not None else service.state()


def _seconds(service: Awaited, timeout: float | None) -> float:
    return service.seconds(None if timeout is None else checked("timeout", timeout, seconds))


def _until(
    look: Callable[[], T | None], seconds: float, *, clock: Callable[[], float], sleep: Callable[[float], None]
) -> T | None:
    """Return what a look finds, or None when it finds nothing for so many seconds; look more rarely with time."""
    began, pause = clock(), FIRST_PAUSE
    while (found := look()) is None and (left := seconds - (clock() - began)) > 0:
        sleep(min(pause, left))
        pause = min(pause * _GROWTH, LONGEST_PAUSE)
    return found
