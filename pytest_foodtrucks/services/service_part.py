"""A service that outlives its fixture: how it is started once, found again, and made fit for another session."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.errors import StartError
from pytest_foodtrucks.stacks.parts import Part, source

from .definitions import ServiceDefinition
from .service import Service, image_of, started_service

if TYPE_CHECKING:
    from .network import Network

_TAKE_OVER_SECONDS: Final = 10.0
"""A kept service that isn't ready by then is replaced: it was ready when the last session left it."""

_MADE_FROM: Final = tuple(
    field.name
    for field in fields(ServiceDefinition)
    if field.name not in {"folder", "name", "image", "timeout", "ready"}
)
"""What of a definition makes a container another one."""


def service_part(
    network: "Network",
    definition: ServiceDefinition,
    service_type: type[Service],
    *,
    seed: Callable[[Any], object] | None,
    requires: Sequence[Service],
) -> Part[Service]:
    """Return a service as a part of its stack; `requires` are the services that it was defined with."""
    stack = network.stack
    name = part_name(network.name, definition.alias)
    given = {keyword: getattr(definition, keyword) for keyword in _MADE_FROM}
    given["build"] = None if definition.build is None else astuple(definition.build)  # with what its repr hides

    def load(about: Mapping[str, Any]) -> Service:
        container = Container(stack.engine, about["id"], about["name"], network.name)
        return service_type(network, container, definition)

    def start() -> Service:
        had = [(service, service.contents()) for service in requires] if stack.kept is not None else []
        started = started_service(network, definition, service_type, seed=seed, part=name)[0]
        if stack.kept is not None:
            for service, before in had:
                required = part_name(service.network.name, service.alias)
                stack.kept.add_contents(required, service.contents() - before)
        return started

    def dump(service: Service) -> dict[str, Any]:
        contents = sorted(service.contents()) if stack.kept is not None else []
        container = service.container
        where = {"id": container.id, "name": container.name, "network": network.name}
        return {**where, "aliases": list(service.aliases), "contents": contents}

    def clear(kept: Mapping[str, Any] | None) -> None:
        stack.remove_part(name)
        if kept is not None:  # it may be of a version that gave it no label
            stack.engine.remove_container(kept["id"])

    return Part(
        key=name,
        name=name,
        title=definition.alias,
        values={
            **given,
            "image": definition.image,
            "fixture": definition.name,  # another fixture's alias may be the same
            "folder of the definition": definition.folder,
        },
        made_from=lambda: {
            **given,
            "image": stack.engine.image_id(image_of(stack, definition)),
            "seed": source(seed),
            "required services": [service.container.id for service in requires],
            "host": stack.engine.publish_on,
        },
        start=start,
        dump=dump,
        load=load,
        take_over=lambda service, about: _taken_over(service, about["contents"]),
        clear=clear,
    )


def part_name(network: str, alias: str) -> str:
    """Return what finds a service again in a kept stack."""
    return f"service {alias} on {network}"


def _taken_over(service: Service, contents: Sequence[str]) -> None:
    """See that a kept service is well, and delete what came into it after its seed."""
    status = service.container.status
    if status != "running":
        raise StartError(f"it is {status}.")
    if not service.container.ip:
        raise StartError("it is disconnected from its network.")
    _refuse_reattached(service)
    service.wait_until_ready(timeout=_TAKE_OVER_SECONDS)
    service.restore(contents)


def _refuse_reattached(service: Service) -> None:
    """Raise StartError where a kept service isn't on its own network alone, or not under its own names there."""
    container = service.container
    names = {attachment.network: attachment.aliases for attachment in container.attachments}
    others = sorted(names.keys() - {service.network.name})
    if others:
        raise StartError(f"a test left it on the network {' and '.join(others)} too.")
    added = {container.id[:12], container.name}  # by the engine
    has = [alias for alias in names[service.network.name] if alias not in added - {*service.aliases}]
    if {*has} != {*service.aliases}:
        raise StartError(
            f"a test left it with {', '.join(has) if has else 'no name'} instead of {', '.join(service.aliases)}."
        )
