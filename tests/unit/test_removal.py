"""Removal by label: a session's own, and what provably dead owners left."""

from pathlib import Path

import pytest

from fakes import FakeEngine
from pytest_foodtrucks.errors import EngineError
from pytest_foodtrucks.removal import remove_session, sweep
from pytest_foodtrucks.runs import Run


def network(engine: FakeEngine, session: str, owner: str) -> str:
    """Create a network with labels, and return its id."""
    labels = {"pytest-foodtrucks": session, "pytest-foodtrucks.owner": owner}
    return engine.create_network("net", driver="bridge", internal=False, labels=labels)


def container(engine: FakeEngine, session: str, owner: str) -> str:
    """Create a container with labels, and return its id."""
    labels = {"pytest-foodtrucks": session, "pytest-foodtrucks.owner": owner}
    return engine.create_container("c", {"Image": "busybox", "Labels": labels, "HostConfig": {"NetworkMode": "net"}})


def test_a_session_removes_its_own_and_nothing_else() -> None:
    engine = FakeEngine()
    network(engine, "mine", "x/mine")
    container(engine, "mine", "x/mine")
    other = container(engine, "yours", "x/yours")
    assert remove_session(engine, "mine") == 2
    assert list(engine.containers) == [other]
    assert engine.networks == {}
    assert remove_session(engine, "mine") == 0


def test_a_sweep_removes_only_what_dead_owners_of_this_folder_left(tmp_path: Path) -> None:
    engine = FakeEngine()
    dead, living = Run.begin(tmp_path), Run.begin(tmp_path)
    container(engine, dead.id, dead.owner_label)
    network(engine, dead.id, dead.owner_label)
    left = [container(engine, "s", owner) for owner in (living.owner_label, "kept", "elsewhere/0123")]
    dead.end()
    assert sweep(engine, tmp_path) == 2
    assert list(engine.containers) == left


class Stubborn(FakeEngine):
    """An engine that can't remove its first container."""

    def remove_container(self, container: str) -> None:
        if container == next(iter(self.containers)):
            raise EngineError("device or resource busy", status=500)
        super().remove_container(container)


def test_what_cannot_be_removed_keeps_nothing_else_from_going() -> None:
    engine = Stubborn()
    stays = container(engine, "mine", "x/mine")
    container(engine, "mine", "x/mine")
    network(engine, "mine", "x/mine")
    with pytest.raises(EngineError, match="device or resource busy"):
        remove_session(engine, "mine")
    assert list(engine.containers) == [stays]
    assert engine.networks == {}
