"""Ports of the test's process on a network: what is claimed and started for them, what is checked and told."""

import io
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest

from fakes.engine import FakeEngine
from fakes.relay import ProcessStream, free_ports
from fakes.session import new_stack
from pytest_foodtrucks import PortForward, reach_me
from pytest_foodtrucks.containers.progress import Progress
from pytest_foodtrucks.engine.execs import ExecStream
from pytest_foodtrucks.errors import DefinitionError, ProbeError
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.network_part import throwaway_network
from pytest_foodtrucks.stacks.stack import Stack


class EngineWithRelays(FakeEngine):
    """An engine in memory whose relays are processes of this machine; `argv` is what runs in their place."""

    def __init__(self) -> None:
        super().__init__()
        self.streams: list[ProcessStream] = []
        self.argv: Sequence[str] | None = None

    def open_exec(self, container: str, argv: Sequence[str]) -> ExecStream:
        self.inspect_container(container)
        self.streams.append(ProcessStream(argv if self.argv is None else self.argv))
        return self.streams[-1]


@pytest.fixture
def engine() -> EngineWithRelays:
    """Return an engine in memory."""
    return EngineWithRelays()


@pytest.fixture
def said() -> io.StringIO:
    """Return what people are told."""
    return io.StringIO()


@pytest.fixture
def stack(engine: EngineWithRelays, said: io.StringIO) -> Stack:
    """Return a stack whose messages can be read."""
    stack = new_stack(engine)
    stack._progress = Progress(said)  # noqa: SLF001 - what a session gives it
    return stack


@pytest.fixture
def net(stack: Stack) -> Iterator[Network]:
    """Create a network."""
    with throwaway_network(stack) as network:
        yield network


@pytest.fixture
def there() -> int:
    """Return a port for the relay, which is on this machine here."""
    return free_ports(1)[0]


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Listen on a port of the test's own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def own_port(server: socket.socket) -> int:
    port: int = server.getsockname()[1]
    return port


def greeting(server: socket.socket, port: int) -> bytes:
    """Return what a test's server says to whoever connects to a port of the relay."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as made:
        accepted, _ = server.accept()
        with accepted:
            accepted.sendall(b"hello")
        return made.recv(10)


def test_a_container_on_the_network_reaches_a_port_of_the_test(net: Network, server: socket.socket, there: int) -> None:
    with net.reach_me(ports={there: own_port(server)}) as here:
        assert (here.alias, here.port, here.internal_url) == ("test", there, f"http://test:{there}")
        assert (here.connections, here.open_connections, here.refused_connections) == (0, 0, 0)
        assert greeting(server, there) == b"hello"
        assert (here.connections, here.refused_connections) == (1, 0)
        assert repr(here) == f"<PortForward test:{there} on {net.name}>"


def test_its_container_has_the_alias_and_our_labels_and_goes_with_the_block(
    engine: EngineWithRelays, net: Network, stack: Stack, there: int
) -> None:
    with net.reach_me(there, alias="hooks"):
        (about,) = engine.containers.values()
        assert about["NetworkSettings"]["Networks"][net.name]["Aliases"] == ["hooks"]
        assert stack.labels("hooks").items() <= about["Config"]["Labels"].items()
        assert about["Config"]["Image"] == "python:3.13-slim"
    assert engine.containers == {}


def test_the_function_takes_the_network(net: Network, server: socket.socket, there: int) -> None:
    with reach_me(network=net, ports={there: own_port(server)}):
        assert greeting(server, there) == b"hello"


@pytest.mark.parametrize("network", [None, "foodtrucks_net"])
def test_the_function_needs_a_network(network: Any) -> None:
    with pytest.raises(DefinitionError, match=r"test_reach_me.py:[0-9]+: .* no network.*Remedy: give network=foodtruc"):
        reach_me(8000, network=network)


def test_workers_that_share_the_network_have_a_name_each(stack: Stack, there: int) -> None:
    stack.worker = "gw0"
    with throwaway_network(stack, shared_as="foodtrucks_net") as shared, shared.reach_me(there) as here:
        assert here.alias == "test-gw0"
    with throwaway_network(stack) as own, own.reach_me(there) as here:
        assert here.alias == "test"


def test_a_name_belongs_to_one_of_them(net: Network, there: int) -> None:
    with (
        net.reach_me(there),
        pytest.raises(
            DefinitionError,
            match=r"the alias 'test' belongs to reach_me \(.*test_reach_me.*, and reach_me \(.*\) wants it too\. "
            r"Remedy: give reach_me another alias=",
        ),
        net.reach_me(there),
    ):
        pass
    with net.reach_me(there):
        pass


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, r"neither a port nor ports=\. Remedy: give the port"),
        ({"port": 1, "ports": {80: 1}}, "both|a port and ports="),
        ({"port": 0}, "The port 0 is none"),
        ({"port": True}, "The port True is none"),
        ({"port": "8000"}, "The port '8000' is none"),
        ({"port": "53/udp"}, r"The port '53/udp' is one of UDP, and reach_me carries TCP only\. Remedy: "),
        ({"ports": {}}, r"ports={} is no mapping with ports\. Remedy: "),
        ({"ports": [80]}, r"ports=\[80\] is no mapping"),
        ({"ports": {80: 70000}}, "The port 70000 is none"),
        ({"ports": {"80": 8000}}, "The port '80' is none"),
        ({"port": 1, "alias": "no name"}, "alias"),
        ({"port": 1, "alias": ""}, "alias"),
    ],
    ids=str,
)
def test_what_wont_do_is_told_with_its_place_before_anything_starts(
    engine: EngineWithRelays, net: Network, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(DefinitionError, match=rf"test_reach_me\.py:[0-9]+: .*(?:{words})"):
        net.reach_me(**arguments)
    assert engine.containers == {}


def test_a_port_where_nothing_listens_is_told_once_with_the_remedy(net: Network, said: io.StringIO) -> None:
    there, closed = free_ports(2)
    with net.reach_me(ports={there: closed}) as here:
        for _ in range(2):
            with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", there)) as made:
                made.recv(1)
        assert (here.connections, here.refused_connections, here.open_connections) == (2, 2, 0)
    assert said.getvalue().count("Remedy") == 1
    assert (
        f"reach_me: 127.0.0.1 connected to test:{there}, and was reset: nothing takes connections on port {closed} of "
        "this process' loopback, 127.0.0.1 or ::1 (Connection refused). Remedy: start the test's server before"
    ) in said.getvalue()


def test_where_no_relay_starts_it_says_why_and_leaves_nothing(
    engine: EngineWithRelays, net: Network, there: int
) -> None:
    engine.argv = ["", "-c", "print('no python3')"]
    words = r"(?s)^\S*test_reach_me\.py:\d+: reach_me: the relay test can't begin: no relay.*Remedy: see whether the "
    with pytest.raises(ProbeError, match=words):
        _enter(net, there)
    assert engine.containers == {}
    engine.argv = None
    _enter(net, there)


def _enter(net: Network, port: int) -> None:
    with net.reach_me(port):
        pass


def test_a_relay_that_ends_before_its_block_is_an_error_at_the_blocks_end(
    engine: EngineWithRelays, net: Network, there: int
) -> None:
    with (
        pytest.raises(
            ProbeError, match=r"the relay test on .* ended before its block did \(it ended\).*Remedy: see wh"
        ),
        net.reach_me(there),
    ):
        end_of(engine)
    assert engine.containers == {}


def end_of(engine: EngineWithRelays) -> int:
    """End a relay by force, and return how it ended."""
    engine.streams[-1].process.kill()
    return engine.streams[-1].process.wait(10)


def test_an_error_of_the_block_stays_and_has_notes_of_what_went_wrong_here(
    engine: EngineWithRelays, net: Network
) -> None:
    there, closed = free_ports(2)

    def nobody_calls(here: PortForward) -> None:
        with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", there)) as made:
            made.recv(1)
        end_of(engine)
        here._forwarding._thread.join(60)  # noqa: SLF001 - it has seen that
        raise TimeoutError("no callback")

    with pytest.raises(TimeoutError) as raised, net.reach_me(ports={there: closed}) as here:
        nobody_calls(here)
    refused, ended = (note.partition(" (")[0] for note in raised.value.__notes__)
    assert refused.endswith(
        f"reach_me: 127.0.0.1 connected to test:{there}, and was reset: nothing takes connections on port {closed} of "
        "this process' loopback, 127.0.0.1 or ::1"
    )
    assert ended == f"pytest-foodtrucks: reach_me: the relay test on {net.name} ended before its block did"
    assert engine.containers == {}


def test_an_error_of_the_block_has_no_notes_where_all_went_well(net: Network, there: int) -> None:
    with pytest.raises(ZeroDivisionError) as raised, net.reach_me(there):
        raise ZeroDivisionError
    assert not hasattr(raised.value, "__notes__")


def test_workers_wait_for_a_name_that_was_given(stack: Stack, there: int) -> None:
    stack.worker = "gw0"
    other = new_stack(stack.engine, timeout="0.1")
    other.worker, other.session = "gw1", stack.session
    with throwaway_network(stack) as net, net.reach_me(there, alias="hooks"):
        beside = Network(other, net.name, "bridge", internal=False, network_id=net.id)
        with pytest.raises(DefinitionError, match=r"belongs to .* of the worker gw0 already, and wasn't free within"):
            _enter_as(beside, there)


def _enter_as(net: Network, port: int) -> None:
    with net.reach_me(port, alias="hooks"):
        pass
