"""A service on several networks: what it has on each, what it can't have, and who else may have that."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.engine import FakeEngine
from fakes.session import new_stack
from pytest_foodtrucks.containers.endpoint_settings import EndpointSettings
from pytest_foodtrucks.errors import DefinitionError, EngineError, FaultError, StartError
from pytest_foodtrucks.services.definitions import ServiceDefinition, define
from pytest_foodtrucks.services.memberships import Memberships, NetworkRef
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.network_part import throwaway_network
from pytest_foodtrucks.stacks.stack import Stack

MAC = "02:42:ac:11:00:05"


def defined(alias: str = "proxy", **keywords: Any) -> ServiceDefinition:
    """Return a definition that is ready when it runs."""
    return define({"image": "busybox", **keywords}, alias=alias, folder=Path("/project"))


@pytest.fixture
def engine() -> FakeEngine:
    """Return an engine in memory."""
    return FakeEngine()


@pytest.fixture
def stack(engine: FakeEngine) -> Stack:
    """Return a stack on it."""
    return new_stack(engine)


@pytest.fixture
def front(stack: Stack) -> Iterator[Network]:
    """Return a network with a subnet of its own."""
    with throwaway_network(stack, subnet=["10.20.0.0/24"]) as network:
        yield network


@pytest.fixture
def back(stack: Stack) -> Iterator[Network]:
    """Return an internal network with both families."""
    with throwaway_network(stack, internal=True, ipv6=True, subnet=["10.30.0.0/24", "fd00:30::/64"]) as network:
        yield network


# names


def test_names_are_those_of_all_networks_and_then_its_own_each_once() -> None:
    settings = EndpointSettings(aliases=["db", "PROXY"])
    on = Memberships(
        [NetworkRef("1", "a", internal=False), NetworkRef("2", "b", internal=False, settings=settings)],
        ("proxy", "www"),
    )
    assert on.names == {"a": ("proxy", "www"), "b": ("proxy", "www", "db")}
    assert on.names_on(["b", "elsewhere"]) == ("proxy", "www", "db")
    assert on.names_on([]) == ("proxy", "www")


@pytest.mark.parametrize(("internal", "publishes"), [((True, True), False), ((True, False), True)])
def test_ports_are_published_where_one_network_isnt_internal(
    stack: Stack, internal: tuple[bool, bool], *, publishes: bool
) -> None:
    with (
        throwaway_network(stack, internal=internal[0]) as one,
        throwaway_network(stack, internal=internal[1]) as two,
        one.running(defined(ports=[80], ready=lambda _: None), networks={two: EndpointSettings()}) as service,
    ):
        if publishes:
            assert service.address(80).port == service.container.ports[80]
        else:
            with pytest.raises(DefinitionError, match="on an internal network nothing is published"):
                service.address(80)


# from the start


@pytest.mark.parametrize("api_version", ["1.41", "1.46"])
def test_it_is_on_all_its_networks_before_its_process_begins(
    engine: FakeEngine, front: Network, back: Network, monkeypatch: pytest.MonkeyPatch, api_version: str
) -> None:
    engine.api_version = api_version
    start, seen = engine.start_container, []

    def started(container: str) -> None:
        seen.append(engine.inspected(container).networks)
        start(container)

    monkeypatch.setattr(engine, "start_container", started)
    settings = {
        front: EndpointSettings(ipv4_address="10.20.0.5"),
        back: EndpointSettings(aliases=["db"], ipv4_address="10.30.0.5", ipv6_address="fd00:30::5"),
    }
    with front.running(defined(mac_address=MAC), networks=settings) as service:
        assert seen == [(front.name, back.name)]
        at_front, at_back = service.container.attachments
        assert (at_front.addresses, at_front.aliases) == (("10.20.0.5",), ("proxy",))
        assert (at_back.addresses, at_back.aliases) == (("10.30.0.5", "fd00:30::5"), ("proxy", "db"))
        assert service.container.ip == "10.20.0.5"
        assert service.container.inspect()["NetworkSettings"]["Networks"][front.name]["MacAddress"] == MAC
        assert service.container.inspect()["Config"]["MacAddress"] == MAC
        assert repr(service) == f"<Service proxy on {front.name} and {back.name}>"


def test_a_mac_address_belongs_to_one_service_of_a_network(front: Network, back: Network) -> None:
    other = defined("b", mac_address=MAC.upper(), ready=lambda _: None)
    with front.running(defined(mac_address=MAC)):
        with pytest.raises(DefinitionError, match=rf"the address '{MAC}' belongs to"), front.running(other):
            pass
        with back.running(other):
            pass


def test_a_container_that_cant_be_attached_is_removed(engine: FakeEngine, front: Network, back: Network) -> None:
    engine.api_version = "1.41"
    engine.start_errors = [EngineError("no", status=403, reason="Address already in use")]
    with (
        pytest.raises(StartError, match=rf"can't be attached to {back.name}: .*Remedy: give an address that nobody"),
        front.running(defined(), networks={back: EndpointSettings()}),
    ):
        pass
    assert engine.containers == {}


def test_a_block_takes_networks_themselves(front: Network, back: Network) -> None:
    with front.service(image="busybox", aliases=["v"], networks={back: {"aliases": ["w"]}}) as service:
        assert set(service.container.addresses) == {front.name, back.name}
    with front.service(image="busybox", aliases=["v"], networks=[back, front]) as service:
        assert service.__foodtrucks__.network.name == front.name
    with pytest.raises(DefinitionError, match=r"test_memberships\.py:\d+: networks=.* which is no network\. Remedy: "):
        front.service(image="busybox", aliases=["v"], networks=["back"])  # type: ignore[list-item]


# what can't be


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"ipv4_address": "10.30.0.5"},
            "10.30.0.5 is none that a container can have on .* whose subnet is 10.20.0.0/24",
        ),
        ({"ipv4_address": "10.20.0.255"}, "10.20.0.255 is none"),
        ({"ipv6_address": "fd00::5"}, "fd00::5 is none"),
        ({"mac_address": "02:42:ac:11:00:06"}, "is for the first network, and networks= gives '02:42:ac:11:00:06'"),
    ],
)
def test_an_address_that_it_cant_have_is_refused_before_anything_starts(
    engine: FakeEngine, front: Network, settings: dict[str, str], words: str
) -> None:
    with (
        pytest.raises(DefinitionError, match=f"{words}.*Remedy: "),
        front.running(defined(mac_address=MAC), networks={front: EndpointSettings(**settings)}),
    ):
        pass
    assert engine.containers == {}


def test_a_mac_on_a_further_network_takes_a_newer_engine(engine: FakeEngine, front: Network, back: Network) -> None:
    networks = {back: EndpointSettings(mac_address=MAC)}
    with front.running(defined(), networks=networks) as service:
        assert service.container.inspect()["NetworkSettings"]["Networks"][back.name]["MacAddress"] == MAC
    engine.api_version = "1.43"
    with (
        pytest.raises(DefinitionError, match=r"on the first network alone; on others since API 1\.44\. Remedy: let"),
        front.running(defined(), networks=networks),
    ):
        pass


@pytest.mark.parametrize(
    ("settings", "what"),
    [({"aliases": ["db"]}, "alias 'db'"), ({"ipv4_address": "10.30.0.5"}, "address '10.30.0.5'")],
)
def test_what_it_has_on_one_network_belongs_to_it_there_and_nowhere_else(
    front: Network, back: Network, settings: dict[str, Any], what: str
) -> None:
    own = EndpointSettings(**settings)
    with front.running(defined(), networks={back: own}):
        with (
            pytest.raises(DefinitionError, match=f"On {back.name} the {what} belongs to the service 'proxy'"),
            back.running(defined("other"), networks={back: own}),
        ):
            pass
        with front.running(defined("other", aliases=["db"])):
            pass
    with back.running(defined("other"), networks={back: own}):
        pass


def test_a_refusal_on_one_network_leaves_the_names_on_the_other_free(front: Network, back: Network) -> None:
    with back.running(defined()):
        with pytest.raises(DefinitionError), front.running(defined(), networks={back: EndpointSettings()}):
            pass
        with front.running(defined()):
            pass


def test_under_xdist_what_a_dead_worker_left_on_a_further_network_is_removed(
    engine: FakeEngine, stack: Stack, front: Network, back: Network
) -> None:
    stack.worker = "gw0"
    dead = front.running(defined(), networks={back: EndpointSettings(aliases=["db"])})
    dead.__enter__()
    for lock in stack.session.folder.glob("alias-*.lock"):
        lock.unlink()  # as if its holder were dead
    reborn = Network(stack, back.name, back.driver, internal=True, network_id=back.id)
    with reborn.running(defined("db")) as service:
        assert list(engine.containers) == [service.container.id]
    dead.__exit__(None, None, None)


# faults


def test_without_its_networks_it_is_put_back_on_each_as_it_was(front: Network, back: Network) -> None:
    settings = {
        front: EndpointSettings(ipv4_address="10.20.0.5"),
        back: EndpointSettings(aliases=["db"], ipv6_address="fd00:30::5"),
    }
    with front.running(defined(), networks=settings) as service:
        before = service.container.attachments
        with service.disconnected():
            assert service.container.attachments == ()
            with pytest.raises(FaultError, match=f"it is disconnected from {front.name} and {back.name}"):
                service.restart()
        assert service.container.attachments == before


def test_it_can_lose_one_of_them(stack: Stack, front: Network, back: Network) -> None:
    with (
        throwaway_network(stack) as elsewhere,
        front.running(defined(), networks={back: EndpointSettings(aliases=["db"])}) as service,
    ):
        with service.disconnected(back):
            assert set(service.container.addresses) == {front.name}
        assert service.container.attachments[-1].aliases == ("proxy", "db")
        for other in (elsewhere, "front"):
            with pytest.raises(DefinitionError, match=r"is no network of proxy, which is on .* Remedy: give one"):
                service.disconnected(other)  # type: ignore[arg-type]


# networks with subnets


def test_a_network_has_the_subnets_and_gateways_that_were_asked_for(engine: FakeEngine, stack: Stack) -> None:
    with throwaway_network(
        stack, ipv6=True, subnet=("10.40.0.0/24", "fd00:40::/64"), gateway=("10.40.0.9",), driver_opts={"mtu": "9"}
    ) as net:
        about = engine.networks[net.id]
        assert about["IPAM"]["Config"] == [
            {"Subnet": "10.40.0.0/24", "Gateway": "10.40.0.9"},
            {"Subnet": "fd00:40::/64", "Gateway": "fd00:40::1"},
        ]
        assert (about["EnableIPv6"], about["Options"]) == (True, {"mtu": "9"})


@pytest.mark.parametrize("api_version", ["1.41", "1.46"])
def test_ipv6_without_a_subnet_gets_one_that_nobody_else_has(
    engine: FakeEngine, stack: Stack, api_version: str
) -> None:
    engine.api_version = api_version
    with throwaway_network(stack, ipv6=True) as one, throwaway_network(stack, ipv6=True) as two:
        subnets = [config["Subnet"] for net in (one, two) for config in engine.networks[net.id]["IPAM"]["Config"]]
        own = [subnet for subnet in subnets if ":" in subnet]
        assert own[0] != own[1]
        assert all(subnet.startswith("fd") and subnet.endswith("/64") for subnet in own)
        assert one.subnet == "172.30.0.0/16"


def test_ipv6_stays_where_the_pools_of_ipv4_are_used_up(engine: FakeEngine, stack: Stack) -> None:
    engine.network_errors = [EngineError("could not find an available, non-overlapping IPv4 address pool")]
    with throwaway_network(stack, ipv6=True) as net:
        four, six = [config["Subnet"] for config in engine.networks[net.id]["IPAM"]["Config"]]
        assert (":" in four, ":" in six) == (False, True)


def test_a_subnet_that_overlaps_is_told_with_whose(engine: FakeEngine, stack: Stack, front: Network) -> None:
    engine.network_errors = [EngineError("Pool overlaps with other one on this address space", status=403)]
    with (
        pytest.raises(EngineError) as raised,
        throwaway_network(stack, subnet=["10.20.0.128/25"]),
    ):
        pass
    told = f"10.20.0.128/25 overlaps 10.20.0.0/24 of the network {front.name}. Remedy: give another subnet="
    assert told in str(raised.value)
    assert raised.value.status == 403


def test_an_engine_without_ipv6_is_told_in_a_sentence(engine: FakeEngine, stack: Stack) -> None:
    engine.network_errors = [EngineError("could not create the network: IPv6 is disabled", status=500)]
    with (
        pytest.raises(EngineError, match=r"has no IPv6\. Remedy: leave ipv6= out"),
        throwaway_network(stack, ipv6=True),
    ):
        pass


def test_a_network_of_another_subnet_is_another_part(stack: Stack) -> None:
    stack.worker = "gw0"
    with (
        throwaway_network(stack, shared_as="net", subnet=["10.50.0.0/24"]) as one,
        throwaway_network(stack, shared_as="net", subnet=["10.50.0.0/24"]) as same,
        throwaway_network(stack, shared_as="net", subnet=["10.60.0.0/24"]) as other,
    ):
        assert one.id == same.id != other.id
