"""What the tests on a real engine share."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_foodtrucks import Engine
from pytest_foodtrucks.stack import OWNER_LABEL

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> None:
    """Hear Ctrl-C again where a shell's `&` had it ignored: the processes that tests start inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
def nothing_left(foodtrucks_engine: Engine) -> Iterator[None]:
    """See that a test left no container and no network on the engine; sessions that run elsewhere may have some."""
    before = _of_no_other_session(foodtrucks_engine)
    yield
    assert _of_no_other_session(foodtrucks_engine) - before == set()


def _of_no_other_session(engine: Engine) -> set[str]:
    filters = {"label": OWNER_LABEL}
    things = [*engine.api.containers(all=True, filters=filters), *engine.api.networks(filters=filters)]
    pids = {thing["Id"]: int(thing["Labels"][OWNER_LABEL].rpartition(":")[2]) for thing in things}
    return {key for key, pid in pids.items() if pid == os.getpid() or not Path(f"/proc/{pid}").exists()}


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

    @contextmanager
    def started(self, *args: str) -> Iterator["subprocess.Popen[str]"]:
        """Start its tests and go on; what still runs at the end of the block is killed."""
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args]
        with subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def downstream(pytester: pytest.Pytester, nothing_left: None) -> Downstream:
    """Return a downstream suite that leaves nothing on the engine."""
    del nothing_left
    return Downstream(pytester)
