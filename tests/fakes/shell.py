"""A probe's shell in memory, and what it answers."""

import re
import shlex
from collections.abc import Callable, Sequence

from pytest_foodtrucks.engine.execs import ExecResult, ExecStream

OPEN = ExecResult(0, "open\n", "")
"""What the probe's shell says of a port that is open."""

REFUSED = ExecResult(1, "nc: can't connect to remote host (1.2.3.4): Connection refused\n", "")
DROPPED = ExecResult(1, "nc: timed out\n", "")
RESOLVER_FILES = ExecResult(0, "nameserver 127.0.0.11\noptions ndots:0\n=hosts=\n127.0.0.1\tlocalhost\n", "")
ABSENT = ExecResult(1, "Server:\t\t127.0.0.11\nAddress:\t127.0.0.11:53\n\n** server can't find it: NXDOMAIN\n", "")
SILENT = ExecResult(1, ";; connection timed out; no servers could be reached\n", "")
LOST = ExecResult(None, "", "")
"""A question that nobody answered."""


def resolves_to(*addresses: str) -> ExecResult:
    """Return nslookup's answer with these addresses."""
    lines = "".join(f"Name:\tx\nAddress: {address}\n" for address in addresses)
    return ExecResult(0, f"Server:\t\t127.0.0.11\nAddress:\t127.0.0.11:53\n\n{lines}", "")


class FakeStream(ExecStream):
    """A kept shell in memory: each question is answered by a function; one whose exit code is None has no line."""

    def __init__(self, answer: Callable[[Sequence[str]], ExecResult]) -> None:
        self.answer = answer
        self.said: list[bytes] = []
        self.closed = False

    def send(self, data: bytes) -> None:
        heard = data.decode()
        for line in re.findall(r"^ask (.*) &$", heard, re.MULTILINE):
            nonce, index, *argv = shlex.split(line)
            result = self.answer(argv)
            if result.exit_code is not None:
                words = "|".join(result.stdout.splitlines())
                self.said.append(f"{nonce} {index} 10.00 10.01 {result.exit_code}|{words}\n".encode())
            else:
                self.said.append(result.stdout.encode())
        self.said += [f"{words}\n".encode() for words in re.findall(r"^echo (pong|\w+ end)$", heard, re.MULTILINE)]

    def receive(self, seconds: float) -> bytes:
        del seconds
        return self.said.pop(0)

    def close(self) -> None:
        self.closed = True
