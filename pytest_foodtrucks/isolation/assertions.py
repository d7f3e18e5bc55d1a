"""Assertions about a network: who finds whom by name, who reaches whom, and who doesn't."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.clock import monotonic, sleep
from pytest_foodtrucks.engine.hostnames import is_address, refuse_no_host_name
from pytest_foodtrucks.errors import FoodtrucksError, IsolationError, ProbeError, ReachabilityError, ResolutionError
from pytest_foodtrucks.probes.agent.client import Connection
from pytest_foodtrucks.probes.asking import look_up
from pytest_foodtrucks.probes.beacons import stack_of
from pytest_foodtrucks.probes.probe import name_of, refuse_no_seconds
from pytest_foodtrucks.probes.verdicts import Resolution, Verdict, VerdictKind
from pytest_foodtrucks.services.service import Service

from .inquiry import Inquiry, inquire, inquire_names, refuse_no_switch
from .messages import Finding, again, block, connecting, described, looking_up, while_it_runs
from .subjects import Source, Subject, inspected, known, names_of, probe_of, refuse_no_question, refuse_no_source

if TYPE_CHECKING:
    from pytest_foodtrucks.probes.probe import Probe

_PAUSE: Final = 0.25


def assert_resolves(source: Source, target: Service | str) -> None:
    """Assert that a target's name leads to it from a source.

    If the target is a service, each of its names on the networks that both are on must resolve to its addresses there,
    and to no others. If the target is only a name, the name must exist. Raises ResolutionError, ProbeError where it
    can't be told, DefinitionError for what is no name.
    """
    _refuse_no_name(source, target)
    probe = probe_of(source)
    names = _names_for(probe, target) if isinstance(target, Service) else (target,)
    # what leads to a service is known by its address; whether a mere name exists, only where a random one doesn't
    control = [] if isinstance(target, Service) else [f"foodtrucks-nobody-{secrets.token_hex(4)}"]
    found = look_up(probe.agent, [*control, *names])
    nobody = [address for name in control for address in found.pop(name).addresses]
    for each in found.values():
        way, command = f"the name {each.name}", again(probe, looking_up(each.name))
        if each.failure is not None:
            raise _unanswered_error(probe, target, [f"{way} has no answer ({each.failure}: {each.words})"], command)
        stranger = probe.misled(each, target.container) if isinstance(target, Service) and each.addresses else ""
        if each.absent or stranger:
            seen = f"misresolved: {stranger}" if stranger else "unresolved"
            expected = "an address" if isinstance(target, str) else "its own address, and nobody else's"
            shown = block(described(probe), _of_name(probe, each, expected), seen=seen)
            where = f"from {probe.described_as}"
            raise ResolutionError(f"{each.name} doesn't resolve as it should {where}.\n{shown}\n{_NAMES}")
        if nobody:
            doubt = f"a random name resolves too, to {', '.join(nobody)}: a wildcard in a search domain"
            raise _unanswered_error(probe, target, [doubt], command)


def _names_for(probe: "Probe", service: Service) -> tuple[str, ...]:
    """Return the names that a service has on the networks that a probe is on."""
    return service.__foodtrucks__.on.names_on(inspected(probe.subject).networks)


def assert_not_resolves(source: Source, name: Service | str) -> None:
    """Assert that a name doesn't exist for a source; for a service, that none of its names does.

    Raises ResolutionError, ProbeError where a control fails: then it can't be told; and DefinitionError for what is no
    name.
    """
    _refuse_no_name(source, name)
    probe = probe_of(source)
    service = _service(probe, name)
    names = names_of(name) if isinstance(name, Service) else (name,)
    found, doubts = inquire_names(probe, names, service)
    for each in found:
        if each.addresses and not doubts:
            seen = f"resolved to {', '.join(each.addresses)}"
            shown = block(described(probe), _of_name(probe, each, "unresolved"), seen=seen)
            raise ResolutionError(f"{each.name} resolves from {probe.described_as}, and shouldn't.\n{shown}\n{_NAMES}")
    if doubts:
        raise _unanswered_error(probe, name, doubts, again(probe, looking_up(names[0])))


def _of_name(probe: "Probe", found: Resolution, expected: str) -> Finding:
    verdict = Verdict(VerdictKind.UNRESOLVED, None, 0, 1, found.words)
    command = again(probe, looking_up(found.name))
    return Finding(f"the name {found.name}", expected, verdict, command, isolated=False, reached=False)


def _refuse_no_name(source: Source, name: Service | str) -> None:
    """Raise DefinitionError before anything is started: of what is no name a name server says that it doesn't exist."""
    refuse_no_source(source)
    if not isinstance(name, Service):
        refuse_no_host_name(name)


def assert_reachable(
    source: Source,
    target: Service | str,
    port: int | str | None = None,
    *,
    timeout: float = 5.0,
) -> None:
    """Assert that a source reaches a target by its name; `port` defaults to the first of the target's.

    A port is a number, or such as "53/udp". Tried again for `timeout` seconds. Raises ReachabilityError, or ProbeError
    where it can't be told: the source doesn't run, no agent starts there, the target is paused (the kernel completes
    connections for it) or has no room for connections; or DefinitionError where source, target or port isn't valid.
    """
    refuse_no_question(source, target, port)
    refuse_no_seconds(timeout)
    ask_until_reached(source, target, port, timeout=timeout)


def ask_until_reached(
    source: Source,
    target: Service | str,
    port: int | str | None,
    *,
    timeout: float,
    clock: Callable[[], float] = monotonic,
    sleep: Callable[[float], None] = sleep,
) -> None:
    """Ask until it connects; raise where it has not within `timeout` seconds."""
    began, tried = clock(), 0
    while True:
        probe, verdict, over = _connected(source, target, port)
        tried += 1
        if over or clock() - began >= timeout:
            break
        sleep(_PAUSE)
    _refuse_unreached(probe, target, verdict, f"{tried} times in {clock() - began:.1f} s")


def _connected(source: Source, target: Service | str, port: int | str | None) -> "tuple[Probe, Verdict, bool]":
    """Ask once, and tell whether asking again is of no use.

    What a source saw counts for nothing if it was restarted meanwhile: its network namespace is another one then.
    """
    probe = probe_of(source)
    before = inspected(probe.subject)
    verdict = probe.connect(target, port)
    if verdict.kind is VerdictKind.CONNECTED:
        return probe, verdict, True
    after = inspected(probe.subject)
    if (before.status, before.started_at) != (after.status, after.started_at):
        words = f"{probe.subject.name} was {before.status}, and is {after.status} after a new start: {verdict.evidence}"
        verdict = replace(verdict, kind=VerdictKind.INCONCLUSIVE, evidence=words)
    return probe, verdict, after.status != "running"


def _refuse_unreached(probe: "Probe", target: Service | str, verdict: Verdict, often: str) -> None:
    name = name_of(target)
    halted = _halted(probe, target, verdict)
    command = _command(probe, name, verdict)
    seen = f"{verdict.kind}: {verdict.evidence}"
    if verdict.kind is VerdictKind.INCONCLUSIVE:
        raise _unanswered_error(probe, target, [seen, *_source_state(probe)], command)
    if verdict.kind is VerdictKind.CONNECTED:
        if halted:
            doubt = f"{halted}: for a process that doesn't run the kernel completes connections all the same"
            raise _unanswered_error(probe, target, [doubt], command)
        return
    at = f" at {verdict.address}" if verdict.address is not None else ""
    way = f"the name {name}, port {verdict.port}{at}" if not is_address(name) else f"{name} port {verdict.port}"
    finding = Finding(way, "connected", verdict, command, isolated=False, reached=False)
    shown = block(described(probe), finding, seen=f"{verdict.kind}, asked {often}")
    state = f"{halted}. " if halted else ""
    raise ReachabilityError(
        f"{name} isn't reached from {probe.described_as}.\n{shown}\n{state}Remedy: {REMEDIES[verdict.kind]}"
    )


def _halted(probe: "Probe", target: Service | str, verdict: Verdict) -> str:
    """Say which service doesn't run: the one that is meant, or the one behind the address that was asked."""
    at_address = None if verdict.address is None else _service(probe, verdict.address)
    for service in (_service(probe, target), at_address, _published_at(probe, verdict)):
        status = "running" if service is None else inspected(service.container).status
        if service is not None and status != "running":
            return f"{service.alias} is {status}"
    return ""


def _published_at(probe: "Probe", verdict: Verdict) -> Service | None:
    """Return the session's service whose published port was asked, at an address of the engine's machine."""
    if probe.stack is None or verdict.address is None:
        return None
    here = inspected(probe.subject)
    for service in [each for each in probe.stack.services if isinstance(each, Service)]:
        there = inspected(service.container)
        bound = {host_ip for hosts in there.published.values() for host_ip, port in hosts if port == verdict.port}
        gateways = {gateway for each in (*here.attachments, *there.attachments) for gateway in each.gateways}
        if bound and verdict.address in bound | gateways:
            return service
    return None


def assert_isolated(
    source: Source, target: Service | str, port: int | str | None = None, *, published: bool = False
) -> None:
    """Assert that a source has no way to a target: by no name, at no address, through no published port.

    `port` defaults to all of the target's. `published` says that published ports may be reached. Raises
    IsolationError where there is a way, ProbeError where a control fails: then nothing can be told; and DefinitionError
    where source, target or port isn't valid.
    """
    refuse_no_question(source, target, port)
    refuse_no_switch(published)
    probe = probe_of(source)
    (inquiry,) = inquire(probe, [Subject.of(target, port, stack_of(probe))], published=published)
    error = isolation_error(probe, inquiry)
    if error is not None:
        raise error


def isolation_error(probe: "Probe", inquiry: Inquiry) -> FoodtrucksError | None:
    """Return what an inquiry proves wrong, or leaves open; None where the target is isolated."""
    label = inquiry.subject.label
    misled = [finding for finding in inquiry.open if finding.verdict.kind is VerdictKind.MISRESOLVED]
    wrong = inquiry.reached if inquiry.reached or inquiry.doubts else tuple(misled)
    if wrong:
        shown = "\n".join(_finding(probe, finding) for finding in wrong)
        ways = "this way" if len(wrong) == 1 else f"these {len(wrong)} ways"
        return IsolationError(f"{label} isn't isolated from {probe.described_as}; it is open {ways}:\n{shown}")
    unclear = [f"{each.way}: {each.verdict.kind}: {each.verdict.evidence}" for each in inquiry.open]
    if inquiry.doubts or unclear:
        command = (inquiry.open if inquiry.open else inquiry.findings)[0].command if inquiry.findings else ""
        return _unanswered_error(probe, label, [*inquiry.doubts, *unclear], command)
    return None


def _finding(probe: "Probe", finding: Finding) -> str:
    verdict = finding.verdict
    seen = f"{verdict.kind}, in each of {verdict.tries} tries" if not verdict.flaky else "flaky, the tries differ"
    return f"{block(described(probe), finding, seen=seen)}\n{finding.remark if finding.remark else _OPEN}"


def _service(probe: "Probe", target: Service | str) -> Service | None:
    """Return the session's service that is meant, if it is one."""
    if isinstance(target, Service):
        return target
    return known(target, probe.stack) if probe.stack is not None else None


def _unanswered_error(probe: "Probe", target: object, doubts: Iterable[str], command: str) -> ProbeError:
    shown = "\n".join(f"  - {doubt}" for doubt in dict.fromkeys(doubts))
    name = target.alias if isinstance(target, Service) else str(target)
    return ProbeError(
        f"Whether {probe.described_as} ({probe.subject.name}) finds and reaches {name} can't be told:\n{shown}\n"
        f"  again     {while_it_runs(command)}\nRemedy: mend what the lines above name, and ask again."
    )


def _source_state(probe: "Probe") -> Sequence[str]:
    status = inspected(probe.container).status
    return [] if status == "running" else [f"the probe {probe.container.name} is {status}"]


def _command(probe: "Probe", name: str, verdict: Verdict) -> str:
    if verdict.address is None:
        return again(probe, looking_up(name))
    return again(probe, connecting(Connection(verdict.address, verdict.port, verdict.protocol)))


_NAMES: Final = (
    "Remedy: look at who is on the source's networks, and under which aliases: a service has its names on the networks "
    "that it was started on or connected to with aliases=."
)
_OPEN: Final = (
    "Remedy: keep both off one network; look at who else is attached, and at the firewall of the engine's machine."
)
REMEDIES: Final = {
    VerdictKind.REFUSED: "the packet arrived; see that the target listens on that port, and not on loopback only.",
    VerdictKind.UNREACHABLE: "there is no route; connect source and target to one network.",
    VerdictKind.DROPPED: "the packets get lost; see that both are on one network, and what the firewall there does.",
    VerdictKind.UNRESOLVED: "connect source and target to one user-defined network; the default bridge has no names.",
    VerdictKind.MISRESOLVED: "give the alias to one container only, on a network that the source is on too.",
    VerdictKind.DNS_FAILED: "see whether the source's name server answers.",
}
