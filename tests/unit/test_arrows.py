"""The arrows of the imports: from room to room down, without circles, and heavy things in few places only."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import pytest_foodtrucks

PACKAGE = Path(pytest_foodtrucks.__file__).parent
FILES = {
    ".".join(file.relative_to(PACKAGE).with_suffix("").parts): file
    for file in PACKAGE.rglob("*.py")
    if "web_image" not in file.parts and file.name != "__init__.py"
}
"""The package's modules, by their names below it: `stacks.stack`, and `errors` at the root."""
MODULES = sorted(FILES)

FLOORS = (
    {"excerpts", "clock"},
    {"errors", "callers", "options"},
    {"values"},
    {"engine"},
    {"settings"},
    {"containers"},
    {"ready", "sessions"},
    {"stacks"},
    {"probes"},
    {"services"},
    {"isolation", "fixtures"},
    {"commands"},
    {"plugin", "cli"},
    {"__main__"},
)
"""Rooms and the root's own modules, from the ground up: each imports what lies deeper, or is in the same room."""

HEAVY = {"docker", "elasticsearch", "elastic_transport", "httpx2", "rich", "tenacity", "requests", "pytest", "_pytest"}


def room(module: str) -> str:
    """Return the room that a module is in; a module at the root is one of its own."""
    return module.partition(".")[0]


@cache
def imports(module: str, *, lazy: bool) -> frozenset[str]:
    """Return what a module imports, our own modules with a dot before; `lazy` also within functions and for types."""
    return frozenset(_imports(ast.parse(FILES[module].read_text()), module, lazy=lazy))


def _imports(node: ast.AST, module: str, *, lazy: bool) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from _named(node, module)
    elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not lazy:
        return
    elif lazy or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        for child in ast.iter_child_nodes(node):
            yield from _imports(child, module, lazy=lazy)


def _named(node: ast.ImportFrom, module: str) -> Iterator[str]:
    here = ["pytest_foodtrucks", *module.split(".")[:-1]]
    path = [*here[: len(here) - node.level + 1], node.module or ""] if node.level else [str(node.module)]
    package, _, name = ".".join(path).rstrip(".").partition(".")
    if package != "pytest_foodtrucks":
        yield package
    elif name in FILES:
        yield f".{name}"
    else:
        yield from (f".{name}.{alias.name}".replace("..", ".") for alias in node.names)


def ours(module: str) -> set[str]:
    """Return our own modules that a module imports, also within functions and for types."""
    return {name[1:] for name in imports(module, lazy=True) if name.startswith(".")} - {"__version__"}


each_module = pytest.mark.parametrize("module", MODULES)


def test_each_room_has_its_floor() -> None:
    assert sorted(each for floor in FLOORS for each in floor) == sorted({room(module) for module in MODULES})


def test_the_root_has_room_for_twelve() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 12


@each_module
def test_a_module_imports_only_modules(module: str) -> None:
    assert ours(module) <= FILES.keys()


@each_module
def test_a_module_imports_only_what_lies_deeper_or_in_its_room(module: str) -> None:
    level = next(number for number, floor in enumerate(FLOORS) if room(module) in floor)
    assert {room(each) for each in ours(module)} - {room(module)} <= set().union(*FLOORS[:level])


def test_no_imports_go_round_in_a_circle() -> None:
    circle = circle_in({module: ours(module) for module in MODULES})
    assert circle is None, " <- ".join(circle)


def test_a_circle_is_seen() -> None:
    assert circle_in({"one": {"two"}, "two": {"three"}, "three": {"one"}}) is not None


def circle_in(graph: Mapping[str, set[str]]) -> list[str] | None:
    """Return the modules of a circle; None where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return None


@each_module
def test_only_the_engines_room_imports_docker(module: str) -> None:
    assert {"docker", "requests"}.isdisjoint(imports(module, lazy=True)) or room(module) == "engine"


@each_module
def test_only_plugin_and_fixtures_import_pytest(module: str) -> None:
    assert {"pytest", "_pytest"}.isdisjoint(imports(module, lazy=True)) or room(module) in {"plugin", "fixtures"}


@each_module
def test_few_modules_import_heavy_things_before_a_function_needs_them(module: str) -> None:
    allowed = {
        "engine.asking": {"docker", "requests"},
        "engine.clients": {"docker", "requests"},
        "engine.discovery": {"docker", "requests"},
        "engine.engine": {"docker"},
        "engine.images": {"docker"},
        "engine.networks": {"docker"},
        "services.http_pool": {"httpx2"},
        "plugin": {"pytest"},
        "fixtures.bodies": {"pytest"},
        "fixtures.examination": {"pytest"},
        "fixtures.folder_options": {"pytest"},
        "fixtures.making": {"pytest"},
        "fixtures.overrides": {"pytest"},
        "fixtures.pristine": {"pytest"},
        "fixtures.report": {"pytest"},
        "fixtures.service_logs": {"pytest"},
        "fixtures.session_fixtures": {"pytest"},
        "fixtures.stack_session": {"pytest"},
        "fixtures.stash": {"pytest"},
    }
    assert HEAVY & imports(module, lazy=False) <= allowed.get(module, set())


def test_the_rooms_themselves_import_nothing() -> None:
    for file in PACKAGE.glob("*/__init__.py"):
        tree = ast.parse(file.read_text())
        assert [type(node) for node in tree.body] == [ast.Expr], file


def test_the_packages_own_module_imports_nothing_before_it_is_asked() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    assert set(_imports(tree, "__init__", lazy=False)) == {"importlib", "typing"}


def test_each_module_has_a_line_on_the_map() -> None:
    """Under its room's heading in CONTRIBUTING.md."""
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    tables = dict(re.findall(r"\n\| (?:at the )?`?(root|[a-z]+/)`? \|[^\n]*\n(.*?)(?=\n\n)", text, re.DOTALL))
    missing = [
        module
        for module in MODULES
        if f"`{module.rpartition('.')[2]}.py`" not in tables["root" if "." not in module else f"{room(module)}/"]
    ]
    assert missing == []
