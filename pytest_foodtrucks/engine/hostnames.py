"""What a host's name is, what an address and a port are, and what leads to the same."""

import ipaddress
import re
from collections.abc import Sequence
from socket import AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM, getaddrinfo, socket
from typing import Final

from pytest_foodtrucks.errors import DefinitionError

_LONGEST: Final = 253
"""Characters of a whole name, without the dot at its end (RFC 1035, 2.3.4)."""

_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
"""RFC 1123's label of at most 63 characters, and the underscore, which engines have in containers' names."""

_NUMBER: Final = re.compile(r"0[Xx][0-9A-Fa-f]*|[0-9]+")
"""A part of an address as inet_aton(3) reads it: 127.1, 1 and 0x7f.1 are addresses to getaddrinfo, and no names."""

_PORTS: Final = range(1, 65_536)


def is_address(text: object) -> bool:
    """Tell whether a text is an IP address in its full form."""
    if not isinstance(text, str):  # ipaddress takes numbers too
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def may_be_name(text: str) -> bool:
    """Tell whether a text that is a name or an address, also a MAC address, is a name."""
    return ":" not in text and not is_address(text)


def same_name(name: str) -> str:
    """Return the form in which names are equal that a name server takes for one: without case and final dot."""
    return name.lower().removesuffix(".")


def addresses_of(host: str) -> tuple[str, ...]:
    """Return the addresses that a host has for this machine; an address is its own, without a look-up.

    Raises OSError where a name doesn't resolve.
    """
    if is_address(host):
        return (host,)
    try:
        found = getaddrinfo(host.removesuffix("."), None, type=SOCK_STREAM)
    except UnicodeError as error:  # a label that IDNA can't encode
        raise OSError(str(error)) from error
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def is_own_address(address: str) -> bool:
    """Tell whether this process' network has an address: only then can something be bound to it."""
    with socket(AF_INET6 if ":" in address else AF_INET, SOCK_DGRAM) as attempt:
        try:
            attempt.bind((address, 0))
        except OSError:
            return False
    return True


def loopback_among(addresses: Sequence[str]) -> str | None:
    """Return the loopback address that a host has, IPv4 first; None where it has another one too."""
    if not all(ipaddress.ip_address(address).is_loopback for address in addresses):
        return None
    return min(addresses, key=lambda address: ":" in address)


def refuse_no_host_name(name: object, *, what: str = "name", final_dot: bool = True) -> None:
    """Raise DefinitionError for what can't be a host's name; `what` is the word for it in the message.

    `final_dot` allows the dot that makes a name absolute.
    """
    why = "" if isinstance(name, str) else "it is no text"
    if isinstance(name, str):
        why = _what_is_wrong(name.removesuffix(".") if final_dot else name)
    if why:
        raise DefinitionError(
            f"The {what} {name!r:.100} is no host name: {why}. Remedy: use letters, digits and hyphens, with dots "
            "between labels; no scheme, port or path, and no address."
        )


def _what_is_wrong(name: str) -> str:
    labels = name.split(".")
    if is_address(name):
        return "it is an address"
    if all(map(_NUMBER.fullmatch, labels)):
        return "it has only numbers, which applications take for an address"
    if len(name) > _LONGEST:
        return f"it is longer than {_LONGEST} characters"
    wrong = next((label for label in labels if not _LABEL.fullmatch(label)), None)
    if wrong is None:
        return ""
    return f"its label {wrong!r:.100} isn't one" if wrong else "it is empty, or has an empty label"


def refuse_no_target(name: object, *, what: str = "target") -> None:
    """Raise DefinitionError for what is neither an address nor a host's name."""
    if is_address(name):
        return
    if not isinstance(name, str):
        raise DefinitionError(
            f"The {what} {name!r:.100} is none. Remedy: give a service, a host's name, or an address."
        )
    if all(map(_NUMBER.fullmatch, name.removesuffix(".").split("."))):
        raise DefinitionError(
            f"The {what} {name!r:.100} is no address in its full form. Remedy: write all of its parts, such as "
            "127.0.0.1."
        )
    refuse_no_host_name(name, what=what)


def refuse_no_port(port: object) -> None:
    """Raise DefinitionError for what is no TCP port."""
    if isinstance(port, bool) or not isinstance(port, int) or port not in _PORTS:
        raise DefinitionError(f"The port {port!r:.100} is none. Remedy: give a number from 1 to 65535.")


def port_and_protocol(port: object) -> tuple[int, str]:
    """Return the number and the protocol of a port: 53, "53/tcp" or "53/udp".

    Raises DefinitionError for what is none.
    """
    number, protocol = port, "tcp"
    if isinstance(port, str):
        digits, _, protocol = port.partition("/")
        number = int(digits) if digits.isascii() and digits.isdigit() and "/" in port else port
    if protocol not in {"tcp", "udp"}:
        number = port
    if isinstance(number, bool) or not isinstance(number, int) or number not in _PORTS:
        raise DefinitionError(
            f'The port {port!r:.100} is none. Remedy: give a number from 1 to 65535, or such as "53/udp".'
        )
    return number, protocol
