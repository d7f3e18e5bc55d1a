"""Subnets: a free one for engines whose address pools are used up, and the engine's own address on one."""

import ipaddress
import random
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

_Network = ipaddress.IPv4Network

_RANGES: Final = tuple(map(_Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
"""The private ones (RFC 1918), the largest first: a company's network may have all of one."""
_SIZE: Final = 26
"""62 addresses: a stack needs few, and small subnets overlap little."""
_TRIES: Final = 10_000
_LOCAL: Final = 0xFD
"""The first byte of IPv6 addresses that a site gives itself."""
_WIDEST: Final = 8
"""A route of fewer bits is a part of the default one: a VPN has 0.0.0.0/1 and 128.0.0.0/1 to go before that."""


def free_subnet(taken: Iterable[str], *, choose: random.Random | None = None) -> str | None:
    """Return a private subnet that overlaps none of the taken ones; None where none was found.

    Chosen at random, so that sessions that choose at the same time seldom choose the same.
    """
    choose = choose if choose is not None else random.Random()  # noqa: S311 - no secret
    networks = [network for text in taken if (network := _ipv4(text)) is not None]
    step = 2 ** (32 - _SIZE)
    for private in _RANGES:
        for _ in range(_TRIES):
            address = int(private.network_address) + step * choose.randrange(private.num_addresses // step)
            candidate = _Network((address, _SIZE))
            if not any(candidate.overlaps(network) for network in networks):
                return str(candidate)
    return None


def local_ipv6_subnet() -> str:
    """Return an IPv6 subnet that nobody else has, chosen at random (RFC 4193): engines before 27 have none to give."""
    return str(ipaddress.IPv6Network((_LOCAL << 120 | secrets.randbits(56) << 64, 64)))


def first_overlap(subnet: str, taken: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
    """Return the first of some subnets, each behind the name of whose it is, that overlaps a subnet; else None."""
    wanted = ipaddress.ip_network(subnet)
    for whose, text in taken:
        other = ipaddress.ip_network(text, strict=False)
        if other.version == wanted.version and other.overlaps(wanted):
            return whose, text
    return None


def gateway_of(config: Mapping[str, str]) -> str:
    """Return the engine's own address on a subnet, by a network's IPAM configuration; empty where there is no subnet.

    Until a daemon's next start the configuration has no gateway where none was asked for beside a subnet, and on the
    default bridge of a daemon's very first start. The engine then took the first address of the range that it hands
    out, or of the subnet (measured on Docker 20.10).
    """
    if config.get("Gateway"):
        return config["Gateway"].partition("/")[0]
    if config.get("IPRange"):
        return str(ipaddress.ip_network(config["IPRange"], strict=False).network_address)
    if config.get("Subnet"):
        return str(ipaddress.ip_network(config["Subnet"], strict=False).network_address + 1)
    return ""


def host_routes(table: Path = Path("/proc/net/route")) -> list[str]:
    """Return where this machine's IPv4 routes lead, but for the default ones; nothing where they can't be read."""
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return []
    routes = []
    for fields in map(str.split, lines):
        destination, mask = (int.from_bytes(bytes.fromhex(fields[n]), "little") for n in (1, 7))
        if mask.bit_count() >= _WIDEST:
            routes.append(f"{ipaddress.ip_address(destination)}/{mask.bit_count()}")
    return routes


def _ipv4(text: str) -> _Network | None:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return network if isinstance(network, _Network) else None
