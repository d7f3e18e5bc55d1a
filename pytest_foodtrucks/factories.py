"""Fixture factories: network(), service(), elasticsearch_service()."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypedDict, Unpack, get_args

import pytest

from . import es, ready
from .callers import Place, calling_place
from .definitions import SERVICE_KEYWORDS, ServiceDefinition, ServiceKeywords, check_keywords, define, kept
from .errors import DefinitionError
from .es import ElasticsearchService
from .networks import Network, throwaway_network
from .services import Service
from .settings import Settings
from .stack import Stack

Scope = Literal["session", "package", "module", "class", "function"]

SETTINGS: Final = pytest.StashKey[Settings]()
STACK: Final = pytest.StashKey[Stack]()

CONTRACT_ALIASES: Final = {"es_on_net": "es", "web_on_net": "foodtrucks-web"}
"""Fixtures whose service has this alias whatever its definition says, so that an override is found by its name."""

_WIRING: Final = frozenset({"network", "requires", "scope", "shared"})
"""The factories' own keywords."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """What a factory was told: enough to define the service once its fixtures have values.

    The keywords are never shown, for there may be secrets among them.
    """

    keywords: Mapping[str, Any] = field(repr=False)
    network: str
    requires: tuple[str, ...]
    seed: str | None
    service_type: type[Service]
    scope: Scope
    shared: bool
    place: Place

    @property
    def file(self) -> Path:
        """The defining file, where relative paths begin."""
        return self.place.file

    def asked(self) -> list[tuple[str, str]]:
        """Return the names of the fixtures that the service's fixture asks for, each with where it says so."""
        seed = [(self.seed, f"seed={self.seed!r}")] if self.seed is not None else []
        requires = [(name, f"requires={list(self.requires)!r}") for name in self.requires]
        return [(self.network, f"network={self.network!r}"), *requires, *seed, *self._asked_by_values()]

    def parameters(self) -> list[str]:
        """Return the names of the parameters of the service's fixture."""
        return list(dict.fromkeys(["request", *(name for name, _ in self.asked())]))

    def is_known_beforehand(self) -> bool:
        """Tell whether the definition needs no fixture but pytest's own configuration."""
        return self.scope == "session" and {name for name, _ in self._asked_by_values()} <= {"pytestconfig"}

    def _asked_by_values(self) -> list[tuple[str, str]]:
        functions = {name: value for name, value in self.keywords.items() if callable(value) and name != "ready"}
        return [
            (parameter, f"{name}=, a function")
            for name, function in functions.items()
            for parameter in _parameters(function)
        ]

    def aliases(self, fixture: str, worker: str | None, own: Sequence[str] | None) -> Sequence[str]:
        """Return the service's names on the network, given those of its own definition.

        Without any it is the fixture's, with the id of an xdist worker that doesn't share the service.
        """
        contract = CONTRACT_ALIASES.get(fixture)
        if not own:
            alias = contract if contract is not None else fixture
            return (alias,) if worker is None or self.shared else (f"{alias}-{worker}",)
        return own if contract is None or isinstance(own, str) else [*own, contract]

    def define(self, fixture: str, config: pytest.Config, fixtures: Mapping[str, Any]) -> ServiceDefinition:
        """Return the service's definition, given its fixture's name and the values of its parameters."""
        values = {
            name: _called(value, {"pytestconfig": config, **fixtures}) if callable(value) and name != "ready" else value
            for name, value in self.keywords.items()
        }
        (alias,) = self.aliases(fixture, worker_id(config), None)
        values["aliases"] = self.aliases(fixture, worker_id(config), values.get("aliases"))
        if self.service_type is ElasticsearchService:
            return es.definition(config.stash[SETTINGS], values, alias=alias, folder=self.file.parent)
        return define(values, alias=alias, folder=self.file.parent)


def _called(function: Callable[..., Any], fixtures: Mapping[str, Any]) -> Any:
    return function(**{name: fixtures[name] for name in _parameters(function)})


def _parameters(function: Callable[..., Any]) -> list[str]:
    """Return the names of the fixtures that a function asks for; a parameter with a default isn't one, as in pytest."""
    parameters = inspect.signature(function).parameters.values()
    return [parameter.name for parameter in parameters if parameter.default is inspect.Parameter.empty]


class _NoKeywords(TypedDict):
    """What `network` takes beside its parameters: nothing. Who gives more is told what there is."""


def network(
    *, driver: str = "bridge", internal: bool = False, scope: Scope = "session", **keywords: Unpack[_NoKeywords]
) -> Any:
    """Return a fixture that yields a throwaway `Network`.

    `driver` and `internal` are Compose's. Raises DefinitionError for an unknown keyword or scope.
    """
    with _told_together(calling_place()) as attempt:
        attempt(lambda: check_keywords(keywords, {"driver", "internal", "scope"}, of="network"))
        attempt(lambda: _check_scope(scope, shared=None))

    def start(request: pytest.FixtureRequest, foodtrucks_engine: object) -> Iterator[Network]:
        del foodtrucks_engine  # asked for so that the engine is there
        stack = request.config.stash[STACK]
        prepare = services_to_come(request) if scope == "session" else {}
        shared_as = str(request.fixturename) if scope == "session" else None
        with throwaway_network(stack, driver=driver, internal=internal, prepare=prepare, shared_as=shared_as) as net:
            yield net

    start.__doc__ = "A throwaway network."
    return pytest.fixture(scope=scope)(start)


def service(
    *,
    network: str = "foodtrucks_net",
    requires: Iterable[str] = (),
    scope: Scope = "session",
    shared: bool | None = None,
    **keywords: Unpack[ServiceKeywords],
) -> Any:
    """Return a fixture that yields a running `Service`.

    Keywords are Compose's where it has one: `image`, `build`, `command`, `entrypoint`, `environment`, `aliases`
    (default: the fixture's name), `ports` (of the container; each gets a free one of the host), `volumes`, `tmpfs`,
    `mem_limit`, `user`, `cap_add`, `healthcheck`. Ours: `network` and `requires` name fixtures, `timeout` is in
    seconds, `ready` is a check or several (default: the health check if there is one, else tcp on each port, else
    running), `shared` means one for all xdist workers. A value may be a function whose parameters are fixtures.
    Relative paths begin at the defining file.

    Raises DefinitionError, with the file and the line of the call, for what can be seen to be wrong by itself.
    """
    return _fixture(
        keywords,
        own_keywords=_WIRING,
        network=network,
        requires=requires,
        seed=None,
        service_type=Service,
        scope=scope,
        shared=shared,
    )


def elasticsearch_service(
    *,
    version: str | Callable[..., str] | None = None,
    heap: str | Callable[..., str] | None = None,
    seed: str | None = None,
    network: str = "foodtrucks_net",
    requires: Iterable[str] = (),
    scope: Scope = "session",
    shared: bool | None = None,
    **keywords: Unpack[ServiceKeywords],
) -> Any:
    """Return a fixture that yields a running `ElasticsearchService`.

    Takes the keywords of `service`, and `version` (the image's tag), `heap` (such as 512m) and `seed`: the name of a
    fixture that yields a callable; it is called with the service before anyone gets it. `ES_JAVA_OPTS` in
    `environment` is appended to ours. An argument beats an option.
    """
    own = {"version": version, "heap": heap}
    given = {**keywords, **{name: value for name, value in own.items() if value is not None}}
    return _fixture(
        given,
        own_keywords=_WIRING | {"version", "heap", "seed"},
        network=network,
        requires=requires,
        seed=seed,
        service_type=ElasticsearchService,
        scope=scope,
        shared=shared,
    )


def _fixture(
    keywords: Mapping[str, Any],
    *,
    own_keywords: frozenset[str],
    network: str,
    requires: Iterable[str],
    seed: str | None,
    service_type: type[Service],
    scope: Scope,
    shared: bool | None,
) -> Any:
    place = calling_place()
    keywords = kept(keywords)
    requires = requires if isinstance(requires, str) else tuple(requires)
    with _told_together(place) as attempt:
        attempt(lambda: check_keywords(keywords, SERVICE_KEYWORDS | own_keywords))
        attempt(lambda: _check_scope(scope, shared=shared))
        attempt(lambda: _check_names(network, requires, seed))
        attempt(lambda: _check_ready(keywords, () if service_type is Service else es.PORTS))
    shared = scope == "session" if shared is None else shared
    recipe = Recipe(keywords, network, tuple(requires), seed, service_type, scope, shared, place)

    def start(**fixtures: Any) -> Iterator[Service]:
        request: pytest.FixtureRequest = fixtures["request"]
        sow = fixtures[seed] if seed is not None else None
        on: Network = fixtures[network]
        name = str(request.fixturename)
        requires = [value for value in fixtures.values() if isinstance(value, Service)]
        with _told_together(place) as attempt:
            attempt(lambda: _check_seed(seed, sow))
            definition = attempt(lambda: recipe.define(name, request.config, fixtures))
        with on.running(
            definition, service_type, key=(recipe, name), seed=sow, shared=recipe.shared, requires=requires
        ) as running:
            yield running

    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in recipe.parameters()]
    start.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # how pytest learns what to pass
    start.__doc__ = f"A running {service_type.__name__}."
    start.recipe = recipe  # type: ignore[attr-defined] # how services_to_come and messages find it
    return pytest.fixture(scope=scope)(start)


@contextmanager
def _told_together(place: Place) -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """Yield what tries one thing after the other; raise their DefinitionErrors as one, with the place of the call."""
    told: list[str] = []

    def attempt(check: Callable[[], Any]) -> Any:
        try:
            return check()
        except DefinitionError as error:
            told.append(f"{place}: {error.message}")

    yield attempt
    if told:
        raise DefinitionError("\n".join(told))


def _check_scope(scope: object, *, shared: bool | None) -> None:
    if isinstance(scope, str) and scope not in get_args(Scope):
        raise DefinitionError(f"scope={scope!r} is none of pytest's. Remedy: use one of {', '.join(get_args(Scope))}.")
    if shared and scope != "session":
        raise DefinitionError(
            f"shared=True with scope={scope!r}: workers can share only what lasts for the session. "
            "Remedy: leave one of them out."
        )


def _check_names(network: object, requires: Sequence[object], seed: object) -> None:
    if isinstance(requires, str):
        raise DefinitionError(f"requires={requires!r} is a text. Remedy: give a list, such as [{requires!r}].")
    names = [("network", network), *(("requires", name) for name in requires), ("seed", seed)]
    for keyword, name in names:
        if name is not None and not (isinstance(name, str) and name.isidentifier()):
            raise DefinitionError(f"{keyword} has {name!r}, and takes fixtures by name. Remedy: give the name as text.")


def _check_ready(keywords: Mapping[str, Any], default_ports: Sequence[int]) -> None:
    ports = keywords.get("ports")
    ports = default_ports if ports is None else ports
    if keywords.get("ready") is not None and not callable(ports):
        ready.refuse_without_ports(keywords["ready"], ports)


def _check_seed(seed: str | None, sow: object) -> None:
    if seed is not None and not callable(sow):
        raise DefinitionError(
            f"The fixture {seed} gave {sow!r}, and it is to give a function that fills the service. "
            "Remedy: return one, such as `lambda es: es.client.index(…)`."
        )


def services_to_come(request: pytest.FixtureRequest) -> dict[object, ServiceDefinition]:
    """Return the session's services on this fixture's network that can be defined already, by recipe and name."""
    found: dict[object, ServiceDefinition] = {}
    for item in request.session.items:
        for name, function in fixture_functions(item).items():
            recipe = getattr(function, "recipe", None)
            if (recipe, name) in found or not isinstance(recipe, Recipe) or recipe.network != request.fixturename:
                continue
            if recipe.is_known_beforehand():
                with suppress(DefinitionError):  # the service's own fixture says it to the tests that ask for it
                    found[recipe, name] = recipe.define(name, request.config, {})
    return found


def fixture_functions(item: pytest.Item) -> dict[str, Callable[..., Any]]:
    """Return the functions behind the fixtures that a test resolves, directly or by way of others."""
    return {name: functions[-1] for name, functions in fixture_definitions(item).items()}


def fixture_definitions(item: pytest.Item) -> dict[str, list[Callable[..., Any]]]:
    """Return all definitions that a test sees of its fixtures, the nearest last.

    Reads what pytest keeps of the item: there is no public way to ask which definition a test gets.
    """
    info = getattr(item, "_fixtureinfo", None)
    seen = {} if info is None else info.name2fixturedefs
    return {name: [definition.func for definition in definitions] for name, definitions in seen.items() if definitions}


def worker_id(config: pytest.Config) -> str | None:
    """Return the id of the xdist worker that this process is, or None."""
    workerinput = getattr(config, "workerinput", None)
    return None if workerinput is None else str(workerinput["workerid"])
