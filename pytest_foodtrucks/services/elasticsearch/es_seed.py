"""A seed from files: how people write it, what it does to a service, and whether its files changed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.callers import calling_place
from pytest_foodtrucks.services.definitions import errors_at
from pytest_foodtrucks.stacks.reading import content_of
from pytest_foodtrucks.values import Unfit, checked, entries, is_list, path

from .es_seed_files import SeedFile, files_in

if TYPE_CHECKING:
    from .es import ElasticsearchService


class SeedFiles:
    """Fills an Elasticsearch from files, in the order of their kinds; it is called with the service.

    No public constructor: `seed_files` makes one.
    """

    def __init__(self, files: Sequence[SeedFile]) -> None:
        self.files: Final = files

    def __repr__(self) -> str:
        return f"seed_files({', '.join(repr(str(file)) for file in self.files)})"

    def __call__(self, service: "ElasticsearchService") -> None:
        """Send the files to a service.

        Raises DefinitionError for the first line that can't be read, or that the server refuses; ClientMismatch where
        there are documents and the installed client can't speak to the server.
        """
        from .es_seeding import fill  # noqa: PLC0415 - imports the client; only who seeds pays for it

        fill(service, self.files)

    def fingerprint(self) -> str:
        """Return what is another text once a file was changed, added or taken away."""
        return "\n".join(f"{file.path.name} {content_of(file.path)}" for file in self.files)


def seed_files(*paths: str | Path) -> "Callable[[ElasticsearchService], None]":
    """Return a function that fills an Elasticsearch from files, for a seed of one's own.

    A path is a file or a folder; relative ones begin at the folder of the file that this is called in. The names tell
    what the files make: `NAME.pipeline.json`, `NAME.template.json`, `NAME.index.json`, and documents for an index in
    `INDEX.ndjson`, one a line or in the bulk format; they are sent in this order, and those of a folder by name.
    `elasticsearch_service(seed=…)` takes paths likewise, and so may a seed's fixture return them.

    Raises DefinitionError, with the file and the line of the call, for a path where nothing is, or no such file. The
    function raises it for the first line that can't be read or that the server refuses.
    """
    place = calling_place()
    with errors_at(place):
        return seed_files_in(place.file.parent, checked("seed", paths, paths_given))


def seed_files_in(folder: Path, paths: Iterable[str | Path]) -> SeedFiles:
    """Return the seed that paths make, which `files_in` finds."""
    return SeedFiles(files_in(folder, paths))


# what somebody gave as a seed


def paths_given(value: Any) -> tuple[Path, ...]:
    """Check one path or a list of them; any text is one."""
    if not isinstance(value, str | PurePath) and not is_list(value):
        raise Unfit("give a path or a list of paths", why=" is no path")
    given = [value] if isinstance(value, str | PurePath) else entries(value)
    if not given:
        raise Unfit("name a file or a folder", why=" is empty")
    return tuple(map(path, given))


def are_paths(value: object) -> bool:
    """Tell whether a seed's value means files: paths, texts with a suffix or a slash, lists."""
    return isinstance(value, PurePath) or is_list(value) or (isinstance(value, str) and _is_path(value))


def _is_path(text: str) -> bool:
    return "/" in text or PurePath(text).suffix != "" or text in {".", ".."}


def could_be_names(value: Any) -> Iterator[str]:
    """Yield the texts in a list that could be the name of a fixture: nobody could tell what is meant."""
    if is_list(value):
        yield from (each for each in value if isinstance(each, str) and not _is_path(each))
