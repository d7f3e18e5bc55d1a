"""Which addresses of an engine are tried, and in which order."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_foodtrucks.engine.endpoints import Endpoint, candidates, usual_sockets
from pytest_foodtrucks.errors import EngineNotFound

CONTEXTS = {
    "remote": "tcp://10.0.0.1:2376",
    "desktop": "unix:///home/me/.docker/desktop/docker.sock",
    "wrong": "tcp://user:hunter2@h:99999",
}


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
def test_an_unknown_context_is_an_error_that_says_who_named_it_with_a_remedy(
    environ: Mapping[str, str], current: str | None, setter: str
) -> None:
    with pytest.raises(EngineNotFound) as raised:
        tried("auto", environ, current)
    assert str(raised.value) == (
        f"{setter} is 'gone', and there is no such context. Remedy: choose one that `docker context ls` shows, or "
        "unset it."
    )
    assert raised.value.set_by == f"{setter} ('gone')"


@pytest.mark.parametrize(
    ("option", "environ", "current", "setter"),
    [
        ("tcp://user:hunter2@h:99999", {}, None, "the option engine"),
        ("auto", {"DOCKER_HOST": "tcp://user:hunter2@h:99999"}, None, "DOCKER_HOST"),
        ("auto", {"DOCKER_CONTEXT": "wrong"}, None, "DOCKER_CONTEXT ('wrong')"),
        ("auto", {}, "wrong", "the Docker client's current context ('wrong')"),
    ],
)
def test_an_address_where_no_engine_can_be_is_an_error_that_names_it_without_its_user_part(
    option: str, environ: Mapping[str, str], current: str | None, setter: str
) -> None:
    with pytest.raises(EngineNotFound) as raised:
        tried(option, environ, current)
    assert str(raised.value) == (
        f"No engine can be at 'tcp://h:99999', set by {setter}. Remedy: use an address with a port between 1 and "
        "65535, such as unix:///var/run/docker.sock or tcp://10.0.0.1:2376."
    )
    assert raised.value.set_by == setter


def test_an_endpoint_is_shown_without_its_user_part() -> None:
    endpoint = Endpoint("ssh://hunter2@h", "DOCKER_HOST")
    assert endpoint.shown == "ssh://h"
    assert "hunter2" not in repr(endpoint)


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
