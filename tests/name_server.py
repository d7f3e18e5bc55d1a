"""A DNS server for tests of resolvers: what it does with a question is told for each name.

In a test it is a context manager:

    with NameServer({"es": answer("10.0.0.1"), "web": {"A": answer("10.0.0.2"), "AAAA": SERVFAIL}}) as server:
        ...  # ask server.address at server.port
        assert Question("es", "A", "udp", "127.0.0.1") in server.asked

In a container that has Python 3.9 it is a program, `python name_server.py --port 53 --json TEXT`, with a text of
`to_json`. It prints the line `ready`, then each question as a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

_TYPES: Final = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 65: "HTTPS"}
_RCODES: Final = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
_TRUNCATED: Final = 0x0200


@dataclass(frozen=True)
class Behaviour:
    """What the server does with a question; without any field it answers that there are no records.

    A question for A gets the IPv4 addresses, one for AAAA the IPv6 addresses, any other none. The fields may be
    combined: a delay and an rcode, for example.
    """

    addresses: tuple[str, ...] = ()
    ttl: int = 60
    """In seconds, of each record."""
    rcode: str = "NOERROR"
    chain: tuple[str, ...] = ()
    """The name is an alias of the first of these, and so on; the last has the addresses."""
    delay: float = 0.0
    """In seconds; the questions of one TCP connection wait one after the other."""
    silent: bool = False
    truncated: bool = False
    """By UDP no records, and the flag that asks for TCP."""
    wrong_id: bool = False
    wrong_question: str = ""
    """The name that the answer is about in place of the one that was asked."""
    garbage: str = ""
    """The bytes of the answer, in hexadecimal digits."""
    then_right: bool = False
    """A wrong answer (the three fields before) is followed by the right one."""


Names = Mapping[str, "Behaviour | Mapping[str, Behaviour]"]
"""A behaviour for each name, in lower case without the final dot, or one for each type of it, as "A" and "AAAA".

"*.example" stands for all other names in a domain, "*" for all other names (without it: NXDOMAIN), or for all other
types (without it: no records).
"""


def answer(*addresses: str, **fields: Any) -> Behaviour:
    """Answer with IPv4 and IPv6 addresses; the keywords are the other fields of `Behaviour`."""
    return Behaviour(addresses, **fields)


EMPTY: Final = Behaviour()
NXDOMAIN: Final = Behaviour(rcode="NXDOMAIN")
SERVFAIL: Final = Behaviour(rcode="SERVFAIL")
REFUSED: Final = Behaviour(rcode="REFUSED")
SILENT: Final = Behaviour(silent=True)


def to_json(names: Names) -> str:
    """Return what the program is told by --json."""
    return json.dumps(names, default=asdict)


def from_json(text: str) -> Names:
    """Return the names again; an object whose values are objects tells the types of a name."""
    return {name: _behaviour_or_types(told) for name, told in json.loads(text).items()}


def _behaviour_or_types(told: dict[str, Any]) -> Behaviour | dict[str, Behaviour]:
    if told and all(isinstance(value, dict) for value in told.values()):
        return {kind: _behaviour(fields) for kind, fields in told.items()}
    return _behaviour(told)


def _behaviour(fields: dict[str, Any]) -> Behaviour:
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return Behaviour(**{**fields, **lists})


class Question(NamedTuple):
    """A question that reached the server."""

    name: str
    """In lower case, without the final dot."""
    type: str
    """As "A"; a type that the server has no word for is "TYPE99"."""
    transport: str
    """"udp" or "tcp"."""
    client: str
    """The address that it came from."""


def _read(query: bytes, transport: str, client: str) -> tuple[Question, bytes]:
    """Return what is asked, and these bytes of the query; IndexError or struct.error where it is no query."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]])
        at += 1 + query[at]
    (number,) = struct.unpack_from(">H", query, at + 1)
    name = b".".join(labels).decode("ascii", "backslashreplace").lower()
    return Question(name, _TYPES.get(number, f"TYPE{number}"), transport, client), query[12 : at + 5]


def _packed(name: str) -> bytes:
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _records(behaviour: Behaviour, question: Question) -> list[bytes]:
    """Return the records of the answer: the aliases, then the addresses of the asked type."""
    records, owner = [], _packed(question.name)
    for target in map(_packed, behaviour.chain):
        records.append(_record(owner, 5, behaviour.ttl, target))
        owner = target
    for address in behaviour.addresses:
        number, family = (28, socket.AF_INET6) if ":" in address else (1, socket.AF_INET)
        if question.type == _TYPES[number]:
            records.append(_record(owner, number, behaviour.ttl, socket.inet_pton(family, address)))
    return records


def _record(owner: bytes, number: int, ttl: int, content: bytes) -> bytes:
    return owner + struct.pack(">HHIH", number, 1, ttl, len(content)) + content


def _answer(behaviour: Behaviour, question: Question, asked: bytes, query: bytes) -> bytes:
    """Return the right answer."""
    cut = behaviour.truncated and question.transport == "udp"
    records = [] if cut or behaviour.rcode != "NOERROR" else _records(behaviour, question)
    recursion_desired = query[2] << 8 & 0x0100
    flags = 0x8080 | recursion_desired | (_TRUNCATED if cut else 0) | _RCODES[behaviour.rcode]
    return query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + asked + b"".join(records)


def _answers(behaviour: Behaviour, question: Question, asked: bytes, query: bytes) -> list[bytes]:
    """Return the messages that are sent: none, one, or a wrong one and the right one."""
    right = _answer(behaviour, question, asked, query)
    if behaviour.silent:
        return []
    if behaviour.garbage:
        wrong = bytes.fromhex(behaviour.garbage)
    elif behaviour.wrong_question:
        other = behaviour.wrong_question
        wrong = _answer(behaviour, question._replace(name=other), _packed(other) + asked[-4:], query)
    elif behaviour.wrong_id:
        wrong = bytes([right[0] ^ 0xFF]) + right[1:]
    else:
        return [right]
    return [wrong, right] if behaviour.then_right else [wrong]


class NameServer:
    """The server, in threads, by UDP and TCP at the same port; port 0 stands for a free one.

    Answers aren't cut at 512 bytes, and EDNS is ignored. What is no query gets no answer. `on_question` is called in
    the thread that answers, before it does.
    """

    def __init__(
        self,
        names: Names,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        on_question: Callable[[Question], object] = lambda _: None,
    ) -> None:
        self.address = address
        self.port = port
        self._names = names
        self._asked: list[Question] = []
        self._on_question = on_question
        self._closing = threading.Event()
        self._undo = ExitStack()

    @property
    def asked(self) -> list[Question]:
        """All questions so far, in their order."""
        return list(self._asked)

    def __enter__(self) -> NameServer:  # noqa: PYI034 - Self is of Python 3.11
        with ExitStack() as undo:
            tcp, udp = self._bound()
            for server in (tcp, udp):
                undo.callback(server.server_close)
                threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
                undo.callback(server.shutdown)
            undo.callback(self._closing.set)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _bound(self) -> tuple[_Tcp, _Udp]:
        """Return both sockets; where UDP has the free port of TCP taken, try another."""
        for attempts_left in reversed(range(20 if self.port == 0 else 1)):
            tcp = _Tcp(self, self.port)
            try:
                udp = _Udp(self, tcp.server_address[1])
            except OSError:
                tcp.server_close()
                if attempts_left == 0:
                    raise
            else:
                self.port = tcp.server_address[1]
                return tcp, udp
        raise AssertionError

    def answers(self, query: bytes, transport: str, client: str) -> list[bytes]:
        """Note the question, wait as long as its behaviour says, and return the messages to send."""
        try:
            question, asked = _read(query, transport, client)
        except (IndexError, struct.error):  # no query
            return []
        self._asked.append(question)
        self._on_question(question)
        behaviour = self._behaviour(question)
        ended = behaviour.delay > 0 and self._closing.wait(behaviour.delay)
        return [] if ended else _answers(behaviour, question, asked, query)

    def _behaviour(self, question: Question) -> Behaviour:
        labels = question.name.split(".")
        wildcards = [".".join(["*", *labels[at:]]) for at in range(1, len(labels) + 1)]
        told = next((self._names[name] for name in [question.name, *wildcards] if name in self._names), NXDOMAIN)
        return told if isinstance(told, Behaviour) else told.get(question.type, told.get("*", EMPTY))


class _UdpHandler(socketserver.BaseRequestHandler):
    server: _Udp

    def handle(self) -> None:
        query, connection = self.request
        for message in self.server.owner.answers(query, "udp", self.client_address[0]):
            with suppress(OSError):  # the server has ended meanwhile
                connection.sendto(message, self.client_address)


class _TcpHandler(socketserver.StreamRequestHandler):
    server: _Tcp

    def handle(self) -> None:
        with suppress(OSError):  # the client has gone, or the server has ended
            while len(length := self.rfile.read(2)) == 2:
                query = self.rfile.read(int.from_bytes(length, "big"))
                for message in self.server.owner.answers(query, "tcp", self.client_address[0]):
                    self.wfile.write(len(message).to_bytes(2, "big") + message)


class _Udp(socketserver.ThreadingUDPServer):
    def __init__(self, owner: NameServer, port: int) -> None:
        self.owner = owner
        self.address_family = socket.AF_INET6 if ":" in owner.address else socket.AF_INET
        super().__init__((owner.address, port), _UdpHandler)


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

    def __init__(self, owner: NameServer, port: int) -> None:
        self.owner = owner
        self.address_family = socket.AF_INET6 if ":" in owner.address else socket.AF_INET
        self._open: set[socket.socket] = set()
        super().__init__((owner.address, port), _TcpHandler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """End the connections too, because the end waits for their threads."""
        for connection in list(self._open):
            with suppress(OSError):  # the client has ended it
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()


def _print(question: Question) -> None:
    print(json.dumps(question._asdict()), flush=True)  # noqa: T201 - the program's output


def main() -> None:
    """Answer until the process is ended."""
    parser = argparse.ArgumentParser(description="Answer DNS questions as told.")
    parser.add_argument("--address", default="0.0.0.0")  # noqa: S104 - of a container
    parser.add_argument("--port", type=int, default=53)
    parser.add_argument("--json", required=True, help="the behaviours by name")
    told = parser.parse_args()
    with NameServer(from_json(told.json), address=told.address, port=told.port, on_question=_print):
        print("ready", flush=True)  # noqa: T201 - the program's output
        threading.Event().wait()


if __name__ == "__main__":
    main()
