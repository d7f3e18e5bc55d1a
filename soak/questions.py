"""Questions about a small world of networks whose answers follow from who is on which, and how they are asked."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from pytest_foodtrucks import (
    FoodtrucksError,
    Matrix,
    Probe,
    Service,
    Verdict,
    VerdictKind,
    assert_isolated,
    assert_not_resolves,
    assert_reachable,
    assert_resolves,
    reachability,
)

PORT: Final = 7000
"""All targets listen on it."""

CLOSED: Final = 7999
"""Nobody listens on it."""

PASSES: Final = "passes"
UNANSWERED: Final = "unanswered"

BRIDGE: Final = "bridge"
"""The default bridge: who is on it has an address there and no name."""

SOURCES: Final[Mapping[str, frozenset[str]]] = {
    "home_probe": frozenset({"home"}),
    "abroad_probe": frozenset({"abroad"}),
    "island_probe": frozenset({"island"}),
    "bridge_probe": frozenset({BRIDGE}),
    "home": frozenset({"home"}),
    "abroad": frozenset({"abroad"}),
    "island": frozenset({"island"}),
    "neighbour": frozenset({"home"}),
    "stranger": frozenset({"abroad"}),
    "bare": frozenset({"home"}),
    "both": frozenset({"home", "abroad"}),
    "castaway": frozenset({"island"}),
}
"""Fixtures that questions are asked from, with the networks that they are on: probes, networks, services."""

TARGETS: Final[Mapping[str, frozenset[str]]] = {
    "echo": frozenset({"home"}),
    "pair": frozenset({"home"}),
    "both": frozenset({"home", "abroad"}),
    "foreign": frozenset({"abroad"}),
    "castaway": frozenset({"island"}),
    "bare": frozenset({"home"}),
    "stand": frozenset({"home", BRIDGE}),
}
"""Services that are asked about, with the networks that they are on."""

ALIASES: Final[Mapping[str, Sequence[str]]] = {
    **{name: (name,) for name in TARGETS},
    "echo": ("echo", "shout", "yell"),
    "both": ("both", "duo"),
}

ROBIN: Final = "robin"
"""A name that two containers have on `abroad`."""

_PROBES: Final = ("home_probe", "abroad_probe", "island_probe", "bridge_probe")
_INTERNAL: Final = frozenset({"island"})
"""Here no other name server is asked, and an unknown name may have no answer instead of a no."""

MUTED: Final = "muted"
"""A probe on `home` whose name server is silent."""

TOOLLESS: Final = "toolless"
"""A probe in a container on `home` that has neither shell nor tools."""

NOWHERE: Final = "nowhere"
"""A probe on no network at all."""


@dataclass(frozen=True)
class World:
    """The running fixtures by their names, and what the engine gave them.

    `addresses` are the targets', of both families, by network; `internal_route` tells whether the internal network
    has a way out.
    """

    things: Mapping[str, Any]
    addresses: Mapping[tuple[str, str], Sequence[str]]
    gateways: Mapping[str, str]
    internal_route: bool

    def __getitem__(self, name: str) -> Any:
        return self.things[name]


Ask = Callable[[World], object]
Named = Callable[[World], Service | str]


@dataclass(frozen=True)
class Question:
    """A question whose answer is known.

    `negative` says that the truth is a no: no such name, no connection. `expected` is a fixed text, or one that
    depends on the addresses that the engine gave.
    """

    kind: str
    text: str
    negative: bool
    expected: str | Callable[[World], str]
    ask: Ask = field(compare=False, repr=False)

    def answer(self, world: World) -> str:
        """Return what is true."""
        return self.expected if isinstance(self.expected, str) else self.expected(world)


@dataclass(frozen=True)
class Reply:
    """What the package said: the answer, whether tries differed, and its own words."""

    answer: str
    flaky: bool
    words: str = ""


def asked(ask: Ask, world: World) -> Reply:
    """Ask, and read what came of it."""
    try:
        return read(ask(world))
    except AssertionError as error:
        return Reply(type(error).__name__, _tells_of_flaky(str(error)), str(error))
    except FoodtrucksError as error:
        return Reply(UNANSWERED, _tells_of_flaky(str(error)), f"{type(error).__name__}: {error}")


def _tells_of_flaky(message: str) -> bool:
    return "flaky" in message


def read(said: object) -> Reply:
    """Read an answer: None where an assertion passed, a verdict, a table, or a list of addresses."""
    if isinstance(said, Verdict):
        return Reply(str(said.kind), said.flaky, said.evidence)
    if isinstance(said, Matrix):
        signs = "".join(said.signs.values())
        evidence = "; ".join(verdict.evidence for verdict in map(said.__getitem__, said.cells))
        return Reply(signs, any(said[pair].flaky for pair in said.cells), evidence)
    if isinstance(said, list):
        return Reply(", ".join(sorted(said)), flaky=False)
    return Reply(PASSES, flaky=False)


def shares(source: str, target: str) -> bool:
    """Tell whether a source and a target are on a network together."""
    return bool(SOURCES[source] & TARGETS[target])


def finds(source: str, target: str) -> bool:
    """Tell whether a target has a name for a source: they must share a network that has names."""
    return bool((SOURCES[source] & TARGETS[target]) - {BRIDGE})


def every_question() -> list[Question]:
    """Return all questions that can be asked about the world."""
    pairs = [(source, target) for source in SOURCES for target in TARGETS if source != target]
    return [
        *(question for source, target in pairs for question in _assertions(source, target)),
        *(question for source in _PROBES for target in TARGETS for question in _probed(source, target)),
        *_matrices(),
        *_odd_ones(),
    ]


def draw(count: int, choose: random.Random) -> list[Question]:
    """Draw questions at random: every second one negative, each kind as often as another."""
    pools: dict[bool, dict[str, list[Question]]] = {True: defaultdict(list), False: defaultdict(list)}
    for question in every_question():
        pools[question.negative][question.kind].append(question)
    kinds = {negative: sorted(pool) for negative, pool in pools.items()}
    signs = [number % 2 == 1 for number in range(count)]
    return [choose.choice(pools[negative][choose.choice(kinds[negative])]) for negative in signs]


def _assertions(source: str, target: str) -> Iterator[Question]:
    """Yield the four assertions about a pair, by the service and by each of its names."""
    found, way = finds(source, target), shares(source, target)
    called: dict[str, Named] = {f"the service {target}": partial(_service, target)}
    called |= {f"the name {alias}": partial(_same, alias) for alias in ALIASES[target]}
    for text, thing in called.items():
        about = f"{source}, {text}"
        if found or not SOURCES[source] & _INTERNAL:
            expected = PASSES if found else "ResolutionError"
            yield Question("assert_resolves", about, not found, expected, partial(_resolves, source, thing))
        expected = "ResolutionError" if found else PASSES
        yield Question("assert_not_resolves", about, not found, expected, partial(_not_resolves, source, thing))
        for port in (PORT, CLOSED):
            reached = found and port == PORT
            expected = PASSES if reached else "ReachabilityError"
            ask = partial(_reachable, source, thing, port)
            yield Question("assert_reachable", f"{about}, port {port}", not reached, expected, ask)
    expected = "IsolationError" if way else PASSES
    yield Question(
        "assert_isolated", f"{source}, the service {target}", not way, expected, partial(_isolated, source, target)
    )


def _same(alias: str, _: World) -> str:
    return alias


def _service(name: str, world: World) -> Service:
    service: Service = world[name]
    return service


def _resolves(source: str, target: Named, world: World) -> None:
    assert_resolves(world[source], target(world))


def _not_resolves(source: str, target: Named, world: World) -> None:
    assert_not_resolves(world[source], target(world))


def _reachable(source: str, target: Named, port: int, world: World) -> None:
    assert_reachable(world[source], target(world), port, timeout=0.5)


def _isolated(source: str, target: str, world: World) -> None:
    assert_isolated(world[source], world[target])


def _probed(source: str, target: str) -> Iterator[Question]:
    """Yield what a probe can be asked about a target: by names, and by its address on each network."""
    found, internal = finds(source, target), bool(SOURCES[source] & _INTERNAL)
    for alias in ALIASES[target]:
        if found or not internal:
            yield Question(
                "Probe.resolve", f"{source}, {alias}", not found,
                partial(_shared_addresses, SOURCES[source] & TARGETS[target] - {BRIDGE}, target),
                partial(_resolve, source, alias),
            )  # fmt: skip
            verdict = VerdictKind.CONNECTED if found else VerdictKind.UNRESOLVED
            yield _connect(source, verdict, f"{alias} {PORT}", partial(_same, alias))
        if found:
            yield _connect(source, VerdictKind.REFUSED, f"{alias} {CLOSED}", partial(_same, alias), CLOSED)
    for network in sorted(TARGETS[target]):  # a set's own order differs from one process to the next
        address = partial(_address, target, network)
        text = f"the address of {target} on {network}"
        if network in SOURCES[source]:
            yield _connect(source, VerdictKind.CONNECTED, text, address)
        elif internal:
            asking = partial(_connected, source, address, PORT)
            kind = "Probe.connect, from an internal network"
            yield Question(kind, f"{source}, {text}", negative=True, expected=_shut_in, ask=asking)
        else:
            yield _connect(source, VerdictKind.DROPPED, text, address)


def _shut_in(world: World) -> str:
    """Return what an address elsewhere is from an internal network: Docker 20.10 gives it a way out, and drops there.

    Without such a route the source itself says that there is none.
    """
    return str(VerdictKind.DROPPED if world.internal_route else VerdictKind.UNREACHABLE)


def _resolve(source: str, name: str, world: World) -> list[str]:
    probe: Probe = world[source]
    return probe.resolve(name)


def _shared_addresses(networks: frozenset[str], target: str, world: World) -> str:
    return ", ".join(sorted(address for network in networks for address in world.addresses[target, network]))


def _address(target: str, network: str, world: World) -> str:
    """Return the IPv6 address where there is one: IPv4 addresses are asked by name and by `assert_isolated` too."""
    return world.addresses[target, network][-1]


def _connect(source: str, kind: VerdictKind, text: str, target: Named, port: int = PORT) -> Question:
    return Question(
        kind=f"Probe.connect: {kind}",
        text=f"{source}, {text}",
        negative=kind is not VerdictKind.CONNECTED,
        expected=str(kind),
        ask=partial(_connected, source, target, port),
    )


def _connected(source: str, target: Named, port: int, world: World) -> Verdict:
    probe: Probe = world[source]
    return probe.connect(target(world), port)


def _matrices() -> Iterator[Question]:
    """Yield tables of two sources and two targets; such a question is negative where the first cell is blocked."""
    for source, other in zip(SOURCES, [*list(SOURCES)[5:], *list(SOURCES)[:5]], strict=True):
        for target, further in zip(TARGETS, [*list(TARGETS)[3:], *list(TARGETS)[:3]], strict=True):
            if not {source, other} & {target, further}:
                rows, columns = (source, other), (target, further)
                signs = "".join("." if shares(row, column) else "X" for row in rows for column in columns)
                yield Question(
                    "reachability", f"{', '.join(rows)} and {', '.join(columns)}", signs[0] == "X", signs,
                    partial(_table, rows, columns),
                )  # fmt: skip


def _table(rows: Sequence[str], columns: Sequence[str], world: World) -> Matrix:
    return reachability({row: world[row] for row in rows}, {column: world[column] for column in columns})


def _odd_ones() -> Iterator[Question]:
    """Yield what needs something out of the ordinary: a published port, two of one name, a broken source."""
    for target, networks in TARGETS.items():
        published = not networks <= _INTERNAL
        for source in ("home_probe", "abroad_probe", "bridge_probe") if published else ():
            text = f"{source}, where {target} is published on loopback only, by the gateway"
            kind = f"Probe.connect: {VerdictKind.REFUSED}"
            asking = partial(_by_gateway, source, target)
            yield Question(kind, text, negative=True, expected=str(VerdictKind.REFUSED), ask=asking)
        yield _connect(MUTED, VerdictKind.DNS_FAILED, f"{target} {PORT}", partial(_same, target))
        for network in sorted(networks):
            address = partial(_address, target, network)
            text = f"the address of {target} on {network}"
            yield _connect(TOOLLESS, VerdictKind.INCONCLUSIVE, text, address)
            yield _connect(NOWHERE, VerdictKind.UNREACHABLE, text, address)
    for port in (PORT, CLOSED):
        yield _connect("abroad_probe", VerdictKind.MISRESOLVED, f"{ROBIN} {port}", partial(_same, ROBIN), port)


def _by_gateway(source: str, target: str, world: World) -> Verdict:
    (network,) = SOURCES[source]
    probe: Probe = world[source]
    return probe.connect(world.gateways[network], world[target].address(PORT).port)
