"""What tests of networks run: a service that answers, one that does nothing, and the images of both."""

import os
from typing import Any

IMAGE = os.environ.get("EXAMPLE_BUSYBOX_IMAGE", "busybox")
PYTHON = os.environ.get("EXAMPLE_PYTHON_IMAGE", "python:3.13-slim")

ECHO_COMMAND = ["nc", "-ll", "-p", "7000", "-e", "cat"]
"""Sends back what it gets on port 7000."""

IDLE_COMMAND = ["tail", "-f", "/dev/null"]

ECHO: dict[str, Any] = {"image": IMAGE, "command": ECHO_COMMAND, "ports": [7000]}
IDLE: dict[str, Any] = {"image": IMAGE, "command": IDLE_COMMAND}
