"""The arrows of the imports: down, without cycles, and heavy things in few places only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_foodtrucks

PACKAGE = Path(pytest_foodtrucks.__file__).parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")

LAYERS = (
    {"excerpts", "limits", "urls"},
    {"errors", "units", "callers", "processes", "lease", "watchdog", "subnets", "descriptors", "http_answers", "logs"},
    {"state_folder", "execs", "hostnames", "overrides", "values"},
    {"calls"},
    {"settings", "ready", "endpoints", "patience", "sharing", "verdicts", "moments", "owners"},
    {"definitions"},
    {"runs"},
    {"kept"},
    {"engine", "progress", "report", "removal", "shell"},
    {"discovery", "images", "connections", "watching"},
    {"containers"},
    {"cleaning", "opening", "cli"},
    {"probe", "stack", "faults"},
    {"places", "parts", "claims"},
    {"services", "web"},
    {"lasting"},
    {"networks", "es"},
    {"factories", "subjects"},
    {"inquiry", "mistakes"},
    {"assertions"},
    {"matrix"},
    {"plugin", "__main__"},
)
"""From the ground up: a module imports what lies deeper, and nothing else."""

HEAVY = {"docker", "elasticsearch", "elastic_transport", "httpx2", "rich", "tenacity", "requests", "pytest", "_pytest"}


def imports(module: str, *, lazy: bool) -> Iterator[str]:
    """Yield what a module imports at run time, our own modules with a dot before; `lazy` also within functions."""
    yield from _imports(ast.parse((PACKAGE / f"{module}.py").read_text()), lazy=lazy)


def _imports(node: ast.AST, *, lazy: bool) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module is None:
        yield from (f".{alias.name}" for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield f".{node.module}" if node.level else str(node.module).partition(".")[0]
    elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    elif lazy or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        for child in ast.iter_child_nodes(node):
            yield from _imports(child, lazy=lazy)


def ours(module: str) -> set[str]:
    """Return our own modules that a module imports at run time."""
    return {name[1:] for name in imports(module, lazy=True) if name.startswith(".")}


each_module = pytest.mark.parametrize("module", MODULES)


def test_each_module_has_its_layer() -> None:
    assert sorted(module for layer in LAYERS for module in layer) == MODULES


@each_module
def test_a_module_imports_only_what_lies_deeper(module: str) -> None:
    level = next(number for number, layer in enumerate(LAYERS) if module in layer)
    assert ours(module) <= set().union(*LAYERS[:level])


@each_module
def test_only_engine_and_discovery_import_docker(module: str) -> None:
    assert {"docker", "requests"}.isdisjoint(imports(module, lazy=True)) or module in {"engine", "discovery"}


@each_module
def test_only_plugin_and_factories_import_pytest(module: str) -> None:
    assert {"pytest", "_pytest"}.isdisjoint(imports(module, lazy=True)) or module in {"plugin", "factories"}


@each_module
def test_few_modules_import_heavy_things_before_a_function_needs_them(module: str) -> None:
    allowed = {
        "engine": {"docker", "requests"},
        "discovery": {"docker", "requests"},
        "connections": {"httpx2"},
        "plugin": {"pytest"},
        "factories": {"pytest"},
    }
    assert HEAVY & set(imports(module, lazy=False)) <= allowed.get(module, set())


VALUES = {"errors", "units", "hostnames", "values", "calls", "settings", "ready", "endpoints", "definitions"}
"""Values and their checks."""
TEXTS = {"excerpts", "urls", "logs"}
"""What texts of others are made into before anybody reads them."""


@pytest.mark.parametrize("module", sorted(VALUES))
def test_the_ground_floors_import_nothing_of_the_package_but_each_other(module: str) -> None:
    assert ours(module) <= VALUES | TEXTS


def test_the_packages_own_module_imports_nothing_before_it_is_asked() -> None:
    assert set(imports("__init__", lazy=False)) == {"importlib", "typing"}
