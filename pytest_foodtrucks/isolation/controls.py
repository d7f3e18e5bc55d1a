"""Controls: what must hold while a question is asked, so that its answer means something."""

import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.engine.inspected import Attachment, ContainerState, Inspected
from pytest_foodtrucks.errors import EngineError, StartError
from pytest_foodtrucks.probes.agent.client import Agent, Arrivals, Connection
from pytest_foodtrucks.probes.agent.link import NoReply
from pytest_foodtrucks.probes.asking import Answers, connect
from pytest_foodtrucks.probes.beacons import DEFAULT, Beacon, outside_probe
from pytest_foodtrucks.probes.probe import Probe
from pytest_foodtrucks.probes.verdicts import Resolution, Verdict, VerdictKind, with_arrivals

from .subjects import Port, Subject, inspected, joined, moved, written

if TYPE_CHECKING:
    from pytest_foodtrucks.services.service import Service

_EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - read, not bound
_LOOPBACK: Final = ("127.0.0.1", "::1")


class SourceControl:
    """A place that is asked, and what shows that asking works there: a beacon, names, and that it stays where it is.

    `absolute` says that the names that are asked for are so, and that no search domain is put behind them; `nobody` is
    a name that nobody has.
    """

    def __init__(self, probe: Probe, beacon: Beacon, *, absolute: bool = False) -> None:
        self._probe = probe
        self._beacon = beacon
        self.before = inspected(probe.subject)
        nobody = f"foodtrucks-nobody-{secrets.token_hex(4)}"
        self.nobody = f"{nobody}.invalid." if absolute else nobody
        self.names = (self.nobody, beacon.name)
        self.connection = Connection(beacon.address, beacon.port, tries=2)

    def doubts(self, answers: Answers) -> list[str]:
        """Say which control failed."""
        return [*self._unlit(answers.verdicts[self.connection]), *self.doubts_of_names(answers)]

    def doubts_of_connections(self, answers: Answers) -> list[str]:
        """Say which control of connections failed."""
        return [*self._unlit(answers.verdicts[self.connection]), *self._changed(answers)]

    def doubts_of_names(self, answers: Answers) -> list[str]:
        """Say which control of names failed."""
        return [*self._nameless(answers), *self._changed(answers)]

    def knows_containers_only(self, answers: Answers) -> bool:
        """Tell whether the name server knows containers, and has nobody to ask about other names.

        So it is on an internal network. A name without an answer is then none of a container's.
        """
        nobody, lit = (answers.names[name] for name in self.names)
        return nobody.failure is VerdictKind.DNS_FAILED and self._beacon.address in lit.addresses

    def _unlit(self, verdict: Verdict) -> list[str]:
        if any(attempt.kind is VerdictKind.CONNECTED for attempt in verdict.attempts):
            return []
        beacon = f"the beacon at {joined(self._beacon.address, self._beacon.port)}, which listens on its own network"
        seen = f"{verdict.kind}: {verdict.evidence}"
        return [f"{self._probe.described_as} doesn't reach {beacon} ({seen}), so what it doesn't reach says nothing"]

    def _nameless(self, answers: Answers) -> list[str]:
        """Say what is wrong with the name server, if anything."""
        nobody, lit = (answers.names[name] for name in self.names)
        doubts = []
        if nobody.addresses:
            doubts.append(
                f"the random name {nobody.name} resolves to {', '.join(nobody.addresses)}: a wildcard in a search "
                "domain or in the name server, which answers for any name"
            )
        elif nobody.failure is not None and not self.knows_containers_only(answers):
            doubts.append(f"the name server has no answer for a random name either ({nobody.failure}: {nobody.words})")
        if self._beacon.network != DEFAULT and self._beacon.address not in lit.addresses:
            doubts.append(
                f"the name {lit.name}, of a container on the source's own network, doesn't resolve ({lit.words}), so "
                "names that don't say nothing"
            )
        return doubts

    def _changed(self, answers: Answers) -> list[str]:
        now, name = inspected(self._probe.subject), self._probe.subject.name
        if now.status != "running":
            return [f"the source {name} is {now.status}"]
        if now.started_at != self.before.started_at:
            return [f"the source {name} was started anew meanwhile"]
        if answers.changed or set(now.networks) != set(self.before.networks):
            before, after = (", ".join(sorted(each.networks)) or "no network" for each in (self.before, now))
            return [f"the networks or addresses of the source {name} changed meanwhile: {before} before, {after} now"]
        return []


class TargetControl:
    """What is asked about, and what is seen there meanwhile: that it listens, stays where it is, and what arrives."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.before = Inspected(ContainerState(""))
        self._doubts: list[str] = []
        self._undo = ExitStack()
        self._agent: Agent | None = None
        self._seen: Callable[[], Arrivals] | None = None
        self.arrivals: Arrivals | None = None

    def begin(self) -> None:
        """Look at it, and watch what arrives from now on."""
        self.before = self._look()
        if self._agent is None:
            return
        try:
            self._seen = self._undo.enter_context(self._agent.watching())
        except NoReply as error:
            self._doubts.append(f"what arrives at {self.subject.label} can't be watched: {error}")

    def end(self) -> None:
        """Stop watching, and look again."""
        try:
            if self._seen is not None:
                self.arrivals = self._seen()
        except NoReply as error:
            self._doubts.append(f"what arrived at {self.subject.label} can't be told: {error}")
        self._undo.close()
        after = self._look()
        self._doubts += moved(self.subject, self.before, after)

    def doubts(self) -> list[str]:
        """Say which control failed."""
        return list(dict.fromkeys(self._doubts))

    def judged(self, verdict: Verdict, connection: Connection) -> Verdict:
        """Return a verdict about one of its own addresses that says whether packets arrived."""
        if self.arrivals is None:
            return verdict
        gateways = [gateway for each in self.before.attachments for gateway in each.gateways]
        return with_arrivals(verdict, connection, self.arrivals, gateways)

    def _look(self) -> Inspected:
        """Return its state and addresses; note what makes silence say nothing."""
        service = self.subject.service
        if service is None:
            return self._vouched_for()
        seen = inspected(service.container)
        if seen.status != "running":
            self._doubts.append(f"{service.alias} is {seen.status}, and must be running for silence to say something")
        elif seen.shares_network:
            self._doubts.append(
                f"{service.alias} has the network of its {seen.network_mode}, and whose addresses are its ways "
                "can't be told"
            )
        elif self.before.started_at in {"", seen.started_at}:  # else it is told that it was started anew
            self._doubts += self._not_listening(service, seen)
        return seen

    def _not_listening(self, service: "Service", seen: Inspected) -> list[str]:
        """Say on which port nobody listens, as the target's own network namespace tells."""
        addresses = seen.addresses if seen.addresses else _LOOPBACK
        try:
            agent = self._agent = self._agent or service.__foodtrucks__.sidecar.agent
            sockets = agent.listening()
        except (NoReply, EngineError, StartError) as error:
            return [f"whether {service.alias} listens can't be asked: {error}"]
        mute = [port for port in self.subject.ports if not _listens(sockets, port, addresses)]
        return [
            f"nothing listens on port {written(port)} of {service.alias}, asked in its own network namespace"
            for port in mute
            if not _takes_connections(agent, port, addresses)
        ]

    def _vouched_for(self) -> Inspected:
        """Ask for what isn't ours from the default bridge, which shows that it can be reached at all."""
        outside, label = outside_probe(self.subject.stack), self.subject.label
        verdicts = [outside.connect(label, written(port)) for port in self.subject.ports]
        self._doubts += [
            f"{joined(label, verdict.port)} isn't reached from the default bridge either "
            f"({verdict.kind}: {verdict.evidence}), and no service of this session has that name"
            for verdict in verdicts
            if verdict.kind is not VerdictKind.CONNECTED
        ]
        found = outside.resolve(label) if self.subject.names else [label]
        attachment = Attachment("a network that isn't ours", tuple(found), (), ())
        return Inspected(ContainerState("running"), attachments=(attachment,))


def _listens(sockets: Collection[tuple[str, str, int]], port: Port, addresses: Collection[str]) -> bool:
    number, protocol = port
    return any((protocol, address, number) in sockets for address in (*_EVERY_ADDRESS, *addresses))


def _takes_connections(agent: Agent, port: Port, addresses: Sequence[str]) -> bool:
    """Tell whether a port takes connections though no socket has it: a rule of the namespace leads elsewhere."""
    number, protocol = port
    if protocol != "tcp":
        return False
    verdicts, _ = connect(agent, [Connection(address, number, tries=1) for address in addresses])
    return any(verdict.kind is VerdictKind.CONNECTED for verdict in verdicts.values())


def no_answers(found: Sequence[Resolution], *, knows_containers_only: bool) -> list[str]:
    """Say of which names nothing is known."""
    return [
        f"the name {each.name} has no answer ({each.failure}: {each.words})"
        for each in found
        if each.failure is not None and not (knows_containers_only and each.failure is VerdictKind.DNS_FAILED)
    ]
