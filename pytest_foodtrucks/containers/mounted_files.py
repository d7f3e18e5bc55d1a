"""Secrets and configs: files that a container finds read-only at their places, as Compose has them.

They are in a volume of the container's own. A helper container that is never started is how they come there: nothing is
copied into the container itself, which may be read-only, and no path of this machine is mounted.
"""

import os
import re
import secrets as random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.engine.labels import NAME_LABEL
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.values import Unfit, entries, is_list, path, shown, text, whole

from .archives import Packed, pack
from .keywords import permissions
from .volumes import Volume

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine

_MODE: Final = 0o444
"""Compose's: everybody in the container may read it."""
_MOST_ID: Final = 2**32 - 2
_SOURCES: Final = ("content", "file", "environment")
_KEYS: Final = frozenset((*_SOURCES, "source", "target", "uid", "gid", "mode"))
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,200}")
_LONGEST_TITLE: Final = 100
"""Characters; a volume is a folder of the engine's machine, whose name has 255 at most, and an alias may have 253."""
_INSIDE: Final = "/foodtrucks-files"
"""Where the helper has the volume."""


@dataclass(frozen=True, kw_only=True)
class MountedFile:
    """A file at the path `target` of a container. Its content, never shown, is here or in a file of this machine."""

    target: str
    content: bytes | None = field(default=None, repr=False)
    file: Path | None = None
    uid: int = 0
    gid: int = 0
    mode: int = _MODE


# the keywords


def checked_secrets(value: Any) -> tuple[MountedFile, ...]:
    """Check secrets: a mapping from names to contents, or a list in Compose's long form."""
    return tuple(_files(value, folder="/run/secrets/"))


def checked_configs(value: Any) -> tuple[MountedFile, ...]:
    """Check configs, likewise."""
    return tuple(_files(value, folder="/"))


def _files(value: Any, *, folder: str) -> Iterator[MountedFile]:
    targets: set[str] = set()
    for name, given in _named(value):
        if not isinstance(name, str) or not _NAME.fullmatch(name) or not name.strip("."):
            raise Unfit("use letters, digits, dots, - and _", why=f" has the name {shown(name)}")
        try:
            found = _file(given, name, folder)
        except Unfit as error:
            raise Unfit(str(error), why=f" has for {shown(name)} {error.why}") from None
        if found.target in targets:
            raise Unfit("give another target", why=f" has {shown(found.target)} twice")
        targets.add(found.target)
        yield found


def _named(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        yield from entries(value.items())
        return
    if not is_list(value):
        raise Unfit("write it as a mapping from names to contents", why=" is neither a mapping nor a list")
    for index, each in enumerate(entries(value)):
        if not isinstance(each, Mapping) or "source" not in each:
            raise Unfit(
                "write a mapping from names to contents, or each as {'source': NAME, 'content': …}",
                why=f" has at index {index} no mapping with a source",
            )
        yield each["source"], each


def _file(given: Any, name: str, folder: str) -> MountedFile:
    if isinstance(given, str | bytes):
        return MountedFile(target=f"{folder}{name}", content=_bytes(given))
    if isinstance(given, Path):
        return MountedFile(target=f"{folder}{name}", file=path(given))
    if not isinstance(given, Mapping):
        raise Unfit("give its content as text or bytes, a Path, or a mapping", why=f"a {type(given).__name__}")
    plain = {key: each for key, each in dict(given).items() if each is not None}
    unknown = [key for key in plain if key not in _KEYS]
    if unknown or sum(source in plain for source in _SOURCES) != 1:
        raise Unfit(
            f"give one of {', '.join(_SOURCES)}, and if need be target, uid, gid, mode",
            why="what isn't known" if unknown else "not one source",
        )
    return MountedFile(
        target=_checked(plain, "target", _target, name, folder),
        content=_content(plain),
        file=_checked(plain, "file", path, None),
        uid=_checked(plain, "uid", _id, 0),
        gid=_checked(plain, "gid", _id, 0),
        mode=_checked(plain, "mode", permissions, _MODE),
    )


def _checked(given: Mapping[str, Any], key: str, check: Callable[..., Any], default: Any, *more: Any) -> Any:
    """Return one of the values as its check makes it, a default likewise if there is `more` for the check."""
    if key not in given:
        return check(default, *more) if more else default
    try:
        return check(given[key], *more)
    except Unfit as error:
        raise Unfit(str(error), why=f"the {key} {shown(given[key])}") from None


def _target(value: Any, folder: str) -> str:
    target = text(value) if text(value).startswith("/") else f"{folder}{value}"
    if not re.fullmatch(r"(/[^/]+)+", target) or {".", ".."}.intersection(target.split("/")):
        raise Unfit("give the file's whole path in the container, such as /etc/app/token")
    return target


def _id(value: Any) -> int:
    number = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,10}", value) else value
    return whole(number, least=0, most=_MOST_ID)


def _content(given: Mapping[str, Any]) -> bytes | None:
    if "environment" in given:
        name = text(given["environment"])
        if name not in os.environ:
            raise Unfit("set it, or give content or file", why=f"the variable {shown(name)}, which isn't set")
        return os.environ[name].encode(errors="surrogateescape")
    return _bytes(given["content"]) if "content" in given else None


def _bytes(content: Any) -> bytes:
    if isinstance(content, bytes):
        return content
    try:
        return text(content).encode()
    except Unfit as error:
        raise Unfit(f"{error}, or give bytes", why=f"a content that{error.why}") from None


def in_folder(files: Sequence[MountedFile], folder: Path, *, keyword: str) -> tuple[MountedFile, ...]:
    """Return files with their paths made absolute; they begin at `folder`. DefinitionError for one that isn't there."""
    return tuple(each if each.file is None else _found(each, folder / each.file, keyword) for each in files)


def _found(file: MountedFile, place: Path, keyword: str) -> MountedFile:
    try:
        absolute = place.resolve()
        found = absolute.is_file() and os.access(absolute, os.R_OK)
    except (OSError, RuntimeError):  # too long, or links in a circle
        absolute, found = place, False
    if not found:
        raise DefinitionError(
            f"{keyword} has the file {shown(str(absolute))}, and none that can be read is there. Remedy: create it, or "
            "mend its path."
        )
    return replace(file, file=absolute)


# the volume


class FilesVolume:
    """The volume that has a container's secrets and configs; `mounts` are they, each at its place."""

    def __init__(
        self,
        engine: "Engine",
        files: Sequence[MountedFile],
        *,
        image: str,
        platform: str | None = None,
        title: str,
        labels: Mapping[str, str],
    ) -> None:
        """`image` is any that the engine has, for the platform; `title` is a part of the volume's name."""
        self._engine = engine
        self._name, self._helper_name = (f"foodtrucks-{title[:_LONGEST_TITLE]}-{random.token_hex(4)}" for _ in range(2))
        self._labels = labels
        try:
            self._fill(files, image, platform)
            self.mounts = tuple(self._mounts(files))
        except BaseException:
            self.remove()
            raise

    def _fill(self, files: Sequence[MountedFile], image: str, platform: str | None) -> None:
        helper = self._engine.create_container(self._helper_name, self._helper(image), platform=platform)
        try:
            with BytesIO() as archive:
                pack(archive, (_packed(str(number), each) for number, each in enumerate(files)))
                self._engine.put_archive(helper, _INSIDE, archive)
        finally:
            self._engine.remove_container(helper)

    def _helper(self, image: str) -> Mapping[str, Any]:
        """Return what the helper is; its command is none that there is, for an image without one of its own."""
        options = {"Labels": {**self._labels, NAME_LABEL: self._name}, "NoCopy": True}
        mount = {"Type": "volume", "Source": self._name, "Target": _INSIDE, "VolumeOptions": options}
        host = {"NetworkMode": "none", "Mounts": [mount]}
        return {"Image": image, "Cmd": ["never-started"], "Labels": dict(self._labels), "HostConfig": host}

    def _mounts(self, files: Sequence[MountedFile]) -> Iterator[Volume]:
        """Yield each file where it goes; an engine that mounts no single file of a volume does so by its own path."""
        root = None if self._engine.mounts_subpaths else self._engine.mountpoint(self._name)
        for number, each in enumerate(files):
            if root is None:
                yield Volume(
                    kind="volume", source=self._name, subpath=str(number), target=each.target, modes=("nocopy", "ro")
                )
            else:
                yield Volume(kind="bind", source=f"{root}/{number}", target=each.target, modes=("ro",))

    def remove(self) -> None:
        """Remove it, once its container is gone."""
        self._engine.remove_volume(self._name)


def _packed(name: str, file: MountedFile) -> Packed:
    content = file.file.read_bytes() if file.file is not None else file.content
    assert content is not None  # noqa: S101 - for the type checker: it has one of the two
    return Packed(name, content, mode=file.mode, uid=file.uid, gid=file.gid)
