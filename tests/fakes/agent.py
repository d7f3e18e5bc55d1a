"""An agent in memory, and what it answers."""

import base64
import json
from collections.abc import Callable
from typing import Any

from pytest_foodtrucks.engine.execs import ExecStream

OPEN: dict[str, Any] = {
    "connected": True,
    "error": None,
    "icmp": None,
    "local": ["172.30.0.3", 40000],
    "seconds": 0.01,
    "segments": [2, 1],
}
"""What an agent says of a try that connected."""

REFUSED = {**OPEN, "connected": False, "error": "ECONNREFUSED"}
DROPPED = {**OPEN, "connected": False, "seconds": 3.0, "segments": [2, 0]}
PROHIBITED = {
    **OPEN,
    "connected": False,
    "error": "EHOSTUNREACH",
    "icmp": {"version": 4, "type": 3, "code": 13, "from": "172.30.0.1"},
}
NO_IPV6 = {**OPEN, "connected": False, "error": "ENETUNREACH", "local": None, "segments": None}

LOST = None
"""A question that nobody answered: the agent ended."""

Names = dict[str, Any] | None


def name_found(
    *addresses: str, rcode: str | None = "NOERROR", error: str | None = None, application: str | None = None
) -> Names:
    """Return what an agent says of a name whose look-up had these addresses and codes."""
    query = {"name": "x.", "server": "127.0.0.11", "rcode": rcode, "ttl": 600, "tcp": False, "error": error}
    queries = [{**query, "type": "A", "addresses": list(addresses)}, {**query, "type": "AAAA", "addresses": []}]
    if application is None and not addresses:
        application = "EAI_NONAME" if error is None else "no answer"
    found = [] if application else list(addresses)
    return {"application": {"addresses": found, "error": application}, "hosts": [], "queries": queries}


ABSENT = name_found(rcode="NXDOMAIN")
SILENT = name_found(rcode=None, error="no answer")
SERVER_FAILED = name_found(rcode="SERVFAIL", application="EAI_AGAIN")


def resolves_to(*addresses: str) -> Names:
    """Return what an agent says of a name with these addresses."""
    return name_found(*addresses)


def http_reply(body: bytes = b"", status: int = 200, trouble: str | None = None, **headers: str) -> dict[str, Any]:
    """Return what an agent says of a GET."""
    told = {"headers": list(headers.items()), "body": base64.b64encode(body).decode(), "tls": None, "trouble": trouble}
    return {"status": status, **told}


class FakeAgent:
    """What an agent answers: `connections` by address and port, a list has one for each question; `names` by name.

    What isn't named there is `other`, and doesn't resolve. `asked` has the questions.
    """

    def __init__(self, other: dict[str, Any] | None = OPEN) -> None:
        self.other = other
        self.connections: dict[tuple[str, int], Any] = {}
        self.names: dict[str, Any] = {}
        self.sockets: list[tuple[str, str, int]] = []
        self.packets: list[list[Any]] = []
        self.overflows = 0
        self.lost: int | None = 0
        self.changes = 0
        self.reply: Any = http_reply()
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, question: str, values: dict[str, Any]) -> Any:
        if question != "hello":
            self.asked.append((question, values))
        return getattr(self, question)(**values)

    def hello(self) -> Any:
        return {"python": "3.13.0", "kernel": "6.1"}

    def connect(self, connections: list[dict[str, Any]], begin: float) -> Any:
        del begin
        tries = {each["key"]: self.outcomes(each) for each in connections}
        lost = any(outcome is LOST for outcomes in tries.values() for outcome in outcomes)
        return LOST if lost else {"tries": tries, "changes": self.changes}

    def outcomes(self, asked: dict[str, Any]) -> list[Any]:
        outcome = self.connections.get((asked["address"], asked["port"]), self.other)
        if not isinstance(outcome, list):
            return [outcome] * asked["tries"]
        return [outcome.pop(0) if len(outcome) > 1 else outcome[0] for _ in range(asked["tries"])]

    def look_up(self, names: list[str], wait: float) -> Any:
        del wait
        found = {name: self.name(name) for name in names}
        return LOST if any(each is LOST for each in found.values()) else found

    def name(self, name: str) -> Any:
        found = self.names.get(name.rstrip("."), ABSENT)
        return found.pop(0) if isinstance(found, list) else found

    def listening(self) -> Any:
        return self.sockets

    def listen(self, protocol: str) -> Any:
        del protocol
        return {"port": 7777}

    def watch(self) -> Any:
        return {"watch": 1}

    def watched(self, watch: int) -> Any:
        del watch
        counters = [{"ListenOverflows": number, "ListenDrops": 0} for number in (0, self.overflows)]
        return {"lost": self.lost, "packets": self.packets, "before": counters[0], "after": counters[1]}

    def http(self, **url: Any) -> Any:
        return self.reply(url) if callable(self.reply) else self.reply


class FakeStream(ExecStream):
    """The way to an agent in memory: each question is answered by a function; where that is LOST, it ends."""

    def __init__(self, answer: Callable[[str, dict[str, Any]], Any]) -> None:
        self.answer = answer
        self.said: list[bytes] = []
        self.closed = self.lost = False

    def send(self, data: bytes) -> None:
        if not data.startswith(b"{"):
            return  # the program
        message = json.loads(data)
        key, question, _ = (message.pop(name) for name in ("id", "ask", "v"))
        answer = self.answer(question, message)
        self.lost = self.lost or answer is LOST
        self.said.append(json.dumps({"v": 1, "id": key, "answer": answer}).encode() + b"\n")

    def receive(self, seconds: float) -> bytes:
        del seconds
        if self.lost:
            return b""
        if not self.said:
            raise TimeoutError
        return self.said.pop(0)

    def close(self) -> None:
        self.closed = True
