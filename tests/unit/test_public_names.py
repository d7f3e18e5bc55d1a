"""The public names: what `pytest_foodtrucks` promises, it delivers."""

import ast
import importlib
import types
from pathlib import Path

import pytest

import pytest_foodtrucks
from pytest_foodtrucks import plugin

SOURCE = Path(pytest_foodtrucks.__file__)
ALL = pytest_foodtrucks.__all__

CONTRACT = {
    "network",
    "service",
    "elasticsearch_service",
    "ready",
    "Engine",
    "Network",
    "Service",
    "ElasticsearchService",
    "Container",
    "Probe",
    "Verdict",
    "FoodtrucksError",
    "ProbeError",
}
"""Names that downstream code imports."""


def names_for_type_checkers() -> set[str]:
    """Return what the block under TYPE_CHECKING imports."""
    tree = ast.parse(SOURCE.read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}


@pytest.mark.parametrize("name", ALL)
def test_each_public_name_can_be_imported(name: str) -> None:
    assert getattr(pytest_foodtrucks, name) is not None


def test_the_names_are_the_same_for_type_checkers() -> None:
    assert names_for_type_checkers() == set(ALL)


def test_the_names_are_sorted_and_stand_once() -> None:
    assert sorted(set(ALL)) == ALL


def test_what_the_contract_names_is_public() -> None:
    assert set(ALL) >= CONTRACT


def test_all_errors_are_public() -> None:
    errors = importlib.import_module("pytest_foodtrucks.errors")
    assert {name for name, thing in vars(errors).items() if isinstance(thing, type)} <= set(ALL)


def test_a_name_that_isnt_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="module 'pytest_foodtrucks' has no attribute 'Settings'"):
        pytest_foodtrucks.Settings  # type: ignore[attr-defined]  # noqa: B018 - asking is the point


def test_no_module_has_the_name_of_a_public_function() -> None:
    modules = {path.stem for path in SOURCE.parent.glob("*.py")}
    functions = {name for name in ALL if not isinstance(getattr(pytest_foodtrucks, name), types.ModuleType)}
    assert modules & functions == set()


def test_an_editor_finds_each_fixture_as_a_function_with_a_return_type() -> None:
    """Editors read the plugin's text: Jedi, for one, takes a Generator's type apart, and no Iterator's."""
    nodes = ast.walk(ast.parse(Path(plugin.__file__).read_text()))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    written = {each.name: ast.unparse(each.returns) for each in functions if each.returns is not None}
    fixtures = [name for name, thing in vars(plugin).items() if hasattr(thing, "_fixture_function_marker")]
    assert "es_on_net" in fixtures
    assert [name for name in fixtures if "Iterator" in written.get(name, "Iterator")] == []
