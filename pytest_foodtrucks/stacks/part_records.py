"""What is recorded of a stack's parts, so that another session finds and compares them."""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from pytest_foodtrucks.errors import StateError
from pytest_foodtrucks.sessions.state_folder import read_json, usable, write_json


class PartRecords:
    """A folder with a record of each part of a stack: how it was made, and where it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def record(self, part: str) -> Mapping[str, Any] | None:
        """Return what was recorded of a part; None where nothing can be read."""
        try:
            return read_json(self._file(part))
        except (OSError, StateError):
            return None

    def records(self) -> Iterator[Mapping[str, Any]]:
        """Yield the records of all parts that can be read; StateError where the folder can't be read."""
        with usable(self.folder):
            files = list(self.folder.glob("*.json"))
        for file in files:
            try:
                yield read_json(file)
            except (OSError, StateError):  # a corrupt one counts as none, and its part is made anew
                continue

    def write(self, part: str, content: Mapping[str, Any]) -> None:
        """Record how a part was made and where it is."""
        write_json(self._file(part), content)

    def add_contents(self, part: str, contents: Iterable[str]) -> None:
        """Record what another part put into this one when it started; do nothing where this one has no record."""
        record = self.record(part)
        if record is not None:
            value = record["value"]
            self.write(part, {**record, "value": {**value, "contents": sorted({*value["contents"], *contents})}})

    def forget(self, part: str) -> None:
        """Remove the record of a part."""
        with usable(self.folder):
            self._file(part).unlink(missing_ok=True)

    def forget_all(self) -> bool:
        """Remove the records of all parts; tell whether there was one."""
        with usable(self.folder):
            files = list(self.folder.glob("*.json"))
            for file in files:
                file.unlink(missing_ok=True)
        return bool(files)

    def _file(self, part: str) -> Path:
        return self.folder / f"{sha256(part.encode()).hexdigest()[:16]}.json"
