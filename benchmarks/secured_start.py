"""How long a cold start takes with security basic and tls against one without: from its fixture to the test.

It needs what `./run setup` makes: `. ./.foodtrucks.env; .venv/bin/pytest -s benchmarks/secured_start.py`. The kinds
take turns, so that a busy machine slows all down alike; the first round isn't counted. `SERVERS` and `ROUNDS` in the
environment choose others.
"""

import os
import statistics
import time
from typing import NamedTuple

import pytest

from pytest_foodtrucks import elasticsearch_service

SERVERS = os.environ.get("SERVERS", "7.17.9 8.8.2 9.5.0").split()
ROUNDS = int(os.environ.get("ROUNDS", "5"))
KINDS = ("off", "basic", "tls")


class Start(NamedTuple):
    """One start: of which server, in which round, how secured."""

    server: str
    number: int
    kind: str


STARTS = [Start(server, number, kind) for server in SERVERS for number in range(ROUNDS + 1) for kind in KINDS]
seconds: dict[tuple[str, str], list[float]] = {}

fresh = elasticsearch_service(
    scope="function", version=lambda start: str(start.server), security=lambda start: str(start.kind)
)


@pytest.fixture(params=STARTS, ids=str)
def start(request: pytest.FixtureRequest) -> Start:
    """Return the start that this test is about."""
    found: Start = request.param
    return found


@pytest.fixture
def began(foodtrucks_net: object) -> float:
    """Return the moment before the service's start."""
    del foodtrucks_net
    return time.monotonic()


def test_start(start: Start, began: float, fresh: object) -> None:
    """Start one."""
    del fresh
    if start.number > 0:
        seconds.setdefault((start.server, start.kind), []).append(time.monotonic() - began)


@pytest.mark.parametrize("server", SERVERS)
def test_ratios(server: str) -> None:
    """Say how long they took; it runs last."""
    plain = statistics.median(seconds[server, "off"])
    for kind in KINDS:
        taken = sorted(seconds[server, kind])
        middle = statistics.median(taken)
        print(f"\n{server} {kind:5} {middle:5.2f} s ({taken[0]:.2f} to {taken[-1]:.2f}), {middle / plain:.2f} of plain")
