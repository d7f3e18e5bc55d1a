"""Ports of a container: each gets a free port of the host, or the one that it was given."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pytest_foodtrucks.engine.hostnames import is_address, port_and_protocol
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.values import entries, is_list, shown

_SHORT: Final = re.compile(
    r"(?:(?P<address>\[[0-9A-Fa-f:]+\]|[0-9.]+):)?(?P<published>[0-9]{1,5}):(?P<target>[0-9]{1,5})(?:/(?P<protocol>.*))?"
)
_KEYS: Final = frozenset(("target", "published", "host_ip", "protocol", "mode", "name", "app_protocol"))


@dataclass(frozen=True)
class FixedPort:
    """A TCP port of the container, by its number there, with a port of the host, and perhaps an address there."""

    target: int
    published: int
    address: str | None = None

    @property
    def at(self) -> str:
        """Where it is on the host, as people write it."""
        return str(self.published) if self.one_address is None else f"{self.one_address}:{self.published}"

    @property
    def one_address(self) -> str | None:
        """The address of the host where it is alone; None where that isn't said, or is all of them."""
        everywhere = self.address is None or ipaddress.ip_address(self.address).is_unspecified
        return None if everywhere else self.address


Port = int | str | FixedPort
"""A TCP port, a UDP port such as "53/udp", or a TCP port with a fixed one of the host."""


def checked_ports(value: Any) -> tuple[Port, ...]:
    """Check ports of the container, and leave out doubles."""
    given = [value] if isinstance(value, Mapping) or not is_list(value) else entries(value)
    found = tuple(dict.fromkeys(map(_port, given)))
    _refuse_twice("port", [str(container_port(each)) for each in found])
    _refuse_twice("host port", [str(each.published) for each in found if isinstance(each, FixedPort)])
    return found


def _refuse_twice(what: str, ports: Sequence[str]) -> None:
    twice = next((port for port in ports if ports.count(port) > 1), None)
    if twice is not None:
        raise DefinitionError(f"ports has the {what} {twice} twice. Remedy: leave one out.")


def container_port(port: Port) -> int | str:
    """Return a port as it is in the container."""
    return port.target if isinstance(port, FixedPort) else port


def fixed_ports(ports: Sequence[Port]) -> dict[int, FixedPort]:
    """Return the ports with a fixed one of the host, by their numbers in the container."""
    return {each.target: each for each in ports if isinstance(each, FixedPort)}


def ports_body(ports: Sequence[Port]) -> Mapping[str, Any]:
    """Return the piece of the engine API's ContainerCreate that ports become."""
    named = map(container_port, ports)
    return {"ExposedPorts": {f"{port}/tcp" if isinstance(port, int) else port: {} for port in named}}


def _port(value: Any) -> Port:
    if isinstance(value, Mapping):
        return _long_form(dict(value))
    match = _SHORT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return _free(value, written=value)
    protocol = "tcp" if match["protocol"] is None else match["protocol"]
    return _fixed(f"{match['target']}/{protocol}", match["published"], match["address"], written=value)


def _long_form(given: Mapping[Any, Any]) -> Port:
    unknown = [key for key in given if key not in _KEYS]
    if unknown or "target" not in given:
        why = f"; {shown(unknown[0])} isn't known" if unknown else ""
        raise DefinitionError(
            f"ports has {shown(given)}. Remedy: give `target`, and if need be `published`, `host_ip`, `protocol`{why}."
        )
    protocol = given["protocol"] if given.get("protocol") is not None else "tcp"
    target = f"{given['target']}/{protocol}"
    if given.get("published") in (None, 0, "0", ""):
        if given.get("host_ip") is not None:
            raise DefinitionError(
                f"ports has {shown(given)}, a host_ip without published. Remedy: give `published` too, or leave "
                "`host_ip` out; a free port is where the test reaches it."
            )
        return _free(target, written=given)
    return _fixed(target, given["published"], given.get("host_ip"), written=given)


def _free(value: object, *, written: object) -> int | str:
    try:
        number, protocol = port_and_protocol(value)
    except DefinitionError:
        raise DefinitionError(
            f"ports has {shown(written)}. Remedy: give the container's ports as numbers, such as [5000]; each gets a "
            'free port of the host. A fixed one is written "8080:80". A UDP port is written "53/udp", and isn\'t '
            "published."
        ) from None
    return number if protocol == "tcp" else f"{number}/{protocol}"


def _fixed(target: object, published: object, address: object, *, written: object) -> FixedPort:
    port = _free(target, written=written)
    if not isinstance(port, int):
        raise DefinitionError(
            f"ports has {shown(written)}, and a UDP port isn't published. Remedy: give it alone, such as {port!r}."
        )
    host = _free(f"{published}/tcp" if isinstance(published, str) else published, written=written)
    plain = address.strip("[]") if isinstance(address, str) else address
    if plain is not None and not is_address(plain):
        raise DefinitionError(f"ports has {shown(written)}. Remedy: give an address of the host, such as 127.0.0.1.")
    assert isinstance(host, int)  # noqa: S101 - for the type checker: it is one of TCP
    return FixedPort(port, host, plain if plain is None else str(plain))
