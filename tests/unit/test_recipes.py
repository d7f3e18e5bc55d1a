"""What a factory was called with: the ready-made fixtures' recipes are those that the factories would make."""

import inspect
from pathlib import Path
from typing import Any

import pytest

import pytest_foodtrucks
from pytest_foodtrucks import plugin
from pytest_foodtrucks.callers import Place
from pytest_foodtrucks.fixtures.known import network_keywords_of, recipe_of
from pytest_foodtrucks.fixtures.recipes import Recipe

pytestmark = pytest.mark.usefixtures("factories_anywhere")

HERE = Place(Path(__file__), 1)


def recipe(fixture: Any) -> Recipe:
    """Return the recipe of a fixture."""
    found = recipe_of(inspect.unwrap(fixture))
    assert found is not None
    return found


def without_place(recipe: Recipe) -> dict[str, object]:
    """Return what a recipe has, but for the line of the call."""
    return {name: value for name, value in vars(recipe).items() if name != "place"}


def test_es_on_net_is_what_the_factory_would_make() -> None:
    made = pytest_foodtrucks.elasticsearch_service(seed="es_seed")
    assert without_place(recipe(plugin.es_on_net)) == without_place(recipe(made))


def test_web_on_net_is_what_the_factory_would_make() -> None:
    ready_made = recipe(plugin.web_on_net)
    made = pytest_foodtrucks.service(requires=["es_on_net"], **ready_made.keywords)
    assert without_place(ready_made) == without_place(recipe(made))


def test_foodtrucks_net_is_a_network_that_asks_for_what_the_factorys_ask_for() -> None:
    ready_made, made = (inspect.unwrap(each) for each in (plugin.foodtrucks_net, pytest_foodtrucks.network()))
    assert network_keywords_of(ready_made) == {}
    assert recipe_of(ready_made) is None
    assert set(inspect.signature(ready_made).parameters) == set(inspect.signature(made).parameters)


@pytest.mark.parametrize("name", ["es_on_net", "web_on_net"])
def test_a_ready_made_service_asks_for_what_its_recipe_says(name: str) -> None:
    fixture = getattr(plugin, name)
    asked = recipe(fixture).signature(name).parameters
    assert set(inspect.signature(inspect.unwrap(fixture)).parameters) == set(asked)


def test_the_keywords_are_never_shown() -> None:
    assert "secret" not in repr(Recipe(place=HERE, keywords={"environment": {"PASSWORD": "secret"}}))


def test_other_functions_have_no_recipe() -> None:
    def with_another() -> None:
        """Stand for somebody else's function."""

    with_another.recipe = "flour"  # type: ignore[attr-defined] # as others may do
    assert recipe_of(with_another) is None


@pytest.mark.parametrize(
    ("keyword", "value", "asked"),
    [
        ("image", lambda pytestconfig: pytestconfig, ("pytestconfig", "image=, a function")),
        ("environment", lambda es_on_net, plain=None: (es_on_net, plain), ("es_on_net", "environment=, a function")),
    ],
)
def test_a_fixture_asks_for_what_its_values_ask_for(keyword: str, value: object, asked: tuple[str, str]) -> None:
    recipe = Recipe(place=HERE, keywords={keyword: value}, requires=("cache",), seed="rows")
    assert recipe.asked("app") == [
        ("foodtrucks_net", "network='foodtrucks_net'"),
        ("cache", "requires=['cache']"),
        ("rows", "seed='rows'"),
        asked,
    ]
    assert list(recipe.signature("app").parameters) == ["request", "foodtrucks_net", "cache", "rows", asked[0]]


def test_a_readiness_check_is_no_function_of_fixtures() -> None:
    recipe = Recipe(place=HERE, keywords={"ready": lambda service: service})
    assert list(recipe.signature("app").parameters) == ["request", "foodtrucks_net"]
