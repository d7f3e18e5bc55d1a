"""What the engine shows of a container, read into types."""

from typing import Any

import pytest

from pytest_foodtrucks.engine.inspected import Attachment, ContainerState, Inspected

ANSWER: dict[str, Any] = {
    "State": {
        "Status": "running",
        "Running": True,
        "OOMKilled": False,
        "ExitCode": 0,
        "Error": "",
        "StartedAt": "2026-01-31T12:00:01.5Z",
        "FinishedAt": "2026-01-31T12:00:00Z",
        "Health": {"Status": "healthy", "Log": [{"Output": "first"}, {"Output": "ok\n"}]},
    },
    "Config": {"Image": "busybox", "Labels": {"l": "v"}, "Healthcheck": {"Test": ["CMD", "true"]}},
    "HostConfig": {
        "NetworkMode": "home",
        "PortBindings": {"9200/tcp": [{"HostIp": "127.0.0.1", "HostPort": "20001"}]},
    },
    "NetworkSettings": {
        "Ports": {
            "9200/tcp": [{"HostIp": "127.0.0.1", "HostPort": "20001"}],
            "9300/tcp": None,
            "9400/tcp": [],
            "9500/tcp": [{"HostIp": "0.0.0.0", "HostPort": ""}],  # noqa: S104 - read, not bound
            "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "20002"}],
        },
        "Networks": {
            "home": {
                "IPAddress": "172.30.0.2",
                "GlobalIPv6Address": "fd00::2",
                "Gateway": "172.30.0.1",
                "IPv6Gateway": "",
                "Aliases": ["es", "search"],
            }
        },
    },
}
"""As Docker answers, as far as it is read; port 9500 as on a network in gateway mode routed (28.5)."""


def test_all_of_an_answer_is_read() -> None:
    assert Inspected.of(ANSWER) == Inspected(
        state=ContainerState(
            "running",
            health="healthy",
            health_output="ok",
            ended_before=1769860800.0,
        ),
        started_at="2026-01-31T12:00:01.5Z",
        attachments=(Attachment("home", ("172.30.0.2", "fd00::2"), ("172.30.0.1",), ("es", "search")),),
        network_mode="home",
        host_ports={9200: 20001},
        published={9200: (("127.0.0.1", 20001),)},
        unmapped=frozenset({9500}),
        image="busybox",
        labels={"l": "v"},
        healthcheck=("CMD", "true"),
    )


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"State": None, "Config": None, "HostConfig": None, "NetworkSettings": None},
        {
            "State": {"Health": None},
            "Config": {"Labels": None, "Healthcheck": None},
            "HostConfig": {"PortBindings": None},
            "NetworkSettings": {"Ports": None, "Networks": None},
        },
    ],
)
def test_what_an_answer_leaves_out_a_container_hasnt_got(answer: dict[str, Any]) -> None:
    assert Inspected.of(answer) == Inspected(ContainerState(""))


def test_a_health_check_that_is_switched_off_is_none() -> None:
    assert Inspected.of({"Config": {"Healthcheck": {"Test": ["NONE"]}}}).healthcheck == ()


@pytest.mark.parametrize(
    ("addresses", "ipv4"), [(("fd00::2", "172.30.0.2"), "172.30.0.2"), (("fd00::2",), ""), ((), "")]
)
def test_an_attachment_has_one_ipv4_address_or_none(addresses: tuple[str, ...], ipv4: str) -> None:
    assert Attachment("home", addresses, (), ()).ipv4 == ipv4


@pytest.mark.parametrize(
    ("status", "runs", "ended"),
    [
        ("created", False, False),
        ("running", True, False),
        ("paused", True, False),
        ("restarting", True, False),
        ("removing", False, False),
        ("exited", False, True),
        ("dead", False, True),
    ],
)
def test_a_state_tells_whether_it_runs_and_whether_it_ended(status: str, *, runs: bool, ended: bool) -> None:
    state = ContainerState(status)
    assert (state.runs, state.ended) == (runs, ended)


@pytest.mark.parametrize(
    ("mode", "shares"), [("host", True), ("container:c1", True), ("bridge", False), ("home", False)]
)
def test_a_container_on_anothers_network_has_no_address_of_its_own(mode: str, *, shares: bool) -> None:
    assert Inspected.of({"HostConfig": {"NetworkMode": mode}}).shares_network is shares


@pytest.mark.parametrize(
    "bindings",
    [{"80/tcp": [{"HostIp": "", "HostPort": ""}]}, {"80/tcp": []}, {"80/tcp": None}, {"53/udp": [{"HostPort": "5"}]}],
)
def test_a_host_port_that_the_engine_chose_or_that_is_udp_is_none(bindings: Any) -> None:
    """As `docker run --publish 80` writes it."""
    assert Inspected.of({"HostConfig": {"PortBindings": bindings}}).host_ports == {}


def test_proxies_are_those_of_the_environment_and_never_shown() -> None:
    environment = ["HTTP_PROXY=http://me:hunter2@10.0.0.1:3128", "https_proxy=10.0.0.1", "NO_PROXY=es", "ALL_PROXY="]
    seen = Inspected.of({**ANSWER, "Config": {"Env": environment}})
    assert seen.proxies == {"HTTP_PROXY": "http://me:hunter2@10.0.0.1:3128", "https_proxy": "10.0.0.1"}
    assert "hunter2" not in repr(seen)
