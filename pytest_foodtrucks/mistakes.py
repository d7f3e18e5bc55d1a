"""Mistakes in factories that show once tests are collected: told before anything starts."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from .callers import Place, written_in
from .factories import CONTRACT_ALIASES, Recipe, Scope, other_kind
from .hostnames import same_name

if TYPE_CHECKING:
    import pytest

_MAY_NOT_RUN: Final = ("skip", "skipif", "xfail")
"""Markers of tests that prove nothing: they may never run, or fail on purpose."""

_WIDEST_FIRST: Final = get_args(Scope)


@dataclass(frozen=True, order=True)
class _Mistake:
    """What is wrong, and the factory's call where it is."""

    place: Place
    text: str


@dataclass(frozen=True, eq=False)
class _Service:
    """A factory's service as one test gets it: `definition` is pytest's, `layer` its number among the overrides."""

    name: str
    recipe: Recipe
    definition: "pytest.FixtureDef[Any]"
    layer: int

    def mistake(self, text: str) -> _Mistake:
        return _Mistake(self.recipe.place, text)


def told_by_file(items: "Iterable[pytest.Item]", worker: str | None, root: Path) -> Iterator[tuple[str, str]]:
    """Yield what is certain to fail one of these tests: for each file its name below `root`, and all its mistakes.

    `worker` is the xdist worker's id, or None. Names that are asked for dynamically, values that are functions, and
    tests that may be skipped prove nothing: what is wrong with them is told when they run.
    """
    for file, mistakes in groupby(_mistakes(items, worker), lambda mistake: mistake.place.file):
        below = file.relative_to(root) if file.is_relative_to(root) else file
        yield below.as_posix(), "\n".join(f"{mistake.place}: {mistake.text}" for mistake in mistakes)


def _mistakes(items: "Iterable[pytest.Item]", worker: str | None) -> "list[_Mistake]":
    """Return the mistakes, each once, in the order of their places."""
    certain = [item for item in items if not any(item.get_closest_marker(name) for name in _MAY_NOT_RUN)]
    views = [_View(item) for item in certain]
    names = {name for view in views for name in view.definitions}
    found: set[_Mistake] = set()
    lasting = _Claims(worker)
    for view in views:
        together = _Claims(worker)
        for service in view.services():
            found.update(
                _in_its_name(service, worker), _in_what_it_asks(service, view, names), together.clashes(service, view)
            )
            if worker is not None:
                found.update(_in_what_workers_have(service, view))
            if service.definition.scope == "session" and not view.varies(service.name):
                found.update(lasting.clashes(service, view))
    return sorted(found)


def _in_its_name(service: _Service, worker: str | None) -> Iterator[_Mistake]:
    told = other_kind(service.name, service.recipe)
    if told is not None:
        yield service.mistake(told)
    if worker is not None and service.name in CONTRACT_ALIASES and not service.recipe.shared:
        alias = CONTRACT_ALIASES[service.name]
        yield service.mistake(
            f"Under xdist each worker would have a {service.name} of its own, and on one network only one container "
            f"can be {alias!r}. Remedy: leave shared= and scope= out, define it under another name, or run without -n."
        )


def _in_what_workers_have(service: _Service, view: "_View") -> Iterator[_Mistake]:
    """Yield what fails, or gives a wrong answer, only where several workers have the service."""
    network = view.resolved(service.recipe.network, by=service)
    on_shared = network is not None and network.scope == "session"
    aliases = service.recipe.keywords.get("aliases")
    if service.recipe.apart and aliases and on_shared and service.name not in CONTRACT_ALIASES:
        yield service.mistake(
            f"Under xdist each worker would have a {service.name} of its own, and on one network its aliases= can "
            "belong to only one container. Remedy: leave aliases= out, and it gets the worker's id behind its name; or "
            "leave shared= out, and all workers have one."
        )
    own = view.unshared_beneath(service) if service.recipe.shared else None
    if own is not None:
        yield service.mistake(
            f"The service {service.name} is one for all xdist workers, and it asks for {own}, which each worker has "
            f"for itself: whether that is the right one depends on the worker. Remedy: give {service.name} "
            f"shared=False, or let {own} be shared."
        )


def _in_what_it_asks(service: _Service, view: "_View", names: AbstractSet[str]) -> Iterator[_Mistake]:
    for name, said in service.recipe.asked():
        asked = view.resolved(name, by=service)
        if asked is not None and _WIDEST_FIRST.index(asked.scope) > _WIDEST_FIRST.index(service.definition.scope):
            yield _narrower(service, name, said, asked)
        elif asked is None and name != "request" and view.sees_all(service):
            near = difflib.get_close_matches(name, names - {name}, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            yield service.mistake(
                f"The service {service.name} asks for {name!r} by {said}, and its tests see no such fixture{hint} "
                "Remedy: mend the name, or define the fixture in the same file or in a conftest.py above."
            )


def _narrower(service: _Service, name: str, said: str, asked: "pytest.FixtureDef[Any]") -> _Mistake:
    text = (
        f"The service {service.name} asks for {name!r} by {said}, which has the narrower scope {asked.scope!r}: the "
        f"service's is {service.definition.scope!r}. Remedy: give {name} scope={service.definition.scope!r}"
    )
    if service.recipe.place.is_ready_made():
        return _Mistake(_place(asked.func, unknown=service.recipe.place), f"{text}.")
    return service.mistake(f"{text}, or the service scope={asked.scope!r}.")


def _place(function: Callable[..., Any], *, unknown: Place) -> Place:
    recipe, code = getattr(function, "recipe", None), getattr(function, "__code__", None)
    if isinstance(recipe, Recipe):
        return recipe.place
    return unknown if code is None else Place(written_in(function), code.co_firstlineno)


class _Claims:
    """Who has an alias on a network."""

    def __init__(self, worker: str | None) -> None:
        self._worker = worker
        self._claims: dict[tuple[str, Callable[..., Any], str], _Service] = {}

    def clashes(self, service: _Service, view: "_View") -> Iterator[_Mistake]:
        """Note a service's aliases; yield those that another fixture's service has on the same network."""
        own = service.recipe.keywords.get("aliases")
        network = view.resolved(service.recipe.network, by=service)
        if network is None or callable(own):
            return
        for alias in service.recipe.aliases(service.name, self._worker, own):
            other = self._claims.setdefault((service.recipe.network, network.func, same_name(alias)), service)
            if other.name != service.name:
                first, second = sorted((other, service), key=_blame)
                yield _clash(first, second, alias)


def _blame(service: _Service) -> tuple[bool, Place]:
    """Order services so that of two the user's own comes last, else the one that is written later."""
    return not service.recipe.place.is_ready_made(), service.recipe.place


def _clash(first: _Service, second: _Service, alias: str) -> _Mistake:
    network = second.recipe.network
    return second.mistake(
        f"On {network} the alias {alias!r} would belong to two services: {second.name}, and {first.name} "
        f"({first.recipe.place}). Remedy: give one of them other aliases=; for a round robin on purpose, attach the "
        f"second one with {network}.connect(…, aliases=[…])."
    )


class _View:
    """What one test sees of the fixtures.

    Reads what pytest keeps of the item, as `factories.fixture_definitions` does.
    """

    def __init__(self, item: "pytest.Item") -> None:
        info = getattr(item, "_fixtureinfo", None)
        self._closure: Sequence[str] = () if info is None else info.names_closure
        self.definitions = {} if info is None else info.name2fixturedefs
        self._parametrized = frozenset(getattr(getattr(item, "callspec", None), "params", ()))

    def services(self) -> Iterator[_Service]:
        """Yield the factories' services that are set up for the test."""
        for name in self._closure:
            for layer, definition in self._layers(name):
                recipe = getattr(definition.func, "recipe", None)
                if isinstance(recipe, Recipe):
                    yield _Service(name, recipe, definition, layer)

    def _layers(self, name: str) -> "Iterator[tuple[int, pytest.FixtureDef[Any]]]":
        """Yield the nearest definition and those that it extends, by asking for its own name."""
        definitions = self.definitions.get(name, ())
        for layer in reversed(range(len(definitions))):
            yield layer, definitions[layer]
            if name not in definitions[layer].argnames:
                break

    def resolved(self, name: str, *, by: _Service) -> "pytest.FixtureDef[Any] | None":
        """Return the definition that a service gets for a name: of its own name, the one that it overrides."""
        definitions = self.definitions.get(name, ())
        if name == by.name:
            definitions = definitions[: by.layer]
        return definitions[-1] if definitions else None

    def sees_all(self, service: _Service) -> bool:
        """Tell whether all that a service asks for is here; older pytests leave out what an overridden one asks for."""
        return service.layer == len(self.definitions[service.name]) - 1

    def unshared_beneath(self, service: _Service) -> str | None:
        """Return a service that each worker has for itself, and that this one asks for, if only by way of others."""
        waiting, seen = [name for name, _ in service.recipe.asked()], {service.name}
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            for _, definition in self._layers(name):
                recipe = getattr(definition.func, "recipe", None)
                if isinstance(recipe, Recipe) and not recipe.shared and definition.scope == "session":
                    return name
                waiting.extend(definition.argnames)
        return None

    def varies(self, name: str) -> bool:
        """Tell whether a fixture depends on a parametrized one: it may end before the session does."""
        waiting, seen = [name], set()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting.extend(asked for _, definition in self._layers(name) for asked in definition.argnames)
        return not self._parametrized.isdisjoint(seen)
