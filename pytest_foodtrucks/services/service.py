"""A service: a container with a name on the network, an address for the test, a client, and faults."""

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_foodtrucks import ready
from pytest_foodtrucks.containers.compose import ContainerSpec, bind
from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.containers.creation import Creation
from pytest_foodtrucks.engine.inspected import ContainerState
from pytest_foodtrucks.engine.logs import Search
from pytest_foodtrucks.errors import DefinitionError, EngineError, NotReady, ProbeError
from pytest_foodtrucks.probes.beacons import probe_on_demand, running_probe
from pytest_foodtrucks.probes.probe import Probe
from pytest_foodtrucks.values import has_only_begun, shown

from . import faults

if TYPE_CHECKING:
    import httpx2

    from pytest_foodtrucks.engine.execs import ExecResult
    from pytest_foodtrucks.stacks.stack import Stack

    from .definitions import ServiceDefinition
    from .http_pool import Connections
    from .network import Network

_CLIENT_SECONDS: Final = 10.0


class Address(NamedTuple):
    """Where the test reaches a port."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The same as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


class Service:
    """A running service.

    No public constructor: a fixture of the factories yields one, and so does `Network.service`.
    """

    shared = False
    """Whether other xdist workers have it too."""
    in_fault = False
    """Whether a fault's block goes on."""

    def __init__(self, network: "Network", container: Container, definition: "ServiceDefinition") -> None:
        self.network = network
        self.container = container
        self.aliases = definition.aliases
        self.container_ports = definition.ports
        self._definition = definition
        self._closing = ExitStack()
        self._sidecar = probe_on_demand(self._running_sidecar)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.alias} on {self.network.name}>"

    @property
    def alias(self) -> str:
        """Its name on the network; it may have further `aliases`."""
        return self.aliases[0]

    def address(self, port: int) -> Address:
        """Return the host and the port that lead from the test to a port of the container.

        Raises DefinitionError for a port that isn't published.
        """
        if port not in self._host_ports:
            raise DefinitionError(
                f"The service {self.alias} doesn't publish port {port}, only {list(self._host_ports)}. Remedy: add it "
                "to ports=; on an internal network nothing is published, and only a probe reaches it."
            )
        return Address(self.network.stack.engine.host, self._host_ports[port])

    @functools.cached_property
    def _host_ports(self) -> dict[int, int]:
        return {} if self.network.internal else self.container.ports

    def _first_port(self) -> int:
        if not self.container_ports:
            raise DefinitionError(f"The service {self.alias} has no port. Remedy: name the container's with ports=.")
        return self.container_ports[0]

    @property
    def url(self) -> str:
        """The URL of the first of its ports, from the test."""
        return self.address(self._first_port()).url

    @property
    def internal_url(self) -> str:
        """The URL of the first of its ports, from the network."""
        return f"http://{self.alias}:{self._first_port()}"

    @property
    def client(self) -> Any:
        """An `httpx2.Client` with the service's URL as base, finite time-outs, and no proxies of the environment."""
        return self.http

    @functools.cached_property
    def http(self) -> "httpx2.Client":
        """The HTTP client, whatever `client` is."""
        import httpx2  # noqa: PLC0415 - only tests that talk to a service pay for it

        client = httpx2.Client(base_url=self.url, timeout=_CLIENT_SECONDS, trust_env=False, transport=self._connections)
        return self._closing.enter_context(client)

    @functools.cached_property
    def _connections(self) -> "Connections":
        from .http_pool import Connections  # noqa: PLC0415 - imports httpx2, as above

        return Connections()

    def close(self) -> None:
        """Close the clients and remove the sidecar; the container goes with whoever started it."""
        try:
            self._sidecar.close()
        finally:
            self._closing.close()

    # faults

    def paused(self) -> AbstractContextManager[None]:
        """Freeze its processes for the length of a `with` block.

        Connections are still accepted, by the kernel, and nobody answers. This fault and the others end when the
        service is ready again, also where the block fails. They raise FaultError for a service that other xdist
        workers have too, for one that isn't up, and where it can't be healed.
        """
        return faults.paused(self)

    def stopped(self, *, timeout: int = 10) -> AbstractContextManager[None]:
        """Stop it for the length of a `with` block, as `docker stop` does, and start the same container again.

        `timeout` is in seconds: the time that its process gets to end by itself before it is killed.
        """
        return faults.stopped(self, timeout=timeout)

    def killed(self) -> AbstractContextManager[None]:
        """Kill its processes, and start the same container again at the end of a `with` block."""
        return faults.killed(self)

    def disconnected(self) -> AbstractContextManager[None]:
        """Detach it from its network for the length of a `with` block; it goes on running, and its published ports go.

        Other networks that it was connected to stay; where there is one, the engine publishes the ports by way of it.
        """
        return faults.disconnected(self)

    def restart(self, *, timeout: int = 10) -> None:
        """Stop it and start it again, also where it ended by itself; return when it is ready.

        `timeout` is in seconds, as in `stopped`.
        """
        faults.restart(self, timeout=timeout)

    def wait_until_ready(self, *, timeout: float | None = None) -> None:
        """Return when the checks of its definition pass.

        `timeout` is in seconds; the time that its definition gives it if none is given.
        """
        definition, settings = self._definition, self.network.stack.settings
        times = (timeout, definition.timeout, settings.timeout)
        seconds = next(seconds for seconds in times if seconds is not None)
        ready.wait_until_ready(self, self._checks, timeout=seconds)

    @functools.cached_property
    def _checks(self) -> tuple[ready.Check, ...]:
        """Its readiness checks; kept, because what the definition has may be an iterator."""
        if self._definition.ready is not None:
            return ready.as_checks(self._definition.ready)
        test = (self.container.inspect()["Config"].get("Healthcheck") or {}).get("Test")
        if test and test != ["NONE"]:
            return (ready.healthcheck(),)
        return (ready.tcp(),) if self.container_ports else (ready.running(),)

    def renew(self) -> None:
        """Let go of the connections to the container's life before."""
        if "_connections" in self.__dict__:
            self._connections.renew()

    # what a kept stack asks between two sessions

    def contents(self) -> set[str]:
        """Return what was put into it, as far as `restore` can delete it again."""
        return set()

    def restore(self, contents: Iterable[str]) -> None:
        """Delete what was put into it and isn't among the contents that it once had."""

    # what readiness checks ask

    def state(self) -> ContainerState:
        """Return the state of the container's life."""
        return self.container.state()

    def logs(self, *, since: float | None = None, tail: int | None = None) -> str:
        """Return the container's log, all of it and as it is; `since` is in seconds of the epoch."""
        return self.container.logs(since=since, tail=tail)

    def last_words(self, *, lines: int) -> str:
        """Return the last lines of the container's log, printable and as far as they aren't long."""
        return self.container.last_words(lines=lines)

    def search_log(self, pattern: re.Pattern[str], *, since: float | None = None) -> Search:
        """Search the log of the container's life, its last start being the earliest, line by line.

        `since` is in seconds of the epoch.
        """
        moments = [moment for moment in (since, self.state().ended_before) if moment is not None]
        return self.container.search_log(pattern, since=max(moments, default=None))

    def exec(self, argv: Sequence[str], *, timeout: float | None = None) -> "ExecResult":
        """Run a command in the container.

        Raises TimeoutError when it hasn't ended within `timeout` seconds; it goes on then.
        """
        return self.container.exec(argv, timeout=timeout)

    def listens(self, port: int) -> bool:
        """Tell whether something accepts connections at the service's own address, asked from beside it."""
        try:
            return self.sidecar.listens(self.container.ip, port)
        except ProbeError as error:
            raise NotReady(str(error)) from error

    def fetch(self, path: str, *, port: int | None = None, timeout: float = 2.0) -> tuple[int, str]:
        """GET a path and return status and body; NotReady where no answer comes.

        Asked through the published port if there is one, else from beside the service. `timeout` is in seconds.
        """
        import httpx2  # noqa: PLC0415 - only sessions that start something pay for it

        port = self._first_port() if port is None else port
        try:
            if port not in self._host_ports:
                answer = self.sidecar.http(f"http://{self.container.ip}:{port}{path}", timeout=timeout)
                return answer.status, answer.text
            response = self.http.get(f"{self.address(port).url}{path}", timeout=timeout)
        except (httpx2.TransportError, ProbeError) as error:
            words = str(error)
            raise NotReady(f"GET {path} on port {port}: {words if words else type(error).__name__}") from error
        return response.status_code, response.text

    @property
    def sidecar(self) -> Probe:
        """A probe in the service's own network namespace, so that images without tools can be asked too.

        Made anew when the service was restarted: its namespace is another one then.
        """
        return self._sidecar.get(of=self.container.started_at)

    def _running_sidecar(self) -> AbstractContextManager[Probe]:
        place = f"the network namespace of {self.alias}"
        return running_probe(self.network.stack, f"container:{self.container.id}", place, subject=self.container)


def started_service(
    network: "Network",
    definition: "ServiceDefinition",
    service_type: type[Service] = Service,
    *,
    creation: Callable[[], Creation] | None = None,
    seed: Callable[[Any], object] | None = None,
    part: str | None = None,
) -> tuple[Service, ExitStack]:
    """Create and start a service, wait until it is ready, seed it, and return it with what removes it.

    `creation` gives the container where it was created beforehand. `part` is the name of one that outlives its
    fixture.
    """
    stack = network.stack
    with ExitStack() as undo:
        created = create(stack, network.name, definition, part=part) if creation is None else creation()
        undo.callback(stack.undo, created.remove)
        container = created.start()
        service = service_type(network, container, definition)
        undo.callback(service.close)
        undo.enter_context(stack.showing(service))
        service.wait_until_ready()
        if seed is not None:
            _seed(service, seed)
        return service, undo.pop_all()


def _seed(service: Service, seed: Callable[[Any], object]) -> None:
    """Call a seed; what the service logged goes with its error, because the container is gone when that is shown.

    Raises DefinitionError for one that returns what is yet to run: it filled nothing.
    """
    try:
        _refuse_unfinished(service, seed(service))
    except Exception as error:
        with suppress(EngineError):  # the seed's own error matters
            lines = service.last_words(lines=ready.LOG_LINES)
            error.add_note(f"The last log lines of {service.alias}:\n" + indent(lines, "    "))
        raise


def _refuse_unfinished(service: Service, result: object) -> None:
    if has_only_begun(result):
        raise DefinitionError(
            f"The seed of {service.alias} returned {shown(result)}, and nobody awaits that or reads it to its end. "
            "Remedy: do all within a plain function: asyncio.run(…), or list(…) around what yields."
        )


@contextmanager
def running_service(
    network: "Network",
    definition: "ServiceDefinition",
    service_type: type[Service] = Service,
    *,
    creation: Callable[[], Creation] | None = None,
    seed: Callable[[Any], object] | None = None,
) -> Iterator[Service]:
    """Start a service as `started_service` does, yield it, and remove it."""
    service, undo = started_service(network, definition, service_type, creation=creation, seed=seed)
    with undo:
        yield service


def image_of(stack: "Stack", definition: "ServiceDefinition") -> str:
    """See that the engine has a service's image, and return the name of one that is pulled, the id of one built."""
    return stack.image(str(definition.image)) if definition.build is None else stack.built(definition.build)


def create(stack: "Stack", network: str, definition: "ServiceDefinition", *, part: str | None = None) -> Creation:
    """See to a service's image and create its container, not yet started.

    The network needs only a name by then: the engine looks for it when the container starts.
    """
    local = stack.engine.local
    spec = ContainerSpec(
        image=image_of(stack, definition),
        network=network,
        command=definition.command,
        entrypoint=definition.entrypoint,
        environment=definition.environment,
        aliases=definition.aliases,
        ports=definition.ports,
        volumes=[bind(volume, definition.folder, local=local) for volume in definition.volumes],
        tmpfs=definition.tmpfs,
        mem_limit=definition.mem_limit,
        user=definition.user,
        cap_add=definition.cap_add,
        healthcheck=definition.healthcheck,
        labels=stack.labels(definition.alias, part=part),
    )
    return stack.created(lambda: Creation(stack.engine, spec, label=definition.alias), Creation.remove)
