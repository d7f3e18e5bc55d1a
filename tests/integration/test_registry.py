"""The path of the official images: pulled from a registry under their own names, behind a mirror's prefix."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lab import HEALTHY, PYTHON
from pytest_foodtrucks import Engine

from .conftest import Downstream
from .registry import PASSWORD, Line, Registry, auths, line_to, running_registry
from .terminal import Screen, run_on_terminal

ES = "docker.elastic.co/elasticsearch/elasticsearch:9.5.0"
PROBE = "python:3.13-slim"
LARGE = ("large-a:1", "large-b:1")
LARGE_SIZE = 4_000_000
MIDWAY = 1_000_000
SLOW = 4_000_000  # bytes a second

OFFICIAL: Mapping[str, str | None] = {name: None for name in os.environ if name.startswith("FOODTRUCKS_")}
"""Takes what set-up chose out of the environment, so that the defaults count: the official names."""

PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")

NEEDS_PROBE = "def test_it(net_probe, bridge_probe): assert net_probe.run(['echo', 'hello']).stdout == 'hello\\n'"

NEEDS_BOTH = """
from pytest_foodtrucks import service

a = service(image="large-a:1", command="sleep 600")
b = service(image="large-b:1", command="sleep 600")
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with both registries' images."""
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="module")
def registry(foodtrucks_engine: Engine, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Start a registry that anyone may pull from."""
    small = os.environ["EXAMPLE_BUSYBOX_IMAGE"]
    with running_registry(tmp_path_factory.mktemp("registry"), images=images) as running:
        running.push(foodtrucks_engine, os.environ["FOODTRUCKS_PROBE_IMAGE"], PROBE)
        running.push_new(foodtrucks_engine, PYTHON, ES, command=["python3", "-c", HEALTHY])
        for image in LARGE:
            running.push_new(foodtrucks_engine, small, image, content=os.urandom(LARGE_SIZE))
        yield running


@pytest.fixture(scope="module")
def locked_registry(
    foodtrucks_engine: Engine, images: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    """Start a registry that wants a login."""
    with running_registry(tmp_path_factory.mktemp("locked-registry"), images=images, login=True) as running:
        running.push(foodtrucks_engine, os.environ["FOODTRUCKS_PROBE_IMAGE"], PROBE, password=PASSWORD)
        yield running


@pytest.fixture
def mirror(registry: Registry, foodtrucks_engine: Engine) -> Iterator[Registry]:
    """Give the open registry, of which the engine has nothing yet."""
    yield registry
    registry.forget(foodtrucks_engine)


@pytest.fixture
def locked_mirror(locked_registry: Registry, foodtrucks_engine: Engine) -> Iterator[Registry]:
    """Give the registry that wants a login, of which the engine has nothing yet."""
    yield locked_registry
    locked_registry.forget(foodtrucks_engine)


@pytest.fixture
def slow_line(registry: Registry, foodtrucks_engine: Engine) -> Iterator[Line]:
    """Lay a slow line to the open registry: under its address the engine has nothing yet."""
    with line_to(registry.address, rate=SLOW) as line:
        yield line
        Registry(line.address, Path()).forget(foodtrucks_engine)


def official() -> dict[str, str]:
    """Return the environment in which the official names count, for a process that is started by hand."""
    return {name: value for name, value in os.environ.items() if name not in OFFICIAL}


def one_error(result: pytest.RunResult) -> str:
    """Return the one message with which the one test's set-up failed, without what it was needed for."""
    result.assert_outcomes(errors=1)
    messages = [line for line in result.outlines if "Remedy: " in line]
    assert len(messages) == 1, result.outlines
    assert "Traceback" not in result.stdout.str()
    needed = r"^(No probe can start: it needs the image of the option probe-image|The service es can't start)\. "
    return re.sub(r" The engine has \S+( and \S+)*\.(?= Remedy)", "", re.sub(needed, "", messages[0]))


def test_official_names_are_pulled_once_and_stay(downstream: Downstream, mirror: Registry) -> None:
    downstream.write(
        test_it=f"""
def test_it(es_on_net, net_probe):
    assert es_on_net.container.image == "{mirror.address}/{ES}"
    assert net_probe.resolve("es") == [es_on_net.container.ip]
    assert net_probe.container.image == "{mirror.address}/python:3.13-slim"
"""
    )
    before = mirror.asked_for(ES), mirror.asked_for(PROBE)
    options = (f"--foodtrucks-image-prefix={mirror.address}", "--foodtrucks-es-version=9.5.0")
    first = downstream.run(*options, env=OFFICIAL)
    first.assert_outcomes(passed=1)
    for image in (f"{mirror.address}/{ES}", f"{mirror.address}/python:3.13-slim"):
        first.stderr.fnmatch_lines(
            [f"foodtrucks: pulling {image} …", f"foodtrucks: pulling {image}: done in *.? s"], consecutive=True
        )
    downstream.write(
        conftest=f"""
from pytest_foodtrucks import service
es = service(image="{ES}", entrypoint="sleep 600")
""",
        test_it="def test_it(es, net_probe): pass",
    )
    second = downstream.run(*options, env=OFFICIAL)
    second.assert_outcomes(passed=1)
    assert "pulling" not in second.stderr.str()
    assert (mirror.asked_for(ES), mirror.asked_for(PROBE)) == (before[0] + 1, before[1] + 1)


def test_always_asks_the_registry_once_in_each_session(downstream: Downstream, mirror: Registry) -> None:
    downstream.write(test_it=NEEDS_PROBE)
    for _ in range(2):
        before = mirror.asked_for(PROBE)
        options = (f"--foodtrucks-image-prefix={mirror.address}", "--foodtrucks-pull=always")
        downstream.run(*options, env=OFFICIAL).assert_outcomes(passed=1)
        assert mirror.asked_for(PROBE) == before + 1


def test_never_says_which_image_is_missing(downstream: Downstream, mirror: Registry) -> None:
    before = mirror.asked_for(PROBE)
    downstream.write(test_it=NEEDS_PROBE)
    result = downstream.run(f"--foodtrucks-image-prefix={mirror.address}", "--foodtrucks-pull=never", env=OFFICIAL)
    assert one_error(result) == (
        f"The image {mirror.address}/python:3.13-slim isn't on the engine, and pull is never. Remedy: pull or build "
        "it, or set --foodtrucks-pull=missing."
    )
    assert mirror.asked_for(PROBE) == before


def test_never_takes_what_is_there(downstream: Downstream, mirror: Registry, foodtrucks_engine: Engine) -> None:
    foodtrucks_engine.api.tag(os.environ["FOODTRUCKS_PROBE_IMAGE"], f"{mirror.address}/python", "3.13-slim")
    before = mirror.asked_for(PROBE)
    downstream.write(test_it=NEEDS_PROBE)
    result = downstream.run(f"--foodtrucks-image-prefix={mirror.address}", "--foodtrucks-pull=never", env=OFFICIAL)
    result.assert_outcomes(passed=1)
    assert mirror.asked_for(PROBE) == before


# what goes wrong


def test_a_tag_that_the_registry_does_not_have(downstream: Downstream, mirror: Registry) -> None:
    downstream.write(test_it="def test_it(es_on_net): pass")
    options = (f"--foodtrucks-image-prefix={mirror.address}", "--foodtrucks-es-version=9.5.99")
    image = f"{mirror.address}/{ES.removesuffix('9.5.0')}9.5.99"
    assert one_error(downstream.run(*options, timeout=30, env=OFFICIAL)) == (
        f"The image {image} can't be pulled: manifest for {image} not found: manifest unknown. Remedy: look at its "
        f"name and tag: {mirror.address} doesn't have it; or name a mirror that has it with --foodtrucks-image-prefix."
    )


def test_a_registry_that_is_down(downstream: Downstream) -> None:
    downstream.write(test_it=NEEDS_PROBE)
    with line_to("127.0.0.1:1") as line:
        address = line.address
    error = one_error(downstream.run(f"--foodtrucks-image-prefix={address}", timeout=30, env=OFFICIAL))
    assert error.startswith(f"The image {address}/python:3.13-slim can't be pulled: ")
    assert f"connection refused. Remedy: see that {address} runs" in error


def test_a_registry_whose_name_nobody_knows(downstream: Downstream) -> None:
    downstream.write(test_it=NEEDS_PROBE)
    result = downstream.run("--foodtrucks-image-prefix=no-such-host.invalid", timeout=60, env=OFFICIAL)
    error = one_error(result)
    assert error.startswith("The image no-such-host.invalid/python:3.13-slim can't be pulled: ")
    assert "no such host. Remedy: see that no-such-host.invalid runs and that the engine reaches it" in error


@pytest.mark.parametrize("password", [None, "wrong"], ids=["no login", "wrong password"])
def test_a_registry_that_wants_another_login(
    downstream: Downstream, locked_mirror: Registry, password: str | None
) -> None:
    if password is not None:
        downstream.pytester.makefile(".json", config=auths(locked_mirror.address, password))
    downstream.write(test_it=NEEDS_PROBE)
    result = downstream.run(
        f"--foodtrucks-image-prefix={locked_mirror.address}",
        timeout=30,
        env={**OFFICIAL, "DOCKER_CONFIG": str(downstream.folder), "DOCKER_AUTH_CONFIG": None},
    )
    error = one_error(result)
    words = "no basic auth credentials" if password is None else "unauthorized: authentication required"
    assert error.startswith(f"The image {locked_mirror.address}/python:3.13-slim can't be pulled: ")
    assert f"{words}. Remedy: look at its name, or log in to {locked_mirror.address} (docker login, or " in error


@pytest.mark.parametrize("place", ["config.json", "DOCKER_AUTH_CONFIG", "both, the file's wrong"])
def test_a_registry_that_takes_the_login(downstream: Downstream, locked_mirror: Registry, place: str) -> None:
    right, wrong = auths(locked_mirror.address), auths(locked_mirror.address, "wrong")
    if place != "DOCKER_AUTH_CONFIG":
        downstream.pytester.makefile(".json", config=right if place == "config.json" else wrong)
    downstream.write(test_it=NEEDS_PROBE)
    result = downstream.run(
        f"--foodtrucks-image-prefix={locked_mirror.address}",
        env={
            **OFFICIAL,
            "DOCKER_CONFIG": str(downstream.folder),
            "DOCKER_AUTH_CONFIG": None if place == "config.json" else right,
        },
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": {"registry.example": {"auth": "no base64"}}}'])
def test_logins_that_cannot_be_read(downstream: Downstream, text: str) -> None:
    downstream.write(test_it=NEEDS_PROBE)
    error = one_error(downstream.run(env={**OFFICIAL, "DOCKER_AUTH_CONFIG": text}, timeout=30))
    assert error.startswith("DOCKER_AUTH_CONFIG in the environment can't be read. Remedy: ")


def test_a_credential_helper_that_is_missing(downstream: Downstream, mirror: Registry) -> None:
    downstream.pytester.makefile(".json", config='{"credsStore": "no-such-helper"}')
    downstream.write(test_it=NEEDS_PROBE)
    error = one_error(
        downstream.run(
            f"--foodtrucks-image-prefix={mirror.address}",
            timeout=30,
            env={**OFFICIAL, "DOCKER_CONFIG": str(downstream.folder)},
        )
    )
    assert error.startswith(
        f"The engine could not be asked to pull {mirror.address}/python:3.13-slim: Credentials store error"
    )
    assert "docker-credential-no-such-helper" in error
    assert "Remedy: look at Docker's configuration (config.json and its credential helpers)" in error


def test_an_engine_that_goes_away_while_it_pulls(
    downstream: Downstream, slow_line: Line, foodtrucks_engine: Engine
) -> None:
    downstream.write(conftest=NEEDS_BOTH, test_it="def test_it(a): pass")
    with line_to(foodtrucks_engine.url.removeprefix("unix://")) as engine_line:
        options = (
            f"--foodtrucks-engine=tcp://{engine_line.address}",
            f"--foodtrucks-image-prefix={slow_line.address}",
        )
        slow_line.after(MIDWAY, engine_line.drop)
        result = downstream.run(*options, env=OFFICIAL)
    error = one_error(result)
    assert f"gave no answer when asked to pull {slow_line.address}/large-a:1" in error
    assert "Remedy: see whether it still runs" in error


@pytest.mark.slow
def test_a_pull_that_breaks_midway(downstream: Downstream, slow_line: Line) -> None:
    """The engine tries for 75 seconds, and tells of the failure as its last event only."""
    downstream.write(conftest=NEEDS_BOTH, test_it="def test_it(a): pass")
    slow_line.after(MIDWAY, slow_line.cut)
    result = downstream.run(f"--foodtrucks-image-prefix={slow_line.address}", timeout=180, env=OFFICIAL)
    result.stderr.fnmatch_lines(f"foodtrucks: pulling {slow_line.address}/large-a:1: 1 of 4 MB, trying again")
    error = one_error(result)
    assert error.startswith(f"The image {slow_line.address}/large-a:1 can't be pulled: the connection broke (")
    assert f"Remedy: see that {slow_line.address} runs and that the engine reaches it" in error


@pytest.mark.parametrize("held", [False, True], ids=["slow", "held"])
def test_an_interrupted_pull_ends_the_session(downstream: Downstream, slow_line: Line, held: bool) -> None:  # noqa: FBT001 - a parameter of pytest's
    downstream.write(conftest=NEEDS_BOTH, test_it="def test_it(a, b): pass")
    errors = downstream.folder / "stderr"
    with errors.open("wb") as stream:
        process = subprocess.Popen(
            [*PYTEST, f"--foodtrucks-image-prefix={slow_line.address}"],
            cwd=downstream.folder,
            env=official(),
            stdout=subprocess.PIPE,
            stderr=stream,
        )
    try:
        while errors.read_text(encoding="utf-8").count("pulling") < len(LARGE):
            assert process.poll() is None
            time.sleep(0.02)
        if held:
            slow_line.hold()
            time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output.decode()


# what is shown


def test_two_pulls_at_once_write_whole_lines(downstream: Downstream, slow_line: Line) -> None:
    downstream.write(conftest=NEEDS_BOTH, test_it="def test_it(a, b): pass")
    result = downstream.run(f"--foodtrucks-image-prefix={slow_line.address}", env=OFFICIAL)
    result.assert_outcomes(passed=1)
    for image in LARGE:
        begin, end = f"foodtrucks: pulling {slow_line.address}/{image} …", f"{image}: done in *.? s"
        result.stderr.fnmatch_lines([begin, f"*{end}"])
    assert len(result.errlines) == 4


def test_two_pulls_at_once_share_a_terminal(downstream: Downstream, slow_line: Line) -> None:
    downstream.write(conftest=NEEDS_BOTH, test_it="def test_it(a, b): pass")
    shown = run_on_terminal(
        [*PYTEST, f"--foodtrucks-image-prefix={slow_line.address}"],
        folder=downstream.folder,
        environ=official(),
    )
    assert any(" of 4 MB pulling " in line for line in shown.splitlines()), shown
    screen = Screen(shown).lines
    assert "━" not in "".join(screen)
    assert sum(line.startswith("foodtrucks: pulling ") and ": done in " in line for line in screen) == 2
    assert "= 1 passed in " in screen[-2]


def test_workers_write_lines_on_the_terminal_that_they_share(downstream: Downstream, mirror: Registry) -> None:
    downstream.write(test_it="def test_a(net_probe): pass\ndef test_b(net_probe): pass")
    shown = run_on_terminal(
        [*PYTEST, "-n2", f"--foodtrucks-image-prefix={mirror.address}"],
        folder=downstream.folder,
        environ=official(),
    )
    assert "━" not in shown
    assert f"foodtrucks: pulling {mirror.address}/python:3.13-slim …" in Screen(shown).lines
    assert "= 2 passed in " in Screen(shown).lines[-2]
