"""Kept stacks: held by one session at a time, found again by their project, recorded part by part."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from fakes.engine import FakeEngine
from fakes.machine import Clock
from fakes.session import dead, elsewhere, keep
from pytest_foodtrucks import StateError
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.stacks.kept_choice import choose_kept_stack, chosen_kept_stack, engine_words
from pytest_foodtrucks.stacks.kept_stack import KeptStack, all_kept_stacks


def held(state: Path, project: str = "/app") -> KeptStack:
    """Hold a project's kept stack for a new session."""
    return keep(Session.begin(state), FakeEngine(), project)


def test_the_next_session_of_a_project_finds_its_stack(tmp_path: Path) -> None:
    first = held(tmp_path)
    first.release()
    again = held(tmp_path)
    assert again.id == first.id
    assert again.project == "/app"


def test_another_project_and_another_state_folder_have_another_stack(tmp_path: Path) -> None:
    ids = {held(tmp_path).id, held(tmp_path, "/other").id, held(tmp_path / "elsewhere").id}
    assert len(ids) == 3


def test_each_engine_has_a_stack_of_the_project_and_none_is_taken_for_anothers(tmp_path: Path) -> None:
    one, other = FakeEngine(), FakeEngine()
    other.identity = "another engine"
    first = keep(Session.begin(tmp_path), one)
    first.write("es", {"value": {"id": "1"}})
    first.release()
    second = keep(Session.begin(tmp_path), other)
    assert second.record("es") is None
    assert (first.is_on(one), first.is_on(other)) == (True, False)
    second.release()
    assert keep(Session.begin(tmp_path), one).record("es") == {"value": {"id": "1"}}


def test_a_session_that_failed_to_begin_can_choose_again(tmp_path: Path) -> None:
    session, engine = Session.begin(tmp_path), FakeEngine()
    kept = keep(session, engine)
    again = choose_kept_stack(session, engine, "/app")
    assert again is not None
    assert again.id == kept.id


def test_a_second_session_at_the_same_time_gets_none(tmp_path: Path) -> None:
    held(tmp_path)
    clock, session = Clock(), Session.begin(tmp_path)
    assert choose_kept_stack(session, FakeEngine(), "/app", clock=clock, sleep=clock.sleep) is None
    assert sum(clock.sleeps) == pytest.approx(2.0, abs=0.1)
    assert chosen_kept_stack(session) is None


def test_a_session_waits_for_whoever_removes_something_just_now(tmp_path: Path) -> None:
    first = held(tmp_path)

    def sleep(_: float) -> None:
        first.release()

    assert choose_kept_stack(Session.begin(tmp_path), FakeEngine(), "/app", sleep=sleep) is not None


def holder(kept: KeptStack) -> Path:
    """Return the file that notes who holds a stack."""
    return kept.folder.with_name(f"{kept.id}.holder")


def taken_by_next_session(state: Path) -> KeptStack | None:
    """Ask for the stack as the next session does, without waiting."""
    clock = Clock()
    return choose_kept_stack(Session.begin(state), FakeEngine(), "/app", clock=clock, sleep=clock.sleep)


def test_a_stack_is_free_when_its_holder_is_dead_and_not_before(tmp_path: Path) -> None:
    first, session = held(tmp_path), Session.begin(tmp_path)
    for owner in (session.owner, elsewhere(session.owner)):
        holder(first).write_text(owner.text())
        assert taken_by_next_session(tmp_path) is None
    holder(first).write_text(dead(session.owner).text())
    assert taken_by_next_session(tmp_path) is not None


@pytest.mark.parametrize("content", [b"", b'{"state": "a", "se', b"\xff\xfe"])
def test_half_a_note_is_a_dead_ones(tmp_path: Path, content: bytes) -> None:
    holder(held(tmp_path)).write_bytes(content)
    assert taken_by_next_session(tmp_path) is not None


def test_who_holds_a_stack_no_more_releases_nothing(tmp_path: Path) -> None:
    first = held(tmp_path)
    first.release()
    second = held(tmp_path)
    first.release()
    KeptStack(second.folder).release()
    assert taken_by_next_session(tmp_path) is None


def test_a_copy_of_the_state_folder_names_another_stack(tmp_path: Path) -> None:
    first = held(tmp_path / "state")
    first.release()
    shutil.copytree(tmp_path / "state", tmp_path / "copy")
    [copied] = all_kept_stacks(tmp_path / "copy")
    assert (first.is_copied(), copied.is_copied()) == (False, True)
    assert held(tmp_path / "copy").id != first.id


def test_a_runs_workers_and_watchdog_find_its_kept_stack(tmp_path: Path) -> None:
    session = Session.begin(tmp_path)
    assert chosen_kept_stack(session) is None, "its engine isn't known yet"
    kept = choose_kept_stack(session, FakeEngine(), "/app")
    assert kept is not None
    for_worker = chosen_kept_stack(Session(session.folder, session.owner))
    assert for_worker is not None
    assert for_worker.folder == kept.folder
    for_worker.release()
    assert taken_by_next_session(tmp_path) is not None


def test_a_state_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    session = Session.begin(tmp_path)
    (tmp_path / "kept").write_text("in the way")
    with pytest.raises(StateError, match=r"state folder .* can't be used: .*--foodtrucks-state-dir"):
        choose_kept_stack(session, FakeEngine(), "/app")


def test_records_are_read_again(tmp_path: Path) -> None:
    kept = held(tmp_path)
    kept.write("es", {"value": {"id": "1"}})
    assert KeptStack(kept.folder).record("es") == {"value": {"id": "1"}}
    kept.forget("es")
    kept.forget("es")
    assert kept.record("es") is None


def test_all_records_can_be_forgotten_and_whoever_holds_it_still_does(tmp_path: Path) -> None:
    kept = held(tmp_path)
    assert not kept.forget_all()
    kept.write("es", {"value": {"id": "1"}})
    kept.write("db", {"value": {"id": "2"}})
    assert kept.forget_all()
    assert list(kept.records()) == []
    assert taken_by_next_session(tmp_path) is None


def test_a_corrupt_record_counts_as_none(tmp_path: Path) -> None:
    kept = held(tmp_path)
    kept.write("es", {"value": {"id": "1"}})
    next(kept.folder.glob("*.json")).write_text('{"value": {"i')
    assert kept.record("es") is None
    assert list(kept.records()) == []


def test_records_that_cannot_be_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    kept = held(tmp_path)
    monkeypatch.setattr(Path, "glob", refuse)  # as after another user has become the process's
    with pytest.raises(StateError, match="can't be used: Permission denied"):
        list(kept.records())
    with pytest.raises(StateError, match="can't be used: Permission denied"):
        all_kept_stacks(tmp_path)


def test_what_a_part_put_into_another_is_noted_there(tmp_path: Path) -> None:
    kept = held(tmp_path)
    kept.write("es", {"value": {"id": "1", "contents": ["menu"]}})
    kept.add_contents("es", {"trucks", "menu"})
    kept.add_contents("no such part", {"trucks"})
    assert list(kept.records()) == [{"value": {"id": "1", "contents": ["menu", "trucks"]}}]


def test_a_kept_stack_knows_how_long_nobody_used_it(tmp_path: Path) -> None:
    kept = held(tmp_path)
    used = (kept.folder / "used").stat().st_mtime
    assert kept.unused_for(lambda: used + 60) == pytest.approx(60)
    os.utime(kept.folder / "used", (0, 0))
    kept.record_use()
    assert all_kept_stacks(tmp_path)[0].unused_for(lambda: used + 60) <= 60


def test_the_use_of_a_kept_stack_that_somebody_removed_is_noted_nowhere(tmp_path: Path) -> None:
    kept = held(tmp_path)
    kept.end()
    kept.record_use()
    assert all_kept_stacks(tmp_path) == []


def test_one_whose_session_died_early_counts_as_never_used(tmp_path: Path) -> None:
    (tmp_path / "kept/0123").mkdir(parents=True)
    [kept] = all_kept_stacks(tmp_path)
    assert kept.unused_for() == float("inf")
    assert kept.project == "an unknown project"
    assert kept.url == "an unknown one"


def test_what_ended_is_forgotten_and_can_begin_again(tmp_path: Path) -> None:
    kept = held(tmp_path)
    kept.write("es", {"value": {"id": "1"}})
    kept.end()
    assert all_kept_stacks(tmp_path) == []
    assert held(tmp_path).record("es") is None


@pytest.mark.parametrize(
    ("option", "environ", "said"),
    [
        ("auto", {}, ""),
        ("docker", {"DOCKER_HOST": ""}, ""),
        ("tcp://one:2375", {"DOCKER_HOST": "tcp://two:2375"}, "on tcp://one:2375"),
        ("tcp://me:hunter2@one:2375", {}, "on tcp://one:2375"),
        ("auto", {"DOCKER_HOST": "ssh://me@two"}, "on ssh://two"),
        ("auto", {"DOCKER_HOST": "tcp://two:2375", "DOCKER_CONTEXT": "three"}, "on tcp://two:2375"),
        ("auto", {"DOCKER_CONTEXT": "three"}, "on three"),
    ],
)
def test_each_engine_that_somebody_set_has_a_stack_of_its_own(option: str, environ: dict[str, str], said: str) -> None:
    assert engine_words(option, environ) == said
