"""As a stranger has it: what the wheel has, and a pytest that lives in a container."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path, PurePath
from zipfile import ZipFile

import pytest

from lab import HEALTHY, PYTHON
from pytest_foodtrucks import Engine, Probe

from .conftest import ROOT, Downstream


def test_the_wheel_has_the_package_and_what_its_image_is_built_from(wheel: Path) -> None:
    with ZipFile(wheel) as content:
        files = [PurePath(name).parts for name in content.namelist()]
    assert {parts[0] for parts in files if not parts[0].endswith(".dist-info")} == {"pytest_foodtrucks"}
    context = {"__init__.py", ".dockerignore", "Dockerfile", "requirements.txt", "foodtrucks_web"}
    assert {parts[2] for parts in files if parts[1] == "web_image"} == context


_WITHOUT_PLUGINS = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:time_machine")
"""The last two have a part that is built for one Python only, and the container's may be another."""


@pytest.fixture
def pytest_in_a_container(foodtrucks_engine: Engine, tmp_path: Path) -> list[str]:
    """Return the command that runs pytest in a container which has the engine's socket and nothing else of it.

    It lives in the FoodTrucks image, for its Python; the packages are this environment's own. Its test's service is
    there at once, where the one of the README's test takes its time.
    """
    (tmp_path / "test_es.py").write_text(f"""
from pytest_foodtrucks import elasticsearch_service

es_on_net = elasticsearch_service(image={PYTHON!r}, command=["python3", "-c", {HEALTHY!r}], ports=[9200])

def test_it(es_on_net):
    assert es_on_net.http.get("/_cluster/health").json()["status"] == "green"
""")
    packages = Path(pytest.__file__).parents[1]
    mounts = [f"{tmp_path}:/suite", f"{ROOT}:/project:ro", f"{packages}:/packages:ro"]
    mounts.append("/var/run/docker.sock:/var/run/docker.sock")
    variables = {name: value for name, value in os.environ.items() if name.startswith("FOODTRUCKS_")}
    variables["PYTHONPATH"] = "/project:/packages"
    variables["PYTHONDONTWRITEBYTECODE"] = "1"
    options = [word for mount in mounts for word in ("--volume", mount)]
    options += [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    image = os.environ["FOODTRUCKS_WEB_IMAGE"]
    command = ["docker", "--host", foodtrucks_engine.url, "run", "--rm", "--user", "0", "--workdir", "/suite"]
    return [*command, *options, "--entrypoint", "python", image, "-m", "pytest", *_WITHOUT_PLUGINS]


def test_a_pytest_in_a_container_says_what_it_lacks(pytest_in_a_container: list[str], nothing_left: None) -> None:
    del nothing_left
    result = subprocess.run(pytest_in_a_container, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout + result.stderr
    assert "pytest runs in a container and has only the engine's socket" in result.stdout


@pytest.mark.usefixtures("only_unknown_things")
def test_a_pytest_in_a_container_works_with_a_host(
    pytest_in_a_container: list[str], bridge_probe: Probe, nothing_left: None
) -> None:
    del nothing_left
    gateway = bridge_probe.container.attachments[0].gateways[0]
    command = [*pytest_in_a_container, f"--foodtrucks-host={gateway}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.usefixtures("only_unknown_things")
def test_what_a_killed_job_container_leaves_goes_with_the_next_session_that_shares_the_state_folder(
    pytest_in_a_container: list[str],
    tmp_path: Path,
    bridge_probe: Probe,
    downstream: Downstream,
    ours_on_engine: Callable[[], set[str]],
) -> None:
    state = Path(os.environ["XDG_STATE_HOME"]) / "of-jobs"
    state.mkdir(mode=0o700)
    before = ours_on_engine()
    (tmp_path / "test_es.py").write_text("""
import pathlib, time
def test_it(net_probe):
    pathlib.Path("reached").touch()
    time.sleep(600)
""")
    gateway = bridge_probe.container.inspect()["NetworkSettings"]["Networks"]["bridge"]["Gateway"]
    docker, run = pytest_in_a_container[:3], pytest_in_a_container[4:]
    command = [*docker, "run", "--name=foodtrucks-job", f"--volume={state}:{state}", *run]
    options = [f"--foodtrucks-host={gateway}", f"--foodtrucks-state-dir={state}"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as job:
        try:
            while not (tmp_path / "reached").exists():
                assert job.poll() is None, job.communicate()[0]
                time.sleep(0.02)
            assert ours_on_engine() - before, "the control: there is something to leave"
        finally:
            subprocess.run([*docker, "kill", "foodtrucks-job"], check=True)
    downstream.write(test_it="def test_it(foodtrucks_engine): pass")
    while bridge_probe.container.engine.running_since("foodtrucks-job") is not None:
        time.sleep(0.02)
    downstream.run(f"--foodtrucks-state-dir={state}").assert_outcomes(passed=1)
    assert not ours_on_engine() - before
