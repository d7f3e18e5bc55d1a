"""A service that outlives its fixture: how it is started once, found again, and made fit for another session."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.errors import DefinitionError, StartError
from pytest_foodtrucks.sessions.state_key import keyed
from pytest_foodtrucks.stacks.reading import Reading, content_of, fingerprint
from pytest_foodtrucks.stacks.sources import depends_on
from pytest_foodtrucks.stacks.stack import PartLabel
from pytest_foodtrucks.stacks.volumes import named_volume, remove_unused_volumes, volumes_of_part
from pytest_foodtrucks.values import has_only_begun, shown

from .access import AccessFolder
from .contents import can_be_restored, contents, restore
from .definitions import ServiceDefinition
from .elasticsearch.es_seed import SeedFiles
from .job import Job
from .memberships import Memberships, NetworkRef
from .service import Service
from .starting import image_of, spec_on_engine, started_service, volumes_owner

if TYPE_CHECKING:
    from pytest_foodtrucks.stacks.part_records import PartRecords
    from pytest_foodtrucks.stacks.stack import Stack

_TAKE_OVER_SECONDS: Final = 10.0
"""A kept service that isn't ready by then is replaced: it was ready when the last session left it."""


@dataclass(frozen=True, kw_only=True)
class ServicePart:
    """A service as a part of its stack; `requires` are the services that it was defined with."""

    stack: "Stack"
    networks: Sequence[NetworkRef]
    definition: ServiceDefinition
    service_type: type[Service]
    seed: Callable[[Any], object] | None
    requires: Sequence[Service | Job]
    _reading: Reading = field(default_factory=Reading)
    _filled: dict[str, list[str]] = field(default_factory=dict)
    """What its start put into the services that it requires, by the names of their parts."""

    @property
    def name(self) -> str:
        """What finds it again."""
        return part_name(self.networks[0].name, self.definition.alias)

    @property
    def _on(self) -> Memberships:
        return Memberships(self.networks, self.definition.spec.aliases)

    @property
    def key(self) -> str:
        """The same: it has its first network's name in it."""
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

    @property
    def why_not_kept(self) -> str | None:
        """Say why it can't be put back to how its seed left it, or why nobody can tell whether what a job did lasts."""
        if self.stack.keeps_all or self.definition.reset is not None or can_be_restored(self.service_type):
            return None
        if not self.definition.runs_once:
            return "it has no reset=, which would put it back"
        services = [each for each in self.requires if not each.__foodtrucks__.runs_once]
        volumes = [f"the volume {each.name}" for each in self.definition.spec.volumes if each.name is not None]
        unseen = [*(each.alias for each in services if not can_be_restored(type(each))), *volumes]
        if services and not unseen:
            return None
        what = f"what it did to {' and '.join(unseen)}" if unseen else "what it did"
        return f"nothing tells whether {what} is still there; reset= may"

    @property
    def is_kept(self) -> bool:
        """Tell whether the next session may have it."""
        return self.why_not_kept is None

    def made_from(self) -> Mapping[str, object]:
        """Return all values whose change makes it a different service."""
        image = image_of(self.stack, self.definition)
        return {
            **self._given(),
            **spec_on_engine(self.stack, self.definition, image).values(),
            "image": self.stack.engine.image_id(image),
            "seed": self.seed.fingerprint() if isinstance(self.seed, SeedFiles) else depends_on(self.seed),
            "files behind volumes": self._mounted(),
            "files of secrets and configs": self._mounted_files(),
            "required services": [service.container.id for service in self.requires],
            "host": self.stack.engine.publish_on,
            **({"kind": "job"} if self.definition.runs_once else {}),
        }

    def _mounted(self) -> Mapping[str, str]:
        """Return a fingerprint of what is behind each volume that has a path on this machine."""
        if not self.stack.engine.local:
            return {}
        bound = {volume.written: volume.path for volume in self.definition.spec.volumes}
        return {
            written: content_of(self.definition.folder / path) for written, path in bound.items() if path is not None
        }

    def _mounted_files(self) -> list[str]:
        """Return a fingerprint of each file of this machine that is a secret or a config."""
        given = (*self.definition.secrets, *self.definition.configs)
        return [content_of(each.file) for each in given if each.file is not None]

    def _given(self) -> dict[str, object]:
        build, added, security = self.definition.build, self.definition.derivation, self.definition.security
        return {
            **({} if security is None else {"security": repr(security)}),
            **self.definition.spec.values(),
            "secrets": [astuple(each) for each in self.definition.secrets],  # likewise
            "configs": [astuple(each) for each in self.definition.configs],
            "networks": [(each.name, self._on.names[each.name], each.settings.fixed) for each in self.networks],
            "build": None if build is None else astuple(build),
            **({} if added is None else {"added to its image": added.identity}),
        }  # its repr hides the arguments

    def start(self) -> Service:
        """Start it; note for other sessions what its start put into the services that it requires."""
        records = self._records
        had = [(service, contents(service)) for service in self.requires] if records is not None else []
        started, _ = started_service(
            self.stack,
            self.networks,
            self.definition,
            self.service_type,
            seed=self.seed if records is None or self.seed is None else self._recorded(self.seed),
            part=self._label,
        )
        if records is not None:
            for service, before in had:
                name = _part_of(service)
                self._filled[name] = sorted(contents(service) - before)
                records.add_contents(name, self._filled[name])
        return started

    @property
    def _records(self) -> "PartRecords | None":
        """Where it is recorded for other sessions; None where it isn't."""
        if self.stack.kept_stack is not None:
            return self.stack.kept_stack if self.is_kept else None
        return self.stack.lent

    def _recorded(self, seed: Callable[[Any], object]) -> Callable[[Any], object]:
        """Return a seed that lets it be noted which files it reads."""

        def recorded(service: Any) -> object:
            with self._reading.going_on():
                return seed(service)

        return recorded

    def dump(self, service: Service) -> Mapping[str, Any]:
        """Return where it is, and for other sessions what is in it, and which files its seed read."""
        container = service.container
        kept = self.stack.kept_stack is not None or self.stack.lent is not None
        return {
            "id": container.id,
            "name": container.name,
            "networks": {network.name: list(self._on.claims(network.name)) for network in self.networks},
            "volumes": self._volumes() if kept else [],
            "requires": [service.container.id for service in self.requires] if kept else [],
            "contents": sorted(contents(service)) if kept else [],
            "files": self._reading.fingerprints(self._digest) if kept else {},
            "filled": self._filled,
        }

    def _volumes(self) -> list[str]:
        """Return the names of its volumes on the engine, but for the anonymous ones."""
        owner = volumes_owner(self.stack, self.networks[0], shared=True)
        names = [volume.name for volume in self.definition.spec.volumes if volume.name is not None]
        named = [named_volume(self.stack, name, owner=owner).name for name in names]
        return [*named, *volumes_of_part(self.stack, self.name)]

    def _digest(self, text: str) -> str:
        return keyed(self.stack.session.state_folder)(text)

    def load(self, about: Mapping[str, Any]) -> Service:
        """Return the service of a container that somebody else started."""
        container = Container(self.stack.engine, about["id"], about["name"], self.networks[0].name)
        service = self.service_type(self.stack, self.networks, container, self.definition)
        if self.definition.security is not None:
            service.__foodtrucks__.access = AccessFolder(self.stack, self._label).read()
        return service

    @property
    def _label(self) -> PartLabel:
        return PartLabel(self.name, kept=self.is_kept)

    def take_over(self, service: Service, about: Mapping[str, Any]) -> None:
        """See that a kept service is well, and put it back to how its seed left it, unless its stack leaves that."""
        for file, before in about["files"].items():
            if fingerprint(file, self._digest) != before:
                raise StartError(f"its seed read {file}, which changed.")
        if self.definition.runs_once:
            self._refuse_undone(service, about["filled"])
        else:
            _refuse_unwell(service)
        if not self.stack.puts_back:
            return
        restore(service, about["contents"])
        if self.definition.reset is not None:
            _reset(service, self.definition.reset)

    def _refuse_undone(self, job: Service, filled: Mapping[str, Sequence[str]]) -> None:
        """Raise StartError where a kept job is to run again: it runs, or what it put into others is gone."""
        state = job.container.state()
        if not state.ended or state.exit_code != 0:
            raise StartError(f"it is {state}.")
        for service in self.requires:
            gone = {*filled.get(_part_of(service), ())} - contents(service)
            if gone:
                raise StartError(f"what it put into {service.alias} is gone: {', '.join(sorted(gone))}.")

    def clear(self, kept: Mapping[str, Any] | None) -> None:
        """Remove its containers, and those of its volumes that nobody else has."""
        was_there = self.stack.remove_containers_of_part(self.name)
        AccessFolder(self.stack, self._label).remove()
        if kept is not None:  # it may be of a version that gave it no label
            self.stack.engine.remove_container(kept["id"])
        if kept is not None:
            self._remove_dependents(kept["id"])
        if was_there or kept is not None:  # else another service may have filled its volumes
            before = kept.get("volumes", ()) if kept is not None else ()
            remove_unused_volumes(self.stack, [*before, *self._volumes()])

    def _remove_dependents(self, container: str) -> None:
        """Remove the kept services that require one that goes: they are made anew too, and have its volumes until then.

        Their records stay, by which it is said why they are.
        """
        records = [] if self.stack.kept_stack is None else [each["value"] for each in self.stack.kept_stack.records()]
        for value in records:
            if container in value.get("requires", ()):
                self._remove_dependents(value["id"])
                self.stack.engine.remove_container(value["id"])


def part_name(network: str, alias: str) -> str:
    """Return what finds a service again in a kept stack."""
    return f"service {alias} on {network}"


def _part_of(service: Service | Job) -> str:
    return part_name(service.__foodtrucks__.on.first.name, service.alias)


def _reset(service: Service, reset: Callable[[Any], object]) -> None:
    """Call a definition's `reset`; StartError, and so a new service, where that fails."""
    try:
        result = reset(service)
    except Exception as error:  # it is the user's, and may raise anything
        raise StartError(f"its reset raised {type(error).__name__}: {error}.") from error
    if has_only_begun(result):
        raise DefinitionError(
            f"The reset of {service.alias} returned {shown(result)}, and nobody awaits that or reads it to its end. "
            "Remedy: do all within a plain function: asyncio.run(…), or list(…) around what yields."
        )


def _refuse_unwell(service: Service) -> None:
    """Raise StartError where a kept service doesn't run, isn't on its networks as it was, or isn't ready."""
    status = service.container.status
    if status != "running":
        raise StartError(f"it is {status}.")
    _refuse_reattached(service)
    service.__foodtrucks__.wait_until_ready(timeout=_TAKE_OVER_SECONDS)


def _refuse_reattached(service: Service) -> None:
    """Raise StartError where a kept service isn't on its own networks alone, or not under its own names there."""
    container, on = service.container, service.__foodtrucks__.on
    attached = {each.network: each for each in container.attachments if each.addresses}
    missing = on.missing(attached)
    if missing:
        which = f"network {missing[0].name}" if len(on.networks) > 1 else "network"
        raise StartError(f"it is disconnected from its {which}.")
    others = sorted(attached.keys() - on.names.keys())
    if others:
        raise StartError(f"a test left it on the network {' and '.join(others)} too.")
    added = {container.id[:12], container.name}  # by the engine
    for network, names in on.names.items():
        has = [alias for alias in attached[network].aliases if alias not in added - {*names}]
        if {*has} != {*names}:
            raise StartError(
                f"a test left it with {', '.join(has) if has else 'no name'} instead of {', '.join(names)}."
            )
