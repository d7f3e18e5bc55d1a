"""The agent's program, in this process, against sockets on loopback: no container, no engine."""

import ast
import base64
import errno
import json
import os
import re
import resource
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from name_server import EMPTY, NXDOMAIN, REFUSED, SERVFAIL, SILENT, Behaviour, NameServer, answer
from pytest_foodtrucks.probes.agent import program

SOURCE = Path(program.__file__).read_text(encoding="utf-8")
HOME = "127.0.0.1"


def test_python_3_9_can_read_the_program() -> None:
    ast.parse(SOURCE, feature_version=(3, 9))


def test_one_argument_of_a_command_could_hold_it() -> None:
    assert len(SOURCE.encode()) < 128 << 10


def test_it_imports_the_standard_library_alone() -> None:
    nodes = list(ast.walk(ast.parse(SOURCE)))
    imported = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


# connections


@contextmanager
def bound(kind: int = socket.SOCK_STREAM, address: str = HOME) -> Iterator[tuple[socket.socket, int]]:
    """Give a socket with a port of its own."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with closing(socket.socket(family, kind)) as made:
        made.bind((address, 0))
        yield made, made.getsockname()[1]


def asked(port: int, address: str = HOME, **values: Any) -> dict[str, Any]:
    told = {"key": "0", "protocol": "tcp", "address": address, "port": port, "text": "hello", "tries": 1, "wait": 5}
    return {**told, **values}


def tries(*asked: dict[str, Any], begin: float = 60) -> dict[str, list[dict[str, Any]]]:
    told: dict[str, list[dict[str, Any]]] = program.connect(list(asked), begin)["tries"]
    return told


def only_try(port: int, address: str = HOME, **values: Any) -> dict[str, Any]:
    (only,) = tries(asked(port, address, **values))["0"]
    return only


def outcome(port: int, address: str = HOME, **values: Any) -> tuple[bool, str | None]:
    only = only_try(port, address, **values)
    return only["connected"], only["error"]


def test_an_open_port_connects_from_an_own_port() -> None:
    with bound() as (listening, port):
        listening.listen()
        only = only_try(port)
        connection, peer = listening.accept()
        connection.close()
    assert only["connected"]
    assert only["local"] == list(peer)


def test_a_closed_port_refuses_with_a_segment() -> None:
    with bound() as (_, port):
        only = only_try(port)
    assert (only["connected"], only["error"], only["segments"]) == (False, "ECONNREFUSED", [1, 1])


def test_a_kernel_that_counts_no_segments_tells_none() -> None:
    class Older(socket.socket):
        def getsockopt(self, level: int, option: int, length: int = 0) -> Any:
            return super().getsockopt(level, option, min(length, 104))

    with closing(Older()) as asking:
        assert program.segments(asking) is None


@contextmanager
def silent() -> Iterator[int]:
    """Give a port that answers no connection: its backlog is full."""
    with bound() as (listening, port), ExitStack() as undo:
        listening.listen(0)
        for _ in range(2):
            waiting = undo.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex((HOME, port))
        yield port


def test_a_full_backlog_is_silence() -> None:
    with silent() as port:
        assert outcome(port, wait=0.2) == (False, None)


def test_a_connection_that_is_not_made_yet_is_not_over() -> None:
    with silent() as port, closing((each := program.Try(asked(port))).socket):
        assert not each.start()
        assert not each.look()  # the kernel wakes who waits for it before it has an ICMP error's number


def test_a_port_that_reaches_itself_is_closed() -> None:
    with bound() as (taken, port):
        taken.close()
        each = program.Try(asked(port))
        each.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        each.socket.bind((HOME, port))
        assert each.start() or each.look()
    assert each.outcome["error"] == "ECONNREFUSED"
    assert not each.outcome["connected"]


@contextmanager
def replying() -> Iterator[int]:
    """Reply to one datagram."""
    with bound(socket.SOCK_DGRAM) as (server, port):

        def reply() -> None:
            data, peer = server.recvfrom(100)
            server.sendto(data, peer)

        thread = threading.Thread(target=reply)
        thread.start()
        yield port
        thread.join(10)


def test_a_datagram_that_is_answered_connects() -> None:
    with replying() as port:
        assert outcome(port, protocol="udp") == (True, None)


def test_a_datagram_to_a_closed_port_has_the_icmp_error() -> None:
    with bound(socket.SOCK_DGRAM) as (taken, port):
        taken.close()
        only = only_try(port, protocol="udp")
    assert only["error"] == "ECONNREFUSED"
    assert only["icmp"] == {"version": 4, "type": 3, "code": 3, "from": HOME}


def test_a_datagram_that_nobody_answers_is_silence() -> None:
    with bound(socket.SOCK_DGRAM) as (_, port):
        assert outcome(port, protocol="udp", wait=0.2) == (False, None)


def test_a_datagram_without_an_answer_is_sent_again() -> None:
    with bound(socket.SOCK_DGRAM) as (server, port):
        server.settimeout(5)
        assert outcome(port, protocol="udp", wait=1.2) == (False, None)
        assert [server.recv(100) for _ in range(2)] == [b"hello"] * 2


@pytest.mark.skipif("00000000000000000000000000000001" not in program.read("/proc/net/if_inet6"), reason="no ::1 here")
def test_ipv6_connects_and_refuses() -> None:
    with bound(address="::1") as (listening, port):
        assert outcome(port, "::1") == (False, "ECONNREFUSED")
        listening.listen()
        assert outcome(port, "::1") == (True, None)


def test_where_the_kernel_has_no_ipv6_the_other_family_is_asked_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    make = socket.socket

    def without_ipv6(family: int = socket.AF_INET, *values: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return make(family, *values)

    monkeypatch.setattr(socket, "socket", without_ipv6)
    with bound() as (server, port):
        server.listen()
        told = tries(asked(port, "::1", key="six"), asked(port, key="four"))
    assert [each["error"] for each in told["six"]] == ["EAFNOSUPPORT"] * len(told["six"])
    assert all(each["connected"] for each in told["four"])


@contextmanager
def file_limit(most: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def used_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_more_connections_than_files_are_tried_one_after_the_other() -> None:
    with bound() as (_, port), file_limit(used_files() + program.SPARE_FILES + 5):
        refused = tries(asked(port, tries=300))["0"]
    assert [each["error"] for each in refused] == ["ECONNREFUSED"] * 300


def test_tries_for_which_there_is_no_room_in_time_are_not_made() -> None:
    with silent() as port, file_limit(program.SPARE_FILES + 5):
        told = tries(*(asked(port, key=key, tries=4, wait=0.3) for key in ("first", "second")), begin=0.01)
    assert {key: len(each) for key, each in told.items()} == {"first": 4, "second": 1}
    assert {each["error"] for outcomes in told.values() for each in outcomes} == {None}


def test_tries_wait_for_room_that_others_have() -> None:
    with bound() as (listening, port), ExitStack() as others:
        listening.listen()
        with file_limit(used_files() + 5):
            with suppress(OSError):  # until there is no room for one more
                while True:
                    others.callback(os.close, os.dup(listening.fileno()))
            freeing = threading.Timer(0.2, others.close)
            freeing.start()
            told = tries(asked(port))["0"]
            freeing.join()
    assert [(each["connected"], each["error"]) for each in told] == [(True, None)]


def test_what_there_is_no_room_to_read_is_a_trouble_and_not_empty() -> None:
    with file_limit(3), pytest.raises(OSError, match="Too many open files"):
        program.listening()


@pytest.mark.parametrize("path", ["/nowhere", "/dev/null/nowhere"])
def test_a_file_that_isnt_there_is_empty(path: str) -> None:
    assert program.read(path) == ""


# who comes


def until(true: Callable[[], Any]) -> Any:
    """Wait for what another thread does."""
    ends = time.monotonic() + 10
    while not (found := true()) and time.monotonic() < ends:
        time.sleep(0.005)
    return found


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_it_listens_on_the_same_port_each_time_and_notes_who_comes(protocol: str) -> None:
    port = program.listen(protocol)["port"]
    assert program.listen(protocol) == {"port": port}
    only = only_try(port, protocol=protocol, text="who's there")
    assert only["connected"]
    noted = [*only["local"], "who's there" if protocol == "udp" else ""]
    assert until(lambda: noted in program.visitors(protocol, port))
    assert [protocol, "::", port] in program.listening() or [protocol, "0.0.0.0", port] in program.listening()  # noqa: S104


def test_a_visitor_whose_reply_fails_is_noted_and_so_is_the_next() -> None:
    class Forbidden(socket.socket):
        def sendto(self, *_: Any) -> int:
            raise PermissionError

    came: list[list[Any]] = []
    listening = Forbidden(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind((HOME, 0))
    threading.Thread(target=program.receive, args=(listening, "udp", came), daemon=True).start()
    with bound(socket.SOCK_DGRAM) as (client, _):
        for text in (b"1", b"2"):
            client.sendto(text, listening.getsockname())
        assert until(lambda: [each[2] for each in came] == ["1", "2"])


def test_listening_has_what_listens_and_nothing_else() -> None:
    with bound() as (listening, port), bound(socket.SOCK_DGRAM) as (_, udp_port):
        assert ["tcp", HOME, port] not in program.listening()
        listening.listen()
        assert ["tcp", HOME, port] in program.listening()
        assert ["udp", HOME, udp_port] in program.listening()


@pytest.mark.skipif(sys.byteorder != "little", reason="the texts are a little-endian machine's")
@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0100007F:0050", "127.0.0.1"),
        ("00000000000000000000000001000000:0050", "::1"),
        ("B80D0120000000000000000001000000:0050", "2001:db8::1"),
    ],
)
def test_an_address_of_proc_is_read(text: str, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    assert socket.inet_ntop(family, program.address_of(text)) == address


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Let the program find these files alone."""
    found: dict[str, str] = {}
    monkeypatch.setattr(program, "read", lambda path: found.get(path, ""))
    return found


def test_counters_are_read_by_their_names(texts: dict[str, str]) -> None:
    texts["/proc/net/netstat"] = "TcpExt: A ListenDrops ListenOverflows\nTcpExt: 1 2 3\nIpExt: ListenDrops\nIpExt: 9\n"
    assert program.counters() == {"ListenOverflows": 3, "ListenDrops": 2}


def test_counters_that_the_kernel_has_not_are_0(texts: dict[str, str]) -> None:
    del texts
    assert program.counters() == {"ListenOverflows": 0, "ListenDrops": 0}


def ipv4_packet(protocol: int, content: bytes, options: bytes = b"") -> bytes:
    length = 5 + len(options) // 4
    ends = socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.2")
    return bytes([0x40 | length]) + bytes(8) + bytes([protocol]) + bytes(2) + ends + options + content


def ipv6_packet(protocol: int, content: bytes) -> bytes:
    ends = socket.inet_pton(socket.AF_INET6, "fd00::1") + socket.inet_pton(socket.AF_INET6, "fd00::2")
    return b"\x60" + bytes(5) + bytes([protocol, 64]) + ends + content


PORTS = struct.pack("!HH", 40000, 80)


@pytest.mark.parametrize(
    ("packet", "told"),
    [
        (ipv4_packet(6, PORTS), ["tcp", "10.0.0.1", 40000, "10.0.0.2", 80, ""]),
        (ipv4_packet(6, PORTS, options=bytes(8)), ["tcp", "10.0.0.1", 40000, "10.0.0.2", 80, ""]),
        (ipv4_packet(17, PORTS + bytes(4) + b"hi"), ["udp", "10.0.0.1", 40000, "10.0.0.2", 80, "hi"]),
        (ipv6_packet(6, PORTS), ["tcp", "fd00::1", 40000, "fd00::2", 80, ""]),
        (ipv6_packet(17, PORTS + bytes(4) + b"hi"), ["udp", "fd00::1", 40000, "fd00::2", 80, "hi"]),
    ],
    ids=["tcp", "tcp with options", "udp", "tcp by IPv6", "udp by IPv6"],
)
def test_a_packet_is_read(packet: bytes, told: list[Any]) -> None:
    assert program.first_packet(packet) == [told]
    if told[0] == "tcp":
        assert program.first_packet(packet[:-1]) == []


@pytest.mark.parametrize("packet", [b"", b"\x45", b"\x60"], ids=repr)
def test_a_packet_that_is_cut_off_is_none(packet: bytes) -> None:
    assert program.first_packet(packet) == []


def test_ipv6_is_there_with_an_address_beside_loopbacks(texts: dict[str, str]) -> None:
    assert not program.has_ipv6()
    texts["/proc/net/if_inet6"] = f"{1:032x} 01 80 10 80       lo\n"
    assert not program.has_ipv6()
    texts["/proc/net/if_inet6"] += "fd000000000000000000000000000001 02 40 00 80     eth0\n"
    assert program.has_ipv6()


def test_about_has_addresses_and_routes_from_proc(texts: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"HTTP_PROXY": "http://proxy:1", "PATH": "/bin"})
    texts["/proc/net/fib_trie"] = (
        "Main:\n  |-- 10.0.0.0\n     /24 link UNICAST\n  |-- 10.0.0.7\n     /32 host LOCAL\n"
        "Local:\n  |-- 10.0.0.7\n     /32 host LOCAL\n  |-- 10.0.0.255\n     /32 link BROADCAST\n"
    )
    texts["/proc/net/if_inet6"] = "fd000000000000000000000000000001 02 40 00 80     eth0\n"
    texts["/proc/net/route"] = "Iface Destination Gateway\neth0 00000000 0100000A\n"
    told = program.about()
    assert told["addresses"] == ["10.0.0.7", "fd00::1"]
    assert told["routes"] == [["eth0", "00000000", "0100000A"]]
    assert told["proxies"] == {"HTTP_PROXY": "http://proxy:1"}


@pytest.mark.parametrize(
    ("kind", "body", "is_one"),
    [
        (17, b"", True),
        (20, bytes([socket.AF_INET, 24, 0, 253]), True),
        (21, bytes([socket.AF_INET6, 64, 0, 0]), True),
        (20, bytes([socket.AF_INET6, 64, 0, 253]), False),
        (16, bytes(4), False),
    ],
    ids=["link gone", "IPv4", "IPv6", "IPv6 of one link alone", "link changed"],
)
def test_a_change_of_an_address_is_told_from_the_rest(kind: int, body: bytes, *, is_one: bool) -> None:
    changes = program.AddressChanges()
    assert changes.is_change((kind, body)) is is_one
    assert changes.count() == 0


def test_more_changes_than_there_was_room_for_are_a_change() -> None:
    class Overrun:
        def recv(self, *_: Any) -> bytes:
            raise OSError(105, "No buffer space available")

    found: Any = program.messages(Overrun())  # type: ignore[arg-type]
    assert [kind for kind, _ in found] == [program.AddressChanges.LINK_GONE]


# names


def test_resolv_conf_is_read_as_its_manual_says(texts: dict[str, str]) -> None:
    texts["/etc/resolv.conf"] = """# a comment
nameserver 10.0.0.1 # another
nameserver ::1
nameserver 10.0.0.3
nameserver 10.0.0.4
domain old
search a.example b.example.
options ndots:2 timeout:1 rotate ndots:x
"""
    servers, search = ["10.0.0.1", "::1", "10.0.0.3"], ["a.example", "b.example."]
    assert program.resolver() == {"servers": servers, "search": search, "ndots": 2, "timeout": 1}


def test_without_resolv_conf_this_host_is_asked(texts: dict[str, str]) -> None:
    del texts
    assert program.resolver() == {"servers": [HOME], "search": [], "ndots": 1, "timeout": 5}


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("es.", ["es."]),
        ("es", ["es.a.example.", "es.b.example.", "es."]),
        ("es.a", ["es.a.", "es.a.a.example.", "es.a.b.example."]),
    ],
)
def test_candidates_are_in_their_order(name: str, names: list[str]) -> None:
    assert program.candidates(name, {"search": ["a.example", "b.example.", "."], "ndots": 1}) == names


def test_the_hosts_file_is_read_without_its_comments(texts: dict[str, str]) -> None:
    texts["/etc/hosts"] = "# none\n\n10.0.0.1 es ES.local # es2\n::1 localhost\n"
    assert program.host_lines() == [["10.0.0.1", "es", "ES.local"], ["::1", "localhost"]]


@contextmanager
def name_server(monkeypatch: pytest.MonkeyPatch, names: dict[str, Any], search: tuple[str, ...] = ()) -> Iterator[Any]:
    with NameServer(names) as server:
        conf = {"servers": [HOME], "search": [*search], "ndots": 1, "timeout": 1}
        monkeypatch.setattr(program, "DNS_PORT", server.port)
        monkeypatch.setattr(program, "resolver", lambda: conf)
        yield server


def query(monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour, kind: str = "A", wait: float = 5) -> dict[str, Any]:
    with name_server(monkeypatch, {"es": behaviour}):
        asking = program.Query("es.", kind, time.monotonic() + wait)
        asking.ask()
    return asking.outcome


RIGHT = answer("10.0.0.1", "10.0.0.2", "fd00::1", ttl=7)


@pytest.mark.parametrize(
    ("behaviour", "rcode", "tcp"),
    [
        (RIGHT, "NOERROR", False),
        (answer("10.0.0.1", "10.0.0.2", ttl=7, delay=0.3), "NOERROR", False),
        (answer("10.0.0.1", "10.0.0.2", ttl=7, truncated=True), "NOERROR", True),
        (answer("10.0.0.1", "10.0.0.2", ttl=7, chain=("a", "b")), "NOERROR", False),
        (answer("10.0.0.1", "10.0.0.2", ttl=7, wrong_id=True, then_right=True), "NOERROR", False),
        (answer("10.0.0.1", "10.0.0.2", ttl=7, wrong_question="web", then_right=True), "NOERROR", False),
        (answer("10.0.0.1", "10.0.0.2", ttl=7, garbage="00", then_right=True), "NOERROR", False),
    ],
    ids=["right", "slow", "truncated", "alias", "wrong id", "wrong question", "garbage"],
)
def test_the_right_answer_is_taken(
    monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour, rcode: str, *, tcp: bool
) -> None:
    found = query(monkeypatch, behaviour)
    assert (found["addresses"], found["ttl"], found["error"]) == (["10.0.0.1", "10.0.0.2"], 7, None)
    assert (found["rcode"], found["tcp"], found["server"]) == (rcode, tcp, HOME)


def test_an_ipv6_address_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert query(monkeypatch, RIGHT, "AAAA")["addresses"] == ["fd00::1"]


@pytest.mark.parametrize(
    ("behaviour", "rcode"),
    [(EMPTY, "NOERROR"), (NXDOMAIN, "NXDOMAIN"), (SERVFAIL, "SERVFAIL"), (REFUSED, "REFUSED")],
)
def test_an_answer_without_addresses_has_its_code(
    monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour, rcode: str
) -> None:
    found = query(monkeypatch, behaviour)
    assert (found["rcode"], found["addresses"], found["error"]) == (rcode, [], None)


@pytest.mark.parametrize(
    "behaviour",
    [
        SILENT,
        Behaviour(wrong_id=True),
        Behaviour(wrong_question="web"),
        Behaviour(garbage="0102030405060708090a0b0c0d"),
    ],
    ids=["silent", "wrong id", "wrong question", "garbage"],
)
def test_what_is_no_answer_is_none(monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour) -> None:
    found = query(monkeypatch, behaviour, wait=0.3)
    assert (found["rcode"], found["addresses"], found["error"]) == (None, [], "no answer")


def test_a_name_server_that_is_not_there_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with name_server(monkeypatch, {}), bound(socket.SOCK_DGRAM) as (taken, port):
        taken.close()
        monkeypatch.setattr(program, "DNS_PORT", port)
        asking = program.Query("es.", "A", time.monotonic() + 1)
        asking.ask()
    assert asking.outcome["error"] == "ECONNREFUSED"


@pytest.mark.parametrize(
    "record",
    [
        b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 9, 4) + b"\x0a\0\0",
        b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 9, 3) + b"\x0a\0\0",
        b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 9, 9) + b"\1a",
        b"\xc0\x0c\0\1",
        b"",
    ],
    ids=["address cut off", "short address", "alias cut off", "head cut off", "nothing"],
)
def test_a_reply_that_is_cut_off_is_no_answer(record: bytes) -> None:
    asking = program.Query("es.", "A", 0)
    asking.take(asking.message[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + asking.question + record)
    found = asking.outcome
    assert (found["rcode"], found["addresses"], found["error"]) == (None, [], "a reply that can't be read")


def test_a_name_is_asked_for_in_its_search_domain_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with name_server(monkeypatch, {"es": answer("10.0.0.1")}, ("a.example",)):
        found = program.look_up(["es"], 5)["es"]
    told = [(each["name"], each["type"], each["rcode"]) for each in found["queries"]]
    assert told == [
        ("es.a.example.", "A", "NXDOMAIN"),
        ("es.a.example.", "AAAA", "NXDOMAIN"),
        ("es.", "A", "NOERROR"),
        ("es.", "AAAA", "NOERROR"),
    ]


def test_an_application_whose_datagrams_got_lost_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [socket.gaierror(socket.EAI_AGAIN, "again"), socket.gaierror(socket.EAI_NONAME, "unknown")]

    def getaddrinfo(*_: object, **__: object) -> None:
        raise errors.pop(0)

    with name_server(monkeypatch, {"es": RIGHT}):
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        found = program.look_up(["es"], 5)["es"]
    assert found["application"] == {"addresses": [], "error": "EAI_NONAME"}


def test_a_silent_name_server_leaves_the_application_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with name_server(monkeypatch, {"es": SILENT}):
        found = program.look_up(["es"], 0.3)["es"]
    assert found["application"] == {"addresses": [], "error": "no answer"}
    assert [each["error"] for each in found["queries"]] == ["no answer"] * 2


def test_a_name_server_is_asked_by_a_process_with_many_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with file_limit(min(hard, 4096)), open(os.devnull, "rb") as file, ExitStack() as undo:  # noqa: PTH123
        for _ in range(1100):
            undo.callback(os.close, os.dup(file.fileno()))
        assert query(monkeypatch, RIGHT)["rcode"] == "NOERROR"


# HTTP


@contextmanager
def web(*pieces: bytes, stays: bool = False, trickle: bool = False, context: Any = None) -> Iterator[int]:
    """Send these pieces to whoever asks; `trickle` sends the last again and again, `stays` doesn't hang up."""
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:  # the client may hang up, or refuse the certificate
            plain = context.wrap_socket(connection, server_side=True) if context else connection
            with plain:
                plain.recv(65536)
                for piece in pieces:
                    plain.sendall(piece)
                while trickle and not over.wait(0.02):
                    plain.sendall(pieces[-1])
                if stays:
                    over.wait(20)

    with bound() as (listening, port):
        listening.listen()

        def accept() -> None:
            with suppress(OSError):  # nobody came
                serve(listening.accept()[0])

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield port
        finally:
            over.set()
            with suppress(OSError):  # wakes who accepts
                listening.shutdown(socket.SHUT_RDWR)
            thread.join(20)


def get(port: int, **values: Any) -> dict[str, Any]:
    url = {"addresses": [HOME], "port": port, "host": "es", "netloc": f"es:{port}", "path": "/", "tls": False}
    return program.http(**{**url, "ca": None, "wait": 10, "most": None, **values})


def body(said: dict[str, Any]) -> bytes:
    return base64.b64decode(said["body"])


OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize(
    "told",
    [
        HELLO,
        HELLO + b" and more",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        OK + b"\r\nhello",
        OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        OK + b"Content-Length: 5, 5\r\n\r\nhello",
    ],
    ids=["length", "more than its length", "chunked", "no length", "length twice", "length twice in a line"],
)
def test_a_whole_answer_has_its_body_and_no_trouble(told: bytes) -> None:
    with web(told) as port:
        said = get(port)
    assert (said["status"], body(said), said["trouble"]) == (200, b"hello", None)


def test_an_answer_ends_with_its_length_although_the_server_stays() -> None:
    with web(HELLO, stays=True) as port:
        said = get(port, wait=2)
    assert (body(said), said["trouble"]) == (b"hello", None)


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"HTTP/1.1 20",
        OK,
        OK + b"Content-Le",
        OK + b"Content-Length: 6\r\n\r\nhello",
        OK + b"Content-Length: 6, 6\r\n\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        OK + b"Content-Length: many\r\n\r\nhello",
        b"SSH-2.0-OpenSSH\r\n",
    ],
    ids=str,
)
def test_an_answer_that_is_not_whole_has_a_trouble(told: bytes) -> None:
    with web(told) as port:
        assert get(port)["trouble"]


@pytest.mark.parametrize(
    "pieces", [(OK, b"X: y\r\n"), (OK + b"\r\n", b"x"), (OK + b"Content-Length: 999999\r\n\r\n", b"x")]
)
def test_an_answer_that_trickles_ends_within_its_time(pieces: tuple[bytes, ...]) -> None:
    with web(*pieces, trickle=True) as port:
        assert "didn't end within 0.4 s" in get(port, wait=0.4)["trouble"]


def test_of_a_long_body_the_beginning_is_enough() -> None:
    with web(OK + b"\r\n", b"x" * 1000, trickle=True) as port:
        said = get(port, most=3000)
    assert len(body(said)) >= 3000
    assert said["trouble"] is None


def test_the_second_address_is_asked_when_the_first_refuses() -> None:
    with web(HELLO) as port:
        said = get(port, addresses=["127.0.0.2", HOME])
    assert (said["address"], body(said)) == (HOME, b"hello")


def test_the_second_address_is_asked_when_the_first_is_silent() -> None:
    with web(HELLO) as port, socket.socket() as full:
        full.bind(("127.0.0.2", port))
        full.listen(0)
        with socket.create_connection(("127.0.0.2", port)):  # has the only place in the queue; a further SYN is dropped
            said = get(port, addresses=["127.0.0.2", HOME], wait=2)
    assert (said["address"], body(said), said["trouble"]) == (HOME, b"hello", None)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[str, Any]]:
    """Make a certificate for es, its own authority: as PEM, and as a server's context."""

    def made(name: str) -> tuple[str, Any]:
        folder = tmp_path_factory.mktemp(name)
        key, pem = folder / "key", folder / "pem"
        words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=es -addext subjectAltName=DNS:es"
        subprocess.run([*words.split(), "-keyout", key, "-out", pem], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, key)
        return pem.read_text(), context

    return made


def test_https_is_verified_with_the_authority(authority: Callable[[str], tuple[str, Any]]) -> None:
    (ca, context), (other, _) = authority("one"), authority("two")
    with web(HELLO, context=context) as port:
        said = get(port, tls=True, ca=ca)
    assert (body(said), said["trouble"], said["tls"]["verified"]) == (b"hello", None, True)
    assert said["tls"]["certificate"].split() == ca.split()
    with web(HELLO, context=context) as port:
        assert not get(port, tls=True)["tls"]["verified"]
    for wrong in ({"ca": other}, {"ca": ca, "host": "web"}):
        with web(HELLO, context=context) as port:
            said = get(port, tls=True, **wrong)
        assert "CERTIFICATE_VERIFY_FAILED" in said["trouble"]
        assert said["status"] is None


def test_user_and_password_are_sent_where_they_are_given() -> None:
    with bound() as (listening, port):
        listening.listen()
        asking = threading.Thread(target=get, args=[port], kwargs={"wait": 5, "authorization": "Basic bWU6eA=="})
        asking.start()
        with listening.accept()[0] as connection:
            asked = connection.recv(65536)
            connection.sendall(HELLO)
        asking.join()
    assert b"\r\nAuthorization: Basic bWU6eA==\r\n" in asked


def test_a_server_that_says_nothing_to_https_ends_within_its_time() -> None:
    with web(stays=True) as port:
        assert "didn't end within 0.4 s" in get(port, tls=True, wait=0.4)["trouble"]


# questions that can't be answered


def answered(monkeypatch: pytest.MonkeyPatch, question: Callable[[], Any], call: Callable[[bytes], Any]) -> Any:
    """Return the reply to a question that the program has for this test."""
    said: list[bytes] = []
    monkeypatch.setattr(program, "say", said.append)
    monkeypatch.setitem(program.QUESTIONS, "test", question)
    call(b'{"v": 1, "id": "7", "ask": "test"}\n')
    return json.loads(b"".join(said))


def test_an_answer_that_can_not_be_written_down_is_a_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    reply = answered(monkeypatch, lambda: {"body": b"no JSON"}, program.answer)
    assert (reply["id"], "answer" in reply) == ("7", False)
    assert reply["trouble"].startswith("TypeError")


def no_threads(thread: threading.Thread) -> None:
    del thread
    raise RuntimeError("can't start new thread")


def test_a_question_for_which_there_is_no_thread_is_a_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", no_threads)
    reply = answered(monkeypatch, dict, program.begin)
    assert reply == {"v": 1, "id": "7", "trouble": "RuntimeError: can't start new thread"}


def test_a_name_that_can_not_be_asked_for_is_a_trouble_and_no_silent_server() -> None:
    with pytest.raises(ValueError, match="range"):
        program.look_up(["x" * 300], 5)


def test_a_look_up_that_has_no_thread_for_a_query_is_a_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(calls: list[Any]) -> None:
        del calls
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(program, "side_by_side", refuse)
    with pytest.raises(RuntimeError, match="can't start"):
        program.look_up(["es"], 5)


def test_what_the_package_asks_is_what_the_agent_can_be_asked() -> None:
    """Who came to a listener is asked by tests only."""
    files = [Path(program.__file__).with_name(name).read_text() for name in ("client.py", "link.py")]
    asked = {word for text in files for word in re.findall(r'\.ask\("(\w+)"', text)}
    assert asked | {"visitors"} == set(program.QUESTIONS)
