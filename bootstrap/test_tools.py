"""What only the tests need: a registry on loopback, a browser for the page."""

import shutil

from . import debian
from .steps import step

_PACKAGES = {"docker-registry": "docker-registry", "chromium": "chromium"}
"""Commands, and the distribution's packages that have them."""


def ready_test_tools() -> None:
    """Install what is missing.

    Raises SetupError where that can't be done, naming the packages.
    """
    missing = [package for command, package in _PACKAGES.items() if shutil.which(command) is None]
    if missing:
        with step("test tools", f"installing {', '.join(missing)}") as say:
            debian.install(*missing)
            say(", ".join(missing))
