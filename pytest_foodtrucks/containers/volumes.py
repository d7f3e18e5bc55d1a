"""Volumes in Compose's short form: taken apart, made absolute, and written as the engine takes them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.values import Unfit, path, shown

from .keywords import one_or_texts

_PROPAGATIONS: Final = frozenset(("shared", "slave", "private", "rshared", "rslave", "rprivate"))
_CONSISTENCIES: Final = frozenset(("cached", "delegated", "consistent"))
_LABELS: Final = frozenset(("z", "Z"))
"""For SELinux; the engine takes them only in a text, in which a colon of the path would be taken for the end of it."""
_MODES: Final = frozenset(("ro", "rw")) | _LABELS | _CONSISTENCIES | _PROPAGATIONS
"""The modes of a bind, by the engine's own list."""

_BOUND: Final = re.compile(r"(?P<source>.+):(?P<target>/[^:]*)(?::(?P<modes>[^:/]*))?", re.DOTALL)
"""A folder's own name may have colons, as one with the time in it."""


@dataclass(frozen=True)
class _Volume:
    """A volume: the path on the engine's machine (None: anonymous), the one in the container, the modes."""

    source: Path | None
    target: str
    modes: frozenset[str] = frozenset()


def checked_volumes(value: Any) -> tuple[str, ...]:
    """Check volumes in Compose's short form."""
    given = one_or_texts(value)
    for volume in given:
        _taken_apart(volume)
    return given


def bind(volume: str, folder: Path, *, local: bool) -> str:
    """Return a volume with its path, if relative, made absolute: it begins at `folder`.

    `local` says whether the engine runs on this machine. Raises DefinitionError for a path that doesn't exist here,
    and for a named volume, because nobody would remove that.
    """
    source = _taken_apart(volume).source
    if source is None:
        return volume
    try:
        absolute = (folder / source).resolve()
        missing = local and not absolute.exists()
    except (OSError, RuntimeError) as error:  # too long, or links in a circle
        raise DefinitionError(
            f"The volume {shown(volume)} can't be looked at ({type(error).__name__}). Remedy: mend its path."
        ) from error
    if missing:
        raise DefinitionError(f"The volume {shown(volume)} is {absolute}, and that doesn't exist. Remedy: create it.")
    if not local and not source.is_absolute() and _taken_apart(volume).modes & _LABELS:
        raise DefinitionError(
            f"The volume {shown(volume)} is {absolute} of this machine, and the engine runs on another, where it would "
            "make an empty folder. Remedy: put it into an image by build=, or leave the modes z and Z out if that "
            "folder is there too."
        )
    if ":" in str(absolute) and _taken_apart(volume).modes & _LABELS:
        raise DefinitionError(
            f"The volume {shown(volume)} is {absolute}, and the engine takes no path with a colon together with the "
            "modes z and Z. Remedy: leave the mode out, or use a folder without a colon."
        )
    match = _BOUND.fullmatch(volume)
    assert match is not None  # noqa: S101 - for the type checker: it has a source
    return f"{absolute}{volume[match.end('source') :]}"


def source_of(volume: str) -> Path | None:
    """Return the path that a volume has on the engine's machine; None for an anonymous one."""
    return _taken_apart(volume).source


def volumes_body(volumes: Sequence[str]) -> Mapping[str, Any]:
    """Return the piece of the engine API's ContainerCreate that volumes become."""
    apart = {volume: _taken_apart(volume) for volume in volumes}
    bound = {volume: each for volume, each in apart.items() if each.source is not None}
    texts = [volume for volume, each in bound.items() if each.modes & _LABELS]
    mounts = [_mount(each) for each in bound.values() if not each.modes & _LABELS]
    return {
        "Volumes": {volume: {} for volume in volumes if volume not in bound},
        "HostConfig": {kind: entries for kind, entries in (("Binds", texts), ("Mounts", mounts)) if entries},
    }


def _mount(volume: _Volume) -> dict[str, Any]:
    mount: dict[str, Any] = {"Type": "bind", "Source": str(volume.source), "Target": volume.target}
    mount["ReadOnly"] = "ro" in volume.modes
    for mode in volume.modes & _PROPAGATIONS:
        mount["BindOptions"] = {"Propagation": mode}
    for mode in volume.modes & _CONSISTENCIES:
        mount["Consistency"] = mode
    return mount


def _taken_apart(volume: str) -> _Volume:
    """Take a volume apart.

    Raises DefinitionError for a text of another form, and for a named volume, because nobody would remove that.
    """
    if ":" in volume and not volume.startswith((".", "/", "~")):
        raise DefinitionError(
            f"The volume {shown(volume)} has a name, and would stay behind. Remedy: begin it with a path "
            "(./data:/data), or leave the name out for a volume that goes with its container."
        )
    match = _BOUND.fullmatch(volume)
    target = match["target"] if match is not None else "" if ":" in volume else volume
    if not re.fullmatch(r"/.*[^/].*", target, re.DOTALL):
        raise DefinitionError(
            f"The volume {shown(volume)} doesn't say where in the container it goes. Remedy: give a path there, "
            "such as ./data:/data."
        )
    modes = frozenset((match["modes"] or "").split(",")) - {""} if match is not None else frozenset()
    if not modes <= _MODES:
        raise DefinitionError(f"The volume {shown(volume)} has no mode that the engine knows. Remedy: use ro or rw.")
    try:
        return _Volume(path(match["source"]) if match is not None else None, target, modes)
    except Unfit as error:
        raise DefinitionError(f"The volume {shown(volume)}{error.why}. Remedy: {error}.") from None
