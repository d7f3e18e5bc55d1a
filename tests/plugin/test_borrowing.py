"""A pytest as the program of `foodtrucks run`: two sessions, each in a process of its own, on one engine in memory.

The engine is in a file between the two, read before each change and written after it.
"""

import sys
from pathlib import Path

import pytest

ENGINE = """
import os, pickle
from pathlib import Path

import pytest
from filelock import FileLock

from fakes.engine import FakeEngine
from pytest_foodtrucks import service
from pytest_foodtrucks.engine import discovery
from pytest_foodtrucks.stacks.watching import Watching

FILE = Path(__file__).with_name("engine")

def read(engine):
    if FILE.exists():
        vars(engine).update(pickle.loads(FILE.read_bytes()))

def find(*_, **__):
    engine = FakeEngine()
    with FileLock(f"{FILE}.lock"):
        read(engine)
    return engine

def in_file(method):
    def change(engine, *args, **keywords):
        with FileLock(f"{FILE}.lock"):
            read(engine)
            result = method(engine, *args, **keywords)
            have = {name: getattr(engine, name) for name in ("containers", "networks", "_numbers")}
            FILE.write_bytes(pickle.dumps(have))
        return result
    return change

discovery.find_engine = find
for name in ("create_container", "start_container", "remove_container", "create_network", "remove_network"):
    setattr(FakeEngine, name, in_file(getattr(FakeEngine, name)))
Watching.see = lambda *_: None
Watching.tell_ended = lambda _: True

db = service(image="busybox", command=os.environ.get("COMMAND", "idle"), ready=lambda _: None)
cache = service(image="busybox", ready=lambda _: None)
"""

SUITE = """
import os

def test_that_is_there_for_another_worker(db):
    pass

def test_it(db, cache, foodtrucks_engine, foodtrucks_net):
    labels = [each["Config"]["Labels"] for each in foodtrucks_engine.containers.values()]
    aliases = sorted(each["pytest-foodtrucks.service"] for each in labels)
    print(f"{aliases}, {len(foodtrucks_engine.networks)} network")
    print(f"{len({each['pytest-foodtrucks'] for each in labels})} sessions")
"""

SCRIPT = """
import os, pickle, subprocess, sys
from pathlib import Path
from pytest_foodtrucks.fixtures.stack_session import Wanted, with_stack

def work(standing):
    environ = {**os.environ, "FOODTRUCKS_STACK": standing.stack.session.id, {environ}}
    subprocess.run([sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", {words}], env=environ)
    left = pickle.loads(Path("engine").read_bytes())["containers"].values()
    print("left", [each["Config"]["Labels"]["pytest-foodtrucks.service"] for each in left])

with_stack(Wanted(services=["db"]), work)
"""


@pytest.fixture
def folder(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder whose sessions have one engine in memory."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.setenv("FOODTRUCKS_STATE_DIR", str(pytester.path / "state"))
    pytester.makeconftest(ENGINE)
    pytester.makepyfile(SUITE)
    (pytester.path / "pytest.ini").write_text("[pytest]\n")
    return pytester.path


def run(pytester: pytest.Pytester, *, words: str = "", environ: str = "") -> str:
    """Return what is said where pytest is the program beside a stack that has the service `db`."""
    script = pytester.path / "script.py"
    script.write_text(SCRIPT.replace("{words}", words).replace("{environ}", environ))
    result = pytester.run(sys.executable, script)
    return result.stdout.str() + result.stderr.str()


def test_pytest_takes_over_what_is_there_and_starts_what_isnt(folder: Path, pytester: pytest.Pytester) -> None:
    del folder
    said = run(pytester)
    assert "2 passed" in said
    assert "['cache', 'db'], 1 network" in said
    assert "2 sessions" in said
    assert "foodtrucks: db is taken over from `foodtrucks run`" in said
    assert "left ['db']" in said


def test_workers_take_it_over_once(folder: Path, pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    del folder
    said = run(pytester, words='"-n2"')
    assert "2 passed" in said
    assert said.count("db is taken over from `foodtrucks run`") == 1
    assert "left ['db']" in said


def test_another_definition_is_an_error_that_names_what_differs(folder: Path, pytester: pytest.Pytester) -> None:
    del folder
    said = run(pytester, environ='"COMMAND": "other"')
    assert "2 errors" in said
    assert (
        "db can't be taken over from `foodtrucks run`, whose stack FOODTRUCKS_STACK names: its command changed" in said
    )
    assert "left ['db']" in said


def test_a_command_below_run_starts_a_stack_of_its_own(
    folder: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the variable says."""
    del folder
    monkeypatch.setenv("FOODTRUCKS_STACK", "gone")
    assert "2 passed" in run(pytester)


def test_a_stack_that_has_ended_is_an_error_at_set_up(
    folder: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    del folder
    monkeypatch.setenv("FOODTRUCKS_STACK", "gone")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(errors=2)
    assert "FOODTRUCKS_STACK names the stack gone, which isn't there: `foodtrucks run` has ended" in result.stdout.str()
