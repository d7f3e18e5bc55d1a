"""Verdicts: what can become of a name and of a connection, read from what the kernel and the name server said."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from .agent.client import Arrivals, Connection, IcmpError, NameFound, Outcome, Packet, Query


class VerdictKind(StrEnum):
    """What became of a connection."""

    CONNECTED = "connected"
    REFUSED = "refused"
    """The packet arrived; nothing listens, or the answer was a reset."""
    UNREACHABLE = "unreachable"
    """An ICMP error, or no route."""
    DROPPED = "dropped"
    """No answer."""
    UNRESOLVED = "unresolved"
    """The name doesn't exist."""
    MISRESOLVED = "misresolved"
    """Not the target's address on a network that they share, or several containers answer to the name."""
    DNS_FAILED = "dns_failed"
    """The name server failed or was silent."""
    INCONCLUSIVE = "inconclusive"
    """The question could not be answered."""


BLOCKED: Final = frozenset({VerdictKind.DROPPED, VerdictKind.UNREACHABLE})
"""What isolation by address looks like."""


@dataclass(frozen=True)
class Attempt:
    """One try: what became of it, the seconds it took, and what was said.

    `arrived` tells whether its packet was seen at the target; None where nobody watched there.
    """

    kind: VerdictKind
    seconds: float
    words: str
    local: tuple[str, int] | None = None
    arrived: bool | None = None

    def __str__(self) -> str:
        return f"{self.words} ({self.seconds:.2f} s)"


@dataclass(frozen=True)
class Verdict:
    """An answered question: what became of it, for which address and port, and the evidence.

    `attempts` has each try. Tries that differ are never averaged: such a verdict is `flaky`, and inconclusive.
    `protocol` is tcp or udp; by UDP `connected` means that an answer came, or that the datagram was seen to arrive.
    """

    kind: VerdictKind
    address: str | None
    port: int
    tries: int
    evidence: str
    attempts: tuple[Attempt, ...] = ()
    protocol: str = "tcp"

    @classmethod
    def inconclusive(cls, words: str, port: int = 0, protocol: str = "tcp") -> "Verdict":
        """Return the verdict of a question that has no answer."""
        return cls(VerdictKind.INCONCLUSIVE, None, port, 1, words, protocol=protocol)

    @property
    def flaky(self) -> bool:
        """Tell whether the tries differ, and not only in how they were blocked."""
        return len({attempt.kind for attempt in self.attempts}) > 1 and not self.all_blocked

    @property
    def all_blocked(self) -> bool:
        """Tell whether each try was dropped, or met an ICMP error or no route."""
        return bool(self.attempts) and all(attempt.kind in BLOCKED for attempt in self.attempts)

    @property
    def blocked(self) -> bool:
        """Tell whether each try was stopped on its way: a packet that arrived was let through."""
        return self.all_blocked and not self.arrived

    @property
    def arrived(self) -> bool:
        """Tell whether a packet certainly got there, in one try at least."""
        answered = {VerdictKind.CONNECTED, VerdictKind.REFUSED}
        return any(attempt.arrived or attempt.kind in answered for attempt in self.attempts)


# connections

_NO_WAY: Final = {
    "ENETUNREACH": "no route to that network",
    "EHOSTUNREACH": "nobody on the network has that address",
    "EAFNOSUPPORT": "the source's kernel has no IPv6",
    "EINVAL": "a blackhole route",
    "EACCES": "a prohibit route",
    "EPERM": "the source's own firewall forbids it",
    "ENETDOWN": "the network is down",
}
"""Errors by which the source itself says that there is no way, where no ICMP error came."""

_ICMP: Final = {
    (4, 3, 0): "network unreachable",
    (4, 3, 1): "host unreachable",
    (4, 3, 2): "protocol unreachable",
    (4, 3, 3): "port unreachable",
    (4, 3, 9): "network administratively prohibited",
    (4, 3, 10): "host administratively prohibited",
    (4, 3, 13): "administratively prohibited",
    (4, 11, 0): "time to live exceeded",
    (6, 1, 0): "no route to destination",
    (6, 1, 1): "administratively prohibited",
    (6, 1, 3): "address unreachable",
    (6, 1, 4): "port unreachable",
    (6, 1, 5): "source address failed policy",
    (6, 1, 6): "reject route",
}
"""Names of ICMP errors (RFC 792, 1812, 4443)."""

_PORT_UNREACHABLE: Final = {(4, 3, 3), (6, 1, 4)}


def verdict_of(connection: Connection, outcomes: Sequence[Outcome]) -> Verdict:
    """Return the verdict of all tries of one connection."""
    return _of_attempts(connection, tuple(_attempt(connection, outcome) for outcome in outcomes))


def _of_attempts(connection: Connection, attempts: tuple[Attempt, ...]) -> Verdict:
    kinds = list(dict.fromkeys(attempt.kind for attempt in attempts))
    kind = _kind_of(kinds)
    evidence = str(attempts[0])
    if len(kinds) > 1:
        each = ", ".join(f"{sum(attempt.kind is kind for attempt in attempts)} {kind}" for kind in kinds)
        flaky = "flaky, " if kind is VerdictKind.INCONCLUSIVE else ""
        evidence = f"{flaky}of {len(attempts)} tries {each}: {'; '.join(map(str, attempts))}"
    protocol = connection.protocol
    return Verdict(kind, connection.address, connection.port, len(attempts), evidence, attempts, protocol)


def _kind_of(kinds: Collection[VerdictKind]) -> VerdictKind:
    """Return the kind on which tries agree.

    ICMP errors are sent once a second at most (icmp(7), icmp_ratelimit), so of tries side by side some meet silence.
    """
    if set(kinds) == BLOCKED:
        return VerdictKind.UNREACHABLE
    return next(iter(kinds)) if len(kinds) == 1 else VerdictKind.INCONCLUSIVE


def _attempt(connection: Connection, outcome: Outcome) -> Attempt:
    kind, words = _kind_and_words(connection, outcome)
    return Attempt(kind, outcome.seconds, words, outcome.local)


def _kind_and_words(connection: Connection, outcome: Outcome) -> tuple[VerdictKind, str]:
    """Return what an outcome means, and how a message says it."""
    udp = connection.protocol == "udp"
    if outcome.connected:
        return VerdictKind.CONNECTED, "an answer came" if udp else "connected"
    if outcome.icmp is not None:
        refused = udp and outcome.icmp.sender == connection.address and _key(outcome.icmp) in _PORT_UNREACHABLE
        own = outcome.local is not None and outcome.icmp.sender == outcome.local[0] and outcome.error == "EHOSTUNREACH"
        words = f"{_NO_WAY['EHOSTUNREACH']}, EHOSTUNREACH" if own and not refused else _said(outcome.icmp)
        return VerdictKind.REFUSED if refused else VerdictKind.UNREACHABLE, words
    if outcome.error in {None, "ETIMEDOUT"}:
        return VerdictKind.DROPPED, "no answer"
    return _read_error(connection, outcome, outcome.error)


def _read_error(connection: Connection, outcome: Outcome, error: str) -> tuple[VerdictKind, str]:
    """Return what an error number means that came with no ICMP error."""
    sent, came = outcome.segments if outcome.segments is not None else (0, 0)
    if error == "ECONNRESET" or (error == "ECONNREFUSED" and came):
        return VerdictKind.REFUSED, f"a reset came, {error}"
    if sent and not came:  # as on kernels that show no ICMP error of a connection
        return VerdictKind.UNREACHABLE, f"rejected on its way, not by a reset, {error}"
    if error == "ECONNREFUSED":
        udp = connection.protocol == "udp"
        what = "who refused the datagram" if udp else "whether a reset or an ICMP error came"
        return VerdictKind.INCONCLUSIVE, f"the source's kernel doesn't tell {what}, {error}"
    link_local = connection.address.lower().startswith("fe80:")  # which is no address without an interface: EINVAL
    if error in _NO_WAY and not link_local:
        return VerdictKind.UNREACHABLE, f"{_NO_WAY[error]}, {error}"
    return VerdictKind.INCONCLUSIVE, f"the source can't ask, {error}"


def _key(icmp: IcmpError) -> tuple[int, int, int]:
    return icmp.version, icmp.type, icmp.code


def _said(icmp: IcmpError) -> str:
    name = _ICMP.get(_key(icmp), "an ICMP error")
    return f"{icmp.sender} said: {name} (ICMP{'v6' if icmp.version == 6 else ''} {icmp.type}/{icmp.code})"  # noqa: PLR2004


def with_arrivals(verdict: Verdict, connection: Connection, seen: Arrivals, gateways: Collection[str]) -> Verdict:
    """Return a verdict that says which of its packets arrived at the target, as an agent saw that watched there.

    A packet may come from one of the target's `gateways` in place of the source, which then stands for it (NAT). By UDP
    a datagram that arrived is enough.
    """
    attempts = tuple(_arrived(attempt, connection, seen, gateways) for attempt in verdict.attempts)
    told = _of_attempts(connection, attempts)
    if not told.all_blocked:
        return told
    if not told.arrived:
        words = "sent, never arrived at the target" if seen.complete else "whether it arrived couldn't be watched"
        return replace(told, evidence=f"{told.evidence}; {words}")
    evidence = f"{told.evidence}; sent, arrived, never answered"
    if seen.overflows and told.kind is VerdictKind.DROPPED:
        evidence += f": the target's listen queue was full {seen.overflows} times meanwhile"
        return replace(told, kind=VerdictKind.INCONCLUSIVE, evidence=evidence)
    return replace(told, evidence=evidence)


def _arrived(attempt: Attempt, connection: Connection, seen: Arrivals, gateways: Collection[str]) -> Attempt:
    if attempt.local is None:
        return attempt
    arrived = any(_is_of(packet, attempt.local, connection, gateways) for packet in seen.packets)
    told = replace(attempt, arrived=True if arrived else False if seen.complete else None)
    if arrived and connection.protocol == "udp" and told.kind is VerdictKind.DROPPED:
        return replace(told, kind=VerdictKind.CONNECTED, words="the datagram arrived at the target")
    return told


def _is_of(packet: Packet, local: tuple[str, int], connection: Connection, gateways: Collection[str]) -> bool:
    """Tell whether a packet belongs to a try."""
    if packet.protocol != connection.protocol:
        return False
    if packet.protocol == "udp":
        return bool(connection.text) and packet.text.startswith(connection.text)
    same_ports = (packet.source_port, packet.port) == (local[1], connection.port)
    return same_ports and packet.destination == connection.address and packet.source in {local[0], *gateways}


# names


@dataclass(frozen=True)
class Resolution:
    """What a name server and the hosts file made of a name; `failure` is None where there is an answer."""

    name: str
    addresses: tuple[str, ...]
    failure: VerdictKind | None
    words: str

    @property
    def absent(self) -> bool:
        """Tell whether the name certainly doesn't exist."""
        return self.failure is None and not self.addresses


def resolution_of(name: str, found: NameFound) -> Resolution:
    """Return what became of a name: what an application gets counts, if the name server's answers agree with it."""
    words = "; ".join(dict.fromkeys(map(_told, found.queries)))
    if found.addresses:
        return Resolution(name, found.addresses, None, f"{name} stands in /etc/hosts" if found.hosts else words)
    if any(query.error in _NO_ROOM for query in found.queries):
        return Resolution(name, (), VerdictKind.INCONCLUSIVE, words)
    failed = [query for query in found.queries if query.rcode not in {"NOERROR", "NXDOMAIN"}]
    if failed or not found.queries:
        return Resolution(name, (), VerdictKind.DNS_FAILED, words if words else "no name server was asked")
    if any(query.addresses for query in found.queries) or found.error not in _ABSENT:
        words = f"{words}, but an application there gets {found.error}"
        return Resolution(name, (), VerdictKind.INCONCLUSIVE, words)
    return Resolution(name, (), None, words)


_NO_ROOM: Final = frozenset({"EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"})
"""Errors by which the source itself couldn't ask."""

_ABSENT: Final = frozenset({"EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY"})
"""What getaddrinfo(3) says of a name that doesn't exist, or that has no addresses."""


def _told(query: Query) -> str:
    addresses = f" {', '.join(query.addresses)} for {query.ttl} s" if query.addresses else ""
    said = f"{query.rcode}{addresses}" if query.error is None else query.error
    return f"{query.name} {query.type}: {said}, by {query.server}{' (TCP)' if query.tcp else ''}"
