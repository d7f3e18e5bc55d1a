"""Kept stacks: held by one session at a time, found again by their project, recorded part by part."""

import os
from pathlib import Path

import pytest

from fakes import Clock, FakeEngine, keep
from pytest_foodtrucks import StateError
from pytest_foodtrucks.kept import Kept, all_kept, choose, chosen, is_refused, place, settle
from pytest_foodtrucks.runs import Run


def held(state: Path, project: str = "/app") -> Kept:
    """Hold a project's kept stack for a new run."""
    return keep(Run.begin(state), FakeEngine(), project)


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
    other.name = "another engine"
    first = keep(Run.begin(tmp_path), one)
    first.write("es", {"value": {"id": "1"}})
    first.release()
    second = keep(Run.begin(tmp_path), other)
    assert second.record("es") is None
    assert (first.is_on(one), first.is_on(other)) == (True, False)
    second.release()
    assert keep(Run.begin(tmp_path), one).record("es") == {"value": {"id": "1"}}


def test_a_run_that_failed_to_begin_can_settle_again(tmp_path: Path) -> None:
    run, engine = Run.begin(tmp_path), FakeEngine()
    kept = keep(run, engine)
    again = settle(run, engine, "/app")
    assert again is not None
    assert again.id == kept.id


def test_a_second_session_at_the_same_time_gets_none_and_knows_why(tmp_path: Path) -> None:
    held(tmp_path)
    clock, run = Clock(), Run.begin(tmp_path)
    assert choose(run, "/app", clock=clock, sleep=clock.sleep) is None
    assert sum(clock.sleeps) == pytest.approx(2.0, abs=0.1)
    assert is_refused(run)
    assert chosen(run) is None
    assert settle(run, FakeEngine(), "/app") is None


def test_a_session_waits_for_whoever_removes_something_just_now(tmp_path: Path) -> None:
    first = held(tmp_path)

    def sleep(_: float) -> None:
        first.release()

    assert choose(Run.begin(tmp_path), "/app", sleep=sleep) is not None


def test_a_runs_workers_and_watchdog_find_its_kept_stack(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    assert choose(run, "/app") is not None
    assert chosen(run) is None, "its engine isn't known yet"
    kept = settle(run, FakeEngine(), "/app")
    assert kept is not None
    for_worker = chosen(Run(run.folder))
    assert for_worker is not None
    assert for_worker.folder == kept.folder
    assert not is_refused(run)


def test_a_run_without_a_kept_stack_has_none(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    assert chosen(run) is None
    assert settle(run, FakeEngine(), "/app") is None
    assert not is_refused(run)


def test_a_state_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    (tmp_path / "kept").write_text("in the way")
    with pytest.raises(StateError, match=r"state folder .* can't be used: .*--foodtrucks-state-dir"):
        choose(run, "/app")


def test_records_are_read_again(tmp_path: Path) -> None:
    kept = held(tmp_path)
    kept.write("es", {"value": {"id": "1"}})
    assert Kept(kept.folder).record("es") == {"value": {"id": "1"}}
    kept.forget("es")
    kept.forget("es")
    assert kept.record("es") is None


def test_a_corrupt_record_counts_as_none(tmp_path: Path) -> None:
    kept = held(tmp_path)
    kept.write("es", {"value": {"id": "1"}})
    next(kept.folder.glob("*.json")).write_text('{"value": {"i')
    assert kept.record("es") is None
    assert list(kept.records()) == []


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
    kept.used()
    assert all_kept(tmp_path)[0].unused_for(lambda: used + 60) <= 60


def test_the_use_of_a_kept_stack_that_somebody_removed_is_noted_nowhere(tmp_path: Path) -> None:
    kept = held(tmp_path)
    kept.end()
    kept.used()
    assert all_kept(tmp_path) == []


def test_one_whose_session_died_early_counts_as_never_used(tmp_path: Path) -> None:
    (tmp_path / "kept/0123").mkdir(parents=True)
    [kept] = all_kept(tmp_path)
    assert kept.unused_for() == float("inf")
    assert kept.project == "an unknown project"
    assert kept.url == "an unknown one"


def test_what_ended_is_forgotten_and_can_begin_again(tmp_path: Path) -> None:
    kept = held(tmp_path)
    kept.write("es", {"value": {"id": "1"}})
    kept.end()
    assert all_kept(tmp_path) == []
    assert held(tmp_path).record("es") is None


def test_a_lease_that_somebody_takes_first_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(_: Path) -> None:
        raise BlockingIOError

    monkeypatch.setattr("pytest_foodtrucks.lease.Lease", taken)
    assert Kept.held(tmp_path / "kept/0123") is None


@pytest.mark.parametrize(
    ("option", "environ", "said"),
    [
        ("auto", {}, ""),
        ("docker", {"DOCKER_HOST": ""}, ""),
        ("tcp://one:2375", {"DOCKER_HOST": "tcp://two:2375"}, "on tcp://one:2375"),
        ("auto", {"DOCKER_HOST": "tcp://two:2375", "DOCKER_CONTEXT": "three"}, "on tcp://two:2375"),
        ("auto", {"DOCKER_CONTEXT": "three"}, "on three"),
    ],
)
def test_each_engine_that_somebody_set_has_a_stack_of_its_own(option: str, environ: dict[str, str], said: str) -> None:
    assert place(option, environ) == said
