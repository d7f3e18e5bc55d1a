"""What a container is to have on one network: further names, fixed addresses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypedDict

from pytest_foodtrucks.engine.hostnames import same_name

from .addresses import ipv4_address, ipv6_address, mac_address
from .compose import Body, checks_of, keyword_field
from .keywords import host_names

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.networks import FixedAddresses


class EndpointKeywords(TypedDict, total=False):
    """Compose's attributes of a service on one network."""

    aliases: Sequence[str]
    ipv4_address: str
    ipv6_address: str
    mac_address: str


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """Compose's attributes of a service on one network, with their checked values.

    `aliases` are names that it has there beside those that it has on all its networks.
    """

    aliases: Sequence[str] = keyword_field(host_names, default=())
    ipv4_address: str | None = keyword_field(ipv4_address)
    ipv6_address: str | None = keyword_field(ipv6_address)
    mac_address: str | None = keyword_field(mac_address)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The fixed IP addresses."""
        return tuple(address for address in (self.ipv4_address, self.ipv6_address) if address is not None)

    @property
    def addresses_of_all_kinds(self) -> tuple[str, ...]:
        """The fixed IP addresses, and the MAC address: two containers that have one take each other's packets."""
        return (*self.addresses, *([self.mac_address] if self.mac_address is not None else []))

    @property
    def is_for_one(self) -> bool:
        """Tell whether it gives something that only one container on a network can have."""
        return self != EndpointSettings()

    def names(self, common: Sequence[str]) -> tuple[str, ...]:
        """Return all its names on the network, given those that it has on all; each once."""
        found: dict[str, str] = {}
        for name in (*common, *self.aliases):
            found.setdefault(same_name(name), name)
        return tuple(found.values())

    @property
    def fixed(self) -> "FixedAddresses":
        """The fixed addresses, as a connection to the network takes them."""
        return {
            "ipv4_address": self.ipv4_address,
            "ipv6_address": self.ipv6_address,
            "mac_address": self.mac_address,
        }

    def body(self, common: Sequence[str]) -> Body:
        """Return the engine API's EndpointSettings, given the names that it has on all networks."""
        names = self.names(common)
        fixed = {"IPv4Address": self.ipv4_address, "IPv6Address": self.ipv6_address}
        ipam = {key: address for key, address in fixed.items() if address is not None}
        return {
            **({"Aliases": list(names)} if names else {}),
            **({"IPAMConfig": ipam} if ipam else {}),
            **({"MacAddress": self.mac_address} if self.mac_address is not None else {}),
        }


ENDPOINT_KEYWORDS: Final[Mapping[str, Any]] = checks_of(EndpointSettings)
"""The check of each attribute."""
