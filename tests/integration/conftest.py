"""What the tests on a real engine share."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from pytest_foodtrucks import Engine

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ours_on_engine(foodtrucks_engine: Engine) -> Callable[[], set[str]]:
    """Ask for the ids of all containers and networks that carry the plugin's label."""
    filters = {"label": "pytest-foodtrucks"}

    def ask() -> set[str]:
        api = foodtrucks_engine.api
        things = [*api.containers(all=True, filters=filters), *api.networks(filters=filters)]
        return {thing["Id"] for thing in things}

    return ask


@pytest.fixture
def nothing_left(ours_on_engine: Callable[[], set[str]]) -> Iterator[None]:
    """See that a test left no container and no network on the engine."""
    before = ours_on_engine()
    yield
    assert ours_on_engine() - before == set()


class Downstream:
    """A suite of somebody's own in a folder of its own, run by a pytest of its own."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.folder = pytester.path

    def write(self, **files: str) -> None:
        """Write Python files: `conftest="…"` becomes conftest.py."""
        self.pytester.makepyfile(**files)

    def run(self, *args: str, timeout: float = 120, env: Mapping[str, str | None] | None = None) -> pytest.RunResult:
        """Run its tests; `env` sets variables, and takes away those that are None."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (env if env is not None else {}).items():
                if value is None:
                    patch.delenv(name, raising=False)
                else:
                    patch.setenv(name, value)
            return self.pytester.runpytest_subprocess("-p", "no:cacheprovider", *args, timeout=timeout)

    def environ(self) -> dict[str, str]:
        """Return the environment for a process that is started by hand."""
        return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def downstream(pytester: pytest.Pytester, nothing_left: None) -> Downstream:
    """Return a downstream suite that leaves nothing on the engine."""
    del nothing_left
    return Downstream(pytester)
