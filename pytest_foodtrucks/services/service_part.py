"""A service that outlives its fixture: how it is started once, found again, and made fit for another session."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.errors import StartError
from pytest_foodtrucks.stacks.parts import source

from .contents import contents, restore
from .definitions import ServiceDefinition
from .running import NetworkRef
from .service import Service
from .starting import image_of, started_service

if TYPE_CHECKING:
    from pytest_foodtrucks.stacks.stack import Stack

_TAKE_OVER_SECONDS: Final = 10.0
"""A kept service that isn't ready by then is replaced: it was ready when the last session left it."""


@dataclass(frozen=True, kw_only=True)
class ServicePart:
    """A service as a part of its stack; `requires` are the services that it was defined with."""

    stack: "Stack"
    network: NetworkRef
    definition: ServiceDefinition
    service_type: type[Service]
    seed: Callable[[Any], object] | None
    requires: Sequence[Service]

    @property
    def name(self) -> str:
        """What finds it again."""
        return part_name(self.network.name, self.definition.alias)

    @property
    def key(self) -> str:
        """The same: it has the network's name in it."""
        return self.name

    @property
    def title(self) -> str:
        """Its alias."""
        return self.definition.alias

    @property
    def values(self) -> Mapping[str, object]:
        """What of its definition must be the same in all workers."""
        return {
            **self._given(),
            "image": self.definition.image,
            "fixture": self.definition.name,  # another fixture's alias may be the same
            "folder of the definition": self.definition.folder,
        }

    def made_from(self) -> Mapping[str, object]:
        """Return all values whose change makes it a different service."""
        return {
            **self._given(),
            "image": self.stack.engine.image_id(image_of(self.stack, self.definition)),
            "seed": source(self.seed),
            "required services": [service.container.id for service in self.requires],
            "host": self.stack.engine.publish_on,
        }

    def _given(self) -> dict[str, object]:
        build = self.definition.build
        return {
            **self.definition.spec.values(),
            "build": None if build is None else astuple(build),
        }  # its repr hides the arguments

    def start(self) -> Service:
        """Start it; note in a kept stack what its start put into the services that it requires."""
        kept = self.stack.kept_stack
        had = [(service, contents(service)) for service in self.requires] if kept is not None else []
        started, _ = started_service(
            self.stack, self.network, self.definition, self.service_type, seed=self.seed, part=self.name
        )
        if kept is not None:
            for service, before in had:
                name = part_name(service.__foodtrucks__.network.name, service.alias)
                kept.add_contents(name, contents(service) - before)
        return started

    def dump(self, service: Service) -> Mapping[str, Any]:
        """Return where it is, and for a kept stack what is in it."""
        container = service.container
        return {
            "id": container.id,
            "name": container.name,
            "network": self.network.name,
            "aliases": list(self.definition.spec.aliases),
            "contents": sorted(contents(service)) if self.stack.kept_stack is not None else [],
        }

    def load(self, about: Mapping[str, Any]) -> Service:
        """Return the service of a container that somebody else started."""
        container = Container(self.stack.engine, about["id"], about["name"], self.network.name)
        return self.service_type(self.stack, self.network, container, self.definition)

    def take_over(self, service: Service, about: Mapping[str, Any]) -> None:
        """See that a kept service is well, and delete what came into it after its seed."""
        _take_over(service, about["contents"])

    def clear(self, kept: Mapping[str, Any] | None) -> None:
        """Remove its containers."""
        self.stack.remove_containers_of_part(self.name)
        if kept is not None:  # it may be of a version that gave it no label
            self.stack.engine.remove_container(kept["id"])


def part_name(network: str, alias: str) -> str:
    """Return what finds a service again in a kept stack."""
    return f"service {alias} on {network}"


def _take_over(service: Service, had: Sequence[str]) -> None:
    """See that a kept service is well, and delete what came into it after its seed."""
    status = service.container.status
    if status != "running":
        raise StartError(f"it is {status}.")
    if not service.container.ip:
        raise StartError("it is disconnected from its network.")
    _refuse_reattached(service)
    service.__foodtrucks__.wait_until_ready(timeout=_TAKE_OVER_SECONDS)
    restore(service, had)


def _refuse_reattached(service: Service) -> None:
    """Raise StartError where a kept service isn't on its own network alone, or not under its own names there."""
    container, inside = service.container, service.__foodtrucks__
    names = {attachment.network: attachment.aliases for attachment in container.attachments}
    others = sorted(names.keys() - {inside.network.name})
    if others:
        raise StartError(f"a test left it on the network {' and '.join(others)} too.")
    added = {container.id[:12], container.name}  # by the engine
    has = [alias for alias in names[inside.network.name] if alias not in added - {*inside.aliases}]
    if {*has} != {*inside.aliases}:
        raise StartError(
            f"a test left it with {', '.join(has) if has else 'no name'} instead of {', '.join(inside.aliases)}."
        )
