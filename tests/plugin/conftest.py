"""Sessions within a session: their environment says nothing of engines and options."""

import importlib
import os
import pkgutil

import pytest

import pytest_foodtrucks
from fakes import session

MODULES = [
    session,
    *(
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(pytest_foodtrucks.__path__, "pytest_foodtrucks.")
        if not found.name.endswith("__main__") and ".web_image" not in found.name  # that is the app's, in its container
    ),
]
"""Imported here once, so that no session within a test pays for them again, or has a module that others can't patch.

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
