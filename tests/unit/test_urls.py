"""Addresses: what of them is shown, and whether an engine can be there."""

import re

import pytest

from pytest_foodtrucks.engine.urls import check_engine_url, without_user

DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tcp://user:hunter2@h:2375", "tcp://h:2375"),
        ("TCP://hunter2@h:2375", "TCP://h:2375"),
        ("ssh://me@h", "ssh://h"),
        ("tcp://user:p/w?d#2@x@[::1]:2375", "tcp://[::1]:2375"),
        ("tcp://user:hun\nter2@h:2375", "tcp://h:2375"),
        ("user:hunter2@mirror.example/hub", "mirror.example/hub"),
        (f"user:hunter2@h/app@{DIGEST}", f"h/app@{DIGEST}"),
        (f"h/app@{DIGEST}", f"h/app@{DIGEST}"),
        ("unix:///home/me@work/docker.sock", "unix:///home/me@work/docker.sock"),
        ("tcp://h:2375", "tcp://h:2375"),
        ("auto", "auto"),
    ],
)
def test_a_user_part_is_never_shown(text: str, shown: str) -> None:
    assert without_user(text) == shown


@pytest.mark.parametrize(
    "url",
    [
        "unix:///var/run/docker.sock",
        "unix:///Users/My Name/docker.sock",
        "http+unix:///var/run/docker.sock",
        "tcp://10.0.0.1:2375",
        "tcp://[::1]:2376",
        "https://engine.example:443/behind/a/proxy",
        "tcp://token@h:2375",
        "ssh://me@h",
        "ssh://h:2222/",
        "npipe:////./pipe/docker_engine",
    ],
)
def test_an_engine_may_be_there(url: str) -> None:
    check_engine_url(url)


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("tcp://h:99999", "use an address with a port between 1 and 65535"),
        ("tcp://h:0", "name the host and a port"),
        ("tcp://h:two", "use an address with a port"),
        ("tcp://h", "name the host and a port"),
        ("tcp://:2375", "name the host and a port"),
        ("tcp://", "name the host and a port"),
        ("tcp://[::1", "use an address with a port"),
        ("http://\u2100:2375", "use an address with a port"),
        ("tcp://user:hunter2@h:2375", "leave the password out: docker-py takes none in a URL"),
        ("tcp://h:2375?tls", "leave out what comes after host and port"),
        ("ssh://h/path", "leave out what comes after host and port"),
        ("ssh://", "name the host"),
        ("unix://", "name the socket with its whole path"),
        ("unix:///", "name the socket with its whole path"),
        ("unix://var/run/docker.sock", "begin the socket's path with a slash: unix:///var/run/docker.sock"),
        ("unix:///x\0", "without blanks and control characters"),
        ("unix:///x ", "without blanks and control characters"),
        ("tcp://h :2375", "without blanks and control characters"),
        ("tcp://h:2375\x1b[2J", "without blanks and control characters"),
        ("h:2375", "begins with unix://, tcp://"),
        ("ftp://h:2375", "begins with unix://, tcp://"),
        ("", "begins with unix://, tcp://"),
    ],
)
def test_no_engine_can_be_there(url: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=re.escape(remedy)):
        check_engine_url(url)
