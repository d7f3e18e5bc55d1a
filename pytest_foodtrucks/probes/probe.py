"""Questions asked from inside a network: names, connections, HTTP; and their verdicts."""

import ipaddress
import os
import secrets
import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from pytest_foodtrucks.engine.hostnames import is_address, port_and_protocol, refuse_no_host_name, refuse_no_target
from pytest_foodtrucks.errors import DefinitionError, EngineError, ProbeError, StartError

from . import http_get
from .agent.client import Agent, Connection
from .agent.link import NoReply
from .asking import connect, look_up
from .http_get import HttpAnswer
from .network_changes import DISTURBED, undisturbed
from .verdicts import Resolution, Verdict, VerdictKind, with_arrivals

if TYPE_CHECKING:
    from pytest_foodtrucks.containers.container import Container
    from pytest_foodtrucks.engine.execs import ExecResult
    from pytest_foodtrucks.stacks.stack import Stack

_FIRST_SECONDS: Final = 1.0
"""For the first try; enough for what answers, and too short for a verdict about what doesn't.

Silence is told by three fresh tries of 3 s: with 1 s a busy machine's answers were taken for drops (kubernetes#136715).
"""


class Target(Protocol):
    """A service, as far as a probe asks for it."""

    @property
    def alias(self) -> str:
        """The name on the network by which it is asked for."""

    @property
    def container(self) -> "Container":
        """Whose addresses the name is to lead to."""

    @property
    def __foodtrucks__(self) -> "Inside":
        """What people needn't see."""


class Inside(Protocol):
    """What a probe asks of a service."""

    @property
    def asked_ports(self) -> Sequence[int | str]:
        """The ports, as the container has them: a number, or such as "53/udp"."""

    @property
    def sidecar(self) -> "Probe":
        """A probe in its network namespace."""


class Probe:
    """A small container from whose place in a network questions are asked.

    No public constructor: the fixtures `net_probe` and `bridge_probe` yield one. `subject` is the container whose
    network namespace it is in; by default its own. `stack` is what beacons are started for. `agent` is what answers.
    """

    def __init__(
        self,
        container: "Container",
        described_as: str,
        *,
        subject: "Container | None" = None,
        stack: "Stack | None" = None,
    ) -> None:
        self.container = container
        self.described_as = described_as
        self.subject = subject if subject is not None else container
        self.stack = stack
        self.agent = Agent(container.opener())
        self._finalizer = weakref.finalize(self, self.agent.close)  # nobody need close a probe

    def __repr__(self) -> str:
        return f"<Probe in {self.described_as}>"

    def close(self) -> None:
        """End the agent; a question starts another one."""
        self.agent.close()

    def run(self, argv: Sequence[str]) -> "ExecResult":
        """Run a command and return `exit_code`, `stdout` and `stderr`."""
        return self.container.exec(argv)

    def resolve(self, name: str) -> list[str]:
        """Return the addresses that an application there gets for a name; none where the name doesn't exist.

        The hosts file counts, and so do search domains. Raises ProbeError where the name server fails, is silent, or
        the answer can't be read. What fails at once is asked again, once. Raises DefinitionError for what is no name.
        """
        refuse_no_host_name(name)
        found = look_up(self.agent, [name])[name]
        if found.failure is not None:
            raise ProbeError(
                f"{self.described_as}: whether the name {name!r} resolves can't be told: {found.words}. "
                "Remedy: see whether the engine's name server answers."
            )
        return list(found.addresses)

    def connect(self, target: "Target | str", port: int | str | None = None) -> Verdict:
        """Open a TCP connection, or send a datagram, and say what became of it.

        `target` is a service (asked for by its alias), a name or an address; `port` a number, or such as "53/udp"; it
        defaults to the first of a service's ports. What doesn't answer within a second is asked again by several fresh
        tries side by side, and where the target is a service, an agent in its network namespace watches whether they
        arrive. What got through to another network is asked again, a few times at most, where the engine created or
        removed networks meanwhile: some engines' isolation is away for a moment then. Raises DefinitionError for what
        is no target or no port.
        """
        name = name_of(target)
        wanted = Connection("", *_port(target, port), tries=1, wait=_FIRST_SECONDS)
        service = None if isinstance(target, str) else target
        try:
            if is_address(name):
                return self._settled([name], wanted)
            return self._led(look_up(self.agent, [name])[name], wanted, service)
        except EngineError as error:
            return Verdict.inconclusive(str(error), wanted.port, wanted.protocol)

    def _led(self, found: Resolution, wanted: Connection, target: "Target | None") -> Verdict:
        """Go where a name leads."""
        stranger = self.misled(found, None if target is None else target.container)
        kind = found.failure
        if kind is None and (not found.addresses or stranger):
            kind = VerdictKind.MISRESOLVED if stranger else VerdictKind.UNRESOLVED
        if kind is not None:
            words = stranger if stranger else found.words
            address = found.addresses[0] if found.addresses else None
            return Verdict(kind, address, wanted.port, 1, words, protocol=wanted.protocol)
        if target is not None:  # whose addresses are on a network that the probe is on
            return self._connect(found.addresses, wanted, target)
        return self._settled(found.addresses, wanted)

    def _settled(self, addresses: Sequence[str], wanted: Connection) -> Verdict:
        """Ask addresses, and again where they may have been reached only because isolation was away for a moment."""
        engine = self.container.engine
        verdict, trusted = undisturbed(lambda: self._connect(addresses, wanted), engine, suspect=self._came_from_afar)
        return verdict if trusted else replace(verdict, evidence=f"{verdict.evidence}; {DISTURBED}")

    def _came_from_afar(self, verdict: Verdict) -> bool:
        """Tell whether something got through from an address that none of the networks has that the probe is on."""
        if not verdict.arrived or verdict.address is None or ipaddress.ip_address(verdict.address).is_loopback:
            return False
        return verdict.address not in self._neighbours()

    def _connect(self, addresses: Sequence[str], wanted: Connection, target: "Target | None" = None) -> Verdict:
        """Ask a target's addresses side by side, as applications do; the first that connects counts."""
        tried = self._tried([replace(wanted, address=address, text=nonce()) for address in addresses])
        if tried[0].kind is VerdictKind.CONNECTED or all(each.kind is not VerdictKind.DROPPED for each in tried):
            return tried[0]
        fresh = [Connection(each, wanted.port, wanted.protocol, text=nonce()) for each in addresses]
        return self._tried(fresh, target)[0]

    def _tried(self, connections: Sequence[Connection], target: "Target | None" = None) -> list[Verdict]:
        """Ask for connections and return the verdicts, what connected first; a target's agent watches, if there is one.

        Nobody could say why there is silence where the source's own addresses changed meanwhile.
        """
        try:
            verdicts, changed = self._watched(connections, target)
        except (NoReply, EngineError, StartError) as error:  # of who watches
            verdicts, changed = connect(self.agent, connections)
            verdicts = {
                each: replace(verdict, evidence=f"{verdict.evidence}; nobody watched at the target: {error}")
                for each, verdict in verdicts.items()
            }
        found = list(verdicts.values())
        if changed:
            found = [_doubted(each) if each.all_blocked else each for each in found]
        return sorted(found, key=lambda each: each.kind is not VerdictKind.CONNECTED)

    def _watched(
        self, connections: Sequence[Connection], target: "Target | None"
    ) -> tuple[dict[Connection, Verdict], bool]:
        if target is None:
            return connect(self.agent, connections)
        gateways = [gateway for each in target.container.attachments for gateway in each.gateways]
        with target.__foodtrucks__.sidecar.agent.watching() as seen:
            verdicts, changed = connect(self.agent, connections)
            arrivals = seen()
        return {each: with_arrivals(told, each, arrivals, gateways) for each, told in verdicts.items()}, changed

    def misled(self, found: Resolution, target: "Container | None") -> str:
        """Say whom a name leads to if not to the target alone; nothing where all is well.

        Without a target, which is what a name alone is, only several containers that answer to it are wrong.
        """
        if not found.addresses:
            return ""
        if target is None:
            owners = self._neighbours()
            named = {owners[address] for address in found.addresses if address in owners}
            several = f"{found.name} leads to several containers: {', '.join(sorted(named))}"
            return several if len(named) > 1 else ""
        expected = self._shared_addresses(target)
        if set(found.addresses) <= set(expected):
            return ""
        has = ", ".join(expected) if expected else "no address on a network of the probe's"
        return f"{found.name} resolves to {', '.join(found.addresses)}, and the container has {has}"

    def _neighbours(self) -> dict[str, str]:
        """Return the names of the containers on the networks that it is on, by their addresses."""
        engine = self.container.engine
        networks = [attachment.network for attachment in self.subject.attachments if attachment.addresses]
        return {address: name for network in networks for address, name in engine.attached(network).items()}

    def _shared_addresses(self, target: "Container") -> list[str]:
        """Return the target's addresses on the networks that the probe is on too."""
        here = {attachment.network for attachment in self.subject.attachments}
        return [address for there in target.attachments if there.network in here for address in there.addresses]

    def http(self, url: str, *, timeout: float = 5.0, ca_file: str | os.PathLike[str] | None = None) -> HttpAnswer:
        """GET an http or https URL and return `status`, `headers`, `text` and `tls`.

        `timeout` is in seconds, for the whole answer; redirects aren't followed. `ca_file` is an authority's
        certificate, as PEM: the server's must be of it, and for the URL's host. Without one a server's certificate
        isn't verified, and `tls` tells it. Raises ProbeError where no complete answer comes, DefinitionError for a URL
        that can't be asked.
        """
        return self.beginning(url, timeout=timeout, most=None, ca=http_get.certificate(ca_file))

    def beginning(
        self,
        url: str,
        *,
        timeout: float,
        most: int | None,
        ca: str | None = None,
        at: str | None = None,
        auth: tuple[str, str] | None = None,
    ) -> HttpAnswer:
        """GET a URL as `http` does; of an answer of more than `most` bytes the beginning is enough.

        Its host is looked up, unless it is `at` an address; `auth` are user and password.
        """
        refuse_no_seconds(timeout)
        parts, host = http_get.taken_apart(url)
        addresses = [at] if at is not None else [host] if is_address(host) else self.resolve(host)
        if not addresses:
            raise ProbeError(f"{self.described_as}: {url} can't be asked: the name {host!r} doesn't resolve.")
        try:
            return http_get.get(self.agent, parts, addresses, timeout=timeout, ca=ca, most=most, auth=auth)
        except NoReply as error:
            raise ProbeError(f"{self.described_as}: GET {url}: {error}") from error


def nonce() -> str:
    """Return what a datagram says, so that it is known where it arrives."""
    return f"foodtrucks-{secrets.token_hex(8)}"


def _doubted(verdict: Verdict) -> Verdict:
    words = f"the source's own addresses changed meanwhile: {verdict.evidence}"
    return replace(verdict, kind=VerdictKind.INCONCLUSIVE, evidence=words)


def refuse_no_seconds(timeout: object) -> None:
    """Raise DefinitionError for what is no time to wait."""
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not number or not 0 <= timeout < float("inf"):  # type: ignore[operator] # a number by then
        raise DefinitionError(f"timeout={timeout!r}. Remedy: give seconds as a number, such as 5.")


def name_of(target: "Target | str") -> str:
    """Return by what a target is asked for: a service's alias, or the name or address itself.

    Raises DefinitionError for what is no target.
    """
    name: object = getattr(target, "alias", target)
    refuse_no_target(name)
    return str(name)


def _port(target: "Target | str", port: int | str | None) -> tuple[int, str]:
    if port is not None:
        return port_and_protocol(port)
    if isinstance(target, str) or not target.__foodtrucks__.asked_ports:
        raise ProbeError(f"Which port of {target} is to be asked? Remedy: give port=.")
    return port_and_protocol(target.__foodtrucks__.asked_ports[0])
