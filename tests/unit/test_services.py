"""A service: where it is reached, how its readiness is asked, and that it goes."""

import http.server
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx2
import pytest

from fakes.agent import REFUSED, FakeAgent, http_reply
from fakes.container import state
from fakes.engine import FakeEngine
from fakes.machine import Names
from fakes.serving import serving
from fakes.session import new_stack, settings
from pytest_foodtrucks.containers.creation import free_port
from pytest_foodtrucks.engine.execs import ExecResult
from pytest_foodtrucks.errors import (
    CommandError,
    DefinitionError,
    EngineError,
    ImageError,
    NoAnswer,
    NotReady,
    NotReadyInTime,
    StartError,
)
from pytest_foodtrucks.probes.beacons import running_probe
from pytest_foodtrucks.services.definitions import ServiceDefinition, define
from pytest_foodtrucks.services.http_pool import LONGEST_BODY
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.running import Address
from pytest_foodtrucks.services.service import Service
from pytest_foodtrucks.services.starting import running_service
from pytest_foodtrucks.stacks.stack import Stack


def content(_: object) -> None:
    """Be content with any service."""


def defined(**keywords: Any) -> ServiceDefinition:
    """Return the definition of a service `web` of busybox."""
    return define({"image": "busybox", **keywords}, alias="web", folder=Path("/project"))


class Dying(FakeEngine):
    """An engine whose containers end at once."""

    def start_container(self, container: str) -> None:
        super().start_container(container)
        self.containers[container]["State"].update(Status="exited", ExitCode=78)


class Page(http.server.BaseHTTPRequestHandler):
    """A web app that answers 200 at /healthz, and elsewhere 503 without redirects; /slow and /long take their time."""

    def do_GET(self) -> None:
        endless = {"/slow": (b"x", 0.01), "/long": (b"x" * 65536, 0.0)}.get(self.path)
        if endless is not None:
            self.go_on(*endless)
            return
        body = b"fine" if self.path == "/healthz" else b"starting"
        self.send_response(200 if self.path == "/healthz" else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def go_on(self, piece: bytes, pause: float) -> None:
        """Answer with a body without a length: more than anybody wants to wait for, and yet the tests' own end."""
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):  # who asked has hung up
            for _ in range(300):
                self.wfile.write(piece)
                time.sleep(pause)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def app() -> Iterator[int]:
    """Return the port of a web app."""
    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)) as server:
        yield server.server_port


@pytest.fixture
def engine() -> FakeEngine:
    """Return an engine in memory."""
    return FakeEngine()


@pytest.fixture
def agent(engine: FakeEngine) -> FakeAgent:
    """Return what an agent on that engine answers."""
    assert isinstance(engine.agent, FakeAgent)
    return engine.agent


@pytest.fixture
def stack(engine: FakeEngine) -> Stack:
    """Return a stack on that engine, which gives each start one try and no sleep."""
    return new_stack(engine, timeout="0.000001")


@pytest.fixture
def network(stack: Stack) -> Network:
    """Return a network of the stack."""
    return Network(stack, "net", "bridge", internal=False)


@pytest.fixture
def up() -> Iterator[ExitStack]:
    """Return what stops the services of a test."""
    with ExitStack() as up:
        yield up


def run(network: Network, up: ExitStack, **keywords: Any) -> Service:
    """Start a service that is content with anything."""
    return up.enter_context(running_service(network.stack, [network.ref], defined(**{"ready": content, **keywords})))


# addresses


def test_an_address_is_the_engines_host_with_the_published_port(network: Network, up: ExitStack) -> None:
    service = run(network, up, ports=[5000, 5001])
    ports = service.container.ports
    assert service.address(5001) == Address("127.0.0.1", ports[5001]) == ("127.0.0.1", ports[5001])
    assert service.url == f"http://127.0.0.1:{ports[5000]}"
    assert service.internal_url == "http://web:5000"
    assert repr(service) == "<Service web on net>"


@pytest.mark.parametrize(
    ("written", "host"),
    [("127.0.0.2:{}:80", "127.0.0.2"), ("0.0.0.0:{}:80", None), ("{}:80", None), ("[::]:{}:80", None)],
)
def test_a_fixed_port_is_reached_at_the_address_of_the_host_that_it_has(
    engine: FakeEngine, network: Network, up: ExitStack, written: str, host: str | None
) -> None:
    fixed = free_port(engine)
    service = run(network, up, ports=[written.format(fixed)])
    assert service.address(80) == Address(engine.host if host is None else host, fixed)


def test_an_ipv6_host_stands_in_brackets(up: ExitStack) -> None:
    network = Network(new_stack(FakeEngine(host="::1", local=False)), "net", "bridge", internal=False)
    service = run(network, up, ports=[5000])
    assert service.url == f"http://[::1]:{service.container.ports[5000]}"
    assert service.address(5000).host == "::1"


def test_host_port_and_endpoint_are_of_the_first_port(network: Network, up: ExitStack) -> None:
    service = run(network, up, ports=[6379, 80])
    port = service.container.ports[6379]
    assert (service.host, service.port, service.endpoint) == ("127.0.0.1", port, f"127.0.0.1:{port}")
    assert service.address(80).endpoint == f"127.0.0.1:{service.container.ports[80]}"


def test_in_an_endpoint_an_ipv6_host_stands_in_brackets(up: ExitStack) -> None:
    network = Network(new_stack(FakeEngine(host="::1", local=False)), "net", "bridge", internal=False)
    service = run(network, up, ports=[6379])
    assert (service.host, service.endpoint) == ("::1", f"[::1]:{service.port}")


def test_urls_begin_with_the_scheme_and_http_is_asked_by_http(
    engine: FakeEngine, network: Network, up: ExitStack, app: int
) -> None:
    service = run(network, up, ports=[6379], scheme="redis")
    publish(engine, service, 6379, app)
    assert service.url == f"redis://127.0.0.1:{app}"
    assert service.internal_url == "redis://web:6379"
    assert service.http.get("/healthz").text == "fine"


def test_a_port_that_isnt_published_is_an_error_with_those_that_are(network: Network, up: ExitStack) -> None:
    service = run(network, up, ports=[5000])
    with pytest.raises(DefinitionError, match=r"doesn't publish port 80, only \[5000\]\. Remedy: add it to ports="):
        service.address(80)


def test_a_service_without_ports_has_no_url(network: Network, up: ExitStack) -> None:
    service = run(network, up)
    with pytest.raises(DefinitionError, match=r"web has no port\. Remedy: name the container's with ports="):
        _ = service.url
    for name in ("internal_url", "host", "port", "endpoint"):
        with pytest.raises(DefinitionError, match="web has no port"):
            getattr(service, name)


def test_on_an_internal_network_nothing_is_published(stack: Stack, up: ExitStack) -> None:
    service = run(Network(stack, "net", "bridge", internal=True), up, ports=[5000])
    assert service.internal_url == "http://web:5000"
    with pytest.raises(DefinitionError, match="on an internal network nothing is published"):
        service.address(5000)


def test_the_first_alias_is_its_name(network: Network, up: ExitStack) -> None:
    service = run(network, up, aliases=["es", "search"])
    assert (service.alias, service.__foodtrucks__.aliases) == ("es", ("es", "search"))


# the client


def publish(engine: FakeEngine, service: Service, port: int, host_port: int) -> None:
    """Let a port of the container be found at a port of this machine."""
    bindings = engine.containers[service.container.id]["HostConfig"]["PortBindings"]
    bindings[f"{port}/tcp"] = [{"HostIp": "127.0.0.1", "HostPort": str(host_port)}]


def test_the_client_has_the_url_as_its_base_and_finite_time_outs(
    engine: FakeEngine, network: Network, up: ExitStack, app: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    service = run(network, up, ports=[5000])
    publish(engine, service, 5000, app)
    assert service.client.get("/healthz").text == "fine"
    assert service.client.timeout == httpx2.Timeout(10.0)
    assert service.client is service.client


def test_the_client_is_closed_with_the_service(engine: FakeEngine, network: Network, app: int) -> None:
    with running_service(network.stack, [network.ref], defined(ports=[5000], ready=content)) as service:
        publish(engine, service, 5000, app)
        client = service.client
    assert client.is_closed


# gateway mode routed


def routed(engine: FakeEngine, service: Service, gateway: str) -> None:
    """Let all ports of a service be shown as Docker 28 does on a network in gateway mode routed."""
    settings = engine.containers[service.container.id]["NetworkSettings"]
    settings["Ports"] = {"5000/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}
    settings["Networks"]["net"].update(IPAddress="127.0.0.5", Gateway=gateway)


def test_a_routed_ports_address_is_the_containers_own(engine: FakeEngine, network: Network, up: ExitStack) -> None:
    service = run(network, up, ports=[5000])
    routed(engine, service, gateway="127.0.0.1")
    assert service.address(5000) == Address("127.0.0.5", 5000)
    assert (service.url, service.host, service.port) == ("http://127.0.0.5:5000", "127.0.0.5", 5000)


def test_while_it_doesnt_run_a_routed_ports_address_is_the_one_that_it_had(
    engine: FakeEngine, network: Network, up: ExitStack
) -> None:
    service = run(network, up, ports=[5000])
    routed(engine, service, gateway="127.0.0.1")
    assert service.url == "http://127.0.0.5:5000"
    settings = engine.containers[service.container.id]["NetworkSettings"]
    gone = {"IPAddress": "", "Gateway": ""}
    engine.containers[service.container.id]["NetworkSettings"] = {
        "Ports": {},
        "Networks": {"net": settings["Networks"]["net"] | gone},
    }
    assert service.url == "http://127.0.0.5:5000"


@pytest.mark.parametrize(("gateway", "local"), [("198.51.100.1", True), ("", True), ("127.0.0.1", False)])
def test_a_routed_port_that_isnt_reached_from_here_is_an_error_with_the_remedy(
    engine: FakeEngine,
    network: Network,
    up: ExitStack,
    gateway: str,
    local: bool,  # noqa: FBT001 - a parameter of pytest's
) -> None:
    engine.local = local
    service = run(network, up, ports=[5000])
    routed(engine, service, gateway=gateway)
    words = (
        r"Port 5000 of the service web is at no port of the engine's machine, .* gateway mode routed, .*Remedy: create "
    )
    with pytest.raises(DefinitionError, match=words):
        _ = service.url


def test_where_a_routed_port_isnt_reached_from_here_readiness_asks_beside_the_service(
    engine: FakeEngine, agent: FakeAgent, network: Network, up: ExitStack
) -> None:
    service = run(network, up, ports=[5000])
    routed(engine, service, gateway="198.51.100.1")
    agent.reply = http_reply(b"fine")
    assert service.__foodtrucks__.fetch("/") == (200, "fine")


# what readiness asks


def test_fetch_asks_through_the_published_port(engine: FakeEngine, network: Network, up: ExitStack, app: int) -> None:
    service = run(network, up, ports=[80, 5000])
    publish(engine, service, 5000, app)
    assert service.__foodtrucks__.fetch("/healthz", port=5000) == (200, "fine")
    assert service.__foodtrucks__.fetch("/", port=5000) == (503, "starting")


def test_fetch_asks_the_first_port_where_none_is_named(
    engine: FakeEngine, network: Network, up: ExitStack, app: int
) -> None:
    service = run(network, up, ports=[5000])
    publish(engine, service, 5000, app)
    assert service.__foodtrucks__.fetch("/healthz") == (200, "fine")


def test_fetch_without_an_answer_isnt_ready_and_tells_why(network: Network, up: ExitStack) -> None:
    service = run(network, up, ports=[5000])
    with pytest.raises(NotReady, match=r"GET /healthz on port 5000: .*refused"):
        service.__foodtrucks__.fetch("/healthz")


def test_fetch_of_a_body_that_goes_on_isnt_ready_when_its_time_is_over(
    engine: FakeEngine, network: Network, up: ExitStack, app: int
) -> None:
    service = run(network, up, ports=[5000])
    publish(engine, service, 5000, app)
    with pytest.raises(NotReady, match=r"GET /slow on port 5000: the answer didn't end within 0\.1 s$"):
        service.__foodtrucks__.fetch("/slow", timeout=0.1)


def test_fetch_reads_the_beginning_of_a_long_body(
    engine: FakeEngine, network: Network, up: ExitStack, app: int
) -> None:
    service = run(network, up, ports=[5000])
    publish(engine, service, 5000, app)
    assert service.__foodtrucks__.fetch("/long", timeout=10) == (200, "x" * LONGEST_BODY)


def test_fetch_from_beside_reads_the_beginning_of_a_long_body_too(
    agent: FakeAgent, network: Network, up: ExitStack
) -> None:
    service = run(network, up)
    agent.reply = http_reply(b"x" * 2 * LONGEST_BODY)
    assert service.__foodtrucks__.fetch("/", port=80) == (200, "x" * LONGEST_BODY)


def test_fetch_from_beside_tells_of_an_answer_whose_time_is_over(
    agent: FakeAgent, network: Network, up: ExitStack
) -> None:
    agent.reply = http_reply(trouble="the answer didn't end within 2 s")
    with pytest.raises(NotReady, match=r"GET / on port 80: .*the answer didn't end within 2 s"):
        run(network, up).__foodtrucks__.fetch("/", port=80)


def test_fetch_of_a_port_that_isnt_published_asks_from_beside_the_service(
    engine: FakeEngine, agent: FakeAgent, network: Network, up: ExitStack
) -> None:
    agent.reply = http_reply(b"beside")
    service = run(network, up, ports=[5000])
    assert service.__foodtrucks__.fetch("/", port=80) == (200, "beside")
    modes = [about["HostConfig"]["NetworkMode"] for about in engine.containers.values()]
    assert modes == ["net", f"container:{service.container.id}"]


def test_fetch_from_beside_without_an_answer_isnt_ready(agent: FakeAgent, network: Network, up: ExitStack) -> None:
    agent.reply = http_reply(trouble="ConnectionRefusedError")
    with pytest.raises(NotReady, match=r"GET / on port 80: .*no complete answer"):
        run(network, up).__foodtrucks__.fetch("/", port=80)


def test_one_probe_beside_a_service_serves_all_questions_and_goes_with_it(
    engine: FakeEngine, network: Network, up: ExitStack
) -> None:
    service = run(network, up, ports=[5000])
    assert service.__foodtrucks__.listens(5000)
    assert service.__foodtrucks__.listens(5001)
    assert len(engine.containers) == 2
    up.close()
    assert engine.containers == {}


def test_nothing_listens_where_the_probe_isnt_connected(agent: FakeAgent, network: Network, up: ExitStack) -> None:
    agent.other = REFUSED
    assert not run(network, up).__foodtrucks__.listens(5000)


def test_state_log_and_commands_are_the_containers(engine: FakeEngine, network: Network, up: ExitStack) -> None:
    service = run(network, up)
    engine.answer = lambda _: ExecResult(3, "out", "err")
    assert service.__foodtrucks__.state() == state()
    assert service.logs() == "a line of the log\n"
    assert service.exec(["ls"]) == ExecResult(3, "out", "err")


@pytest.mark.parametrize("tail", [-1, True, 1.5, "5", 10**10])
def test_a_number_of_lines_that_is_none_is_told(network: Network, up: ExitStack, tail: Any) -> None:
    web = run(network, up)
    for call in (web.logs, web.log_lines, web.container.logs, web.container.log_lines):
        with pytest.raises(DefinitionError, match=r"^tail=.*Remedy: give a whole number from 0 to"):
            call(tail=tail)


def test_a_commands_keywords_reach_the_engine_in_their_plain_form(
    engine: FakeEngine, network: Network, up: ExitStack
) -> None:
    service = run(network, up)
    service.exec(["cat"], env={"B": 1, "A": "x"}, user=1000, workdir="/app", input="ä", timeout=5)
    service.exec("cat", env=["A=1"], input=b"x")
    service.exec(["cat"])
    assert engine.run_with == [
        {"env": {"A": "x", "B": "1"}, "user": "1000", "workdir": "/app", "input": b"\xc3\xa4", "timeout": 5},
        {"env": {"A": "1"}, "input": b"x"},
        {},
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"env": "A=hunter2"},
        {"env": {"A": b"hunter2"}},
        {"env": {"A=B": "hunter2"}},
        {"user": ""},
        {"user": -1},
        {"workdir": "app"},
        {"workdir": 5},
        {"input": 5},
        {"input": ["x"]},
        {"timeout": 0},
        {"timeout": "5"},
        {"check": 1},
    ],
)
def test_what_no_command_can_be_run_with_is_refused_and_no_variable_shown(
    engine: FakeEngine, network: Network, up: ExitStack, wrong: dict[str, Any]
) -> None:
    service = run(network, up)
    with pytest.raises(DefinitionError, match=rf"^{next(iter(wrong))}.*Remedy: ") as raised:
        service.exec(["cat"], **wrong)
    assert "hunter2" not in str(raised.value)
    assert engine.run_with == []


def test_a_command_that_fails_is_an_error_if_it_is_checked(engine: FakeEngine, network: Network, up: ExitStack) -> None:
    service = run(network, up)
    engine.answer = lambda _: ExecResult(3, "x" * 100_000 + "\nthe output's end\n", "it\nbroke\n")
    assert service.exec("sh -c x").exit_code == 3
    with pytest.raises(CommandError) as raised:
        service.exec("sh -c x", check=True)
    error = raised.value
    assert (error.exit_code, len(error.stdout), error.stderr) == (3, 100_018, "it\nbroke\n")
    words = str(error)
    assert words.startswith("'sh -c x' in web (the container foodtrucks-web-")
    assert "ended with exit code 3. Remedy: see what it said" in words
    assert "Its standard error ended so:\n    it\n    broke\n" in words
    assert words.endswith("left out …\n    the output's end")
    assert len(words) < 1000


@pytest.mark.parametrize(
    ("code", "words"), [(1, "exit code 1. Remedy: .* It said nothing"), (None, "its exit code got lost")]
)
def test_a_command_that_fails_silently_is_an_error_too(
    engine: FakeEngine, network: Network, up: ExitStack, code: int | None, words: str
) -> None:
    engine.answer = lambda _: ExecResult(code, "", "")
    with pytest.raises(CommandError, match=words):
        run(network, up).exec(["false"], check=True)


def test_a_command_that_ends_well_is_its_result_if_it_is_checked(
    engine: FakeEngine, network: Network, up: ExitStack
) -> None:
    engine.answer = lambda _: ExecResult(0, "out", "")
    assert run(network, up).exec(["true"], check=True) == ExecResult(0, "out", "")


def test_a_command_that_doesnt_end_in_time_is_told_with_its_service(
    engine: FakeEngine, network: Network, up: ExitStack
) -> None:
    service = run(network, up)
    engine.answer = Mock(side_effect=TimeoutError)
    with pytest.raises(TimeoutError, match=r"^\['sleep', '9'\] in web \(the container foodtrucks-web-.*within 1 s"):
        service.exec(["sleep", "9"], timeout=1)


def test_a_command_in_a_service_that_ended_is_told_with_the_services_end(
    engine: FakeEngine, network: Network, up: ExitStack
) -> None:
    service = run(network, up)
    about = engine.containers[service.container.id]["State"]
    about.update(Status="exited", ExitCode=3, FinishedAt="2026-01-31T12:00:00Z")
    engine.answer = Mock(side_effect=EngineError("Container 9b7b is not running", status=409))
    with pytest.raises(EngineError) as raised:
        service.exec(["ls"])
    assert str(raised.value).startswith(f"['ls'] can't be run in web (the container {service.container.name}): it ")
    assert "it exited with exit code 3 at 2026-01-31 12:00:00 UTC. Remedy: see why" in str(raised.value)
    assert raised.value.status == 409
    with pytest.raises(StartError, match=r"Nothing can be asked beside web: it exited with exit code 3 at 2026-"):
        _ = service.__foodtrucks__.sidecar


def test_an_engine_that_is_away_when_a_command_is_to_run_is_told_with_the_containers_name(
    engine: FakeEngine, network: Network, up: ExitStack
) -> None:
    service = run(network, up)
    engine.answer = Mock(side_effect=NoAnswer(f"no answer when asked to run 'ls' in {service.container.id}"))
    for ask in (service.exec, service.container.exec_bytes):
        with pytest.raises(NoAnswer, match=f"in {service.container.name}$"):
            ask(["ls"])


def test_a_command_in_a_paused_service_is_told_so(engine: FakeEngine, network: Network, up: ExitStack) -> None:
    service = run(network, up)
    engine.pause_container(service.container.id)
    engine.answer = Mock(side_effect=EngineError("Container 9b7b is paused, unpause", status=409))
    with pytest.raises(EngineError, match=r"can't be run in web .*: it is paused\. Remedy"):
        service.exec(["ls"])


def test_what_couldnt_be_reached_isnt_started(monkeypatch: pytest.MonkeyPatch, up: ExitStack) -> None:
    monkeypatch.setattr("pytest_foodtrucks.engine.hostnames.getaddrinfo", Names())
    engine = FakeEngine(host="elsewhere.test", local=False)
    network = Network(new_stack(engine), "net", "bridge", internal=False)
    with pytest.raises(EngineError, match=r"reached at elsewhere\.test"):
        run(network, up, ports=[5000])
    assert engine.containers == {}
    run(network, up)


# on what it listens instead


@pytest.mark.parametrize(
    ("sockets", "seen"),
    [
        ([("tcp", "127.0.0.1", 5000)], "it listens on 127.0.0.1:5000, which only the container itself reaches"),
        ([("tcp", "::1", 5000), ("tcp", "0.0.0.0", 80)], "it listens on 0.0.0.0:80, [::1]:5000, which only the"),  # noqa: S104
        ([("tcp", "::", 8000), ("udp", "0.0.0.0", 5000)], "it listens on [::]:8000"),  # noqa: S104
        ([("tcp", "127.0.0.11", 40001)], "nothing listens on port 5000, nor on any other"),
        ([], "nothing listens on port 5000, nor on any other"),
    ],
)
def test_where_nothing_answers_it_is_told_on_what_the_service_listens(
    agent: FakeAgent, network: Network, up: ExitStack, sockets: list[tuple[str, str, int]], seen: str
) -> None:
    service = run(network, up)
    agent.sockets = sockets
    found = service.__foodtrucks__.listens_elsewhere(5000)
    assert found is not None
    assert seen in found[0]


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "172.30.0.2"])  # noqa: S104
def test_where_it_listens_on_its_own_address_nothing_is_told(
    agent: FakeAgent, network: Network, up: ExitStack, address: str
) -> None:
    service = run(network, up)
    agent.sockets = [("tcp", address, 5000)]
    assert service.__foodtrucks__.listens_elsewhere(5000) is None


# the default check


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        ({"healthcheck": {"test": "true"}, "ports": [5000]}, "its health check says starting"),
        ({"ports": [5000, 5001]}, "nothing listens on port 5000"),
        ({"healthcheck": {"disable": True}, "ports": [5000]}, "nothing listens on port 5000"),
    ],
)
def test_without_ready_it_is_the_health_check_else_each_port(
    agent: FakeAgent, network: Network, keywords: dict[str, Any], reason: str
) -> None:
    agent.other = REFUSED
    with (
        pytest.raises(NotReadyInTime, match=reason),
        running_service(network.stack, [network.ref], defined(**keywords)),
    ):
        pass


def test_without_health_check_and_ports_a_service_is_ready_when_it_runs(network: Network) -> None:
    with running_service(network.stack, [network.ref], defined()) as service:
        assert service.container.status == "running"


def test_all_of_several_checks_must_pass(network: Network) -> None:
    def never(_: object) -> None:
        raise NotReady("never")

    with (
        pytest.raises(NotReadyInTime, match="never"),
        running_service(network.stack, [network.ref], defined(ready=[content, never])),
    ):
        pass


# start and end


def test_a_running_service_is_known_to_the_stack_and_forgotten_when_it_goes(network: Network, stack: Stack) -> None:
    with running_service(network.stack, [network.ref], defined()) as service:
        assert stack.services == [service]
    assert stack.services == []


def test_what_was_built_and_cant_start_is_told_by_its_name(
    engine: FakeEngine, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Dockerfile").touch()
    monkeypatch.setattr(network.stack, "built", lambda _: "sha256:" + "ab" * 32)
    engine.start_errors = [EngineError("no such binary", status=400)]
    definition = define({"build": tmp_path}, alias="web", folder=tmp_path)
    with (
        pytest.raises(StartError, match=r"of web \(foodtrucks-build/\S+:[0-9a-f]{12}, abababababab\) can't be started"),
        running_service(network.stack, [network.ref], definition),
    ):
        pass


@pytest.mark.parametrize("words", ["no such binary", "mounts denied"])
def test_a_container_that_cant_start_is_removed(engine: FakeEngine, network: Network, words: str) -> None:
    engine.start_errors = [EngineError(words, status=400)]
    with pytest.raises(StartError, match=words), running_service(network.stack, [network.ref], defined()):
        pass
    assert engine.containers == {}


def test_a_service_that_dies_at_its_start_is_removed_and_its_log_shown(stack: Stack) -> None:
    engine = Dying()
    network = Network(new_stack(engine), "net", "bridge", internal=False)
    with (
        pytest.raises(StartError, match=r"web ended before it was ready, .* exited with exit code 78") as raised,
        running_service(network.stack, [network.ref], defined()),
    ):
        pass
    assert raised.value.logs == "a line of the log\n"
    assert engine.containers == {}
    assert stack.services == []


def test_a_service_that_isnt_ready_in_time_is_removed_with_its_probe(engine: FakeEngine, network: Network) -> None:
    engine.agent = FakeAgent(other=REFUSED)
    with pytest.raises(NotReadyInTime), running_service(network.stack, [network.ref], defined(ports=[5000])):
        pass
    assert engine.containers == {}


def test_at_a_debugger_a_service_that_isnt_ready_stays_until_the_session_ends(
    engine: FakeEngine, network: Network, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.agent = FakeAgent(other=REFUSED)
    stack.keeps_failed = True
    said: list[str] = []
    monkeypatch.setattr(stack, "say", said.append)
    with pytest.raises(NotReadyInTime), running_service(stack, [network.ref], defined(ports=[5000])):
        pass
    left = [about["Name"] for about in engine.containers.values()]
    (line,) = said
    assert line.startswith(f"the container {left[0]} stays until this session ends, for a look at it (docker logs ")
    stack.close()
    assert engine.containers == {}


def test_its_own_timeout_beats_the_option(network: Network) -> None:
    network.stack.settings = settings(timeout="3600")

    def never(_: object) -> None:
        raise NotReady("never")

    with (
        pytest.raises(NotReadyInTime, match=r"after 0\.\d s and 1 tries"),
        running_service(network.stack, [network.ref], defined(timeout=0.000_001, ready=never)),
    ):
        pass


def test_what_the_definition_says_reaches_the_engine(engine: FakeEngine, network: Network, up: ExitStack) -> None:
    service = run(network, up, environment=["A=1"], user=7, command="sleep 9", tmpfs="/run", aliases=["a", "b"])
    config = engine.containers[service.container.id]["Config"]
    assert (config["Env"], config["User"], config["Cmd"]) == (["A=1"], "7", ["sleep", "9"])
    assert config["HostConfig"]["Tmpfs"] == {"/run": ""}
    assert config["NetworkingConfig"]["EndpointsConfig"]["net"]["Aliases"] == ["a", "b"]
    assert config["Labels"]["pytest-foodtrucks.service"] == "a"


def test_a_probe_runs_its_own_command_whatever_its_images_entrypoint(engine: FakeEngine, stack: Stack) -> None:
    with running_probe(stack, "net", "the network net") as probe:
        config = engine.containers[probe.container.id]["Config"]
    assert config["Entrypoint"] == ["tail", "-f", "/dev/null"]
    assert "Cmd" not in config


def test_a_missing_image_of_probes_is_told_with_its_option(engine: FakeEngine, stack: Stack) -> None:
    engine.registry = {}
    with (
        pytest.raises(
            ImageError, match=r"^No probe can start: it needs the image of the option probe-image\. The image"
        ),
        running_probe(stack, "net", "the network net"),
    ):
        pass


def test_a_probe_that_cant_start_is_removed(engine: FakeEngine, stack: Stack) -> None:
    engine.start_errors = [EngineError("no such network", status=404)]
    with pytest.raises(StartError), running_probe(stack, "gone", "nowhere"):
        pass
    assert engine.containers == {}


async def _later(_: object) -> None: ...


async def _pieces(_: object) -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    "seed",
    [_later, _pieces, lambda _: iter([1]), lambda _: (n for n in [1]), lambda _: map(str, [1])],
)
def test_a_seed_that_returns_what_is_yet_to_run_is_refused(stack: Stack, seed: Any) -> None:
    network = Network(stack, "net", "bridge", internal=False)
    with (
        pytest.raises(DefinitionError, match=r"^tests.*py:[0-9]+: The seed of web returned <.*Remedy: do all within a"),
        running_service(network.stack, [network.ref], defined(ready=content), seed=seed),
    ):
        pass
    assert isinstance(stack.engine, FakeEngine)
    assert stack.engine.containers == {}


@pytest.mark.parametrize(
    ("log_error", "notes"),
    [
        (None, ["Its service logged meanwhile:\n    a line of the log"]),
        (EngineError("no driver"), ["Its service logged meanwhile:\n    (its log can't be read: no driver)"]),
    ],
)
def test_a_failed_seeds_error_has_the_services_last_log_lines(log_error: EngineError | None, notes: list[str]) -> None:
    def seed(_: object) -> None:
        raise RuntimeError("no seed today")

    engine = FakeEngine()
    engine.log_error = log_error
    network = Network(new_stack(engine), "net", "bridge", internal=False)
    with (
        pytest.raises(RuntimeError, match="no seed today") as raised,
        running_service(network.stack, [network.ref], defined(ready=content), seed=seed),
    ):
        pass
    assert getattr(raised.value, "__notes__", []) == notes
    assert engine.containers == {}
