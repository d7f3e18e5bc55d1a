"""The watchdog as the session sees it: a real process that watches, is started anew, is told, and wakes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from pytest_foodtrucks.engine.endpoints import Endpoint
from pytest_foodtrucks.sessions import lease
from pytest_foodtrucks.sessions.lease import LeaseState
from pytest_foodtrucks.sessions.owners import lease_file
from pytest_foodtrucks.sessions.processes import Life, Process, life, process_of
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.stacks import watchdog_start
from pytest_foodtrucks.stacks.watching import Watching

NOWHERE = Endpoint("unix:///no/such/socket")


class Watched:
    """A session with its watchdog; `said` is what people were told."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.said: list[str] = []
        self.watching = Watching(session, self.said.append)

    def see(self) -> Process:
        """See that it watches, and return its process."""
        self.watching.see(NOWHERE, None)
        return Process(**json.loads((self.session.folder / "watchdog.json").read_text()))

    def lease(self) -> LeaseState:
        """Look at the lease."""
        return lease.look_at(lease_file(self.session.state_folder, self.session.id), self.session.owner.lease)

    def channel(self) -> int:
        """Return the descriptor by which the watchdog is told."""
        channel = self.watching._channel  # noqa: SLF001 - what a test's own close hits by chance
        assert channel is not None
        return channel.number


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Return a session of this process; its watchdog ends with the test."""
    session = Session.begin(tmp_path)
    yield Watched(session)
    end_watchdogs(session)


def end_watchdogs(session: Session) -> None:
    """End the watchdogs of a session."""
    for pid in watchdogs(session):
        os.kill(pid, signal.SIGKILL)


def watchdogs(session: Session) -> list[int]:
    """Return the ids of the watchdogs of a session."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"watchdog.py\0{session.folder}".encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:  # ended meanwhile
            continue
    return found


def comes(true: Callable[[], bool]) -> bool:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def ends(process: Process) -> bool:
    """Wait until a process has ended."""
    return comes(lambda: life(process) is Life.DEAD)


def test_it_watches_before_anybody_goes_on(watched: Watched) -> None:
    assert watched.lease() is LeaseState.FREE
    process = watched.see()
    assert life(process) is Life.ALIVE
    assert watched.lease() is LeaseState.HELD
    assert watched.said == []
    assert watched.see() == process, "one is enough"
    assert Watched(watched.session).see() == process, "for another worker too"


def test_it_has_nothing_of_the_sessions(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BUILD_ID", "JENKINS_NODE_COOKIE", "RUNNER_TRACKING_ID", "PYTHONPATH"):
        monkeypatch.setenv(name, "a mark by which a CI runner kills")
    monkeypatch.setenv("DOCKER_CERT_PATH", "/certificates")
    about = Path("/proc") / str(watched.see().pid)
    variables = dict(entry.split("=", 1) for entry in (about / "environ").read_text().split("\0")[:-1])
    assert "a mark by which a CI runner kills" not in variables.values()
    assert variables["DOCKER_CERT_PATH"] == "/certificates"
    assert (about / "cwd").readlink() == Path("/")
    stat = (about / "stat").read_text().rpartition(")")[2].split()
    assert int(stat[1]) != os.getpid(), "its parent"
    assert int(stat[3]) != os.getsid(0), "its session"
    status = (about / "status").read_text()
    ignored = int(next(line for line in status.splitlines() if line.startswith("SigIgn")).split()[1], 16)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        assert ignored >> (number - 1) & 1


def test_it_ends_when_it_is_told_that_nothing_is_left(watched: Watched) -> None:
    process = watched.see()
    assert watched.watching.tell_ended()
    assert ends(process)
    assert not watched.watching.tell_ended(), "there is nobody to tell any more"


def test_it_is_started_anew_when_somebody_killed_it(watched: Watched) -> None:
    first = watched.see()
    os.kill(first.pid, signal.SIGKILL)
    assert ends(first)
    second = watched.see()
    assert second != first
    assert life(second) is Life.ALIVE
    assert watched.lease() is LeaseState.HELD
    os.kill(second.pid, signal.SIGKILL)
    assert ends(second)
    assert not watched.watching.tell_ended()


def test_a_descriptor_that_is_somebody_elses_by_now_is_left_alone(watched: Watched, tmp_path: Path) -> None:
    process = watched.see()
    number = watched.channel()
    os.close(number)
    with (tmp_path / "of the test").open("wb") as file:
        if file.fileno() != number:
            os.dup2(file.fileno(), number)
        assert not watched.watching.tell_ended()
        assert os.fstat(number).st_ino == (tmp_path / "of the test").stat().st_ino, "still open"
        if file.fileno() != number:
            os.close(number)
    assert not watched.watching.tell_ended(), "closed, and nobody's"
    assert (tmp_path / "of the test").read_bytes() == b""
    assert life(process) is Life.ALIVE, "it watches by other means"


@pytest.mark.parametrize("executable", [None, "", "/no/such/python", "/bin/true"])
def test_it_finds_python_where_the_session_does_not_say(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, executable: str | None
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    assert life(watched.see()) is Life.ALIVE


def test_a_search_path_of_any_size_and_kind_is_handed_over(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    odd: list[object] = [b"/bytes/\xff", "", "relative", 7, *(f"/{number:09}" for number in range(30_000))]
    monkeypatch.setattr(sys, "path", [*odd, *sys.path])
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    assert life(watched.see()) is Life.ALIVE


def test_it_starts_from_a_folder_that_was_removed(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "removed").mkdir()
    monkeypatch.chdir(tmp_path / "removed")
    (tmp_path / "removed").rmdir()
    monkeypatch.setattr(sys, "path", ["", "relative", *sys.path])
    monkeypatch.setattr(sys, "prefix", "relative")
    assert life(watched.see()) is Life.ALIVE


def test_where_none_can_be_started_one_sentence_says_so_and_the_session_goes_on(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog_start, "interpreters", lambda: iter(["/no/such/python", "/bin/true"]))
    for _ in range(2):
        watched.watching.see(NOWHERE, None)
    [said] = watched.said
    assert said.startswith("no watchdog could be started (/bin/true: it ended at once): what this session leaves if")
    worker = Watched(watched.session)
    worker.watching.see(NOWHERE, None)
    assert worker.said == [], "once for all workers"
    assert not watched.watching.tell_ended()
    monkeypatch.setattr(watchdog_start, "interpreters", lambda: iter([]))
    nameless = Watched(Session.begin(watched.session.state_folder))
    nameless.watching.see(NOWHERE, None)
    assert nameless.said[0].startswith("no watchdog could be started (Python doesn't tell which program it is)")


OWNER = """
import sys
from pathlib import Path
from pytest_foodtrucks.sessions.session import Session
session = Session.begin(Path(sys.argv[1]))
print(session.folder, session.owner.text(), flush=True)
sys.stdin.read()
session.end(watchdog_knows=False)
"""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[tuple[Watched, IO[str]]]:
    """Return the session of another process, which ends it as xdist's controller does until its input is closed."""
    command = [sys.executable, "-c", OWNER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        folder, text = process.stdout.readline().split(maxsplit=1)
        session = Session.of_controller(Path(folder), text)
        yield Watched(session), process.stdin
        process.kill()
    end_watchdogs(session)


@pytest.mark.parametrize("pidfd", [True, False])
def test_it_wakes_when_the_owner_ends_whoever_started_it(
    owner: tuple[Watched, IO[str]], monkeypatch: pytest.MonkeyPatch, *, pidfd: bool
) -> None:
    def refused(_: int) -> int:
        raise PermissionError

    if not pidfd:
        monkeypatch.setattr(os, "pidfd_open", refused)
    watched, keep = owner
    process = watched.see()
    os.close(watched.channel())  # as when the worker that started it ends
    assert life(process_of(process.pid)) is Life.ALIVE
    keep.close()
    assert ends(process)
    assert not watched.session.folder.exists(), "the owner's note told that nothing is left to do"


def test_a_number_that_somebody_else_has_by_now_is_not_watched(owner: tuple[Watched, IO[str]]) -> None:
    watched, keep = owner
    keep.close()
    assert ends(watched.session.owner.process)
    assert watchdog_start._pidfd(watched.session.owner.process) == -1  # noqa: SLF001 - no way leads there but a race


def test_modules_come_first_from_where_the_session_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "requests.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    path = watchdog_start.module_path()
    assert path.index(str(Path(watchdog_start.__file__).parents[2])) < path.index(str(tmp_path))
