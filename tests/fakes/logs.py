"""Logs as the engine sends them."""

from datetime import UTC, datetime

from pytest_foodtrucks.engine.logs import Frame

WRITTEN = 4105080000
"""When the fakes' logs were written, in seconds of the epoch: in 2100, after any test began, and each line a second
after the one before."""


def stamped(log: str, *, since: float | None = None) -> list[Frame]:
    """Return a log as the engine sends it where time stamps are asked for."""
    times = [WRITTEN + number for number in range(log.count("\n") + 1)]
    pairs = zip(times, log.encode().splitlines(keepends=True), strict=False)
    return [
        Frame(1, f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S}.000000000Z ".encode() + line)
        for moment, line in pairs
        if since is None or moment >= since
    ]
