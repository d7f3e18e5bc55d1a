"""What a Debian or Ubuntu machine can do for us: install packages, make a base for images."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .setup_error import SetupError

_LAST_CHARACTERS = 1500


def is_debian_like(os_release: str) -> bool:
    """Tell whether the text of /etc/os-release is that of Debian, Ubuntu, or one of their kin."""
    pairs = (line.partition("=") for line in os_release.splitlines())
    fields = {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
    family = {fields.get("ID", ""), *fields.get("ID_LIKE", "").split()}
    return not family.isdisjoint({"debian", "ubuntu"})


def as_root() -> list[str] | None:
    """Return what to put before a command that needs root; None where we can't become root."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None or subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode != 0:
        return None
    return [sudo, "-n"]


def require_root(what: str, os_release: Path = Path("/etc/os-release")) -> list[str]:
    """Return what to put before a command that needs root, on a machine that has apt.

    Raises SetupError elsewhere; `what` says what can't be done then, and the remedy.
    """
    prefix = as_root()
    if not os_release.is_file() or not is_debian_like(os_release.read_text(encoding="utf-8")) or prefix is None:
        raise SetupError(f"This isn't Debian or Ubuntu with root or passwordless sudo, so {what}")
    return prefix


def install(*packages: str) -> None:
    """Install packages from the distribution; its lists are fetched where they are missing or old."""
    root = require_root(f"install these yourself: {', '.join(packages)}.")
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qy", "-o", "DPkg::Lock::Timeout=120"]
    installing = [*apt, "install", "--no-install-recommends", *packages]
    if subprocess.run(installing, capture_output=True, check=False).returncode == 0:
        return
    checked([*apt, "update"])
    checked(installing)


def remove(folder: Path) -> None:
    """Remove a folder in which root may have written; what is mounted in it stays.

    What an orphan of a killed set-up still writes into stays too, until the next time.
    """
    root = as_root()
    command = [*(root if root is not None else []), "rm", "-rf", "--one-file-system", str(folder)]
    subprocess.run(command, stderr=subprocess.DEVNULL, check=False)


def checked(
    command: Sequence[str], *, environ: Mapping[str, str] | None = None, remedy: str = "mend that and run again"
) -> None:
    """Run a command quietly.

    Raises SetupError with the end of its output if it fails.
    """
    result = subprocess.run(
        command,
        env=None if environ is None else {**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if result.returncode != 0:
        raise SetupError(
            f"`{' '.join(command)}` ended with exit code {result.returncode}; {remedy}. Its last words:\n"
            + result.stdout[-_LAST_CHARACTERS:].rstrip()
        )
