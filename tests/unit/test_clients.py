"""docker-py's client for an engine's address: TLS, connections that are kept, and ssh."""

import importlib.util
import io
import logging
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import ModuleSpec
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from types import ModuleType, SimpleNamespace
from typing import Any

import docker
import pytest
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from fakes.serving import serving
from pytest_foodtrucks.engine import clients
from pytest_foodtrucks.engine.asking import EngineClient
from pytest_foodtrucks.engine.clients import client_for
from pytest_foodtrucks.engine.discovery import find_engine
from pytest_foodtrucks.engine.endpoints import Endpoint
from pytest_foodtrucks.engine.execs import ExecStream
from pytest_foodtrucks.engine.patience import Patience
from pytest_foodtrucks.engine.ssh import Sessions
from pytest_foodtrucks.errors import EngineNotFound, NoAnswer

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


@pytest.fixture(autouse=True)
def _no_docker_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))


def certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 and its key, named as Docker names them; it is its own CA."""
    folder.mkdir()
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=engine"
    files = [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(folder / "key.pem"),
        "-out",
        str(folder / "cert.pem"),
    ]
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


# ssh


def test_ssh_without_paramiko_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "paramiko" else find_spec(name))
    with pytest.raises(EngineNotFound, match=r"paramiko .*Remedy: pip install 'pytest-foodtrucks\[ssh\]'\.$"):
        find_engine("ssh://me@far.test", {})


class Paramiko(ModuleType):
    """What of paramiko is used here."""

    class SSHException(Exception):
        """What it raises of a connection."""

    class ChannelException(SSHException):
        """What it raises of a channel that sshd refuses."""


@pytest.fixture
def paramiko(monkeypatch: pytest.MonkeyPatch) -> type[Paramiko]:
    """Let paramiko be installed, and refuse to connect where its client does."""
    monkeypatch.setitem(sys.modules, "paramiko", Paramiko("paramiko"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: ModuleSpec("paramiko", None))
    return Paramiko


def test_a_host_that_ssh_doesnt_know_is_told_with_what_to_look_at(
    paramiko: type[Paramiko], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise paramiko.SSHException("Server 'far.test' not found in known_hosts")

    monkeypatch.setattr(clients, "_ClientOverSsh", refuse)
    with pytest.raises(EngineNotFound, match=r"not found in known_hosts.*`ssh ssh://far\.test docker version` answers"):
        find_engine("ssh://me@far.test", {})


@pytest.mark.parametrize(
    ("error", "words", "silent"),
    [
        (
            Paramiko.ChannelException(2, "Connect failed"),
            r"sshd at .* allows no session .*: .*MaxSessions",
            False,
        ),
        (Paramiko.SSHException("SSH session not active"), r"gave no answer .*SSH session not active\. Remedy: ", True),
        (EOFError(), r"gave no answer .*Remedy: ", True),
    ],
)
@pytest.mark.usefixtures("paramiko")
def test_what_paramiko_raises_is_told_as_an_engine_that_gave_no_answer(
    error: Exception, words: str, *, silent: bool
) -> None:
    asked = EngineClient(docker.APIClient(version="1.41"), "ssh://far.test", logins=None, patience=Patience())
    with pytest.raises(NoAnswer, match=words), asked._asking("list its images"):  # noqa: SLF001 - what every request uses
        raise error
    assert asked.silent is silent
    asked.close()


def test_few_requests_are_made_at_a_time_over_ssh(tmp_path: Path) -> None:
    at_once = Counting()
    client = clients._ClientOverSsh(base_url=f"unix://{tmp_path}/none.sock", version="1.41")  # noqa: SLF001 - likewise
    client.mount("http+docker://", at_once)
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: client.get("http+docker://ssh/version"), range(40)))
    assert 1 <= at_once.most <= 5
    client.close()


class Counting(HTTPAdapter):
    """Counts how many requests are being made."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._lock = threading.Lock()
        self._all = threading.Event()

    def send(self, request: PreparedRequest, **_: Any) -> Response:  # type: ignore[override] # it needs no more
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self._all.wait(0.01)  # so that others come meanwhile
        with self._lock:
            self.now -= 1
        response = Response()
        response.status_code, response.url = 200, str(request.url)
        response.raw = io.BytesIO()
        return response


class Channel:
    """What ExecStream needs of paramiko's channel."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._response = SimpleNamespace(raw=SimpleNamespace(_fp=SimpleNamespace(fp=ChannelFile())), close=lambda: None)

    def fileno(self) -> int:
        return self._descriptor

    def settimeout(self, _: float | None) -> None:
        """Wait for nothing."""

    def recv(self, _: int) -> bytes:
        return b""

    def close(self) -> None:
        """Leave the descriptor to the test."""


class ChannelFile:
    """paramiko's file: it has no `read1`, and keeps what came with the head of the answer."""

    _rbuffer = b"\1\0\0\0\0\0\0\3hi\n"

    def read(self, size: int) -> bytes:
        return self._rbuffer[:size]


def test_what_came_with_the_head_of_an_answer_over_ssh_isnt_lost(tmp_path: Path) -> None:
    with (tmp_path / "any").open("wb") as file, closing(ExecStream(Channel(file.fileno()))) as stream:
        assert stream.outputs(1) == (b"hi\n", b"")


class Connection:
    """A client of paramiko and its transport, with so many sessions to give."""

    def __init__(self, sessions: int) -> None:
        self.sessions, self.active = sessions, True

    def get_transport(self) -> "Connection":
        return self

    def is_active(self) -> bool:
        return self.active

    def open_session(self) -> "Connection":
        if self.sessions == 0:
            raise Paramiko.ChannelException(2, "Connect failed")
        self.sessions -= 1
        return self

    def close(self) -> None:
        self.active = False


@pytest.mark.usefixtures("paramiko")
def test_a_session_that_sshd_refuses_is_opened_on_another_connection() -> None:
    first, second = Connection(1), Connection(2)
    sessions = Sessions(first, lambda: second)
    assert [sessions.open_session() for _ in range(3)] == [first, second, second]
    sessions.close()
    assert (first.active, second.active, sessions.get_transport()) == (False, False, None)


@pytest.mark.usefixtures("paramiko")
def test_a_lost_connection_is_replaced_and_one_without_any_session_is_an_error() -> None:
    first = Connection(1)
    sessions = Sessions(first, lambda: Connection(0))
    first.active = False
    with pytest.raises(Paramiko.ChannelException):
        sessions.open_session()
