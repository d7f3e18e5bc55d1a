"""A throwaway network: created, filled with services, asked, removed."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Unpack

from . import parts, ready
from .callers import calling_file
from .containers import Container
from .definitions import ServiceDefinition, ServiceKeywords, define
from .errors import DefinitionError, EngineError
from .lasting import part_name, service_part
from .places import Outpost, keep_beacon, remove_beacon, running_probe
from .removal import remove_network
from .services import Service, create, running_service
from .subnets import free_subnet, host_routes

if TYPE_CHECKING:
    from concurrent.futures import Future

    from .containers import Creation
    from .probe import Probe
    from .stack import Stack

_POOLS_USED_UP = ("fully subnetted", "could not find an available")
_SUBNET_TRIES = 5


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
        self._watcher = Outpost(self.probe)
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
        aliases = keywords.get("aliases")
        if not aliases:
            raise DefinitionError("A service within a test has no name of its own. Remedy: give aliases=['NAME'].")
        for keyword, value in keywords.items():
            if callable(value) and keyword != "ready":
                raise DefinitionError(
                    f"{keyword}= is a function, and only a factory can give it fixtures. Remedy: give the value itself."
                )
        definition = define(keywords, alias="", folder=calling_file().parent)
        return self.running(definition)

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
        with self._claimed(definition):
            if shared and self.stack.outlives:
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
        self.stack.engine.connect(self.id, _container_id(target), aliases=aliases)

    def disconnect(self, target: "Service | Container | Probe | str") -> None:
        """Detach a container."""
        self.stack.engine.disconnect(self.id, _container_id(target))

    @contextmanager
    def _claimed(self, definition: ServiceDefinition) -> Iterator[None]:
        with self._lock:
            claims = {**self._kept_aliases(definition), **self._claims}
            for alias in definition.aliases:
                if alias in claims:
                    raise DefinitionError(
                        f"On {self.name} the alias {alias!r} belongs to {claims[alias]} already, and "
                        f"{_described(definition)} wants it too. Remedy: give one of them other aliases=; for a round "
                        "robin on purpose, attach the second one with foodtrucks_net.connect(…, aliases=[…])."
                    )
            self._claims.update(dict.fromkeys(definition.aliases, _described(definition)))
        try:
            yield
        finally:
            with self._lock:
                for alias in definition.aliases:
                    del self._claims[alias]

    def _kept_aliases(self, definition: ServiceDefinition) -> dict[str, str]:
        """Return the aliases of kept services here, but for the definition's own: they run even if no test asks."""
        if self.stack.kept is None:
            return {}
        own = part_name(self.name, definition.alias)
        return {
            alias: f"the service {record['value']['aliases'][0]!r} of the kept stack (`foodtrucks prune` removes it)"
            for record in self.stack.kept.records()
            if record["value"].get("network") == self.name and record["name"] != own
            for alias in record["value"]["aliases"]
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


def _container_id(target: "Service | Container | Probe | str") -> str:
    if isinstance(target, str):
        return target
    return target.id if isinstance(target, Container) else target.container.id


def _described(definition: ServiceDefinition) -> str:
    source = definition.image if definition.build is None else f"built from {definition.build.context}"
    name = f"the service {definition.name!r}" if definition.name else f"a service in {definition.folder}"
    return f"{name} ({source})"
