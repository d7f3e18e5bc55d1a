"""Files that are put into a container and got from it, as tar archives: no program is needed there."""

import os
import posixpath
import tarfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, Final

from pytest_foodtrucks.clock import wall
from pytest_foodtrucks.engine.inspected import PathInfo
from pytest_foodtrucks.errors import DefinitionError, EngineError
from pytest_foodtrucks.values import Unfit, checked, path, shown, text

from .keywords import permissions
from .naming import named

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine

    from .container import Container

_MODE: Final = 0o644
"""Of a file that is put as bytes."""
_READ: Final = 0o444
_SYSTEMS_OWN: Final = ("/proc", "/sys", "/dev")


@dataclass(frozen=True)
class Packed:
    """A file of an archive."""

    name: str
    content: bytes = field(repr=False)
    mode: int
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class PlacedFiles:
    """Files that are put into a folder of a container before it starts."""

    folder: str
    files: Sequence[Packed]


def pack(archive: IO[bytes], files: Iterable[Packed]) -> None:
    """Write files into an archive."""
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for each in files:
            about = tarfile.TarInfo(each.name)
            about.size, about.mode, about.mtime = len(each.content), each.mode, int(wall())
            about.uid, about.gid = each.uid, each.gid
            tar.addfile(about, BytesIO(each.content))


# into a container


def place(engine: "Engine", container_id: str, placed: PlacedFiles) -> None:
    """Put files into a container that needn't run; EngineError where it doesn't take them."""
    with BytesIO() as archive:
        pack(archive, placed.files)
        engine.put_archive(container_id, placed.folder, archive)


def put(
    container: "Container", source: str | os.PathLike[str] | bytes, to: str, *, mode: int | str | None, folder: Path
) -> None:
    """Put bytes, or a file or folder of this machine, at a path of a container; relative paths begin at `folder`.

    A path that ends with a slash is a folder there that gets the file or folder under its own name. With `mode` all
    files get it. They belong to root. Raises DefinitionError for what can't be put, EngineError where it can't be.
    """
    plain_mode = None if mode is None else checked("mode", mode, permissions)
    if isinstance(source, bytes):
        _refuse_folder(to)
        place = _place(container, "to", to)
        _put(container, place, lambda archive, name: pack(archive, [_of_bytes(source, name, plain_mode)]))
        return
    file, own_name = _existing(source, folder)
    into = f"{to}{own_name}" if isinstance(to, str) and to.endswith("/") else to
    place = _place(container, "to", into, follow=file.is_dir())
    write = partial(_pack_path, source=file, mode=plain_mode)
    _put(container, place, lambda archive, name: write(archive, name=name), is_folder=file.is_dir())


def _of_bytes(content: bytes, name: str, mode: int | None) -> Packed:
    return Packed(name, content, mode=_MODE if mode is None else mode)


def _refuse_folder(to: object) -> None:
    if isinstance(to, str) and to.endswith("/"):
        raise DefinitionError(
            f"to={shown(to)} is a folder, and bytes have no name. Remedy: give the file's whole path."
        )


def _existing(source: Any, folder: Path) -> tuple[Path, str]:
    """Return a file or a folder of this machine, where a link leads to, and the name by which it was given."""
    given: Path = checked("path_or_bytes", source, lambda value: folder / path(_plain(value)))
    file: Path = checked("path_or_bytes", given, Path.resolve)
    if not file.exists():
        raise DefinitionError(f"There is no {shown(str(file))} to put into the container. Remedy: mend the path.")
    if not file.is_file() and not file.is_dir():
        raise DefinitionError(f"{shown(str(file))} is neither a file nor a folder. Remedy: put bytes, or a file.")
    return file, posixpath.basename(os.path.normpath(given))


def _plain(value: Any) -> str:
    if not isinstance(value, str | os.PathLike):
        raise Unfit("give a path, or bytes", why=" is neither a path nor bytes")
    return text(os.fspath(value))


def _pack_path(archive: IO[bytes], source: Path, name: str, mode: int | None) -> None:
    """Write a file, or a folder with all that is in it, into an archive; what belongs to somebody here is root's there.

    Of the folder "." only what is in it: it is there, and keeps its owner.
    """

    def as_roots(about: tarfile.TarInfo) -> tarfile.TarInfo:
        about.uid = about.gid = 0
        about.uname = about.gname = ""
        if mode is not None and about.isfile():
            about.mode = mode
        elif mode is not None and about.isdir():
            about.mode = mode | (mode & _READ) >> 2  # who may read its files may enter it
        return about

    with tarfile.open(fileobj=archive, mode="w") as tar:
        named = [(source, name)] if name != "." else [(each, each.name) for each in sorted(source.iterdir())]
        for each, name_there in named:
            tar.add(each, name_there, filter=as_roots)


def _put(container: "Container", to: str, write: Callable[[IO[bytes], str], None], *, is_folder: bool = False) -> None:
    """Unpack an archive of something called by the path's last part; folders that are missing above it are made."""
    engine, folder = container.engine, to if is_folder else posixpath.dirname(to)
    while folder != "/" and _info(container, folder) is None:
        folder = posixpath.dirname(folder)
    with TemporaryFile() as archive:
        _pack(write, archive, posixpath.relpath(to, folder))
        try:
            engine.put_archive(container.id, folder, archive)
        except EngineError as error:
            raise _named(container, f"{to} can't be written", error) from error


def _pack(write: Callable[[IO[bytes], str], None], archive: IO[bytes], name: str) -> None:
    """Write an archive; DefinitionError for a file that can't be read, or that changes meanwhile."""
    try:
        write(archive, name)
    except OSError as error:
        words = f"{shown(error.filename)} can't be read ({error.strerror})" if error.filename else str(error)
        raise DefinitionError(f"Nothing was put into the container: {words}. Remedy: see to that file.") from error


# from a container


def get(container: "Container", place: str) -> bytes:
    """Return the content of a file of a container; a symbolic link is followed.

    Raises EngineError for what isn't there, and for a folder.
    """
    wanted = _place(container, "path", place, follow=True)
    try:
        found = container.engine.get_archive(container.id, wanted, _read)
        if isinstance(found, PathInfo) and found.is_link:
            found = container.engine.get_archive(container.id, found.target, _read)
    except EngineError as error:
        raise _named(container, f"{wanted} can't be read", error) from error
    if isinstance(found, bytes):
        return found
    what = "a folder" if found.is_folder else "no regular file"
    raise EngineError(f"{wanted} of {container.name} is {what}. Remedy: get its files one by one, by their paths.")


def _read(about: PathInfo, stream: IO[bytes]) -> bytes | PathInfo:
    """Return a file's content; of all else what it is."""
    if about.is_folder or about.is_link:
        return about
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            return about if content is None else content.read()
    return about


# both


def _place(container: "Container", keyword: str, value: object, *, follow: bool = False) -> str:
    """Return a path of a container in its plain form; `follow` is for one that may be a link itself.

    Raises DefinitionError for one that isn't absolute, and for one of a file system that the engine's archives don't
    see, if only by way of links.
    """
    place = checked(keyword, value, _absolute)
    mounts = {**dict.fromkeys(_SYSTEMS_OWN, True), **container.inspected().mounts}
    for each in (place, _without_links(container, place, follow=follow)):
        nearest = max((mount for mount in mounts if f"{each}/".startswith(f"{mount}/")), key=len, default="")
        if mounts.get(nearest, False):
            raise DefinitionError(
                f"{place} of {container.name} is on {nearest}, which is in memory, and the engine puts no files there "
                "and gets none. Remedy: use another path, or a program in the container (exec)."
            )
    return place


def _without_links(container: "Container", place: str, *, follow: bool) -> str:
    """Return where a path leads, as far as it is there; the engine gives of a link where that leads in the end."""
    parts = place.strip("/").split("/")
    there = ""
    for number, part in enumerate(parts):
        about = _info(container, f"{there}/{part}")
        is_link = about is not None and about.is_link and (follow or number < len(parts) - 1)
        there = about.target.rstrip("/") if about is not None and is_link else f"{there}/{part}"
        if about is None:
            return "/".join([there, *parts[number + 1 :]])
    return there


def _info(container: "Container", place: str) -> PathInfo | None:
    """Return what there is at a path; None also where the engine can't look: it says why when it writes or reads."""
    try:
        return container.engine.path_info(container.id, place)
    except EngineError as error:
        if error.status is None:
            raise named(error, container.id, container.name) from error
        return None


def _absolute(value: Any) -> str:
    place = posixpath.normpath(text(value))
    if not value.startswith("/") or place.strip("/") == "":
        raise Unfit("give a whole path in the container, such as /etc/app.conf")
    return f"/{place.lstrip('/')}"


def _named(container: "Container", what: str, error: EngineError) -> EngineError:
    """Return an engine's error with what people call the container; the same one where the engine gave no answer."""
    if error.status is None:
        return named(error, container.id, container.name)
    reason = error.reason.replace(container.id, container.name)
    return EngineError(
        f"In {container.name} {what}: {reason}. Remedy: see what is at that path.", status=error.status, reason=reason
    )
