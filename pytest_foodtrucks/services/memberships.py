"""The networks that a service is on, and what it has on each."""

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pytest_foodtrucks.containers.addresses import outside
from pytest_foodtrucks.containers.endpoint_settings import ENDPOINT_KEYWORDS, EndpointSettings
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.values import Unfit, checked, entries, is_list, shown

from .definitions import check_keywords

if TYPE_CHECKING:
    from pytest_foodtrucks.containers.compose import ContainerSpec
    from pytest_foodtrucks.engine.engine import Engine

K = TypeVar("K")


@dataclass(frozen=True)
class NetworkRef:
    """A network that a service is on; `settings` is what it has there of its own."""

    id: str
    name: str
    internal: bool
    settings: EndpointSettings = field(default_factory=EndpointSettings)
    for_session: bool = True
    """Whether all that the session has may be on it; else it is a test's or a module's own."""


class HasRef(Protocol):
    """A network, as services see it."""

    @property
    def ref(self) -> NetworkRef:
        """What its services know of it."""


@dataclass(frozen=True)
class Memberships:
    """The networks that a service is defined to be on, its first one first, and the names that it has on all."""

    networks: Sequence[NetworkRef]
    aliases: Sequence[str]

    @property
    def first(self) -> NetworkRef:
        """The network that it is created on: its `container.ip` is there, and what finds it again has its name."""
        return self.networks[0]

    @property
    def further(self) -> Mapping[str, EndpointSettings]:
        """The other networks by their names."""
        return {network.name: network.settings for network in self.networks[1:]}

    @property
    def internal(self) -> bool:
        """Tell whether all are internal: then no port is published."""
        return all(network.internal for network in self.networks)

    @functools.cached_property
    def names(self) -> Mapping[str, tuple[str, ...]]:
        """Its names on each network, by the network's name."""
        return {network.name: network.settings.names(self.aliases) for network in self.networks}

    def claims(self, network: str) -> tuple[str, ...]:
        """Return what nobody else may have on one of its networks: its names, then its fixed addresses."""
        settings = {each.name: each.settings for each in self.networks}
        return (*self.names[network], *settings[network].addresses_of_all_kinds)

    def names_on(self, networks: Collection[str]) -> tuple[str, ...]:
        """Return its names on some networks; on others it has what it has on all of its own."""
        found = [name for network in networks for name in self.names.get(network, ())]
        return tuple(dict.fromkeys([*self.aliases, *found]))

    def missing(self, attached: Iterable[str]) -> list[NetworkRef]:
        """Return the networks that it isn't on, given the names of those that it is on."""
        there = set(attached)
        return [network for network in self.networks if network.name not in there]


# what is checked


def by_network(value: Any, *, key: Callable[[Any], K]) -> dict[K, EndpointSettings]:
    """Check networks, as a list, or as a mapping to what a service is to have on each; `key` checks one of them."""
    if isinstance(value, Mapping):
        return {key(network): _settings(settings) for network, settings in entries(value.items())}
    if not is_list(value):
        raise Unfit(
            "write them as a list, or as Compose's mapping with {'aliases': […], 'ipv4_address': '…'} or None for each",
            why=" is neither a list nor a mapping",
        )
    return {key(network): EndpointSettings() for network in entries(value)}


def _settings(value: Any) -> EndpointSettings:
    if value is None:
        return EndpointSettings()
    if not isinstance(value, Mapping):
        raise Unfit(
            "give for each a mapping, such as {'aliases': ['db']}, or None", why=f" has for one of them {shown(value)}"
        )
    given = {name: content for name, content in entries(value.items()) if content is not None}
    check_keywords(given, ENDPOINT_KEYWORDS, of="network of a service")
    return EndpointSettings(**{name: checked(name, given[name], ENDPOINT_KEYWORDS[name]) for name in given})


def fitting(engine: "Engine", networks: Sequence[NetworkRef], spec: "ContainerSpec") -> list[NetworkRef]:
    """Return a service's networks, the first one with the MAC address of its own keyword.

    Raises DefinitionError for fixed addresses that it can't have there.
    """
    first, *further = networks
    for network in networks:
        _refuse_outside(engine, network)
    _refuse_macs(engine, networks, spec)
    if spec.mac_address is None:
        return [*networks]
    return [replace(first, settings=replace(first.settings, mac_address=spec.mac_address)), *further]


def _refuse_macs(engine: "Engine", networks: Sequence[NetworkRef], spec: "ContainerSpec") -> None:
    first, *further = networks
    own = (spec.mac_address, first.settings.mac_address)
    if None not in own and own[0] != own[1]:
        raise DefinitionError(
            f"mac_address={shown(own[0])} is for the first network, and networks= gives {shown(own[1])} there. "
            "Remedy: give one of them."
        )
    for network in further:
        if network.settings.mac_address is not None and not engine.attaches_at_creation:
            raise DefinitionError(
                f"This engine ({engine.version}) gives a fixed MAC address on the first network alone; on others since "
                f"API 1.44. Remedy: let {network.name} be the first of networks=, or leave mac_address out."
            )


def _refuse_outside(engine: "Engine", network: NetworkRef) -> None:
    if not network.settings.addresses:
        return
    configs = engine.inspect_network(network.id)["IPAM"]["Config"] or ()
    subnets = [config["Subnet"] for config in configs if config.get("Subnet")]
    for address in network.settings.addresses:
        if outside(address, subnets):
            raise DefinitionError(
                f"The address {address} is none that a container can have on {network.name}, whose subnet is "
                f"{' and '.join(subnets) if subnets else 'not known'}. Remedy: give one in it, or give the network "
                "another subnet=."
            )
