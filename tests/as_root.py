"""Commands that tests run as root."""

import os
import subprocess


def root(*command: str, check: bool = True) -> str:
    """Run a command as root, and return what it prints; RuntimeError where it fails."""
    try:
        ended = subprocess.run([*sudo(), *command], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RuntimeError(f"There is no `{error.filename}`. Remedy: root or sudo, and iproute2.") from error
    if check and ended.returncode != 0:
        raise RuntimeError(f"`{' '.join(command)}` failed: {ended.stderr.strip()} Remedy: root or `sudo -n`, on Linux.")
    return ended.stdout


def sudo() -> list[str]:
    """Return what stands before a command that root is to run."""
    return [] if os.geteuid() == 0 else ["sudo", "-n"]


def kill_in_namespace(name: str) -> None:
    """Kill what runs in a network namespace; nothing where there is none of that name."""
    for pid in root("ip", "netns", "pids", name, check=False).split():
        root("kill", "-KILL", pid, check=False)
