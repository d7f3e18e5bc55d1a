"""A running service, as the package itself sees it: all that readiness checks, faults and kept stacks ask and do."""

import functools
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_foodtrucks import ready
from pytest_foodtrucks.engine.hostnames import is_own_address
from pytest_foodtrucks.errors import DefinitionError, EngineError, NotReady, ProbeError, StartError
from pytest_foodtrucks.probes.agent.link import NoReply
from pytest_foodtrucks.probes.asking import accepts
from pytest_foodtrucks.probes.beacons import probe_on_demand, running_probe
from pytest_foodtrucks.probes.http_get import certificate

from . import listening
from .access import OPEN, tls_name
from .memberships import Memberships
from .waiting import moment_of, wait_until_done

if TYPE_CHECKING:
    from datetime import datetime

    import httpx2

    from pytest_foodtrucks.containers.container import Container
    from pytest_foodtrucks.engine.execs import ExecResult
    from pytest_foodtrucks.engine.inspected import Attachment, ContainerState, Inspected
    from pytest_foodtrucks.engine.logs import LogLine, Search
    from pytest_foodtrucks.probes.http_get import HttpAnswer
    from pytest_foodtrucks.probes.probe import Probe
    from pytest_foodtrucks.stacks.stack import Shown, Stack

    from .definitions import ServiceDefinition
    from .http_pool import Connections
    from .memberships import NetworkRef

_CLIENT_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 10
"""Docker's own."""


class Address(NamedTuple):
    """Where the test reaches a port."""

    host: str
    port: int

    @property
    def endpoint(self) -> str:
        """The same as host:port; an IPv6 address stands in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The same as a URL of HTTP."""
        return f"http://{self.endpoint}"


class RunningService:
    """A running service.

    The `Service` that people have keeps it as `__foodtrucks__`; `service` is that one, which their own readiness checks
    take.
    """

    shared = False
    """Whether other xdist workers have it too."""
    in_fault = False
    """Whether a fault's block goes on."""
    access = OPEN
    """How one gets in; whoever starts a secured service, or finds it again, says so before anything is asked."""

    def __init__(
        self,
        stack: "Stack",
        networks: Sequence["NetworkRef"],
        container: "Container",
        definition: "ServiceDefinition",
        *,
        service: "Shown",
    ) -> None:
        self.stack = stack
        self.on = Memberships(networks, definition.spec.aliases)
        self.container = container
        self.aliases = definition.spec.aliases
        self.container_ports = definition.spec.tcp_ports
        self.asked_ports = definition.spec.container_ports
        self.speaks = definition.speaks
        self.scheme = "http" if self.speaks is None else self.speaks
        self.runs_once = definition.runs_once
        grace = definition.spec.stop_grace_period
        self.stop_seconds = grace if grace is not None else _STOP_SECONDS
        self.closing = ExitStack()
        self._definition = definition
        self._service = service
        self._sidecar = probe_on_demand(self._running_sidecar)
        self._used_connections: Connections | None = None

    @property
    def alias(self) -> str:
        """Its name on the network; it may have further `aliases`."""
        return self.aliases[0]

    @property
    def network(self) -> "NetworkRef":
        """The first of its networks."""
        return self.on.first

    def address(self, port: int) -> Address:
        """Return the host and the port that lead from the test to a port of the container.

        In gateway mode `routed` no port of the host leads there; it is the container's own address then, which may
        change when it is started again. Raises DefinitionError for a port that isn't published, and where that address
        can't be reached from here.
        """
        if port in self._unmapped:
            return Address(self._routed_address(port), port)
        if port not in self._host_ports:
            raise DefinitionError(
                f"The service {self.alias} doesn't publish port {port}, only {list(self._host_ports)}. Remedy: add it "
                "to ports=; on an internal network nothing is published, and only a probe reaches it."
            )
        fixed = self._definition.spec.fixed_ports.get(port)
        own = None if fixed is None else fixed.one_address
        return Address(self.stack.engine.host if own is None else own, self._host_ports[port])

    def published_on(self, port: int) -> str:
        """Return the address of the engine's machine on which a port is published."""
        fixed = self._definition.spec.fixed_ports.get(port)
        return self.stack.engine.publish_on if fixed is None or fixed.address is None else fixed.address

    @functools.cached_property
    def _as_started(self) -> "Inspected":
        return self.container.inspected()

    @property
    def _host_ports(self) -> "Mapping[int, int]":
        return {} if self.on.internal else self._as_started.host_ports

    @property
    def _unmapped(self) -> frozenset[int]:
        """The ports that have none on the host, though they are published: gateway mode `routed` gives none."""
        return frozenset() if self.on.internal else self._as_started.unmapped

    def _routed_address(self, port: int) -> str:
        """Return the container's own address, or the one that it had, if this process' machine has the gateway."""
        attached = (*self.container.attachments, *self._as_started.attachments)
        attachment = next((each for each in attached if each.ipv4 and each.network == self.network.name), None)
        if attachment is None or not self._is_beside(attachment):
            raise DefinitionError(
                f"Port {port} of the service {self.alias} is at no port of the engine's machine, because its network "
                "has gateway mode routed, and this process can't reach the container's own address. Remedy: create "
                "the network without that mode (driver_opts=), or ask from inside it, by a probe."
            )
        return attachment.ipv4

    def _is_beside(self, attachment: "Attachment") -> bool:
        gateways = [gateway for gateway in attachment.gateways if ":" not in gateway]
        return self.stack.engine.local and any(is_own_address(gateway) for gateway in gateways)

    def _is_reached_from_here(self, port: int) -> bool:
        try:
            self.address(port)
        except DefinitionError:
            return False
        return True

    def first_port(self) -> int:
        """Return the first of its ports; DefinitionError where it has none."""
        if not self.container_ports:
            raise DefinitionError(f"The service {self.alias} has no port. Remedy: name the container's with ports=.")
        return self.container_ports[0]

    @functools.cached_property
    def http(self) -> "httpx2.Client":
        """An HTTP client with the service's URL as base."""
        import httpx2  # noqa: PLC0415 - only tests that talk to a service pay for it

        from .http_pool import Connections  # noqa: PLC0415 - imports httpx2, as above

        self._used_connections = Connections(verify=self.access.verification())
        client = httpx2.Client(
            auth=self.access.auth,
            base_url=self._url(self.first_port()),
            timeout=_CLIENT_SECONDS,
            trust_env=False,
            transport=self._used_connections,
        )
        return self.closing.enter_context(client)

    @property
    def name_in_urls(self) -> str:
        """The alias as it stands in URLs for other containers."""
        return self.alias if self.access.ca_file is None else tls_name(self.alias)

    def _url(self, port: int) -> str:
        return f"{self.access.scheme}://{self.address(port).endpoint}"

    def renew(self) -> None:
        """Let go of the connections to the container's life before."""
        if self._used_connections is not None:
            self._used_connections.renew()

    def close(self) -> None:
        """Close the clients and remove the sidecar; the container goes with whoever started it."""
        try:
            self._sidecar.close()
        finally:
            self.closing.close()

    # readiness

    def wait_until_ready(self, *, timeout: float | None = None) -> None:
        """Return when the checks of its definition pass; when it has ended with exit code 0, if it is to run once.

        `timeout` is in seconds; the time that its definition gives it if none is given.
        """
        if self.runs_once:
            wait_until_done(self)
        else:
            ready.wait_until_ready(self, self._checks, timeout=self.seconds(timeout), service=self._service)

    def hand_over(self) -> None:
        """Note that it is ready: reports show nothing of its log from before; of what runs once they show all."""
        if not self.runs_once:
            self.stack.hand_over(self._service)

    def seconds(self, timeout: float | None) -> float:
        """Return for how many seconds something of it is waited for: so many, else those that its start may take."""
        times = (timeout, self._definition.timeout, self.stack.settings.timeout)
        return next(seconds for seconds in times if seconds is not None)

    @functools.cached_property
    def _checks(self) -> tuple[ready.Check, ...]:
        """Its readiness checks; kept, because what the definition has may be an iterator."""
        if self._definition.ready is not None:
            return ready.as_checks(self._definition.ready)
        if self.container.inspected().healthcheck:
            return (ready.healthcheck(),)
        return (ready.tcp(),) if self.container_ports else (ready.running(),)

    def state(self) -> "ContainerState":
        """Return the state of the container's life."""
        return self.container.state()

    def logs(self, *, since: "float | datetime | None" = None, tail: int | None = None) -> str:
        """Return the container's log, all of it and as it is; `since` is a moment by this machine's clock."""
        return self.container.logs(since=self.by_engines_clock(moment_of(since)), tail=tail)

    def log_lines(self, *, since: "float | datetime | None" = None, tail: int | None = None) -> "list[LogLine]":
        """Return the lines of the container's log, with times by this machine's clock, as `since` is."""
        lines = self.container.log_lines(since=self.by_engines_clock(moment_of(since)), tail=tail)
        ahead = timedelta(seconds=self.stack.by_engines_clock(0.0))
        return [replace(line, time=line.time - ahead) for line in lines] if ahead else lines

    def by_engines_clock(self, moment: float | None) -> float | None:
        """Return a moment by this machine's clock, if there is one, as one by the engine's."""
        return None if moment is None else self.stack.by_engines_clock(moment)

    def last_words(self, *, lines: int, since: float | None = None) -> str:
        """Return the last lines of the container's log, printable, long ones cut; why, where it can't be read.

        They go with an error, which an unreadable log mustn't replace. `since` is in seconds of the epoch.
        """
        try:
            return self.container.last_words(lines=lines, since=since)
        except EngineError as error:
            return f"(its log can't be read: {error})"

    def search_log(self, pattern: re.Pattern[str], *, since: float | None = None) -> "Search":
        """Search the log of the container's life, its last start being the earliest, line by line.

        `since` is in seconds of the epoch, by the engine's clock. Of a container that has ended all of it is searched.
        """
        state = self.state()
        moments = [moment for moment in (since, None if state.ended else state.ended_before) if moment is not None]
        return self.container.search_log(pattern, since=max(moments, default=None))

    def exec(self, argv: Sequence[str] | str, *, timeout: float | None = None) -> "ExecResult":
        """Run a command in the container; TimeoutError when it hasn't ended within `timeout` seconds."""
        return self.container.exec(argv, timeout=timeout)

    def listens(self, port: int) -> bool:
        """Tell whether something accepts connections at the service's own address, asked from beside it."""
        try:
            return accepts(self.sidecar.agent, self.sidecar.described_as, self.container.ip, port)
        except ProbeError as error:
            raise NotReady(str(error)) from error

    def fetch(self, path: str, *, port: int | None = None, timeout: float = 2.0) -> tuple[int, str]:
        """GET a path and return status and body, of a long one the beginning; NotReady where no answer comes.

        Asked at its address from the test if it has one, else from beside the service. `timeout` is in seconds, from
        the question to the body's end.
        """
        import httpx2  # noqa: PLC0415 - only sessions that start something pay for it

        from .http_pool import LONGEST_BODY, fetch  # noqa: PLC0415 - imports httpx2, as above

        port = self.first_port() if port is None else port
        try:
            if not self._is_reached_from_here(port):
                answer = self._asked_beside(f"{port}{path}", timeout=timeout, most=LONGEST_BODY)
                return answer.status, answer.text
            return fetch(self.http, f"{self._url(port)}{path}", timeout=timeout)
        except (httpx2.TransportError, ProbeError) as error:
            words = str(error) or type(error).__name__
            raise NotReady(f"GET {path} on port {port}: {words.rstrip('.')}", port=port) from error

    def _asked_beside(self, port_and_path: str, *, timeout: float, most: int) -> "HttpAnswer":
        """GET a path at its own address; one that speaks TLS by its alias, which stands in its certificate."""
        access, ip = self.access, self.container.ip
        host, ca = (ip, None) if access.ca_file is None else (self.name_in_urls, certificate(access.ca_file))
        url = f"{access.scheme}://{host}:{port_and_path}"
        return self.sidecar.beginning(url, timeout=timeout, most=most, ca=ca, at=ip, auth=access.auth)

    def listens_elsewhere(self, port: int) -> tuple[str, str] | None:
        """Say on what it listens instead of this port of its address, and what to do, or nothing; else None."""
        try:
            addresses = [address for each in self.container.attachments for address in each.addresses]
            return listening.listens_elsewhere(self.sidecar.agent.listening(), port, addresses)
        except (NoReply, EngineError, StartError):  # the reason why it isn't ready matters more
            return None

    @property
    def sidecar(self) -> "Probe":
        """A probe in the service's own network namespace, so that images without tools can be asked too.

        Made anew when the service was restarted: its namespace is another one then.
        """
        return self._sidecar.get(of=self.container.started_at)

    def _running_sidecar(self) -> "AbstractContextManager[Probe]":
        halted = self.container.halted()
        if halted is not None:
            raise StartError(f"Nothing can be asked beside {self.alias}: {halted}. Remedy: see why; start it again.")
        place = f"the network namespace of {self.alias}"
        return running_probe(self.stack, f"container:{self.container.id}", place, subject=self.container)
