"""Files that fill an Elasticsearch: which there are, what each makes, and in which order."""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from pytest_foodtrucks.callers import Place
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.values import shown


class SeedKind(StrEnum):
    """What a file makes, by the end of its name; in the order in which they are sent."""

    PIPELINE = ".pipeline.json"
    TEMPLATE = ".template.json"
    INDEX = ".index.json"
    DOCUMENTS = ".ndjson"


_KINDS: Final = "NAME.pipeline.json, NAME.template.json, NAME.index.json or INDEX.ndjson"
_FIRST_TO_LAST: Final = list(SeedKind)


class SeedFile(NamedTuple):
    """A file: what it makes, and the name of that, which the file's name begins with."""

    path: Path
    kind: SeedKind
    name: str

    def __str__(self) -> str:
        return shown_path(self.path)

    def definition(self) -> Mapping[str, Any]:
        """Return what a file of one JSON object holds; DefinitionError, with the line, where that can't be read."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8-sig"))
        except json.JSONDecodeError as error:
            raise DefinitionError(
                f"{Place(self.path, error.lineno)}: this is no JSON: {error.msg}, at character {error.colno}. Remedy: "
                "mend it."
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise unreadable(self.path, error) from error
        if not isinstance(found, dict):
            raise DefinitionError(f"{self} holds {shown(found)}. Remedy: write one JSON object, as in {{…}}.")
        return found


def files_in(folder: Path, paths: Iterable[str | Path]) -> list[SeedFile]:
    """Return the files that paths name, in the order in which they are sent; relative ones begin at a folder.

    Raises DefinitionError for a path where nothing is, a file of no known kind, a folder without a file of theirs, a
    file that is named twice, and a JSON file that can't be read.
    """
    found = [file for each in paths for file in _files_at(folder / each, written=str(each))]
    _refuse_doubles(found)
    for file in found:
        if file.kind is not SeedKind.DOCUMENTS:
            file.definition()
    return sorted(found, key=lambda file: _FIRST_TO_LAST.index(file.kind))


def _files_at(place: Path, *, written: str) -> list[SeedFile]:
    if place.is_dir():
        return _files_in(place, written)
    if not place.exists():
        raise DefinitionError(
            f"seed has {written!r}, and there is no {shown_path(place)}. Remedy: mend the path; a relative one begins "
            "at the folder of the file that it is written in."
        )
    file = _seed_file(place)
    if file is None:
        raise _unknown(place)
    return [file]


def _files_in(folder: Path, written: str) -> list[SeedFile]:
    """Return the files of a folder, by name; others are left alone, but for JSON of no known kind."""
    found = []
    for each in sorted(folder.iterdir()):
        if each.is_dir() or each.name.startswith("."):
            continue
        file = _seed_file(each)
        if file is not None:
            found.append(file)
        elif "json" in each.name.lower():
            raise _unknown(each)
    if not found:
        raise DefinitionError(
            f"seed has {written!r}, and the folder {shown_path(folder)} has no file that could fill a service. Remedy: "
            f"put files there, named {_KINDS}; folders within it aren't looked into."
        )
    return found


def _seed_file(place: Path) -> SeedFile | None:
    """Return what a file makes; None for one whose name doesn't tell."""
    for kind in SeedKind:
        name = place.name.removesuffix(kind)
        if name and name != place.name:
            return SeedFile(place, kind, name)
    return None


def _unknown(place: Path) -> DefinitionError:
    return DefinitionError(
        f"What {shown_path(place)} is to make can't be told from its name. Remedy: name it {_KINDS}."
    )


def _refuse_doubles(files: Sequence[SeedFile]) -> None:
    seen: set[Path] = set()
    for file in files:
        place = file.path.resolve()
        if place in seen:
            raise DefinitionError(f"seed has {file} twice. Remedy: name it, or the folder that it is in, once.")
        seen.add(place)


def unreadable(file: Path, error: Exception) -> DefinitionError:
    """Return the error of a file that can't be read."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return DefinitionError(f"{shown_path(file)} can't be read: {why}. Remedy: see that it is there, as UTF-8.")


def shown_path(file: Path) -> str:
    """Return a path as messages show it: relative to the current folder where it is below it."""
    return str(Place(file, 0)).removesuffix(":0")
