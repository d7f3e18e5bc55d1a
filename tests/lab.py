"""What tests of networks run: a service that answers, one that does nothing, the images of both, and a firewall."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from as_root import root

if TYPE_CHECKING:
    from pytest_foodtrucks import Service

IMAGE = os.environ.get("EXAMPLE_BUSYBOX_IMAGE", "busybox")
PYTHON = os.environ.get("EXAMPLE_PYTHON_IMAGE", "python:3.13-slim")

ECHO_COMMAND = ["nc", "-ll", "-p", "7000", "-e", "cat"]
"""Sends back what it gets on port 7000."""

IDLE_COMMAND = ["tail", "-f", "/dev/null"]

ECHO: dict[str, Any] = {"image": IMAGE, "command": ECHO_COMMAND, "ports": [7000]}
IDLE: dict[str, Any] = {"image": IMAGE, "command": IDLE_COMMAND}


@contextmanager
def rejecting(target: "Service", answer: str) -> Iterator[None]:
    """Let a target's firewall reject what comes to its port."""
    pid = target.container.inspect()["State"]["Pid"]
    rule = ["INPUT", "-p", "tcp", "--dport", "7000", "-j", "REJECT", "--reject-with", answer]
    iptables = ("nsenter", f"--net=/proc/{pid}/ns/net", "iptables", "-w")
    root(*iptables, "-A", *rule)
    yield
    root(*iptables, "-D", *rule)
