"""Which service has a name or an address on a network, or a fixed port of the host: one at a time."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pytest_foodtrucks.engine.fork_lock import ForkLock
from pytest_foodtrucks.engine.hostnames import same_name
from pytest_foodtrucks.engine.labels import SERVICE_LABEL, SESSION_LABEL

from .claims import Claim, claimed
from .service_part import part_name

if TYPE_CHECKING:
    from pytest_foodtrucks.stacks.part_records import PartRecords
    from pytest_foodtrucks.stacks.stack import Stack

    from .definitions import ServiceDefinition
    from .memberships import Memberships


class NetworkClaims:
    """What services have on one network: in this process, in stacks that it takes over, among xdist's workers."""

    def __init__(self, stack: "Stack", network_name: str) -> None:
        self.network_name = network_name
        self._stack = stack
        self._taken: dict[str, str] = {}
        self._lock = ForkLock()

    @property
    def worker(self) -> str:
        """The worker that claims, in a message's words."""
        return str(self._stack.worker)

    @contextmanager
    def having(self, claim: Claim, timeout: float | None) -> Iterator[None]:
        """Have what a claim names for the length of a block; DefinitionError says who has it already.

        What another worker's block has is waited for: `timeout` seconds, or as long as a service may start.
        """
        with self._in_process(claim), self.among_workers(claim, timeout):
            yield

    @contextmanager
    def _in_process(self, claim: Claim) -> Iterator[None]:
        with self._lock:
            taken = {**self._taken_over(claim.part), **self._taken}
            for alias in claim.aliases:
                if same_name(alias) in taken:
                    raise claim.taken_error(alias, taken[same_name(alias)])
            self._taken.update(dict.fromkeys(map(same_name, claim.aliases), claim.who))
        try:
            yield
        finally:
            with self._lock:
                for alias in claim.aliases:
                    del self._taken[same_name(alias)]

    @contextmanager
    def among_workers(self, claim: Claim, timeout: float | None) -> Iterator[None]:
        """Have what a claim names once no other worker's block has it; `timeout` is as that of `having`."""
        if self._stack.worker is None:
            yield
            return
        seconds = timeout if timeout is not None else self._stack.settings.timeout
        with claimed(self._stack.session.folder, claim, seconds=seconds, clear=self._remove_left):
            yield

    def _remove_left(self, alias: str) -> None:
        """Remove the containers that a dead worker left here under a service's first alias."""
        engine = self._stack.engine
        services = engine.labels("containers", SERVICE_LABEL)
        for container in engine.labelled("containers", SESSION_LABEL, self._stack.session.id):
            # a probe has no alias, whatever its label
            if services.get(container) == alias and alias in engine.aliases_on(container, self.network_name):
                engine.remove_container(container)

    def _taken_over(self, own: str | None) -> dict[str, str]:
        """Return the aliases of services here that other sessions use too, except those of the part itself.

        They run even if this session doesn't use them. `own` is None for what no other session has.
        """
        whose = (
            (self._stack.kept_stack, "the kept stack (`foodtrucks prune` removes it)"),
            (self._stack.borrowed, "the stack of `foodtrucks run`"),
        )
        return {
            same_name(alias): f"the service {aliases[0]!r} of {words}"
            for stack, words in whose
            for aliases in (_others(stack, self.network_name, own) if stack is not None else ())
            for alias in aliases
        }


def _others(stack: "PartRecords", network_name: str, own: str | None) -> Iterator[Sequence[str]]:
    """Yield the aliases of each service of a stack on a network, but for the part `own`."""
    for record in stack.records():
        if record["name"] != own:
            yield record["value"].get("networks", {}).get(network_name, ())


@contextmanager
def claimed_for_service(
    networks: Sequence[NetworkClaims], on: "Memberships", definition: "ServiceDefinition", *, lasts: bool
) -> Iterator[None]:
    """Have a service's names on all its networks, and its fixed ports of the host, for the length of a block.

    They are asked for in one order, so that no two services wait for each other. One that `lasts` is found again by
    its part's name.
    """
    part = part_name(on.first.name, definition.alias) if lasts else None
    who = _described(definition)
    with ExitStack() as claims:
        for network in sorted(networks, key=lambda network: network.network_name):
            name = network.network_name
            claim = Claim(network=name, aliases=on.claims(name), who=who, worker=network.worker, part=part)
            claims.enter_context(network.having(claim, definition.timeout))
        if definition.spec.fixed_ports:
            claim = _of_host_ports(definition, who=who, worker=networks[0].worker, part=part)
            claims.enter_context(networks[0].among_workers(claim, definition.timeout))
        yield


def _of_host_ports(definition: "ServiceDefinition", *, who: str, worker: str, part: str | None) -> Claim:
    fixed = definition.spec.fixed_ports.values()
    return Claim(
        network="the host",
        what="port",
        aliases=tuple(each.at for each in fixed),
        who=who,
        worker=worker,
        part=part,
        remedy=f"write ports={[each.target for each in fixed]}, for free ones.",
        service=definition.alias,
    )


def _described(definition: "ServiceDefinition") -> str:
    source = definition.image if definition.build is None else f"built from {definition.build.context}"
    name = f"the service {definition.name!r}" if definition.name else "a service"
    return f"{name} ({definition.where}, {source})" if definition.where else f"{name} ({source})"
