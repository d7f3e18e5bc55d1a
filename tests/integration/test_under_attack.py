"""Verdicts under attack: what was read wrongly once from other people's traffic, full queues, and changes meanwhile."""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from lab import ECHO, IDLE, IMAGE, PYTHON, name_server, rejecting
from pytest_foodtrucks import (
    FoodtrucksError,
    IsolationError,
    Network,
    ProbeError,
    Service,
    assert_isolated,
    assert_reachable,
    reachability,
    ready,
    service,
)

_BUSY = """
import socket, threading, time

server = socket.socket()
server.bind(("", 7000))
server.listen(0)

def hold():
    while True:
        try:
            client = socket.create_connection(("127.0.0.1", 7000), 1)
            time.sleep(4)
            client.close()
        except OSError:
            pass

for _ in range(4):
    threading.Thread(target=hold, daemon=True).start()
print("ready", flush=True)
while True:
    connection, _ = server.accept()
    time.sleep(4)
    connection.close()
"""
"""A server with the shortest queue, whose clients are slow."""

busy = service(
    image=PYTHON, command=["python3", "-u", "-c", _BUSY], ports=[7000], network="home", ready=ready.log("ready")
)
beside = service(**IDLE, network="home")
apart = service(**IDLE, network="abroad")
attacked = service(**ECHO, network="home")


def outcome(ask: Callable[[], None]) -> str:
    """Ask, and return `green`, or the error's type."""
    try:
        ask()
    except FoodtrucksError as error:
        return type(error).__name__
    return "green"


def test_a_busy_server_on_the_same_network_is_never_isolated_and_never_out_of_reach(
    beside: Service, busy: Service
) -> None:
    isolated = [outcome(lambda: assert_isolated(beside, busy)) for _ in range(5)]
    assert set(isolated) == {"IsolationError"}
    reached = [outcome(lambda: assert_reachable(beside, busy, timeout=1)) for _ in range(5)]
    assert set(reached) <= {"green", "ProbeError"}


def test_a_busy_server_on_another_network_is_isolated(apart: Service, busy: Service) -> None:
    assert_isolated(apart, busy)


_CHATTER = """
import socket, threading
server = socket.create_server(("127.0.0.1", 0))
def serve():
    while True:
        server.accept()[0].close()
threading.Thread(target=serve, daemon=True).start()
while True:
    socket.create_connection(server.getsockname()).close()
"""


def test_a_sources_own_traffic_doesnt_make_a_reset_of_an_icmp_error(home: Network, attacked: Service) -> None:
    command = ["python3", "-c", _CHATTER]
    with (
        home.service(image=PYTHON, command=command, aliases=["chatter"]) as chatter,
        rejecting(attacked, "icmp-port-unreachable"),
    ):
        verdict = chatter.__foodtrucks__.sidecar.connect(attacked)
        assert verdict.kind == "unreachable"
        assert "port unreachable (ICMP 3/3)" in verdict.evidence


@contextmanager
def joining(network: Network, who: Service, after: float) -> Iterator[None]:
    """Connect a service to a network in the middle of a block."""
    timer = threading.Timer(after, network.connect, [who])
    timer.start()
    try:
        yield
    finally:
        timer.join()
        network.disconnect(who)


def test_a_source_that_joins_the_targets_network_meanwhile_isnt_isolated(
    home: Network, apart: Service, attacked: Service
) -> None:
    assert_isolated(apart, attacked)  # so that what asks is there already
    for after in (0.3, 1.0, 1.8):  # it asks for three seconds
        with joining(home, apart, after), pytest.raises((ProbeError, IsolationError)):
            assert_isolated(apart, attacked)


def test_a_table_of_fifteen_by_fifteen_has_no_inconclusive_cell(home: Network, abroad: Network) -> None:
    keywords: dict[str, Any] = {"image": IMAGE, "command": ["httpd", "-f", "-p", "7000"], "ports": [7000]}
    with ExitStack() as undo:
        servers = [(network, undo.enter_context(name_server(network))) for network in (abroad, home)]
        services = [
            undo.enter_context(network.service(**keywords, dns=[server], aliases=[f"t{number}-{secrets.token_hex(2)}"]))
            for number in range(15)
            for network, server in [servers[number % 2]]
        ]
        matrix = reachability(services, services)
    expected = {
        (source.alias, target.alias): "." if first % 2 == second % 2 else "X"
        for first, source in enumerate(services)
        for second, target in enumerate(services)
    }
    odd = {pair: matrix[pair].evidence for pair, sign in matrix.signs.items() if sign != expected[pair]}
    assert odd == {}
