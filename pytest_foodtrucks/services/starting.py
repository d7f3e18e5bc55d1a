"""A service's start: its image, its container, the wait until it is ready, its seed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_foodtrucks import ready
from pytest_foodtrucks.callers import name_and_place, written_at
from pytest_foodtrucks.containers.creation import Creation
from pytest_foodtrucks.containers.volumes import Volume, bind
from pytest_foodtrucks.errors import DefinitionError, FoodtrucksError, ImageError, mark_raised_by
from pytest_foodtrucks.stacks.volumes import named_volume
from pytest_foodtrucks.values import has_only_begun, shown

from .access import OPEN, AccessFolder
from .memberships import Memberships, NetworkRef
from .service import Service

if TYPE_CHECKING:
    from pytest_foodtrucks.containers.archives import PlacedFiles
    from pytest_foodtrucks.containers.compose import ContainerSpec
    from pytest_foodtrucks.stacks.stack import PartLabel, Stack

    from .access import Access
    from .definitions import ServiceDefinition


def started_service(
    stack: "Stack",
    networks: "Sequence[NetworkRef]",
    definition: "ServiceDefinition",
    service_type: type[Service] = Service,
    *,
    seed: Callable[[Any], object] | None = None,
    part: "PartLabel | None" = None,
) -> tuple[Service, ExitStack]:
    """Create and start a service, wait until it is ready, seed it, and return it with what removes it.

    `part` is what it is, if it outlives its fixture.
    """
    on = Memberships(networks, definition.spec.aliases)
    if definition.spec.tcp_ports and not on.internal:
        stack.engine.refuse_unknown_host()
    with ExitStack() as undo:
        access, placed = _secured(stack, on, definition, part, undo)
        created = create(stack, on, definition, part=part, placed=placed)
        undo.callback(stack.undo, created.remove)
        try:
            service = service_type(stack, networks, created.start(), definition)
            service.__foodtrucks__.access = access
            undo.callback(service.__foodtrucks__.close)
            undo.enter_context(stack.showing(service))
            service.__foodtrucks__.wait_until_ready()
            if seed is not None:
                _seed(stack, service, seed)
            service.__foodtrucks__.hand_over()
        except Exception:
            if stack.keeps_failed:
                undo.pop_all()
                stack.say(_left_for_a_look(created.container.name))
            raise
        return service, undo.pop_all()


def _secured(
    stack: "Stack", on: Memberships, definition: "ServiceDefinition", part: "PartLabel | None", undo: ExitStack
) -> "tuple[Access, PlacedFiles | None]":
    """Make what secures a service, and keep its keys: for as long as its container is there, if it is no part."""
    if definition.security is None:
        return OPEN, None
    names = [name for network in on.networks for name in on.claims(network.name)]
    keys, placed = definition.security.made([*names, stack.engine.host])
    folder = AccessFolder(stack, part)
    undo.callback(folder.remove)
    return folder.write(keys), placed


def _left_for_a_look(container: str) -> str:
    return (
        f"the container {container} stays until this session ends, for a look at it (docker logs {container}, "
        f"docker exec -it {container} sh)"
    )


def _seed(stack: "Stack", service: Service, seed: Callable[[Any], object]) -> None:
    """Call a seed; what the service logged meanwhile goes with its error: the container is gone when that is shown.

    Raises DefinitionError for one that returns what is yet to run: it filled nothing.
    """
    service.__foodtrucks__.hand_over()
    try:
        _refuse_unfinished(service, seed, seed(service))
    except FoodtrucksError:
        raise
    except Exception as error:
        since = stack.by_engines_clock(stack.ready_at(service))
        logs = service.__foodtrucks__.last_words(lines=ready.LOG_LINES, since=since)
        mark_raised_by(error, name_and_place(seed), logs=logs)
        raise


def _refuse_unfinished(service: Service, seed: Callable[[Any], object], result: object) -> None:
    if has_only_begun(result):
        place = written_at(seed)
        begins = "" if place is None else f"{place}: "
        raise DefinitionError(
            f"{begins}The seed of {service.alias} returned {shown(result)}, and nobody awaits that or reads "
            "it to its end. Remedy: do all within a plain function: asyncio.run(…), or list(…) around what yields."
        )


@contextmanager
def running_service(
    stack: "Stack",
    networks: "Sequence[NetworkRef]",
    definition: "ServiceDefinition",
    service_type: type[Service] = Service,
    *,
    seed: Callable[[Any], object] | None = None,
) -> Iterator[Service]:
    """Start a service as `started_service` does, yield it, and remove it."""
    service, undo = started_service(stack, networks, definition, service_type, seed=seed)
    with undo, stack.keeping_log_of(service):
        yield service


def image_of(stack: "Stack", definition: "ServiceDefinition") -> str:
    """See that the engine has a service's image, and return the name of one that is pulled, the id of one built."""
    try:
        base = _base_of(stack, definition)
        added = definition.derivation
        if added is None:
            return base
        return stack.derived(base, added, name=str(_built_as(stack, definition)), platform=definition.spec.platform)
    except ImageError as error:
        raise ImageError(f"The service {definition.alias} can't start. {error.message}", logs=error.logs) from error


def _base_of(stack: "Stack", definition: "ServiceDefinition") -> str:
    """Pull or build the image that the definition names."""
    if definition.build is not None:
        return stack.built(definition.build)
    return stack.image(str(definition.image), platform=definition.spec.platform)


def _built_as(stack: "Stack", definition: "ServiceDefinition") -> str | None:
    """Return the name of a service's image, by which people know it, if it is built or derived here."""
    built = None if definition.build is None else stack.lasting_name(definition.build)
    if definition.derivation is None:
        return built
    return stack.name_of_derived(built if built is not None else str(definition.image), definition.derivation)


def spec_on_engine(stack: "Stack", definition: "ServiceDefinition", image: str) -> "ContainerSpec":
    """Return the keywords of a service's container, with what depends on the engine and on the image."""
    if definition.surroundings is None:
        return definition.spec
    return definition.surroundings(stack.engine, image, definition.spec)


def fetch_ahead(stack: "Stack", definitions: "Iterable[ServiceDefinition]") -> None:
    """Have images pulled and built in the background; whoever starts a service waits for its own, and hears its error.

    Not where workers share the stack, or where it is kept or borrowed: there only who starts a service needs its image.
    """
    if not stack.parts_outlive_fixtures or stack.lent is not None:
        for definition in definitions:
            stack.pool.submit(image_of, stack, definition)


def create(
    stack: "Stack",
    on: Memberships,
    definition: "ServiceDefinition",
    *,
    part: "PartLabel | None" = None,
    placed: "PlacedFiles | None" = None,
) -> Creation:
    """See to a service's image and create its container, not yet started; `placed` are files that it has by then."""
    owner = volumes_owner(stack, on.first, shared=part is not None)
    volumes = [bind(volume, definition.folder, local=stack.engine.local) for volume in definition.spec.volumes]
    image = image_of(stack, definition)
    made = partial(
        Creation,
        stack.engine,
        replace(
            spec_on_engine(stack, definition, image),
            volumes=tuple(_on_engine(stack, volume, owner) for volume in volumes),
        ),
        image=image,
        network=on.first.name,
        endpoint=on.first.settings,
        further=on.further,
        labels=stack.labels(definition.alias, part=part),
        title=definition.alias,
        built_as=_built_as(stack, definition),
        files=(*definition.secrets, *definition.configs),
        placed=placed,
    )
    return stack.created(made, Creation.remove)


def volumes_owner(stack: "Stack", network: NetworkRef, *, shared: bool) -> str:
    """Return who has the named volumes of a service: nobody but the stack itself, or its network, or its worker.

    A network that isn't the session's has a stack of its own on it, and what workers don't share each has for itself.
    """
    if not network.for_session:
        return network.name
    return "" if shared or stack.worker is None else stack.worker


def _on_engine(stack: "Stack", volume: Volume, owner: str) -> Volume:
    """Return a volume as the engine has it: a named one has a name of the stack's own there, and its labels."""
    if volume.name is None:
        return volume
    named = named_volume(stack, volume.name, owner=owner)
    return replace(volume, source=named.name, labels=named.labels)
