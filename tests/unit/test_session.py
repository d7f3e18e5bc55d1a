"""A session: its folder in the state folder, its owner, and its end."""

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
from pytest_foodtrucks.sessions.session import Session, remove_folders_of_dead_sessions


def shared(session: Session) -> Session:
    """Return a session as an xdist worker has it."""
    return Session.of_controller(session.folder, session.owner.text())


def test_the_process_that_begins_a_session_ends_it(tmp_path: Path) -> None:
    session = Session.begin(tmp_path)
    assert session.ends_here
    assert session.owner.process == this_process()
    assert session.is_alive()
    assert read_owner(session.owner_label) == session.owner


def test_a_worker_knows_the_session_and_doesnt_end_it(tmp_path: Path) -> None:
    session = Session.begin(tmp_path)
    worker = shared(session)
    assert (worker.owner, worker.id, worker.ends_here) == (session.owner, session.id, False)
    assert worker.is_alive()
    shutil.rmtree(tmp_path / "runs")
    assert worker.is_alive(), "whatever becomes of the folder"
    assert not Session(session.folder, dead(session.owner)).is_alive()
    assert Session(session.folder, elsewhere(session.owner)).is_alive(), "what can't be told is no death"


def test_a_controller_that_says_nothing_of_its_session_is_told(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"The xdist controller told of its session by 'x', which says nothing"):
        Session.of_controller(tmp_path, "x")


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
    session = Session.begin(tmp_path)
    assert in_a_forked_child(lambda: session.ends_here) == "False"
    in_a_forked_child(session.end)
    assert session.folder.exists()
    assert session.ends_here


def test_all_sessions_of_a_state_folder_have_its_identity(tmp_path: Path) -> None:
    one, other = Session.begin(tmp_path), Session.begin(tmp_path)
    assert one.id != other.id
    assert one.owner.state == other.owner.state


def test_the_label_tells_more_once_there_is_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_foodtrucks.sessions.owners.machine_in", lambda _: "this machine")
    session = Session.begin(tmp_path)
    session.record_engine(Endpoint("unix:///run/fake.sock"), is_local=True, container=("c1", "then"))
    for each in (session, shared(session)):
        owner = read_owner(each.owner_label)
        assert owner is not None
        assert (owner.machine, owner.container, owner.container_start) == ("this machine", "c1", "then")
    session.record_engine(Endpoint("tcp://one:2376"))
    assert read_owner(session.owner_label) == session.owner, "the engine is another machine's"


def test_the_first_process_goes_to_the_engine_for_all(tmp_path: Path) -> None:
    session = Session.begin(tmp_path)
    calls: list[str] = []
    assert not session.is_on_engine()
    session.go_to_engine(lambda: calls.append("first"))
    shared(session).go_to_engine(lambda: calls.append("second"))
    assert calls == ["first"]
    assert session.is_on_engine()


def test_a_session_records_its_engine_for_whoever_comes_later(tmp_path: Path) -> None:
    session = Session.begin(tmp_path)
    assert session.endpoint() is None
    for endpoint in (Endpoint("unix:///run/fake.sock"), Endpoint("tcp://one:2376", "DOCKER_CONTEXT ('one')", "one")):
        session.record_engine(endpoint)
        assert shared(session).endpoint() == endpoint


def test_the_folder_of_a_session_that_ended_is_removed(tmp_path: Path) -> None:
    session = Session.begin(tmp_path)
    session.end()
    assert not session.folder.exists()
    assert not session.ends_here
    session.end()


def test_a_watchdog_that_was_not_told_finds_a_note(tmp_path: Path) -> None:
    session = Session.begin(tmp_path)
    session.end(watchdog_knows=False)
    assert (session.folder / "ended").exists()
    assert not session.ends_here
    gone = Session.begin(tmp_path)
    shutil.rmtree(gone.folder)
    gone.end(watchdog_knows=False)
    assert not gone.folder.exists(), "what somebody removed doesn't come back"


def test_a_sessions_files_are_its_users_alone(tmp_path: Path) -> None:
    session = Session.begin(tmp_path / "state")
    session.record_engine(Endpoint("unix:///run/fake.sock"))
    session.go_to_engine(lambda: None)
    session.end(watchdog_knows=False)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").rglob("*")}
    folders = {path.name for path in (tmp_path / "state").rglob("*/")}
    assert {mode for name, mode in modes.items() if name not in folders} == {0o600}, modes
    assert {mode for name, mode in modes.items() if name in folders} == {0o700}, modes


def named(session: Session, owner: str) -> Path:
    """Let a session's folder name another owner, and return the folder."""
    (session.folder / "owner.json").write_text(owner)
    return session.folder


@pytest.mark.parametrize("days", [0.01, 0.5, 29, 31])
def test_the_folders_of_sessions_that_died_long_ago_go(tmp_path: Path, days: float) -> None:
    living, ended, gone, untold, broken, empty = (Session.begin(tmp_path) for _ in range(6))
    ended.end(watchdog_knows=False)
    named(gone, dead(gone.owner).text())
    named(untold, elsewhere(untold.owner).text())
    named(broken, json.dumps({"half": "a"})[:5])
    (empty.folder / "owner.json").unlink()
    now = max(session.folder.stat().st_mtime for session in (living, ended, gone, untold, broken, empty))
    remove_folders_of_dead_sessions(tmp_path, lambda: now + days * 86400)
    left = {session for session in (living, ended, gone, untold, broken, empty) if session.folder.exists()}
    expected = {living} | ({ended, gone} if days < 0.04 else set()) | ({untold, broken, empty} if days < 30 else set())
    assert left == expected


def test_a_folder_that_cannot_be_made_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"state folder .*file.* can't be used: .*--foodtrucks-state-dir"):
        Session.begin(tmp_path / "file" / "state")


def test_a_session_that_cannot_be_recorded_is_told_with_the_remedy(tmp_path: Path) -> None:
    session = Session.begin(tmp_path)
    session.remove_folder()
    (tmp_path / "runs" / session.id).touch()
    with pytest.raises(StateError, match=r"can't be used: .*\. Remedy: make it writable"):
        session.go_to_engine(lambda: None)


def test_a_worker_doesnt_end_the_session(tmp_path: Path) -> None:
    session = Session.begin(tmp_path)
    shared(session).end()
    assert session.folder.exists()
