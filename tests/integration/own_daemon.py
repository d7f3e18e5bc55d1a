"""A dockerd of the tests' own, in a network namespace of its own, that may be stopped, killed and started again."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

import pytest

from pytest_foodtrucks import Engine, EngineNotFound
from pytest_foodtrucks.engine.discovery import find_engine
from pytest_foodtrucks.engine.labels import KINDS


class OwnDaemon:
    """A daemon that nobody else uses; its subnets are of 10.96.0.0/14."""

    def __init__(self, folder: Path, namespace: str, options: Sequence[str]) -> None:
        self.url = f"unix://{folder}/docker.sock"
        self._folder = folder
        self._log = folder / "log"
        self._command = [
            *("nsenter", f"--net=/var/run/netns/{namespace}", "dockerd", f"--host={self.url}"),
            *(f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid"),
            *(f"--containerd-namespace={namespace}", f"--containerd-plugins-namespace=p{namespace}"),
            *("--bip=10.99.0.1/24", *options),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
        else:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.engine().close()
            except EngineNotFound:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    pytest.fail(f"The daemon doesn't answer: {self._log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.1)
            else:
                return

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it, in order with SIGTERM, and wait for that."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)
            self._process.wait(timeout=60)
            self._process = None
            self._end_containerd()

    def _end_containerd(self) -> None:
        """End the daemon's own containerd, which a killed one leaves, and the next one would take for its own."""
        file = self._folder / "exec/containerd/containerd.pid"
        with suppress(FileNotFoundError, ProcessLookupError):  # ended already
            containerd = int(file.read_text())
            os.kill(containerd, signal.SIGKILL)
            while Path(f"/proc/{containerd}/exe").exists():
                time.sleep(0.02)
        file.unlink(missing_ok=True)

    def hang(self) -> None:
        """Let it take connections, and answer nothing, until it is started again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def engine(self) -> Engine:
        """Return the engine that it is."""
        return find_engine(self.url)

    def ours(self) -> set[str]:
        """Return the ids of what sessions have on it."""
        with closing(self.engine()) as engine:
            return {thing for kind in KINDS for thing in engine.labels(kind, "pytest-foodtrucks")}

    def clear(self) -> None:
        """Remove all containers, so that none outlives it."""
        self.start()
        with closing(self.engine()) as engine:
            for container in engine.api.containers(all=True):
                engine.remove_container(container["Id"])


def _unmount_below(folder: Path) -> None:
    """Unmount what a killed daemon left, the last first."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in reversed(mounts):
        if mount.startswith(f"{folder}/"):
            subprocess.run(["/bin/umount", "--lazy", mount], check=True)


@contextmanager
def own_daemon(source: Engine, *options: str) -> Iterator[OwnDaemon]:
    """Start a daemon that has the probe's image from another engine, and remove all of it."""
    ip = shutil.which("ip")
    if os.geteuid() != 0 or shutil.which("dockerd") is None or ip is None:
        pytest.fail(
            "This test starts a dockerd of its own, in a network namespace. Remedy: run it as root where docker.io and "
            "iproute2 are installed."
        )
    name = f"own{secrets.token_hex(3)}"
    folder = Path(mkdtemp(prefix="foodtrucks-own-"))  # short, because a socket's path may not be long
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, folder)
        undo.callback(_unmount_below, folder)
        subprocess.run([ip, "netns", "add", name], check=True)
        undo.callback(subprocess.run, [ip, "netns", "delete", name], check=True)
        daemon = OwnDaemon(folder, name, options)
        undo.callback(daemon.end, signal.SIGTERM)
        daemon.start()
        undo.callback(daemon.clear)
        with closing(daemon.engine()) as engine:
            for variable in ("EXAMPLE_BUSYBOX_IMAGE", "FOODTRUCKS_PROBE_IMAGE"):
                content = b"".join(source.api.get_image(os.environ[variable]))
                engine.api.load_image(content)  # type: ignore[no-untyped-call] # a gap of types-docker
        yield daemon
