"""How the whole table of who reaches whom is asked."""

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from pytest_foodtrucks.engine.hostnames import port_and_protocol, refuse_no_target
from pytest_foodtrucks.engine.inspected import ContainerState, Inspected
from pytest_foodtrucks.errors import DefinitionError, EngineError, ProbeError, StartError
from pytest_foodtrucks.probes.agent.client import Connection
from pytest_foodtrucks.probes.asking import ask_agent
from pytest_foodtrucks.probes.beacons import stack_of
from pytest_foodtrucks.probes.probe import Probe, nonce
from pytest_foodtrucks.probes.verdicts import Resolution, Verdict, VerdictKind
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.service import Service

from .assertions import isolation_error
from .egress import listed
from .inquiry import Inquiry, inquire, refuse_no_switch
from .messages import again, connecting, described
from .outside import WELL_KNOWN, Area, Outside, WayOut, ask_for_ways_out, command, way_out
from .subjects import Source, Subject, inspected, moved, probe_of, refuse_no_source, written
from .tables import BLOCKED, CONNECTED, INCONCLUSIVE, Cell, Matrix

if TYPE_CHECKING:
    from pytest_foodtrucks.stacks.stack import Stack

Target = Service | str
T = TypeVar("T")

_FIRST_SECONDS: Final = 2
"""Seconds for the first try: a full backlog lets a connection wait for one, until its packet is sent again."""


def reachability(
    sources: Mapping[str, Source] | Sequence[Source],
    targets: Mapping[str, Target] | Sequence[Target],
    *,
    published: bool = False,
    outside: bool | Iterable[str] = False,
) -> Matrix:
    """Ask each source for each target, at the first of its ports, and return the whole table.

    A mapping gives the names that the table has; else they are aliases, and networks' names. A target that is no
    service is written `name:port`. Blocked means by all ways, as `assert_isolated` means it, with the same controls;
    `published` says that published ports may be reached. Sources are asked side by side.

    With `outside` the table has further columns, which tell what `assert_no_egress` asks: `internet` and `names` for
    the addresses and names that it lists, or that are well known where it is True; `machine`, the engine's; and
    `bridge`, the default bridge. One way that leads there is enough for a `.`.
    """
    refuse_no_switch(published)
    rows, columns, named = _named(sources), _named(targets), _ways_out(outside)
    areas = [area for area in Area if named and area in {*(way.area for way in named), Area.MACHINE, Area.BRIDGE}]
    _refuse_too_few(rows, columns, areas)
    stack = _stack(next(iter(rows.values())))
    asked = {name: _Asked.of(_subject(target, stack)) for name, target in columns.items()}
    cells = _cells_of_targets(rows, asked, published=published)
    with ThreadPoolExecutor(len(rows)) as pool:
        further = pool.map(lambda source: _outside_cells(source, named, areas), rows.values())
        cells |= {(row, area): cell for row, found in zip(rows, further, strict=True) for area, cell in found.items()}
    return Matrix(tuple(rows), (*columns, *areas), cells)


def _refuse_too_few(rows: Mapping[str, Source], columns: Mapping[str, Target], areas: Sequence[Area]) -> None:
    """Raise DefinitionError where there is nobody to ask, or nothing to ask about, or two columns have one name."""
    if not rows or not (columns or areas):
        raise DefinitionError("A matrix needs sources and targets. Remedy: give at least one of each.")
    if set(areas) & columns.keys():
        raise DefinitionError(
            f"The targets {', '.join(columns)} have a name that a column of outside= has ({', '.join(areas)}). Remedy: "
            "give a mapping with another name."
        )
    for source in rows.values():
        refuse_no_source(source)


def _cells_of_targets(
    rows: Mapping[str, Source], asked: Mapping[str, "_Asked"], *, published: bool
) -> dict[tuple[str, str], Cell]:
    """Ask each source for all targets; what connected to one whose state changed meanwhile is inconclusive."""
    targets = list(asked.values())
    with ThreadPoolExecutor(len(rows)) as pool:
        row_cells = list(pool.map(lambda source: _row(source, targets, published=published), rows.values()))
    doubts = [target.doubt() for target in targets]
    return {
        (row, column): _doubted(cell, doubt)
        for row, cells in zip(rows, row_cells, strict=True)
        for column, cell, doubt in zip(asked, cells, doubts, strict=True)
    }


def _ways_out(outside: object) -> list[WayOut]:
    """Return the ways that are named; none where nothing outside is asked for."""
    if outside is False:
        return []
    ways = [way_out(each) for each in listed("outside", WELL_KNOWN if outside is True else outside)]
    if not ways:
        raise DefinitionError("outside= names nothing. Remedy: give addresses such as '192.0.2.1:443', or True.")
    return ways


def _named(things: Mapping[str, T] | Sequence[T]) -> dict[str, T]:
    if isinstance(things, Mapping):
        return dict(things)
    if isinstance(things, str) or not isinstance(things, Iterable):
        raise DefinitionError(f"{things!r} is no list. Remedy: give a list, or a mapping of names.")
    listed = list(things)
    named = {_label(thing): thing for thing in listed}
    if len(named) < len(listed):
        raise DefinitionError(
            f"Two of {', '.join(map(_label, listed))} have one name. Remedy: give a mapping with a name for each."
        )
    return named


def _label(thing: object) -> str:
    if isinstance(thing, Service):
        return thing.alias
    if isinstance(thing, Network):
        return thing.name
    return thing.described_as if isinstance(thing, Probe) else str(thing)


def _stack(source: Source) -> "Stack":
    if isinstance(source, Probe):
        return stack_of(source)
    return source.__foodtrucks__.stack if isinstance(source, Service) else source.stack


def _subject(target: Target, stack: "Stack") -> Subject:
    if isinstance(target, Service):
        return Subject.of(target, None, stack, all_ports=False)
    if not isinstance(target, str):
        refuse_no_target(target)
    name, _, port = target.rpartition(":")
    if not name or not re.fullmatch("[0-9]{1,9}(/(tcp|udp))?", port):
        raise DefinitionError(f"The target {target!r} has no port. Remedy: write it name:port, or give the service.")
    host = name.removeprefix("[").removesuffix("]")
    refuse_no_target(host)
    return Subject.of(host, written(port_and_protocol(port if "/" in port else int(port))), stack)


@dataclass(frozen=True)
class _Asked:
    """A target, and its state before anyone asked."""

    subject: Subject
    before: Inspected

    @classmethod
    def of(cls, subject: Subject) -> "_Asked":
        if subject.service is None:
            return cls(subject, Inspected(ContainerState("running")))
        return cls(subject, inspected(subject.service.container))

    def doubt(self) -> str:
        """Say what makes a connection to it doubtful, looked at afterwards; nothing where all is well."""
        if self.subject.service is None:
            return ""
        after = inspected(self.subject.service.container)
        if after.status != "running" or self.before.status != "running":
            return f"{self.subject.label} is {after.status}; a process that doesn't run connects all the same"
        return "; ".join(moved(self.subject, self.before, after))

    def first_tries(self, networks: AbstractSet[str]) -> list[Connection]:
        """Return the connections that are tried first: one for each of its addresses on some networks."""
        number, protocol = self.subject.ports[0]
        return [
            Connection(address, number, protocol, tries=1, wait=_FIRST_SECONDS, text=nonce())
            for address in sorted(self.expected(networks))
        ]

    def expected(self, networks: AbstractSet[str]) -> set[str]:
        """Return its addresses on some networks."""
        return {
            address
            for attachment in self.before.attachments
            if attachment.network in networks
            for address in attachment.addresses
        }


def _doubted(cell: Cell, doubt: str) -> Cell:
    """Make a connected cell inconclusive if there is a doubt about its target."""
    if not doubt or cell.sign != CONNECTED:
        return cell
    verdict = replace(cell.verdict, evidence=f"{doubt}; {cell.verdict.evidence}")
    return replace(cell, sign=INCONCLUSIVE, verdict=verdict)


def _row(source: Source, targets: Sequence[_Asked], *, published: bool) -> list[Cell]:
    """Try all targets from one source once; ask again, with all controls, about those that didn't connect."""
    try:
        probe = probe_of(source)
        cells = _first_tries(probe, targets)
        left = [target.subject for target, cell in zip(targets, cells, strict=True) if cell is None]
        inquiries = {each.subject: each for each in inquire(probe, left, published=published)} if left else {}
        return [
            cell if cell is not None else _inquired(probe, inquiries[target.subject])
            for target, cell in zip(targets, cells, strict=True)
        ]
    except (ProbeError, EngineError, StartError) as error:
        return [_unknown(_label(source), "none: nothing can be asked", str(error)) for _ in targets]


def _unknown(source: str, way: str, words: str) -> Cell:
    return Cell(INCONCLUSIVE, source, way, Verdict.inconclusive(words), "none")


def _first_tries(probe: Probe, targets: Sequence[_Asked]) -> list[Cell | None]:
    """Return the cells of what connects at the first try, all asked side by side; None for the others.

    A service on none of the source's networks isn't tried: that would most often be waited for in vain.
    """
    networks = set(inspected(probe.subject).networks)
    ours = {target.subject.label: target.first_tries(networks) for target in targets if target.expected(networks)}
    answers = ask_agent(probe.agent, list(ours), [connection for tries in ours.values() for connection in tries])

    def cell(target: _Asked) -> Cell | None:
        label = target.subject.label
        if target.subject.service is None:
            return _stranger(probe, target.subject)
        if label not in ours:
            return None
        said = [answers.verdicts[connection] for connection in ours[label]]
        return _first_try(probe, answers.names[label], target.expected(networks), said)

    return [cell(target) for target in targets]


def _first_try(probe: Probe, found: Resolution, expected: AbstractSet[str], said: Sequence[Verdict]) -> Cell | None:
    """Return a cell for what connects by its name, if that leads nowhere else.

    By its address alone one try isn't enough: see probes/network_changes.py.
    """
    connected = [each for each in said if each.kind is VerdictKind.CONNECTED and each.address in found.addresses]
    if not connected or not set(found.addresses) <= expected:
        return None
    return _connected(probe, f"the name {found.name}", connected[0])


def _stranger(probe: Probe, subject: Subject) -> Cell | None:
    verdict = probe.connect(subject.label, written(subject.ports[0]))
    return _connected(probe, subject.label, verdict) if verdict.kind is VerdictKind.CONNECTED else None


def _connected(probe: Probe, way: str, verdict: Verdict) -> Cell:
    command = again(probe, connecting(Connection(str(verdict.address), verdict.port, verdict.protocol)))
    return Cell(CONNECTED, described(probe), f"{way}, {verdict.address} port {verdict.port}", verdict, command)


def _inquired(probe: Probe, inquiry: Inquiry) -> Cell:
    """Return the cell of a target that didn't connect at the first try."""
    error = isolation_error(probe, inquiry)
    blocked = [finding for finding in inquiry.findings if finding.verdict.blocked]
    deciding = [*inquiry.reached, *inquiry.open, *blocked, *inquiry.findings]
    if not deciding:
        return _unknown(described(probe), "none: it has no name and no address", str(error))
    finding = deciding[0]
    sign = INCONCLUSIVE if error is not None else BLOCKED
    if finding.reached and finding.verdict.kind is VerdictKind.CONNECTED:
        sign = CONNECTED
    doubts = f"{'; '.join(inquiry.doubts)}; " if inquiry.doubts else ""
    verdict = replace(finding.verdict, evidence=f"{doubts}{finding.verdict.evidence}")
    return Cell(sign, described(probe), finding.way, verdict, finding.command)


# outside


def _outside_cells(source: Source, named: Sequence[WayOut], areas: Sequence[Area]) -> dict[Area, Cell]:
    """Return a source's cell for each area outside."""
    if not areas:
        return {}
    try:
        probe = probe_of(source)
        seen = ask_for_ways_out(probe, named, asked=lambda _: True)
        return {area: _of_area(probe, seen, area) for area in areas}
    except (ProbeError, EngineError, StartError) as error:
        return {area: _unknown(_label(source), "none: nothing can be asked", str(error)) for area in areas}


def _of_area(probe: Probe, seen: Outside, area: Area) -> Cell:
    """Return the cell of one area: connected by any way, blocked if a judged way is, and nothing is doubtful."""
    if area is Area.BRIDGE and seen.on_bridge:
        verdict = Verdict(VerdictKind.CONNECTED, None, 0, 1, "the source is on the default bridge itself")
        return Cell(CONNECTED, described(probe), "its own network", verdict, "none")
    out, judged = ([way for way in ways if way.area is area] for ways in (seen.out, seen.judged))
    if out:
        return Cell(CONNECTED, described(probe), out[0].text, seen.verdict(out[0]), command(probe, out[0]))
    unclear = [*seen.doubts, *seen.unclear(area)]
    if not judged:
        tried = "; ".join(f"{way.text}: {seen.words_of_control(way)}" for way in seen.ways if way.area is area)
        unclear.append(f"no way leads there from the default bridge either: {tried or 'none is known'}")
    if unclear:
        return _unknown(described(probe), "none could be judged", "; ".join(unclear))
    return Cell(BLOCKED, described(probe), judged[0].text, seen.verdict(judged[0]), command(probe, judged[0]))
