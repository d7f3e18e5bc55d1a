"""The internet of the tests: what goes out of a container arrives there, and its log says so."""

import json
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import internet as internet_module
from internet import BODY, ECHO_PORT, Arrival, Internet, internet
from lab import PYTHON
from name_server import answer
from pytest_foodtrucks import Network

ATTEMPTS = """
import json, socket, sys
address, told = sys.argv[1], []

def tcp():
    with socket.create_connection((address, 443), 10) as connection:
        connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        return connection.makefile().read().partition("\\n\\n")[2]

def udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(b"hello", (address, 9999))
        return client.recvfrom(99)[1][0]

def name():
    return socket.gethostbyname("out.example")

for attempt in (tcp, udp, name):
    try:
        told.append(attempt())
    except OSError:
        told.append(None)
print(json.dumps(told))
"""


@pytest.fixture(scope="class")
def the_internet() -> Iterator[Internet]:
    with internet() as made:
        yield made


@pytest.fixture
def outside(the_internet: Internet) -> Internet:
    the_internet.forget()
    return the_internet


Attempts = Callable[[str], list[str | None]]


@pytest.fixture
def attempts_from(home: Network, outside: Internet) -> Iterator[Attempts]:
    """Run a container on a network that asks the internet by TCP, UDP and a name; return the three answers."""
    engine, made = home.stack.engine, list[str]()

    def attempts(network: str) -> list[str | None]:
        config = {
            "Image": PYTHON,
            "Cmd": ["python3", "-c", ATTEMPTS, outside.address],
            "Labels": dict(home.stack.labels("traveller")),
            "HostConfig": {"NetworkMode": network, "Dns": [outside.address], "DnsOptions": ["timeout:5", "attempts:2"]},
        }
        made.append(engine.create_container(f"foodtrucks-traveller-{secrets.token_hex(4)}", config))
        engine.start_container(made[-1])
        assert engine.api.wait(made[-1])["StatusCode"] == 0, engine.logs(made[-1])
        answers: list[str | None] = json.loads(engine.logs(made[-1]))
        return answers

    yield attempts
    for container in made:
        engine.remove_container(container)


def all_of_the_attempts(outside: Internet) -> set[Arrival]:
    source, destination = outside.machine, outside.address
    return {
        Arrival("tcp", source, destination, 443),
        Arrival("udp", source, destination, ECHO_PORT),
        Arrival("udp", source, destination, 53),
        Arrival("dns", source, destination, 53, "out.example", "A"),
    }


class TestContainers:
    """What containers send."""

    def test_the_default_bridge_leads_out(self, attempts_from: Attempts, outside: Internet) -> None:
        assert attempts_from("bridge") == [BODY.decode(), outside.address, outside.address]
        assert set(outside.arrived()) == all_of_the_attempts(outside)

    def test_a_network_of_ones_own_leads_out(self, attempts_from: Attempts, home: Network, outside: Internet) -> None:
        assert attempts_from(home.name) == [BODY.decode(), outside.address, outside.address]
        assert set(outside.arrived()) == all_of_the_attempts(outside)

    def test_an_internal_network_doesnt(self, attempts_from: Attempts, island: Network, outside: Internet) -> None:
        assert attempts_from(island.name) == [None, None, None]
        assert outside.arrived() == []


class TestLog:
    """What is noted, of what this machine sends itself."""

    def test_each_address_is_there_and_answers_from_itself(self, outside: Internet) -> None:
        for address in outside.addresses:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(10)
                client.sendto(b"hello", (address, ECHO_PORT))
                assert client.recvfrom(99) == (b"hello", (address, ECHO_PORT))
        assert outside.arrived() == [
            Arrival("udp", outside.machine, address, ECHO_PORT) for address in outside.addresses
        ]
        outside.forget()
        assert outside.arrived() == []

    def test_what_nobody_answers_is_noted_too(self, outside: Internet) -> None:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((outside.address, 7000), timeout=10)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"", (outside.address, 7001))
        assert set(outside.arrived()) == {
            Arrival("tcp", outside.machine, outside.address, 7000),
            Arrival("udp", outside.machine, outside.address, 7001),
        }

    def test_ipv6(self, outside: Internet) -> None:
        if outside.address6 is None:
            pytest.skip("This machine has no IPv6.")
        with socket.create_connection((outside.address6, 80), timeout=10) as client, client.makefile("rb") as file:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert file.read().endswith(BODY)
        assert {arrival[0::2] for arrival in outside.arrived()} == {("tcp", outside.address6, "")}


def things_of_an_internet() -> set[str]:
    """Return the words of `ip` that name a namespace, a device or a route of an internet."""
    shown = "".join(
        subprocess.run(["/usr/sbin/ip", *words], capture_output=True, text=True, check=True).stdout
        for words in (["netns"], ["-brief", "link"], ["route"], ["-6", "route"])
    )
    return {word for word in shown.split() if word.startswith(("foodtrucks-internet-", "fti-"))}


KILLED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from internet import internet
with internet() as outside:
    print(outside.namespace, flush=True)
    os.kill(os.getpid(), 9)
"""


def test_an_internet_takes_away_what_one_left_that_was_killed_and_then_itself() -> None:
    command = [sys.executable, "-c", KILLED, str(Path(internet_module.__file__).parent)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    assert killed in things_of_an_internet()
    with internet({"es": answer("10.0.0.1")}) as outside:
        with pytest.raises(RuntimeError, match="has an internet already"):
            internet().__enter__()
        assert {word for word in things_of_an_internet() if word.startswith("foodtrucks")} == {outside.namespace}
    assert things_of_an_internet() == set()
