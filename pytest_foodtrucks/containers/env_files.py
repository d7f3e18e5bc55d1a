"""Files of variables for a container, `env_file`: read as Compose reads them. No message shows a value."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.values import Unfit, entries, is_list, path, shown, switch

from .keywords import environment


@dataclass(frozen=True)
class EnvFile:
    """A file of variables: one that isn't required may be missing, of a raw one each value is taken as it stands."""

    path: Path
    required: bool = True
    raw: bool = False


def env_files(value: Any) -> tuple[EnvFile, ...]:
    """Check files of variables: a path, a mapping with `path`, or a list of these."""
    return tuple(map(_env_file, entries(value) if is_list(value) else [value]))


def _env_file(value: Any) -> EnvFile:
    given: Mapping[str, Any] = value if isinstance(value, Mapping) else {"path": value}
    formats = (None, "raw")
    if given.keys() - {"path", "required", "format"} or "path" not in given or given.get("format") not in formats:
        raise Unfit("give a path, or a mapping of path and if need be required, format: 'raw'")
    return EnvFile(path(given["path"]), switch(given.get("required", True)), raw=given.get("format") == "raw")


def variables_of(files: Iterable[EnvFile], folder: Path) -> dict[str, str]:
    """Return the variables of some files; a later one beats an earlier one. Relative paths begin at `folder`.

    Raises DefinitionError, with the line, for what can't be read.
    """
    variables: dict[str, str] = {}
    for file in files:
        whole = folder / file.path
        if file.required or whole.is_file():
            variables |= _Reader(whole, raw=file.raw, earlier=variables).variables()
    return environment(variables, keyword="env_file")


_LINE: Final = re.compile(r"(?:export\s+)?(?P<name>[^\s=:#'\"]+)\s*[=:][ \t]*(?P<rest>.*)", re.DOTALL)
_RAW_LINE: Final = re.compile(r"\s*(?P<name>[^\s=#]+)=(?P<rest>.*)")
_SINGLE: Final = re.compile(r"'((?:[^'\\]|\\.)*)'\s*(?:#.*)?", re.DOTALL)
_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(?:#.*)?', re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$"}
_PIECE: Final = re.compile(
    r"\\(?P<escaped>.)"
    r"|\$(?P<dollar>\$)"
    r"|\$\{(?P<braced>[A-Za-z_]\w*)(?P<empty>:)?(?:-(?P<default>[^}]*))?\}"
    r"|\$(?P<bare>[A-Za-z_]\w*)"
    r"|(?P<odd>\$\{)",
    re.DOTALL,
)


class _Reader:
    """Reads one file; `earlier` are the variables of those before it, which it may refer to."""

    def __init__(self, file: Path, *, raw: bool, earlier: Mapping[str, str]) -> None:
        self._file = file
        self._raw = raw
        self._known = dict(earlier)

    def variables(self) -> dict[str, str]:
        """Return the file's variables."""
        found: dict[str, str] = {}
        lines = list(enumerate(self._text().replace("\r\n", "\n").split("\n"), start=1))
        while lines:
            number, line = lines.pop(0)
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            match = _RAW_LINE.fullmatch(line) if self._raw else _LINE.fullmatch(line.strip())
            if match is None:
                raise self._error(number, "is no NAME=VALUE", "write one, or # before a comment")
            rest = match["rest"]
            while not self._raw and lines and _is_open(rest):
                rest = f"{rest}\n{lines.pop(0)[1]}"
            found[match["name"]] = self._known[match["name"]] = rest if self._raw else self._value(rest, number)
        return found

    def _text(self) -> str:
        try:
            return self._file.read_text(encoding="utf-8-sig")
        except (OSError, ValueError, RuntimeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
            raise DefinitionError(
                f"env_file has {shown(str(self._file))}, which can't be read: {why}. Remedy: create it, mend the path, "
                "or say {'path': …, 'required': False}."
            ) from None  # the error has the bytes around

    def _value(self, rest: str, number: int) -> str:
        if rest.startswith("'"):
            return self._quoted(_SINGLE, rest, number)
        if rest.startswith('"'):
            return self._replaced(self._quoted(_DOUBLE, rest, number), number, escapes=True)
        return self._replaced(re.split(r"(?:^|\s)#", rest, maxsplit=1)[0].rstrip(), number, escapes=False)

    def _quoted(self, form: re.Pattern[str], rest: str, number: int) -> str:
        match = form.fullmatch(rest)
        if match is None:
            raise self._error(number, "has a quote that isn't closed, or something behind it", "mend its quotes")
        return match[1]

    def _replaced(self, value: str, number: int, *, escapes: bool) -> str:
        """Return a value with other variables' values in place of their names."""

        def replacement(match: re.Match[str]) -> str:
            if match["escaped"] is not None:
                return _ESCAPES.get(match["escaped"], match[0]) if escapes else match[0]
            if match["dollar"] is not None:
                return "$"
            return self._referred(match, number)

        return _PIECE.sub(replacement, value)

    def _referred(self, match: re.Match[str], number: int) -> str:
        name = match["braced"] if match["braced"] is not None else match["bare"]
        if name is None:
            raise self._error(
                number, "refers to a variable in a form that isn't known", "use ${NAME} or ${NAME:-VALUE}"
            )
        value = os.environ.get(name, self._known.get(name))
        if value is None or (value == "" and match["empty"] is not None):
            value = match["default"]
        if value is None:
            remedy = "define it before, write ${NAME:-VALUE}, or put single quotes around what is no reference"
            raise self._error(number, f"refers to {shown(name)}, which has no value", remedy)
        return value

    def _error(self, number: int, what: str, remedy: str) -> DefinitionError:
        return DefinitionError(f"env_file has {shown(str(self._file))}, whose line {number} {what}. Remedy: {remedy}.")


def _is_open(rest: str) -> bool:
    """Tell whether a quoted value goes on in the next line."""
    forms = {"'": _SINGLE, '"': _DOUBLE}
    form = forms.get(rest[:1])
    return form is not None and form.match(rest) is None
