"""A run: one session's place in the state folder, and who owns it."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.session import dead, elsewhere
from pytest_foodtrucks import StateError
from pytest_foodtrucks.engine.endpoints import Endpoint
from pytest_foodtrucks.sessions.owners import read_owner
from pytest_foodtrucks.sessions.processes import this_process
from pytest_foodtrucks.sessions.session import Run, forget_dead


def shared(run: Run) -> Run:
    """Return a run as an xdist worker has it."""
    return Run.shared(run.folder, run.owner.text())


def test_the_process_that_begins_a_run_owns_it(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    assert run.is_owner
    assert run.owner.process == this_process()
    assert run.owner_lives()
    assert read_owner(run.owner_label) == run.owner


def test_a_worker_knows_the_owner_and_is_none(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    worker = shared(run)
    assert (worker.owner, worker.id, worker.is_owner) == (run.owner, run.id, False)
    assert worker.owner_lives()
    shutil.rmtree(tmp_path / "runs")
    assert worker.owner_lives(), "whatever becomes of the folder"
    assert not Run(run.folder, dead(run.owner)).owner_lives()
    assert Run(run.folder, elsewhere(run.owner)).owner_lives(), "what can't be told is no death"


def test_a_run_that_says_nothing_of_its_owner_is_told(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"The xdist controller told of its run by 'x', which says nothing"):
        Run.shared(tmp_path, "x")


def in_a_forked_child(ask: Callable[[], object]) -> str:
    """Ask something in a forked child, and return the answer's text."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(sender, str(ask()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(sender)
    with os.fdopen(receiver) as stream:
        return stream.read()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_owns_and_ends_nothing(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    assert in_a_forked_child(lambda: run.is_owner) == "False"
    in_a_forked_child(run.end)
    assert run.folder.exists()
    assert run.is_owner


def test_all_runs_of_a_folder_share_its_identity(tmp_path: Path) -> None:
    one, other = Run.begin(tmp_path), Run.begin(tmp_path)
    assert one.id != other.id
    assert one.owner.state == other.owner.state


def test_the_label_tells_more_once_there_is_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_foodtrucks.sessions.owners.machine_in", lambda _: "this machine")
    run = Run.begin(tmp_path)
    run.note_engine(Endpoint("unix:///run/fake.sock"), is_local=True, container=("c1", "then"))
    for each in (run, shared(run)):
        owner = read_owner(each.owner_label)
        assert owner is not None
        assert (owner.machine, owner.container, owner.container_start) == ("this machine", "c1", "then")
    run.note_engine(Endpoint("tcp://one:2376"))
    assert read_owner(run.owner_label) == run.owner, "the engine is another machine's"


def test_the_first_to_come_opens_a_run(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    calls: list[str] = []
    assert not run.is_open()
    run.open(lambda: calls.append("first"))
    shared(run).open(lambda: calls.append("second"))
    assert calls == ["first"]
    assert run.is_open()


def test_a_run_notes_where_its_engine_is_for_whoever_comes_later(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    assert run.endpoint() is None
    for endpoint in (Endpoint("unix:///run/fake.sock"), Endpoint("tcp://one:2376", "DOCKER_CONTEXT ('one')", "one")):
        run.note_engine(endpoint)
        assert shared(run).endpoint() == endpoint


def test_a_run_that_ended_is_forgotten(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    run.end()
    assert not run.folder.exists()
    assert not run.is_owner
    run.end()


def test_a_watchdog_that_was_not_told_finds_a_note(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    run.end(watchdog_knows=False)
    assert (run.folder / "ended").exists()
    assert not run.is_owner
    gone = Run.begin(tmp_path)
    shutil.rmtree(gone.folder)
    gone.end(watchdog_knows=False)
    assert not gone.folder.exists(), "what somebody removed doesn't come back"


def test_a_runs_files_are_its_users_alone(tmp_path: Path) -> None:
    run = Run.begin(tmp_path / "state")
    run.note_engine(Endpoint("unix:///run/fake.sock"))
    run.open(lambda: None)
    run.end(watchdog_knows=False)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").rglob("*")}
    folders = {path.name for path in (tmp_path / "state").rglob("*/")}
    assert {mode for name, mode in modes.items() if name not in folders} == {0o600}, modes
    assert {mode for name, mode in modes.items() if name in folders} == {0o700}, modes


def named(run: Run, owner: str) -> Path:
    """Let a run's folder name another owner, and return the folder."""
    (run.folder / "owner.json").write_text(owner)
    return run.folder


@pytest.mark.parametrize("days", [0.01, 0.5, 29, 31])
def test_the_folders_of_runs_that_died_long_ago_go(tmp_path: Path, days: float) -> None:
    living, ended, gone, untold, broken, empty = (Run.begin(tmp_path) for _ in range(6))
    ended.end(watchdog_knows=False)
    named(gone, dead(gone.owner).text())
    named(untold, elsewhere(untold.owner).text())
    named(broken, json.dumps({"half": "a"})[:5])
    (empty.folder / "owner.json").unlink()
    now = max(run.folder.stat().st_mtime for run in (living, ended, gone, untold, broken, empty))
    forget_dead(tmp_path, lambda: now + days * 86400)
    left = {run for run in (living, ended, gone, untold, broken, empty) if run.folder.exists()}
    expected = {living} | ({ended, gone} if days < 0.04 else set()) | ({untold, broken, empty} if days < 30 else set())
    assert left == expected


def test_a_folder_that_cannot_be_made_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"state folder .*file.* can't be used: .*--foodtrucks-state-dir"):
        Run.begin(tmp_path / "file" / "state")


def test_a_run_that_cannot_be_noted_is_told_with_the_remedy(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    run.forget()
    (tmp_path / "runs" / run.id).touch()
    with pytest.raises(StateError, match=r"can't be used: .*\. Remedy: make it writable"):
        run.open(lambda: None)


def test_only_the_owner_ends_a_run(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    shared(run).end()
    assert run.folder.exists()
