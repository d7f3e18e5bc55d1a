"""How long a table of 10 by 10 takes once the probes run: where all connect, and where half is dropped.

Each network has a name server that knows nobody. Set `NAMES=machine` for the machine's own: one that leaves some of
hundreds of questions unanswered is waited for. It needs what `./run setup` makes:
`. ./.foodtrucks.env; .venv/bin/pytest -s benchmarks/tables.py`.
"""

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from lab import ECHO, name_server
from pytest_foodtrucks import Network, Service, network, reachability

SIZE = 10
ROUNDS = 5

abroad = network()


def echoes(on: Network, names: list[str], undo: ExitStack) -> list[Service]:
    """Start services that answer on port 7000."""
    dns = [] if os.environ.get("NAMES") == "machine" else [undo.enter_context(name_server(on))]
    return [undo.enter_context(on.service(**ECHO, dns=dns, aliases=[name])) for name in names]


@pytest.fixture(scope="module")
def here(foodtrucks_net: Network) -> Iterator[list[Service]]:
    """Services on one network."""
    with ExitStack() as undo:
        yield echoes(foodtrucks_net, [f"here{number}" for number in range(SIZE)], undo)


@pytest.fixture(scope="module")
def there(abroad: Network) -> Iterator[list[Service]]:
    """Half as many on another."""
    with ExitStack() as undo:
        yield echoes(abroad, [f"there{number}" for number in range(SIZE // 2)], undo)


def ask(sources: list[Service], targets: list[Service], sign: int) -> None:
    """Ask for a table again and again, after a first time that starts the probes."""
    seconds = []
    for _ in range(ROUNDS + 1):
        began = time.monotonic()
        table = reachability(sources, targets)
        seconds.append(time.monotonic() - began)
        signs = list(table.signs.values())
        if (signs.count("."), signs.count("X")) != (sign, SIZE * SIZE - sign):
            raise SystemExit(f"The table isn't as it should be:\n{table}")
    print(
        f"\n{SIZE} by {SIZE}, {sign} connected: first {seconds[0]:.2f} s, then "
        f"{statistics.median(seconds[1:]):.2f} s (median of {ROUNDS}), {max(seconds[1:]):.2f} s at most"
    )


def test_all_connect(here: list[Service]) -> None:
    """All sources and targets are on one network."""
    ask(here, here, SIZE * SIZE)


def test_half_is_dropped(here: list[Service], there: list[Service]) -> None:
    """Half of the sources are on another network."""
    ask([*here[: SIZE // 2], *there], here, SIZE * SIZE // 2)
