"""The state folder: leases, owners, and who is provably dead."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_foodtrucks import StateError, lease
from pytest_foodtrucks.endpoints import Endpoint
from pytest_foodtrucks.runs import Run, forget_dead, is_orphan, state_folder

HOLD = """
import sys, time
from pathlib import Path
from pytest_foodtrucks.runs import Run
run = Run.begin(Path(sys.argv[1]))
print(run.folder, run.owner_label, flush=True)
sys.stdin.read()
"""

ASK = """
import sys
from pathlib import Path
from pytest_foodtrucks import lease
print(lease.is_free(Path(sys.argv[1])))
"""


def holder(state: Path) -> "subprocess.Popen[str]":
    """Start a process that owns a run until its standard input ends."""
    command = [sys.executable, "-c", HOLD, str(state)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_the_folder_is_the_users_state_by_the_xdg_specification() -> None:
    assert state_folder(None, {"XDG_STATE_HOME": "/state"}) == Path("/state/pytest-foodtrucks")
    assert state_folder(None, {}) == Path.home() / ".local/state/pytest-foodtrucks"
    assert state_folder("~/mine", {"XDG_STATE_HOME": "/state"}) == Path.home() / "mine"


def test_an_owner_is_alive_until_its_process_ends(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        assert process.stdout is not None
        folder, label = process.stdout.readline().split()
        run = Run(Path(folder))
        assert run.owner_lives()
        assert not is_orphan(label, tmp_path)
        process.kill()
        process.wait()
        assert not run.owner_lives()
        assert is_orphan(label, tmp_path)


def test_waiting_for_a_lease_ends_with_its_owner(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().split()[0])
        process.kill()
        assert lease.wait_until_free(Run(folder).lease_file) == ""


WAIT = """
import sys
from pathlib import Path
from pytest_foodtrucks import lease
file = Path(sys.argv[1])
lease.is_free(file)
print("waiting", flush=True)
print(lease.wait_until_free(file))
"""


def test_who_waits_hears_that_a_run_ended_well_although_its_folder_is_gone(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    command = [sys.executable, "-c", WAIT, str(run.lease_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "waiting\n"
        time.sleep(0.2)
        run.end()
        assert waiting.stdout.read() == "ended\n"


def test_a_lease_may_be_given_up_twice(tmp_path: Path) -> None:
    held = lease.Lease(tmp_path / "lease")
    held.release()
    held.release()
    assert lease.is_free(tmp_path / "lease")


def test_the_folders_of_runs_that_died_long_ago_go(tmp_path: Path) -> None:
    living = Run.begin(tmp_path)
    with holder(tmp_path) as process:
        assert process.stdout is not None
        dead = Path(process.stdout.readline().split()[0])
        process.kill()
    now = dead.stat().st_mtime
    forget_dead(tmp_path, lambda: now + 60)
    assert dead.exists()
    forget_dead(tmp_path, lambda: now + 7200)
    assert not dead.exists()
    assert living.folder.exists()


def test_a_process_takes_its_own_run_for_alive_and_keeps_the_lease(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    assert run.is_owner
    assert not is_orphan(run.owner_label, tmp_path)
    asked = subprocess.run([sys.executable, "-c", ASK, str(run.lease_file)], capture_output=True, text=True, check=True)
    assert asked.stdout == "False\n"
    run.end()
    assert not run.folder.exists()


def test_a_run_that_ended_owns_nothing_any_more(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    label = run.owner_label
    run.end()
    assert is_orphan(label, tmp_path)


@pytest.mark.parametrize("label", ["", "kept", "another0folder/0123", "host:42", "../..", "{identity}/../../x"])
def test_a_label_that_is_not_of_this_folder_is_never_an_orphans(tmp_path: Path, label: str) -> None:
    run = Run.begin(tmp_path)
    identity = run.owner_label.partition("/")[0]
    assert not is_orphan(label.format(identity=identity), tmp_path)


def test_all_runs_of_a_folder_share_its_identity(tmp_path: Path) -> None:
    one, other = Run.begin(tmp_path), Run.begin(tmp_path)
    assert one.id != other.id
    assert one.owner_label.partition("/")[0] == other.owner_label.partition("/")[0]


def test_the_first_to_come_opens_a_run(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    calls: list[str] = []
    assert not run.is_open()
    run.open(lambda: calls.append("first"))
    Run(run.folder).open(lambda: calls.append("second"))
    assert calls == ["first"]
    assert run.is_open()


def test_a_run_notes_where_its_engine_is_for_whoever_comes_later(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    assert run.endpoint() is None
    for endpoint in (Endpoint("unix:///run/fake.sock"), Endpoint("tcp://one:2376", "DOCKER_CONTEXT ('one')", "one")):
        run.note_engine(endpoint)
        assert Run(run.folder).endpoint() == endpoint


def test_a_folder_that_cannot_be_made_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"state folder .*file.* can't be used: .*--foodtrucks-state-dir"):
        Run.begin(tmp_path / "file" / "state")


@pytest.mark.parametrize("content", [b"", b"\0garbage\n", b"\xff\xfe"])
def test_a_corrupt_identity_is_told_and_nothing_judged_by_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "identity").write_bytes(content)
    with pytest.raises(StateError, match=r"The state file .*identity is corrupt.*Remedy: remove it"):
        Run.begin(tmp_path)
    with pytest.raises(StateError, match="identity is corrupt"):
        is_orphan("kept/1234", tmp_path)


def test_an_owner_whose_lease_cannot_be_asked_is_no_orphan(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    label = run.owner_label
    run.end()
    (tmp_path / "runs" / run.id / "lease").mkdir(parents=True)
    assert not is_orphan(label, tmp_path)


def test_a_run_that_cannot_be_noted_is_told_with_the_remedy(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    run.forget()
    (tmp_path / "runs" / run.id).touch()
    with pytest.raises(StateError, match=r"can't be used: .*\. Remedy: make it writable"):
        run.open(lambda: None)


def test_only_the_owner_ends_a_run(tmp_path: Path) -> None:
    run = Run.begin(tmp_path)
    Run(run.folder).end()
    assert run.folder.exists()
    assert list((tmp_path / "runs").iterdir()) == [run.folder]
