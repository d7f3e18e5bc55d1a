"""The assertions' decisions: what passes, what fails with which error and words, and what can't be told."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fakes.agent import ABSENT, DROPPED, LOST, OPEN, REFUSED, SILENT, resolves_to
from fakes.isolation import ABROAD, HOME, Scene
from fakes.machine import Clock
from pytest_foodtrucks import (
    DefinitionError,
    EngineError,
    FoodtrucksError,
    IsolationError,
    Network,
    ProbeError,
    ReachabilityError,
    ResolutionError,
    Service,
    assert_isolated,
    assert_not_resolves,
    assert_reachable,
    assert_resolves,
)
from pytest_foodtrucks.containers.endpoint_settings import EndpointSettings
from pytest_foodtrucks.engine.execs import ExecResult
from pytest_foodtrucks.isolation.assertions import REMEDIES, ask_until_reached
from pytest_foodtrucks.isolation.subjects import known, probe_of
from pytest_foodtrucks.probes.network_changes import ROUNDS
from pytest_foodtrucks.probes.probe import Probe
from pytest_foodtrucks.probes.verdicts import VerdictKind


@pytest.fixture
def scene() -> Scene:
    return Scene()


def message(error: type[FoodtrucksError], ask: Callable[[], None]) -> str:
    """Ask, and return the error's message; it is of just this type."""
    with pytest.raises(error) as raised:
        ask()
    assert type(raised.value) is error
    return str(raised.value)


# isolation


def test_dropped_by_address_and_unknown_by_name_is_isolated(scene: Scene) -> None:
    assert_isolated(scene.abroad, scene.es)


def test_a_beacon_and_a_probe_are_started_once_and_go_with_their_network(scene: Scene) -> None:
    assert_isolated(scene.abroad, scene.es)
    there = len(scene.world.containers)
    assert_isolated(scene.abroad, scene.es)
    assert len(scene.world.containers) == there
    scene.abroad.dismiss()
    scene.es.__foodtrucks__.close()
    assert list(scene.world.containers) == [scene.es.container.id]


def test_connected_isnt_isolated_and_the_message_shows_the_way(scene: Scene) -> None:
    scene.together()
    told = message(IsolationError, lambda: assert_isolated(scene.home, scene.es))
    assert "es isn't isolated from the network home; it is open this way:" in told
    assert f"way       {HOME}:9200, its address on home\n  expected  dropped or unreachable\n" in told
    assert "seen      connected, in each of 3 tries\n  evidence  connected (0.01 s)\n  again     docker" in told
    assert "Remedy: " in told


def test_refused_isnt_isolated_for_the_packet_arrived(scene: Scene) -> None:
    scene.world.outside.connections[HOME, 9200] = REFUSED
    assert "seen      refused" in message(IsolationError, lambda: assert_isolated(scene.abroad, scene.es))


def test_each_address_is_a_way_and_each_port(scene: Scene) -> None:
    home = scene.world.containers[scene.es.container.id]["NetworkSettings"]["Networks"]["home"]
    home["GlobalIPv6Address"] = "fd00::9"
    scene.world.outside.connections["fd00::9", 9300] = OPEN
    scene.es.__foodtrucks__.asked_ports = (9200, 9300)
    assert "way       [fd00::9]:9300, its" in message(IsolationError, lambda: assert_isolated(scene.abroad, scene.es))
    assert_isolated(scene.abroad, scene.es, 9200)


def publish(scene: Scene, host_ip: str) -> None:
    """Publish the port, on a machine whose address on `home` is 172.30.0.1."""
    about = scene.world.containers[scene.es.container.id]["NetworkSettings"]
    about["Ports"] = {"9200/tcp": [{"HostIp": host_ip, "HostPort": "24000"}], "9/udp": [], "9/tcp": None}
    about["Networks"]["home"]["Gateway"] = "172.30.0.1"


def test_a_published_port_that_the_gateway_refuses_is_isolated(scene: Scene) -> None:
    publish(scene, "127.0.0.1")
    scene.world.outside.connections["172.30.0.1", 24000] = REFUSED
    assert_isolated(scene.abroad, scene.es)


@pytest.mark.parametrize(
    ("host_ip", "words"),
    [
        ("0.0.0.0", "The port is published on all addresses of the engine's machine"),  # noqa: S104
        ("10.0.0.5", "The port is published on 10.0.0.5. Remedy: say published=True"),
    ],
)
def test_a_published_port_that_is_open_at_the_gateway_isnt_unless_the_caller_says_so(
    scene: Scene, host_ip: str, words: str
) -> None:
    publish(scene, host_ip)
    scene.world.outside.connections["172.30.0.1", 24000] = OPEN
    told = message(IsolationError, lambda: assert_isolated(scene.abroad, scene.es))
    assert "way       172.30.0.1:24000, where its port 9200 is published" in told
    assert words in told
    assert_isolated(scene.abroad, scene.es, published=True)


@pytest.mark.parametrize(
    ("local", "remedy"),
    [(True, "leave --foodtrucks-host as it is"), (False, r"published=True .* or leave ports= out of that service")],
)
def test_the_remedy_for_an_open_published_port_is_one_that_the_engine_can_take(
    scene: Scene, *, local: bool, remedy: str
) -> None:
    publish(scene, "0.0.0.0")  # noqa: S104 - told, not bound
    scene.world.local = local
    scene.world.outside.connections["172.30.0.1", 24000] = OPEN
    told = message(IsolationError, lambda: assert_isolated(scene.abroad, scene.es)).replace("\n", " ")
    assert re.search(remedy, told)
    assert ("--foodtrucks-host" in told) is local


def test_an_address_that_a_port_is_published_on_is_a_way(scene: Scene) -> None:
    publish(scene, "10.0.0.5")
    scene.world.outside.connections["10.0.0.5", 24000] = OPEN
    assert "way       10.0.0.5:24000" in message(IsolationError, lambda: assert_isolated(scene.abroad, scene.es))


def test_the_gateway_of_a_network_without_a_route_is_a_way_too(scene: Scene) -> None:
    publish(scene, "")
    scene.world.networks["abroad"] = {"IPAM": {"Config": [{"Gateway": "172.31.0.1/16"}, {}]}, "Containers": {}}
    scene.world.outside.connections["172.31.0.1", 24000] = OPEN
    assert "way       172.31.0.1:24000" in message(IsolationError, lambda: assert_isolated(scene.abroad, scene.es))


@pytest.mark.parametrize(
    ("network", "config", "gateway"),
    [
        ("bridge", {"Subnet": "172.17.0.0/16"}, "172.17.0.1"),
        ("abroad", {"Subnet": "10.55.0.0/24"}, "10.55.0.1"),
        ("abroad", {"Subnet": "10.56.0.0/24", "IPRange": "10.56.0.128/25"}, "10.56.0.128"),
    ],
)
def test_a_gateway_that_the_engine_does_not_tell_is_a_way_too(
    scene: Scene, network: str, config: dict[str, str], gateway: str
) -> None:
    """On a daemon's first start the default bridge tells its subnet only, and so does a network that was given one."""
    publish(scene, "")
    networks = scene.world.containers[scene.es.container.id]["NetworkSettings"]["Networks"]
    networks[network] = {"IPAddress": "", "Gateway": "", "Aliases": None}
    scene.world.networks[network] = {"IPAM": {"Config": [config]}, "Containers": {}}
    scene.world.outside.connections[gateway, 24000] = OPEN
    assert f"way       {gateway}:24000" in message(IsolationError, lambda: assert_isolated(scene.abroad, scene.es))


def routed(scene: Scene, family: int = 4) -> None:
    """Let `home` be in gateway mode routed, where one family's published ports are open to `abroad`."""
    options = {f"com.docker.network.bridge.gateway_mode_ipv{family}": "routed"}
    scene.world.networks["home"] = {"IPAM": {"Config": []}, "Containers": {}, "Options": options}
    scene.world.outside.connections[HOME, 9200] = OPEN


def test_a_way_that_gateway_mode_routed_opens_is_told_with_the_mode(scene: Scene) -> None:
    routed(scene)
    told = message(IsolationError, lambda: assert_isolated(scene.abroad, scene.es))
    assert f"way       {HOME}:9200, its address on home, which has gateway mode routed\n" in told
    assert "\nGateway mode routed opens published ports to other networks. Remedy: create the network without" in told


def test_gateway_mode_routed_says_nothing_of_whoever_is_on_that_network(scene: Scene) -> None:
    routed(scene)
    assert "routed" not in message(IsolationError, lambda: assert_isolated(scene.home, scene.es))


def test_gateway_mode_routed_of_the_other_family_says_nothing(scene: Scene) -> None:
    routed(scene, family=6)
    assert "routed" not in message(IsolationError, lambda: assert_isolated(scene.abroad, scene.es))


def test_a_name_that_leads_elsewhere_is_misresolved(scene: Scene) -> None:
    scene.world.outside.names["es"] = resolves_to("172.31.0.7")
    told = message(IsolationError, lambda: assert_isolated(scene.abroad, scene.es))
    assert "way       the name es\n  expected  unresolved\n  seen      misresolved" in told


def test_a_name_that_leads_to_an_address_that_drops_is_isolated(scene: Scene) -> None:
    scene.world.outside.names["es"] = resolves_to(HOME)
    assert_isolated(scene.abroad, scene.es)


def test_a_try_that_gets_through_is_told_as_flaky(scene: Scene) -> None:
    scene.world.outside.connections[HOME, 9200] = [DROPPED, OPEN, DROPPED]
    told = message(IsolationError, lambda: assert_isolated(scene.abroad, scene.es))
    assert "seen      flaky, the tries differ\n  evidence  flaky, of 3 tries 2 dropped, 1 connected" in told


def test_a_question_that_a_new_network_disturbs_is_asked_again(scene: Scene) -> None:
    scene.world.changes = [True]
    scene.world.outside.connections[HOME, 9200] = [DROPPED, OPEN, DROPPED, DROPPED, DROPPED, DROPPED]
    assert_isolated(scene.abroad, scene.es)


def test_what_new_networks_disturb_each_time_is_no_answer(scene: Scene) -> None:
    scene.world.changes = [True] * ROUNDS
    scene.world.outside.connections[HOME, 9200] = [DROPPED, OPEN, DROPPED] * ROUNDS
    told = message(ProbeError, lambda: assert_isolated(scene.abroad, scene.es))
    assert "networks were created or removed on the engine each time that this was asked" in told


def test_tries_that_all_get_through_at_such_a_moment_are_no_answer_either(scene: Scene) -> None:
    scene.world.changes = [True]
    scene.world.outside.connections[HOME, 9200] = [*[OPEN] * 3, *[DROPPED] * 3]
    assert_isolated(scene.abroad, scene.es)


def test_what_connects_each_time_is_not_isolated(scene: Scene) -> None:
    scene.world.changes = [True] * ROUNDS
    scene.world.outside.connections[HOME, 9200] = [OPEN] * 3 * ROUNDS
    message(IsolationError, lambda: assert_isolated(scene.abroad, scene.es))


def spoil_beacon(scene: Scene) -> None:
    scene.world.outside.lit = DROPPED


def spoil_names(scene: Scene) -> None:
    scene.world.outside.lit_name = ABSENT


def spoil_wildcard(scene: Scene) -> None:
    scene.world.outside.nobody = scene.world.outside.names["es"] = resolves_to("10.9.9.9")


def spoil_name_server(scene: Scene) -> None:
    scene.world.outside.nobody = scene.world.outside.lit_name = scene.world.outside.names["es"] = SILENT


def spoil_listener(scene: Scene) -> None:
    scene.world.inside.sockets = []
    scene.world.inside.other = REFUSED


def spoil_address(scene: Scene) -> None:
    networks = scene.world.containers[scene.es.container.id]["NetworkSettings"]["Networks"]
    scene.world.outside.meanwhile = lambda: networks["home"].update(IPAddress="172.30.0.10")


def spoil_by_restart(scene: Scene) -> None:
    scene.world.outside.meanwhile = lambda: scene.world.start_container(scene.es.container.id)


def spoil_target(scene: Scene) -> None:
    scene.world.outside.meanwhile = lambda: scene.say("paused")


def spoil_way(scene: Scene) -> None:
    scene.world.outside.connections[HOME, 9200] = LOST


def spoil_one_name(scene: Scene) -> None:
    scene.world.outside.names["es"] = LOST


def spoil_network(scene: Scene) -> None:
    about = scene.world.containers[scene.es.container.id]
    about["HostConfig"]["NetworkMode"], about["NetworkSettings"]["Networks"] = "host", {"host": {}}


def spoil_source(scene: Scene) -> None:
    source = scene.abroad.standing_probe.container.id
    scene.world.outside.meanwhile = lambda: scene.world.containers[source]["State"].update(Status="exited")


def spoil_source_by_restart(scene: Scene) -> None:
    source = scene.abroad.standing_probe.container.id
    scene.world.outside.meanwhile = lambda: scene.world.start_container(source)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_beacon, "the network abroad doesn't reach the beacon at 172.30.0.2:7777"),
        (spoil_names, "of a container on the source's own network, doesn't resolve"),
        (spoil_wildcard, "resolves to 10.9.9.9: a wildcard in a search domain"),
        (
            spoil_name_server,
            "the name server has no answer for a random name either (dns_failed: x. A: no answer, by 127.0.0.11",
        ),
        (spoil_listener, "nothing listens on port 9200 of es, asked in its own network namespace"),
        (spoil_address, "es had the addresses 172.30.0.9, and has 172.30.0.10 now"),
        (spoil_by_restart, "es was started anew meanwhile"),
        (spoil_target, "es is paused, and must be running for silence to say something"),
        (spoil_way, "172.30.0.9:9200, its address on home: inconclusive: the agent ended"),
        (spoil_one_name, "the name es: inconclusive: the agent ended"),
        (spoil_network, "es has the network of its host, and whose addresses are its ways can't be told"),
        (spoil_source, "is exited"),
        (spoil_source_by_restart, "was started anew meanwhile"),
    ],
)
def test_a_control_that_fails_is_no_answer(scene: Scene, spoil: Callable[[Scene], None], words: str) -> None:
    spoil(scene)
    told = message(ProbeError, lambda: assert_isolated(scene.abroad, scene.es))
    assert "finds and reaches es can't be told:\n  - " in told
    assert words in told
    assert "again     docker -H unix:///run/fake.sock run --rm --network container:" in told
    assert re.search(r"again .* # while this session runs, such as at --pdb$", told, re.MULTILINE)


def test_a_certain_way_counts_more_than_a_control_that_fails(scene: Scene) -> None:
    scene.together()
    scene.say("paused")
    message(IsolationError, lambda: assert_isolated(scene.home, scene.es))


def test_a_paused_target_has_its_names(scene: Scene) -> None:
    scene.together()
    scene.say("paused")
    assert "es resolves from" in message(ResolutionError, lambda: assert_not_resolves(scene.home, scene.es))


def test_a_doubt_is_told_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pytest_foodtrucks.isolation.assertions.inquire_names", lambda *_: ([], ["it is away", "it is away"])
    )
    assert message(ProbeError, lambda: assert_not_resolves(scene.home, scene.es)).count("  - it is away") == 1


def test_a_name_server_that_knows_containers_only_knows_when_it_is_none(scene: Scene) -> None:
    """As on an internal network, where other names are asked for in vain."""
    scene.world.outside.nobody = scene.world.outside.names["es"] = SILENT
    assert_isolated(scene.abroad, scene.es)
    assert_not_resolves(scene.abroad, scene.es)
    told = message(ProbeError, lambda: assert_not_resolves(scene.abroad, "es"))
    assert "the name es has no answer (dns_failed" in told


def test_a_target_without_a_network_listens_on_loopback(scene: Scene) -> None:
    scene.world.containers[scene.es.container.id]["NetworkSettings"]["Networks"] = {}
    assert_isolated(scene.abroad, scene.es)


def test_a_sidecar_that_cant_be_started_is_no_answer(scene: Scene) -> None:
    assert_isolated(scene.abroad, scene.es)
    scene.es.__foodtrucks__.close()
    scene.world.start_errors.append(EngineError("no more memory"))
    assert "no more memory" in message(ProbeError, lambda: assert_isolated(scene.abroad, scene.es))


def test_a_name_that_a_running_service_has_stands_for_it(scene: Scene) -> None:
    with scene.stack.showing(scene.es):
        assert_isolated(scene.abroad, "es")
        scene.say("exited")
        assert "es is exited" in message(ProbeError, lambda: assert_isolated(scene.abroad, "es"))
        assert "es is exited" in message(ProbeError, lambda: assert_not_resolves(scene.abroad, "es"))


def test_what_isnt_ours_is_vouched_for_by_a_bystander(scene: Scene) -> None:
    told = message(ProbeError, lambda: assert_isolated(scene.abroad, "10.0.0.7", 53))
    assert "10.0.0.7:53 isn't reached from the default bridge either (dropped" in told
    assert "no service of this session has that name" in told


@pytest.mark.parametrize("target", ["10.0.0.7", "es"])
def test_without_a_port_the_question_is_refused(scene: Scene, target: str) -> None:
    told = message(ProbeError, lambda: assert_isolated(scene.abroad, target))
    assert f"Which port of {target} is to be asked? Remedy: give port=, or the service itself." in told


# sources


def test_a_service_is_asked_by_its_sidecar_and_a_new_one_after_a_restart(scene: Scene) -> None:
    web = scene.service("web", scene.abroad, ABROAD)
    first = web.__foodtrucks__.sidecar
    assert web.__foodtrucks__.sidecar is first
    assert first.subject is web.container
    scene.world.start_container(web.container.id)
    assert web.__foodtrucks__.sidecar is not first


def test_a_service_that_doesnt_run_is_no_source(scene: Scene) -> None:
    scene.say("exited")
    told = message(ProbeError, lambda: assert_reachable(scene.es, "x", 80))
    assert told == "es is exited: nothing can be asked from it. Remedy: see why; start it again."


def test_a_container_that_is_gone_is_no_source(scene: Scene) -> None:
    scene.world.remove_container(scene.es.container.id)
    assert "es is gone" in message(ProbeError, lambda: assert_resolves(scene.es, "x"))


ASKING: list[Callable[..., None]] = [assert_resolves, assert_not_resolves, assert_reachable, assert_isolated]


@pytest.mark.parametrize("ask", ASKING)
@pytest.mark.parametrize("source", ["es", None, Network])
def test_only_probes_services_and_networks_are_sources(scene: Scene, ask: Callable[..., None], source: object) -> None:
    told = message(DefinitionError, lambda: ask(source, scene.es))
    assert told == f"{source!r} is no source. Remedy: ask from a Probe, a Service or a Network."


NO_NAMES = [
    "",
    " ",
    "c ",
    "c:7000",
    "http://c",
    "127.1",
    "1",
    "0x7f.1",
    "a..b",
    "a" * 64,
    "[::1]",
    None,
    5,
    b"c",
    Service,
]


@pytest.mark.parametrize("ask", ASKING)
@pytest.mark.parametrize("name", NO_NAMES, ids=repr)
def test_what_is_no_name_is_refused_before_anything_is_started(
    scene: Scene, ask: Callable[..., None], name: object
) -> None:
    before = list(scene.world.containers)
    assert "Remedy: " in message(DefinitionError, lambda: ask(scene.abroad, name))
    assert list(scene.world.containers) == before


@pytest.mark.parametrize("ask", [assert_resolves, assert_not_resolves])
@pytest.mark.parametrize("address", [HOME, "::1"])
def test_an_address_is_no_name(scene: Scene, ask: Callable[..., None], address: str) -> None:
    told = message(DefinitionError, lambda: ask(scene.abroad, address))
    assert told.startswith(f"The name {address!r} is no host name: it is an address. Remedy: ")


@pytest.mark.parametrize("ask", [assert_reachable, assert_isolated])
@pytest.mark.parametrize("target", [None, "scene.abroad", "source"])
def test_a_target_that_is_none_is_no_verdict(scene: Scene, ask: Callable[..., None], target: str | None) -> None:
    given = {"scene.abroad": scene.abroad, "source": scene.abroad.standing_probe}.get(str(target))
    told = message(DefinitionError, lambda: ask(scene.abroad, given))
    assert told == f"The target {given!r} is none. Remedy: give a service, a host's name, or an address."


@pytest.mark.parametrize("ask", [assert_reachable, assert_isolated])
@pytest.mark.parametrize("port", [0, -1, 65536, True, "9200", 9200.0])
def test_what_is_no_port_is_refused(scene: Scene, ask: Callable[..., None], port: object) -> None:
    told = message(DefinitionError, lambda: ask(scene.abroad, scene.es, port))
    assert told == f'The port {port!r} is none. Remedy: give a number from 1 to 65535, or such as "53/udp".'


@pytest.mark.parametrize("timeout", [float("nan"), float("inf"), -1, "5", None, True])
def test_what_is_no_time_is_refused(scene: Scene, timeout: Any) -> None:
    told = message(DefinitionError, lambda: assert_reachable(scene.abroad, scene.es, timeout=timeout))
    assert told == f"timeout={timeout!r}. Remedy: give seconds as a number, such as 5."


def test_published_is_true_or_false(scene: Scene) -> None:
    told = message(DefinitionError, lambda: assert_isolated(scene.abroad, scene.es, published="no"))  # type: ignore[arg-type]
    assert told == "published='no'. Remedy: give True or False."


def test_a_source_that_cant_be_made_is_no_answer(scene: Scene) -> None:
    scene.world.registry.clear()
    scene.world.start_errors += [EngineError("no more memory")] * 2
    scene.world.images.add("python:3.13-slim")
    for ask in (assert_resolves, assert_isolated):
        told = message(ProbeError, lambda ask=ask: ask(scene.abroad, scene.es))  # type: ignore[misc]
        assert "Nothing can be asked from <Network abroad>: " in told


def test_a_source_without_a_network_has_seen_nothing(scene: Scene) -> None:
    source = scene.abroad.standing_probe
    scene.world.containers[source.container.id]["NetworkSettings"]["Networks"] = {}
    told = message(ProbeError, lambda: assert_isolated(source, scene.es))
    assert "is on no network, so whatever it doesn't reach says nothing. Remedy: connect it first." in told


def test_a_strangers_network_has_a_beacon_for_the_question_only(scene: Scene) -> None:
    source = scene.abroad.standing_probe
    networks = scene.world.containers[source.container.id]["NetworkSettings"]["Networks"]
    networks["theirs"] = networks.pop("abroad")
    before = scene.es.__foodtrucks__.sidecar, len(scene.world.containers)
    assert_isolated(source, scene.es)
    assert len(scene.world.containers) == before[1]


def test_the_host_and_the_default_bridge_have_a_beacon_on_the_default_bridge(scene: Scene) -> None:
    source = scene.abroad.standing_probe
    scene.world.containers[source.container.id]["NetworkSettings"]["Networks"] = {"host": {}}
    scene.world.outside.connections["172.17.0.2", 7777] = OPEN
    scene.world.outside.lit_name = ABSENT
    assert_isolated(source, scene.es)
    assert "first probe of bridge" in scene.stack.on_demand


def test_a_beacon_that_ended_at_once_is_no_control(scene: Scene) -> None:
    source = scene.abroad.standing_probe
    start = scene.world.start_container

    def end(container: str) -> None:
        start(container)
        scene.world.containers[container]["NetworkSettings"]["Networks"]["abroad"]["IPAddress"] = ""

    scene.world.start_container = end  # type: ignore[method-assign]
    told = message(ProbeError, lambda: assert_isolated(source, scene.es))
    assert "has no address; its log says 'a line of the log\\n'. Remedy: see why it ended" in told


def test_a_probe_made_by_hand_has_no_beacon(scene: Scene) -> None:
    bare = Probe(scene.abroad.standing_probe.container, "somewhere")
    assert "was made by hand" in message(ProbeError, lambda: assert_isolated(bare, scene.es))
    assert "was made by hand" in message(ProbeError, lambda: assert_not_resolves(bare, "es"))
    scene.together()
    scene.world.networks["abroad"] = {"Containers": {}}
    assert_reachable(bare, "es", 9200)
    told = message(ReachabilityError, lambda: assert_reachable(bare, "nope", 9200, timeout=0))
    assert (
        f"run --rm --network container:{bare.subject.name} python:3.13-slim python3 -c 'import socket; print(" in told
    )


# reachability


def reach(scene: Scene, timeout: float = 1.0) -> None:
    """Assert that `es` is reached, with a clock that nobody waits for."""
    clock = Clock()
    ask_until_reached(scene.home, scene.es, None, timeout=timeout, clock=clock, sleep=clock.sleep)


def test_connected_by_name_is_reachable(scene: Scene) -> None:
    scene.together()
    reach(scene)


def test_an_expected_connection_is_tried_again(scene: Scene) -> None:
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        scene.together()

    ask_until_reached(scene.home, scene.es, None, timeout=5.0, clock=clock, sleep=sleep)
    assert len(clock.sleeps) == 1


@pytest.mark.parametrize(
    ("knock", "seen", "remedy"),
    [
        (REFUSED, "refused, asked 5 times in 1.0 s", "see that the target listens"),
        (DROPPED, "dropped, asked 5 times in 1.0 s", "the packets get lost"),
    ],
)
def test_what_doesnt_connect_in_time_isnt_reachable(scene: Scene, knock: ExecResult, seen: str, remedy: str) -> None:
    scene.together()
    scene.world.outside.connections[HOME, 9200] = knock
    told = message(ReachabilityError, lambda: reach(scene))
    assert "es isn't reached from the network home." in told
    assert f"way       the name es, port 9200 at {HOME}\n  expected  connected\n  seen      {seen}" in told
    assert remedy in told


def test_a_name_that_doesnt_exist_isnt_reachable_and_a_target_that_doesnt_run_is_told(scene: Scene) -> None:
    scene.say("exited")
    told = message(ReachabilityError, lambda: reach(scene, timeout=0))
    assert "seen      unresolved" in told
    assert "es is exited. Remedy: " in told
    assert 'getaddrinfo("es", None)' in told


def test_a_paused_target_connects_and_is_no_answer(scene: Scene) -> None:
    scene.together()
    scene.say("paused")
    assert "es is paused: for a process that doesn't run" in message(ProbeError, lambda: reach(scene))
    scene.world.networks["home"] = {"Containers": {}}
    with scene.stack.showing(scene.es):
        by_name = message(ProbeError, lambda: assert_reachable(scene.home, "es", 9200))
    assert "es is paused: for a process that doesn't run" in by_name


def ways_to_say(scene: Scene) -> dict[str, str]:
    """Return all that means `es`, with what it resolves to."""
    container = scene.es.container
    endpoint = scene.world.containers[container.id]["NetworkSettings"]["Networks"]["home"]
    endpoint.update(GlobalIPv6Address="fd00::9", Aliases=["es", "Search"])
    names = [
        "es",
        "ES",
        "es.",
        "Es.",
        "search",
        "SEARCH.",
        "es.home",
        "ES.home.",
        container.name,
        container.name.upper(),
    ]
    ids = [container.id[:12], container.id[:12].upper()]
    return {**dict.fromkeys([*names, *ids], HOME), HOME: HOME, "fd00::9": "fd00::9", "FD00:0::9": "fd00::9"}


def test_a_paused_target_is_no_answer_by_whatever_name_or_address_it_is_asked_for(scene: Scene) -> None:
    ways = ways_to_say(scene)
    scene.say("paused")
    scene.world.networks["home"] = {"Containers": {}}
    for way, address in ways.items():
        scene.world.outside.names[way.rstrip(".")] = resolves_to(address)
        scene.world.outside.connections[way, 9200] = scene.world.outside.connections[address, 9200] = OPEN
        with scene.stack.showing(scene.es):
            told = message(ProbeError, lambda way=way: assert_reachable(scene.home, way, 9200))  # type: ignore[misc]
        assert "es is paused: for a process that doesn't run" in told, way


@pytest.mark.parametrize("gateway", ["172.20.0.1", "172.30.0.1"], ids=["of the source's network", "of its own"])
def test_a_paused_service_that_is_reached_by_its_published_port_is_no_answer(scene: Scene, gateway: str) -> None:
    publish(scene, "0.0.0.0")  # noqa: S104 - the mutation
    networks = scene.world.containers[scene.es.container.id]["NetworkSettings"]["Networks"]
    networks["home"]["Gateway"] = "172.30.0.1"
    source = probe_of(scene.abroad)
    scene.world.containers[source.container.id]["NetworkSettings"]["Networks"]["abroad"]["Gateway"] = "172.20.0.1"
    scene.world.outside.connections[gateway, 24000] = OPEN
    scene.world.networks["abroad"] = {"Containers": {}}
    with scene.stack.showing(scene.es):
        assert_reachable(scene.abroad, gateway, 24000)
        scene.say("paused")
        told = message(ProbeError, lambda: assert_reachable(scene.abroad, gateway, 24000))
    assert "es is paused: for a process that doesn't run" in told


def test_a_paused_service_that_a_strange_name_leads_to_is_no_answer(scene: Scene) -> None:
    """Such as an alias that another worker gave it, or a name in the source's hosts file."""
    scene.say("paused")
    scene.world.networks["home"] = {"Containers": {}}
    scene.world.outside.names["guest"] = resolves_to(HOME)
    scene.world.outside.connections[HOME, 9200] = OPEN
    with scene.stack.showing(scene.es):
        told = message(ProbeError, lambda: assert_reachable(scene.home, "guest", 9200))
    assert "es is paused: for a process that doesn't run" in told


def test_isolation_is_asked_of_the_service_that_a_name_or_an_address_means(scene: Scene) -> None:
    for way in ways_to_say(scene):
        with scene.stack.showing(scene.es):
            assert_isolated(scene.abroad, way)
            scene.say("paused")
            told = message(ProbeError, lambda way=way: assert_isolated(scene.abroad, way))  # type: ignore[misc]
        assert "es is paused, and must be running for silence to say something" in told, way
        scene.say("running")


def test_a_name_that_two_services_have_means_neither(scene: Scene) -> None:
    other = scene.service("other", scene.abroad, ABROAD)
    other.__foodtrucks__.aliases = ("ES",)
    with scene.stack.showing(scene.es), scene.stack.showing(other):
        assert known("es", scene.stack) is None
        assert known(ABROAD, scene.stack) is other
        assert known("nobody", scene.stack) is None
        assert known("es.home", scene.stack) is scene.es


def test_an_ipv4_address_within_ipv6_means_the_same(scene: Scene) -> None:
    with scene.stack.showing(scene.es):
        assert known(f"::ffff:{HOME}", scene.stack) is scene.es


def test_a_final_dot_isnt_doubled_in_the_command_that_asks_again(scene: Scene) -> None:
    scene.together()
    assert 'getaddrinfo("es.", None)' in message(ResolutionError, lambda: assert_not_resolves(scene.home, "es."))


def test_an_answer_that_was_lost_is_no_answer(scene: Scene) -> None:
    scene.together()
    scene.world.outside.connections[HOME, 9200] = LOST
    assert "inconclusive: the agent ended" in message(ProbeError, lambda: reach(scene))


def test_a_source_that_died_isnt_asked_again(scene: Scene) -> None:
    scene.together()
    scene.world.outside.connections[HOME, 9200] = LOST
    source = scene.home.standing_probe.container.id
    scene.world.outside.meanwhile = lambda: scene.world.containers[source]["State"].update(Status="exited")
    told = message(ProbeError, lambda: reach(scene))
    assert "is exited after" in told
    assert "asked" not in told


# names


def test_each_alias_must_lead_to_the_service_itself(scene: Scene) -> None:
    scene.together()
    assert_resolves(scene.home, scene.es)
    inside = scene.es.__foodtrucks__
    inside.on = replace(inside.on, aliases=("es", "search"))
    told = message(ResolutionError, lambda: assert_resolves(scene.home, scene.es))
    assert "search doesn't resolve as it should" in told
    assert "expected  its own address, and nobody else's\n  seen      unresolved" in told


def test_a_random_name_is_asked_only_where_a_mere_name_must_exist(scene: Scene) -> None:
    scene.together()
    scene.world.outside.nobody = SILENT  # as from an internal network, whose name server asks others in vain
    assert_resolves(scene.home, scene.es)
    assert [values["names"] for question, values in scene.world.outside.asked if question == "look_up"] == [["es"]]


def test_a_name_on_one_network_must_lead_to_it_from_there_alone(scene: Scene) -> None:
    scene.together()
    inside, own = scene.es.__foodtrucks__, EndpointSettings(aliases=["inner"])
    inside.on = replace(inside.on, networks=[scene.home.ref, replace(scene.abroad.ref, settings=own)])
    assert_resolves(scene.home, scene.es)
    inside.on = replace(inside.on, networks=[replace(scene.home.ref, settings=own)])
    told = message(ResolutionError, lambda: assert_resolves(scene.home, scene.es))
    assert "inner doesn't resolve as it should" in told


def test_a_name_alone_must_lead_somewhere(scene: Scene) -> None:
    scene.world.outside.names["db"] = resolves_to("10.0.0.7")
    assert_resolves(scene.home, "db")
    assert "expected  an address" in message(ResolutionError, lambda: assert_resolves(scene.home, "nope"))


def test_a_name_that_leads_to_somebody_else_doesnt_resolve_as_it_should(scene: Scene) -> None:
    scene.world.outside.names["es"] = resolves_to("172.30.0.7")
    told = message(ResolutionError, lambda: assert_resolves(scene.home, scene.es))
    assert "seen      misresolved: es resolves to 172.30.0.7, and the container has 172.30.0.9" in told


@pytest.mark.parametrize("answer", [SILENT, LOST])
def test_a_name_without_an_answer_can_neither_be_asserted_nor_denied(scene: Scene, answer: ExecResult) -> None:
    scene.world.outside.names["es"] = answer
    assert "the name es has no answer" in message(ProbeError, lambda: assert_resolves(scene.home, scene.es))
    assert "the name es has no answer" in message(ProbeError, lambda: assert_not_resolves(scene.home, scene.es))


def test_with_a_wildcard_a_name_alone_says_nothing(scene: Scene) -> None:
    spoil_wildcard(scene)
    assert "a random name resolves too" in message(ProbeError, lambda: assert_resolves(scene.home, "es"))
    assert "a wildcard" in message(ProbeError, lambda: assert_not_resolves(scene.home, "es"))
    message(ResolutionError, lambda: assert_resolves(scene.home, scene.es))


def test_a_name_that_resolves_and_shouldnt_is_told(scene: Scene) -> None:
    scene.together()
    for target in (scene.es, "es"):
        told = message(ResolutionError, lambda target=target: assert_not_resolves(scene.home, target))  # type: ignore[misc]
        assert f"expected  unresolved\n  seen      resolved to {HOME}" in told


def test_the_errors_that_say_no_are_assertion_errors_and_no_answer_is_none() -> None:
    assert all(issubclass(error, AssertionError) for error in (IsolationError, ReachabilityError, ResolutionError))
    assert not issubclass(ProbeError, AssertionError)


def test_each_kind_of_no_has_its_remedy() -> None:
    assert REMEDIES.keys() == {*VerdictKind} - {VerdictKind.CONNECTED, VerdictKind.INCONCLUSIVE}
