"""A session that may open too few files is told so in a sentence, wherever it needs the next one."""

from pathlib import Path

import pytest

import fakes

CONFTEST = """
import os, resource
import pytest
from fakes.session import put_stack
from pytest_foodtrucks import service

@pytest.fixture(scope="session")
def foodtrucks_engine(pytestconfig): return put_stack(pytestconfig)

@pytest.fixture(autouse=True)
def no_files_left(foodtrucks_net):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))), limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)

app = service(image="busybox", ports=[80], scope="function")
"""

TESTS = """
def test_setup(app): pass
def test_call(foodtrucks_net):
    with foodtrucks_net.service(image="busybox", aliases=["a"], ports=[80]): pass
def test_own(): open("/dev/null")
"""


def test_a_file_that_cant_be_opened_is_no_traceback_of_ours(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(fakes.__file__).parent.parent))
    pytester.makepyfile(conftest=CONFTEST, test_it=TESTS)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--tb=long")
    result.assert_outcomes(failed=2, errors=1)
    text = result.stdout.str()
    assert text.count("files. Remedy: allow it more (ulimit -n 1024).") == 2  # the third isn't ours
    assert "pytest_foodtrucks/" not in text
    assert "INTERNALERROR" not in text
