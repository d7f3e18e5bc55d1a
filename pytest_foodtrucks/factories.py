"""Fixture factories: network(), service(), elasticsearch_service()."""

import inspect
import keyword as syntax
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypedDict, Unpack, get_args

import pytest

from . import es, ready
from .callers import Place, calling_place
from .calls import fixtures_of, function_of_fixtures, only_begins, takes_one
from .definitions import (
    KEYWORDS,
    ServiceDefinition,
    ServiceKeywords,
    check_keywords,
    define,
    host_names,
    is_function,
    told_at,
)
from .errors import DefinitionError
from .es import ElasticsearchService
from .networks import Network, throwaway_network
from .services import Service
from .settings import Settings
from .stack import Stack
from .values import Unfit, checked, entries, is_list, matching, shown, switch, unrolled

Scope = Literal["session", "package", "module", "class", "function"]

SETTINGS: Final = pytest.StashKey[Settings]()
STACK: Final = pytest.StashKey[Stack]()

CONTRACT_ALIASES: Final = {"es_on_net": "es", "web_on_net": "foodtrucks-web"}
"""Fixtures whose service has this alias whatever its definition says, so that an override is found by its name."""


def _by_name(keyword: str) -> Callable[[Any], str]:
    """Return a check of a fixture's name."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or not value.isidentifier() or syntax.iskeyword(value):
            raise DefinitionError(
                f"{keyword} has {shown(value)}, and takes fixtures by name. Remedy: give the name as text."
            )
        return value

    return check


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise Unfit(f"give a list, such as [{shown(value)}]", why=" is a text")
    if not is_list(value):
        raise Unfit("give a list, such as ['es_on_net']", why=" is no list")
    return tuple(map(_by_name("requires"), entries(value)))


def _scope(value: Any) -> Any:
    """Check a scope: one of pytest's, or a function that gives one."""
    function = callable(value) and not isinstance(value, type)
    if not function and not (isinstance(value, str) and value in get_args(Scope)):
        raise Unfit(f"use one of {', '.join(get_args(Scope))}", why=" is none of pytest's")
    return value


_WIRING: Final[Mapping[str, Callable[[Any], Any]]] = {
    "network": _by_name("network"),
    "requires": _names,
    "seed": _by_name("seed"),
    "scope": _scope,
    "shared": switch,
}
"""What is checked of the factories' own keywords."""

_NETWORK: Final[Mapping[str, Callable[[Any], Any]]] = {
    "driver": matching(
        r"(?!(?:host|none|null)$)[A-Za-z0-9][A-Za-z0-9_.:/-]*", "give a driver that makes networks, such as 'bridge'"
    ),
    "internal": switch,
    "scope": _scope,
}
"""What is checked of the keywords of a network."""


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
    apart: bool
    """Whether it was told not to be shared."""

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
        functions = {name: value for name, value in self.keywords.items() if is_function(name, value)}
        return [
            (parameter, f"{name}=, a function")
            for name, function in functions.items()
            for parameter in fixtures_of(function)
        ]

    def aliases(self, fixture: str, worker: str | None, own: Sequence[str] | None) -> Sequence[str]:
        """Return the service's names on the network, given those of its own definition.

        Without any it is the fixture's, with the id of an xdist worker that doesn't share the service.
        """
        contract = CONTRACT_ALIASES.get(fixture)
        if not own:
            alias = contract if contract is not None else fixture
            return (alias,) if worker is None or self.shared else (f"{alias}-{worker}",)
        return own if contract is None else [*own, contract]

    def define(self, fixture: str, config: pytest.Config, fixtures: Mapping[str, Any]) -> ServiceDefinition:
        """Return the service's definition, given its fixture's name and the values of its parameters."""
        values = {
            name: _called(value, {"pytestconfig": config, **fixtures}) if is_function(name, value) else value
            for name, value in self.keywords.items()
        }
        if values.get("aliases") is not None:
            values["aliases"] = checked("aliases", values["aliases"], host_names)
        (alias,) = self.aliases(fixture, worker_id(config), None)
        values["aliases"] = self.aliases(fixture, worker_id(config), values.get("aliases"))
        if self.service_type is ElasticsearchService:
            return es.definition(config.stash[SETTINGS], values, alias=alias, folder=self.file.parent)
        return define(values, alias=alias, folder=self.file.parent)


def _called(function: Callable[..., Any], fixtures: Mapping[str, Any]) -> Any:
    value = function(**{name: fixtures[name] for name in fixtures_of(function)})
    if inspect.iscoroutine(value):
        value.close()  # it is refused as a value, and Python needn't tell of it too
    return value


class _NoKeywords(TypedDict):
    """What `network` takes beside its parameters: nothing. Who gives more is told what there is."""


def network(
    *, driver: str = "bridge", internal: bool = False, scope: Scope = "session", **keywords: Unpack[_NoKeywords]
) -> Any:
    """Return a fixture that yields a throwaway `Network`.

    `driver` and `internal` are Compose's. Raises DefinitionError for an unknown keyword or scope.
    """
    place = calling_place()
    with _told_together(place) as attempt:
        attempt(lambda: check_keywords(keywords, _NETWORK, of="network"))
        for name, value in {"driver": driver, "internal": internal, "scope": scope}.items():
            attempt(partial(checked, name, value, _NETWORK[name]))

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
        service_type=Service,
        network=network,
        requires=requires,
        seed=None,
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
        service_type=ElasticsearchService,
        network=network,
        requires=requires,
        seed=seed,
        scope=scope,
        shared=shared,
    )


def _fixture(
    keywords: Mapping[str, Any],
    *,
    service_type: type[Service],
    network: str,
    requires: Iterable[str],
    seed: str | None,
    scope: Scope,
    shared: bool | None,
) -> Any:
    place = calling_place()
    wiring = {"network": network, "requires": requires, "seed": seed, "scope": scope, "shared": shared}
    recipe = _recipe(keywords, wiring, service_type, place)

    def start(**fixtures: Any) -> Iterator[Service]:
        request: pytest.FixtureRequest = fixtures["request"]
        name = str(request.fixturename)
        sow = fixtures[recipe.seed] if recipe.seed is not None else None
        on: Network = fixtures[recipe.network]
        requires = [value for value in fixtures.values() if isinstance(value, Service)]
        with _told_together(place) as attempt:
            attempt(lambda: _refuse_other_kind(name, recipe))
            attempt(lambda: _refuse_no_network(recipe.network, on))
            attempt(lambda: _check_seed(recipe.seed, sow))
            definition = attempt(lambda: recipe.define(name, request.config, fixtures))
        with ExitStack() as undo:
            with told_at(place):
                running = on.running(
                    definition, service_type, key=(recipe, name), seed=sow, shared=recipe.shared, requires=requires
                )
                service = undo.enter_context(running)
            yield service

    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in recipe.parameters()]
    start.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # how pytest learns what to pass
    start.__doc__ = f"A running {service_type.__name__}."
    start.recipe = recipe  # type: ignore[attr-defined] # how services_to_come and messages find it
    return pytest.fixture(scope=recipe.scope)(start)


def _recipe(
    keywords: Mapping[str, Any], wiring: Mapping[str, Any], service_type: type[Service], place: Place
) -> Recipe:
    """Return what a factory was told; DefinitionError, with the place, for what can be seen to be wrong by itself."""
    own = es.KEYWORDS if service_type is ElasticsearchService else {}
    table = {**KEYWORDS, **own}
    given = {name: value for name, value in keywords.items() if name in table and value is not None}
    wired = {name: value for name, value in wiring.items() if value is not None or name in {"network", "scope"}}
    with _told_together(place) as attempt:
        attempt(lambda: check_keywords(keywords, {*table, *_WIRING} - (set() if own else {"seed"})))
        plain = {name: attempt(partial(checked, name, value, _WIRING[name])) for name, value in wired.items()}
        attempt(lambda: _refuse_sharing(plain["scope"], shared=wiring["shared"]))
        values = {name: attempt(partial(_examined, name, value, table[name])) for name, value in given.items()}
    with told_at(place):
        _refuse_no_source(values, service_type)
        _refuse_without_ports(values, es.PORTS if own else ())
    return Recipe(
        values,
        plain["network"],
        plain.get("requires", ()),
        plain.get("seed"),
        service_type,
        plain["scope"],
        plain.get("shared", plain["scope"] == "session"),
        place,
        apart=wiring["shared"] is False,
    )


def _examined(name: str, value: Any, check: Callable[[Any], Any]) -> Any:
    """Return a keyword's value as it was given, if its check has nothing against it."""
    if is_function(name, value):
        return checked(name, value, function_of_fixtures)
    value = checked(name, value, unrolled)
    checked(name, value, check)
    return value


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


def _refuse_sharing(scope: object, *, shared: object) -> None:
    if shared is True and scope is not None and not (isinstance(scope, str) and scope == "session"):
        raise DefinitionError(
            f"shared=True with scope={shown(scope)}: workers can share only what lasts for the session. "
            "Remedy: leave one of them out."
        )


def _refuse_no_source(values: Mapping[str, Any], service_type: type[Service]) -> None:
    sources = [values[name] for name in ("image", "build") if name in values]
    if (not sources and service_type is Service) or (len(sources) > 1 and not any(map(callable, sources))):
        raise DefinitionError(
            f"A service takes one of image= and build=, and this one has {'both' if sources else 'neither'}. "
            "Remedy: give one."
        )


def _refuse_without_ports(values: Mapping[str, Any], default_ports: Sequence[int]) -> None:
    ports = values.get("ports", default_ports)
    if "ready" in values and not callable(ports):
        ready.refuse_without_ports(values["ready"], ports)


def _refuse_no_network(name: str, value: object) -> None:
    if not callable(getattr(value, "running", None)):
        raise DefinitionError(
            f"The fixture {name} gave {shown(value)}, and it is to give a network. Remedy: name a fixture of network()."
        )


def other_kind(name: str, recipe: Recipe) -> str | None:
    """Return what is wrong with a service under one of the contract's names that is of another kind; else None."""
    if name == "es_on_net" and recipe.service_type is not ElasticsearchService:
        return (
            "es_on_net is to be an Elasticsearch: of another service es_seed would never be called, and es_client "
            "would be an HTTP client. Remedy: use elasticsearch_service(), or another name."
        )
    if name == "web_on_net" and recipe.service_type is ElasticsearchService:
        return (
            "web_on_net is to be an app: as an Elasticsearch it would make web_client a client of that. Remedy: use "
            "service(), or another name."
        )
    return None


def _refuse_other_kind(name: str, recipe: Recipe) -> None:
    told = other_kind(name, recipe)
    if told is not None:
        raise DefinitionError(told)


def _check_seed(seed: str | None, sow: Any) -> None:
    if seed is None:
        return
    if not callable(sow) or not takes_one(sow):
        raise DefinitionError(
            f"The fixture {seed} gave {shown(sow)}, and it is to give a function that fills the service. "
            "Remedy: return one, such as `lambda es: es.client.index(…)`."
        )
    if only_begins(sow):
        raise DefinitionError(
            f"The fixture {seed} gave {shown(sow)}, which is asynchronous, or a generator: called, it would only "
            "begin. Remedy: return a plain function that does all, with asyncio.run(…) if need be."
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
                with suppress(Exception):  # whatever a value's function raises: the service's tests hear it
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
