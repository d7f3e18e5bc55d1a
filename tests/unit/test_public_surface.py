"""The public surface: what others rely on, as `public_surface.txt` has it.

A change of it is a change of that file, seen in review. `python tests/unit/test_public_surface.py` writes it anew.
Where in the package a thing is defined isn't part of it, but for what others name by its path. Definitions are shown as
they are written: annotations are never evaluated, and what Python generates differs from version to version.
"""

import argparse
import ast
import copy
import difflib
import functools
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import Distribution, distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest_foodtrucks
from pytest_foodtrucks import cli
from pytest_foodtrucks.options import OPTIONS, Option
from pytest_foodtrucks.settings import PARSERS

FILE = Path(__file__).with_name("public_surface.txt")
PACKAGE = Path(pytest_foodtrucks.__file__).parent
ALL = pytest_foodtrucks.__all__
BUILT_IN = {"Exception", "AssertionError", "StrEnum"}
"""Bases of public classes that aren't ours, and that others rely on."""
NOT_ASKED = {"__init__", "__init_subclass__", "__repr__", "__post_init__"}
"""Special methods that nobody relies on; the constructors of errors are shown, because people raise them."""
VARIABLE = re.compile(r"(?:DOCKER|ELASTICSEARCH|FOODTRUCKS|PYTEST|TESTCONTAINERS|XDG)_[A-Z_]+")
LABEL = re.compile(r"(\w+_LABEL): Final = '(.*)'")


def surface() -> str:
    """Return what others rely on, a line for each thing."""
    sections = {
        "distribution": packaging(distribution("pytest-foodtrucks")),
        "names of pytest_foodtrucks": names(),
        "functions of pytest_foodtrucks.ready": functions(importlib.import_module("pytest_foodtrucks.ready")),
        "keywords of a service": keywords(),
        "fixtures": fixtures(),
        "options": options(),
        "labels, names and variables": words(),
        "command": command(),
    }
    return "\n".join(f"# {title}\n" + "".join(f"{line}\n" for line in lines) for title, lines in sections.items())


def packaging(ours: Distribution) -> Iterator[str]:
    """Yield the entry points and extras, and whether type checkers read the package."""
    yield from sorted(f"entry point {each.group}: {each.name} = {each.value}" for each in ours.entry_points)
    yield from sorted(f"extra {name}" for name in ours.metadata.get_all("Provides-Extra") or ())
    yield f"typed {(PACKAGE / 'py.typed').exists()}"


# names


def names() -> Iterator[str]:
    """Yield the public names; of a class its own public members too: those of its public bases stand there."""
    for name in ALL:
        thing = getattr(pytest_foodtrucks, name)
        if isinstance(thing, type):
            yield from class_lines(thing)
        elif isinstance(thing, ModuleType):
            yield f"module {name}"
        else:
            yield signature(*definition_of(thing)) if inspect.isfunction(thing) else f"{name}: {type(thing).__name__}"


def class_lines(cls: type) -> Iterator[str]:
    """Yield a class with its bases and decorators, and its members, sorted."""
    bases = [base.__name__ for base in cls.__mro__[1:] if base.__name__ in {*ALL, *BUILT_IN}]
    node, _ = definition_of(cls)
    yield f"{decorators(node)}class {cls.__name__}({', '.join(bases)})"
    lines: dict[str, list[str]] = {}
    for each in reversed([cls, *(base for base in cls.__mro__[1:] if is_hidden(base))]):
        lines.update(own_lines(each))
    yield from (f"    {line}" for _, named_so in sorted(lines.items()) for line in named_so)


def own_lines(cls: type) -> dict[str, list[str]]:
    """Return the lines of what a class itself defines, by name; a property with a setter has two."""
    lines: dict[str, list[str]] = {}
    for line in members(*definition_of(cls)):
        lines.setdefault(re.split(r"\W", line.rpartition("def ")[2])[0], []).append(line)
    constructor = vars(cls).get("__init__")
    if issubclass(cls, Exception) and constructor is not None:
        lines["__init__"] = [signature(*definition_of(constructor))]
    return lines


def is_hidden(base: type) -> bool:
    """Tell whether a base is ours and none of the public names: its members are shown as the class's own."""
    return base.__module__.startswith("pytest_foodtrucks") and base.__name__ not in ALL


def members(cls: ast.AST, namespace: Mapping[str, Any]) -> list[str]:
    """Return the public methods, properties, fields and attributes that a class defines, and no inherited ones."""
    lines = []
    for node in cls.body:  # type: ignore[attr-defined] # a class has one
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name == "__init__":
                lines += attributes(node)
            if is_public(node.name):
                lines.append(signature(node, namespace))
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if is_public(ast.unparse(target)):
                lines.append(written(node, namespace))
    return sorted(lines)


def is_public(name: str) -> bool:
    """Tell whether people may rely on a member of this name."""
    return not name.startswith("_") or (name.endswith("__") and name not in NOT_ASKED and name != "__foodtrucks__")


def attributes(constructor: ast.AST) -> list[str]:
    """Return the public attributes that a constructor sets."""
    found = [node for node in ast.walk(constructor) if isinstance(node, ast.Attribute)]
    return sorted({node.attr for node in found if isinstance(node.ctx, ast.Store) and is_public(node.attr)})


def functions(module: ModuleType) -> list[str]:
    """Return the public functions that a module defines."""
    found = [thing for name, thing in vars(module).items() if inspect.isfunction(thing) and not name.startswith("_")]
    return sorted(signature(*definition_of(thing)) for thing in found if thing.__module__ == module.__name__)


# definitions as they are written


@functools.cache
def tree(file: Path) -> ast.Module:
    """Return a file's text, taken apart."""
    return ast.parse(file.read_text(encoding="utf-8"))


def files() -> list[Path]:
    """Return the package's files, but for those of the app in its image."""
    return sorted(file for file in PACKAGE.rglob("*.py") if "web_image" not in file.parts)


def keywords() -> list[str]:
    """Return the keywords of a service, wherever they are defined."""
    nodes = [node for file in files() for node in tree(file).body if isinstance(node, ast.ClassDef)]
    (cls,) = (node for node in nodes if node.name == "ServiceKeywords")
    return members(cls, {})


def modules() -> list[ModuleType]:
    """Return the package's modules that are imported so far."""
    return [module for name, module in sorted(sys.modules.items()) if name.split(".")[0] == "pytest_foodtrucks"]


def definition_of(thing: type | Callable[..., Any]) -> tuple[ast.AST, Mapping[str, Any]]:
    """Return the definition of a class or function, and the namespace in which its names have their meaning.

    Errors pretend to be defined in `pytest_foodtrucks`, so `inspect.getsource` finds no class of theirs.
    """
    if not isinstance(thing, type):
        function: Any = inspect.unwrap(thing)
        file, line = Path(function.__code__.co_filename), function.__code__.co_firstlineno
        return node_of(file, function.__name__, line), function.__globals__
    for module in modules():
        if vars(module).get(thing.__name__) is thing:
            with suppress(LookupError):
                return node_of(Path(str(module.__file__)), thing.__name__), vars(module)
    raise LookupError(thing)


def node_of(file: Path, name: str, line: int | None = None) -> ast.AST:
    """Return the definition of a name in a file; of a method the line tells which, decorators included."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if line in {None, first}:
                return node
    raise LookupError(name)


def signature(node: ast.AST, namespace: Mapping[str, Any]) -> str:
    """Return a function with its decorators, its parameters, and what it returns."""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returned = "" if node.returns is None else f" -> {written(node.returns, namespace)}"
    return f"{decorators(node)}{word} {node.name}({written(node.args, namespace)}){returned}"


def decorators(node: ast.AST) -> str:
    """Return the decorators: they make a property, a context manager, a frozen dataclass."""
    listed: list[ast.expr] = getattr(node, "decorator_list", [])
    return "".join(f"@{ast.unparse(each)} " for each in listed)


def written(node: ast.AST, namespace: Mapping[str, Any]) -> str:
    """Return a piece of a definition: annotations without quotes, and defaults by value where they have a name."""
    return ast.unparse(_Plain(namespace).visit(copy.deepcopy(node)))


class _Plain(ast.NodeTransformer):
    """Takes annotations out of their quotes, and puts plain values in place of the names of defaults."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        node.defaults = [self._value(each) for each in node.defaults]
        node.kw_defaults = [None if each is None else self._value(each) for each in node.kw_defaults]
        for each in ast.walk(node):
            if isinstance(each, ast.arg) and each.annotation is not None:
                each.annotation = self.visit(each.annotation)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = self.visit(node.annotation)
        node.value = None if node.value is None else self._value(node.value)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        node.value = self._value(node.value)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.parse(node.value, mode="eval").body if isinstance(node.value, str) else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        return node if ast.unparse(node.value).endswith("Literal") else self.generic_visit(node)

    def _value(self, node: ast.expr) -> ast.expr:
        value = self._namespace.get(node.id) if isinstance(node, ast.Name) else None
        return ast.Constant(value) if isinstance(value, bool | int | float | str) else node


# pytest's side


def fixtures() -> Iterator[str]:
    """Yield the fixtures with their scope and what they ask for."""
    plugin = importlib.import_module("pytest_foodtrucks.plugin")
    for name, thing in sorted(vars(plugin).items()):
        marker = getattr(thing, "_fixture_function_marker", None)
        if marker is not None:
            function = thing._get_wrapped_function()  # noqa: SLF001 - there is no public way to what it asks for
            asked = [each for each in inspect.signature(function).parameters if each != "request"]
            shown = name if marker.name is None else marker.name
            scope: Any = marker.scope
            if callable(scope):  # it notes the fixture's name, and returns what the factory was given
                scope = inspect.getclosurevars(scope).nonlocals["scope"]
            yield f"{shown}: scope {scope}, autouse {marker.autouse}, asks for {', '.join(asked) or 'none'}"


class Recorder:
    """Stands in for pytest's parser, and for its group of options: notes what is registered."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def getgroup(self, *_: str) -> "Recorder":
        return self

    def addoption(self, *flags: str, **about: Any) -> None:
        self.lines.append(f"{' '.join(flags)}: {shown_values(about)}")

    def addini(self, name: str, help: str, **about: Any) -> None:  # noqa: A002 - pytest's name
        self.lines.append(f"ini {name}: {shown_values({**about, 'help': help})}")


def options() -> Iterator[str]:
    """Yield what pytest is told of the options; then, for each, variables, default, and what is accepted."""
    recorder = Recorder()
    importlib.import_module("pytest_foodtrucks.plugin").pytest_addoption(recorder)
    yield from sorted(recorder.lines)
    for option in sorted(OPTIONS, key=lambda option: option.variable):
        variables = option.variable if option.also is None else f"{option.variable}, {option.also}"
        yield f"environment {variables}: default {option.default!r}; {accepted(option)}"


def accepted(option: Option) -> str:
    """Return what an option says of an empty value: what would do."""
    try:
        return f"'' is {PARSERS[option.field]('')!r}"
    except ValueError as error:
        return f"else {error}"


def shown_values(about: Mapping[str, Any]) -> str:
    """Return named values, sorted; of functions the names."""
    named_values = {name: getattr(value, "__name__", repr(value)) for name, value in about.items()}
    return ", ".join(f"{name}={value}" for name, value in sorted(named_values.items()))


# the engine, the environment, the command


def words() -> list[str]:
    """Return the labels, the names of what we create, the variables that are read, and the markers."""
    nodes = [node for file in files() for node in ast.walk(tree(file))]
    strings = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assigned = [LABEL.fullmatch(ast.unparse(node)) for node in nodes if isinstance(node, ast.AnnAssign)]
    named_so = {pattern_of(node) for node in nodes if isinstance(node, ast.JoinedStr)}
    return sorted(
        [
            *(f"label {match[1]} {match[2]}" for match in assigned if match is not None),
            *(f"name {name}" for name in named_so if re.match(r"(pytest-)?foodtrucks-[^ ]*$", name)),
            *(f"variable {text}" for text in strings if VARIABLE.fullmatch(text)),
            *(f"marker {text}" for text in markers(nodes)),
        ]
    )


def pattern_of(text: ast.JoinedStr) -> str:
    """Return an f-string with a star for each value."""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in text.values)


def markers(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield what is told to pytest of markers."""
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".addinivalue_line"):
            yield " ".join(str(each.value) for each in node.args[1:] if isinstance(each, ast.Constant))


def command() -> Iterator[str]:
    """Yield the command's sub-commands with their arguments, and what `python -m` runs."""
    (script,) = (each for each in distribution("pytest-foodtrucks").entry_points if each.group == "console_scripts")
    yield f"{script.name} = {script.value}"
    yield from parser_lines(cli.parser_for(cli.SUBCOMMANDS))
    argv = [sys.executable, "-m", "pytest_foodtrucks", "--help"]
    environ = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "NO_COLOR": "1"}
    told = subprocess.run(argv, env=environ, capture_output=True, text=True, check=True).stdout
    yield f"python -m pytest_foodtrucks is {' '.join(told.split()[1:2])}"


def parser_lines(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield a parser's arguments, then its sub-commands."""
    yield f"{parser.prog}: {parser.description}"
    deeper: list[argparse.ArgumentParser] = []
    lines = []
    for action in parser._actions:  # noqa: SLF001 - there is no public way to a parser's arguments
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            deeper += [each for _, each in sorted(action.choices.items())]
        required = action.required and action.nargs != "*"  # Python 3.11 and 3.13 say each its own of the latter
        about = {"help": action.help, "default": action.default, "required": required, "nargs": action.nargs}
        choices = None if action.choices is None else sorted(action.choices)
        name = " ".join(action.option_strings) or action.dest
        lines.append(f"{parser.prog} {name}: {shown_values({**about, 'choices': choices, 'metavar': action.metavar})}")
    yield from sorted(lines)
    for each in deeper:
        yield from parser_lines(each)


def test_the_public_surface_is_as_it_was() -> None:
    before, now = FILE.read_text(encoding="utf-8").splitlines(), surface().splitlines()
    changed = "\n".join(difflib.unified_diff(before, now, FILE.name, "now", lineterm="", n=1))
    remedy = "if that is meant, run python tests/unit/test_public_surface.py, and say why"
    assert not changed, f"The public surface changed.\n{changed}\nRemedy: {remedy}."


if __name__ == "__main__":
    FILE.write_text(surface(), encoding="utf-8")
