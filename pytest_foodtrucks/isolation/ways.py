"""The ways from a source to a target: the target's own addresses, and where its ports are published."""

from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.engine.hostnames import addresses_of
from pytest_foodtrucks.engine.inspected import Inspected
from pytest_foodtrucks.engine.subnets import gateway_of
from pytest_foodtrucks.errors import EngineError
from pytest_foodtrucks.probes.agent import program
from pytest_foodtrucks.probes.agent.client import Connection
from pytest_foodtrucks.probes.probe import nonce

from .subjects import Subject, joined, written

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine

ALL_ADDRESSES: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - read, not bound


@dataclass(frozen=True)
class Way:
    """An address and a port to be tried; `published` is the host address that the port behind it was published on.

    `network` is the one that an address of the target's own is on, if the source isn't on it.
    """

    text: str
    connection: Connection
    published: str | None = None
    network: str = ""


class Machine:
    """The engine's machine, as one question sees it: the engine is asked once, however many ways lead there."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._on: dict[str, list[str]] = {}

    @cached_property
    def addresses(self) -> list[str]:
        """Its own addresses, as far as they are known here; no bridge's, no loopback."""
        own = program.addresses() if self._engine.local else []
        try:
            host = addresses_of(self._engine.host)
        except OSError:  # a name that this machine doesn't know
            host = ()
        bridges = self._engine.gateways()
        return [each for each in (*host, *own) if not _is_of_one_link(each) and each not in bridges]

    def on(self, network: str) -> list[str]:
        """Return the addresses that it has on a network of the engine; none where that is gone."""
        if network not in self._on:
            self._on[network] = _bridge_addresses(self._engine, network)
        return self._on[network]


def ways(machine: Machine, source: Inspected, subject: Subject, target: Inspected) -> list[Way]:
    """Return all ways by which a source could reach a target."""
    direct = [
        Way(
            f"{joined(address, number)}, its address on {attachment.network}",
            _connection(address, number, protocol),
            network=attachment.network if attachment.network not in source.networks else "",
        )
        for number, protocol in subject.ports
        for attachment in target.attachments
        for address in attachment.addresses
    ]
    published = [
        Way(
            f"{joined(address, host_port)}, where its port {written((number, protocol))} is published",
            _connection(address, host_port, protocol),
            host_ip,
        )
        for number, protocol in subject.ports
        for host_ip, host_port in (target.published.get(number, ()) if protocol == "tcp" else ())
        for address in _host_addresses(machine, source, target, host_ip)
    ]
    return direct + published


def _connection(address: str, port: int, protocol: str) -> Connection:
    return Connection(address, port, protocol, text=nonce() if protocol == "udp" else "")


def _host_addresses(machine: Machine, source: Inspected, target: Inspected, host_ip: str) -> list[str]:
    """Return the addresses of the engine's machine at which a published port could be open to the source.

    Those are the gateways of its networks and of the target's: an internal network's too, which no container has as its
    route, and which leads to the machine all the same. A rootless engine refuses at its gateways what is open at its
    machine's own addresses.
    """
    gateways = [
        gateway
        for attachment in (*source.attachments, *target.attachments)
        for gateway in (*attachment.gateways, *machine.on(attachment.network))
    ]
    named = [] if is_loopback_or_all(host_ip) else [host_ip]
    return list(dict.fromkeys([*gateways, *named, *machine.addresses]))


def _is_of_one_link(address: str) -> bool:
    return address.startswith(("127.", "169.254.", "fe80:")) or address == "::1"


def is_routed(engine: "Engine", way: Way) -> bool:
    """Tell whether a way is an address on a network in gateway mode routed that the source isn't on.

    A network that is gone, or that isn't known, has no mode.
    """
    if not way.network:
        return False
    try:
        return engine.gateway_mode(way.network, way.connection.address) == "routed"
    except EngineError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return False


def _bridge_addresses(engine: "Engine", network: str) -> list[str]:
    try:
        about = engine.inspect_network(network)
    except EngineError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return []
    return [gateway for config in about["IPAM"]["Config"] or [] if (gateway := gateway_of(config))]


def is_loopback_or_all(host_ip: str) -> bool:
    """Tell whether an address is no place of its own at which a published port could be found from elsewhere."""
    return host_ip in ALL_ADDRESSES or host_ip == "::1" or host_ip.startswith("127.")
