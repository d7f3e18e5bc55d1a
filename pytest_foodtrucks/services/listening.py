"""On what a service listens where the port that was asked doesn't answer: what is seen inside, and the remedy."""

import ipaddress
from collections.abc import Collection, Iterable
from typing import Final

_ALL: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - read, not bound
_RESOLVER: Final = "127.0.0.11"
"""Where the engine's name server listens in each container."""


def listens_elsewhere(
    sockets: Iterable[tuple[str, str, int]], port: int, addresses: Collection[str]
) -> tuple[str, str] | None:
    """Say on what a service listens instead of a TCP port of its addresses, and what to do, if that isn't to wait.

    `sockets` are protocol, address and port of those that listen. None where it does listen there.
    """
    listening = {(address, number) for protocol, address, number in sockets if protocol == "tcp"}
    listening = {each for each in listening if each[0] != _RESOLVER}
    here = {address for address, number in listening if number == port}
    if here & {*_ALL, *addresses}:
        return None
    if not listening:
        return f"Inside it, nothing listens on port {port}, nor on any other", ""
    ports = ", ".join(_written(*each) for each in sorted(listening, key=lambda each: (each[1], each[0])))
    seen = f"Inside it, nothing listens on port {port} of its address; it listens on {ports}"
    if any(ipaddress.ip_address(address).is_loopback for address in here):
        return f"{seen}, which only the container itself reaches", "let it listen on all addresses, such as 0.0.0.0"
    return seen, f"name the right port in ports= and in the check, or let it listen on {port}"


def _written(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
