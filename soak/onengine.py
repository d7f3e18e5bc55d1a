"""What sessions have on the engine: by label, for the owners of given state folders."""

from collections.abc import Collection

from pytest_foodtrucks.engine import Engine
from pytest_foodtrucks.runs import OWNER_LABEL


def owned(engine: Engine, identities: Collection[str | None]) -> set[str]:
    """Return the ids of containers and networks with an owner in one of the state folders; all containers count."""
    owners = {**engine.labels("containers", OWNER_LABEL), **engine.labels("networks", OWNER_LABEL)}
    return {thing for thing, owner in owners.items() if owner.partition("/")[0] in identities}
