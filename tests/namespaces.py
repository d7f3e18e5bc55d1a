"""Two network namespaces of this machine with a line between them, and agents that run there.

    with joined() as (here, there):
        agent = here.agent()
        agent.connect([Connection(there.address, 80)])

They have no way to the machine or to anything else. Root, or `sudo -n`, and iproute2 make them.
"""

import os
import secrets
import select
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from as_root import kill_in_namespace, root, sudo
from pytest_foodtrucks.engine.execs import ExecStream
from pytest_foodtrucks.probes.agent.client import Agent

_PREFIX: Final = "foodtrucks-agent-"
_DEVICE: Final = "line"
_END_SECONDS: Final = 10


class ProcessStream(ExecStream):
    """A process of this machine, as the engine gives one of a container: standard output and error together."""

    def __init__(self, argv: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, bufsize=0)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout

    def send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.stdin.fileno(), data) :]

    def receive(self, seconds: float) -> bytes:
        poll = select.poll()
        poll.register(self.stdout, select.POLLIN)
        if not poll.poll(seconds * 1000):
            raise TimeoutError
        return os.read(self.stdout.fileno(), 65536)

    def close(self) -> None:
        self.stdin.close()
        self.stdout.close()


@dataclass(frozen=True)
class Namespace:
    """A network namespace with an address of each family, on the line to the other one."""

    name: str
    address: str
    address6: str
    streams: list[ProcessStream] = field(default_factory=list)
    """The agents that were started, the last one last."""

    def exec(self, *command: str) -> str:
        """Run a command in it as root, and return what it prints."""
        return root("ip", "netns", "exec", self.name, *command)

    def agent(self, python: str = sys.executable, before: Sequence[str] = ()) -> Agent:
        """Return an agent that runs in it with a Python; `before` are the words of what runs that one."""
        return Agent(self.starter(python, before))

    def starter(
        self, python: str = sys.executable, before: Sequence[str] = ()
    ) -> Callable[[Sequence[str]], ExecStream]:
        """Return what starts an agent's command there."""

        def start(argv: Sequence[str]) -> ExecStream:
            stream = ProcessStream([*sudo(), "ip", "netns", "exec", self.name, *before, python, *argv[1:]])
            self.streams.append(stream)
            return stream

        return start

    @contextmanager
    def firewall(self, chain: str, *rule: str, six: bool = False) -> Iterator[None]:
        """Have a rule in one of its firewall's chains."""
        command = ["ip6tables" if six else "iptables", "-w"]
        self.exec(*command, "-A", chain, *rule)
        try:
            yield
        finally:
            self.exec(*command, "-D", chain, *rule)

    @contextmanager
    def route(self, *words: str) -> Iterator[None]:
        """Have a route."""
        self.exec("ip", "route", "add", *words)
        try:
            yield
        finally:
            self.exec("ip", "route", "delete", *words)

    @contextmanager
    def serving(self, script: str, *words: str) -> Iterator[None]:
        """Run a Python script in it, which prints a line when it is ready."""
        command = [*sudo(), "ip", "netns", "exec", self.name, sys.executable, "-c", script, *words]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                yield
            finally:
                process.kill()

    def files(self, **texts: str) -> None:
        """Give commands in it other files in /etc: `hosts="…"`, `resolv_conf="…"` (ip-netns(8))."""
        for name, text in texts.items():
            folder = f"/etc/netns/{self.name}"
            root("mkdir", "-p", folder)
            command = [*sudo(), "tee", f"{folder}/{name.replace('_', '.')}"]
            subprocess.run(command, input=text, text=True, stdout=subprocess.DEVNULL, check=True)


@contextmanager
def joined() -> Iterator[tuple[Namespace, Namespace]]:
    """Make two namespaces and the line between them, and remove them with all that runs there."""
    token = secrets.token_hex(4)
    here = Namespace(f"{_PREFIX}{token}-1", "192.0.2.1", "2001:db8::1")
    there = Namespace(f"{_PREFIX}{token}-2", "192.0.2.2", "2001:db8::2")
    with ExitStack() as undo:
        for each in (here, there):
            undo.callback(_remove, each)
            root("ip", "netns", "add", each.name)
        ends = ("type", "veth", "peer", "name", _DEVICE, "netns", there.name)
        root("ip", "-n", here.name, "link", "add", _DEVICE, *ends)
        for each in (here, there):
            _set_up(each)
        yield here, there


def _set_up(each: Namespace) -> None:
    inside = ("ip", "-n", each.name)
    root(*inside, "link", "set", "lo", "up")
    root(*inside, "link", "set", _DEVICE, "up")
    root(*inside, "address", "add", f"{each.address}/24", "dev", _DEVICE)
    root(*inside, "address", "add", f"{each.address6}/64", "dev", _DEVICE, "nodad")
    for setting in ("ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"):  # an error for each packet
        each.exec("sh", "-c", f"echo 0 >/proc/sys/net/{setting}")


def _remove(each: Namespace) -> None:
    kill_in_namespace(each.name)
    for stream in each.streams:
        stream.close()
        stream.process.wait(_END_SECONDS)
    root("ip", "netns", "delete", each.name, check=False)
    if Path(f"/etc/netns/{each.name}").exists():
        root("rm", "-r", f"/etc/netns/{each.name}")
