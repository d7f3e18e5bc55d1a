"""Ports of the test's process on a network: a relay there carries connections to them."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.containers.keywords import host_names
from pytest_foodtrucks.engine.hostnames import refuse_no_port
from pytest_foodtrucks.errors import DefinitionError, ProbeError
from pytest_foodtrucks.probes.agent.forwarding import Forwarding, forwarding
from pytest_foodtrucks.probes.agent.link import NoReply
from pytest_foodtrucks.probes.beacons import running_probe
from pytest_foodtrucks.values import checked, shown

if TYPE_CHECKING:
    from pytest_foodtrucks.containers.container import Container
    from pytest_foodtrucks.stacks.stack import Stack

DEFAULT_ALIAS: Final = "test"


@dataclass(frozen=True)
class Wanted:
    """What a call of `reach_me` asks for: the name on the network, and for each port there the test's own."""

    alias: str
    ports: Mapping[int, int]


def wanted(port: object, ports: object, alias: object) -> Wanted:
    """Return what a call of `reach_me` asks for; DefinitionError for what won't do."""
    if (port is None) == (ports is None):
        raise DefinitionError(
            f"reach_me was given {'neither a port nor ports=' if port is None else 'a port and ports='}. Remedy: give "
            "the port on which the test's server listens, or ports={80: 8000}: the port on the network, and the test's."
        )
    found = {port: port} if ports is None else ports
    if not isinstance(found, Mapping) or not found:
        raise DefinitionError(
            f"ports={shown(ports)} is no mapping with ports. Remedy: give the port on the network, and the test's, "
            "such as {80: 8000}."
        )
    for each in (number for pair in found.items() for number in pair):
        _refuse_no_tcp_port(each)
    return Wanted(checked("alias", [alias], host_names)[0], dict(found))


def _refuse_no_tcp_port(port: object) -> None:
    if isinstance(port, str) and port.endswith("/udp"):
        raise DefinitionError(
            f"The port {shown(port)} is one of UDP, and reach_me carries TCP only. Remedy: run a server for UDP in a "
            "container of its own."
        )
    refuse_no_port(port)


class PortForward:
    """Ports of the test's process, as containers on a network reach them.

    No public constructor: `reach_me` yields one.
    """

    def __init__(self, wanted: Wanted, forwarding: Forwarding, network: str) -> None:
        self._wanted = wanted
        self._forwarding = forwarding
        self._network = network

    def __repr__(self) -> str:
        return f"<PortForward {self.alias}:{self.port} on {self._network}>"

    @property
    def alias(self) -> str:
        """The name on the network."""
        return self._wanted.alias

    @property
    def port(self) -> int:
        """The port on the network; of several the first."""
        return next(iter(self._wanted.ports))

    @property
    def internal_url(self) -> str:
        """The URL of that port, from the network."""
        return f"http://{self.alias}:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections were made so far, refused ones too."""
        return self._forwarding.accepted.total()

    @property
    def open_connections(self) -> int:
        """How many there are at this moment."""
        return self._forwarding.open

    @property
    def refused_connections(self) -> int:
        """How many were reset because nothing here took them."""
        return self._forwarding.refused.total()


@contextmanager
def forwarded(stack: "Stack", network: str, wanted: Wanted) -> Iterator[PortForward]:
    """Let containers on a network reach ports of this process, for the length of a block.

    Raises ProbeError where no relay starts, and at the end of a block during which it ended. An error of the block has
    notes with what went wrong here meanwhile: it may be why a callback didn't come.
    """
    place = f"the relay {wanted.alias} on {network}"
    with running_probe(stack, network, place, alias=wanted.alias) as probe:
        refusals = _Refusals(stack, wanted)
        with ExitStack() as undo:
            found = _started(undo, probe.container, wanted, refusals)
            try:
                yield PortForward(wanted, found, network)
            except BaseException as error:
                for words in (*refusals.told.values(), _early_end(found, place, probe.container)):
                    if words:
                        error.add_note(f"pytest-foodtrucks: {words}")
                raise
        if found.trouble:
            raise ProbeError(_early_end(found, place, probe.container))


def _started(undo: ExitStack, container: "Container", wanted: Wanted, refusals: "_Refusals") -> Forwarding:
    """Start a relay in a container; what ends it is added to `undo`."""
    try:
        return undo.enter_context(forwarding(container.opener(), wanted.ports, refusals.tell))
    except NoReply as error:
        raise ProbeError(
            f"reach_me: the relay {wanted.alias} can't begin: {error}. Remedy: see whether the probe image has Python "
            "3.9 or later (--foodtrucks-probe-image), and whether a container may listen on that port."
        ) from error


def _early_end(found: Forwarding, place: str, container: "Container") -> str:
    """Return what is to be told of a relay that ended before its time; nothing of one that didn't."""
    return found.trouble and (
        f"reach_me: {place} ended before its block did ({found.trouble}), and no connection reached the test from then "
        f"on. Remedy: see what ended it, or its container {container.name}."
    )


class _Refusals:
    """Tells people of ports where nothing takes connections, of each once."""

    def __init__(self, stack: "Stack", wanted: Wanted) -> None:
        self.told: dict[int, str] = {}
        self._stack = stack
        self._wanted = wanted

    def tell(self, port: int, peer: str, reason: str) -> None:
        """Tell of a connection that was refused."""
        if port not in self.told:
            self.told[port] = _refusal(self._wanted, port, peer, reason)
            self._stack.say(f"{self.told[port]} This is told once.")


def _refusal(wanted: Wanted, port: int, peer: str, reason: str) -> str:
    names = ", ".join(f"{wanted.alias}:{there}" for there, here in wanted.ports.items() if here == port)
    return (
        f"reach_me: {peer} connected to {names}, and was reset: nothing takes connections on port {port} of this "
        f"process' loopback, 127.0.0.1 or ::1 ({reason}). Remedy: start the test's server before, or give reach_me the "
        "port on which it listens."
    )
