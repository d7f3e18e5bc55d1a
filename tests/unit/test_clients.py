"""docker-py's client for an engine's address: TLS, connections that are kept, and ssh."""

import logging
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

import docker
import pytest

from pytest_foodtrucks.engine import clients
from pytest_foodtrucks.engine.clients import client_for
from pytest_foodtrucks.engine.discovery import find_engine
from pytest_foodtrucks.engine.endpoints import Endpoint
from pytest_foodtrucks.errors import EngineNotFound

VERSION = b'{"Version": "27.1", "ApiVersion": "1.41"}'


class Handler(BaseHTTPRequestHandler):
    """Tells the version, and keeps the connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if "together" in self.path:
            self.server.together.wait()  # type: ignore[attr-defined] # a barrier of the test's
        self.send_response(200)
        self.send_header("Content-Length", str(len(VERSION)))
        self.end_headers()
        self.wfile.write(VERSION)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class UnixServer(ThreadingUnixStreamServer):
    """The same on a socket file."""

    daemon_threads = True


@contextmanager
def serving(server: Any) -> Iterator[None]:
    """Let a server answer from a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def _no_docker_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))


def certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 and its key, named as Docker names them; it is its own CA."""
    folder.mkdir()
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=engine -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*words.split(), *files], check=True, capture_output=True)
    shutil.copy(folder / "cert.pem", folder / "ca.pem")
    return folder


@pytest.fixture
def with_tls(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Return the address of an engine that speaks TLS, and the folder of its certificate."""
    folder = certificate(tmp_path / "own")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield f"tcp://127.0.0.1:{server.server_port}", folder


@pytest.fixture(params=["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def foreign_ca(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name another CA in the environment; the engine's machine counts as one that isn't this one."""
    monkeypatch.setenv(request.param, str(certificate(tmp_path / "foreign") / "ca.pem"))
    monkeypatch.setattr(clients, "is_on_loopback", lambda _: False)


@pytest.mark.usefixtures("foreign_ca")
def test_a_ca_of_the_environment_doesnt_overrule_the_engines(with_tls: tuple[str, Path]) -> None:
    url, folder = with_tls
    engine = find_engine(url, {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(folder)}, host="127.0.0.1")
    assert engine.version == "27.1"
    engine.close()


@pytest.mark.usefixtures("foreign_ca")
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_an_engine_that_isnt_to_be_verified_isnt_verified_by_a_ca_of_the_environment(
    with_tls: tuple[str, Path],
) -> None:
    url, folder = with_tls
    engine = find_engine(url, {"DOCKER_TLS_VERIFY": "", "DOCKER_CERT_PATH": str(folder)}, host="127.0.0.1")
    assert engine.version == "27.1"
    engine.close()


def test_an_engine_with_another_ca_is_still_refused(with_tls: tuple[str, Path], tmp_path: Path) -> None:
    other = certificate(tmp_path / "other")
    with pytest.raises(EngineNotFound, match="certificate verify failed"):
        find_engine(with_tls[0], {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(other)})


# connections


@pytest.fixture(params=["unix", "tcp"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[docker.APIClient]:
    """Return a client of an engine that answers a barrier's requests together."""
    is_unix = request.param == "unix"
    path = f"{tmp_path}/docker.sock"
    server: Any = UnixServer(path, Handler) if is_unix else ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.request_queue_size = 64
    server.socket.listen(64)
    server.together = threading.Barrier(40)
    url = f"unix://{path}" if is_unix else f"tcp://127.0.0.1:{server.server_port}"
    with serving(server):
        client = client_for(Endpoint(url), {})
        yield client
        client.close()


def test_many_requests_at_a_time_make_no_noise(client: docker.APIClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "urllib3")
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: client.get(f"{client.base_url}/together", timeout=30), range(40)))
    assert {answer.status_code for answer in answers} == {200}
    assert caplog.messages == []
