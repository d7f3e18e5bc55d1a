"""The public surface: what others rely on, as `public_surface.txt` has it.

A change of it is a change of that file, seen in review. `python tests/unit/test_public_surface.py` writes it anew.
"""

import ast
import difflib
import functools
import importlib
import inspect
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest_foodtrucks
from pytest_foodtrucks.settings import OPTIONS

FILE = Path(__file__).with_name("public_surface.txt")
PACKAGE = Path(pytest_foodtrucks.__file__).parent
ALL = pytest_foodtrucks.__all__
BUILT_IN = {"Exception", "AssertionError", "StrEnum"}
"""Bases of public classes that aren't ours, and that others rely on."""


def surface() -> str:
    """Return what others rely on, a line for each thing."""
    sections = {
        "names of pytest_foodtrucks": names(),
        "readiness checks": functions(importlib.import_module("pytest_foodtrucks.ready")),
        "keywords of a service": keywords(),
        "fixtures": fixtures(),
        "options": options(),
        "labels, environment and folders": words(),
        "command": command(),
    }
    return "\n".join(f"# {title}\n" + "".join(f"{line}\n" for line in lines) for title, lines in sections.items())


def names() -> Iterator[str]:
    """Yield the public names; of a class its public members too."""
    for name in ALL:
        thing = getattr(pytest_foodtrucks, name)
        if isinstance(thing, type):
            bases = [base.__name__ for base in thing.__mro__[1:] if base.__name__ in {*ALL, *BUILT_IN}]
            yield f"class {name}({', '.join(bases)})"
            yield from (f"    {member}" for member in sorted(set(members(thing))))
        elif isinstance(thing, ModuleType):
            yield f"module {name}"
        else:
            yield f"{name}{signature(thing)}"


def members(cls: type) -> Iterator[str]:
    """Yield the public members of a class and of those of ours that it is one of."""
    for base in cls.__mro__:
        if not base.__module__.startswith("pytest_foodtrucks"):
            continue
        for name, thing in vars(base).items():
            if not name.startswith("_"):
                yield member(name, thing)
        yield from set(attributes(base))


def member(name: str, thing: Any) -> str:
    """Return the line of one member."""
    if isinstance(thing, property | functools.cached_property):
        getter: Any = thing.fget if isinstance(thing, property) else thing.func
        return f"{name}{returned(definition_of(getter))}"
    if isinstance(thing, classmethod | staticmethod):
        return f"{name}{signature(thing.__func__)}"
    return f"{name}{signature(thing)}" if callable(thing) else f"{name} = {thing!r}"


def attributes(cls: type) -> Iterator[str]:
    """Yield what a class annotates, and what its constructor sets."""
    for name, annotation in inspect.get_annotations(cls).items():
        if not name.startswith("_") and name not in vars(cls):
            written = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", annotation)
            yield f"{name}: {written}"
    constructor = vars(cls).get("__init__")
    if constructor is not None and hasattr(constructor, "__code__") and constructor.__code__.co_filename != "<string>":
        for node in ast.walk(definition_of(constructor)):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and not node.attr.startswith("_"):
                yield node.attr


def functions(module: ModuleType) -> Iterator[str]:
    """Yield the public functions that a module defines."""
    for name, thing in vars(module).items():
        if inspect.isfunction(thing) and thing.__module__ == module.__name__ and not name.startswith("_"):
            yield f"{name}{signature(thing)}"


def definition_of(function: Callable[..., Any]) -> ast.FunctionDef:
    """Return a function's definition, as it is written."""
    node = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function)))).body[0]
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return node  # type: ignore[return-value] # an asynchronous one has the same parts


def signature(function: Callable[..., Any]) -> str:
    """Return a function's parameters and what it returns; annotations without the quotes around them."""
    node = definition_of(function)
    return f"({unquoted(ast.unparse(node.args))}){returned(node)}"


def returned(node: ast.FunctionDef) -> str:
    """Return the annotation of what a function returns."""
    return "" if node.returns is None else f" -> {unquoted(ast.unparse(node.returns))}"


def unquoted(text: str) -> str:
    """Return annotations without the quotes around some of them."""
    return re.sub(r"(: |\A|\[|, )'([^']*)'(?=[,\])]|\Z| =|=)", r"\1\2", text)


def keywords() -> Iterator[str]:
    """Yield the keywords of a service, with the types of their values as written."""
    written = inspect.getsource(importlib.import_module("pytest_foodtrucks.services.definitions").ServiceKeywords)
    (cls,) = ast.parse(written).body
    yield from sorted(ast.unparse(node) for node in ast.walk(cls) if isinstance(node, ast.AnnAssign))


def fixtures() -> Iterator[str]:
    """Yield the fixtures with their scope and what they ask for."""
    plugin = importlib.import_module("pytest_foodtrucks.plugin")
    for name, thing in sorted(vars(plugin).items()):
        marker = getattr(thing, "_fixture_function_marker", None)
        if marker is not None:
            function = thing._get_wrapped_function()  # noqa: SLF001 - there is no public way to what it asks for
            asked = [each for each in inspect.signature(function).parameters if each != "request"]
            recipe = getattr(function, "recipe", None)  # whose scope goes by the fixture's name too
            scope = marker.scope if recipe is None else recipe.scope
            yield f"{name}: scope {scope}{', autouse' if marker.autouse else ''}, asks for {', '.join(asked)}"


def options() -> Iterator[str]:
    """Yield the options: their names in all places, default and help."""
    for option in OPTIONS:
        flags = f"{option.flag} {option.off_flag}" if option.switch else option.flag
        variables = option.variable if option.also is None else f"{option.variable} or {option.also}"
        yield f"{flags}, ini {option.ini}, environment {variables}: default {option.default!r}; {option.help}"


def words() -> Iterator[str]:
    """Yield the names that are on the engine, in the environment and on the disk."""
    text = "\n".join(file.read_text() for file in PACKAGE.rglob("*.py") if "web_image" not in file.parts)
    yield from sorted(set(re.findall(r'"(pytest-foodtrucks(?:\.[a-z]+)?)"', text)))
    yield from sorted(set(re.findall(r'"((?:FOODTRUCKS|TESTCONTAINERS)_[A-Z_]+)"', text)))


def command() -> Iterator[str]:
    """Yield the command's sub-commands and their flags."""
    yield f"foodtrucks {' '.join(sorted(set(re.findall(r'{([a-z,]+)}', helped())))).replace(',', ' ')}"
    yield f"foodtrucks prune {' '.join(sorted(set(re.findall(r'--[a-z-]+', helped('prune')))))}"


def helped(*arguments: str) -> str:
    """Return what the command says of itself."""
    argv = [sys.executable, "-m", "pytest_foodtrucks", *arguments, "--help"]
    environ = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    return subprocess.run(argv, env=environ, capture_output=True, text=True, check=True).stdout


def test_the_public_surface_is_as_it_was() -> None:
    before, now = FILE.read_text().splitlines(), surface().splitlines()
    changed = "\n".join(difflib.unified_diff(before, now, "public_surface.txt", "now", lineterm="", n=1))
    assert not changed, f"{changed}\nRemedy: if that is meant, run python {Path(__file__).name}, and say why."


if __name__ == "__main__":
    FILE.write_text(surface())
