"""Volumes in Compose's short and long form: taken apart, made absolute, and written as the engine takes them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.values import Unfit, entries, is_list, path, shown, switch, text

from .keywords import permissions, size

_PROPAGATIONS: Final = frozenset(("shared", "slave", "private", "rshared", "rslave", "rprivate"))
_CONSISTENCIES: Final = frozenset(("cached", "delegated", "consistent"))
_LABELS: Final = frozenset(("z", "Z"))
"""For SELinux; the engine takes them only in a text, in which a colon of the path would be taken for the end of it."""
_MODES: Final = frozenset(("ro", "rw")) | _LABELS | _CONSISTENCIES | _PROPAGATIONS
"""The modes of a bind, by the engine's own list."""
_NO_COPY: Final = "nocopy"
_MODES_OF_NAMED: Final = frozenset(("ro", "rw", _NO_COPY))

_BOUND: Final = re.compile(r"(?P<source>.+):(?P<target>/[^:]*)(?::(?P<modes>[^:/]*))?", re.DOTALL)
"""A folder's own name may have colons, as one with the time in it."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_NAMED: Final = re.compile(rf"(?P<source>{_NAME.pattern}):(?P<target>/(?!/)[^:]*)(?::(?P<modes>[^:/]*))?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A volume at the path `target` in the container.

    `source` is a path on the engine's machine for a bind, and a name for a volume; None for an anonymous one. `size`,
    in bytes, and `permissions` are those of a file system in memory. `labels` are what a volume gets that isn't there
    yet. `written` is how a message shows it.
    """

    kind: Literal["bind", "volume", "tmpfs"]
    target: str
    source: str | None = None
    modes: tuple[str, ...] = ()
    subpath: str | None = None
    size: int | None = None
    permissions: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    written: str = ""

    @property
    def name(self) -> str | None:
        """The name of a named volume; None for all else."""
        return self.source if self.kind == "volume" else None

    @property
    def path(self) -> Path | None:
        """The path on the engine's machine; None where it has none."""
        return Path(self.source) if self.kind == "bind" and self.source is not None else None


def checked_volumes(value: Any) -> tuple[Volume, ...]:
    """Check volumes, each in Compose's short or long form."""
    given = [value] if isinstance(value, str) else value
    if not is_list(given):
        raise Unfit("write it as a list, as in Compose", why=" is no list of texts")
    found = [_volume(each, index) for index, each in enumerate(entries(given))]
    targets = [each.target.rstrip("/") for each in found]
    twice = next((each for each in found if targets.count(each.target.rstrip("/")) > 1), None)
    if twice is not None:
        raise DefinitionError(
            f"The volume {twice.written} goes where another one goes, at {shown(twice.target)}. Remedy: leave one out."
        )
    return tuple(found)


def _volume(value: object, index: int) -> Volume:
    if isinstance(value, str):
        return _taken_apart(text(value))
    if isinstance(value, Mapping):
        return _long_form(dict(value))
    raise Unfit("write it as a text or a mapping", why=f" has at index {index} {shown(value)}, which is no text")


def bind(volume: Volume, folder: Path, *, local: bool) -> Volume:
    """Return a volume with its path, if relative, made absolute: it begins at `folder`.

    `local` says whether the engine runs on this machine. Raises DefinitionError for a path that doesn't exist here.
    """
    source = volume.path
    if source is None:
        return volume
    try:
        absolute = (folder / source).resolve()
        missing = local and not absolute.exists()
    except (OSError, RuntimeError) as error:  # too long, or links in a circle
        raise DefinitionError(
            f"The volume {volume.written} can't be looked at ({type(error).__name__}). Remedy: mend its path."
        ) from error
    if missing:
        raise DefinitionError(f"The volume {volume.written} is {absolute}, and that doesn't exist. Remedy: create it.")
    if _LABELS.intersection(volume.modes):
        _refuse_in_a_text(volume, source, absolute, local=local)
    return replace(volume, source=str(absolute))


def _refuse_in_a_text(volume: Volume, source: Path, absolute: Path, *, local: bool) -> None:
    """Raise DefinitionError for a path that would be wrong in the text in which the engine takes the modes z and Z."""
    if not local and not source.is_absolute():
        raise DefinitionError(
            f"The volume {volume.written} is {absolute} of this machine, and the engine runs on another, where it "
            "would make an empty folder. Remedy: put it into an image by build=, or leave the modes z and Z out if "
            "that folder is there too."
        )
    if ":" in str(absolute):
        raise DefinitionError(
            f"The volume {volume.written} is {absolute}, and the engine takes no path with a colon together with the "
            "modes z and Z. Remedy: leave the mode out, or use a folder without a colon."
        )


# the engine's words


def volumes_body(volumes: Sequence[Volume]) -> Mapping[str, Any]:
    """Return the piece of the engine API's ContainerCreate that volumes become."""
    texts = [_in_a_text(each) for each in volumes if _LABELS.intersection(each.modes)]
    plain = [each for each in volumes if each.kind == "volume" and each.source is None and not each.modes]
    mounts = [_mount(each) for each in volumes if each not in plain and not _LABELS.intersection(each.modes)]
    return {
        "Volumes": {each.target: {} for each in plain},
        "HostConfig": {kind: entries for kind, entries in (("Binds", texts), ("Mounts", mounts)) if entries},
    }


def _in_a_text(volume: Volume) -> str:
    return f"{volume.source}:{volume.target}:{','.join(volume.modes)}"


def _mount(volume: Volume) -> dict[str, Any]:
    mount: dict[str, Any] = {"Type": volume.kind, "Target": volume.target, "ReadOnly": "ro" in volume.modes}
    if volume.source is not None:
        mount["Source"] = volume.source
    for mode in sorted(_PROPAGATIONS.intersection(volume.modes)):
        mount["BindOptions"] = {"Propagation": mode}
    for mode in sorted(_CONSISTENCIES.intersection(volume.modes)):
        mount["Consistency"] = mode
    options = {
        "VolumeOptions": _without_none(
            Labels=dict(volume.labels) if volume.labels else None,
            NoCopy=True if _NO_COPY in volume.modes else None,
            Subpath=volume.subpath,
        ),
        "TmpfsOptions": _without_none(SizeBytes=volume.size, Mode=volume.permissions),
    }
    return mount | {kind: content for kind, content in options.items() if content}


def _without_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


# the short form


def _taken_apart(volume: str) -> Volume:
    """Take a volume in the short form apart. Raises DefinitionError for a text of another form."""
    named = _NAMED.fullmatch(volume)
    match = named if named is not None else _BOUND.fullmatch(volume)
    if named is None and ":" in volume and not volume.startswith((".", "/", "~")):
        raise DefinitionError(
            f"The volume {shown(volume)} begins with no path and no volume's name. Remedy: begin it with a path "
            "(./data:/data) or a name (data:/data), or leave that out for a volume that goes with its container."
        )
    target = match["target"] if match is not None else "" if ":" in volume else volume
    _refuse_no_target(shown(volume), target)
    modes = tuple(filter(None, (match["modes"] or "").split(","))) if match is not None else ()
    known = _MODES if named is None else _MODES_OF_NAMED
    if not known.issuperset(modes):
        raise DefinitionError(f"The volume {shown(volume)} has no mode that the engine knows. Remedy: use ro or rw.")
    return Volume(
        kind="volume" if match is None or named is not None else "bind",
        source=None if match is None else named["source"] if named is not None else _path(volume, match["source"]),
        target=target,
        modes=modes,
        written=shown(volume),
    )


def _path(volume: object, source: Any) -> str:
    try:
        return str(path(source))
    except Unfit as error:
        raise DefinitionError(f"The volume {shown(volume)}{error.why}. Remedy: {error}.") from None


def _refuse_no_target(written: str, target: object) -> None:
    if not isinstance(target, str) or not re.fullmatch(r"/.*[^/].*", text(target), re.DOTALL):
        raise DefinitionError(
            f"The volume {written} doesn't say where in the container it goes. Remedy: give a path there, such as "
            "./data:/data."
        )


# the long form

_KEYS: Final = frozenset(("type", "source", "target", "read_only", "consistency"))
_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "bind": frozenset(("propagation", "create_host_path", "selinux")),
    "volume": frozenset(("nocopy", "subpath")),
    "tmpfs": frozenset(("size", "mode")),
}
"""The types of a volume, each with what may stand in the mapping under its name."""


def _long_form(given: dict[Any, Any]) -> Volume:
    """Read a volume in the long form. Raises DefinitionError, which shows it."""
    written = shown(given)
    try:
        kind, options = _kind_and_options(given)
        _refuse_no_target(written, given.get("target"))
        return _of_long_form(kind, given, options, written)
    except Unfit as error:
        raise DefinitionError(f"The volume {written}{error.why}. Remedy: {error}.") from None


def _kind_and_options(given: Mapping[Any, Any]) -> tuple[Any, Mapping[str, Any]]:
    """Return the type of a volume in the long form, and what stands in the mapping under its name."""
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in _OPTIONS:
        raise Unfit(
            f"give as type one of {', '.join(_OPTIONS)}; npipe, cluster and image aren't of this engine",
            why=f" has the type {shown(kind)}",
        )
    options = given[kind] if given.get(kind) is not None else {}
    _refuse_unknown(given, {*_KEYS, kind})
    if not isinstance(options, Mapping):
        raise Unfit("write a mapping", why=f" has as {kind} {shown(options)}")
    _refuse_unknown(options, _OPTIONS[kind])
    return kind, {name: each for name, each in options.items() if each is not None}


def _refuse_unknown(given: Mapping[Any, Any], known: Iterable[str]) -> None:
    unknown = [key for key in given if key not in known]
    if unknown:
        raise Unfit(f"use {', '.join(sorted(known))}", why=f" has {shown(unknown[0])}")


def _of_long_form(kind: Any, given: Mapping[str, Any], options: Mapping[str, Any], written: str) -> Volume:
    source = given.get("source")
    if kind == "tmpfs" and source is not None:
        raise Unfit("leave it out: it is in memory", why=" has a source")
    if kind == "bind":
        source = _path(given, source)
    elif source is not None and not _NAME.fullmatch(text(source)):
        raise Unfit(
            "give a volume's name as source; a path is of the type bind", why=f" has the source {shown(source)}"
        )
    return Volume(
        kind=kind,
        source=source,
        target=given["target"],
        modes=tuple(_modes(given, options)),
        subpath=_given(options, "subpath", _relative),
        size=_given(options, "size", size),
        permissions=_given(options, "mode", permissions),
        written=written,
    )


def _modes(given: Mapping[str, Any], options: Mapping[str, Any]) -> Iterable[str]:
    """Return the words of the short form that a long one means."""
    if _given(given, "read_only", switch):
        yield "ro"
    if _given(options, "nocopy", switch):
        yield _NO_COPY
    if _given(options, "create_host_path", switch):
        raise Unfit("create the folder, and leave that out", why=" has create_host_path, and a test's folder is there")
    for which, name, known in (
        (given, "consistency", _CONSISTENCIES),
        (options, "propagation", _PROPAGATIONS),
        (options, "selinux", _LABELS),
    ):
        word = which.get(name)
        if word is not None and word not in known:
            raise Unfit(f"use one of {', '.join(sorted(known))}", why=f" has the {name} {shown(word)}")
        if word is not None:
            yield word


def _given(values: Mapping[str, Any], name: str, check: Callable[[Any], Any]) -> Any:
    """Return one of the values as its check makes it; None where it isn't given."""
    if values.get(name) is None:
        return None
    try:
        return check(values[name])
    except Unfit as error:
        raise Unfit(str(error), why=f" has the {name} {shown(values[name])}") from None


def _relative(value: Any) -> str:
    if not text(value) or value.startswith("/") or ".." in value.split("/"):
        raise Unfit("give a path within the volume, such as logs/today")
    return str(value)
