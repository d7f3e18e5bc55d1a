"""The engine's events, as it writes them, read into counts."""

from typing import Any

from pytest_foodtrucks.sessions.lease import LeaseFile
from pytest_foodtrucks.sessions.owners import Owner
from pytest_foodtrucks.sessions.processes import Process
from soak import events
from soak.events import Event

OURS = "ab12"


def container(
    action: str, name: str, *, at: float = 1.0, state: str = OURS, session: str = "run1", alias: str = "es"
) -> Event:
    """Return an event of a container, with the labels that the engine tells among its attributes."""
    owner = Owner(state=state, session=session, process=Process("", "", 1, ""), lease=LeaseFile(1, 2))
    labels = {
        "pytest-foodtrucks": session,
        "pytest-foodtrucks.owner": owner.text(),
        "pytest-foodtrucks.service": alias,
    }
    return Event(at, "container", action, name, {"name": name, **labels})


def network(action: str, name: str, *, at: float = 1.0, attached: str = "") -> Event:
    """Return an event of a network; these have no labels."""
    return Event(at, "network", action, name, {"name": name, "container": attached})


def test_an_event_is_read() -> None:
    raw: dict[str, Any] = {
        "Type": "network",
        "Action": "create",
        "Actor": {"ID": "n1", "Attributes": {"name": "net"}},
        "time": 2,
        "timeNano": 2_500_000_000,
    }
    assert Event.read(raw) == Event(2.5, "network", "create", "n1", {"name": "net"})


def test_what_a_session_made_is_counted_by_alias_and_its_network_found_by_who_was_connected() -> None:
    heard = [
        network("create", "n1"),
        container("create", "c1"),
        container("create", "c2", alias="web"),
        network("connect", "n1", attached="c1"),
        network("connect", "n1", attached="c2"),
        network("connect", "bridge", attached="c1"),
    ]
    made = events.made(heard, {OURS})
    assert made.keys() == {"run1"}
    assert made["run1"].networks == {"n1"}
    assert made["run1"].containers == {"es": 1, "web": 1}
    assert made["run1"].ids == {"c1", "c2"}


def test_strangers_are_not_counted() -> None:
    heard = [
        network("create", "n1"),
        container("create", "c1", state="cd34"),
        Event(1.0, "container", "create", "c2", {"name": "c2"}),
        network("connect", "n1", attached="c1"),
    ]
    assert events.made(heard, {OURS}) == {}


def test_two_sessions_of_one_state_folder_are_told_apart() -> None:
    heard = [container("create", "c1"), container("create", "c2", session="run2")]
    assert {session: made.ids for session, made in events.made(heard, {OURS}).items()} == {
        "run1": {"c1"},
        "run2": {"c2"},
    }


def test_an_end_before_the_last_test_is_seen() -> None:
    heard = [
        container("exec_create: sh", "c1", at=1.0),
        container("die", "c1", at=2.0),
        container("destroy", "c1", at=4.0),
        network("disconnect", "n1", at=2.0, attached="c1"),
        network("destroy", "n1", at=2.5),
        container("destroy", "c2", at=0.0),
    ]
    assert events.ended_before(heard, {"c1": 3.0, "n1": 3.0}) == [heard[1], heard[4]]
    assert events.ended_before(heard, {"c1": 1.5, "n1": 1.5}) == []


def test_a_name_that_was_made_twice_is_seen() -> None:
    heard = [network("create", "a"), container("create", "a"), container("create", "b"), container("create", "b")]
    assert events.names_made_twice(heard) == ["container b"]


def test_what_was_never_destroyed_is_seen() -> None:
    heard = [container("create", "c1"), container("die", "c1"), container("create", "c2"), container("destroy", "c2")]
    assert events.never_destroyed(heard, {"c1", "c2"}) == {"c1"}


def test_the_volumes_of_our_containers_are_found() -> None:
    heard = [
        container("create", "c1"),
        Event(1.0, "volume", "mount", "v1", {"container": "c1"}),
        Event(1.0, "volume", "mount", "v2", {"container": "another"}),
    ]
    assert events.volumes_of(heard, {OURS}) == {"v1"}
