"""What tests of networks run: services that answer, one that does nothing, images, a name server, a firewall."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import name_server as name_server_module
from as_root import root
from pytest_foodtrucks import ready

if TYPE_CHECKING:
    from pytest_foodtrucks import Network, Service

IMAGE = os.environ.get("EXAMPLE_BUSYBOX_IMAGE", "busybox")
PYTHON = os.environ.get("EXAMPLE_PYTHON_IMAGE", "python:3.13-slim")

ECHO_COMMAND = ["nc", "-ll", "-p", "7000", "-e", "cat"]
"""Sends back what it gets on port 7000."""

IDLE_COMMAND = ["tail", "-f", "/dev/null"]

ECHO: dict[str, Any] = {"image": IMAGE, "command": ECHO_COMMAND, "ports": [7000]}
IDLE: dict[str, Any] = {"image": IMAGE, "command": IDLE_COMMAND}

HEALTHY = """
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        known = self.path.startswith(("/_cluster/health", "/_cluster/settings", "/_cluster/state"))
        self.send_response(200 if known or self.command == "PUT" else 404)
        self.end_headers()
        self.wfile.write(b'{"status": "green"}' if "health" in self.path else b"{}")

    do_GET = do_PUT = answer

http.server.ThreadingHTTPServer(("", 9200), Handler).serve_forever()
"""
"""A program that says what a healthy Elasticsearch says, takes all, and has nothing; it is there at once."""


_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
"""Its text is another one on each machine, and the same in all containers of one."""


@contextmanager
def name_server(network: "Network") -> Iterator[str]:
    """Start a name server that knows nobody and answers at once; yield its address.

    The one of the machine may lose some of the hundreds of questions that a table asks, and is told as such then.
    """
    program = Path(name_server_module.__file__).read_text(encoding="utf-8")
    command = ["python3", "-u", "-c", program, "--port", "53", "--json", "{}"]
    alias = f"names-{secrets.token_hex(2)}"
    with network.service(image=PYTHON, command=command, aliases=[alias], ready=ready.log("ready")) as server:
        yield server.container.ip


@contextmanager
def rejecting(target: "Service", answer: str) -> Iterator[None]:
    """Let a target's firewall reject what comes to its port."""
    rule = ["INPUT", "-p", "tcp", "--dport", "7000", "-j", "REJECT", "--reject-with", answer]
    iptables = ["nsenter", f"--net=/proc/{process_of(target)}/ns/net", "iptables", "-w"]
    root(*iptables, "-A", *rule)
    yield
    root(*iptables, "-D", *rule)


def process_of(target: "Service") -> int:
    """Return a process of this machine that is in a target's network namespace.

    It is found by that namespace: the process ids that an engine tells are its own ones, and an engine in a container
    has others. RuntimeError where there is none, as where the engine runs in a virtual machine.
    """
    told = target.container.exec(["sh", "-c", f"cat {_BOOT}; readlink /proc/self/ns/net"])
    boot, namespace = told.stdout.split()
    lines = map(str.split, root("lsns", "--type=net", "--noheadings", "--output=NS,PID").splitlines())
    found = [int(process) for inode, process in lines if f"net:[{inode}]" == namespace]
    if boot != _BOOT.read_text().strip() or not found:
        raise RuntimeError(
            f"{target.alias} has no process on this machine, and this test has to enter its network namespace. Remedy: "
            "run the test where its engine runs, and in no container."
        )
    return found[0]
