"""What only the tests need: a registry on loopback, a browser, a wrong clock, namespaces, other shells, sshd, javac."""

import shutil

from . import debian
from .steps import step

_PACKAGES = {
    "docker-registry": ("docker-registry",),
    "chromium": ("chromium", "fonts-dejavu-core"),
    "faketime": ("faketime",),
    "ip": ("iproute2",),
    "iptables": ("iptables",),
    "openssl": ("openssl",),
    "nsenter": ("util-linux",),
    "node": ("nodejs",),
    "zsh": ("zsh",),
    "sshd": ("openssh-server",),
    "javac": ("default-jdk-headless",),
}
"""Commands, and the distribution's packages that have them, with what they need besides."""


def ready_test_tools() -> None:
    """Install what is missing.

    Raises SetupError where that can't be done, naming the packages.
    """
    lacking = [packages for command, packages in _PACKAGES.items() if shutil.which(command) is None]
    missing = [package for packages in lacking for package in packages]
    if missing:
        with step("test tools", f"installing {', '.join(missing)}") as say:
            debian.install(*missing)
            say(", ".join(missing))
