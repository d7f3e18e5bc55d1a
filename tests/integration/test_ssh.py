"""The engine by way of ssh: an sshd on loopback, with a key that the test makes, and the extra `ssh` of the wheel."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_foodtrucks import Engine

from .conftest import watchdogs_end
from .sshd import Sshd, sshd
from .test_beside_other_plugins import environment

pytestmark = pytest.mark.slow

CONFTEST = """
import os
from pytest_foodtrucks import service

echo = service(
    image=os.environ["EXAMPLE_BUSYBOX_IMAGE"], command=["nc", "-ll", "-p", "7000", "-e", "cat"], ports=[7000]
)
"""

SUITE = """
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pytest_foodtrucks import assert_reachable

def test_the_engine_is_asked_by_ssh(foodtrucks_engine):
    assert foodtrucks_engine.url.startswith("ssh://")
    assert foodtrucks_engine.publish_on == "127.0.0.1"

def test_a_published_port_answers(echo):
    with socket.create_connection(echo.address(7000)) as there:
        there.sendall(b"taco")
        assert there.recv(4) == b"taco"

def test_more_commands_at_once_than_sshd_allows_sessions(echo):
    with ThreadPoolExecutor(24) as pool:
        ended = list(pool.map(lambda number: echo.exec(["echo", str(number)]).stdout, range(48)))
    assert ended == [f"{number}\\n" for number in range(48)]

def test_more_probes_than_sshd_allows_sessions(foodtrucks_net, echo):
    with ExitStack() as up:
        for probe in [up.enter_context(foodtrucks_net.probe()) for _ in range(12)]:
            assert_reachable(probe, echo)

def test_a_fault_heals(foodtrucks_net):
    with foodtrucks_net.service(
        image=ECHO_IMAGE, command=["nc", "-ll", "-p", "7000", "-e", "cat"], ports=[7000], aliases=["own"]
    ) as own:
        with own.stopped(timeout=0):
            assert own.container.status == "exited"
        assert own.exec(["true"]).exit_code == 0
"""


@pytest.fixture
def server(tmp_path: Path, foodtrucks_engine: Engine) -> Iterator[Sshd]:
    """Run an sshd."""
    with sshd(tmp_path, foodtrucks_engine) as server:
        yield server


def test_a_suite_runs_on_an_engine_that_is_asked_by_ssh(
    server: Sshd, wheel: Path, tmp_path: Path, nothing_left: None
) -> None:
    del nothing_left
    python = environment(tmp_path / "venv", f"{wheel}[ssh]")
    suite, state = tmp_path / "suite", tmp_path / "state"
    suite.mkdir()
    (suite / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    image = os.environ["EXAMPLE_BUSYBOX_IMAGE"]
    (suite / "test_it.py").write_text(f"ECHO_IMAGE = {image!r}\n{SUITE}", encoding="utf-8")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV"))}
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", f"--foodtrucks-state-dir={state}"]
    ended = subprocess.run(
        [*command, "-W", "error", "-W", "default::DeprecationWarning"],
        cwd=suite,
        env={**variables, "HOME": str(server.home), "DOCKER_HOST": server.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}\n{server.log.read_text(errors='replace')[-2000:]}"
    assert "5 passed" in ended.stdout
    watchdogs_end(state)
