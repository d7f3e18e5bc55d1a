"""A relay that runs in a process of this machine in place of one in a container."""

import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from pytest_foodtrucks.containers.creation import in_use
from pytest_foodtrucks.engine.execs import ExecStream
from pytest_foodtrucks.probes.agent.forwarding import Forwarding, forwarding
from pytest_foodtrucks.probes.agent.link import ARGV


class ProcessStream(ExecStream):
    """A process' input and output, both one socket; `argv` is its command without what runs Python."""

    def __init__(self, argv: Sequence[str] = ARGV) -> None:
        self._ours, theirs = socket.socketpair()
        words = [sys.executable, *argv[1:]]
        ends: dict[str, Any] = {"stdin": theirs.fileno(), "stdout": theirs.fileno(), "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(words, **ends)
        theirs.close()

    def fileno(self) -> int:
        return self._ours.fileno()

    def send(self, data: bytes) -> None:
        self._ours.settimeout(10)
        self._ours.sendall(data)

    def receive(self, seconds: float) -> bytes:
        self._ours.settimeout(seconds)
        return self._ours.recv(1000)

    def send_now(self, data: bytes | memoryview) -> int:
        self._ours.settimeout(0)
        try:
            return self._ours.send(data)
        except BlockingIOError:
            return 0

    def output_now(self) -> tuple[bytes, bytes] | None:
        self._ours.settimeout(0)
        try:
            return self._ours.recv(65536), b""
        except BlockingIOError:
            return None

    def close(self) -> None:
        self._ours.close()
        self.process.wait(10)


def free_ports(number: int) -> list[int]:
    """Return ports that nothing has now, and that neither outgoing connections nor containers get.

    They are drawn, because other tests may run beside these.
    """
    drawn = (secrets.choice(range(10_000, 20_000)) for _ in range(1000))
    return list(islice((port for port in dict.fromkeys(drawn) if not in_use("127.0.0.1", port)), number))


@contextmanager
def relayed(ports: Mapping[int, int], refused: Any = lambda *_: None) -> Iterator[tuple[Forwarding, ProcessStream]]:
    """Carry what connects to some ports of this machine to others of it, by way of a relay's process."""
    streams: list[ProcessStream] = []

    def start(argv: Sequence[str]) -> ProcessStream:
        streams.append(ProcessStream(argv))
        return streams[-1]

    with forwarding(start, ports, refused) as found:
        yield found, streams[-1]
