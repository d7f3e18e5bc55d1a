"""Small real stand-ins for what the package speaks to: a clock, a service, an engine in memory."""

import itertools
import re
import shlex
import shutil
import socket
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from pytest_foodtrucks.containers.compose import ContainerSpec
from pytest_foodtrucks.containers.container import Container, ContainerState
from pytest_foodtrucks.containers.creation import Creation
from pytest_foodtrucks.containers.progress import Progress
from pytest_foodtrucks.engine.endpoints import Endpoint
from pytest_foodtrucks.engine.engine import Engine, Kind
from pytest_foodtrucks.engine.execs import ExecResult, ExecStream
from pytest_foodtrucks.engine.labels import NAME_LABEL
from pytest_foodtrucks.engine.logs import Search, search
from pytest_foodtrucks.errors import EngineError, NotReady
from pytest_foodtrucks.fixtures.stash import SETTINGS, STACK, worker_id
from pytest_foodtrucks.services.definitions import ServiceDefinition, define
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.service import Service
from pytest_foodtrucks.sessions.owners import Owner
from pytest_foodtrucks.sessions.session import Run
from pytest_foodtrucks.settings import OPTIONS, Settings, read_settings
from pytest_foodtrucks.stacks.kept import Kept, settle
from pytest_foodtrucks.stacks.stack import Stack

T = TypeVar("T")

OPEN = ExecResult(0, "open\n", "")
"""What the probe's shell says of a port that is open."""

REFUSED = ExecResult(1, "nc: can't connect to remote host (1.2.3.4): Connection refused\n", "")
DROPPED = ExecResult(1, "nc: timed out\n", "")
RESOLVER_FILES = ExecResult(0, "nameserver 127.0.0.11\noptions ndots:0\n=hosts=\n127.0.0.1\tlocalhost\n", "")


class Clock:
    """Seconds that pass only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def _bytes(text: str) -> bytes:
    r"""Return what stands for a text; a byte that is no UTF-8 is written as Python shows it in a path, \udcff."""
    return text.encode(errors="surrogateescape")


class Names(dict[str, tuple[str, ...]]):
    """What this machine's look-up has, instead of getaddrinfo; `asked` are the names that were looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def __call__(self, host: str, port: None, *, type: int) -> list[tuple[object, ...]]:  # noqa: A002 - its name there
        del port
        self.asked.append(host)
        if host.lower() not in self:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, type, 6, "", (address, 0)) for address in self[host.lower()]]


def state(status: str = "running", **about: Any) -> ContainerState:
    """Return a container's state; what isn't given is as for one that runs well."""
    well = {"exit_code": 0, "oom_killed": False, "error": "", "health": None, "health_output": ""}
    return ContainerState(status=status, **{**well, **about})


WRITTEN = 4105080000
"""When the fakes' logs were written, in seconds of the epoch: in 2100, after any test began, and each line a second
after the one before."""


def stamped(log: str, *, since: float | None = None) -> list[bytes]:
    """Return a log as the engine sends it where time stamps are asked for."""
    times = [WRITTEN + number for number in range(log.count("\n") + 1)]
    pairs = zip(times, log.encode().splitlines(keepends=True), strict=False)
    return [
        f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S}.000000000Z ".encode() + line
        for moment, line in pairs
        if since is None or moment >= since
    ]


class Target:
    """A service as readiness checks see it, which answers what its attributes say."""

    def __init__(self, *, answers: Sequence[tuple[int, str]] = (), container_ports: Sequence[int] = ()) -> None:
        self.alias = "es"
        self.container_ports = container_ports
        self.states = [state()]
        self.log = ""
        self.open_ports: set[int] = set()
        self.result = ExecResult(0, "", "")
        self.asked: list[str] = []
        self.searched_since: list[float | None] = []
        self._answers = iter(answers)

    def state(self) -> ContainerState:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def logs(self, *, tail: int | None = None) -> str:
        lines = self.log.splitlines(keepends=True)
        return "".join(lines if tail is None else lines[-tail:])

    def last_words(self, *, lines: int) -> str:
        return self.logs(tail=lines)

    def search_log(self, pattern: re.Pattern[str], *, since: float | None = None) -> Search:
        self.searched_since.append(since)
        return search(stamped(self.log), pattern)

    def exec(self, argv: Sequence[str], *, timeout: float | None = None) -> ExecResult:
        del timeout
        self.asked.append(" ".join(argv))
        return self.result

    def listens(self, port: int) -> bool:
        return port in self.open_ports

    def fetch(self, path: str, *, port: int | None = None, timeout: float = 2.0) -> tuple[int, str]:
        self.asked.append(f"{path} on {port} within {timeout}")
        answer = next(self._answers, None)
        if answer is None:
            raise NotReady("nobody answers")
        return answer


class FakeStream(ExecStream):
    """A kept shell in memory: each question is answered by a function; one whose exit code is None has no line."""

    def __init__(self, answer: Callable[[Sequence[str]], ExecResult]) -> None:
        self.answer = answer
        self.said: list[bytes] = []
        self.closed = False

    def send(self, data: bytes) -> None:
        heard = data.decode()
        for line in re.findall(r"^ask (.*) &$", heard, re.MULTILINE):
            nonce, index, *argv = shlex.split(line)
            result = self.answer(argv)
            if result.exit_code is not None:
                words = "|".join(result.stdout.splitlines())
                self.said.append(f"{nonce} {index} 10.00 10.01 {result.exit_code}|{words}\n".encode())
            else:
                self.said.append(result.stdout.encode())
        self.said += [f"{words}\n".encode() for words in re.findall(r"^echo (pong|\w+ end)$", heard, re.MULTILINE)]

    def receive(self, seconds: float) -> bytes:
        del seconds
        return self.said.pop(0)

    def close(self) -> None:
        self.closed = True


class FakeEngine(Engine):
    """An engine in memory: a container is what it was created from, and runs once it was started.

    `start_errors` are raised by the next starts and connections, `network_errors` by the next creations of networks,
    `images` are there, `named` has the ids of those that were built, `registry` can be pulled; `answer` is what a
    command in a container says, and a kept shell too. `changes` tells, one question after the other, whether networks
    were created meanwhile.
    """

    def __init__(self, *, host: str = "127.0.0.1", local: bool = True) -> None:
        self.kind = "docker"
        self.version = "27.0"
        self.endpoint = Endpoint("unix:///run/fake.sock")
        self.url = self.endpoint.url
        self.local = local
        self.host = host
        self.images: set[str] = set()
        self.named: dict[str, str] = {}
        self.registry: dict[str, list[dict[str, Any]]] = {"busybox": []}
        self.containers: dict[str, dict[str, Any]] = {}
        self.networks: dict[str, dict[str, Any]] = {}
        self.start_errors: list[EngineError] = []
        self.network_errors: list[EngineError] = []
        self.answer: Callable[[Sequence[str]], ExecResult] = lambda _: OPEN
        self.log = "a line of the log\n"
        self.log_error: EngineError | None = None
        self.events: list[str] = []
        self.closed = False
        self.ahead = 0.0
        self.created_at = 0.0
        self.name = "one engine"
        self.is_silent = False
        self.changes: list[bool] = []
        self._numbers = itertools.count()

    def close(self) -> None:
        self.closed = True

    @property
    def silent(self) -> bool:
        return self.is_silent

    def identity(self) -> str:
        return self.name

    def clock_difference(self) -> float:
        return self.ahead

    def networks_changed(self, seconds: float) -> bool:
        del seconds
        return self.changes.pop(0) if self.changes else False

    def image_id(self, image: str) -> str | None:
        return self.named.get(image, f"sha256:{image}" if image in self.images else None)

    def tag_image(self, image: str, name: str) -> None:
        self.named[name] = image

    def untag_image(self, name: str) -> None:
        del self.named[name]

    def pull(self, image: str) -> Iterator[dict[str, Any]]:
        if image not in self.registry:
            raise EngineError(f"The engine could not pull {image}: manifest unknown", status=404)
        self.events.append(f"pull {image}")
        yield from self.registry[image]
        self.images.add(image)

    def create_network(
        self, name: str, *, driver: str, internal: bool, labels: Mapping[str, str], subnet: str | None = None
    ) -> str:
        if self.network_errors:
            raise self.network_errors.pop(0)
        network_id = f"network{next(self._numbers)}"
        config = [{"Subnet": subnet if subnet is not None else "172.30.0.0/16", "Gateway": "172.30.0.1"}]
        self.networks[network_id] = {
            "Name": name,
            "Driver": driver,
            "Internal": internal,
            "Labels": {**labels, NAME_LABEL: name},
            "IPAM": {"Config": config},
            "Containers": {},
        }
        return network_id

    def subnets(self) -> list[str]:
        return [config["Subnet"] for about in self.networks.values() for config in about["IPAM"]["Config"]]

    def inspect_network(self, network: str) -> dict[str, Any]:
        if network not in self.networks:
            raise EngineError(f"no such network: {network}", status=404)
        return self.networks[network]

    def connect(self, network: str, container: str, *, aliases: Sequence[str] = ()) -> None:
        if self.start_errors:
            raise self.start_errors.pop(0)
        about = {"Name": container, "Aliases": list(aliases)}
        self.networks[network]["Containers"][container] = about
        if container in self.containers:
            endpoint = {"IPAddress": "172.30.0.2", "Aliases": list(aliases)}
            self._endpoints(container)[self.networks[network]["Name"]] = endpoint

    def disconnect(self, network: str, container: str, *, force: bool = False) -> None:
        self.events.append(f"disconnect {container}{' by force' if force else ''}")
        self.networks[network]["Containers"].pop(container, None)
        if container in self.containers:
            del self._endpoints(container)[self.networks[network]["Name"]]

    def _endpoints(self, container: str) -> dict[str, Any]:
        endpoints: dict[str, Any] = self.containers[container]["NetworkSettings"]["Networks"]
        return endpoints

    def clear_network(self, network: str) -> None:
        for container in list(self.networks[network]["Containers"]):
            self.disconnect(network, container, force=True)

    def remove_network(self, network: str) -> None:
        if self.networks[network]["Containers"]:
            raise EngineError(f"network {network} has active endpoints", status=403)
        del self.networks[network]

    def create_container(self, name: str, config: Mapping[str, Any]) -> str:
        container_id = f"container{next(self._numbers)}"
        config = {**config, "Labels": {**config.get("Labels", {}), NAME_LABEL: name}}
        self.events.append(f"create {name.rpartition('-')[0]}")
        network = config["HostConfig"]["NetworkMode"]
        endpoints = config.get("NetworkingConfig", {}).get("EndpointsConfig", {})
        self.containers[container_id] = {
            "Name": name,
            "Config": dict(config),
            "HostConfig": config["HostConfig"],
            "State": {"Status": "created", "ExitCode": 0, "OOMKilled": False, "Error": ""},
            "NetworkSettings": {"Networks": {network: {"IPAddress": "172.30.0.2", **endpoints.get(network, {})}}},
        }
        return container_id

    def start_container(self, container: str) -> None:
        if self.start_errors:
            raise self.start_errors.pop(0)
        self.events.append(f"start {self.containers[container]['Name'].rpartition('-')[0]}")
        self.containers[container]["State"].update(Status="running", StartedAt=f"start {next(self._numbers)}")

    def stop_container(self, container: str, *, timeout: int) -> None:
        self._ended(container, f"stop within {timeout}")

    def kill_container(self, container: str) -> None:
        self._ended(container, "kill")

    def _ended(self, container: str, event: str) -> None:
        self.events.append(f"{event} {self.inspect_container(container)['Name'].rpartition('-')[0]}")
        self.containers[container]["State"].update(Status="exited", FinishedAt="2100-01-31T12:00:00.5Z")

    def pause_container(self, container: str) -> None:
        self.inspect_container(container)["State"]["Status"] = "paused"

    def unpause_container(self, container: str) -> None:
        self.inspect_container(container)["State"]["Status"] = "running"

    def inspect_container(self, container: str) -> dict[str, Any]:
        if container not in self.containers:
            raise EngineError(f"no such container: {container}", status=404)
        return self.containers[container]

    def logs(self, container: str, *, since: float | None = None, tail: int | Literal["all"] = "all") -> str:
        def take(pieces: Iterable[bytes]) -> str:
            return b"".join(pieces).decode()

        return self.read_log(container, take, since=since, tail=tail)

    def read_log(
        self,
        container: str,
        take: Callable[[Iterable[bytes]], T],
        *,
        since: float | None = None,
        tail: int | Literal["all"] = "all",
        stamps: bool = False,
    ) -> T:
        del container
        if self.log_error is not None:
            raise self.log_error
        lines = stamped(self.log, since=since)
        last = lines if tail == "all" else lines[-tail:]
        return take(last if stamps else [line[31:] for line in last])

    def exec_bytes(
        self, container: str, argv: Sequence[str], *, timeout: float | None = None
    ) -> tuple[int | None, bytes, bytes]:
        del container, timeout
        result = self.answer(argv)
        return result.exit_code, _bytes(result.stdout), _bytes(result.stderr)

    def open_exec(self, container: str, argv: Sequence[str]) -> ExecStream:
        del argv
        self.inspect_container(container)
        return FakeStream(lambda argv: RESOLVER_FILES if argv == ["settings"] else self.answer(argv))

    def remove_container(self, container: str) -> None:
        if self.containers.pop(container, None) is not None:
            self.events.append("remove")

    def running_since(self, container: str) -> str | None:
        about = self.containers.get(container)
        return None if about is None else str(about["State"].get("StartedAt", ""))

    def command_lines(self, container: str) -> list[str]:
        del container
        return []

    def created(self, kind: Kind, label: str) -> dict[str, float]:
        return dict.fromkeys(self.labels(kind, label), self.created_at)

    def labels(self, kind: Kind, label: str) -> dict[str, str]:
        networks = {key: about["Labels"] for key, about in self.networks.items()}
        containers = {key: about["Config"]["Labels"] for key, about in self.containers.items()}
        things = networks if kind == "networks" else containers
        return {key: labels[label] for key, labels in things.items() if label in labels}


def settings(**options: str) -> Settings:
    """Return settings with some options set as on the command line, by their fields' names."""
    assert options.keys() <= {option.field for option in OPTIONS}
    return read_settings(options.get, {}, lambda _: None)


def new_stack(engine: Engine | None = None, **options: str) -> Stack:
    """Return a stack on an engine in memory."""
    return Stack(
        engine if engine is not None else FakeEngine(), settings(**options), progress=Progress(None), run=new_run()
    )


def new_run() -> Run:
    """Return a run of this process's own; its folder goes with it."""
    state = Path(tempfile.mkdtemp())
    run = Run.begin(state)
    weakref.finalize(run, shutil.rmtree, state, ignore_errors=True)
    return run


def keep(run: Run, engine: Engine, project: str = "/app") -> Kept:
    """Hold a project's kept stack on an engine for a run."""
    settled = settle(run, engine, project)
    assert settled is not None
    return settled


def dead(owner: Owner) -> Owner:
    """Return an owner whose process has ended: somebody else has its number."""
    return replace(owner, process=replace(owner.process, start="0"))


def elsewhere(owner: Owner) -> Owner:
    """Return an owner of another host, of which nothing can be told here."""
    return replace(owner, process=replace(owner.process, boot="another"), machine="")


def put_stack(config: pytest.Config) -> FakeEngine:
    """Give a session an engine in memory, as the fixture `foodtrucks_engine` gives it a real one."""
    engine = FakeEngine()
    config.stash[STACK] = Stack(
        engine, config.stash[SETTINGS], progress=Progress(None), run=new_run(), worker=worker_id(config)
    )
    return engine


class Defined:
    """What a `DefiningNetwork` yields for a service: the definition itself."""

    def __init__(self, definition: ServiceDefinition, service_type: type[Service]) -> None:
        self.definition = definition
        self.service_type = service_type
        self.alias = definition.alias
        self.seeded = 0


class DefiningNetwork:
    """A network that starts nothing: what is to run on it is handed out as it was defined."""

    def __init__(self) -> None:
        self.up: list[str] = []

    @contextmanager
    def running(
        self,
        definition: ServiceDefinition,
        service_type: type[Service] = Service,
        *,
        key: object = None,
        seed: Callable[[Any], object] | None = None,
        shared: bool = False,
        requires: Sequence[Service] = (),
    ) -> Iterator[Defined]:
        del key, shared, requires
        self.up.append(definition.alias)
        try:
            defined = Defined(definition, service_type)
            if seed is not None:
                seed(defined)
            yield defined
        finally:
            self.up.remove(definition.alias)


ABSENT = ExecResult(1, "Server:\t\t127.0.0.11\nAddress:\t127.0.0.11:53\n\n** server can't find it: NXDOMAIN\n", "")
SILENT = ExecResult(1, ";; connection timed out; no servers could be reached\n", "")


def resolves_to(*addresses: str) -> ExecResult:
    """Return nslookup's answer with these addresses."""
    lines = "".join(f"Name:\tx\nAddress: {address}\n" for address in addresses)
    return ExecResult(0, f"Server:\t\t127.0.0.11\nAddress:\t127.0.0.11:53\n\n{lines}", "")


class World(FakeEngine):
    """An engine in memory whose containers see each other as its attributes say.

    `names` and `knocks` are what the source sees of names, and of addresses with ports; `inside` what the sidecar sees
    of the target; `lit` and `lit_name` what the source sees of its beacon, `nobody` of a random name. `meanwhile` is
    called once, while the source is asked for the target. A list in `knocks` has an answer for each try.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, ExecResult] = {}
        self.knocks: dict[tuple[str, int], ExecResult | list[ExecResult]] = {}
        self.inside = OPEN
        self.lit = OPEN
        self.lit_name = resolves_to("172.30.0.2")
        self.nobody = ABSENT
        self.meanwhile: Callable[[], object] = lambda: None

    def start_container(self, container: str) -> None:
        super().start_container(container)
        self.containers[container]["State"]["StartedAt"] = f"start {next(self._numbers)}"

    def open_exec(self, container: str, argv: Sequence[str]) -> ExecStream:
        super().open_exec(container, argv)
        beside = self.containers[container]["HostConfig"]["NetworkMode"].startswith("container:")
        return FakeStream(lambda argv: self._inside(argv) if beside else self._outside(argv))

    def _inside(self, argv: Sequence[str]) -> ExecResult:
        return RESOLVER_FILES if argv[0] == "settings" else self.inside

    def _outside(self, argv: Sequence[str]) -> ExecResult:
        if argv[0] == "settings":
            return RESOLVER_FILES
        if argv[0] == "nslookup":
            name = argv[1].rstrip(".")
            kinds = {"foodtrucks-nobody": self.nobody, "foodtrucks-probe": self.lit_name}
            return self.names.get(name, kinds.get(name.rpartition("-")[0], ABSENT))
        if argv[2] == "7777":
            return self.lit
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        if argv[0] == "recount":
            return REFUSED
        result = self.knocks.get((argv[1], int(argv[2])), DROPPED)
        return result.pop(0) if isinstance(result, list) else result


HOME, ABROAD = "172.30.0.9", "172.31.0.9"
LOST = ExecResult(None, "", "")


class Scene:
    """A service `es` on one network, and a source on another; `together` puts both on one."""

    def __init__(self) -> None:
        self.world = World()
        self.stack = new_stack(self.world)
        self.home = Network(self.stack, "home", "bridge", internal=False)
        self.abroad = Network(self.stack, "abroad", "bridge", internal=False)
        self.es = self.service("es", self.home, HOME)

    def service(self, alias: str, on: Network, address: str, ports: tuple[int, ...] = (9200,)) -> Service:
        """Start a service with an address."""
        spec = ContainerSpec(image=alias, network=on.name, aliases=[alias], ports=ports, labels=self.stack.labels())
        made = Creation(self.world, spec, label=alias)
        made.start()
        self.world.containers[made.container.id]["NetworkSettings"]["Networks"][on.name]["IPAddress"] = address
        definition = define({"image": alias, "ports": ports}, alias=alias, folder=Path())
        return Service(self.stack, on.ref, Container(self.world, made.container.id, f"{alias}-1", on.name), definition)

    def say(self, status: str) -> None:
        """Let the engine give `es` a status."""
        self.world.containers[self.es.container.id]["State"]["Status"] = status

    def together(self) -> None:
        """Let the source see `es` as on one network with it."""
        self.world.names["es"] = resolves_to(HOME)
        self.world.knocks[HOME, 9200] = OPEN
