"""The assertion that nothing leads out of where a source is, but to what is allowed."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pytest_foodtrucks.engine.hostnames import port_and_protocol
from pytest_foodtrucks.errors import DefinitionError, IsolationError, ProbeError, ReachabilityError
from pytest_foodtrucks.probes.probe import Probe
from pytest_foodtrucks.probes.verdicts import VerdictKind
from pytest_foodtrucks.services.service import Service

from .messages import Finding, block, described
from .outside import WELL_KNOWN, Area, Outside, WayOut, ask_for_ways_out, command, end, way_out
from .subjects import Source, probe_of, refuse_no_source


def assert_no_egress(source: Source, allow: Iterable[Service | str] = (), via: Iterable[str] | None = None) -> None:
    """Assert that nothing leads out of where a source is, but to what is allowed.

    Ways are: `via`, addresses and names of the internet, such as "192.0.2.1:443", "192.0.2.1:53/udp" or "example.com"
    (by default public name servers, the clouds' metadata address, and a name; `*.example.com` is a random name, which
    shows in the log of the domain's own name server); the engine's machine, by each gateway and its own addresses; the
    default bridge; and proxies that the source's environment or the engine names. A way is judged only if it leads
    somewhere from the default bridge.

    `allow` has services, "name:port", addresses with a port, and subnets, such as "10.0.0.0/8". What is allowed must be
    reachable, so that a typo is no loophole.

    Raises IsolationError where something leads out, ReachabilityError where something that is allowed isn't reached,
    ProbeError where no way could be judged or a control fails, DefinitionError for what can't be asked.
    """
    refuse_no_source(source)
    allowed = _Allowed.of(allow)
    named = [way_out(each) for each in listed("via", WELL_KNOWN if via is None else via)]
    probe = probe_of(source)
    _refuse_unreached(probe, allowed)
    _judge(probe, ask_for_ways_out(probe, named, asked=lambda way: not allowed.has(way)))


def _judge(probe: Probe, seen: Outside) -> None:
    """Raise what was seen, or left open."""
    if seen.out:
        count = "this way" if len(seen.out) == 1 else f"these {len(seen.out)} ways"
        blocks = "\n".join(_shown(probe, way, seen) for way in seen.out)
        names = f" {_NAMES_REMEDY}" if any(way.area is Area.NAMES for way in seen.out) else ""
        raise IsolationError(f"Something leads out of {probe.described_as}, {count}:\n{blocks}\n{_REMEDY}{names}")
    unclear = [*seen.doubts, *seen.unclear()]
    if not seen.ways:
        unclear.append("each way that would be asked is allowed, so that none is left")
    elif not seen.judged:
        tried = "; ".join(f"{way.text}: {seen.words_of_control(way)}" for way in seen.ways)
        unclear.append(f"no way leads anywhere from the default bridge either, so that none can be judged: {tried}")
    if unclear:
        lines = "\n".join(f"  - {each}" for each in dict.fromkeys(unclear))
        raise ProbeError(
            f"Whether anything leads out of {probe.described_as} can't be told:\n{lines}\nRemedy: mend what the lines "
            "above name, or name ways with via= that lead somewhere from the default bridge, and ask again."
        )


def _shown(probe: Probe, way: WayOut, seen: Outside) -> str:
    verdict = seen.verdict(way)
    kind = f"resolved to {verdict.address}" if way.connection is None else str(verdict.kind)
    finding = Finding(way.text, "no way", verdict, command(probe, way), isolated=False, reached=True)
    return block(described(probe), finding, seen=kind)


_REMEDY: Final = (
    "Remedy: put the source on networks with internal=True only, and see what the engine's firewall lets through; what "
    "is meant to be reached is named with allow=."
)
_NAMES_REMEDY: Final = (
    "Names get out of internal networks too on Docker before 26 (moby#47333): use a later one, or give the service "
    'dns=["127.0.0.1"]; names of containers still resolve then.'
)


# what may be reached


@dataclass(frozen=True)
class _Allowed:
    """What may be reached: ends that must be reachable, and subnets."""

    ends: tuple[Service | str, ...]
    subnets: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

    @classmethod
    def of(cls, allow: object) -> "_Allowed":
        """Read what is allowed; DefinitionError for what is none of it."""
        ends: list[Service | str] = []
        subnets = []
        for each in listed("allow", allow):
            if not isinstance(each, str | Service):
                remedy = "give services, and texts such as 'es:9200'"
                raise DefinitionError(f"allow has {each!r:.100}. Remedy: {remedy}.")
            subnet = _subnet(each)
            if subnet is not None:
                subnets.append(subnet)
            else:
                ends.append(each)
                if isinstance(each, str):
                    end(each)
        return cls(tuple(ends), tuple(subnets))

    def has(self, way: WayOut) -> bool:
        """Tell whether a way leads to what is allowed."""
        if way.connection is None:
            return False
        address = ipaddress.ip_address(way.connection.address)
        within = any(address.version == subnet.version and address in subnet for subnet in self.subnets)
        texts = [each for each in self.ends if isinstance(each, str)]
        ends = {(host, *port_and_protocol(port)) for host, port in map(end, texts)}
        return within or (way.connection.address, way.connection.port, way.connection.protocol) in ends


def _refuse_unreached(probe: Probe, allowed: _Allowed) -> None:
    for each in allowed.ends:
        verdict = probe.connect(*end(each)) if isinstance(each, str) else probe.connect(each)
        if verdict.kind is not VerdictKind.CONNECTED:
            name = each if isinstance(each, str) else each.alias
            raise ReachabilityError(
                f"{name} is allowed, and isn't reached from {probe.described_as}: {verdict.kind}: {verdict.evidence}. "
                "Remedy: see whether its name and port are right and it runs; what nobody reaches need not be allowed."
            )


def _subnet(each: Service | str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if not isinstance(each, str) or "/" not in each or each.endswith(("/udp", "/tcp")):
        return None
    try:
        return ipaddress.ip_network(each)
    except ValueError as error:
        raise DefinitionError(f"allow has {each!r:.100}, which is no subnet: {error}. Remedy: mend it.") from error


def listed(keyword: str, values: object) -> list[object]:
    """Return the values of a keyword; DefinitionError for what is no list."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise DefinitionError(f"{keyword}={values!r:.100} is no list. Remedy: give a list.")
    return list(values)
