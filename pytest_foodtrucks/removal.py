"""Removal by label: a session's own things, and those of owners that are provably dead."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .runs import OWNER_LABEL, is_orphan

if TYPE_CHECKING:
    from .engine import Engine

SESSION_LABEL: Final = "pytest-foodtrucks"


def remove_session(engine: "Engine", session: str) -> int:
    """Remove what carries a session's label, containers before networks; return how many things there were."""
    return _remove(
        engine,
        engine.labelled("containers", SESSION_LABEL, session),
        engine.labelled("networks", SESSION_LABEL, session),
    )


def sweep(engine: "Engine", state: Path) -> int:
    """Remove what provably dead owners of this state folder left; return how many things there were."""

    def orphaned(things: Mapping[str, str]) -> list[str]:
        return [thing for thing, owner in things.items() if is_orphan(owner, state)]

    containers = orphaned(engine.labels("containers", OWNER_LABEL))
    return _remove(engine, containers, orphaned(engine.labels("networks", OWNER_LABEL)))


def _remove(engine: "Engine", containers: list[str], networks: list[str]) -> int:
    for container in containers:
        engine.remove_container(container)
    for network in networks:
        engine.clear_network(network)
        engine.remove_network(network)
    return len(containers) + len(networks)
