"""Faults on a real engine: they do what they say, heal on the way out, and leave all that was in hand working."""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Unpack

import httpx2
import pytest

from lab import PYTHON
from pytest_foodtrucks import (
    FaultError,
    Network,
    NotReady,
    Probe,
    Service,
    network,
    ready,
)
from pytest_foodtrucks.services.definitions import ServiceKeywords

from .conftest import Downstream

PATIENCE = 30.0

SOURCE = """
import http.server, os, signal, sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit())
lives = "/lives"
with open(lives, "a") as file:
    file.write("x")

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = str(len(open(lives).read())).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("", 8000), Handler)
print("serving", flush=True)
server.serve_forever()
"""
"""A service that keeps connections, ends on SIGTERM, and answers in which of its lives it is."""

IDLE = ["sh", "-c", "trap exit TERM; sleep 600 & wait"]
"""Unlike sleep as PID 1, it ends on SIGTERM."""

ABOUT: ServiceKeywords = {"image": PYTHON, "command": ["python", "-c", SOURCE], "ports": [8000]}

Fault = Callable[[Service], AbstractContextManager[None]]
KINDS: dict[str, Fault] = {
    "paused": Service.paused,
    "stopped": Service.stopped,
    "killed": Service.killed,
    "disconnected": Service.disconnected,
}
LIVES = {"paused": "1", "stopped": "2", "killed": "2", "disconnected": "1"}
SILENT = 0.5
"""Seconds after which a service is taken for silent where silence is expected."""

each_kind = pytest.mark.parametrize("kind", KINDS)

second_net = network()


@contextmanager
def serving(network: Network, alias: str, **keywords: Unpack[ServiceKeywords]) -> Iterator[Service]:
    """Run the service on a network."""
    given: ServiceKeywords = {**ABOUT, "aliases": [alias, f"{alias}-too"], **keywords}
    with network.service(**given) as service:
        yield service


@pytest.fixture
def victim(foodtrucks_net: Network, nothing_left: None) -> Iterator[Service]:
    """Return a service of the test's own, and see that nothing of it stays."""
    del nothing_left
    with serving(foodtrucks_net, "victim") as victim:
        yield victim


def lives(client: httpx2.Client, *, within: float = 10.0) -> str | None:
    """Ask in which life it is; None where no answer comes `within` seconds, many more than it takes."""
    try:
        return client.get("/", timeout=within).text
    except httpx2.TransportError:
        return None


# what was in hand works again


@each_kind
def test_traffic_stops_and_all_that_was_in_hand_works_again(victim: Service, net_probe: Probe, kind: str) -> None:
    client, url, ports, internal = victim.client, victim.url, victim.container.ports, victim.internal_url
    with httpx2.Client(base_url=url, trust_env=False) as own:
        assert [lives(client), lives(own)] == ["1", "1"]
        with KINDS[kind](victim):
            assert [lives(client, within=SILENT), lives(own, within=SILENT)] == [None, None]
        assert [lives(client), lives(own)] == [LIVES[kind]] * 2, "the very first request is answered"
    assert (victim.client, victim.url, victim.container.ports) == (client, url, ports)
    assert net_probe.http(internal).text == LIVES[kind]
    assert net_probe.resolve("victim") == net_probe.resolve("victim-too") == [victim.container.ip]


@each_kind
def test_nothing_else_is_disturbed(victim: Service, foodtrucks_net: Network, kind: str) -> None:
    ended = threading.Event()
    answers: list[str | None] = []

    def ask(service: Service) -> None:
        while not ended.wait(0.01):
            answers.append(lives(service.client))

    with serving(foodtrucks_net, "neighbour") as neighbour:
        thread = threading.Thread(target=ask, args=(neighbour,))
        thread.start()
        try:
            for _ in range(3):
                with KINDS[kind](victim):
                    time.sleep(0.05)
        finally:
            ended.set()
            thread.join()
    assert set(answers) == {"1"}


def test_what_waits_for_a_paused_service_gets_its_answer(victim: Service) -> None:
    answers: list[str] = []
    assert lives(victim.client) == "1"
    asking = threading.Thread(target=lambda: answers.append(victim.client.get("/").text))
    with victim.paused():
        asking.start()
        asking.join(0.3)
        assert answers == []
    asking.join(PATIENCE)
    assert answers == ["1"]


def test_a_restart_is_a_new_life_at_the_same_place(victim: Service) -> None:
    url = victim.url
    assert lives(victim.client) == "1"
    victim.restart()
    assert lives(victim.client) == "2"
    victim.container.exec(["python", "-c", "import os, signal; os.kill(1, signal.SIGTERM)"])
    await_(lambda: victim.container.status == "exited")
    victim.restart()
    assert (lives(victim.client), victim.url) == ("3", url)


def await_(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("kind", ["stopped", "killed", "disconnected"])
def test_somebody_else_may_get_its_address_and_all_works_again(
    victim: Service, foodtrucks_net: Network, net_probe: Probe, kind: str
) -> None:
    address = victim.container.ip
    assert lives(victim.client) == "1"
    with KINDS[kind](victim):
        assert victim.container.ip == ""
        assert net_probe.resolve("victim") == []
        thief = foodtrucks_net.service(image=PYTHON, command=["sleep", "600"], aliases=["thief"])
        taken = thief.__enter__()
    try:
        assert taken.container.ip == address
        assert lives(victim.client) == LIVES[kind]
        assert net_probe.resolve("victim") == [victim.container.ip] != [address]
        assert net_probe.connect(victim).kind == "connected"
    finally:
        thief.__exit__(None, None, None)


def test_connections_that_a_new_address_resets_are_not_used_again(downstream: Downstream, bridge_probe: Probe) -> None:
    """At another address than loopback no proxy of the engine's is between, and connections are the container's own."""
    gateway = bridge_probe.container.attachments[0].gateways[0]
    downstream.write(
        test_it=f"""
        SOURCE = {SOURCE!r}

        def test_it(foodtrucks_net):
            about = dict(image={PYTHON!r}, command=["python", "-c", SOURCE], ports=[8000])
            thief = foodtrucks_net.service(image={PYTHON!r}, command=["sleep", "600"], aliases=["thief"])
            with foodtrucks_net.service(aliases=["victim"], **about) as victim:
                before = victim.container.ip
                assert victim.client.get("/").text == "1"
                with victim.disconnected():
                    thief.__enter__()
                assert victim.client.get("/").text == "1"
                assert victim.container.ip != before
                thief.__exit__(None, None, None)
        """
    )
    downstream.run(f"--foodtrucks-host={gateway}").assert_outcomes(passed=1)


def test_other_networks_stay_as_the_test_has_them(victim: Service, second_net: Network) -> None:
    with second_net.probe() as stranger:
        second_net.connect(victim, aliases=["guest"])
        try:
            for kind, fault in KINDS.items():
                with fault(victim):
                    if kind == "disconnected":
                        assert stranger.connect("guest", 8000).kind == "connected"
                assert stranger.connect("guest", 8000).kind == "connected", kind
                assert lives(victim.client) is not None, kind
        finally:
            second_net.disconnect(victim)


# readiness


@pytest.mark.parametrize(
    "checks", [ready.http("/"), ready.tcp(), ready.log("^serving$"), ready.exec(["test", "-e", "/lives"])]
)
def test_a_fault_ends_when_the_definitions_own_check_passes(foodtrucks_net: Network, checks: ready.Check) -> None:
    with serving(foodtrucks_net, "checked", ready=checks) as service:
        for kind, fault in KINDS.items():
            with fault(service):
                pass
            assert service.container.status == "running", kind
            assert service.container.ip != "", kind


def test_a_line_of_the_life_before_makes_nothing_ready(foodtrucks_net: Network) -> None:
    command = "if [ -e /been ]; then sleep 1; fi; touch /been; echo up; exec sleep 600"
    with foodtrucks_net.service(
        image=PYTHON, command=["sh", "-c", command], aliases=["slow"], ready=ready.log("^up$")
    ) as slow:
        with slow.killed():
            pass
        assert slow.logs().splitlines() == ["up", "up"]


def test_a_health_check_is_asked_anew(foodtrucks_net: Network) -> None:
    check = {"test": ["CMD", "test", "-e", "/lives"], "interval": "300ms"}
    with serving(foodtrucks_net, "healthy", healthcheck=check) as service:
        for fault in KINDS.values():
            with fault(service):
                pass
            assert service.__foodtrucks__.state().health == "healthy"


def test_an_internal_service_is_asked_from_beside_it(nothing_left: None, downstream: Downstream) -> None:
    del nothing_left
    downstream.write(
        test_it=f"""
        import pytest
        from pytest_foodtrucks import Service, network

        quiet_net = network(internal=True)

        @pytest.mark.parametrize("fault", [Service.paused, Service.stopped, Service.killed, Service.disconnected])
        def test_it(quiet_net, fault):
            about = dict(image={PYTHON!r}, command=["python", "-c", {SOURCE!r}], ports=[8000], aliases=["quiet"])
            with quiet_net.service(**about) as quiet, quiet_net.probe() as probe:
                with fault(quiet):
                    assert quiet.container.status != "running" or quiet.container.ip == ""
                assert probe.connect(quiet).kind == "connected"
        """
    )
    downstream.run().assert_outcomes(passed=4)


def test_a_service_that_does_not_come_back_is_told_within_its_own_time(foodtrucks_net: Network) -> None:
    allowed = True

    def check(_: object) -> None:
        if not allowed:
            raise NotReady("this test says no")

    with serving(foodtrucks_net, "late", ready=check, timeout=1) as late:
        allowed = False
        with pytest.raises(Exception, match=r"late was not ready after [12]\.\d s .*this test says no"), late.paused():
            pass


# what goes wrong meanwhile


@each_kind
def test_a_container_that_was_removed_meanwhile_is_named(foodtrucks_net: Network, kind: str) -> None:
    with serving(foodtrucks_net, "gone") as gone:
        name = gone.container.name
        with pytest.raises(FaultError, match=rf"its container {name} was removed"), KINDS[kind](gone):
            foodtrucks_net.stack.engine.remove_container(gone.container.id)


def test_a_failing_test_keeps_its_own_error_and_is_told_what_could_not_be_healed(downstream: Downstream) -> None:
    downstream.write(
        test_it=f"""
        import pytest

        @pytest.mark.parametrize("kind", {list(KINDS)})
        def test_it(foodtrucks_net, kind):
            with foodtrucks_net.service(image={PYTHON!r}, command={IDLE!r}, aliases=["gone"]) as gone:
                with getattr(gone, kind)():
                    foodtrucks_net.stack.engine.remove_container(gone.container.id)
                    assert "this" == "the test's own"
        """
    )
    result = downstream.run()
    result.assert_outcomes(failed=4)
    for kind in KINDS:
        result.stdout.fnmatch_lines(
            [f"*test_it?{kind}? *", "E *assert 'this' == *", f"E *gone was {kind} and can't be healed: *"]
        )


def test_a_failing_test_heals_for_the_next(downstream: Downstream) -> None:
    downstream.write(
        conftest=f"""
        from pytest_foodtrucks import service
        about = dict(image={PYTHON!r}, command=["python", "-c", {SOURCE!r}], ports=[8000])
        paused, stopped, killed, disconnected = service(**about), service(**about), service(**about), service(**about)
        """,
        test_it=f"""
        import pytest

        @pytest.mark.parametrize("kind", {list(KINDS)})
        class TestOneAfterTheOther:
            def test_first(self, request, kind):
                with getattr(request.getfixturevalue(kind), kind)():
                    assert False

            def test_second(self, request, kind):
                assert request.getfixturevalue(kind).client.get("/").text in "12"
        """,
    )
    downstream.run().assert_outcomes(passed=4, failed=4)


def take(somebody: socket.socket, port: int) -> None:
    """Let somebody listen on a host port."""
    somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    somebody.bind(("127.0.0.1", port))
    somebody.listen()


@pytest.mark.parametrize("kind", ["stopped", "killed", "disconnected"])
def test_a_host_port_that_somebody_takes_for_a_while_is_awaited(victim: Service, kind: str) -> None:
    port = victim.container.ports[8000]
    with socket.socket() as somebody:
        timer = threading.Timer(1.0, somebody.close)
        with KINDS[kind](victim):
            take(somebody, port)
            timer.start()
        timer.join()
    assert lives(victim.client) == LIVES[kind]


def test_a_host_port_that_stays_taken_is_named_and_a_restart_mends_it(victim: Service) -> None:
    port = victim.container.ports[8000]
    with (
        socket.socket() as somebody,
        pytest.raises(FaultError, match=rf"victim was killed and can't be healed: its host port {port} was taken"),
        victim.killed(),
    ):
        take(somebody, port)
    victim.restart()
    assert lives(victim.client) == "2"


# faults within faults, and workers


def test_one_fault_at_a_time(victim: Service) -> None:
    for kind, fault in KINDS.items():
        with fault(victim):
            for other, another in KINDS.items():
                with pytest.raises(FaultError, match=rf"victim can't be {other}: .* Remedy: "), another(victim):
                    pytest.fail("the block ran")
        assert lives(victim.client) is not None, kind


def test_two_services_may_be_away_at_the_same_time(victim: Service, foodtrucks_net: Network) -> None:
    with serving(foodtrucks_net, "neighbour") as neighbour:
        with victim.stopped(), neighbour.disconnected():
            away = [victim.client, neighbour.client]
            assert [lives(client, within=SILENT) for client in away] == [None, None]
        assert [lives(victim.client), lives(neighbour.client)] == ["2", "1"]


def test_what_workers_share_has_no_faults_and_ones_own_has(downstream: Downstream) -> None:
    downstream.write(
        conftest=f"""
        from pytest_foodtrucks import service
        about = dict(image={PYTHON!r}, command=["python", "-c", {SOURCE!r}], ports=[8000])
        everybodys = service(**about)
        own = service(**about, shared=False)
        short = service(**about, scope="module")
        """,
        test_it="""
        import pytest
        from pytest_foodtrucks import FaultError

        def test_shared(everybodys):
            for fault in (everybodys.paused, everybodys.stopped, everybodys.killed, everybodys.disconnected):
                with pytest.raises(FaultError, match="one for all xdist workers.*shared=False"), fault():
                    pytest.fail("the block ran")
            with pytest.raises(FaultError, match="one for all xdist workers"):
                everybodys.restart()

        @pytest.mark.parametrize("fixture", ["own", "short"])
        def test_own(request, fixture):
            service = request.getfixturevalue(fixture)
            with service.killed():
                pass
            assert service.client.get("/").text == "2"
        """,
    )
    downstream.run("-n2", "--dist=each").assert_outcomes(passed=6)


@pytest.mark.parametrize(
    "kind",
    [
        "paused",
        pytest.param("stopped", marks=pytest.mark.slow),  # it has exited then, as one that was killed
        "killed",
        "disconnected",
    ],
)
def test_a_session_that_is_killed_meanwhile_leaves_nothing(
    downstream: Downstream, ours_on_engine: Callable[[], set[str]], kind: str
) -> None:
    downstream.write(
        conftest=f"""
        from pytest_foodtrucks import service
        victim = service(image={PYTHON!r}, command=["python", "-c", {SOURCE!r}], ports=[8000])
        """,
        test_it=f"""
        import os, signal

        def test_it(victim):
            with victim.{kind}():
                os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    before = ours_on_engine()
    assert downstream.run().ret == -signal.SIGKILL
    await_(lambda: ours_on_engine() <= before)
