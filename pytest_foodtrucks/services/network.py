"""A throwaway network: created, filled with services, asked, removed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from pytest_foodtrucks import ready
from pytest_foodtrucks.callers import Place, calling_place, is_function
from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.containers.endpoint_settings import EndpointSettings
from pytest_foodtrucks.containers.keywords import host_names
from pytest_foodtrucks.containers.naming import naming
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.probes.beacons import keep_probes, network_probe, remove_probes, running_probe
from pytest_foodtrucks.stacks import parts
from pytest_foodtrucks.values import Unfit, checked, matching, shown

from .access import tls_name
from .claims import Claim
from .definitions import (
    ServiceDefinition,
    ServiceKeywords,
    check_keywords,
    define,
    errors_at,
    without_iterators,
)
from .job import Job
from .memberships import Memberships, NetworkRef, by_network, fitting
from .network_claims import NetworkClaims, claimed_for_service
from .port_forward import DEFAULT_ALIAS, PortForward, Wanted, forwarded, wanted
from .service import Service
from .service_part import ServicePart
from .starting import running_service

if TYPE_CHECKING:
    from pytest_foodtrucks.containers.endpoint_settings import EndpointKeywords
    from pytest_foodtrucks.probes.probe import Probe
    from pytest_foodtrucks.stacks.stack import Stack

_container_name = matching(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "give a container's name or id")


class Network:
    """A user-defined network that is removed after use.

    No public constructor: the fixture `foodtrucks_net`, and fixtures of the factory `network`, yield one.
    """

    shared = False
    """Whether other xdist workers have it too."""

    def __init__(
        self,
        stack: "Stack",
        name: str,
        driver: str,
        *,
        internal: bool,
        network_id: str = "",
        for_session: bool = True,
    ) -> None:
        self.stack = stack
        self.name = name
        self.driver = driver
        self.internal = internal
        self.id = network_id
        self._for_session = for_session
        self._claims = NetworkClaims(stack, name)
        keep_probes(stack, name)

    def __repr__(self) -> str:
        return f"<Network {self.name}>"

    @property
    def ref(self) -> NetworkRef:
        """What its services know of it."""
        return NetworkRef(self.id, self.name, self.internal, for_session=self._for_session)

    @property
    def subnet(self) -> str:
        """The subnet, such as 172.18.0.0/16; of two that of IPv4."""
        return self._address("Subnet")

    @property
    def gateway(self) -> str:
        """That subnet's gateway; empty on a network without one."""
        return self._address("Gateway")

    def _address(self, key: str) -> str:
        configs = self.stack.engine.inspect_network(self.id)["IPAM"]["Config"] or [{}]
        four = [config for config in configs if ":" not in config.get("Subnet", "")]
        return str((four or configs)[0].get(key, ""))

    @property
    def containers(self) -> list[Container]:
        """The containers that are attached and running, whoever started them."""
        attached = self.stack.engine.inspect_network(self.id).get("Containers") or {}
        return [Container(self.stack.engine, key, about["Name"], self.name) for key, about in attached.items()]

    def service(
        self,
        *,
        networks: "Mapping[Network, EndpointKeywords | None] | Iterable[Network]" = (),
        **keywords: Unpack[ServiceKeywords],
    ) -> AbstractContextManager[Service]:
        """Start a service for the length of a `with` block.

        Takes the keywords of the factory `service`; `aliases` is required, since no fixture's name stands in for it.
        `networks` are `Network` objects: further ones; this one may be among them, where it gives the service a fixed
        address. Relative paths begin at the calling file.
        """
        place = calling_place()
        with errors_at(place):
            settings = checked("networks", networks, partial(by_network, key=_network))
            definition = replace(_defined(keywords, folder=place.file.parent), where=str(place))
        return self._running_at(place, definition, settings)

    @contextmanager
    def _running_at(
        self, place: Place, definition: ServiceDefinition, networks: "Mapping[Network, EndpointSettings]"
    ) -> Iterator[Service]:
        with ExitStack() as undo:
            with errors_at(place):
                service = undo.enter_context(self.running(definition, networks=networks))
            yield service

    @contextmanager
    def running(
        self,
        definition: ServiceDefinition,
        service_type: type[Service] = Service,
        *,
        seed: Callable[[Any], object] | None = None,
        shared: bool = False,
        requires: Sequence[Service | Job] = (),
        networks: "Mapping[Network, EndpointSettings] | None" = None,
    ) -> Iterator[Service]:
        """Start a defined service, wait until it is ready, seed it, yield it and remove it.

        A shared one is one for all xdist workers, and stays until their controller ends, or for the next session;
        `requires` are the services that it was defined with. It is on this network first, and on all `networks`, with
        what it is to have there; this one may be among them. Raises DefinitionError for an alias that a network has
        already, for an address outside of a network, and for a check of a port where there is none.
        """
        if definition.ready is not None:
            ready.refuse_without_ports(definition.ready, definition.spec.tcp_ports)
        everywhere: dict[Network, EndpointSettings] = {self: EndpointSettings(), **(networks if networks else {})}
        added = _further_names(definition)
        given = [
            replace(network.ref, settings=replace(settings, aliases=(*settings.aliases, *added)))
            for network, settings in everywhere.items()
        ]
        refs = fitting(self.stack.engine, given, definition.spec)
        lasts = shared and self.stack.parts_outlive_fixtures
        claims = [network._claims for network in everywhere]  # noqa: SLF001 - of this class
        with claimed_for_service(claims, Memberships(refs, definition.spec.aliases), definition, lasts=lasts):
            if lasts:
                with self._lasting(refs, definition, service_type, seed=seed, requires=requires) as service:
                    yield service
            else:
                with running_service(self.stack, refs, definition, service_type, seed=seed) as service:
                    yield service

    @contextmanager
    def _lasting(
        self,
        refs: Sequence[NetworkRef],
        definition: ServiceDefinition,
        service_type: type[Service],
        *,
        seed: Callable[[Any], object] | None,
        requires: Sequence[Service | Job],
    ) -> Iterator[Service]:
        """Yield a service that outlives its fixture: started here, or taken over."""
        stack = self.stack
        part = ServicePart(
            stack=stack,
            networks=refs,
            definition=definition,
            service_type=service_type,
            seed=seed,
            requires=requires,
        )
        with parts.shared(stack, part) as service, stack.showing(service), closing(service.__foodtrucks__) as inside:
            inside.shared = stack.worker is not None
            inside.hand_over()
            yield service

    def reach_me(
        self, port: int | None = None, *, ports: Mapping[int, int] | None = None, alias: str | None = None
    ) -> AbstractContextManager[PortForward]:
        """Let containers here reach a TCP server that this process runs on its loopback, for the length of a block.

        They reach `port` under the same number, by the name `alias`: "test", and on a network that xdist workers share
        with the worker's id behind it. `ports` maps ports on the network to ports of the test. The block's end closes
        all connections. Raises DefinitionError for what is no port, and for an alias that the network has already;
        ProbeError where no relay starts, and at the end of a block during which it ended.
        """
        place = calling_place()
        own = f"{DEFAULT_ALIAS}-{self.stack.worker}" if self.shared else DEFAULT_ALIAS
        with errors_at(place):
            asked = wanted(port, ports, own if alias is None else alias)
        return self._reached_at(place, asked)

    @contextmanager
    def _reached_at(self, place: Place, asked: Wanted) -> Iterator[PortForward]:
        claim = Claim(
            network=self.name,
            aliases=(asked.alias,),
            who=f"reach_me ({place})",
            worker=self._claims.worker,
            remedy="give reach_me another alias=, or leave the block of the other one before.",
        )
        with ExitStack() as undo:
            with errors_at(place):
                undo.enter_context(self._claims.having(claim, None))
                found = undo.enter_context(forwarded(self.stack, self.name, asked))
            yield found

    def probe(self) -> "AbstractContextManager[Probe]":
        """Start a probe on this network."""
        return running_probe(self.stack, self.name, f"the network {self.name}")

    @property
    def standing_probe(self) -> "Probe":
        """A probe on this network that stays, for questions from the network itself."""
        return network_probe(self.stack, self.name)

    def dismiss(self) -> None:
        """Remove that probe, and what else questions on this network were answered by."""
        remove_probes(self.stack, self.name)

    def connect(self, target: "Service | Container | Probe | str", *, aliases: Sequence[str] = ()) -> None:
        """Attach a container that runs elsewhere; an alias may be one that others here have, for a round robin."""
        with errors_at(calling_place()):
            names = checked("aliases", aliases, host_names)
            container = _id_and_name(target)
        with naming(*container), naming(self.id, self.name):
            self.stack.engine.connect(self.id, container[0], aliases=names)

    def disconnect(self, target: "Service | Container | Probe | str") -> None:
        """Detach a container."""
        with errors_at(calling_place()):
            container = _id_and_name(target)
        with naming(*container), naming(self.id, self.name):
            self.stack.engine.disconnect(self.id, container[0])


def _further_names(definition: ServiceDefinition) -> list[str]:
    """Return the names that a service of TLS needs beside its aliases, to be asked for by them."""
    if definition.security is None or not definition.security.tls:
        return []
    names = map(tls_name, definition.spec.aliases)
    return [name for name in names if name and name not in definition.spec.aliases]


def _defined(keywords: Mapping[str, Any], *, folder: Path) -> ServiceDefinition:
    check_keywords(keywords)
    for keyword, value in keywords.items():
        if is_function(keyword, value):
            raise DefinitionError(
                f"{keyword}= is a function, and only a factory can give it fixtures. Remedy: give the value itself."
            )
    given = without_iterators(keywords)
    if given.get("aliases") is None or checked("aliases", given["aliases"], host_names) == ():
        raise DefinitionError("A service within a test has no name of its own. Remedy: give aliases=['NAME'].")
    return define(given, alias="", folder=folder)


def _network(value: object) -> Network:
    if not isinstance(value, Network):
        raise Unfit(
            "give networks themselves, such as networks=[back_net]; a factory takes their fixtures by name",
            why=f" has {shown(value)}, which is no network",
        )
    return value


def _id_and_name(target: "Service | Container | Probe | str") -> tuple[str, str]:
    """Return what the engine and what people call a container; DefinitionError for what is none."""
    if isinstance(target, str):
        name = checked("container", target, _container_name)
        return name, name
    container = target if isinstance(target, Container) else getattr(target, "container", None)
    if not isinstance(container, Container):
        raise DefinitionError(
            f"{shown(target)} is no container. Remedy: give a service, a probe, a container, or its name as text."
        )
    return container.id, container.name
