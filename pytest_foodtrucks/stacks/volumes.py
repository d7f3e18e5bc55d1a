"""The named volumes of a stack: one for each name, which go with the stack."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from pytest_foodtrucks.engine.labels import NAME_LABEL, PART_LABEL, SESSION_LABEL

from .stack import part_label

if TYPE_CHECKING:
    from .stack import Stack


class NamedVolume(NamedTuple):
    """A volume as the engine has it: its name there, and the labels that it gets when a container first names it."""

    name: str
    labels: Mapping[str, str]


def named_volume(stack: "Stack", name: str, *, owner: str) -> NamedVolume:
    """Return the volume that a name means in a stack: the same in all processes of the session.

    In a kept stack it is the next session's too, if a part that stays names it. `owner` is empty for what the whole
    stack has; else that is a network or a worker that has volumes of its own.
    """
    labels = stack.labels_of_volume()
    whose = sha256(f"{labels[SESSION_LABEL]} {owner} {name}".encode()).hexdigest()[:12]
    on_engine = f"foodtrucks-{name}-{whose}"
    return NamedVolume(on_engine, {**labels, NAME_LABEL: on_engine})


def volumes_of_part(stack: "Stack", part: str) -> list[str]:
    """Return the names of the volumes that only a part of the stack has: its secrets and configs."""
    return stack.engine.labelled("volumes", PART_LABEL, part_label(part))


def remove_unused_volumes(stack: "Stack", volumes: Iterable[str]) -> None:
    """Remove volumes that no container has."""
    for volume in dict.fromkeys(volumes):
        stack.engine.remove_unused_volume(volume)
