"""A throwaway network: its aliases, its images, its removal."""

from pathlib import Path
from typing import Any

import pytest

from fakes.engine import FakeEngine
from fakes.session import new_stack
from pytest_foodtrucks import ready
from pytest_foodtrucks.containers.creation import free_port
from pytest_foodtrucks.engine.labels import SERVICE_LABEL
from pytest_foodtrucks.errors import DefinitionError, EngineError, ImageError, StartError
from pytest_foodtrucks.services.definitions import ServiceDefinition, define
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.network_part import throwaway_network
from pytest_foodtrucks.services.starting import fetch_ahead


class Brittle(FakeEngine):
    """An engine that makes no networks."""

    def create_network(self, *_: Any, **__: Any) -> str:
        raise EngineError("all predefined address pools have been fully subnetted", status=500)


def defined(alias: str, image: str = "busybox", **keywords: Any) -> ServiceDefinition:
    """Return a definition that is ready when it runs."""
    return define({"image": image, **keywords}, alias=alias, folder=Path("/project"))


@pytest.fixture
def engine() -> FakeEngine:
    """Return an engine in memory."""
    return FakeEngine()


# the network


def test_a_services_image_is_pulled_and_its_container_created_for_its_platform() -> None:
    engine = FakeEngine()
    with (
        throwaway_network(new_stack(engine)) as network,
        network.service(image="busybox", aliases=["db"], platform="linux/arm64"),
    ):
        assert "pull busybox for linux/arm64" in engine.events
        assert [about["Platform"] for about in engine.containers.values()] == ["linux/arm64"]


def test_a_network_has_a_name_of_its_own_and_the_stacks_labels(engine: FakeEngine) -> None:
    stack = new_stack(engine)
    with throwaway_network(stack) as first, throwaway_network(stack, internal=True) as second:
        assert first.name != second.name
        assert first.name.startswith("foodtrucks-net-")
        assert engine.networks[first.id]["Labels"] == {**stack.labels(), "pytest-foodtrucks.name": first.name}
        assert engine.networks[second.id]["Internal"]
        assert repr(first) == f"<Network {first.name}>"


def test_a_network_tells_driver_subnet_and_gateway(engine: FakeEngine) -> None:
    with throwaway_network(new_stack(engine)) as net:
        assert (net.driver, net.subnet, net.gateway) == ("bridge", "172.30.0.0/16", "172.30.0.1")


@pytest.mark.parametrize("configs", [None, [], [{"Subnet": "10.0.0.0/8"}]])
def test_a_network_without_a_gateway_has_an_empty_one(engine: FakeEngine, configs: object) -> None:
    with throwaway_network(new_stack(engine)) as net:
        engine.networks[net.id]["IPAM"]["Config"] = configs
        assert net.gateway == ""


def test_a_network_is_gone_afterwards_even_if_the_block_fails(engine: FakeEngine) -> None:
    with pytest.raises(ZeroDivisionError), throwaway_network(new_stack(engine)):
        raise ZeroDivisionError
    assert engine.networks == {}


def test_what_tests_left_on_a_network_is_detached_by_force(engine: FakeEngine) -> None:
    with throwaway_network(new_stack(engine)) as net:
        net.connect("stranger", aliases=["guest"])
        [attached] = net.containers
        assert (attached.id, attached.name) == ("stranger", "stranger")
    assert engine.networks == {}
    assert engine.events == ["disconnect stranger by force"]


def test_under_xdist_a_shared_service_is_known_as_one_that_other_workers_have_too(engine: FakeEngine) -> None:
    stack = new_stack(engine)
    with throwaway_network(stack) as net, net.running(defined("es"), shared=True) as alone:
        assert not alone.__foodtrucks__.shared
    stack.worker = "gw0"
    with (
        throwaway_network(stack) as net,
        net.running(defined("es"), shared=True) as everybodys,
        net.running(defined("own")) as own,
    ):
        assert everybodys.__foodtrucks__.shared
        assert not own.__foodtrucks__.shared


@pytest.mark.parametrize(("worker", "shared_as"), [("gw0", "net"), ("gw0", None), (None, "net")])
def test_a_network_tells_whether_other_workers_have_it_too(
    engine: FakeEngine, worker: str | None, shared_as: str | None
) -> None:
    stack = new_stack(engine)
    stack.worker = worker
    with throwaway_network(stack, shared_as=shared_as) as net:
        assert net.shared == (worker is not None and shared_as is not None)


def test_a_service_can_be_attached_to_another_network_and_detached(engine: FakeEngine) -> None:
    stack = new_stack(engine)
    with throwaway_network(stack) as net, throwaway_network(stack) as other, net.running(defined("es")) as service:
        other.connect(service)
        assert [container.id for container in other.containers] == [service.container.id]
        other.disconnect(service.container)
        assert other.containers == []


# services on it


def test_a_service_runs_for_the_length_of_a_block(engine: FakeEngine) -> None:
    with throwaway_network(new_stack(engine)) as net:
        with net.service(image="busybox", aliases=["victim"]) as service:
            assert (service.alias, service.container.status) == ("victim", "running")
        assert engine.containers == {}


def test_relative_paths_begin_at_the_calling_file(engine: FakeEngine) -> None:
    here = Path(__file__)
    with (
        throwaway_network(new_stack(engine)) as net,
        net.service(image="busybox", aliases=["victim"], volumes=[f"./{here.name}:/in"]) as service,
    ):
        assert engine.containers[service.container.id]["HostConfig"]["Mounts"][0]["Source"] == str(here)


@pytest.mark.parametrize("keywords", [{}, {"aliases": []}])
def test_a_service_within_a_test_needs_a_name(engine: FakeEngine, keywords: dict[str, Any]) -> None:
    with (
        throwaway_network(new_stack(engine)) as net,
        pytest.raises(DefinitionError, match=r"no name of its own\. Remedy: give aliases=\['NAME'\]"),
    ):
        net.service(image="busybox", **keywords)


def test_a_service_within_a_test_takes_no_functions(engine: FakeEngine) -> None:
    with (
        throwaway_network(new_stack(engine)) as net,
        pytest.raises(DefinitionError, match="environment= is a function, and only a factory can give it fixtures"),
    ):
        net.service(image="busybox", aliases=["victim"], environment=dict)


@pytest.mark.parametrize("check", [ready.http("/up"), [ready.tcp()]])
def test_a_check_of_a_port_where_there_is_none_is_refused_before_anything_starts(
    engine: FakeEngine, check: Any
) -> None:
    with throwaway_network(new_stack(engine)) as net:
        with (
            pytest.raises(DefinitionError, match="asks a TCP port of the service, and it has none"),
            net.service(image="busybox", aliases=["victim"], ready=check),
        ):
            raise AssertionError
        assert "create foodtrucks-victim" not in engine.events


def test_an_alias_belongs_to_one_service_and_the_error_names_both_and_the_remedies(engine: FakeEngine) -> None:
    with throwaway_network(new_stack(engine)) as net, net.running(defined("es", aliases=["es", "search"])):
        with pytest.raises(DefinitionError) as raised, net.running(defined("other", aliases=["web", "search"])):
            pass
        assert str(raised.value) == (
            f"On {net.name} the alias 'search' belongs to the service 'es' (busybox) already, and the service 'other' "
            "(busybox) wants it too. Remedy: give one of them other aliases=; for a round robin on purpose, attach "
            "the second one with foodtrucks_net.connect(…, aliases=[…])."
        )
        assert len(engine.containers) == 1


def test_after_a_refusal_the_other_names_are_free(engine: FakeEngine) -> None:
    with throwaway_network(new_stack(engine)) as net, net.running(defined("es")):
        with pytest.raises(DefinitionError), net.running(defined("other", aliases=["web", "es"])):
            pass
        with net.running(defined("web")):
            pass


def test_an_alias_is_free_again_when_its_service_has_gone(engine: FakeEngine) -> None:
    with throwaway_network(new_stack(engine)) as net:
        for _ in range(2):
            with net.running(defined("es")):
                pass


def test_an_alias_is_free_again_when_its_service_couldnt_start(engine: FakeEngine) -> None:
    engine.start_errors = [EngineError("no such binary", status=400)]
    with throwaway_network(new_stack(engine)) as net:
        with pytest.raises(StartError), net.running(defined("es")):
            pass
        with net.running(defined("es")):
            pass


def test_the_same_alias_may_stand_on_another_network(engine: FakeEngine) -> None:
    stack = new_stack(engine)
    with (
        throwaway_network(stack) as one,
        throwaway_network(stack) as two,
        one.running(defined("es")),
        two.running(defined("es")),
    ):
        assert len(engine.containers) == 2


# images ahead


def test_an_image_is_fetched_once_ahead_and_by_whoever_starts_its_service(engine: FakeEngine) -> None:
    engine.registry["new"] = []
    stack = new_stack(engine)
    fetch_ahead(stack, [defined("es", image="new")])
    with throwaway_network(stack) as net, net.running(defined("es", image="new")):
        assert engine.events.count("pull new") == 1


def test_what_went_wrong_ahead_is_told_when_the_service_is_asked_for(engine: FakeEngine) -> None:
    stack, definition = new_stack(engine), defined("es", image="nope")
    fetch_ahead(stack, [definition])
    with (
        throwaway_network(stack) as net,
        pytest.raises(ImageError, match="The image nope can't be pulled"),
        net.running(definition),
    ):
        pass


def test_what_went_wrong_ahead_harms_nobody_who_doesnt_ask(engine: FakeEngine) -> None:
    stack = new_stack(engine)
    fetch_ahead(stack, [defined("es", image="nope")])
    with throwaway_network(stack) as net, net.running(defined("web")) as service:
        assert service.container.status == "running"


def test_where_workers_share_the_stack_nothing_is_fetched_ahead(engine: FakeEngine) -> None:
    stack = new_stack(engine)
    stack.worker = "gw0"
    fetch_ahead(stack, [defined("es", image="new")])
    stack.pool.shutdown()
    assert "pull new" not in engine.events


# probes


def test_a_probe_lives_on_the_network_and_goes(engine: FakeEngine) -> None:
    with throwaway_network(new_stack(engine)) as net:
        with net.probe() as probe:
            [about] = engine.containers.values()
            assert about["HostConfig"]["NetworkMode"] == net.name
            assert about["Config"]["Image"] == "python:3.13-slim"
            assert probe.described_as == f"the network {net.name}"
        assert engine.containers == {}


def test_readiness_is_whatever_the_definition_says(engine: FakeEngine) -> None:
    asked: list[object] = []
    with throwaway_network(new_stack(engine)) as net, net.running(defined("es", ready=asked.append)) as service:
        assert asked == [service]


# crowded engines

USED_UP = EngineError("could not find an available, non-overlapping IPv4 address pool", status=500)
OVERLAP = EngineError("Pool overlaps with other one on this address space", status=403)


def test_where_the_pools_are_used_up_a_free_subnet_is_taken() -> None:
    engine = FakeEngine()
    engine.network_errors = [USED_UP, OVERLAP]
    with throwaway_network(new_stack(engine)) as net:
        assert net.subnet.startswith("10.")


def test_where_no_subnet_will_do_it_says_so() -> None:
    engine = FakeEngine()
    engine.network_errors = [USED_UP] + [OVERLAP] * 5
    with (
        pytest.raises(EngineError, match=r"No free subnet was found either: .*Remedy: remove networks"),
        throwaway_network(new_stack(engine)),
    ):
        pass


@pytest.mark.parametrize("errors", [[EngineError("no driver")], [USED_UP, EngineError("no driver")]])
def test_another_refusal_of_a_network_is_told_as_it_is(errors: list[EngineError]) -> None:
    engine = FakeEngine()
    engine.network_errors = errors
    with pytest.raises(EngineError, match="no driver"), throwaway_network(new_stack(engine)):
        pass


# names and definitions in a block


def test_a_wrong_value_in_a_block_is_told_with_file_and_line_before_anything_starts(engine: FakeEngine) -> None:
    with throwaway_network(new_stack(engine)) as net:
        with pytest.raises(DefinitionError, match=r"test_networks\.py:\d+: command=5 is no list of texts\. Remedy: "):
            net.service(image="busybox", aliases=["victim"], command=5)  # type: ignore[arg-type]
        assert engine.containers == {}


def test_a_block_whose_service_cant_start_is_told_with_file_and_line(engine: FakeEngine) -> None:
    engine.start_errors = [EngineError("no such binary", status=400)]
    with (
        throwaway_network(new_stack(engine)) as net,
        pytest.raises(StartError, match=r"^\S*test_networks\.py:\d+: "),
        net.service(image="busybox", aliases=["victim"]),
    ):
        pass


@pytest.mark.parametrize("aliases", [iter([]), 5, [5], [""], "victim", ["127.0.0.1"], None])
def test_aliases_that_are_none_are_refused_in_a_block(engine: FakeEngine, aliases: Any) -> None:
    with throwaway_network(new_stack(engine)) as net, pytest.raises(DefinitionError, match=r"\.py:\d+: .*Remedy: "):
        net.service(image="busybox", aliases=aliases)


@pytest.mark.parametrize("aliases", [5, [5], [""], "victim", ["127.0.0.1"], [None], ["localhost"]])
def test_a_container_is_attached_under_host_names_only(engine: FakeEngine, aliases: Any) -> None:
    with throwaway_network(new_stack(engine)) as net:
        with pytest.raises(DefinitionError, match=r"test_networks\.py:\d+: .*Remedy: "):
            net.connect("stranger", aliases=aliases)
        assert net.containers == []


@pytest.mark.parametrize("target", [5, None, "", "a b", "a\0", object(), b"stranger"])
def test_what_is_no_container_is_neither_attached_nor_detached(engine: FakeEngine, target: Any) -> None:
    with throwaway_network(new_stack(engine)) as net:
        for change in (net.connect, net.disconnect):
            with pytest.raises(DefinitionError, match=r"test_networks\.py:\d+: .*Remedy: "):
                change(target)


def test_aliases_are_one_whatever_their_case(engine: FakeEngine) -> None:
    with (
        throwaway_network(new_stack(engine)) as net,
        net.running(defined("es")),
        pytest.raises(DefinitionError, match="the alias 'ES' belongs to"),
        net.running(defined("ES")),
    ):
        pass


# workers


def test_a_block_waits_for_an_alias_that_another_worker_has_for_its_own_timeout_at_most(engine: FakeEngine) -> None:
    stack = new_stack(engine)
    with throwaway_network(stack) as net:
        stack.worker = "gw0"
        other = Network(stack, net.name, net.driver, internal=False, network_id=net.id)  # as another worker has it
        with net.service(image="busybox", aliases=["v"]):
            with (
                pytest.raises(DefinitionError, match=r"the alias 'v' belongs to .* of the worker gw0 .* within 0\.1 s"),
                other.service(image="busybox", aliases=["v"], timeout=0.1),
            ):
                pass
            assert len(engine.containers) == 1
        with other.service(image="busybox", aliases=["v"], timeout=0.1):
            pass


def test_a_block_waits_for_a_port_of_the_host_that_another_worker_has(engine: FakeEngine) -> None:
    stack = new_stack(engine)
    about: dict[str, Any] = {"image": "busybox", "ports": [f"{free_port(engine)}:80"], "ready": lambda _: None}
    with throwaway_network(stack) as net, throwaway_network(stack) as other:
        stack.worker = "gw0"
        with net.service(**about, aliases=["v"]):
            with (
                pytest.raises(
                    DefinitionError, match=r"On the host the port .* within 0\.1 s.* write ports=\[80\], for"
                ),
                other.service(**about, aliases=["w"], timeout=0.1),
            ):
                pass
            assert len(engine.containers) == 1
        with other.service(**about, aliases=["w"], timeout=0.1):
            pass


def test_an_alias_of_a_shared_service_is_taken_in_all_workers(engine: FakeEngine) -> None:
    stack = new_stack(engine)
    with throwaway_network(stack) as net:
        stack.worker = "gw0"
        other = Network(stack, net.name, net.driver, internal=False, network_id=net.id)
        with net.running(defined("es"), shared=True), other.running(defined("es"), shared=True):
            pass
        with pytest.raises(DefinitionError, match="the alias 'es' belongs to"), other.running(defined("es")):
            pass


def test_a_worker_removes_what_a_dead_one_left_under_the_alias(engine: FakeEngine) -> None:
    stack = new_stack(engine)
    with throwaway_network(stack) as net:
        stack.worker = "gw0"
        claims = [net.running(defined("v")), net.running(defined("other"))]
        for claim in claims:
            claim.__enter__()
        for lock in stack.session.folder.glob("alias-*.lock"):
            lock.unlink()  # as if their holder were dead
        reborn = Network(stack, net.name, net.driver, internal=False, network_id=net.id)
        with reborn.running(defined("v")) as service:
            left = {about["Config"]["Labels"][SERVICE_LABEL]: key for key, about in engine.containers.items()}
            assert left == {"v": service.container.id, "other": left["other"]}
        for claim in claims:
            claim.__exit__(None, None, None)
