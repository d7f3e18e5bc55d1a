"""Owners: what a label says, and the three answers to whether its owner lives."""

import fcntl
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.session import dead, elsewhere
from pytest_foodtrucks.sessions import owners
from pytest_foodtrucks.sessions.owners import (
    Owner,
    lease_file,
    life,
    machine_in,
    process_life,
    read_owner,
    this_process_as_owner,
)
from pytest_foodtrucks.sessions.processes import Life
from pytest_foodtrucks.sessions.session import Session


def nothing_runs(_: str) -> None:
    """Be an engine on which no container runs."""
    return


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    """Return the owner of a new session, this process."""
    return Session.begin(tmp_path).owner


def seen(owner: Owner, state: Path, *, container_start: Callable[[str], str | None] = nothing_runs) -> Life:
    """Return whether an owner lives."""
    return life(owner, state, container_start=container_start)


def test_a_label_is_read_as_it_was_written(owner: Owner) -> None:
    for each in (owner, replace(owner, machine="m", container="c", container_start="then")):
        assert read_owner(each.text()) == each


@pytest.mark.parametrize(
    "about",
    [
        {"session": "../x"},
        {"session": ""},
        {"lease": [1]},
        {"lease": "ab"},
        {"process": {}},
        {"pid": 1},
        {"machine": 5},
    ],
)
def test_a_label_that_says_something_else_is_nobodys(owner: Owner, about: dict[str, object]) -> None:
    assert read_owner(json.dumps({**json.loads(owner.text()), **about})) is None


@pytest.mark.parametrize("text", ["", "kept", "folder/0123", "[]", "{}", "null", "1", "\ud800", '{"session": "a"}'])
def test_a_text_that_is_no_label_is_nobodys(text: str) -> None:
    assert read_owner(text) is None


def test_who_lives_is_alive_wherever_one_asks_and_whatever_became_of_the_folder(owner: Owner, tmp_path: Path) -> None:
    assert seen(owner, tmp_path) is Life.ALIVE
    assert seen(owner, tmp_path / "another") is Life.ALIVE
    shutil.rmtree(tmp_path / "runs")
    assert seen(owner, tmp_path) is Life.ALIVE


def test_who_ended_is_dead_where_the_lease_is_there_and_free(owner: Owner, tmp_path: Path) -> None:
    gone = dead(owner)
    assert seen(gone, tmp_path) is Life.DEAD
    with lease_file(tmp_path, gone.session).open() as watchdog:
        fcntl.flock(watchdog, fcntl.LOCK_EX)
        assert seen(gone, tmp_path) is Life.ALIVE, "its watchdog is at work"
    assert seen(gone, tmp_path) is Life.DEAD


def test_a_copied_a_removed_and_a_replaced_state_folder_prove_no_death(owner: Owner, tmp_path: Path) -> None:
    gone = dead(owner)
    shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}-copy"))
    assert seen(gone, tmp_path.with_name(f"{tmp_path.name}-copy")) is Life.UNKNOWN
    lease = lease_file(tmp_path, gone.session)
    shutil.copy2(lease, tmp_path / "copy")
    (tmp_path / "copy").replace(lease)
    assert seen(gone, tmp_path) is Life.UNKNOWN
    lease.unlink()
    assert seen(gone, tmp_path) is Life.UNKNOWN


def test_of_another_host_nothing_can_be_told(owner: Owner, tmp_path: Path) -> None:
    assert seen(elsewhere(owner), tmp_path) is Life.UNKNOWN


@pytest.mark.parametrize(
    ("start", "expected"), [("then", Life.UNKNOWN), ("later", Life.DEAD), (None, Life.DEAD)], ids=str
)
def test_who_was_in_a_container_of_the_engine_ends_with_it(
    owner: Owner, tmp_path: Path, start: str | None, expected: Life
) -> None:
    inside = replace(elsewhere(owner), container="c1", container_start="then")
    asked: list[str] = []

    def container_start(container: str) -> str | None:
        asked.append(container)
        return start

    assert seen(inside, tmp_path, container_start=container_start) is expected
    assert seen(inside, tmp_path / "a state folder that it doesn't share", container_start=container_start) is expected
    assert set(asked) == {"c1"}


def test_before_the_machine_was_started_anew_everybody_has_ended(
    owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "machine-id").write_text("0123456789abcdef\n")
    monkeypatch.setattr(owners, "_MACHINE_FILE", tmp_path / "machine-id")
    before = replace(owner, machine=machine_in(tmp_path), process=replace(owner.process, boot="an earlier one"))
    assert seen(before, tmp_path) is Life.DEAD
    moved = replace(before, lease=before.lease._replace(device=before.lease.device + 1))
    assert seen(moved, tmp_path) is Life.DEAD, "devices are numbered anew"
    assert seen(replace(before, machine="another"), tmp_path) is Life.UNKNOWN
    assert seen(replace(before, machine=""), tmp_path) is Life.UNKNOWN
    lease_file(tmp_path, owner.session).unlink()
    assert seen(before, tmp_path) is Life.UNKNOWN
    assert process_life(before, tmp_path, container_start=nothing_runs) is Life.DEAD, "a holder needs no lease"


@pytest.mark.parametrize("content", [b"", b"uninitialized\n", b"\xff\xfe", None])
def test_a_machine_without_an_id_is_not_told_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "machine-id").write_bytes(content)
    monkeypatch.setattr(owners, "_MACHINE_FILE", tmp_path / "machine-id")
    assert machine_in(tmp_path) == ""


def test_a_machines_id_itself_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "machine-id").write_text("0123456789abcdef\n")
    monkeypatch.setattr(owners, "_MACHINE_FILE", tmp_path / "machine-id")
    here, there = machine_in(tmp_path), machine_in(tmp_path / "another")
    assert "0123456789abcdef" not in {here, there}
    assert here == machine_in(tmp_path) != there


def test_who_owns_for_a_moment_lives_as_its_process_does(tmp_path: Path) -> None:
    assert process_life(this_process_as_owner(tmp_path), tmp_path, container_start=nothing_runs) is Life.ALIVE
