"""A free subnet, for engines whose address pools are used up."""

import ipaddress
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_Network = ipaddress.IPv4Network

_RANGES: Final = tuple(map(_Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
"""The private ones (RFC 1918), the largest first: a company's network may have all of one."""
_SIZE: Final = 26
"""62 addresses: a stack needs few, and small subnets overlap little."""
_TRIES: Final = 10_000
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
