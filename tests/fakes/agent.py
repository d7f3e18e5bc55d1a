"""An agent in memory, and what it answers."""

import base64
import json
from collections import deque
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
        self.asked.append((question, values))
        return getattr(self, question)(**values)

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
        found = self.names.get(name, self.names.get(name.rstrip("."), ABSENT))
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


Says = Callable[[dict[str, Any]], list[bytes]]
"""What an agent says to a question; b"" is its end, nothing is silence."""


def reply(question: dict[str, Any], **values: Any) -> bytes:
    """Return a line that answers a question; the values stand in place of the right ones."""
    return json.dumps({"v": 1, "id": question["id"], "answer": question["ask"], **values}).encode() + b"\n"


def right(question: dict[str, Any]) -> list[bytes]:
    """Answer a question with its own name."""
    return [reply(question)]


class Stream(ExecStream):
    """The way to an agent in memory that says to its greeting, and to all else, what functions return."""

    def __init__(self, says: Says = right, *, greets: Says = right) -> None:
        self.says, self.greets = says, greets
        self.said: deque[bytes] = deque()
        self.closed = False
        self.received = 0

    def send(self, data: bytes) -> None:
        if not data.startswith(b"{"):
            return  # the program
        question = json.loads(data)
        self.said += (self.greets if question["ask"] == "hello" else self.says)(question)

    def receive(self, seconds: float) -> bytes:
        del seconds
        self.received += 1
        if not self.said:
            raise TimeoutError
        return self.said.popleft()

    def close(self) -> None:
        self.closed = True


def stream_to(agent: Callable[[str, dict[str, Any]], Any]) -> Stream:
    """Return the way to an agent in memory, which ends where its answer is LOST."""

    def says(question: dict[str, Any]) -> list[bytes]:
        values = {name: value for name, value in question.items() if name not in {"v", "id", "ask"}}
        answer = agent(question["ask"], values)
        return [b""] if answer is LOST else [reply(question, answer=answer)]

    return Stream(says)
