"""However a session ends, what it started goes: by its own hand, the watchdog's, or the next session's."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_foodtrucks import Engine
from pytest_foodtrucks.runs import Run

from .conftest import Downstream, watchdog_of
from .test_removal import CONFTEST

if TYPE_CHECKING:
    import subprocess

PATIENCE = 30.0
"""Seconds, many times what it takes: a busy machine is no failure."""

HANGING = """
import pathlib, time

def {name}(echo, net_probe):
    pathlib.Path({folder!r}, "{name}-reached").touch()
    time.sleep(60)
"""


def hang(downstream: Downstream, tests: int = 1) -> None:
    """Write tests that start things, say that they are there, and hang."""
    folder = str(downstream.folder)
    names = [f"test_{number}" for number in range(tests)]
    downstream.write(conftest=CONFTEST, test_it="\n".join(HANGING.format(name=name, folder=folder) for name in names))


def reached(downstream: Downstream, process: "subprocess.Popen[str]", tests: int = 1) -> None:
    """Wait until the tests hang."""
    while len(list(downstream.folder.glob("*-reached"))) < tests:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)


def gone(ours: Callable[[], set[str]], before: set[str], seconds: float) -> bool:
    """Tell whether all that is new on the engine is gone after at most some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not ours() - before:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_killed_process(
    downstream: Downstream, state: Path, ours_on_engine: Callable[[], set[str]], number: signal.Signals
) -> None:
    hang(downstream)
    before = ours_on_engine()
    with downstream.started(f"--foodtrucks-state-dir={state}") as process:
        reached(downstream, process)
        assert ours_on_engine() - before, "the control: there is something to remove"
        process.send_signal(number)
        process.wait(timeout=30)
        assert gone(ours_on_engine, before, PATIENCE)


def test_a_killed_process_whose_state_folder_somebody_removed(
    downstream: Downstream, state: Path, ours_on_engine: Callable[[], set[str]]
) -> None:
    hang(downstream)
    before = ours_on_engine()
    with downstream.started(f"--foodtrucks-state-dir={state}") as process:
        reached(downstream, process)
        shutil.rmtree(state / "runs")
        assert ours_on_engine() - before, "the control: there is something to remove"
        process.kill()
        process.wait(timeout=30)
        assert gone(ours_on_engine, before, PATIENCE)


def test_ctrl_c_twice(downstream: Downstream, state: Path, ours_on_engine: Callable[[], set[str]]) -> None:
    hang(downstream)
    before = ours_on_engine()
    with downstream.started(f"--foodtrucks-state-dir={state}") as process:
        reached(downstream, process)
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        assert gone(ours_on_engine, before, PATIENCE)


def test_ctrl_c_in_a_session_of_workers(
    downstream: Downstream, state: Path, ours_on_engine: Callable[[], set[str]]
) -> None:
    hang(downstream, tests=2)
    before = ours_on_engine()
    with downstream.started(f"--foodtrucks-state-dir={state}", "-n2", new_session=True) as process:
        reached(downstream, process, tests=2)
        assert ours_on_engine() - before, "the control: there is something to remove"
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        assert gone(ours_on_engine, before, PATIENCE)


@pytest.mark.parametrize("victim", ["controller", "group"])
def test_a_killed_session_of_workers(
    downstream: Downstream, state: Path, ours_on_engine: Callable[[], set[str]], victim: str
) -> None:
    hang(downstream, tests=2)
    before = ours_on_engine()
    with downstream.started(f"--foodtrucks-state-dir={state}", "-n2", new_session=True) as process:
        reached(downstream, process, tests=2)
        assert ours_on_engine() - before, "the control: there is something to remove"
        if victim == "group":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait(timeout=30)
        assert gone(ours_on_engine, before, PATIENCE)


def test_a_session_whose_watchdog_was_killed_too_is_made_good_by_the_next(
    downstream: Downstream, state: Path, ours_on_engine: Callable[[], set[str]]
) -> None:
    hang(downstream)
    before = ours_on_engine()
    with downstream.started(f"--foodtrucks-state-dir={state}") as process:
        reached(downstream, process)
        os.kill(watchdog_of(state), signal.SIGKILL)
        process.kill()
        process.wait(timeout=30)
    time.sleep(1)
    assert ours_on_engine() - before, "the control: without a watchdog it stays"
    downstream.write(test_it="def test_it(foodtrucks_engine): pass")
    downstream.run(f"--foodtrucks-state-dir={state}").assert_outcomes(passed=1)
    assert not ours_on_engine() - before


def test_a_sweep_leaves_alone_what_is_not_provably_orphaned(
    downstream: Downstream, state: Path, tmp_path: Path, foodtrucks_engine: Engine
) -> None:
    dead = Run.begin(state)
    orphans_label = dead.owner_label
    dead.end()
    living = Run.begin(state)
    others = Run.begin(tmp_path / "another state folder")
    owners = {
        "orphaned": orphans_label,
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


def test_the_watchdog_is_small_and_idle_while_it_waits(downstream: Downstream, state: Path) -> None:
    hang(downstream)
    with downstream.started(f"--foodtrucks-state-dir={state}") as process:
        reached(downstream, process)
        about = Path(f"/proc/{watchdog_of(state)}")
        fields = dict(line.split(":", 1) for line in (about / "status").read_text().splitlines())
        assert int(fields["VmRSS"].split()[0]) < 20 * 1024
        time.sleep(0.5)
        used = (about / "stat").read_text().split()[13:15]
        time.sleep(0.5)
        assert (about / "stat").read_text().split()[13:15] == used, "it uses no processor time"
        assert (about / "cwd").readlink() == Path("/")
        assert {(about / f"fd/{number}").readlink() for number in range(3)} == {Path("/dev/null")}


def test_a_state_folder_that_cannot_be_used_is_one_clear_message(downstream: Downstream) -> None:
    downstream.write(conftest=CONFTEST, test_it="def test_it(echo): pass\ndef test_without(): pass")
    result = downstream.run("--foodtrucks-state-dir=/proc/no/such/folder")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines("*state folder /proc/no/such/folder can't be used*--foodtrucks-state-dir*")
