"""An engine that stops, restarts or hangs: one sentence, soon; and what can go when it is back, goes."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_foodtrucks import Engine

from .conftest import Downstream, watchdog_of, watchdogs_end
from .own_daemon import OwnDaemon, own_daemon

PATIENCE = 30.0
"""Seconds, many times what it takes: a busy machine is no failure."""

IMPATIENT = """
import os, pathlib, time
import pytest
from pytest_foodtrucks import service
from pytest_foodtrucks.engine import patience

PROBE = os.environ["EXAMPLE_BUSYBOX_IMAGE"]
END_WELL = "trap 'exit 0' TERM; sleep 600 & wait"
echo = service(image=PROBE, command=["sh", "-c", END_WELL])
other = service(image=PROBE, command=["sh", "-c", END_WELL])

@pytest.fixture
def trouble(foodtrucks_engine):
    def wait():  # from here on what takes seconds takes no minutes
        patience.AWAY_SECONDS = patience.ANSWER_SECONDS = patience.BRIEF_SECONDS = foodtrucks_engine.api.timeout = 1
        pathlib.Path("reached").touch()
        while not pathlib.Path("trouble").exists():
            time.sleep(0.02)
    return wait
"""

NO_ANSWER = "gave no answer when asked to"


@pytest.fixture(scope="module")
def shared_daemon(foodtrucks_engine: Engine) -> Iterator[OwnDaemon]:
    """Start a daemon for all of these tests."""
    with own_daemon(foodtrucks_engine) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def states(state_home: Path, shared_daemon: OwnDaemon) -> Iterator[Path]:
    """Return the folder of these tests' state folders, and see in the end that all their watchdogs end."""
    yield state_home / "trouble"
    shared_daemon.start()
    watchdogs_end(state_home / "trouble")


@pytest.fixture
def session(downstream: Downstream, shared_daemon: OwnDaemon, states: Path) -> "Session":
    """Return a session on the daemon, whose tests wait for trouble."""
    shared_daemon.start()
    return Session(downstream, shared_daemon, states / downstream.folder.name)


class Session:
    """A session whose engine gets into trouble in the middle of a test."""

    def __init__(self, downstream: Downstream, daemon: OwnDaemon, state: Path) -> None:
        self.downstream = downstream
        self.daemon = daemon
        self.state = state
        self.arguments = ("-rA", f"--foodtrucks-engine={daemon.url}", f"--foodtrucks-state-dir={state}")
        self.output = ""

    def run(self, test: str, trouble: Callable[["subprocess.Popen[str]"], None], *arguments: str) -> int:
        """Run tests, make trouble as soon as one waits for it, and return the exit code."""
        self.downstream.write(conftest=IMPATIENT, test_it=test)
        with self.downstream.started(
            *self.arguments, *arguments, new_session=True, stderr=subprocess.STDOUT
        ) as process:
            while not (self.downstream.folder / "reached").exists():
                assert process.poll() is None, process.communicate()[0]
                time.sleep(0.02)
            assert self.daemon.ours(), "the control: there is something to remove"
            trouble(process)
            (self.downstream.folder / "trouble").touch()
            self.output, _ = process.communicate(timeout=60)
            return process.returncode

    def count(self, words: str) -> int:
        """Count the lines of the session's output, but for the summary's, that have some words."""
        return sum(words in line for line in self.output.partition("short test summary")[0].splitlines())

    def said(self, words: str) -> bool:
        """Tell whether the session said something."""
        return words in self.output

    def all_gone_when_back(self) -> bool:
        """Tell whether all that the session had on the engine is gone soon after its return."""
        self.daemon.start()
        deadline = time.monotonic() + PATIENCE
        while self.daemon.ours():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True


BODY = """
def test_body(trouble, echo, other):
    trouble()
    assert echo.container.status == "running"

def test_next(echo, other):
    assert echo.container.status == "running"
"""


def test_an_engine_that_is_killed_fails_the_test_with_one_sentence(session: Session) -> None:
    assert session.run(BODY, lambda _: session.daemon.end()) == pytest.ExitCode.TESTS_FAILED
    assert session.said("2 failed"), session.output
    assert not session.said("1 error"), session.output
    assert session.count(f"NoAnswer: The engine at {session.daemon.url} {NO_ANSWER} inspect the container") == 2
    assert session.count(NO_ANSWER) == 2, session.output
    assert not session.said("Traceback"), session.output
    assert session.output.count("Containers may be left behind") == 1
    assert session.said("They go when it answers within 10 minutes"), session.output
    assert session.all_gone_when_back()


def test_an_error_of_the_tests_own_is_shown_with_one_sentence_instead_of_the_logs(session: Session) -> None:
    test = """
def test_it(trouble, echo, other):
    trouble()
    raise ConnectionError("nobody there")
"""
    assert session.run(test, lambda _: session.daemon.end(signal.SIGTERM)) == pytest.ExitCode.TESTS_FAILED
    assert session.said("1 failed"), session.output
    assert session.count("nobody there") == 2, session.output
    assert session.count("foodtrucks log") == 1, session.output
    assert session.count(NO_ANSWER) == 1, session.output
    assert session.all_gone_when_back()


def test_a_set_up_without_its_engine_fails_with_one_sentence(session: Session) -> None:
    test = """
import pytest

@pytest.fixture
def late(foodtrucks_net, echo, trouble):
    trouble()
    with foodtrucks_net.service(image=echo.container.image, aliases=["late"]) as service:
        yield service

def test_it(echo, late): pass
"""
    assert session.run(test, lambda _: session.daemon.end()) == pytest.ExitCode.TESTS_FAILED
    assert session.said("1 error"), session.output
    assert session.count(NO_ANSWER) == 1, session.output
    assert session.all_gone_when_back()


def test_a_tear_down_without_its_engine_fails_with_one_sentence(session: Session) -> None:
    test = "def test_it(trouble, echo, other): trouble()"
    assert session.run(test, lambda _: session.daemon.end()) == pytest.ExitCode.TESTS_FAILED
    assert session.said("1 passed, 1 error"), session.output
    assert session.count(NO_ANSWER) == 1, session.output
    assert session.output.count("Containers may be left behind") == 1
    assert session.all_gone_when_back()


def test_an_engine_that_hangs_fails_the_test_with_one_sentence(session: Session) -> None:
    assert session.run(BODY, lambda _: session.daemon.hang()) == pytest.ExitCode.TESTS_FAILED
    assert session.said("2 failed"), session.output
    assert session.count(NO_ANSWER) == 2, session.output
    assert session.said("Read timed out"), session.output
    assert session.all_gone_when_back()


def test_an_engine_that_restarts_while_a_test_waits_is_waited_for(session: Session) -> None:
    def restart(_: object) -> None:
        session.daemon.end()
        session.daemon.start()

    test = """
def test_it(trouble, echo, other):
    trouble()
    assert echo.container.status == "exited"
"""
    assert session.run(test, restart) == pytest.ExitCode.OK, session.output
    assert not session.said("left behind"), session.output
    assert session.daemon.ours() == set()


def test_ctrl_c_twice_while_its_own_removal_hangs(session: Session) -> None:
    def trouble(process: "subprocess.Popen[str]") -> None:
        session.daemon.hang()
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)

    session.run("def test_it(trouble, echo, other): trouble()", trouble)
    assert session.said("KeyboardInterrupt"), session.output
    assert session.all_gone_when_back()


@pytest.mark.parametrize("victim", ["session", "group"])
def test_a_session_that_is_killed_while_its_engine_is_away(session: Session, victim: str) -> None:
    def trouble(process: "subprocess.Popen[str]") -> None:
        session.daemon.end()
        if victim == "group":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait(timeout=30)

    workers = ["-n2"] if victim == "group" else []
    assert session.run("def test_it(trouble, echo): trouble()", trouble, *workers) == -signal.SIGKILL
    assert session.all_gone_when_back()


def test_workers_without_their_engine_end_too(session: Session) -> None:
    assert session.run(BODY, lambda _: session.daemon.end(), "-n2") == pytest.ExitCode.TESTS_FAILED
    assert session.count(f"NoAnswer: The engine at {session.daemon.url} {NO_ANSWER}") >= 1, session.output
    assert session.output.count("Containers may be left behind") == 1, session.output
    assert session.all_gone_when_back()


def test_the_next_session_removes_what_the_watchdog_could_not(session: Session) -> None:
    def trouble(process: "subprocess.Popen[str]") -> None:
        session.daemon.end()
        os.kill(watchdog_of(session.state), signal.SIGKILL)
        process.kill()

    session.run("def test_it(trouble, echo): trouble()", trouble)
    session.daemon.start()
    assert session.daemon.ours(), "the control: without a watchdog it stays"
    session.downstream.write(test_it="def test_it(foodtrucks_engine): pass")
    session.downstream.run(*session.arguments).assert_outcomes(passed=1)
    assert session.daemon.ours() == set()
