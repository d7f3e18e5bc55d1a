"""Whatever a test does in the session's process, and whatever becomes of its files: who lives keeps its stack."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_foodtrucks import Engine

from .conftest import Downstream, watchdog_of
from .test_removal import CONFTEST
from .test_ways_out import gone, prune

SWEEP = """
import sys
from contextlib import closing
from pathlib import Path
from pytest_foodtrucks.engine.discovery import find_engine
from pytest_foodtrucks.stacks.removal import sweep_at_session_start
from pytest_foodtrucks.sessions.session import Session
session = Session.begin(Path(sys.argv[1]))
with closing(find_engine()) as engine:
    sweep_at_session_start(engine, session)
session.end()
"""
"""What another session does first."""

DEEDS = """
import os, pathlib, shutil, subprocess, sys
import pytest
from pytest_foodtrucks import cli

STATE = pathlib.Path({state!r})
CHILD, SESSION = [], os.getpid()

@pytest.fixture(autouse=True)
def still_there(echo):
    yield
    assert os.getpid() == SESSION, "only the session's own process asks"
    for state in (STATE, STATE.with_name("link")):
        subprocess.run([sys.executable, "-c", {sweep!r}, str(state)], check=True)
    assert echo.container.status == "running"

def test_reading_its_files(tmp_path):
    shutil.copytree(STATE, tmp_path / "copy")
    for file in STATE.rglob("*"):
        if file.is_file():
            file.read_bytes()
    STATE.with_name("link").symlink_to(STATE)

def test_a_lease_that_is_replaced():
    [lease] = STATE.glob("runs/*/lease")
    shutil.copy2(lease, STATE / "copy")
    (STATE / "copy").replace(lease)

def test_the_same_folder_spelt_another_way(tmp_path):
    link = STATE.with_name("link")
    assert cli.main(["prune", f"--state-dir={{link}}", "--older-than=0.001s"]) == 0
    (tmp_path / "test_inner.py").write_text("def test_it(foodtrucks_net): pass")
    options = ["-p", "no:cacheprovider", f"--foodtrucks-state-dir={{link}}", f"--rootdir={{tmp_path}}"]
    assert pytest.main([str(tmp_path), *options]) == 0

def test_a_child_that_returns():
    child = os.fork()
    if child == 0:
        raise SystemExit
    CHILD.append(child)

def test_while_the_child_ran_on():
    if CHILD:
        os.waitpid(CHILD[0], 0)

def test_a_folder_that_is_removed():
    shutil.rmtree(STATE / "runs")

def test_closing_all_descriptors():
    os.closerange(3, 1000)
"""


@pytest.mark.usefixtures("only_unknown_things")
def test_nothing_that_a_test_does_in_the_process_ends_its_stack(
    downstream: Downstream, state: Path, tmp_path: Path
) -> None:
    deeds = DEEDS.format(state=str(state), sweep=SWEEP)
    downstream.write(conftest=CONFTEST, test_it=deeds)
    options = ["--capture=no", "-p", "no:faulthandler", f"--basetemp={tmp_path}/of-the-suite"]
    result = downstream.run(f"--foodtrucks-state-dir={state}", *options)
    result.stdout.fnmatch_lines("*7 passed*")
    assert result.ret == 0


def test_a_watchdog_that_was_killed_is_there_again_before_the_next_service(
    downstream: Downstream, state: Path, ours_on_engine: Callable[[], set[str]]
) -> None:
    before = ours_on_engine()
    downstream.write(
        conftest=CONFTEST,
        test_it="""
import os, signal, time
from pathlib import Path

import pytest

def test_it(echo, foodtrucks_net):
    Path("ready").touch()
    while not Path("go").exists():
        time.sleep(0.02)
    with foodtrucks_net.service(image=os.environ["EXAMPLE_BUSYBOX_IMAGE"], command="sleep 60", aliases=["late"]):
        os.kill(os.getpid(), signal.SIGKILL)
""",
    )
    with downstream.started(f"--foodtrucks-state-dir={state}") as process:
        while not (downstream.folder / "ready").exists():
            assert process.poll() is None
            time.sleep(0.02)
        first = watchdog_of(state)
        subprocess.run(["/bin/kill", "-9", str(first)], check=True)
        while Path(f"/proc/{first}").exists():
            time.sleep(0.02)
        (downstream.folder / "go").touch()
        process.wait(timeout=60)
    assert gone(lambda: ours_on_engine() - before)


@pytest.mark.usefixtures("only_unknown_things")
def test_a_container_of_an_image_that_was_made_of_ours_is_none_of_ours(
    downstream: Downstream, state: Path, foodtrucks_engine: Engine
) -> None:
    api = foodtrucks_engine.api
    downstream.write(
        conftest=CONFTEST,
        test_it="""
def test_it(foodtrucks_engine, echo):
    foodtrucks_engine.api.commit(echo.container.id, repository="of-ours", tag="1")
""",
    )
    try:
        downstream.run(f"--foodtrucks-state-dir={state}").assert_outcomes(passed=1)
        made = api.create_container("of-ours:1", name="made-of-ours")["Id"]
        assert "pytest-foodtrucks.owner" in api.inspect_container(made)["Config"]["Labels"], "the control"
        subprocess.run([sys.executable, "-c", SWEEP, str(state)], check=True)
        prune(state, "--older-than=0.001s")
        assert api.inspect_container(made)["State"]["Status"] == "created"
        assert made not in foodtrucks_engine.labels("containers", "pytest-foodtrucks")
        api.remove_container(made)
    finally:
        api.remove_image("of-ours:1", force=True)


def test_a_file_beside_the_conftest_hides_nothing_from_the_watchdog(
    downstream: Downstream, state: Path, ours_on_engine: Callable[[], set[str]]
) -> None:
    before = ours_on_engine()
    downstream.write(
        conftest=CONFTEST,
        logging="raise RuntimeError('it has the name of a module of Python')",
        test_it="""
import os, signal
def test_it(echo):
    os.kill(os.getpid(), signal.SIGKILL)
""",
    )
    downstream.run(f"--foodtrucks-state-dir={state}")
    assert gone(lambda: ours_on_engine() - before)
