"""Verdicts: what can become of a name and of a connection, read from a tool's complete line and nothing less."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from pytest_foodtrucks.hostnames import is_address, same_name


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

_WORDS: Final = (
    ("Connection refused", VerdictKind.REFUSED),
    ("reset by peer", VerdictKind.REFUSED),
    ("No route to host", VerdictKind.UNREACHABLE),
    ("unreachable", VerdictKind.UNREACHABLE),
    ("timed out", VerdictKind.DROPPED),
)
"""The C libraries' words: glibc's, and musl's in the official image."""


@dataclass(frozen=True)
class Answer:
    """A question's complete line: the tool's exit status, the seconds it took, and its words, lines parted by `|`.

    Without a complete line `status` is None, and the words say what there was instead.
    """

    status: int | None
    seconds: float
    words: str


@dataclass(frozen=True)
class Attempt:
    """One try: what became of it, the seconds it took, and the tool's own words."""

    kind: VerdictKind
    seconds: float
    words: str


@dataclass(frozen=True)
class Verdict:
    """An answered question: what became of it, for which address and port, and the tool's own words.

    `attempts` has each try. Tries that differ are never averaged: such a verdict is `flaky`, and inconclusive.
    """

    kind: VerdictKind
    address: str | None
    port: int
    tries: int
    evidence: str
    attempts: tuple[Attempt, ...] = ()

    @property
    def flaky(self) -> bool:
        """Tell whether the tries differ, and not only in how they were blocked."""
        return len({attempt.kind for attempt in self.attempts}) > 1 and not self.blocked

    @property
    def blocked(self) -> bool:
        """Tell whether each try was dropped or met an ICMP error or no route."""
        return bool(self.attempts) and all(attempt.kind in BLOCKED for attempt in self.attempts)

    @property
    def arrived(self) -> bool:
        """Tell whether a packet certainly got there, in one try at least."""
        return any(attempt.kind in {VerdictKind.CONNECTED, VerdictKind.REFUSED} for attempt in self.attempts)


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


def read_connect(answer: Answer) -> VerdictKind:
    """Read the probe's own words about a connection; anything short of a complete line is inconclusive."""
    if answer.status is None:
        return VerdictKind.INCONCLUSIVE
    if answer.words == "open" and answer.status == 0:
        return VerdictKind.CONNECTED
    if answer.status == 0 or not answer.words.startswith("nc: "):
        return VerdictKind.INCONCLUSIVE
    return next((kind for words, kind in _WORDS if words in answer.words), VerdictKind.INCONCLUSIVE)


def of_attempts(address: str, port: int, answers: Sequence[Answer]) -> Verdict:
    """Return the verdict of all tries of one address."""
    attempts = tuple(Attempt(read_connect(answer), answer.seconds, answer.words) for answer in answers)
    kinds = list(dict.fromkeys(attempt.kind for attempt in attempts))
    evidence = _told(attempts[0])
    if len(kinds) > 1:
        each = ", ".join(f"{sum(attempt.kind is kind for attempt in attempts)} {kind}" for kind in kinds)
        evidence = f"of {len(attempts)} tries {each}: {'; '.join(map(_told, attempts))}"
    kind = _kind_of(attempts)
    flaky = "flaky, " if len(kinds) > 1 and kind is VerdictKind.INCONCLUSIVE else ""
    return Verdict(kind, address, port, len(attempts), f"{flaky}{evidence}", attempts)


def _told(attempt: Attempt) -> str:
    return f"{attempt.words} ({attempt.seconds:.2f} s)"


def after_recount(verdict: Verdict, counted: Sequence[Answer]) -> Verdict:
    """Tell an ICMP error from a reset, for which the tool has the same words.

    `counted` are further tries with the namespace's counters before and after. A refusal was no reset if not one TCP
    segment came in meanwhile, and an ICMP error did. Each refusal must be such a one; where there is other traffic it
    can't be told, and stays a refusal: the packet may have arrived.
    """
    refusals = [answer for answer in counted if answer.status is not None and "Connection refused" in answer.words]
    if not refusals or not all(map(_without_reset, refusals)):
        return verdict
    attempts = tuple(
        replace(attempt, kind=VerdictKind.UNREACHABLE) if attempt.kind is VerdictKind.REFUSED else attempt
        for attempt in verdict.attempts
    )
    words = "no reset: an ICMP error came, and no TCP segment"
    return replace(verdict, kind=_kind_of(attempts), evidence=f"{verdict.evidence}; {words}", attempts=attempts)


def _kind_of(attempts: Sequence[Attempt]) -> VerdictKind:
    """Return the kind on which tries agree.

    ICMP errors are sent once a second at most (icmp(7), icmp_ratelimit), so of tries side by side some meet silence.
    """
    kinds = {attempt.kind for attempt in attempts}
    if kinds == BLOCKED:
        return VerdictKind.UNREACHABLE
    return kinds.pop() if len(kinds) == 1 else VerdictKind.INCONCLUSIVE


def _without_reset(answer: Answer) -> bool:
    before, _, after = [*answer.words.split("|knocked|"), "", ""][:3]
    (errors, segments), (errors_then, segments_then) = _counters(after), _counters(before)
    return segments_then is not None and segments == segments_then and errors > errors_then


def _counters(text: str) -> tuple[int, str | None]:
    """Read how many ICMP errors came in, the fourth number of Icmp: in /proc/net/snmp, and how many TCP segments."""
    four = re.search(r"Icmp: \d+ \d+ \d+ (\d+)", text)
    six = re.search(r"Icmp6InDestUnreachs\s+(\d+)", text)
    segments = re.search(r"Tcp: (?:-?\d+ ){9}(\d+)", text)
    errors = sum(int(found[1]) for found in (four, six) if found is not None)
    return errors, segments[1] if segments is not None else None


_NO_ADDRESS: Final = ("Cannot assign requested address", "Address not available")
"""What a connection to an IPv6 address says where the namespace has none of its own, and where ports ran out."""


def needs_interfaces(verdict: Verdict) -> bool:
    """Tell whether a verdict depends on whether the source has an IPv6 address at all."""
    return verdict.address is not None and ":" in verdict.address and any(map(_without_address, verdict.attempts))


def after_interfaces(verdict: Verdict, interfaces: Answer) -> Verdict:
    """Tell a source without IPv6, which has no route, by /proc/net/if_inet6: a line for each address."""
    if interfaces.status != 0 or any(line and line.split()[-1] != "lo" for line in interfaces.words.split("|")):
        return verdict
    attempts = tuple(
        replace(attempt, kind=VerdictKind.UNREACHABLE) if _without_address(attempt) else attempt
        for attempt in verdict.attempts
    )
    evidence = f"{verdict.evidence}; the source has no IPv6 address"
    return replace(verdict, kind=_kind_of(attempts), evidence=evidence, attempts=attempts)


def _without_address(attempt: Attempt) -> bool:
    return any(words in attempt.words for words in _NO_ADDRESS)


# names


@dataclass(frozen=True)
class Resolver:
    """How a place looks names up: its hosts file, its search domains, and how many dots make a name absolute."""

    hosts: tuple[tuple[str, str], ...] = ()
    search: tuple[str, ...] = ()
    dots: int = 1

    def candidates(self, name: str) -> list[str]:
        """Return the absolute names that an application's look-up asks for, in their order (resolv.conf(5)).

        Asked so because busybox' nslookup leaves out the name itself where there are search domains.
        """
        if name.endswith("."):
            return [name]
        searched = [f"{name}.{domain.rstrip('.')}." for domain in self.search if domain.rstrip(".")]
        return [f"{name}.", *searched] if name.count(".") >= self.dots else [*searched, f"{name}."]

    def in_hosts(self, name: str) -> list[str]:
        """Return the addresses that the hosts file gives for a name."""
        return [address for address, host in self.hosts if same_name(host) == same_name(name)]


def read_resolver(answer: Answer) -> Resolver | None:
    """Read a place's resolv.conf and hosts file; None where they are incomplete."""
    conf, marker, hosts = answer.words.partition("|=hosts=|")
    if answer.status != 0 or not marker:
        return None
    found: dict[str, list[str]] = {}
    for line in conf.split("|"):
        key, *values = line.split("#")[0].split(";")[0].split() or [""]
        found[key] = [*found.get(key, []), *values] if key == "options" else values
    dots = [int(option[6:]) for option in found.get("options", []) if re.fullmatch(r"ndots:\d+", option)]
    search = found.get("search", found.get("domain", []))
    entries = [line.split("#")[0].split() for line in hosts.split("|")]
    pairs = [(entry[0], host) for entry in entries for host in entry[1:] if is_address(entry[0])]
    return Resolver(tuple(pairs), tuple(search), dots[-1] if dots else 1)


def read_lookup(name: str, resolver: Resolver, answers: Sequence[Answer]) -> Resolution:
    """Read what became of a name: the first of its candidates that exists counts, unless one before it failed."""
    listed = resolver.in_hosts(name)
    if listed:
        return Resolution(name, tuple(dict.fromkeys(listed)), None, f"{name} stands in /etc/hosts")
    for answer in answers:
        addresses = _addresses(answer)
        if isinstance(addresses, VerdictKind):
            return Resolution(name, (), addresses, _shown(answer))
        if addresses:
            return Resolution(name, addresses, None, _shown(answer))
    return Resolution(name, (), None, " / ".join(dict.fromkeys(map(_shown, answers))))


_SERVER_FAILED: Final = (
    "SERVFAIL",
    "REFUSED",
    "timed out",
    "no servers could be reached",
    "nslookup: can't connect",
    ": No answer",  # busybox: one of the two queries had no reply
)


def _addresses(answer: Answer) -> tuple[str, ...] | VerdictKind:
    """Return what nslookup found, nothing where the name doesn't exist, and the kind of failure where it can't be told.

    It asks for IPv4 and IPv6. That there is no address counts only when both answers say so; one without any records
    (the name exists, and has none of that family) is told by a bare heading.
    """
    if answer.status is None:
        return VerdictKind.INCONCLUSIVE
    told = re.sub(r"\AServer:.*\nAddress(?: \d+)?:.*(?:\n|\Z)", "", answer.words.replace("|", "\n"))
    found = re.findall(r"^Address(?: \d+)?:\s+([0-9a-fA-F.:]+)", told, re.MULTILINE)
    if found:
        return tuple(dict.fromkeys(found))
    if any(words in told for words in _SERVER_FAILED):
        return VerdictKind.DNS_FAILED
    if "NXDOMAIN" in told or told.count("Non-authoritative answer:") > 1:
        return ()
    return VerdictKind.INCONCLUSIVE


def _shown(answer: Answer) -> str:
    return " ".join(part.strip() for part in answer.words.split("|") if part.strip())
