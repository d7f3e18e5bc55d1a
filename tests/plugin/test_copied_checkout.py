"""A checkout that was copied with its caches: what pytest rewrote still has the old paths in there."""

import shutil
from pathlib import Path

import pytest

CONFTEST = """
import pytest
from fakes.defining import DefiningNetwork
from pytest_foodtrucks import service

@pytest.fixture(scope="session")
def foodtrucks_net():
    return DefiningNetwork()

def seed(es): pass

app = service(build="app")
"""

TEST = """
from pathlib import Path

import pytest
from conftest import seed
from pytest_foodtrucks import DefinitionError, service
from pytest_foodtrucks.callers import place_in, written_in
from pytest_foodtrucks.stacks.sources import source

HERE = Path(__file__).parent

def test_it(app):
    assert app.definition.folder == HERE
    assert app.definition.build.context == HERE / "app"

def test_an_error_names_this_file():
    with pytest.raises(DefinitionError) as raised:
        service(image=1, pots=[1])
    assert place_in(raised.tb).file == Path(__file__)

def test_a_function_is_read_where_it_is_now():
    assert written_in(seed) == HERE / "conftest.py"
    assert source(seed) == "def seed(es): pass"

def test_the_caches_are_the_old_ones():
    assert seed.__code__.co_filename == str(HERE.parent / "old/conftest.py")
"""


def test_what_is_defined_in_a_copy_begins_in_the_copy(pytester: pytest.Pytester) -> None:
    old, new = (pytester.path / name for name in ("old", "new"))
    (old / "app").mkdir(parents=True)
    (old / "app/Dockerfile").write_text("FROM scratch\n")
    for name, text in {"conftest.py": CONFTEST, "test_it.py": TEST}.items():
        (old / name).write_text(text)
    assert in_folder(pytester, old).parseoutcomes()["passed"] == 4
    shutil.copytree(old, new)
    assert list(new.glob("__pycache__/conftest*"))
    assert in_folder(pytester, new).parseoutcomes() == {"passed": 4}


def in_folder(pytester: pytest.Pytester, folder: Path) -> pytest.RunResult:
    """Run the tests of a folder with caches of compiled code, and without the mending of paths that pytest 9.2 has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.dont_write_bytecode", False)
        patch.setattr("sys.pycache_prefix", None)
        patch.setattr("_pytest.assertion.rewrite._fix_code_filename", lambda code, _: code, raising=False)
        return pytester.runpytest_inprocess("--rootdir", str(folder), str(folder))
