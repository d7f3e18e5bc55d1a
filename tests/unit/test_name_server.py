"""The name server of the tests, asked with queries that are made by hand."""

import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import name_server
from name_server import (
    EMPTY,
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    SILENT,
    Behaviour,
    Names,
    NameServer,
    Question,
    answer,
    from_json,
    to_json,
)

HOME = answer("10.0.0.1")
A, AAAA, TXT = 1, 28, 16
ANSWER_OF_HOME = b"\x12\x34\x81\x80\0\1\0\1\0\0\0\0\2es\0\0\1\0\1" + b"\2es\0\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1"


def query(name: str, number: int = A) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return b"\x12\x34\x01\0\0\1\0\0\0\0\0\0" + labels + b"\0" + struct.pack(">HH", number, 1)


@contextmanager
def udp(server: NameServer) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
        client.settimeout(10)
        client.connect((server.address, server.port))
        yield client


def by_udp(server: NameServer, name: str, number: int = A) -> bytes:
    with udp(server) as client:
        client.send(query(name, number))
        return client.recv(4096)


def by_tcp(server: NameServer, *names: str) -> list[bytes]:
    """Ask all names in one connection."""
    with socket.create_connection((server.address, server.port), timeout=10) as client, client.makefile("rb") as file:
        for name in names:
            client.sendall(len(query(name)).to_bytes(2, "big") + query(name))
        return [file.read(int.from_bytes(file.read(2), "big")) for _ in names]


def code(message: bytes) -> int:
    return message[3] & 15


def records(message: bytes) -> int:
    return int.from_bytes(message[6:8], "big")


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[NameServer]:
    with NameServer({"es": behaviour}) as server:
        yield server


def test_an_address_is_answered_byte_by_byte_as_the_rfc_says() -> None:
    with serving(HOME) as server:
        assert by_udp(server, "es") == ANSWER_OF_HOME
        assert by_tcp(server, "es", "es") == [ANSWER_OF_HOME, ANSWER_OF_HOME]


def test_the_question_comes_back_in_the_letters_in_which_it_was_asked() -> None:
    with serving(HOME) as server:
        assert b"\2eS\0" in by_udp(server, "eS")


def test_a_question_gets_the_addresses_of_its_type() -> None:
    with serving(answer("10.0.0.1", "10.0.0.2", "2001:db8::1", ttl=7)) as server:
        assert records(by_udp(server, "es", A)) == 2
        message = by_udp(server, "es", AAAA)
        assert message.endswith(b"\0\0\0\7\0\x10" + socket.inet_pton(socket.AF_INET6, "2001:db8::1"))
        assert (code(by_udp(server, "es", TXT)), records(by_udp(server, "es", TXT))) == (0, 0)


@pytest.mark.parametrize(("behaviour", "expected"), [(EMPTY, 0), (SERVFAIL, 2), (NXDOMAIN, 3), (REFUSED, 5)])
def test_an_answer_without_addresses(behaviour: Behaviour, expected: int) -> None:
    with serving(behaviour) as server:
        message = by_udp(server, "es")
        assert (code(message), records(message)) == (expected, 0)


def test_a_name_that_isnt_listed_isnt_there_unless_there_is_a_default() -> None:
    with NameServer({"es": HOME}) as strict, NameServer({"es": SERVFAIL, "*": HOME}) as generous:
        assert code(by_udp(strict, "web.test")) == 3
        assert by_udp(generous, "web.test").endswith(bytes([10, 0, 0, 1]))
        assert code(by_udp(generous, "es")) == 2


def test_each_type_of_a_name_may_have_a_behaviour() -> None:
    names: Names = {"es": {"A": HOME, "AAAA": SERVFAIL}, "web": {"A": HOME, "*": REFUSED}}
    with NameServer(names) as server:
        assert by_udp(server, "es") == ANSWER_OF_HOME
        assert code(by_udp(server, "es", AAAA)) == 2
        assert code(by_udp(server, "es", TXT)) == 0
        assert code(by_udp(server, "web", TXT)) == 5


def test_a_truncated_answer_is_whole_by_tcp() -> None:
    with serving(replace(HOME, truncated=True)) as server:
        short = by_udp(server, "es")
        assert (short[2] & 2, records(short)) == (2, 0)
        assert by_tcp(server, "es") == [ANSWER_OF_HOME]


def test_a_chain_of_aliases_ends_at_the_address() -> None:
    with serving(answer("10.0.0.1", chain=("b.test", "c.test"))) as server:
        message = by_udp(server, "es")
        assert records(message) == 3
        first = b"\2es\0\0\5\0\1\0\0\0\x3c\0\x08\1b\4test\0"
        second = b"\1b\4test\0\0\5\0\1\0\0\0\x3c\0\x08\1c\4test\0"
        assert message.endswith(first + second + b"\1c\4test\0\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1")


def test_a_wrong_id_and_then_the_right_one() -> None:
    with serving(replace(HOME, wrong_id=True, then_right=True)) as server, udp(server) as client:
        client.send(query("es"))
        wrong, right = client.recv(4096), client.recv(4096)
        assert wrong[:2] != b"\x12\x34"
        assert wrong[2:] == ANSWER_OF_HOME[2:]
        assert right == ANSWER_OF_HOME


def test_an_answer_about_another_name() -> None:
    with serving(replace(HOME, wrong_question="wrong.test")) as server:
        message = by_udp(server, "es")
        assert message[:2] == b"\x12\x34"
        assert b"\2es" not in message
        assert message.count(b"\5wrong\4test\0") == 2


def test_garbage() -> None:
    with serving(Behaviour(garbage="ff00")) as server:
        assert by_udp(server, "es") == b"\xff\0"
        assert by_tcp(server, "es") == [b"\xff\0"]


def test_silence() -> None:
    with NameServer({"es": SILENT, "web": HOME}) as server, udp(server) as client:
        client.send(query("es"))
        while not server.asked:
            time.sleep(0.01)
        client.send(query("web"))
        assert b"\3web" in client.recv(4096)


def test_a_slow_answer_holds_up_no_other() -> None:
    with NameServer({"es": replace(HOME, delay=0.3), "web": HOME}) as server, udp(server) as client:
        client.send(query("es"))
        while not server.asked:
            time.sleep(0.01)
        client.send(query("web"))
        assert [b"\2es" in client.recv(4096) for _ in range(2)] == [False, True]


def test_the_end_waits_neither_for_a_slow_answer_nor_for_an_idle_connection() -> None:
    with serving(replace(HOME, delay=1000)) as server, udp(server) as client:
        idle = socket.create_connection((server.address, server.port), timeout=10)
        client.send(query("es"))
        while not server.asked:
            time.sleep(0.01)
    with closing(idle):
        assert idle.recv(1) == b""


def test_all_questions_are_noted_with_their_transport_and_client() -> None:
    with serving(HOME) as server:
        by_udp(server, "ES", AAAA)
        by_tcp(server, "web.test")
        by_udp(server, "es", 99)
        assert server.asked == [
            Question("es", "AAAA", "udp", "127.0.0.1"),
            Question("web.test", "A", "tcp", "127.0.0.1"),
            Question("es", "TYPE99", "udp", "127.0.0.1"),
        ]


@pytest.mark.parametrize("junk", [b"", b"\0" * 12, b"\0" * 13, b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\x3fes"])
def test_what_is_no_query_gets_no_answer_and_ends_nothing(junk: bytes) -> None:
    with serving(HOME) as server, udp(server) as client:
        client.send(junk)
        client.send(query("es"))
        assert client.recv(4096) == ANSWER_OF_HOME
        assert len(server.asked) == 1


def test_a_port_is_taken_once_and_free_again_at_the_end() -> None:
    with serving(HOME) as server:
        with pytest.raises(OSError, match="in use"):
            NameServer({}, port=server.port).__enter__()
        assert by_udp(server, "es") == ANSWER_OF_HOME
    with NameServer({"es": HOME}, port=server.port) as again:
        assert by_udp(again, "es") == ANSWER_OF_HOME


def test_the_names_survive_json() -> None:
    names: Names = {
        "es": answer("10.0.0.1", chain=("b",)),
        "web": {"A": replace(HOME, delay=2), "*": Behaviour(garbage="ff")},
        "*": EMPTY,
    }
    assert from_json(to_json(names)) == names
    assert from_json('{"web": {}, "es": {"addresses": ["10.0.0.1"]}}') == {"web": EMPTY, "es": HOME}


def test_the_program_prints_that_it_is_ready_and_each_question() -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        server = NameServer({}, port=free.getsockname()[1])
    options = ("--address", "127.0.0.1", "--port", str(server.port), "--json", to_json({"es": HOME}))
    command = (sys.executable, str(Path(name_server.__file__)), *options)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            assert by_udp(server, "es") == ANSWER_OF_HOME
            asked = json.loads(process.stdout.readline())
            assert asked == {"name": "es", "type": "A", "transport": "udp", "client": "127.0.0.1"}
        finally:
            process.kill()
