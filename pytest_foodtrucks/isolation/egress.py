"""Whether anything leads out of where a source is: to the internet, the engine's machine, other networks, by names."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from errno import EADDRNOTAVAIL
from socket import AF_INET, AF_INET6, socket
from typing import Final
from urllib.parse import urlsplit

from pytest_foodtrucks.errors import (
    DefinitionError,
    EngineError,
    IsolationError,
    ProbeError,
    ReachabilityError,
    StartError,
)
from pytest_foodtrucks.hostnames import is_address, port_and_protocol, refuse_no_host_name, refuse_no_target
from pytest_foodtrucks.probes.agent.client import Connection
from pytest_foodtrucks.probes.asking import Answers, ask
from pytest_foodtrucks.probes.beacons import DEFAULT, Beacon, beacon, outside_beacon, outside_probe, stack_of
from pytest_foodtrucks.probes.network_changes import DISTURBED, undisturbed
from pytest_foodtrucks.probes.probe import Probe, nonce
from pytest_foodtrucks.probes.verdicts import Resolution, Verdict, VerdictKind
from pytest_foodtrucks.services.service import Service

from .controls import SourceControl
from .messages import Finding, again, block, connecting, described, looking_up
from .subjects import Source, inspected, joined, place_of, refuse_no_source
from .ways import bridge_addresses, machine_addresses

WELL_KNOWN: Final = (
    "1.1.1.1:443",
    "8.8.8.8:53/udp",
    "[2606:4700:4700::1111]:443",
    "169.254.169.254:80",
    "example.com",
)
"""Where egress is asked for if nothing else is named.

Public name servers, by IPv6 too; the address at which clouds tell a machine its secrets; and a name.
"""

_PROXY_PORT: Final = 3128


@dataclass(frozen=True)
class _Way:
    """A way out: a connection, or a name."""

    text: str
    connection: Connection | None = None
    name: str = ""

    def leads(self, answers: Answers) -> bool:
        """Tell whether it leads somewhere: something answered, or the name resolves."""
        if self.connection is None:
            return answers.names[self.name].addresses != ()
        return answers.verdicts[self.connection].arrived

    def evidence(self, answers: Answers) -> Verdict | Resolution:
        """Return what was seen of it."""
        return answers.names[self.name] if self.connection is None else answers.verdicts[self.connection]


def assert_no_egress(source: Source, allow: Iterable[Service | str] = (), via: Iterable[str] | None = None) -> None:
    """Assert that nothing leads out of where a source is, but to what is allowed.

    Ways are: `via`, addresses and names of the internet, such as "192.0.2.1:443", "192.0.2.1:53/udp" or "example.com"
    (by default public name servers, the clouds' metadata address, and a name); the engine's machine, by each gateway
    and its own addresses; the default bridge; and proxies that the source's environment or the engine names. A way is
    judged only if it leads somewhere from the default bridge.

    `allow` has services, "name:port", addresses with a port, and subnets, such as "10.0.0.0/8". What is allowed must be
    reachable, so that a typo is no loophole.

    Raises IsolationError where something leads out, ReachabilityError where something that is allowed isn't reached,
    ProbeError where no way could be judged or a control fails, DefinitionError for what can't be asked.
    """
    refuse_no_source(source)
    allowed = _Allowed.of(allow)
    asked = [_asked_for(each) for each in _texts("via", WELL_KNOWN if via is None else via)]
    place = place_of(source)
    _refuse_unreached(place, allowed)
    try:
        with beacon(place) as lit, _machine(place) as machine:
            ways = [way for way in [*asked, *machine, *_fixed(place)] if not allowed.has(way)]
            control = SourceControl(place, lit)
            (inside, outside), trusted = undisturbed(
                lambda: _both(place, control, ways),
                place.container.engine,
                suspect=lambda answers: any(way.leads(answers[0]) for way in ways),
            )
    except (EngineError, StartError) as error:
        raise ProbeError(f"{place.place}: nothing can be asked from there: {error}") from error
    _judge(place, ways, inside, outside, [*control.doubts(inside), *([] if trusted else [DISTURBED])])


def _both(place: Probe, control: SourceControl, ways: Sequence[_Way]) -> tuple[Answers, Answers]:
    """Ask from the source and from the default bridge at the same time."""
    names = [way.name for way in ways if way.connection is None]
    connections = [way.connection for way in ways if way.connection is not None]
    elsewhere = outside_probe(stack_of(place))
    with ThreadPoolExecutor(1) as pool:
        outside = pool.submit(ask, elsewhere.agent, names, connections)
        inside = ask(place.agent, [*control.names, *names], [control.connection, *connections])
        return inside, outside.result()


def _judge(place: Probe, ways: Sequence[_Way], inside: Answers, outside: Answers, doubts: Sequence[str]) -> None:
    """Raise what the answers prove, or leave open."""
    out = [way for way in ways if way.leads(inside)]
    if out and DISTURBED not in doubts:
        shown = "\n".join(_shown(place, way, inside) for way in out)
        count = "this way" if len(out) == 1 else f"these {len(out)} ways"
        raise IsolationError(f"Something leads out of {place.place}, {count}:\n{shown}\n{_REMEDY}")
    judged = [way for way in ways if way.leads(outside)]
    unclear = [f"{way.text}: {_words(way, inside)}" for way in judged if _is_unclear(way.evidence(inside))]
    if not judged:
        seen = "; ".join(f"{way.text}: {_words(way, outside)}" for way in ways)
        unclear = [f"no way leads anywhere from the default bridge either, so that none can be judged: {seen}"]
    if not ways:
        unclear = ["each way that would be asked is allowed, so that none is left"]
    if doubts or unclear:
        lines = "\n".join(f"  - {doubt}" for doubt in [*doubts, *unclear])
        raise ProbeError(
            f"Whether anything leads out of {place.place} can't be told:\n{lines}\nRemedy: mend what the lines above "
            "name, or name ways with via= that lead somewhere from the default bridge, and ask again."
        )


def _is_unclear(seen: Verdict | Resolution) -> bool:
    """Tell whether it wasn't seen what became of a way.

    A name server that has nobody to ask fails: that is how names end that don't get out.
    """
    if isinstance(seen, Resolution):
        return seen.failure is VerdictKind.INCONCLUSIVE
    return not seen.silent


def _words(way: _Way, answers: Answers) -> str:
    seen = way.evidence(answers)
    return f"{seen.kind}: {seen.evidence}" if isinstance(seen, Verdict) else seen.words


def _shown(place: Probe, way: _Way, answers: Answers) -> str:
    seen = way.evidence(answers)
    if isinstance(seen, Resolution):
        verdict = Verdict(VerdictKind.MISRESOLVED, seen.addresses[0], 0, 1, seen.words)
        kind, code = f"resolved to {', '.join(seen.addresses)}", looking_up(seen.name)
    else:
        verdict, kind = seen, str(seen.kind)
        assert way.connection is not None  # noqa: S101 - for the type checker
        code = connecting(way.connection)
    finding = Finding(way.text, "no way", verdict, again(place, code), isolated=False, reached=True)
    return block(described(place), finding, seen=kind)


_REMEDY: Final = (
    "Remedy: put the source on networks with internal=True only, and see what the engine's firewall lets through; what "
    "is meant to be reached is named with allow=."
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
        for each in _texts("allow", allow, services=True):
            subnet = _subnet(each)
            if subnet is not None:
                subnets.append(subnet)
            else:
                ends.append(each)
                if isinstance(each, str):
                    _end(each)
        return cls(tuple(ends), tuple(subnets))

    def has(self, way: _Way) -> bool:
        """Tell whether a way leads to what is allowed."""
        if way.connection is None:
            return False
        address = ipaddress.ip_address(way.connection.address)
        within = any(address.version == subnet.version and address in subnet for subnet in self.subnets)
        texts = [each for each in self.ends if isinstance(each, str)]
        ends = {(host, *port_and_protocol(port)) for host, port in map(_end, texts)}
        return within or (way.connection.address, way.connection.port, way.connection.protocol) in ends


def _refuse_unreached(place: Probe, allowed: _Allowed) -> None:
    for end in allowed.ends:
        verdict = place.connect(*_end(end)) if isinstance(end, str) else place.connect(end)
        if verdict.kind is not VerdictKind.CONNECTED:
            name = end if isinstance(end, str) else end.alias
            raise ReachabilityError(
                f"{name} is allowed, and isn't reached from {place.place}: {verdict.kind}: {verdict.evidence}. Remedy: "
                "see whether its name and port are right and it runs; what nobody reaches need not be allowed."
            )


def _subnet(each: Service | str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if not isinstance(each, str) or "/" not in each or each.endswith(("/udp", "/tcp")):
        return None
    try:
        return ipaddress.ip_network(each)
    except ValueError as error:
        raise DefinitionError(f"allow has {each!r:.100}, which is no subnet: {error}. Remedy: mend it.") from error


def _texts(keyword: str, values: object, *, services: bool = False) -> list[Service | str]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise DefinitionError(f"{keyword}={values!r:.100} is no list. Remedy: give a list.")
    listed = list(values)
    for each in listed:
        if not isinstance(each, str) and not (services and isinstance(each, Service)):
            what = "services, and texts such as 'es:9200'" if services else "texts such as '192.0.2.1:443'"
            raise DefinitionError(f"{keyword} has {each!r:.100}. Remedy: give {what}.")
    return listed


def _end(text: str) -> tuple[str, int | str]:
    """Return host and port of a text such as `es:9200`, `[::1]:53/udp`; DefinitionError for what is none."""
    host, _, port = text.rpartition(":")
    digits, _, protocol = port.partition("/")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not digits.isascii() or not digits.isdigit() or protocol not in {"", "tcp", "udp"}:
        raise DefinitionError(f"{text!r:.100} has no port. Remedy: write it host:port, such as 192.0.2.1:443.")
    refuse_no_target(host)
    number, protocol = port_and_protocol(port if protocol else int(digits))
    return host, number if protocol == "tcp" else f"{number}/udp"


# ways out


def _asked_for(text: Service | str) -> _Way:
    """Return the way that `via` names: an address with a port, or a name."""
    assert isinstance(text, str)  # noqa: S101 - for the type checker
    if ":" not in text:
        refuse_no_host_name(text)
        return _Way(f"the name {text}", name=text)
    host, port = _end(text)
    if not is_address(host):
        raise DefinitionError(f"via has {text!r:.100}. Remedy: give an address with a port, or a name without one.")
    if ipaddress.ip_address(host).is_loopback:
        raise DefinitionError(f"via has {text!r:.100}, which leads nowhere out. Remedy: leave it out.")
    return _to(host, port, text)


def _to(address: str, port: int | str, text: str) -> _Way:
    number, protocol = port_and_protocol(port)
    return _Way(text, Connection(address, number, protocol, text=nonce() if protocol == "udp" else ""))


def _fixed(place: Probe) -> list[_Way]:
    """Return the ways that each place may have: another network of the engine, and proxies."""
    ways = []
    here = inspected(place.subject)
    if DEFAULT not in here.networks and not here.shares_network:
        lit: Beacon = outside_beacon(stack_of(place))
        ways.append(_to(lit.address, lit.port, f"{joined(lit.address, lit.port)}, on the default bridge"))
    return [*ways, *_proxies({**place.container.engine.proxies(), **here.proxies})]


def _proxies(proxies: Mapping[str, str]) -> list[_Way]:
    """Return the ways to proxies; one that is named by a name is a way if the name resolves."""
    ways = []
    for variable, url in proxies.items():
        try:
            parts = urlsplit(url if "//" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
        except ValueError:
            continue
        if host and is_address(host):
            end = (host, port if port else _PROXY_PORT)
            ways.append(_to(*end, f"{joined(*end)}, the proxy of {variable}"))
        elif host:
            ways.append(_Way(f"the name {host}, the proxy of {variable}", name=host))
    return ways


@contextmanager
def _machine(place: Probe) -> Iterator[list[_Way]]:
    """Listen at each address of the engine's machine that is this process' own too, and yield the ways there."""
    engine = place.container.engine
    if not engine.local:
        yield []
        return
    seen = inspected(place.subject)
    gateways = [
        address
        for attachment in seen.attachments
        for address in (*attachment.gateways, *bridge_addresses(engine, attachment.network))
    ]
    with ExitStack() as undo:
        ways = []
        for address in dict.fromkeys([*gateways, *machine_addresses(engine)]):
            listening = undo.enter_context(socket(AF_INET6 if ":" in address else AF_INET))
            try:
                listening.bind((address, 0))
                listening.listen()
            except OSError as error:
                if error.errno == EADDRNOTAVAIL:  # it isn't of this process' machine
                    continue
                raise ProbeError(
                    f"{place.place}: whether it reaches this machine can't be asked, for nothing can listen at "
                    f"{address}: {error}"
                ) from error
            port = listening.getsockname()[1]
            ways.append(_to(address, port, f"{joined(address, port)}, the engine's machine"))
        yield ways
