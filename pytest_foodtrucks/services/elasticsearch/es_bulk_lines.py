"""Lines of a file as actions of the bulk API: documents, or action lines with their documents."""

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from pytest_foodtrucks.callers import Place
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.values import shown

from .es_seed_files import unreadable

_OPERATIONS: Final = frozenset({"index", "create", "update", "delete"})


class Line(NamedTuple):
    """A line that isn't empty: its number, its text, what it says, and how many bytes the file has up to its end."""

    number: int
    text: str
    value: Mapping[str, Any]
    end: int


class Action(NamedTuple):
    """One action: where it begins in its file, its operation, what that is about, its document if it has one."""

    line: int
    operation: str
    about: Mapping[str, Any]
    document: str | None
    end: int


def actions_in(file: Path, *, index: str) -> Iterator[Action]:
    """Yield the actions in a file, which isn't read at once; documents without one go into an index.

    It is in the bulk format if its first line is an action. Raises DefinitionError, with the line, for what is neither.
    """
    lines = _lines(file)
    first = next(lines, None)
    if first is None:
        return
    every = chain([first], lines)
    if _operation(first) is not None:
        yield from _of_bulk_format(file, every, index)
    else:
        yield from (Action(line.number, "index", {"_index": index}, line.text, line.end) for line in every)


def _of_bulk_format(file: Path, lines: Iterator[Line], index: str) -> Iterator[Action]:
    for line in lines:
        operation = _operation(line)
        if operation is None:
            raise _error(
                file,
                line.number,
                f"an action is to be here, as in the file's first line, and this is {shown(line.text)}",
                'write {"index": {}} above each document, or above none',
            )
        about = {"_index": index, **line.value[operation]}
        document = None if operation == "delete" else next(lines, None)
        if operation != "delete" and document is None:
            raise _error(file, line.number, "the document of this action is missing", "write it below")
        text, end = (None, line.end) if document is None else (document.text, document.end)
        yield Action(line.number, operation, about, text, end)


def _operation(line: Line) -> str | None:
    """Return the operation of an action line; None for another line."""
    if len(line.value) != 1:
        return None
    ((key, about),) = line.value.items()
    return key if key in _OPERATIONS and isinstance(about, Mapping) else None


def _lines(file: Path) -> Iterator[Line]:
    try:
        with file.open("rb") as opened:
            end = 0
            for number, raw in enumerate(opened, 1):
                end += len(raw)
                text = _decoded(file, number, raw)
                if text:
                    yield Line(number, text, _value(file, number, text), end)
    except OSError as error:
        raise unreadable(file, error) from error


def _decoded(file: Path, number: int, raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise _error(
            file, number, f"this is no UTF-8 ({error.reason} at byte {error.start + 1})", "write it so"
        ) from None
    return (text.removeprefix("\ufeff") if number == 1 else text).strip()


def _value(file: Path, number: int, text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        why = f"this is no JSON: {error.msg}, at character {error.colno}: {shown(text)}"
        raise _error(file, number, why, "write one document a line, each on one line") from None
    except (ValueError, RecursionError) as error:
        raise _error(file, number, f"this can't be read: {error}", "write one document a line") from None
    if not isinstance(value, dict):
        raise _error(file, number, f"this is no JSON object: {shown(text)}", "write one document a line, as in {…}")
    return value


def _error(file: Path, number: int, what: str, remedy: str) -> DefinitionError:
    return DefinitionError(f"{Place(file, number)}: {what}. Remedy: {remedy}.")
