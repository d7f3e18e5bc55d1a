"""Sessions within a session: their environment says nothing of engines and options."""

import os

import pytest

from fakes.session import put_stack
from pytest_foodtrucks.engine import discovery

ENGINE_IN_MEMORY = put_stack
FIND_ENGINE = discovery.find_engine
"""Imported here once, so that no session within a test pays for docker again, or has a module that others can't patch.

The package keeps as its attribute what a session within a test imported, though its module is forgotten then.
"""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("FOODTRUCKS_", "DOCKER_", "TESTCONTAINERS_", "PYTEST_ADDOPTS")):
            monkeypatch.delenv(name)


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Leave Hypothesis' plugin out of sessions within a test: at the end of each it imports all of Hypothesis anew."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:anyio -p no:time_machine")
    return pytester
