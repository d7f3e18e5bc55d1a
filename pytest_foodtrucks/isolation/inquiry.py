"""One source's question whether targets are out of its reach: all ways, with the controls that make a "no" mean it."""

import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from pytest_foodtrucks.engine.inspected import Attachment, ContainerState, Inspected
from pytest_foodtrucks.engine.subnets import gateway_of
from pytest_foodtrucks.errors import DefinitionError, EngineError, ProbeError, StartError
from pytest_foodtrucks.probes import beacons
from pytest_foodtrucks.probes.beacons import BEACON_PORT, DEFAULT
from pytest_foodtrucks.probes.network_changes import DISTURBED, undisturbed
from pytest_foodtrucks.probes.probe import Knock, Probe
from pytest_foodtrucks.probes.verdicts import BLOCKED, Resolution, Verdict, VerdictKind
from pytest_foodtrucks.services.service import Service

from .subjects import Subject, inspected, moved

_BEACON_SECONDS: Final = 4.0
"""For how long a beacon is tried: it may have been started this moment, and one drop may be chance."""

_BEACON_PAUSE: Final = 0.05


@dataclass(frozen=True)
class Finding:
    """One way from a source to a target: what was expected there, and what was seen.

    `isolated` and `reached` are both false where the way couldn't be judged.
    """

    way: str
    expected: str
    verdict: Verdict
    command: str
    isolated: bool
    reached: bool
    remark: str = ""


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


@dataclass(frozen=True)
class _Way:
    """An address and a port to be tried; `published` is the host address that the port behind it was published on."""

    text: str
    knock: Knock
    published: str | None = None


def refuse_no_switch(published: object) -> None:
    """Raise DefinitionError for what is neither true nor false: any text would count as true."""
    if not isinstance(published, bool):
        raise DefinitionError(f"published={published!r}. Remedy: give True or False.")


def inquire(place: Probe, subjects: Sequence[Subject], *, published: bool = False) -> list[Inquiry]:
    """Ask whether subjects are out of a place's reach: everything in one go, with its controls before and after.

    `published` means that published ports may be reached. Raises ProbeError where nothing can be asked at all.
    """
    try:
        with beacons.beacon(place) as beacon:
            inquiries, trusted = undisturbed(
                lambda: _Source(place, beacon).ask(subjects, published=published),
                place.container.engine,
                suspect=lambda inquiries: any(inquiry.reached for inquiry in inquiries),
            )
    except (EngineError, StartError) as error:
        raise ProbeError(f"{place.place}: nothing can be asked from there: {error}") from error
    return inquiries if trusted else [_disturbed(inquiry) for inquiry in inquiries]


def _disturbed(inquiry: Inquiry) -> Inquiry:
    """Take a try that got through among others that didn't for no answer."""
    if not any(finding.verdict.flaky for finding in inquiry.reached):
        return inquiry
    findings = tuple(replace(each, reached=each.reached and not each.verdict.flaky) for each in inquiry.findings)
    return replace(inquiry, findings=findings, doubts=(*inquiry.doubts, DISTURBED))


def inquire_names(place: Probe, names: Sequence[str], service: Service | None) -> tuple[list[Resolution], list[str]]:
    """Ask whether names exist for a place, and return what was found with the controls that failed.

    `service` is whom they belong to, if that is known.
    """
    try:
        with beacons.beacon(place) as beacon:
            return _Source(place, beacon).names(names, service)
    except (EngineError, StartError) as error:
        raise ProbeError(f"{place.place}: nothing can be asked from there: {error}") from error


class _Source:
    """A place to ask from, with the controls that show that asking works there."""

    def __init__(self, place: Probe, beacon: Probe) -> None:
        self._place = place
        self._beacon = beacon
        self._before = inspected(place.subject)
        self._beacon_address = _address(beacon)
        self._nobody = f"foodtrucks-nobody-{secrets.token_hex(4)}"

    def ask(self, subjects: Sequence[Subject], *, published: bool) -> list[Inquiry]:
        doubts = self._unlit()
        before = [_seen(subject) for subject in subjects]
        ways = [self._ways(subject, seen) for subject, seen in zip(subjects, before, strict=True)]
        names = [name for subject in subjects for name in subject.names]
        knocks = [way.knock for each in ways for way in each]
        with ThreadPoolExecutor(len(subjects) + 1) as pool:
            asking = pool.submit(self._place.put, [self._nobody, self._beacon.container.name, *names], knocks)
            deaf = list(pool.map(_deaf, subjects, before))
            (nobody, lit, *found), said = asking.result()
            after = [_seen(subject) for subject in subjects]
            deaf_again = list(pool.map(_deaf, subjects, after))
        doubts += [*self._nameless(nobody, lit), *self._changed(), *([] if doubts else self._unlit())]
        silent = self._silent(nobody, lit)
        resolutions, verdicts = iter(found), iter(said)
        inquiries = []
        for index, subject in enumerate(subjects):
            named = [self._of_name(next(resolutions), before[index], silent=silent) for _ in subject.names]
            ours = subject.service is not None
            knocked = [self._of_way(way, next(verdicts), ours=ours, published=published) for way in ways[index]]
            all_doubts = [*doubts, *deaf[index], *deaf_again[index], *moved(subject, before[index], after[index])]
            inquiries.append(Inquiry(subject, (*named, *knocked), tuple(dict.fromkeys(all_doubts))))
        return inquiries

    def names(self, names: Sequence[str], service: Service | None) -> tuple[list[Resolution], list[str]]:
        before = inspected(service.container) if service is not None else None
        (nobody, lit, *found), _ = self._place.put([self._nobody, self._beacon.container.name, *names], [])
        doubts = [*self._nameless(nobody, lit), *self._changed()]
        after = inspected(service.container) if service is not None else None
        doubts += [
            f"{names[0]} is {seen.status}, and a container that doesn't run has no names"
            for seen in (before, after)
            if seen is not None and seen.status != "running"
        ]
        silent = service is not None and self._silent(nobody, lit)
        doubts += [
            f"the name {each.name} has no answer ({each.failure}: {each.words})"
            for each in found
            if each.failure is not None and not (silent and each.failure is VerdictKind.DNS_FAILED)
        ]
        return found, list(dict.fromkeys(doubts))

    # ways

    def _ways(self, subject: Subject, seen: Inspected) -> list[_Way]:
        direct = [
            _Way(f"{_joined(address, port)}, its address on {attachment.network}", Knock(address, port))
            for port in subject.ports
            for attachment in seen.attachments
            for address in attachment.addresses
        ]
        return direct + [
            _Way(
                f"{_joined(address, host_port)}, where its port {port} is published", Knock(address, host_port), host_ip
            )
            for port in subject.ports
            for host_ip, host_port in seen.published.get(port, ())
            for address in self._doors(seen, host_ip)
        ]

    def _doors(self, seen: Inspected, host_ip: str) -> list[str]:
        """Return the addresses of the engine's machine at which a published port could be open to the source.

        Those are the gateways of its networks and of the target's: an internal network's too, which no container has
        as its route, and which leads to the machine all the same.
        """
        doors = [gateway for attachment in (*self._before.attachments, *seen.attachments)
                 for gateway in (*attachment.gateways, *self._bridge_addresses(attachment.network))]  # fmt: skip
        if host_ip and not is_loopback_or_all(host_ip):
            doors.append(host_ip)
        return list(dict.fromkeys(doors))

    def _bridge_addresses(self, network: str) -> list[str]:
        try:
            about = self._place.container.engine.inspect_network(network)
        except EngineError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return []
        return [gateway for config in about["IPAM"]["Config"] or [] if (gateway := gateway_of(config))]

    # findings

    def _of_name(self, found: Resolution, seen: Inspected, *, silent: bool) -> Finding:
        """Judge a name: it must not exist, or lead to nothing but addresses that are asked themselves.

        `silent` means that the name server answers for the names of containers, and has nobody to ask about others,
        as on an internal network. A name without an answer is then none of a container's.
        """
        leads_home = found.addresses != () and set(found.addresses) <= set(seen.addresses)
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
            command=again(self._place, looking_up(found.name)),
            isolated=leads_home or unknown,
            reached=False,
        )

    def _of_way(self, way: _Way, verdict: Verdict, *, ours: bool, published: bool) -> Finding:
        """Judge an address; a refusal proves that packets arrive only if the target is ours."""
        door = way.published is not None
        kinds = {attempt.kind for attempt in verdict.attempts}
        fine = BLOCKED | ({VerdictKind.REFUSED} if door else set()) | ({VerdictKind.CONNECTED} if published else set())
        isolated = kinds != set() and kinds <= (fine if door else BLOCKED)
        arrival = {VerdictKind.CONNECTED} | ({VerdictKind.REFUSED} if ours and not door else set())
        return Finding(
            way=way.text,
            expected="refused, dropped or unreachable" if door else "dropped or unreachable",
            verdict=verdict,
            command=again(self._place, knocking(way.knock.address, way.knock.port)),
            isolated=isolated,
            reached=bool(kinds & arrival) and not isolated,
            remark=_published_remark(way) if door else "",
        )

    # controls

    def _unlit(self) -> list[str]:
        """Say why the beacon wasn't reached, if so; tried several times, for it may have just been started."""
        address = self._beacon_address
        deadline = time.monotonic() + _BEACON_SECONDS
        while True:
            (verdict,) = self._place.knock([Knock(address, BEACON_PORT, tries=1)])
            if verdict.kind is VerdictKind.CONNECTED:
                return []
            if time.monotonic() >= deadline:
                break
            time.sleep(_BEACON_PAUSE)
        seen = f"{verdict.kind}: {verdict.evidence}"
        beacon = f"the beacon at {_joined(address, BEACON_PORT)}, which listens on its own network"
        return [f"{self._place.place} doesn't reach {beacon} ({seen}), so what it doesn't reach says nothing"]

    def _silent(self, nobody: Resolution, lit: Resolution) -> bool:
        """Tell whether the name server knows containers, and has nobody to ask about other names."""
        return nobody.failure is VerdictKind.DNS_FAILED and self._beacon_address in lit.addresses

    def _nameless(self, nobody: Resolution, lit: Resolution) -> list[str]:
        """Say what is wrong with the name server, if anything."""
        doubts = []
        if nobody.addresses:
            doubts.append(
                f"the random name {nobody.name} resolves to {', '.join(nobody.addresses)}: a wildcard in a search "
                "domain, which answers for any name"
            )
        elif nobody.failure is not None and not self._silent(nobody, lit):
            doubts.append(f"the name server has no answer for a random name either ({nobody.failure}: {nobody.words})")
        if self._beacon.container.network != DEFAULT and self._beacon_address not in lit.addresses:
            doubts.append(
                f"the name {lit.name}, of a container on the source's own network, doesn't resolve ({lit.words}), so "
                "names that don't say nothing"
            )
        return doubts

    def _changed(self) -> list[str]:
        now = inspected(self._place.subject)
        if now.status != "running":
            return [f"the source {self._place.subject.name} is {now.status}"]
        if now.started_at != self._before.started_at:
            return [f"the source {self._place.subject.name} was started anew meanwhile"]
        return []


def _address(beacon: Probe) -> str:
    addresses = inspected(beacon.container).addresses
    if not addresses:
        raise ProbeError(
            f"The beacon {beacon.container.name} has no address; its log says "
            f"{beacon.container.last_words(lines=3)!r}. Remedy: see that the probe image has sh, and httpd or nc."
        )
    return addresses[0]


def _seen(subject: Subject) -> Inspected:
    if subject.service is not None:
        return inspected(subject.service.container)
    found = beacons.bystander(subject.stack).resolve(subject.label) if subject.names else [subject.label]
    attachment = Attachment("a network that isn't ours", tuple(found), (), ())
    return Inspected(ContainerState("running"), attachments=(attachment,))


def _deaf(subject: Subject, seen: Inspected) -> list[str]:
    """Say which port nobody listens on, asked from beside the target; silence of such a port would say nothing."""
    if seen.status != "running":
        return [f"{subject.label} is {seen.status}, and must be running for silence to say something"]
    if subject.service is None:
        told = [beacons.bystander(subject.stack).connect(subject.label, port) for port in subject.ports]
        return [
            f"{_joined(subject.label, verdict.port)} isn't reached from the default bridge either "
            f"({verdict.kind}: {verdict.evidence}), and no service of this session has that name"
            for verdict in told
            if verdict.kind is not VerdictKind.CONNECTED
        ]
    if seen.shares_network:
        mode = seen.network_mode
        return [f"{subject.label} has the network of its {mode}, and whose addresses are its ways can't be told"]
    addresses = seen.addresses if seen.addresses else LOOPBACK
    try:
        sidecar = subject.service.__foodtrucks__.sidecar
    except (EngineError, StartError) as error:
        return [f"whether {subject.label} listens can't be asked: {error}"]
    knocks = [Knock(address, port, tries=1) for port in subject.ports for address in addresses]
    told = sidecar.knock(knocks)
    heard = {verdict.port for verdict in told if verdict.kind is VerdictKind.CONNECTED}
    words = {verdict.port: f"{verdict.kind}: {verdict.evidence}" for verdict in told}
    return [
        f"nothing listens on port {port} of {subject.label}, asked in its own network namespace ({words[port]})"
        for port in subject.ports
        if port not in heard
    ]


def _published_remark(way: _Way) -> str:
    if way.published in ALL_ADDRESSES:
        return (
            "The port is published on all addresses of the engine's machine, so that whoever reaches one of them "
            "reaches it. Remedy: publish it on loopback only (leave --foodtrucks-host as it is), or say "
            "published=True if that is meant."
        )
    return f"The port is published on {way.published}. Remedy: say published=True if that is meant."


ALL_ADDRESSES: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - read, not bound
LOOPBACK: Final = ("127.0.0.1", "::1")


def is_loopback_or_all(host_ip: str) -> bool:
    """Tell whether an address is no place of its own at which a published port could be found from elsewhere."""
    return host_ip in ALL_ADDRESSES or host_ip == "::1" or host_ip.startswith("127.")


def knocking(address: str, port: int) -> str:
    """Return the shell command that tries a connection as the probe does, and says what became of it."""
    return f"sh -c 'nc -w 3 {address} {port} -e sh -c \"echo connected >&3\" 3>&1; echo exit status $?'"


def looking_up(name: str) -> str:
    """Return the shell command that looks up a name as it stands, without search domains."""
    return f"nslookup {name.removesuffix('.')}."


def again(place: Probe, command: str) -> str:
    """Return a command line that asks the same again from the same place."""
    engine = place.container.engine
    docker = "docker" if engine.local else f"docker -H {engine.url}"
    stack = place.stack
    image = "busybox" if stack is None else stack.image(stack.settings.probe_image)
    return f"{docker} run --rm --network container:{place.subject.name} {image} {command}"


def _joined(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
