"""The engine's live events: heard as they come, and counted."""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, Final

from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.engine.labels import OWNER_LABEL, SERVICE_LABEL, SESSION_LABEL
from pytest_foodtrucks.sessions.owners import state_of

_LATE: Final = 1.0
"""Seconds that the last events may take to arrive."""
_ENDS: Final = {"kill", "die", "stop", "destroy"}


@dataclass(frozen=True)
class Event:
    """One event; `time` is in seconds of the epoch, by the engine's clock."""

    time: float
    kind: str
    action: str
    id: str
    attributes: Mapping[str, str]

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> "Event":
        """Read the engine's JSON."""
        actor = raw["Actor"]
        return cls(raw["timeNano"] / 1e9, raw["Type"], raw["Action"], actor["ID"], actor.get("Attributes") or {})


@dataclass
class Made:
    """What one session had the engine make."""

    networks: set[str] = field(default_factory=set)
    containers: Counter[str] = field(default_factory=Counter)
    ids: set[str] = field(default_factory=set)


@contextmanager
def heard(engine: Engine) -> Iterator[list[Event]]:
    """Listen for the length of a block; the list is complete at its end.

    The engine itself remembers only its last 256 events, so that asking later is no use.
    """
    events: list[Event] = []
    stream = engine.api.events(decode=True)

    listener = Thread(target=lambda: events.extend(map(Event.read, stream)), daemon=True)
    listener.start()
    try:
        yield events
        time.sleep(_LATE)
    finally:
        stream.close()
        listener.join()


def made(events: Sequence[Event], identities: Collection[str]) -> dict[str, Made]:
    """Count what the sessions of owners in some state folders made, by their session ids.

    A network's events don't have its labels: it belongs to the session whose container was connected first.
    """
    sessions: dict[str, Made] = {}
    whose: dict[str, str] = {}
    networks: dict[str, str | None] = {}
    for event in events:
        if event.kind == "container" and event.action == "create" and _is_owned(event, identities):
            session = event.attributes[SESSION_LABEL]
            counted = sessions.setdefault(session, Made())
            counted.containers[event.attributes[SERVICE_LABEL]] += 1
            counted.ids.add(event.id)
            whose[event.id] = session
        elif event.kind == "network" and event.action == "create":
            networks[event.id] = None
        elif event.kind == "network" and event.action == "connect" and event.id in networks:
            session_of_it = whose.get(event.attributes.get("container", ""))
            if networks[event.id] is None and session_of_it is not None:
                networks[event.id] = session_of_it
                sessions[session_of_it].networks.add(event.id)
    return sessions


def _is_owned(event: Event, identities: Collection[str]) -> bool:
    return state_of(event.attributes.get(OWNER_LABEL, "")) in identities


def ended_before(events: Sequence[Event], needed_until: Mapping[str, float]) -> list[Event]:
    """Return the events by which things ended before the time until which they were needed, by their ids."""
    ends = [event for event in events if event.kind in {"container", "network"} and event.action in _ENDS]
    return [event for event in ends if event.time < needed_until.get(event.id, 0.0)]


def names_made_twice(events: Sequence[Event]) -> list[str]:
    """Return the names under which more than one container or network was made."""
    created = [event for event in events if event.kind in {"container", "network"} and event.action == "create"]
    names = Counter((event.kind, event.attributes.get("name", "")) for event in created)
    return sorted(f"{kind} {name}" for (kind, name), times in names.items() if times > 1)


def never_destroyed(events: Sequence[Event], ids: Collection[str]) -> set[str]:
    """Return which of some containers and networks were never destroyed."""
    return set(ids) - {event.id for event in events if event.action == "destroy"}


def volumes_of(events: Sequence[Event], identities: Collection[str]) -> set[str]:
    """Return the names of the volumes that were mounted in containers of owners in some state folders."""
    ids = {thing for session in made(events, identities).values() for thing in session.ids}
    mounts = [event for event in events if event.kind == "volume" and event.action == "mount"]
    return {event.id for event in mounts if event.attributes.get("container") in ids}
