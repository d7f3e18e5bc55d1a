"""The stacks on the engine, as labels and records tell of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.clock import wall
from pytest_foodtrucks.engine.asking import if_found
from pytest_foodtrucks.engine.labels import NAME_LABEL, OWNER_LABEL, SERVICE_LABEL, SESSION_LABEL
from pytest_foodtrucks.errors import FoodtrucksError
from pytest_foodtrucks.services.running import Address
from pytest_foodtrucks.sessions.processes import Life
from pytest_foodtrucks.sessions.state_folder import session_folder
from pytest_foodtrucks.stacks.kept_choice import project_of
from pytest_foodtrucks.stacks.kept_stack import KEPT, KeptStack, all_kept_stacks
from pytest_foodtrucks.stacks.opening import owner_of_kept
from pytest_foodtrucks.stacks.removal import life_of_owner

from .records import NO_RECORD, ServiceRecord, StackRecord, read_record
from .working_folder import Here

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine
    from pytest_foodtrucks.engine.inspected import Inspected

_PROBE: Final = "probe"
"""The alias of what only questions are asked from."""

_STATES: Final = {Life.ALIVE: "alive", Life.DEAD: "orphaned", Life.UNKNOWN: "unknown"}


class NoStack(FoodtrucksError):
    """No stack runs that was asked for."""


class NoService(FoodtrucksError):
    """A stack has no service of a name."""


@dataclass(frozen=True, kw_only=True)
class FoundService:
    """A container of a stack; `addresses` are where its ports are reached from here."""

    alias: str
    container: str
    name: str
    seen: "Inspected" = field(repr=False)
    addresses: Mapping[int, Address]
    record: ServiceRecord = field(default_factory=ServiceRecord)

    @property
    def url(self) -> str | None:
        """The URL of the first of its published ports; None where it has none. It begins with http:// by default."""
        scheme = "http" if self.record.scheme is None else self.record.scheme
        ports = [port for port in (*self.record.ports, *self.addresses) if port in self.addresses]
        return f"{scheme}://{self.addresses[ports[0]].endpoint}" if ports else None

    @property
    def ports(self) -> tuple[int, ...]:
        """Its ports, published or not."""
        return tuple(dict.fromkeys([*self.record.ports, *self.addresses]))

    @property
    def where(self) -> str:
        """Where its published ports are, for people."""
        return ", ".join(f"{port} at {address.endpoint}" for port, address in self.addresses.items())

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "alias": self.alias,
            "container": self.name,
            "image": self.seen.image,
            "status": self.seen.status,
            "url": self.url,
            "addresses": {str(port): address.endpoint for port, address in self.addresses.items()},
        }


@dataclass(frozen=True, kw_only=True)
class FoundStack:
    """A stack: `state` is kept, alive, orphaned or unknown, `age` in seconds, `networks` are ids with names."""

    id: str
    state: str
    record: StackRecord
    age: float
    networks: Mapping[str, str]
    services: Sequence[FoundService]

    def service(self, alias: str) -> FoundService:
        """Return the service of an alias; NoService where there is none, NoStack where there is none at all."""
        self.refuse_empty()
        for each in self.services:
            if each.alias == alias:
                return each
        there = ", ".join(each.alias for each in self.services)
        raise NoService(f"The stack {self.id} has no service {alias!r}, only {there}. Remedy: name one of these.")

    def refuse_empty(self) -> None:
        """Raise NoStack where a start that failed left a network alone."""
        if not self.services:
            raise NoStack(f"The stack {self.id} has no service. Remedy: start it with `foodtrucks up`.")

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "id": self.id,
            "state": self.state,
            "command": self.record.command,
            "project": self.record.project,
            "ready": self.record.is_complete,
            "age_seconds": round(self.age, 1),
            "networks": list(self.networks.values()),
            "services": [service.as_json() for service in self.services],
        }


def all_stacks(engine: "Engine", state: Path) -> list[FoundStack]:
    """Return all stacks on the engine, the newest first."""
    labels = _Labels(engine)
    found = [_stack(engine, state, labels, each) for each in labels.stacks()]
    return sorted(found, key=lambda stack: stack.age)


def own_stack(engine: "Engine", place: Here, name: str | None) -> FoundStack:
    """Return the stack of the folder and the name: a kept one, else that of a living command.

    Raises NoStack where there is none.
    """
    project = project_of(place.root, name)
    kept = kept_stack(engine, place, name)
    labels = _Labels(engine)
    ids = [kept.id, *_living(place, labels, project)]
    for each in ids:
        if each in labels.stacks():
            return _stack(engine, place.state, labels, each)
    raise NoStack(
        f"No stack of {project} runs. Remedy: foodtrucks up{'' if name is None else f' --name {name}'}; "
        "`foodtrucks ps` shows those of other folders."
    )


def one_stack(engine: "Engine", state: Path, stack_id: str) -> FoundStack:
    """Return the stack of an id."""
    return _stack(engine, state, _Labels(engine), stack_id)


def kept_stack(engine: "Engine", place: Here, name: str | None) -> KeptStack:
    """Return the kept stack of the folder and the name, whether it is there or not."""
    return KeptStack.on(engine, place.state, owner_of_kept(project_of(place.root, name), place.settings))


def _living(place: Here, labels: "_Labels", project: str) -> Iterator[str]:
    """Yield the ids of living sessions that commands began for a project."""
    for stack_id, owner in labels.owners.items():
        if owner != KEPT and read_record(session_folder(place.state, stack_id)).project == project:
            yield stack_id


class _Labels:
    """The labels of all our containers and networks, asked once."""

    def __init__(self, engine: "Engine") -> None:
        self.containers = engine.labels("containers", SESSION_LABEL)
        self.networks = engine.labels("networks", SESSION_LABEL)
        self.aliases = engine.labels("containers", SERVICE_LABEL)
        self.names = {**engine.labels("containers", NAME_LABEL), **engine.labels("networks", NAME_LABEL)}
        self.created = {**engine.created("containers", SESSION_LABEL), **engine.created("networks", SESSION_LABEL)}
        by_thing = {**engine.labels("containers", OWNER_LABEL), **engine.labels("networks", OWNER_LABEL)}
        things = {**self.containers, **self.networks}
        self.owners = {stack: by_thing[thing] for thing, stack in things.items() if thing in by_thing}

    def stacks(self) -> list[str]:
        return list(dict.fromkeys([*self.containers.values(), *self.networks.values()]))


def _stack(engine: "Engine", state: Path, labels: _Labels, stack_id: str) -> FoundStack:
    owner = labels.owners.get(stack_id, "")
    record = _record(state, stack_id, kept=owner == KEPT)
    containers = [each for each, stack in labels.containers.items() if stack == stack_id]
    networks = {each: labels.names.get(each, each) for each, stack in labels.networks.items() if stack == stack_id}
    now = wall() + engine.clock_difference
    created = [labels.created[each] for each in (*containers, *networks) if each in labels.created]
    return FoundStack(
        id=stack_id,
        state="kept" if owner == KEPT else _STATES[life_of_owner(owner, engine, state)],
        record=record,
        age=max(0.0, now - min(created)) if created else 0.0,
        networks=networks,
        services=sorted(_services(engine, labels, containers, record), key=lambda each: each.alias),
    )


def _record(state: Path, stack_id: str, *, kept: bool) -> StackRecord:
    """Return a stack's record; of a kept one that no command wrote of, what the stack itself knows."""
    if not kept:
        return read_record(session_folder(state, stack_id))
    for stack in all_kept_stacks(state):
        if stack.id == stack_id:
            record = read_record(stack.folder)
            return record if record is not NO_RECORD else StackRecord(project=stack.project, command="pytest")
    return NO_RECORD


def _services(
    engine: "Engine", labels: _Labels, containers: Sequence[str], record: StackRecord
) -> Iterator[FoundService]:
    records = record.services if record.services is not None else {}
    for container in containers:
        alias = labels.aliases.get(container, "")
        seen = _inspected(engine, container)
        if alias in {"", _PROBE} or seen is None:
            continue
        ports = {port: Address(engine.host, hosts[0][1]) for port, hosts in seen.published.items() if hosts}
        yield FoundService(
            alias=alias,
            container=container,
            name=labels.names.get(container, container),
            seen=seen,
            addresses=dict(sorted(ports.items())),
            record=records.get(alias, ServiceRecord()),
        )


def _inspected(engine: "Engine", container: str) -> "Inspected | None":
    """Return what the engine shows of a container; None for one that is gone by now."""
    return if_found(lambda: engine.inspected(container))
