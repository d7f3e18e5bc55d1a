"""Patience with an engine under load: after which errors a request is made again, and for how long."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final, TypeVar

from pytest_foodtrucks.clock import monotonic, sleep
from pytest_foodtrucks.errors import EngineError, NoAnswer

T = TypeVar("T")

ANSWER_SECONDS: Final = 30.0
"""How long the engine may take for one answer; half of what docker-py waits, so that there is time for a second try."""
BRIEF_SECONDS: Final = 5.0
"""The same, after a request that the engine didn't answer."""

AWAY_SECONDS: Final = 10.0
"""Long enough for a daemon that restarts, short enough for somebody who waits in front of one that is down."""
_BUSY: Final = 10.0
_IN_USE: Final = 2.0
"""A network can have endpoints of containers that are gone, mostly for a moment (moby#43286)."""

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0

_LOAD: Final = (
    "resource temporarily unavailable",
    "device or resource busy",
    "holding the xtables lock",
    "deadline exceeded",
)
"""What a 500 says where the engine's machine is at its limit: EAGAIN, EBUSY, iptables(8), and Go's context."""
_FAILURES: Final = frozenset(
    {
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)

RetryPolicy = Callable[[EngineError], float]
"""For how many seconds since its first try a request is made again after such an error; 0: not at all."""


def question(error: EngineError) -> float:
    """Retry policy of a request that changes nothing."""
    return _BUSY if error.status in _FAILURES else _unanswered(error)


def removal(error: EngineError) -> float:
    """Retry policy of a removal, which does nothing more the second time."""
    if is_being_removed(error):
        return 0.0
    if is_in_use(error):
        return _IN_USE
    return _BUSY if error.status == HTTPStatus.CONFLICT else question(error)


def change(error: EngineError) -> float:
    """Retry policy of a request that makes something; the caller sees to it that nothing is made twice.

    It isn't made again after a failure that the definition may have caused.
    """
    under_load = error.status in _FAILURES and any(words in str(error).lower() for words in _LOAD)
    return _BUSY if under_load else _unanswered(error)


def freeze(error: EngineError) -> float:
    """Retry policy of a pause: a busy kernel may not freeze a process that just makes others, and thaws all then."""
    return _BUSY if error.status in _FAILURES and "unable to freeze" in str(error) else 0.0


def appearance(error: EngineError) -> float:
    """Retry policy of a look-up of something that the engine may still be making."""
    return _BUSY if error.status == HTTPStatus.NOT_FOUND else question(error)


def _unanswered(error: EngineError) -> float:
    if not isinstance(error, NoAnswer):
        return 0.0
    return 2 * ANSWER_SECONDS if error.late else AWAY_SECONDS


def is_being_removed(error: EngineError) -> bool:
    """Tell whether somebody else is removing the same thing."""
    return error.status == HTTPStatus.CONFLICT and "already in progress" in str(error)


def is_in_use(error: EngineError) -> bool:
    """Tell whether a network could not be removed because something is attached to it, or seems to be."""
    return "has active endpoints" in str(error)


class Patience:
    """Makes requests again as their retry policies say.

    `silent` is true after a request that the engine didn't answer. Until it answers one, no request is made again for
    want of an answer, so that a session whose engine went away ends soon.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic, sleep: Callable[[float], None] = sleep) -> None:
        self.silent = False
        self._clock = clock
        self._sleep = sleep

    def ask(self, request: Callable[[], T], policy: RetryPolicy) -> T:
        """Return what a request returns; raise its last EngineError once the policy allows no further try."""
        import tenacity  # noqa: PLC0415 - only sessions that start something pay for it

        began = self._clock()
        was_silent = self.silent

        def enough(state: tenacity.RetryCallState) -> bool:
            error = None if state.outcome is None else state.outcome.exception()
            if not isinstance(error, EngineError) or (was_silent and isinstance(error, NoAnswer)):
                return True
            return self._clock() - began >= policy(error)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(EngineError),
            stop=enough,
            wait=tenacity.wait_exponential(multiplier=_FIRST_PAUSE, max=_LONGEST_PAUSE),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(request)
