"""An sshd on loopback for one user, with keys of its own, and a home folder that knows them."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_foodtrucks import Engine

_START_SECONDS = 30


@dataclass(frozen=True)
class Sshd:
    """A running sshd: the engine's address by way of it, and the HOME of who may use it."""

    url: str
    home: Path
    log: Path


def _tool(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if found is None:
        pytest.fail(f"There is no {name}. Remedy: ./run setup, or install openssh-server.", pytrace=False)
    return found


def _key(file: Path) -> str:
    """Make a key, and return its public half."""
    subprocess.run([_tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    kind, key = file.with_suffix(".pub").read_text().split()[:2]
    return f"{kind} {key}"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _configured(folder: Path, port: int, engine: Engine) -> Path:
    """Write its configuration; `docker system dial-stdio` finds the engine by DOCKER_HOST."""
    file = folder / "sshd_config"
    settings = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": folder / "host_key",
        "AuthorizedKeysFile": folder / "home/.ssh/id_ed25519.pub",
        "PidFile": "none",
        "StrictModes": "no",  # pytest's folders are in /tmp
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "SetEnv": f"DOCKER_HOST={engine.url}",
    }
    file.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    return file


@contextmanager
def sshd(folder: Path, engine: Engine) -> Iterator[Sshd]:
    """Run an sshd that lets this user in by a key, with sshd's own limits (MaxSessions is 10)."""
    home, port = folder / "home", _free_port()
    (home / ".ssh").mkdir(parents=True)
    _key(home / ".ssh/id_ed25519")
    known = f"[127.0.0.1]:{port} {_key(folder / 'host_key')}\n"
    (home / ".ssh/known_hosts").write_text(known)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # its empty folder, which only a service's start makes
    log = folder / "sshd.log"
    command = [_tool("sshd"), "-D", "-E", str(log), "-f", str(_configured(folder, port, engine))]
    with subprocess.Popen(command) as process:
        try:
            _wait_for(port, process, log)
            yield Sshd(f"ssh://{getpass.getuser()}@127.0.0.1:{port}", home, log)
        finally:
            process.terminate()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"sshd doesn't listen: {log.read_text(errors='replace')}", pytrace=False)
            time.sleep(0.05)
        else:
            return
