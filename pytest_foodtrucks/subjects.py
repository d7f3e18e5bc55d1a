"""Who asks, and who is asked about: sources and subjects, and what the engine tells of them at one moment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .containers import Attachment, attachments
from .errors import EngineError, ProbeError, StartError
from .networks import Network
from .probe import Probe
from .services import Service
from .verdicts import is_address

if TYPE_CHECKING:
    from .containers import Container
    from .stack import Stack

Source = Probe | Service | Network


def place_of(source: Source) -> Probe:
    """Return the probe that asks in a source's stead; ProbeError where the source doesn't run, or is none."""
    if isinstance(source, Probe):
        return source
    if isinstance(source, Network):
        return _made(lambda: source.watcher, source)
    if not isinstance(source, Service):
        raise ProbeError(f"{source!r} is no source. Remedy: ask from a Probe, a Service or a Network.")
    status = Snapshot.of(source.container).status
    if status != "running":
        raise ProbeError(f"{source.alias} is {status}: nothing can be asked from it. Remedy: see why; start it again.")
    return _made(lambda: source.sidecar, source)


def _made(make: Callable[[], Probe], source: object) -> Probe:
    try:
        return make()
    except (EngineError, StartError) as error:
        raise ProbeError(f"Nothing can be asked from {source!r}: {error}") from error


@dataclass(frozen=True)
class Snapshot:
    """What the engine tells of a container at one moment, as far as an answer depends on it."""

    status: str
    started_at: str = ""
    attachments: tuple[Attachment, ...] = ()
    published: Mapping[int, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    mode: str = ""

    @classmethod
    def of(cls, container: "Container") -> "Snapshot":
        """Take it; a container that isn't there any more has the status `gone`."""
        try:
            about = container.inspect()
        except EngineError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return cls("gone")
            raise ProbeError(f"The state of {container.name} can't be told: {error}") from error
        state, mode = about["State"], str(about["HostConfig"]["NetworkMode"])
        return cls(state["Status"], str(state.get("StartedAt", "")), attachments(about), _published(about), mode)

    @property
    def borrowed(self) -> bool:
        """Tell whether it is on somebody else's network, so that its own addresses can't be told."""
        return self.mode == "host" or self.mode.startswith("container:")

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses of both families on all networks."""
        return tuple(address for attachment in self.attachments for address in attachment.addresses)


def _published(about: Mapping[str, Any]) -> dict[int, tuple[tuple[str, int], ...]]:
    """Read where each TCP port is published: host address and host port."""
    bindings = about["NetworkSettings"].get("Ports") or {}
    return {
        int(port.partition("/")[0]): tuple((place["HostIp"], int(place["HostPort"])) for place in hosts)
        for port, hosts in bindings.items()
        if hosts and port.endswith("/tcp")
    }


@dataclass(frozen=True)
class Subject:
    """What is asked about: a service, or something that isn't ours and that only a bystander can vouch for."""

    label: str
    names: tuple[str, ...]
    ports: tuple[int, ...]
    service: Service | None
    stack: "Stack"

    @classmethod
    def of(cls, target: Service | str, port: int | None, stack: "Stack", *, all_ports: bool = True) -> "Subject":
        """Return the subject of a question; a name that one running service of the session has stands for it."""
        service = target if isinstance(target, Service) else known(target, stack)
        if port is not None:
            ports: tuple[int, ...] = (port,)
        else:
            ports = service.container_ports if service is not None else ()
        if not ports:
            raise ProbeError(f"Which port of {target} is to be asked? Remedy: give port=, or the service itself.")
        ports = ports if all_ports else ports[:1]
        if service is None:
            assert isinstance(target, str)  # noqa: S101 - for the type checker
            return cls(target, () if is_address(target) else (target,), ports, None, stack)
        return cls(service.alias, names_of(service), ports, service, stack)


def known(name: str, stack: "Stack") -> Service | None:
    """Return the session's service that has a name, if there is just one."""
    found = [service for service in stack.services if name in {*service.aliases, service.container.name}]
    return found[0] if len(found) == 1 else None


def names_of(service: Service) -> tuple[str, ...]:
    """Return all names that a name server may know a service by."""
    given = Snapshot.of(service.container).attachments
    aliases = [alias for attachment in given for alias in attachment.aliases]
    container = service.container
    return tuple(dict.fromkeys([*service.aliases, *aliases, container.name, container.id[:12]]))


def moved(subject: Subject, before: Snapshot, after: Snapshot) -> list[str]:
    """Say what changed of a target while it was asked for."""
    if set(before.addresses) != set(after.addresses):
        had, has = (", ".join(each.addresses) for each in (before, after))
        return [f"{subject.label} had the addresses {had or 'none'}, and has {has or 'none'} now"]
    if before.started_at != after.started_at:
        return [f"{subject.label} was started anew meanwhile"]
    return []
