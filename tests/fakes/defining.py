"""A network that starts nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pytest_foodtrucks.containers.endpoint_settings import EndpointSettings
from pytest_foodtrucks.services.definitions import ServiceDefinition
from pytest_foodtrucks.services.service import Service


class Defined:
    """What a `DefiningNetwork` yields for a service: the definition itself."""

    def __init__(self, definition: ServiceDefinition, service_type: type[Service]) -> None:
        self.definition = definition
        self.service_type = service_type
        self.alias = definition.alias
        self.seeded = 0


class DefiningNetwork:
    """A network that starts nothing: what is to run on it is handed out as it was defined."""

    def __init__(self, *, shared: bool = True) -> None:
        self.shared = shared
        self.up: list[str] = []

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
        networks: Mapping[Any, EndpointSettings] | None = None,
    ) -> Iterator[Defined]:
        del key, shared, requires, networks
        self.up.append(definition.alias)
        try:
            defined = Defined(definition, service_type)
            if seed is not None:
                seed(defined)
            yield defined
        finally:
            self.up.remove(definition.alias)
