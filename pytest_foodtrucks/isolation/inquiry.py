"""One source's question whether targets are out of its reach: all ways, with the controls that make a "no" mean it."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from pytest_foodtrucks.errors import DefinitionError, EngineError, ProbeError, StartError
from pytest_foodtrucks.probes import beacons
from pytest_foodtrucks.probes.asking import Answers, ask_agent
from pytest_foodtrucks.probes.network_changes import DISTURBED, undisturbed
from pytest_foodtrucks.probes.probe import Probe
from pytest_foodtrucks.probes.verdicts import BLOCKED, Resolution, Verdict, VerdictKind
from pytest_foodtrucks.services.service import Service

from .controls import SourceControl, TargetControl, no_answers
from .messages import Finding, again, connecting, looking_up
from .subjects import Subject, inspected
from .ways import ALL_ADDRESSES, Machine, Way, is_routed, ways


@dataclass(frozen=True)
class Inquiry:
    """What was found out about one target; `doubts` are the controls that failed."""

    subject: Subject
    findings: tuple[Finding, ...]
    doubts: tuple[str, ...]

    @property
    def reached(self) -> tuple[Finding, ...]:
        """The ways by which a packet certainly got there."""
        return tuple(finding for finding in self.findings if finding.reached)

    @property
    def open(self) -> tuple[Finding, ...]:
        """The ways that aren't isolated, reached or not."""
        return tuple(finding for finding in self.findings if not finding.isolated)


def refuse_no_switch(published: object) -> None:
    """Raise DefinitionError for what is neither true nor false: any text would count as true."""
    if not isinstance(published, bool):
        raise DefinitionError(f"published={published!r}. Remedy: give True or False.")


def inquire(probe: Probe, subjects: Sequence[Subject], *, published: bool = False) -> list[Inquiry]:
    """Ask whether subjects are out of a probe's reach: everything at once, and the controls at the same time.

    `published` means that published ports may be reached. Raises ProbeError where nothing can be asked at all.
    """
    try:
        with beacons.beacon(probe) as beacon:
            rounds = _rounds(lambda left: _asked(probe, beacon, left, published=published), subjects)
            inquiries, trusted = undisturbed(
                lambda: next(rounds),
                probe.container.engine,
                suspect=lambda inquiries: any(inquiry.reached for inquiry in inquiries),
            )
    except (EngineError, StartError) as error:
        raise ProbeError(f"{probe.described_as}: nothing can be asked from there: {error}") from error
    return inquiries if trusted else [_disturbed(inquiry) for inquiry in inquiries]


def _rounds(ask: Callable[[Sequence[Subject]], list[Inquiry]], subjects: Sequence[Subject]) -> Iterator[list[Inquiry]]:
    """Yield what is found out about all; then again and again, with only those that were reached asked anew.

    The fewer are asked, the shorter it takes, and the likelier is a round in which no network is created.
    """
    inquiries = ask(subjects)
    while True:
        yield inquiries
        newer = {each.subject: each for each in ask([each.subject for each in inquiries if each.reached])}
        inquiries = [newer.get(each.subject, each) for each in inquiries]


def _disturbed(inquiry: Inquiry) -> Inquiry:
    """Count a flaky "reached" as inconclusive."""
    if not any(finding.verdict.flaky for finding in inquiry.reached):
        return inquiry
    findings = tuple(replace(each, reached=each.reached and not each.verdict.flaky) for each in inquiry.findings)
    return replace(inquiry, findings=findings, doubts=(*inquiry.doubts, DISTURBED))


def _asked(probe: Probe, beacon: beacons.Beacon, subjects: Sequence[Subject], *, published: bool) -> list[Inquiry]:
    """Ask once: watch the targets, ask the source for all ways to them, and see what was watched."""
    source = SourceControl(probe, beacon)
    targets = [TargetControl(subject) for subject in subjects]
    with ThreadPoolExecutor(max(1, len(targets))) as pool:
        list(pool.map(TargetControl.begin, targets))
        try:
            machine = Machine(probe.container.engine)
            leading = {each.subject: ways(machine, source.before, each.subject, each.before) for each in targets}
            names = [name for subject in subjects for name in subject.names]
            connections = [way.connection for each in leading.values() for way in each]
            answers = ask_agent(probe.agent, [*source.names, *names], [source.connection, *connections])
        finally:
            list(pool.map(TargetControl.end, targets))
    doubts = source.doubts(answers)
    silent = source.knows_containers_only(answers)
    return [
        Inquiry(
            target.subject,
            (
                *(_of_name(probe, answers.names[name], target, silent=silent) for name in target.subject.names),
                *(_of_way(probe, way, answers, target, published=published) for way in leading[target.subject]),
            ),
            tuple(dict.fromkeys([*doubts, *target.doubts()])),
        )
        for target in targets
    ]


def inquire_names(probe: Probe, names: Sequence[str], service: Service | None) -> tuple[list[Resolution], list[str]]:
    """Ask whether names exist for a probe, and return what was found with the controls that failed.

    `service` is whom they belong to, if that is known.
    """
    try:
        with beacons.beacon(probe) as beacon:
            return _asked_for_names(SourceControl(probe, beacon), probe, names, service)
    except (EngineError, StartError) as error:
        raise ProbeError(f"{probe.described_as}: nothing can be asked from there: {error}") from error


def _asked_for_names(
    source: SourceControl, probe: Probe, names: Sequence[str], service: Service | None
) -> tuple[list[Resolution], list[str]]:
    before = [inspected(service.container)] if service is not None else []
    answers = ask_agent(probe.agent, [*source.names, *names])
    after = [inspected(service.container)] if service is not None else []
    found = [answers.names[name] for name in names]
    silent = service is not None and source.knows_containers_only(answers)
    doubts = [
        *source.doubts_of_names(answers),
        *(
            f"{names[0]} is {seen.status}, and a container that doesn't run has no names"
            for seen in (*before, *after)
            if not seen.state.runs
        ),
        *no_answers(found, knows_containers_only=silent),
    ]
    return found, list(dict.fromkeys(doubts))


# findings


def _of_name(probe: Probe, found: Resolution, target: TargetControl, *, silent: bool) -> Finding:
    """Judge a name: it must not exist, or lead to nothing but addresses that are asked themselves.

    `silent` means that the name server answers for the names of containers, and has nobody to ask about others.
    """
    leads_home = found.addresses != () and set(found.addresses) <= set(target.before.addresses)
    unknown = found.absent or (silent and found.failure is VerdictKind.DNS_FAILED)
    kind = VerdictKind.MISRESOLVED if found.addresses else VerdictKind.UNRESOLVED
    verdict = Verdict(
        found.failure if found.failure is not None else kind,
        found.addresses[0] if found.addresses else None, 0, 1, found.words,
    )  # fmt: skip
    return Finding(
        way=f"the name {found.name}",
        expected="unresolved",
        verdict=verdict,
        command=again(probe, looking_up(found.name)),
        isolated=leads_home or unknown,
        reached=False,
    )


def _of_way(probe: Probe, way: Way, answers: Answers, target: TargetControl, *, published: bool) -> Finding:
    """Judge an address. A refusal proves that packets arrive only if the target is ours."""
    at_host = way.published is not None
    verdict = answers.verdicts[way.connection]
    verdict = verdict if at_host else target.judged(verdict, way.connection)
    kinds = {attempt.kind for attempt in verdict.attempts}
    if at_host:
        fine = BLOCKED | {VerdictKind.REFUSED} | ({VerdictKind.CONNECTED} if published else set())
        isolated = kinds != set() and kinds <= fine
        reached = VerdictKind.CONNECTED in kinds and not isolated
    else:
        isolated = verdict.blocked
        arrived = {VerdictKind.CONNECTED} | ({VerdictKind.REFUSED} if target.subject.service is not None else set())
        reached = bool(kinds & arrived) or any(attempt.arrived for attempt in verdict.attempts)
    routed = reached and is_routed(probe.container.engine, way)
    return Finding(
        way=f"{way.text}, which has gateway mode routed" if routed else way.text,
        expected="refused, dropped or unreachable" if at_host else "dropped or unreachable",
        verdict=verdict,
        command=again(probe, connecting(way.connection)),
        isolated=isolated,
        reached=reached,
        remark=_published_remark(way, local=probe.container.engine.local) if at_host else _ROUTED if routed else "",
    )


_ROUTED: Final = (
    "Gateway mode routed opens published ports to other networks. Remedy: create the network without that mode, or "
    "publish no port of what is on it."
)


def _published_remark(way: Way, *, local: bool) -> str:
    if way.published not in ALL_ADDRESSES:
        return f"The port is published on {way.published}. Remedy: say published=True if that is meant."
    remedy = "publish it on loopback only (leave --foodtrucks-host as it is), or say published=True if that is meant"
    if not local:  # the tests reach no loopback of another machine
        remedy = (
            "say published=True if that is meant, or leave ports= out of that service, whom a probe reaches without; "
            "on an engine of another machine ports can't be published on loopback only"
        )
    return (
        "The port is published on all addresses of the engine's machine, so that whoever reaches one of them reaches "
        f"it. Remedy: {remedy}."
    )
