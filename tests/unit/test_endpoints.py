"""Which addresses of an engine are tried, and in which order."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_foodtrucks.endpoints import Endpoint, candidates, usual_sockets
from pytest_foodtrucks.errors import EngineNotFound

CONTEXTS = {"remote": "tcp://10.0.0.1:2376", "desktop": "unix:///home/me/.docker/desktop/docker.sock"}


def tried(option: str = "auto", environ: Mapping[str, str] | None = None, current: str | None = None) -> list[Endpoint]:
    """Return the candidates where the contexts `remote` and `desktop` exist."""
    return candidates(option, environ if environ is not None else {}, current_context=current, context_url=CONTEXTS.get)


def test_a_url_in_the_option_is_the_only_one_tried() -> None:
    everything = {"DOCKER_HOST": "unix:///other.sock", "DOCKER_CONTEXT": "remote"}
    assert tried("unix:///mine.sock", everything, "desktop") == [Endpoint("unix:///mine.sock", "the option engine")]


def test_docker_host_comes_next_and_stands_alone() -> None:
    everything = {"DOCKER_HOST": "unix:///other.sock", "DOCKER_CONTEXT": "remote"}
    assert tried("auto", everything, "desktop") == [Endpoint("unix:///other.sock", "DOCKER_HOST")]


def test_docker_context_comes_next_and_stands_alone() -> None:
    assert tried("auto", {"DOCKER_CONTEXT": "remote"}, "desktop") == [
        Endpoint(CONTEXTS["remote"], "DOCKER_CONTEXT ('remote')", "remote")
    ]


def test_a_current_context_other_than_default_comes_last_of_what_is_set() -> None:
    assert tried(current="desktop") == [
        Endpoint(CONTEXTS["desktop"], "the Docker client's current context ('desktop')", "desktop")
    ]


@pytest.mark.parametrize("current", [None, "", "default"])
def test_the_usual_sockets_are_tried_only_when_nothing_is_set(current: str | None) -> None:
    found = tried("docker", {"DOCKER_HOST": "", "DOCKER_CONTEXT": ""}, current)
    assert found[0] == Endpoint("unix:///var/run/docker.sock")
    assert {endpoint.set_by for endpoint in found} == {None}


def test_docker_context_default_overrules_the_current_context() -> None:
    assert tried("auto", {"DOCKER_CONTEXT": "default"}, "remote")[0].url == "unix:///var/run/docker.sock"


@pytest.mark.parametrize(
    ("environ", "current", "setter"),
    [
        ({"DOCKER_CONTEXT": "gone"}, None, "DOCKER_CONTEXT"),
        ({}, "gone", "the Docker client's current context"),
    ],
)
def test_an_unknown_context_is_an_error_that_names_it_its_place_and_a_remedy(
    environ: Mapping[str, str], current: str | None, setter: str
) -> None:
    with pytest.raises(EngineNotFound) as raised:
        tried("auto", environ, current)
    assert str(raised.value) == (
        f"{setter} is 'gone', and there is no such context. Remedy: choose one that `docker context ls` shows, or "
        "unset it."
    )
    assert raised.value.set_by == f"{setter} ('gone')"


def test_the_usual_sockets_are_those_of_docker_rootless_docker_and_the_desktops() -> None:
    assert usual_sockets({"HOME": "/home/me", "XDG_RUNTIME_DIR": "/run/user/1000"}) == [
        Path("/var/run/docker.sock"),
        Path("/run/user/1000/docker.sock"),
        Path("/home/me/.docker/run/docker.sock"),
        Path("/home/me/.docker/desktop/docker.sock"),
        Path("/home/me/.colima/default/docker.sock"),
        Path("/home/me/.rd/docker.sock"),
    ]


def test_without_a_runtime_folder_there_is_no_rootless_socket_in_it() -> None:
    assert Path("docker.sock") not in usual_sockets({"HOME": "/home/me", "XDG_RUNTIME_DIR": ""})
