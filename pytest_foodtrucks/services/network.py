"""A throwaway network: created, filled with services, asked, removed."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Unpack

from pytest_foodtrucks import ready
from pytest_foodtrucks.callers import Place, calling_place
from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.engine.labels import SERVICE_LABEL, SESSION_LABEL
from pytest_foodtrucks.engine.subnets import free_subnet, host_routes
from pytest_foodtrucks.errors import DefinitionError, EngineError
from pytest_foodtrucks.hostnames import same_name
from pytest_foodtrucks.probes.beacons import keep_beacon, probe_on_demand, remove_beacon, running_probe
from pytest_foodtrucks.stacks import parts
from pytest_foodtrucks.stacks.removal import remove_network
from pytest_foodtrucks.values import checked, matching, shown

from .claims import Claim, claimed
from .definitions import (
    ServiceDefinition,
    ServiceKeywords,
    check_keywords,
    define,
    host_names,
    is_function,
    kept,
    told_at,
)
from .service import Service, create, running_service
from .service_part import part_name, service_part

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pytest_foodtrucks.containers.creation import Creation
    from pytest_foodtrucks.probes.probe import Probe
    from pytest_foodtrucks.stacks.stack import Stack

_POOLS_USED_UP = ("fully subnetted", "could not find an available")
_SUBNET_TRIES = 5

_container_name = matching(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "give a container's name or id")


class Network:
    """A user-defined network that is removed after use.

    No public constructor: the fixture `foodtrucks_net`, and fixtures of the factory `network`, yield one.
    """

    def __init__(self, stack: "Stack", name: str, driver: str, *, internal: bool, network_id: str = "") -> None:
        self.stack = stack
        self.name = name
        self.driver = driver
        self.internal = internal
        self.id = network_id
        self._prepared: dict[object, Future[Creation]] = {}
        self._claims: dict[str, str] = {}
        self._lock = Lock()
        self._watcher = probe_on_demand(self.probe)
        keep_beacon(stack, name)

    def __repr__(self) -> str:
        return f"<Network {self.name}>"

    @property
    def subnet(self) -> str:
        """The first subnet, such as 172.18.0.0/16."""
        return self._address("Subnet")

    @property
    def gateway(self) -> str:
        """The first subnet's gateway; empty on a network without one."""
        return self._address("Gateway")

    def _address(self, key: str) -> str:
        configs = self.stack.engine.inspect_network(self.id)["IPAM"]["Config"] or [{}]
        return str(configs[0].get(key, ""))

    @property
    def containers(self) -> list[Container]:
        """The containers that are attached and running, whoever started them."""
        attached = self.stack.engine.inspect_network(self.id).get("Containers") or {}
        return [Container(self.stack.engine, key, about["Name"], self.name) for key, about in attached.items()]

    def service(self, **keywords: Unpack[ServiceKeywords]) -> AbstractContextManager[Service]:
        """Start a service for the length of a `with` block.

        Takes the keywords of the factory `service`; `aliases` is required, since no fixture's name stands in for it.
        Relative paths begin at the calling file.
        """
        place = calling_place()
        with told_at(place):
            definition = _defined(keywords, folder=place.file.parent)
        return self._told_at(place, definition)

    @contextmanager
    def _told_at(self, place: Place, definition: ServiceDefinition) -> Iterator[Service]:
        with ExitStack() as undo:
            with told_at(place):
                service = undo.enter_context(self.running(definition))
            yield service

    @contextmanager
    def running(
        self,
        definition: ServiceDefinition,
        service_type: type[Service] = Service,
        *,
        key: object = None,
        seed: Callable[[Any], object] | None = None,
        shared: bool = False,
        requires: Sequence[Service] = (),
    ) -> Iterator[Service]:
        """Start a defined service, wait until it is ready, seed it, yield it and remove it.

        `key` is the one that it was prepared under. A shared one is one for all xdist workers, and stays until their
        controller ends, or for the next session; `requires` are the services that it was defined with. Raises
        DefinitionError for an alias that the network has already, and for a check of a port where there is none.
        """
        if definition.ready is not None:
            ready.refuse_without_ports(definition.ready, definition.ports)
        prepared = self._prepared.pop(key, None)
        creation = None if prepared is None else prepared.result
        lasts = shared and self.stack.outlives
        with self._claimed(definition), self._claimed_among_workers(definition, lasts=lasts):
            if lasts:
                part = service_part(self, definition, service_type, seed=seed, requires=requires)
                with parts.shared(self.stack, part) as service, self.stack.showing(service), closing(service):
                    service.shared = self.stack.worker is not None
                    yield service
            else:
                with running_service(self, definition, service_type, creation=creation, seed=seed) as service:
                    yield service

    def prepare(self, key: object, definition: ServiceDefinition) -> None:
        """Have a service's image fetched and its container created in the background."""
        self._prepared[key] = self.stack.pool.submit(create, self.stack, self.name, definition)

    def probe(self) -> "AbstractContextManager[Probe]":
        """Start a probe on this network."""
        return running_probe(self.stack, self.name, f"the network {self.name}")

    @property
    def watcher(self) -> "Probe":
        """A probe on this network that is kept, for questions from the network itself."""
        return self._watcher.get()

    def dismiss(self) -> None:
        """Remove what was kept on it for questions."""
        try:
            self._watcher.close()
        finally:
            remove_beacon(self.stack, self.name)

    def connect(self, target: "Service | Container | Probe | str", *, aliases: Sequence[str] = ()) -> None:
        """Attach a container that runs elsewhere; an alias may be one that others here have, for a round robin."""
        with told_at(calling_place()):
            names = checked("aliases", aliases, host_names)
            container = _container_id(target)
        self.stack.engine.connect(self.id, container, aliases=names)

    def disconnect(self, target: "Service | Container | Probe | str") -> None:
        """Detach a container."""
        with told_at(calling_place()):
            container = _container_id(target)
        self.stack.engine.disconnect(self.id, container)

    @contextmanager
    def _claimed(self, definition: ServiceDefinition) -> Iterator[None]:
        claim = self._claim(definition)
        with self._lock:
            claims = {**self._kept_aliases(definition), **self._claims}
            for alias in definition.aliases:
                if same_name(alias) in claims:
                    raise claim.taken(alias, claims[same_name(alias)])
            self._claims.update(dict.fromkeys(map(same_name, definition.aliases), claim.who))
        try:
            yield
        finally:
            with self._lock:
                for alias in definition.aliases:
                    del self._claims[same_name(alias)]

    def _claim(self, definition: ServiceDefinition, *, lasts: bool = False) -> Claim:
        return Claim(
            network=self.name,
            aliases=definition.aliases,
            who=_described(definition),
            worker=str(self.stack.worker),
            part=part_name(self.name, definition.alias) if lasts else None,
        )

    @contextmanager
    def _claimed_among_workers(self, definition: ServiceDefinition, *, lasts: bool) -> Iterator[None]:
        if self.stack.worker is None:
            yield
            return
        own, settings = definition.timeout, self.stack.settings
        seconds = own if own is not None else settings.timeout
        claim = self._claim(definition, lasts=lasts)
        with claimed(self.stack.run.folder, claim, seconds=seconds, clear=self._remove_left):
            yield

    def _remove_left(self, alias: str) -> None:
        """Remove the containers that a dead worker left here under a service's first alias."""
        engine = self.stack.engine
        services = engine.labels("containers", SERVICE_LABEL)
        for container in engine.labelled("containers", SESSION_LABEL, self.stack.run.id):
            if services.get(container) == alias and engine.is_on(container, self.name):
                names = {each.network: each.aliases for each in engine.inspected(container).attachments}
                if alias in names.get(self.name, ()):  # a probe has none, whatever its label
                    engine.remove_container(container)

    def _kept_aliases(self, definition: ServiceDefinition) -> dict[str, str]:
        """Return the aliases of kept services here, but for the definition's own: they run even if no test asks."""
        if self.stack.kept is None:
            return {}
        own = part_name(self.name, definition.alias)
        others = [
            record["value"]["aliases"]
            for record in self.stack.kept.records()
            if record["value"].get("network") == self.name and record["name"] != own
        ]
        return {
            same_name(alias): f"the service {aliases[0]!r} of the kept stack (`foodtrucks prune` removes it)"
            for aliases in others
            for alias in aliases
        }

    def discard_prepared(self) -> None:
        """Remove the containers that were prepared and never asked for, without waiting for those in the making."""
        while self._prepared:
            _, future = self._prepared.popitem()
            future.cancel()
            future.add_done_callback(partial(_discard, self.stack))


def _discard(stack: "Stack", future: "Future[Creation]") -> None:
    if not future.cancelled() and future.exception() is None:
        with suppress(EngineError):  # nobody hears it here; `Stack.close` tries again, and tells
            stack.undo(future.result().remove)


@contextmanager
def throwaway_network(
    stack: "Stack",
    *,
    driver: str = "bridge",
    internal: bool = False,
    prepare: Mapping[object, ServiceDefinition] | None = None,
    shared_as: str | None = None,
) -> Iterator[Network]:
    """Create a network, yield it, and remove it; the containers of `prepare` are created beside it.

    With a name in `shared_as` xdist workers have it in common, and it stays until their controller ends, or for the
    next session.
    """
    if shared_as is not None and stack.outlives:
        with parts.shared(stack, _network_part(stack, driver, internal=internal, name=shared_as)) as network:
            try:
                yield network
            finally:
                network.dismiss()
    else:
        network, undo = _started_network(
            stack, driver, internal=internal, prepare=prepare if prepare is not None else {}
        )
        with undo:
            yield network


def _network_part(stack: "Stack", driver: str, *, internal: bool, name: str) -> parts.Part[Network]:
    part = f"network {name}"

    def clear(kept: Mapping[str, Any] | None) -> None:
        """Remove what an earlier session kept under this name, with all that is on it."""
        if kept is not None:
            stack.remove_kept(kept["name"])
            remove_network(stack.engine, kept["id"])

    return parts.Part(
        key=f"network {name} {driver} {internal}",
        name=part,
        title=name,
        made_from=lambda: {"driver": driver, "internal": internal, "engine": stack.engine.url},
        start=lambda: _started_network(stack, driver, internal=internal, prepare={}, part=part)[0],
        dump=lambda network: {"id": network.id, "name": network.name},
        load=lambda about: Network(stack, about["name"], driver, internal=internal, network_id=about["id"]),
        take_over=lambda network, _: stack.engine.inspect_network(network.id),
        clear=clear,
    )


def _started_network(
    stack: "Stack",
    driver: str,
    *,
    internal: bool,
    prepare: Mapping[object, ServiceDefinition],
    part: str | None = None,
) -> tuple[Network, ExitStack]:
    network = Network(stack, f"foodtrucks-net-{secrets.token_hex(4)}", driver, internal=internal)
    with ExitStack() as undo:
        undo.callback(network.discard_prepared)
        for key, definition in prepare.items():
            network.prepare(key, definition)
        about = {"driver": driver, "internal": internal, "labels": stack.labels(part=part)}
        network.id = stack.created(partial(_created, stack, network.name, **about), stack.engine.remove_network)
        undo.callback(_remove, network)
        return network, undo.pop_all()


def _created(stack: "Stack", name: str, **about: Any) -> str:
    """Create a network; where the engine's address pools are used up (moby#29239), on a free subnet chosen here."""
    try:
        return stack.engine.create_network(name, **about)
    except EngineError as error:
        if not any(words in str(error) for words in _POOLS_USED_UP):
            raise
        refused = error
    for _ in range(_SUBNET_TRIES):
        subnet = free_subnet([*stack.engine.subnets(), *host_routes()])
        if subnet is None:
            break
        try:
            network_id = stack.engine.create_network(name, **about, subnet=subnet)
        except EngineError as error:
            if "overlap" not in str(error):
                raise
            continue  # somebody took it meanwhile
        stack.say(f"the engine's address pools are used up; {name} is on {subnet}, which was free")
        return network_id
    raise EngineError(
        f"{refused}. No free subnet was found either: networks, and this machine's routes, have all private ones. "
        "Remedy: remove networks that nobody needs (docker network prune); see whose the routes are (ip route).",
        status=refused.status,
    ) from refused


def _remove(network: Network) -> None:
    """Remove a network, with whatever the tests attached and left there."""
    network.discard_prepared()
    network.dismiss()
    stack = network.stack
    stack.undo(lambda: remove_network(stack.engine, network.id))


def _defined(keywords: Mapping[str, Any], *, folder: Path) -> ServiceDefinition:
    check_keywords(keywords)
    for keyword, value in keywords.items():
        if is_function(keyword, value):
            raise DefinitionError(
                f"{keyword}= is a function, and only a factory can give it fixtures. Remedy: give the value itself."
            )
    given = kept(keywords)
    if given.get("aliases") is None or checked("aliases", given["aliases"], host_names) == ():
        raise DefinitionError("A service within a test has no name of its own. Remedy: give aliases=['NAME'].")
    return define(given, alias="", folder=folder)


def _container_id(target: "Service | Container | Probe | str") -> str:
    if isinstance(target, str):
        return checked("container", target, _container_name)
    container = target if isinstance(target, Container) else getattr(target, "container", None)
    if not isinstance(container, Container):
        raise DefinitionError(
            f"{shown(target)} is no container. Remedy: give a service, a probe, a container, or its name as text."
        )
    return container.id


def _described(definition: ServiceDefinition) -> str:
    source = definition.image if definition.build is None else f"built from {definition.build.context}"
    name = f"the service {definition.name!r}" if definition.name else f"a service in {definition.folder}"
    return f"{name} ({source})"
