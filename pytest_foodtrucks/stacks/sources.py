"""What a function depends on, as far as its code tells: its source text, and the values and functions it uses."""

import ast
import functools
import inspect
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any, Final
from uuid import UUID

from pytest_foodtrucks.callers import written_in

from .sharing import ordered

_VALUES: Final = (
    *(str, bytes, int, float, complex, type(None)),
    *(PurePath, date, time, timedelta, Decimal, UUID, Enum),
)
"""Types of which equal values read alike."""

_INSTALLED: Final = ("site-packages", "dist-packages")
_PYTHONS_OWN: Final = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), str(Path(__file__).parents[1]))


def depends_on(function: Callable[..., Any] | None) -> str:
    """Return what a function's work depends on, as a text that is another one if something of that changed.

    That is its source, and each value, function, class and module of the user's that it names, and theirs in turn.
    """
    return "" if function is None else "\n".join(_dependencies(function, set()))


def _dependencies(function: Callable[..., Any], seen: set[int]) -> Iterator[str]:
    """Yield the source of a function or a class, and of what it uses; `seen` has the ids of those that were told."""
    if isinstance(function, functools.partial):
        values = {**{str(number): value for number, value in enumerate(function.args)}, **function.keywords}
        for name, value in {"": function.func, **values}.items():
            yield from _used(name, value, seen)
        return
    function = inspect.unwrap(function)
    if id(function) in seen:
        return
    seen.add(id(function))
    text = source(function)
    yield text
    names = _names_in(text)
    for name, value in sorted(_visible(function).items(), key=lambda pair: pair[0]):
        if name in names:
            yield from _used(name, value, seen)


def _names_in(text: str) -> set[str]:
    with suppress(SyntaxError, ValueError):
        return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return set()


def _visible(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Return what the names in a function or a class mean: its module's, and those of the functions around it."""
    if isinstance(function, type):
        return vars(sys.modules[function.__module__]) if function.__module__ in sys.modules else {}
    called = _called(function)
    inner = getattr(called, "__func__", called)
    closure = {}
    for name, cell in zip(inner.__code__.co_freevars, inner.__closure__ or (), strict=False) if inner else ():
        with suppress(ValueError):  # not yet set
            closure[name] = cell.cell_contents
    return {**getattr(inner, "__globals__", {}), **closure}


def _used(name: str, value: Any, seen: set[int]) -> Iterator[str]:
    if _is_plain(value):
        yield f"{name} = {ordered(value)!r}"
        if is_users(_file_of(type(value))):
            yield from _dependencies(type(value), seen)
    elif isinstance(value, ModuleType):
        if is_users(getattr(value, "__file__", None)) and id(value) not in seen:
            seen.add(id(value))
            yield f"{name} = {_text_of(Path(str(value.__file__)))}"
    elif isinstance(value, functools.partial) or (callable(value) and is_users(_file_of(value))):
        yield from _dependencies(value, seen)


def _is_plain(value: Any) -> bool:
    """Tell whether a value is made of nothing but such types."""
    if isinstance(value, Mapping):
        return all(map(_is_plain, (*value.keys(), *value.values())))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_plain, value))
    if is_dataclass(value) and not isinstance(value, type):
        return all(map(_is_plain, vars(value).values())) if hasattr(value, "__dict__") else False
    return isinstance(value, _VALUES)


def _file_of(value: Any) -> str | None:
    if isinstance(value, type):
        return getattr(sys.modules.get(value.__module__), "__file__", None)
    called = _called(value)
    return None if called is None else str(written_in(called))


def is_users(file: str | None) -> bool:
    """Tell whether a file is the user's own: no installed package's, nor Python's."""
    if file is None:
        return False
    path = Path(file)
    return {*_INSTALLED}.isdisjoint(path.parts) and not any(map(path.is_relative_to, _PYTHONS_OWN))


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _called(function: Any) -> Any:
    """Return the function with code that is run when something is called; None where there is none."""
    called = function if hasattr(function, "__code__") else getattr(type(function), "__dict__", {}).get("__call__")
    return called if hasattr(called, "__code__") else None


def source(function: Callable[..., Any]) -> str:
    """Return the source text that a function comes from: all of the function or class at its file's top level."""
    called = _called(function)
    if isinstance(function, type):
        return _source_of_class(function)
    if called is None:
        return repr(type(function))
    try:
        text = written_in(called).read_text(encoding="utf-8")
        return next(part for part, lines in _top_level(text) if called.__code__.co_firstlineno in lines)
    except (OSError, SyntaxError, ValueError, StopIteration):  # typed in, or made by a program
        code = called.__code__
        return f"{code.co_code.hex()} {code.co_consts!r} {code.co_names!r}"


def _source_of_class(kind: type) -> str:
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return repr(kind)


def _top_level(text: str) -> Iterator[tuple[str, range]]:
    """Yield the statements of a file with their line numbers, decorators included."""
    lines = text.splitlines()
    for node in ast.parse(text).body:
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
        last = node.end_lineno if node.end_lineno is not None else node.lineno
        yield "\n".join(lines[first - 1 : last]), range(first, last + 1)
