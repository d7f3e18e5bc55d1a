"""What is checked of addresses: those that a container is to have, and the subnets and gateways of a network."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.values import Unfit, entries, is_list, shown, text, texts

Subnet: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAC: Final = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_MULTICAST: Final = 0x01
"""This bit of a MAC address' first byte says that it is that of a group."""


def _address(version: int, example: str) -> Callable[[Any], str]:
    """Return a check of an address of one family that a container may have."""

    def check(value: Any) -> str:
        try:
            address = ipaddress.ip_address(text(value))
        except ValueError as error:
            raise error if isinstance(error, Unfit) else Unfit(f"give an address, such as {example!r}") from None
        if address.version != version:
            raise Unfit(f"give an IPv{version} address, such as {example!r}", why=f" is one of IPv{address.version}")
        if address.is_loopback or address.is_multicast or address.is_unspecified or getattr(address, "scope_id", None):
            raise Unfit(f"give one that a container can have, such as {example!r}")
        return str(address)

    return check


ipv4_address: Final = _address(4, "10.20.0.5")
ipv6_address: Final = _address(6, "fd00:20::5")


def mac_address(value: Any) -> str:
    """Check a MAC address of one interface, and return it in small letters."""
    mac = text(value).lower().replace("-", ":")
    if not _MAC.fullmatch(mac):
        raise Unfit("write six bytes, such as '02:42:ac:11:00:05'")
    if int(mac[:2], 16) & _MULTICAST or mac == "00:00:00:00:00:00":
        raise Unfit(
            "give one of a single interface, such as '02:42:ac:11:00:05'", why=" is that of a group, or of none"
        )
    return mac


def subnets(value: Any) -> tuple[str, ...]:
    """Check a network's subnets: one, or one of each family."""
    return tuple(map(str, _one_of_each_family(map(_subnet, _one_or_list(value)), "subnet")))


def gateways(value: Any) -> tuple[str, ...]:
    """Check a network's gateways: one, or one of each family."""
    return tuple(map(str, _one_of_each_family(map(_gateway, _one_or_list(value)), "gateway")))


def _one_or_list(value: Any) -> Sequence[str]:
    found = texts(entries(value)) if is_list(value) else (text(value),)
    if not found:
        raise Unfit("give one, or leave it out", why=" is empty")
    return found


def _subnet(value: str) -> Subnet:
    try:
        subnet = ipaddress.ip_network(value)
    except ValueError as error:
        try:
            meant = ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise Unfit("give an address and a length, such as '10.20.0.0/24'") from error
        raise Unfit(f"give its first address, {str(meant)!r}", why=" is an address within a subnet") from None
    if "/" not in value or subnet.num_addresses < _FEWEST:
        raise Unfit(f"give one of {_FEWEST} addresses or more, such as '10.20.0.0/24'", why=" is too small")
    return subnet


_FEWEST: Final = 8
"""Addresses: the subnet's own, the gateway's, the broadcast's, a probe's, and some for services."""


def _gateway(value: str) -> Address:
    try:
        return ipaddress.ip_address(value)
    except ValueError as error:
        raise Unfit("give an address, such as '10.20.0.1'") from error


def _one_of_each_family(found: Iterable[Any], what: str) -> list[Any]:
    ordered = sorted(found, key=lambda each: each.version)
    versions = [each.version for each in ordered]
    if len(set(versions)) < len(versions):
        raise Unfit(f"give one {what} of IPv4, and one of IPv6 if need be", why=" has two of one family")
    return ordered


def refuse_unfit_gateways(subnets: Sequence[str], gateways: Sequence[str], *, ipv6: bool) -> None:
    """Raise DefinitionError for gateways outside of their subnets, and for IPv6 where it wasn't asked for."""
    own = {subnet.version: subnet for subnet in map(ipaddress.ip_network, subnets)}
    for gateway in map(ipaddress.ip_address, gateways):
        subnet = own.get(gateway.version)
        if subnet is None:
            raise DefinitionError(
                f"gateway={shown(str(gateway))} has no subnet of its family. Remedy: give subnet= too, or leave "
                "gateway= out."
            )
        if not _can_be_had(gateway, subnet):
            raise DefinitionError(
                f"gateway={shown(str(gateway))} is no address of a machine in the subnet {subnet}. Remedy: give one, "
                f"such as {str(subnet.network_address + 1)!r}, or leave gateway= out."
            )
    if 6 in own and not ipv6:  # noqa: PLR2004 - the family
        raise DefinitionError(f"subnet has {str(own[6])!r}, and the network has no IPv6. Remedy: give ipv6=True too.")


def outside(address: str, subnets: Iterable[str]) -> bool:
    """Tell whether an address is none that a container can have in these subnets."""
    meant = ipaddress.ip_address(address)
    known = [ipaddress.ip_network(subnet, strict=False) for subnet in subnets]
    return not any(_can_be_had(meant, subnet) for subnet in known)


def overlap(one: str, other: str) -> bool:
    """Tell whether two subnets have an address in common."""
    first, second = ipaddress.ip_network(one), ipaddress.ip_network(other)
    return first.version == second.version and first.overlaps(second)


def _can_be_had(address: Address, subnet: Subnet) -> bool:
    ends = {subnet.network_address} | ({subnet.broadcast_address} if subnet.version == 4 else set())  # noqa: PLR2004
    return address.version == subnet.version and address in subnet and address not in ends
