"""The start: wait until Elasticsearch is ready, then load the trucks, within a bound."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential

from .elastic import Unavailable
from .settings import Settings

_log = logging.getLogger(__name__)
_SAY_EVERY = 3.0  # seconds between two lines while waiting
_READY = frozenset({"yellow", "green"})


class GaveUp(Exception):
    """Elasticsearch didn't get ready in time."""


class Loadable(Protocol):
    """What a start needs of the catalogue."""

    def status(self) -> str:
        """Ask for the cluster's colour."""

    def load(self, trucks: Iterable[Mapping[str, Any]]) -> int:
        """Create the trucks that aren't there, and count all."""


def start(
    catalogue: Loadable,
    trucks: Iterable[Mapping[str, Any]],
    settings: Settings,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Wait, load, and count; raise `GaveUp` when that took `settings.wait` seconds.

    Loading may be repeated, so what is put off midway is tried again as a whole.
    """
    began = clock()
    quiet_since = began

    def ready_and_loaded() -> int:
        status = catalogue.status()
        if status not in _READY:
            raise Unavailable(f"its health is {status}")
        return catalogue.load(trucks)

    def say(state: RetryCallState) -> None:
        nonlocal quiet_since
        if clock() - quiet_since >= _SAY_EVERY:
            quiet_since = clock()
            where, waited = f"{settings.host}:{settings.port}", f"{clock() - began:.0f} s of {settings.wait:g} s"
            _log.info("Waiting for Elasticsearch at %s, %s: %s", where, waited, _failure(state))

    def give_up(state: RetryCallState) -> int:
        raise GaveUp(
            f"Gave up on Elasticsearch at {settings.host}:{settings.port} after {clock() - began:.1f} s"
            f" ({state.attempt_number} tries): {_failure(state)}"
        ) from _failure(state)

    retrying = Retrying(
        retry=retry_if_exception_type(Unavailable),
        wait=wait_exponential(multiplier=0.1, exp_base=1.5, max=1.0),
        stop=lambda _: clock() - began >= settings.wait,
        before_sleep=say,
        retry_error_callback=give_up,
        sleep=sleep,
    )
    return retrying(ready_and_loaded)


def _failure(state: RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()
