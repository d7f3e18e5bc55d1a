"""Sessions within a session: their environment says nothing of engines and options."""

import os

import pytest

import fakes

ENGINE_IN_MEMORY = fakes.put_stack
"""Imported here once, so that no session within a test pays for docker again."""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("FOODTRUCKS_", "DOCKER_", "TESTCONTAINERS_", "PYTEST_ADDOPTS")):
            monkeypatch.delenv(name)
