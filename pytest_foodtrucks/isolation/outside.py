"""The ways out of where a source is, and what is seen of each: to the internet, the engine's machine, the bridge."""

import ipaddress
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from errno import EADDRNOTAVAIL
from socket import AF_INET, AF_INET6, socket
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pytest_foodtrucks.engine.hostnames import is_address, port_and_protocol, refuse_no_host_name, refuse_no_target
from pytest_foodtrucks.errors import DefinitionError, EngineError, ProbeError, StartError
from pytest_foodtrucks.probes.agent.client import Connection
from pytest_foodtrucks.probes.asking import Answers, ask_agent
from pytest_foodtrucks.probes.beacons import DEFAULT, beacon, outside_beacon, outside_probe, stack_of
from pytest_foodtrucks.probes.network_changes import DISTURBED, undisturbed
from pytest_foodtrucks.probes.probe import nonce
from pytest_foodtrucks.probes.verdicts import Resolution, Verdict, VerdictKind

from .controls import SourceControl
from .messages import again, connecting, looking_up
from .subjects import inspected, joined
from .ways import Machine

if TYPE_CHECKING:
    from pytest_foodtrucks.probes.probe import Probe

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


class Area(StrEnum):
    """Where a way out leads."""

    INTERNET = "internet"
    """By an address that was named, or by a proxy."""
    NAMES = "names"
    """A name server answers for names of the internet, so questions get out."""
    MACHINE = "machine"
    """The engine's machine itself."""
    BRIDGE = "bridge"
    """The engine's default bridge."""


@dataclass(frozen=True)
class WayOut:
    """A way out: a connection, or a name."""

    area: Area
    text: str
    connection: Connection | None = None
    name: str = ""

    @property
    def code(self) -> str:
        """Python code that tries it."""
        return looking_up(self.name) if self.connection is None else connecting(self.connection)


@dataclass(frozen=True)
class Outside:
    """What was seen of the ways out, from a place and at the same time from the default bridge.

    `doubts` say which control failed; `on_bridge` tells that the place is on the default bridge itself.
    """

    ways: tuple[WayOut, ...]
    inside: Answers
    control: Answers
    nobody: str
    """A name that nobody has, asked for on both sides."""
    doubts: tuple[str, ...] = ()
    on_bridge: bool = False

    @property
    def out(self) -> list[WayOut]:
        """The ways that certainly lead out."""
        doubtful = self.suspect if DISTURBED in self.doubts else []
        return [way for way in self._leading(self.inside) if way not in doubtful]

    @property
    def judged(self) -> list[WayOut]:
        """The ways that lead somewhere from the default bridge, so that silence says something."""
        return self._leading(self.control)

    @property
    def suspect(self) -> list[WayOut]:
        """What got through, and may have done so at a moment without isolation; that doesn't guard the machine."""
        return [way for way in self._leading(self.inside) if way.area is not Area.MACHINE]

    def with_newer(self, newer: "Outside") -> "Outside":
        """Return what was seen, with what was seen again of some ways."""
        inside, control = (
            Answers({**old.names, **new.names}, {**old.verdicts, **new.verdicts}, old.changed or new.changed)
            for old, new in ((self.inside, newer.inside), (self.control, newer.control))
        )
        return replace(self, inside=inside, control=control)

    def _leading(self, answers: Answers) -> list[WayOut]:
        return [way for way in self.ways if self._leads(way, answers)]

    def _leads(self, way: WayOut, answers: Answers) -> bool:
        """Tell whether a way leads somewhere: something answered, or the name resolves as others don't."""
        if way.connection is None:
            return answers.names[way.name].addresses != () and answers.names[self.nobody].addresses == ()
        return answers.verdicts[way.connection].arrived

    def unclear(self, area: Area | None = None) -> list[str]:
        """Say of which judged ways, or of those to one area, it wasn't seen what became of them."""
        seen = {way.text: _seen(way, self.inside) for way in self.judged if area in {None, way.area}}
        return [f"{text}: {_words(each)}" for text, each in seen.items() if _is_unclear(each)]

    def words_of_control(self, way: WayOut) -> str:
        """Say what was seen of a way from the default bridge."""
        return _words(_seen(way, self.control))

    def verdict(self, way: WayOut) -> Verdict:
        """Return the verdict of a way; a name that resolves counts as connected, though no port was asked."""
        seen = _seen(way, self.inside)
        if isinstance(seen, Verdict):
            return seen
        kind = VerdictKind.CONNECTED if seen.addresses else seen.failure or VerdictKind.UNRESOLVED
        return Verdict(kind, seen.addresses[0] if seen.addresses else None, 0, 1, seen.words, protocol="udp")


def _seen(way: WayOut, answers: Answers) -> Verdict | Resolution:
    return answers.names[way.name] if way.connection is None else answers.verdicts[way.connection]


def _words(seen: Verdict | Resolution) -> str:
    return f"{seen.kind}: {seen.evidence}" if isinstance(seen, Verdict) else seen.words


def _is_unclear(seen: Verdict | Resolution) -> bool:
    """Tell whether it wasn't seen what became of a way.

    A name server that has nobody to ask fails: that is how names end that don't get out.
    """
    if isinstance(seen, Resolution):
        return seen.failure is VerdictKind.INCONCLUSIVE
    return not seen.all_blocked


def ask_for_ways_out(probe: "Probe", named: Sequence[WayOut], *, asked: Callable[[WayOut], bool]) -> Outside:
    """Try each way that is named, and those that each place may have, as far as they are to be `asked`.

    ProbeError where nothing can be asked.
    """
    try:
        with beacon(probe) as lit, _to_machine(probe) as machine:
            ways = tuple(way for way in [*named, *machine, *_fixed(probe)] if asked(way))
            control = SourceControl(probe, lit, absolute=True)
            rounds = _rounds(probe, control, ways)
            seen, trusted = undisturbed(
                lambda: next(rounds), probe.container.engine, suspect=lambda each: each.suspect != []
            )
    except (EngineError, StartError) as error:
        raise ProbeError(f"{probe.described_as}: nothing can be asked from there: {error}") from error
    controls = control.doubts if any(way.connection is None for way in ways) else control.doubts_of_connections
    doubts = (*controls(seen.inside), *(() if trusted else (DISTURBED,)))
    on_bridge = DEFAULT in control.before.networks
    return Outside(ways, seen.inside, seen.control, seen.nobody, doubts, on_bridge)


def _rounds(probe: "Probe", control: SourceControl, ways: tuple[WayOut, ...]) -> Iterator[Outside]:
    """Yield what is seen of all ways; then again and again, with only what got through asked anew."""
    seen = _from_both(probe, control, ways)
    while True:
        yield seen
        seen = seen.with_newer(_from_both(probe, control, seen.suspect))


def _from_both(probe: "Probe", control: SourceControl, ways: Sequence[WayOut]) -> Outside:
    """Ask from the place and from the default bridge at the same time."""
    names = [way.name for way in ways if way.connection is None]
    connections = [way.connection for way in ways if way.connection is not None]
    elsewhere = outside_probe(stack_of(probe))
    with ThreadPoolExecutor(1) as pool:
        outside = pool.submit(ask_agent, elsewhere.agent, [control.nobody, *names], connections)
        inside = ask_agent(probe.agent, [*control.names, *names], [control.connection, *connections])
        return Outside(tuple(ways), inside, outside.result(), control.nobody)


def command(probe: "Probe", way: WayOut) -> str:
    """Return a command line that tries a way again."""
    return again(probe, way.code)


# the ways themselves


def way_out(text: object) -> WayOut:
    """Return the way that a text names: an address with a port, or a name; DefinitionError for what is neither.

    A name with a star in front gets a random label in its place, which no cache can know.
    """
    if not isinstance(text, str):
        raise DefinitionError(f"via has {text!r:.100}. Remedy: give texts such as '192.0.2.1:443'.")
    if ":" not in text:
        name = f"{secrets.token_hex(8)}{text[1:]}" if text.startswith("*.") else text
        refuse_no_host_name(name)
        return WayOut(Area.NAMES, f"the name {name}", name=f"{name.removesuffix('.')}.")
    host, port = end(text)
    if not is_address(host):
        raise DefinitionError(f"via has {text!r:.100}. Remedy: give an address with a port, or a name without one.")
    if ipaddress.ip_address(host).is_loopback:
        raise DefinitionError(f"via has {text!r:.100}, which leads nowhere out. Remedy: leave it out.")
    return _to(Area.INTERNET, host, port, text)


def end(text: str) -> tuple[str, int | str]:
    """Return host and port of a text such as `es:9200`, `[::1]:53/udp`; DefinitionError for what is none."""
    host, _, port = text.rpartition(":")
    digits, _, protocol = port.partition("/")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not digits.isascii() or not digits.isdigit() or protocol not in {"", "tcp", "udp"}:
        raise DefinitionError(f"{text!r:.100} has no port. Remedy: write it host:port, such as 192.0.2.1:443.")
    refuse_no_target(host)
    number, protocol = port_and_protocol(port if protocol else int(digits))
    return host, number if protocol == "tcp" else f"{number}/udp"


def _to(area: Area, address: str, port: int | str, text: str) -> WayOut:
    number, protocol = port_and_protocol(port)
    return WayOut(area, text, Connection(address, number, protocol, text=nonce() if protocol == "udp" else ""))


def _fixed(probe: "Probe") -> list[WayOut]:
    """Return the ways that each place may have: the default bridge, and proxies."""
    ways = []
    here = inspected(probe.subject)
    if DEFAULT not in here.networks and not here.shares_network:
        lit = outside_beacon(stack_of(probe))
        ways.append(_to(Area.BRIDGE, lit.address, lit.port, f"{joined(lit.address, lit.port)}, on the default bridge"))
    return [*ways, *_proxies({**probe.container.engine.proxies(), **here.proxies})]


def _proxies(proxies: Mapping[str, str]) -> list[WayOut]:
    """Return the ways to proxies; one that is named by a name is a way if the name resolves."""
    ways = []
    for variable, url in proxies.items():
        try:
            parts = urlsplit(url if "//" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
        except ValueError:
            continue
        if host and is_address(host):
            there = (host, port if port else _PROXY_PORT)
            ways.append(_to(Area.INTERNET, *there, f"{joined(*there)}, the proxy of {variable}"))
        elif host:
            ways.append(WayOut(Area.INTERNET, f"the name {host}, the proxy of {variable}", name=host))
    return ways


@contextmanager
def _to_machine(probe: "Probe") -> Iterator[list[WayOut]]:
    """Listen at each address of the engine's machine that is this process' own too, and yield the ways there."""
    engine = probe.container.engine
    if not engine.local:
        yield []
        return
    seen, machine = inspected(probe.subject), Machine(engine)
    gateways = [
        address
        for attachment in seen.attachments
        for address in (*attachment.gateways, *machine.on(attachment.network))
    ]
    with ExitStack() as undo:
        ways = []
        for address in dict.fromkeys([*gateways, *machine.addresses]):
            listening = undo.enter_context(socket(AF_INET6 if ":" in address else AF_INET))
            try:
                listening.bind((address, 0))
                listening.listen()
            except OSError as error:
                if error.errno == EADDRNOTAVAIL:  # it isn't of this process' machine
                    continue
                raise ProbeError(
                    f"{probe.described_as}: whether it reaches this machine can't be asked, for nothing can listen at "
                    f"{address}: {error}"
                ) from error
            port = listening.getsockname()[1]
            ways.append(_to(Area.MACHINE, address, port, f"{joined(address, port)}, the engine's machine"))
        yield ways
