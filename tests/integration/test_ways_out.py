"""However a session ends, what it started goes: by its own hand, the watchdog's, or the next session's."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from fakes.session import dead
from pytest_foodtrucks import Engine
from pytest_foodtrucks.engine.labels import SESSION_LABEL
from pytest_foodtrucks.sessions.session import Session

from .conftest import Downstream, watchdog_of
from .test_removal import CONFTEST

PATIENCE = 30.0
"""Seconds, many times what it takes: a busy machine is no failure."""

HANGING = """
import pathlib, time

def {name}(echo, net_probe):
    pathlib.Path({folder!r}, "{name}-reached").touch()
    time.sleep(60)
"""


def reached(downstream: Downstream, process: "subprocess.Popen[str]", tests: int = 1) -> None:
    """Wait until the tests hang."""
    while len(list(downstream.folder.glob("*-reached"))) < tests:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)


def gone(left: Callable[[], set[str]]) -> bool:
    """Tell whether nothing is left after a while."""
    deadline = time.monotonic() + PATIENCE
    while left():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


class Hanging:
    """A session whose tests started things, and hang."""

    def __init__(self, process: "subprocess.Popen[str]", left: Callable[[], set[str]]) -> None:
        self.process = process
        self.left = left

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def all_gone(self) -> bool:
        """Wait for its end, and tell whether all that it had on the engine is gone soon after."""
        self.process.wait(timeout=60)
        return gone(self.left)


Hang = Callable[..., AbstractContextManager[Hanging]]


@pytest.fixture
def hang(downstream: Downstream, state: Path, ours_on_engine: Callable[[], set[str]]) -> Hang:
    """Start a session with so many tests that hang, and options; go on when there is something to remove."""

    @contextmanager
    def start(*options: str, tests: int = 1) -> Iterator[Hanging]:
        folder = str(downstream.folder)
        names = [f"test_{number}" for number in range(tests)]
        test_it = "\n".join(HANGING.format(name=name, folder=folder) for name in names)
        downstream.write(conftest=CONFTEST, test_it=test_it)
        before = ours_on_engine()
        with downstream.started(f"--foodtrucks-state-dir={state}", *options, new_session=True) as process:
            reached(downstream, process, tests)
            hanging = Hanging(process, lambda: ours_on_engine() - before)
            assert hanging.left(), "the control: there is something to remove"
            yield hanging

    return start


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_killed_process(hang: Hang, number: signal.Signals) -> None:
    with hang() as session:
        session.send(number)
        assert session.all_gone()


def test_a_killed_process_whose_state_folder_somebody_removed(hang: Hang, state: Path) -> None:
    with hang() as session:
        shutil.rmtree(state / "runs")
        session.send(signal.SIGKILL)
        assert session.all_gone()


def test_ctrl_c_twice(hang: Hang) -> None:
    with hang() as session:
        session.send(signal.SIGINT)
        time.sleep(0.1)
        session.send(signal.SIGINT)
        assert session.all_gone()


def test_ctrl_c_in_a_session_of_workers(hang: Hang) -> None:
    with hang("-n2", tests=2) as session:
        session.send(signal.SIGINT)
        assert session.all_gone()


@pytest.mark.parametrize("victim", ["controller", "group"])
def test_a_killed_session_of_workers(hang: Hang, victim: str) -> None:
    with hang("-n2", tests=2) as session:
        if victim == "group":
            os.killpg(session.process.pid, signal.SIGKILL)
        else:
            session.send(signal.SIGKILL)
        assert session.all_gone()


@pytest.mark.usefixtures("only_unknown_things")
def test_a_session_whose_watchdog_was_killed_too_is_made_good_by_the_next(
    hang: Hang, downstream: Downstream, state: Path
) -> None:
    with hang() as session:
        os.kill(watchdog_of(state), signal.SIGKILL)
        session.send(signal.SIGKILL)
        session.process.wait(timeout=30)
    time.sleep(1)
    assert session.left(), "the control: without a watchdog it stays"
    downstream.write(test_it="def test_it(foodtrucks_engine): pass")
    downstream.run(f"--foodtrucks-state-dir={state}").assert_outcomes(passed=1)
    assert not session.left()


@pytest.mark.usefixtures("only_unknown_things")
def test_a_sweep_leaves_alone_what_is_not_provably_orphaned(
    downstream: Downstream, state: Path, tmp_path: Path, foodtrucks_engine: Engine
) -> None:
    living = Session.begin(state)
    others = Session.begin(tmp_path / "another state folder")
    owners = {
        "orphaned": dead(Session.begin(state).owner).text(),
        "a living session's": living.owner_label,
        "another state folder's": others.owner_label,
        "kept": "kept",
        "strange": "../../etc",
    }
    made = {
        name: foodtrucks_engine.create_network(
            f"foodtrucks-decoy-{number}",
            driver="bridge",
            internal=False,
            labels={"pytest-foodtrucks": "decoy", "pytest-foodtrucks.owner": owner},
        )
        for number, (name, owner) in enumerate(owners.items())
    }
    try:
        downstream.write(test_it="def test_it(foodtrucks_engine): pass")
        downstream.run(f"--foodtrucks-state-dir={state}").assert_outcomes(passed=1)
        left = foodtrucks_engine.labels("networks", "pytest-foodtrucks.owner")
        assert {name for name, network in made.items() if network in left} == owners.keys() - {"orphaned"}
    finally:
        for network in made.values():
            foodtrucks_engine.remove_network(network)
        living.end()
        others.end()


@pytest.mark.usefixtures("only_unknown_things")
def test_sessions_on_a_copy_of_the_state_folder_remove_and_take_nothing(
    hang: Hang, downstream: Downstream, state: Path, state_home: Path, foodtrucks_engine: Engine
) -> None:
    """A CI cache, a baked image, a restored home."""
    copy = state_home / f"{state.name}-copy"
    with hang("--foodtrucks-reuse") as session:
        shutil.copytree(state, copy)
        before = session.left() | kept_by(state, foodtrucks_engine)
        downstream.write(test_it="def test_it(echo): open('id', 'w').write(echo.container.id)")
        result = downstream.run(f"--foodtrucks-state-dir={copy}", "--foodtrucks-reuse")
        result.assert_outcomes(passed=1)
        assert (downstream.folder / "id").read_text() not in before
        for options in ([], ["--older-than=1s"]):
            prune(copy, *options)
        assert before <= session.left() | kept_by(state, foodtrucks_engine)
        session.process.kill()
    assert session.all_gone()
    prune(state)


def kept_by(state: Path, engine: Engine) -> set[str]:
    """Return the ids of what a state folder keeps on the engine; what others keep there comes and goes."""
    sessions = {folder.name for folder in state.glob("kept/*/")}
    things = {**engine.labels("containers", SESSION_LABEL), **engine.labels("networks", SESSION_LABEL)}
    kept = {thing for thing, session in things.items() if session in sessions}
    assert kept, "the control: something is kept"
    return kept


def prune(state: Path, *options: str) -> None:
    """Run the command."""
    command = [sys.executable, "-m", "pytest_foodtrucks", "prune", f"--state-dir={state}", *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def test_the_watchdog_is_small_and_idle_while_it_waits(hang: Hang, state: Path) -> None:
    with hang() as session:
        about = Path(f"/proc/{watchdog_of(state)}")
        fields = dict(line.split(":", 1) for line in (about / "status").read_text().splitlines())
        assert int(fields["VmRSS"].split()[0]) < 20 * 1024
        time.sleep(0.5)
        used = (about / "stat").read_text().split()[13:15]
        time.sleep(0.5)
        assert (about / "stat").read_text().split()[13:15] == used, "it uses no processor time"
        assert (about / "cwd").readlink() == Path("/")
        assert {(about / f"fd/{number}").readlink() for number in range(3)} == {Path("/dev/null")}
    assert session.all_gone()


def test_a_state_folder_that_cannot_be_used_is_one_clear_message(downstream: Downstream) -> None:
    downstream.write(conftest=CONFTEST, test_it="def test_it(echo): pass\ndef test_without(): pass")
    result = downstream.run("--foodtrucks-state-dir=/proc/no/such/folder")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines("*state folder /proc/no/such/folder can't be used*--foodtrucks-state-dir*")
