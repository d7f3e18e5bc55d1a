"""Who asks, and who is asked about: sources and subjects, and what the engine tells of them at one moment."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from pytest_foodtrucks.engine.hostnames import is_address, port_and_protocol, same_name
from pytest_foodtrucks.engine.inspected import ContainerState, Inspected
from pytest_foodtrucks.errors import DefinitionError, EngineError, ProbeError, StartError
from pytest_foodtrucks.probes.probe import Probe, name_of
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.service import Service

if TYPE_CHECKING:
    from pytest_foodtrucks.containers.container import Container
    from pytest_foodtrucks.stacks.stack import Stack

Source = Probe | Service | Network

Port = tuple[int, str]
"""A number, and tcp or udp."""


def written(port: Port) -> int | str:
    """Return a port as people write it: 53, or "53/udp"."""
    number, protocol = port
    return number if protocol == "tcp" else f"{number}/{protocol}"


def joined(address: str, port: int) -> str:
    """Return address and port as URLs have them."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def refuse_no_question(source: Source, target: Service | str, port: int | str | None = None) -> None:
    """Raise DefinitionError where source, target or port are none, before anything is started for the question."""
    refuse_no_source(source)
    name_of(target)
    if port is not None:
        port_and_protocol(port)


def refuse_no_source(source: object) -> None:
    """Raise DefinitionError for what nothing can be asked from."""
    if not isinstance(source, Source):
        raise DefinitionError(f"{source!r} is no source. Remedy: ask from a Probe, a Service or a Network.")


def probe_of(source: Source) -> Probe:
    """Return the probe that asks in a source's stead; ProbeError where the source doesn't run."""
    refuse_no_source(source)
    if isinstance(source, Probe):
        return source
    if isinstance(source, Network):
        return _made(lambda: source.standing_probe, source)
    status = inspected(source.container).status
    if status != "running":
        raise ProbeError(f"{source.alias} is {status}: nothing can be asked from it. Remedy: see why; start it again.")
    return _made(lambda: source.__foodtrucks__.sidecar, source)


def _made(make: Callable[[], Probe], source: object) -> Probe:
    try:
        return make()
    except (EngineError, StartError) as error:
        raise ProbeError(f"Nothing can be asked from {source!r}: {error}") from error


def inspected(container: "Container") -> Inspected:
    """Return what the engine shows of a container; one that isn't there any more has the status `gone`."""
    try:
        return container.inspected()
    except EngineError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return Inspected(ContainerState("gone"))
        raise ProbeError(f"The state of {container.name} can't be told: {error}") from error


@dataclass(frozen=True)
class Subject:
    """What is asked about: a service, or something that isn't ours and that only a probe outside can vouch for."""

    label: str
    names: tuple[str, ...]
    ports: tuple[Port, ...]
    service: Service | None
    stack: "Stack"

    @classmethod
    def of(cls, target: Service | str, port: int | str | None, stack: "Stack", *, all_ports: bool = True) -> "Subject":
        """Return the subject of a question; a name that one running service of the session has stands for it."""
        service = target if isinstance(target, Service) else known(target, stack)
        asked = [port] if port is not None else [] if service is None else service.__foodtrucks__.asked_ports
        ports = tuple(map(port_and_protocol, asked))
        if not ports:
            raise ProbeError(f"Which port of {target} is to be asked? Remedy: give port=, or the service itself.")
        ports = ports if all_ports else ports[:1]
        if service is None:
            assert isinstance(target, str)  # noqa: S101 - for the type checker
            return cls(target, () if is_address(target) else (target,), ports, None, stack)
        return cls(service.alias, names_of(service), ports, service, stack)


def known(name: str, stack: "Stack") -> Service | None:
    """Return the session's service that a name or an address means, if there is just one.

    Names are the same as to a name server: in whatever case, with a dot at the end, and with a network's name behind.
    """
    meant = _meant(name)
    services = [service for service in list(stack.services) if isinstance(service, Service)]
    found = [service for service in services if meant in _meanings(service)]
    return found[0] if len(found) == 1 else None


def _meanings(service: Service) -> set[str]:
    """Return all names and addresses that mean a service, each in the form that `_meant` gives."""
    seen = inspected(service.container)
    names = _names(service, seen)
    longer = [f"{name}.{attachment.network}" for attachment in seen.attachments for name in names]
    return {_meant(text) for text in (*names, *longer, *seen.addresses)}


def _meant(text: str) -> str:
    if not is_address(text):
        return same_name(text)
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(address if mapped is None else mapped)


def names_of(service: Service) -> tuple[str, ...]:
    """Return all names that a name server may know a service by."""
    return _names(service, inspected(service.container))


def _names(service: Service, seen: Inspected) -> tuple[str, ...]:
    aliases = [alias for attachment in seen.attachments for alias in attachment.aliases]
    container = service.container
    return tuple(dict.fromkeys([*service.__foodtrucks__.aliases, *aliases, container.name, container.id[:12]]))


def moved(subject: Subject, before: Inspected, after: Inspected) -> list[str]:
    """Say what changed of a target while it was asked for."""
    if set(before.addresses) != set(after.addresses):
        had, has = (", ".join(each.addresses) for each in (before, after))
        return [f"{subject.label} had the addresses {had or 'none'}, and has {has or 'none'} now"]
    if before.started_at != after.started_at:
        return [f"{subject.label} was started anew meanwhile"]
    return []
