"""How the whole table of who reaches whom is asked."""

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from pytest_foodtrucks.engine.inspected import ContainerState, Inspected
from pytest_foodtrucks.errors import DefinitionError, EngineError, ProbeError, StartError
from pytest_foodtrucks.hostnames import port_and_protocol, refuse_no_target
from pytest_foodtrucks.probes.agent.client import Connection
from pytest_foodtrucks.probes.asking import ask
from pytest_foodtrucks.probes.beacons import stack_of
from pytest_foodtrucks.probes.probe import Probe, nonce
from pytest_foodtrucks.probes.verdicts import Resolution, Verdict, VerdictKind
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.service import Service

from .assertions import isolation_error
from .inquiry import Inquiry, inquire, refuse_no_switch
from .messages import again, connecting, described
from .subjects import Source, Subject, inspected, moved, place_of, refuse_no_source, written
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
) -> Matrix:
    """Ask each source for each target, at the first of its ports, and return the whole table.

    A mapping gives the names that the table has; else they are aliases, and networks' names. A target that is no
    service is written `name:port`. Blocked means by all ways, as `assert_isolated` means it, with the same controls;
    `published` says that published ports may be reached. Sources are asked side by side.
    """
    rows, columns = _named(sources), _named(targets)
    if not rows or not columns:
        raise DefinitionError("A matrix needs sources and targets. Remedy: give at least one of each.")
    refuse_no_switch(published)
    for source in rows.values():
        refuse_no_source(source)
    stack = _stack(next(iter(rows.values())))
    asked = {name: _Asked.of(_subject(target, stack)) for name, target in columns.items()}
    with ThreadPoolExecutor(len(rows)) as pool:
        row_cells = list(
            pool.map(lambda source: _row(source, list(asked.values()), published=published), rows.values())
        )
    doubts = [target.doubt() for target in asked.values()]
    cells = {
        (row, column): _doubted(cell, doubt)
        for row, cells in zip(rows, row_cells, strict=True)
        for column, cell, doubt in zip(columns, cells, doubts, strict=True)
    }
    return Matrix(tuple(rows), tuple(columns), cells)


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
    return thing.place if isinstance(thing, Probe) else str(thing)


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

    def first_tries(self) -> list[Connection]:
        """Return the connections that are tried first: one for each of its addresses."""
        number, protocol = self.subject.ports[0]
        return [
            Connection(address, number, protocol, tries=1, wait=_FIRST_SECONDS, text=nonce())
            for address in self.before.addresses
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
        place = place_of(source)
        cells = _first_tries(place, targets)
        left = [target.subject for target, cell in zip(targets, cells, strict=True) if cell is None]
        inquiries = {each.subject: each for each in inquire(place, left, published=published)} if left else {}
        return [
            cell if cell is not None else _inquired(place, inquiries[target.subject])
            for target, cell in zip(targets, cells, strict=True)
        ]
    except (ProbeError, EngineError, StartError) as error:
        unknown = Verdict(VerdictKind.INCONCLUSIVE, None, 0, 1, str(error))
        return [Cell(INCONCLUSIVE, _label(source), "none: nothing can be asked", unknown, "none") for _ in targets]


def _first_tries(place: Probe, targets: Sequence[_Asked]) -> list[Cell | None]:
    """Return the cells of what connects at the first try, all asked side by side; None for the others."""
    networks = set(inspected(place.subject).networks)
    ours = {target.subject.label: target.first_tries() for target in targets if target.subject.service is not None}
    answers = ask(place.agent, list(ours), [connection for tries in ours.values() for connection in tries])

    def cell(target: _Asked) -> Cell | None:
        label = target.subject.label
        if label not in ours:
            return _outside(place, target.subject)
        said = [answers.verdicts[connection] for connection in ours[label]]
        return _first_try(place, answers.names[label], target.expected(networks), said)

    return [cell(target) for target in targets]


def _first_try(place: Probe, found: Resolution, expected: AbstractSet[str], said: Sequence[Verdict]) -> Cell | None:
    """Return a cell for what connects by its name, if that leads nowhere else.

    By its address alone one try isn't enough: see probes/network_changes.py.
    """
    connected = [each for each in said if each.kind is VerdictKind.CONNECTED and each.address in found.addresses]
    if not connected or not set(found.addresses) <= expected:
        return None
    return _connected(place, f"the name {found.name}", connected[0])


def _outside(place: Probe, subject: Subject) -> Cell | None:
    verdict = place.connect(subject.label, written(subject.ports[0]))
    return _connected(place, subject.label, verdict) if verdict.kind is VerdictKind.CONNECTED else None


def _connected(place: Probe, way: str, verdict: Verdict) -> Cell:
    command = again(place, connecting(Connection(str(verdict.address), verdict.port, verdict.protocol)))
    return Cell(CONNECTED, described(place), f"{way}, {verdict.address} port {verdict.port}", verdict, command)


def _inquired(place: Probe, inquiry: Inquiry) -> Cell:
    """Return the cell of a target that didn't connect at the first try."""
    error = isolation_error(place, inquiry)
    blocked = [finding for finding in inquiry.findings if finding.verdict.blocked]
    deciding = [*inquiry.reached, *inquiry.open, *blocked, *inquiry.findings]
    if not deciding:
        unknown = Verdict(VerdictKind.INCONCLUSIVE, None, 0, 1, str(error))
        return Cell(INCONCLUSIVE, described(place), "none: it has no name and no address", unknown, "none")
    finding = deciding[0]
    sign = INCONCLUSIVE if error is not None else BLOCKED
    if finding.reached and finding.verdict.kind is VerdictKind.CONNECTED:
        sign = CONNECTED
    doubts = f"{'; '.join(inquiry.doubts)}; " if inquiry.doubts else ""
    verdict = replace(finding.verdict, evidence=f"{doubts}{finding.verdict.evidence}")
    return Cell(sign, described(place), finding.way, verdict, finding.command)
