"""Ports: free ones, fixed ones, and what the engine is told of them."""

import socket
from typing import Any

import pytest

from fakes.engine import FakeEngine
from pytest_foodtrucks.containers.compose import ContainerSpec, engine_config
from pytest_foodtrucks.containers.creation import Creation, free_port, in_use
from pytest_foodtrucks.containers.ports import FixedPort, checked_ports
from pytest_foodtrucks.errors import DefinitionError, EngineError, StartError


def creation(engine: FakeEngine, *ports: Any) -> Creation:
    """Create a container with ports."""
    spec = ContainerSpec(ports=checked_ports(ports))
    return Creation(engine, spec, image="busybox", network="net", title="web")


@pytest.mark.parametrize(
    ("written", "port"),
    [
        ("8080:80", FixedPort(80, 8080)),
        ("8080:80/tcp", FixedPort(80, 8080)),
        ("127.0.0.1:8080:80", FixedPort(80, 8080, "127.0.0.1")),
        ("[::1]:8080:80", FixedPort(80, 8080, "::1")),
        ({"target": 80, "published": 8080}, FixedPort(80, 8080)),
        ({"target": "80", "published": "8080", "host_ip": "::1", "mode": "host"}, FixedPort(80, 8080, "::1")),
        ({"target": 80}, 80),
        ({"target": 80, "published": 0}, 80),
        ({"target": 53, "protocol": "udp"}, "53/udp"),
    ],
)
def test_a_port_may_have_one_of_the_host(written: object, port: object) -> None:
    assert checked_ports([written]) == (port,)


@pytest.mark.parametrize("published", [{}, {"published": 0}])
def test_an_address_of_the_host_takes_a_port_there(published: dict[str, int]) -> None:
    with pytest.raises(DefinitionError, match=r"a host_ip without published\. Remedy: give `published` too"):
        checked_ports([{"target": 80, "host_ip": "127.0.0.2", **published}])


def test_a_port_that_is_taken_at_an_ipv6_address_is_seen() -> None:
    with socket.socket(socket.AF_INET6) as holder:
        holder.bind(("::1", 0))
        assert in_use("::1", holder.getsockname()[1])


def test_ports_are_known_by_their_numbers_in_the_container() -> None:
    spec = ContainerSpec(ports=checked_ports(["8080:80", 443, "53/udp"]))
    assert (spec.container_ports, spec.tcp_ports) == ((80, 443, "53/udp"), (80, 443))


def test_a_fixed_port_is_published_where_it_says_and_else_where_the_others_are() -> None:
    spec = ContainerSpec(ports=checked_ports(["8080:80", "0.0.0.0:8443:443", 22]))
    host_ports = {80: 8080, 443: 8443, 22: 20001}
    on: dict[str, Any] = {"image": "busybox", "network": "net", "labels": {}, "publish_on": "127.0.0.1"}
    told = engine_config(spec, **on, host_ports=host_ports)
    assert set(told["ExposedPorts"]) == {"80/tcp", "443/tcp", "22/tcp"}
    bindings = told["HostConfig"]["PortBindings"]
    assert bindings["80/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": "8080"}]
    assert bindings["443/tcp"] == [{"HostIp": "0.0.0.0", "HostPort": "8443"}]  # noqa: S104 - goes nowhere
    assert bindings["22/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": "20001"}]


def test_a_container_has_its_fixed_port_of_the_host_and_a_free_one_beside_it() -> None:
    fixed = free_port(FakeEngine())
    ports = creation(FakeEngine(), f"{fixed}:80", 81).container.ports
    assert ports[80] == fixed
    assert ports[81] != fixed


def test_a_free_port_is_none_of_the_fixed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = free_port(FakeEngine()), free_port(FakeEngine())
    drawn = iter([first, second])
    monkeypatch.setattr("secrets.choice", lambda _: next(drawn))
    assert free_port(FakeEngine(), but=[first]) == second


TAKEN = (
    r"The container of web can't be started: its port 80 is to be at port {} of the host, and that is taken\. Remedy:"
)


def test_a_fixed_port_that_is_taken_here_is_told_before_anything_is_created() -> None:
    engine, fixed = FakeEngine(), free_port(FakeEngine())
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", fixed))
        with pytest.raises(StartError, match=TAKEN.format(fixed)):
            creation(engine, f"{fixed}:80")
        assert engine.containers == {}
        assert creation(FakeEngine(local=False), f"{fixed}:80").container.ports == {80: fixed}


def test_a_fixed_port_that_is_taken_on_the_engines_machine_is_told_and_no_other_is_tried() -> None:
    engine = FakeEngine(local=False)
    words = "driver failed programming external connectivity: Bind for 0.0.0.0:8080 failed: port is already allocated"
    engine.start_errors = [EngineError(words, status=500)]
    made = creation(engine, "8080:80")
    with pytest.raises(StartError, match=TAKEN.format(8080)):
        made.start()


def test_a_free_port_that_is_taken_meanwhile_is_replaced_beside_a_fixed_one() -> None:
    engine = FakeEngine(local=False)
    engine.start_errors = [EngineError("Bind for 0.0.0.0:18080 failed: port is already allocated", status=500)]
    assert creation(engine, "8080:80", 81).start().ports[80] == 8080
