"""Our containers, networks and volumes, listed by their labels."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .asking import EngineClient
from .labels import NAME_LABEL, Kind


class ListRequests(EngineClient):
    """What an engine is asked about things with a label: containers, networks and volumes.

    Only those that have the name in their own label are ours: see `NAME_LABEL`.
    """

    def labelled(self, kind: Kind, label: str, value: str) -> list[str]:
        """Return the ids of our things whose label has the value."""
        return [thing for thing, found in self.labels(kind, label).items() if found == value]

    def labels(self, kind: Kind, label: str) -> dict[str, str]:
        """Return the label's values by the ids of our things that have it."""
        return {_id(thing): thing["Labels"][label] for thing in self._ours(kind, label)}

    def created(self, kind: Kind, label: str) -> dict[str, float]:
        """Return when each of the same was created, in seconds of the epoch by the engine's clock."""
        return {_id(thing): _created(thing) for thing in self._ours(kind, label)}

    def _ours(self, kind: Kind, label: str) -> list[dict[str, Any]]:
        """Return what the engine lists; each one's own labels are read: an old engine ignored the filter (ryuk#32)."""
        filters = {"label": label}

        def ask() -> Any:
            if kind == "containers":
                return self.api.containers(all=True, filters=filters)
            if kind == "volumes":
                return self.api.volumes(filters=filters)["Volumes"] or ()
            return self.api.networks(filters=filters)

        found = self._ask(f"list the {kind} with the label {label}", ask)
        return [thing for thing in found if label in (thing.get("Labels") or {}) and _has_the_name_of_its_label(thing)]


def _has_the_name_of_its_label(thing: Mapping[str, Any]) -> bool:
    names = [name.removeprefix("/") for name in thing.get("Names") or [thing.get("Name", "")]]
    return thing["Labels"].get(NAME_LABEL) in names


def _id(thing: Mapping[str, Any]) -> str:
    """Return its id; of a volume that is its name."""
    return str(thing["Id"] if "Id" in thing else thing["Name"])


def _created(thing: Mapping[str, Any]) -> float:
    """Read when it was created: the engine lists seconds for containers, and a text for networks and volumes."""
    created: float | str = thing["Created"] if "Created" in thing else thing["CreatedAt"]
    return datetime.fromisoformat(created).timestamp() if isinstance(created, str) else created
