"""The mutation table: each row spoils one thing, and no row may turn an assertion green that isn't true.

A row expects the right verdict, or ProbeError: the question can't be answered, and says why.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from docker.types import IPAMConfig, IPAMPool

from lab import ECHO, ECHO_COMMAND, IDLE, IDLE_COMMAND, IMAGE, PYTHON, rejecting
from pytest_foodtrucks import (
    IsolationError,
    Network,
    Probe,
    ProbeError,
    ReachabilityError,
    ResolutionError,
    Service,
    assert_isolated,
    assert_not_resolves,
    assert_reachable,
    assert_resolves,
    reachability,
    service,
)
from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.probes.beacons import running_probe
from pytest_foodtrucks.services.definitions import ServiceDefinition, define

es = service(**ECHO, network="home", scope="function")
source = service(**IDLE, network="home", scope="function")
outsider = service(**IDLE, network="abroad", scope="function")


@pytest.fixture
def started(home: Network) -> Iterator[Callable[..., Container]]:
    """Start containers as a stranger does; they are removed after the test."""
    stack = home.stack
    made: list[str] = []

    def start(
        argv: Sequence[str], *, on: str, image: str = IMAGE, aliases: Sequence[str] = (), **host: object
    ) -> Container:
        name = f"foodtrucks-stranger-{secrets.token_hex(4)}"
        config = {
            "Image": image,
            "Cmd": list(argv),
            "Labels": dict(stack.labels("stranger")),
            "ExposedPorts": {"7000/tcp": {}},
            "HostConfig": {"NetworkMode": on, **host},
            "NetworkingConfig": {"EndpointsConfig": {on: {"Aliases": list(aliases)}}},
        }
        made.append(stack.engine.create_container(name, config))
        stack.engine.start_container(made[-1])
        return Container(stack.engine, made[-1], name, on)

    yield start
    for container in made:
        stack.engine.remove_container(container)


def signalled(name: str) -> list[str]:
    """Return a command that sends a signal to each other Python in its container."""
    code = (
        "import os, pathlib, signal\n"
        "for each in pathlib.Path('/proc').glob('[0-9]*'):\n"
        "    if b'python3' in (each / 'cmdline').read_bytes() and int(each.name) != os.getpid():\n"
        f"        os.kill(int(each.name), signal.{name})"
    )
    return ["python3", "-c", code]


def names_from(probe: Probe, resolv_conf: str) -> None:
    """Give a probe another resolv.conf."""
    assert probe.run(["sh", "-c", f"printf '{resolv_conf}' >/etc/resolv.conf"]).exit_code == 0


NAME_SERVER = """
import socket, sys, threading, time
wait, address = float(sys.argv[1]), sys.argv[2]
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 53))
print("ready", flush=True)

def answer(query, client):
    time.sleep(wait)
    end = query.index(b"\\0", 12) + 5
    record = b""
    if query[end - 4 : end - 2] == b"\\0\\1" and address != "none":
        record = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\1\\0\\4" + socket.inet_aton(address)
    flags = b"\\x81\\x83" if address == "none" else b"\\x81\\x80"
    counts = b"\\0\\1" + (b"\\0\\1" if record else b"\\0\\0") + b"\\0" * 4
    server.sendto(query[:2] + flags + counts + query[12:end] + record, client)

while True:
    threading.Thread(target=answer, args=server.recvfrom(512)).start()
"""


@contextmanager
def name_server(started: Callable[..., Container], on: Network, *, wait: float, address: str) -> Iterator[str]:
    """Start a name server that answers any name, or none, late or at once; yield its address."""
    container = started(["python", "-u", "-c", NAME_SERVER, str(wait), address], on=on.name, image=PYTHON)
    deadline = time.monotonic() + 20
    while "ready" not in container.logs() and time.monotonic() < deadline:
        time.sleep(0.05)
    yield container.ip


def defined(alias: str) -> ServiceDefinition:
    """Return the definition of a service on port 7000 that was started by hand."""
    return define({"image": IMAGE, "ports": [7000]}, alias=alias, folder=Path())


class TestWhoIsThere:
    """Containers that nobody thought of."""

    def test_a_stranger_on_the_network_isnt_isolated(self, home: Network, es: Service, outsider: Service) -> None:
        assert_isolated(outsider, es)
        home.connect(outsider)
        with pytest.raises(IsolationError, match=r"seen      connected, in each of 3 tries"):
            assert_isolated(outsider, es)
        with pytest.raises(ResolutionError):
            assert_not_resolves(outsider, es)

    def test_a_second_container_with_the_alias_is_misresolved(
        self, home: Network, abroad: Network, es: Service, started: Callable[..., Container]
    ) -> None:
        other = started(ECHO_COMMAND, on=home.name, aliases=["es"])
        assert set(home.standing_probe.resolve("es")) == {es.container.ip, other.ip}
        assert home.standing_probe.connect(es).kind == "misresolved"
        assert home.standing_probe.connect("es", 7000).kind == "misresolved"
        with pytest.raises(ResolutionError, match="misresolved"):
            assert_resolves(home, es)
        with pytest.raises(ReachabilityError, match="misresolved"):
            assert_reachable(home, es, timeout=0)
        assert reachability({"home": home}, [es]).signs["home", "es"] != "X"
        assert_isolated(abroad, es)

    def test_a_name_that_leads_to_somebody_else_is_no_isolation(
        self, abroad: Network, es: Service, started: Callable[..., Container]
    ) -> None:
        started(ECHO_COMMAND, on=abroad.name, aliases=["es"])
        with pytest.raises(IsolationError, match="misresolved"):
            assert_isolated(abroad, es)

    def test_a_target_that_moved_is_asked_at_its_new_address(
        self, home: Network, abroad: Network, es: Service, started: Callable[..., Container]
    ) -> None:
        before = es.container.ip
        home.disconnect(es)
        started(IDLE_COMMAND, on=home.name)
        home.connect(es, aliases=["es"])
        assert es.container.ip != before
        assert_resolves(home, es)
        assert_reachable(home, es)
        assert_isolated(abroad, es)

    def test_a_target_that_moves_meanwhile_is_no_answer(
        self, home: Network, abroad: Network, es: Service, started: Callable[..., Container]
    ) -> None:
        assert_isolated(abroad, es)  # so that what asks is there already

        def move() -> None:
            home.disconnect(es)
            started(IDLE_COMMAND, on=home.name)
            home.connect(es, aliases=["es"])

        moving = threading.Timer(0.8, move)
        moving.start()
        with pytest.raises(ProbeError, match=r"had the addresses .*, and has .* now"):
            assert_isolated(abroad, es)
        moving.join()


class TestTheTarget:
    """Silence must come from the network, and not from a target that is silent itself."""

    def test_one_that_doesnt_listen(self, home: Network, abroad: Network) -> None:
        with home.service(**IDLE, aliases=["mute"]) as mute:
            with pytest.raises(ProbeError, match="nothing listens on port 7000 of mute"):
                assert_isolated(abroad, mute, 7000)
            with pytest.raises(IsolationError, match="seen      refused"):
                assert_isolated(home, mute, 7000)
            with pytest.raises(ReachabilityError, match="seen      refused"):
                assert_reachable(home, mute, 7000, timeout=0)

    def test_one_that_listens_on_loopback_only(self, home: Network, abroad: Network) -> None:
        shy = ["httpd", "-f", "-p", "127.0.0.1:7000"]
        with (
            home.service(image=IMAGE, command=shy, aliases=["shy"]) as target,
            pytest.raises(ProbeError, match="nothing listens on port 7000 of shy"),
        ):
            assert_isolated(abroad, target, 7000)

    def test_one_that_is_paused(self, home: Network, abroad: Network, es: Service) -> None:
        api = es.__foodtrucks__.stack.engine.api
        api.pause(es.container.id)
        try:
            with pytest.raises(ProbeError, match="es is paused"):
                assert_isolated(abroad, es)
            with pytest.raises(ProbeError, match="es is paused: for a process that doesn't run"):
                assert_reachable(home, es, timeout=0)
            assert reachability({"home": home, "abroad": abroad}, [es]).signs == {
                ("home", "es"): "!",
                ("abroad", "es"): "!",
            }
        finally:
            api.unpause(es.container.id)
        assert_reachable(home, es)

    def test_one_that_accepts_and_closes_at_once(self, home: Network, abroad: Network) -> None:
        with home.service(
            image=IMAGE, command=["nc", "-ll", "-p", "7000", "-e", "true"], ports=[7000], aliases=["curt"]
        ) as curt:
            assert home.standing_probe.connect(curt).kind == "connected"
            assert_reachable(home, curt)
            assert_isolated(abroad, curt)

    def test_one_that_is_on_no_network_is_isolated(self, home: Network, source: Service, es: Service) -> None:
        home.disconnect(es)
        assert_isolated(source, es)
        assert_not_resolves(source, es)


class TestTheSource:
    """A source that can't ask has seen nothing."""

    def test_one_that_died(self, es: Service, source: Service, home: Network) -> None:
        with home.probe() as probe:
            home.stack.engine.api.kill(probe.container.id)
            for place in (probe, source):
                home.stack.engine.api.kill(source.container.id) if place is source else None
                with pytest.raises(ProbeError):
                    assert_isolated(place, es)
                with pytest.raises(ProbeError):
                    assert_reachable(place, es, timeout=0)
                with pytest.raises(ProbeError):
                    assert_not_resolves(place, es)
                with pytest.raises(ProbeError):
                    assert_resolves(place, es)
            assert probe.connect(es).kind == "inconclusive"
            assert reachability({"dead": source}, [es]).signs == {("dead", "es"): "!"}

    def test_one_whose_image_lacks_the_tool(self, home: Network, es: Service) -> None:
        with spoiled(home, started_as=IMAGE) as toolless:
            assert toolless.connect(es.container.ip, 7000).kind == "inconclusive"
            assert toolless.connect(es).kind == "inconclusive"
            for ask in (assert_isolated, assert_reachable, assert_resolves, assert_not_resolves):
                with pytest.raises(ProbeError, match=r"no agent starts there|doesn't resolve"):
                    ask(toolless, es)
            assert reachability({"toolless": toolless}, [es]).signs == {("toolless", "es"): "!"}

    def test_an_agent_that_is_killed_half_way(self, abroad: Network, es: Service) -> None:
        with abroad.probe() as probe:
            assert probe.resolve("nobody") == []  # the agent is there
            killing = threading.Timer(1.2, probe.run, [signalled("SIGKILL")])
            killing.start()
            verdict = probe.connect(es.container.ip, 7000)
            killing.join()
            assert verdict.kind == "inconclusive"
            assert probe.connect(es.container.ip, 7000).kind == "dropped", "another agent is started"
            killing = threading.Timer(0.8, probe.run, [signalled("SIGKILL")])
            killing.start()
            with pytest.raises(ProbeError):
                assert_isolated(probe, es)
            killing.join()

    def test_an_agent_that_hangs(self, home: Network, es: Service) -> None:
        with home.probe() as probe:
            assert probe.connect(es).kind == "connected"
            assert probe.run(signalled("SIGSTOP")).exit_code == 0
            assert probe.connect(es.container.ip, 7000).kind == "inconclusive"
            assert probe.connect(es).kind == "connected", "another agent is started"

    def test_an_agent_that_died_before_is_started_anew(self, home: Network, es: Service) -> None:
        with home.probe() as probe:
            assert probe.connect(es).kind == "connected"
            home.stack.engine.api.restart(probe.container.id, timeout=0)
            assert probe.connect(es).kind == "connected"


@contextmanager
def spoiled(on: Network, *, started_as: str) -> Iterator[Probe]:
    """Start a probe of another image."""
    stack = on.stack
    settings = stack.settings
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack, "settings", settings._replace(probe_image=started_as))
        probe = running_probe(stack, on.name, "a probe of an image without tools")
        with probe as started:
            patch.undo()
            yield started


class TestTheWay:
    """What lies between source and target."""

    @pytest.fixture
    def quiet(self, home: Network) -> Iterator[str]:
        """Make a network on which containers don't reach each other."""
        name = f"foodtrucks-net-quiet-{secrets.token_hex(4)}"
        api = home.stack.engine.api
        options = {"com.docker.network.bridge.enable_icc": "false"}
        api.create_network(name, driver="bridge", options=options, labels=dict(home.stack.labels()))
        yield name
        home.stack.engine.clear_network(name)
        api.remove_network(name)

    def test_traffic_between_containers_that_is_switched_off(
        self, home: Network, quiet: str, es: Service, source: Service
    ) -> None:
        for each in (es, source):
            home.stack.engine.connect(quiet, each.container.id, aliases=[each.alias])
            home.disconnect(each)
        with pytest.raises(ReachabilityError, match="seen      dropped"):
            assert_reachable(source, es, timeout=0)
        with pytest.raises(ProbeError, match="doesn't reach the beacon"):
            assert_isolated(source, es)

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            ("icmp-port-unreachable", "unreachable"),
            ("icmp-host-prohibited", "unreachable"),
            ("tcp-reset", "refused"),
        ],
    )
    def test_a_firewall_that_rejects(self, home: Network, es: Service, answer: str, kind: str) -> None:
        """The packet arrives, whatever the target's own firewall says: the network let it through."""
        with rejecting(es, answer):
            assert home.standing_probe.connect(es).kind == kind
            with pytest.raises(ReachabilityError, match=f"seen      {kind}"):
                assert_reachable(home, es, timeout=0)
            with pytest.raises(IsolationError, match=f"seen      {kind}"):
                assert_isolated(home, es)

    def test_a_port_that_is_published_on_all_addresses(
        self, home: Network, abroad: Network, started: Callable[..., Container]
    ) -> None:
        bindings = {"7000/tcp": [{"HostIp": "0.0.0.0", "HostPort": ""}]}  # noqa: S104 - the mutation
        container = started(ECHO_COMMAND, on=home.name, aliases=["open"], PortBindings=bindings)
        target = Service(home.stack, [home.ref], container, defined("open"))
        with pytest.raises(IsolationError, match="The port is published on all addresses of the engine's machine"):
            assert_isolated(abroad, target)
        assert_isolated(abroad, target, published=True)
        target.__foodtrucks__.close()

    def test_a_target_reached_by_ipv6_alone(
        self, home: Network, abroad: Network, started: Callable[..., Container]
    ) -> None:
        api, engine = home.stack.engine.api, home.stack.engine
        name, prefix = f"foodtrucks-net-six-{secrets.token_hex(4)}", f"fd00:{secrets.token_hex(2)}"
        ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=f"{prefix}::/64")])
        api.create_network(name, driver="bridge", ipam=ipam, enable_ipv6=True, labels=dict(home.stack.labels()))
        try:
            container = started(ECHO_COMMAND, on=name, aliases=["six"])
            target = Service(home.stack, [home.ref], container, defined("six"))
            with running_probe(home.stack, name, "a network with IPv6") as probe:
                four, six = container.attachments[0].addresses
                assert set(probe.resolve("six")) == {four, six}
                with detour(home, probe, four):
                    assert probe.connect(four, 7000).kind in {"dropped", "unreachable"}
                    assert (probe.connect(target).kind, probe.connect(target).address) == ("connected", six)
                    assert_reachable(probe, target)
                    with pytest.raises(IsolationError, match=r"way       \[fd00:"):
                        assert_isolated(probe, target)
            assert_isolated(abroad, target)  # from where there is no IPv6
            target.__foodtrucks__.close()
        finally:
            engine.clear_network(name)
            api.remove_network(name)


@contextmanager
def detour(on: Network, probe: Probe, address: str) -> Iterator[None]:
    """Let a probe have no route to an address."""
    name = f"foodtrucks-detour-{secrets.token_hex(4)}"
    engine = on.stack.engine
    config = {
        "Image": IMAGE,
        "Cmd": ["ip", "route", "add", "unreachable", f"{address}/32"],
        "Labels": dict(on.stack.labels("detour")),
        "HostConfig": {"NetworkMode": f"container:{probe.container.id}", "CapAdd": ["NET_ADMIN"]},
    }
    created = engine.create_container(name, config)
    try:
        engine.start_container(created)
        assert engine.api.wait(created)["StatusCode"] == 0, engine.logs(created)
        yield
    finally:
        engine.remove_container(created)


class TestNames:
    """What a name server can do."""

    def test_a_wildcard_in_a_search_domain(
        self, abroad: Network, es: Service, started: Callable[..., Container]
    ) -> None:
        with (
            name_server(started, abroad, wait=0, address="10.9.9.9") as server,
            abroad.probe() as probe,
        ):
            names_from(probe, f"search wild.example\\nnameserver {server}\\noptions ndots:1\\n")
            assert probe.resolve("anything") == ["10.9.9.9"]
            with pytest.raises(ProbeError, match="a wildcard"):
                assert_not_resolves(probe, "es")
            with pytest.raises(ProbeError, match="a wildcard"):
                assert_isolated(probe, es)
            with pytest.raises(ProbeError, match="a wildcard"):
                assert_resolves(probe, "es")
            with pytest.raises(ResolutionError, match="misresolved"):
                assert_resolves(probe, es)
            assert probe.connect(es).kind == "misresolved"

    def test_a_name_server_that_is_gone(self, abroad: Network, es: Service) -> None:
        with abroad.probe() as probe:
            names_from(probe, f"nameserver {abroad.subnet.rpartition('.')[0]}.250\\n")
            assert probe.connect(es).kind == "dns_failed"
            for ask in (assert_not_resolves, assert_resolves, assert_isolated):
                with pytest.raises(ProbeError, match=r"dns_failed|doesn't resolve"):
                    ask(probe, es)
            with pytest.raises(ProbeError):
                probe.resolve("es")

    def test_a_name_server_that_takes_three_seconds(
        self, home: Network, es: Service, started: Callable[..., Container]
    ) -> None:
        with name_server(started, home, wait=3, address=es.container.ip) as server, home.probe() as probe:
            names_from(probe, f"nameserver {server}\\n")
            assert probe.resolve("es") == [es.container.ip]
            assert probe.connect(es).kind == "connected"

    def test_a_late_answer_that_a_name_doesnt_exist(self, home: Network, started: Callable[..., Container]) -> None:
        with name_server(started, home, wait=3, address="none") as server, home.probe() as probe:
            names_from(probe, f"nameserver {server}\\n")
            assert probe.connect("nobody", 80).kind in {"unresolved", "dns_failed"}

    def test_a_name_in_the_hosts_file(self, abroad: Network, es: Service) -> None:
        with abroad.probe() as probe:
            probe.run(["sh", "-c", f"echo '{es.container.ip} es' >>/etc/hosts"])
            assert probe.resolve("es") == [es.container.ip]
            with pytest.raises(ResolutionError):
                assert_not_resolves(probe, "es")


def test_networks_that_are_created_meanwhile_open_the_way_for_a_moment(abroad: Network, es: Service) -> None:
    """Docker's own rule is away then; that is no answer, or is asked again, and never taken for the steady state."""
    engine, ended = abroad.stack.engine, threading.Event()

    def create() -> None:
        while not ended.is_set():
            name = f"foodtrucks-net-brief-{secrets.token_hex(4)}"
            made = engine.create_network(name, driver="bridge", internal=False, labels=abroad.stack.labels())
            engine.remove_network(made)

    creating = threading.Thread(target=create)
    creating.start()
    try:
        for _ in range(2):
            try:
                assert_isolated(abroad, es)
            except ProbeError as error:
                assert "networks were created or removed" in error.message  # noqa: PT017 - either is right
    finally:
        ended.set()
        creating.join()
    assert_isolated(abroad, es)
