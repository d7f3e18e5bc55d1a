"""A registry on loopback, and a line to it that is slow or breaks."""

import base64
import json
import re
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from tarfile import TarFile, TarInfo
from typing import Final

import pytest

from pytest_foodtrucks import Engine

USER: Final = "cook"
PASSWORD: Final = "secret-sauce"  # noqa: S105 - of a registry that lives as long as a test
_HTPASSWD: Final = f"{USER}:$2b$04$QRnOo06atfyA8Go4E2LVVe3iQV5xLf9e9FP1ENygfiqfn3FH6X18y\n"
"""The registry takes bcrypt only, which needs a package to make; so here it is, made beforehand."""

_START_SECONDS: Final = 20.0
_CHUNK: Final = 16384


class Registry:
    """A running registry; `address` is what goes before an image's name."""

    def __init__(self, address: str, log: Path) -> None:
        self.address = address
        self._log = log

    def asked_for(self, image: str) -> int:
        """Return how often an engine asked for the image by its tag, by the registry's own log."""
        name, _, tag = image.rpartition(":")
        return self._log.read_text(encoding="utf-8").count(f'"HEAD /v2/{name}/manifests/{tag} HTTP/')

    def push(self, engine: Engine, source: str, image: str, *, password: str | None = None) -> None:
        """Push an image of the engine's under another name, which the engine forgets afterwards."""
        repository, _, tag = f"{self.address}/{image}".rpartition(":")
        login = None if password is None else {"username": USER, "password": password}
        engine.api.tag(source, repository, tag)
        try:
            for event in engine.api.push(repository, tag, auth_config=login, stream=True, decode=True):
                assert "error" not in event, event
        finally:
            engine.api.remove_image(f"{repository}:{tag}", noprune=True)

    def push_new(
        self, engine: Engine, base: str, image: str, *, content: bytes = b"", command: Sequence[str] = ()
    ) -> None:
        """Push an image that the engine has no part of any more, but for its base: with a file, and a command."""
        dockerfile = f"FROM {base}\nCOPY bytes /bytes" + (f"\nCMD {json.dumps(command)}" if command else "")
        context = BytesIO()
        with TarFile(fileobj=context, mode="w") as tar:
            for name, text in (("Dockerfile", dockerfile.encode()), ("bytes", content)):
                about = TarInfo(name)
                about.size = len(text)
                tar.addfile(about, BytesIO(text))
        context.seek(0)
        tag = f"foodtrucks-test-push/{image}"
        list(engine.api.build(fileobj=context, custom_context=True, tag=tag, rm=True, decode=True))
        try:
            self.push(engine, tag, image)
        finally:
            engine.api.remove_image(tag)

    def forget(self, engine: Engine) -> None:
        """Remove what the engine has of this registry."""
        for image in engine.api.images():
            for tag in image["RepoTags"] or ():
                if tag.startswith(f"{self.address}/"):
                    engine.api.remove_image(tag)


@contextmanager
def running_registry(folder: Path, *, images: Path, login: bool = False) -> Iterator[Registry]:
    """Start a registry, yield it, and end it; with `login` it wants one.

    `images` is where it keeps them: several registries may share it, and what one has is pushed to another at once.
    """
    command = shutil.which("docker-registry")
    if command is None:
        pytest.fail("There is no docker-registry on the PATH. Remedy: apt-get install docker-registry.", pytrace=False)
    configuration: dict[str, object] = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(images)}},
        "http": {"addr": "127.0.0.1:0"},
    }
    if login:
        (folder / "htpasswd").write_text(_HTPASSWD, encoding="ascii")
        configuration["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    (folder / "config.yml").write_text(json.dumps(configuration), encoding="utf-8")  # JSON is YAML
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([command, "serve", str(folder / "config.yml")], stdout=output, stderr=output)
    try:
        yield Registry(f"127.0.0.1:{_port(process, log)}", log)
    finally:
        process.kill()
        process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text(encoding="utf-8"))
        if found:
            return int(found[1])
        time.sleep(0.02)
    pytest.fail(f"The registry doesn't listen. Its log:\n{log.read_text(encoding='utf-8')}", pytrace=False)


def auths(registry: str, password: str = PASSWORD) -> str:
    """Return the JSON of a login, as `docker login` keeps it in config.json."""
    text = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return json.dumps({"auths": {registry: {"auth": text}}})


class Line:
    """A line to a registry or an engine, through which all answers pass.

    `address` is its near end. `rate` is in bytes a second, for all connections together.
    """

    def __init__(self, address: str, *, rate: float) -> None:
        self.address = address
        self._seconds = 1 / rate
        self._held = threading.Event()
        self._cut = threading.Event()
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._passed = 0
        self._after: tuple[int, Callable[[], object]] | None = None

    def after(self, size: int, action: Callable[[], object]) -> None:
        """Do something once, when so many bytes have passed."""
        self._after = (size, action)

    def hold(self) -> None:
        """Let nothing through any more, and keep the connections."""
        self._held.set()

    def drop(self) -> None:
        """End the connections that there are; new ones work."""
        for end in self._ends:
            _end(end)

    def cut(self) -> None:
        """End all connections, and each new one."""
        self._cut.set()
        self.drop()

    def carry(self, near: socket.socket, far: socket.socket) -> None:
        """Carry bytes in both directions until one end closes or the line is cut."""
        self._ends += [near, far]
        there = threading.Thread(target=_copy, args=(near, far), daemon=True)
        there.start()
        with suppress(OSError):  # an end has closed, which is how a connection ends
            while (chunk := far.recv(_CHUNK)) and not self._cut.is_set():
                self._weigh(len(chunk))
                while self._held.is_set() and not self._cut.wait(0.05):
                    pass
                if self._cut.is_set():
                    break
                near.sendall(chunk)
        _end(near)
        _end(far)
        there.join()

    def _weigh(self, size: int) -> None:
        with self._lock:
            self._passed += size
            if self._after is not None and self._passed >= self._after[0]:
                self._after[1]()
                self._after = None
            self._cut.wait(size * self._seconds)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):  # it has ended already
        connection.shutdown(socket.SHUT_RDWR)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):  # an end has closed, which is how a connection ends
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)


@contextmanager
def line_to(target: str, *, rate: float = 1e9) -> Iterator[Line]:
    """Lay a line to a host and port, or to a Unix socket; what still goes through it ends with the block."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with _connected(target) as far:
                line.carry(self.request, far)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        line = Line(f"127.0.0.1:{server.server_address[1]}", rate=rate)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield line
        finally:
            line.cut()
            server.shutdown()


def _connected(target: str) -> socket.socket:
    if target.startswith("/"):
        far = socket.socket(socket.AF_UNIX)
        far.connect(target)
        return far
    host, _, port = target.rpartition(":")
    return socket.create_connection((host, int(port)))
