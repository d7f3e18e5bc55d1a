"""Removal by label: a session's own things, and those of owners that are provably dead."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import EngineError
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
    failed: list[EngineError] = []
    for container in containers:
        try:
            engine.remove_container(container)
        except EngineError as error:  # the others can go all the same
            failed.append(error)
    for network in networks:
        try:
            engine.clear_network(network)
            engine.remove_network(network)
        except EngineError as error:
            failed.append(error)
    if failed:
        raise EngineError("; ".join(map(str, failed)), status=failed[0].status) from failed[0]
    return len(containers) + len(networks)
