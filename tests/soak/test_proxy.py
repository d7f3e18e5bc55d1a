"""The engine that ignores filters: only a request's address and its connection change on the way."""

import http.client
import http.server
import socket
import socketserver
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from soak import proxy

HEAD = b"GET /v1.41/containers/json?all=1&filters=%7B%22label%22%3A1%7D&size=0 HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"?all=1&filters=%7B%7D&size=0", b"?all=1&size=0"),
        (b"?filters=%7B%7D", b""),
        (b"?filters=%7B%7D&all=1", b"?all=1"),
        (b"?all=1", b"?all=1"),
        (b"", b""),
    ],
)
def test_filters_go_and_the_rest_stays(query: bytes, expected: bytes) -> None:
    head = b"GET /networks%b HTTP/1.1\r\nHost: x\r\n\r\n"
    assert proxy.without_filters(head % query) == head % expected


def test_the_connection_is_closed_after_one_answer() -> None:
    head = proxy.asking_to_close(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n")
    assert head == b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def test_a_raw_stream_passes_as_it_is() -> None:
    head = b"POST /exec/1/start HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    assert proxy.asking_to_close(head) == head


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the address that it was asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.path)))
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_: object) -> None:
        pass

    def address_string(self) -> str:
        return ""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder with a path that is short enough for a socket's."""
    with tempfile.TemporaryDirectory(prefix="foodtrucks-") as name:
        yield Path(name)


@pytest.fixture
def engine(folder: Path) -> Iterator[str]:
    """Run something that answers at a unix socket."""
    path = str(folder / "engine.sock")
    with socketserver.ThreadingUnixStreamServer(path, Echo) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"unix://{path}"
        server.shutdown()
        thread.join()


def test_a_request_comes_through_without_its_filters_and_is_counted(engine: str, folder: Path) -> None:
    with proxy.ignoring_filters(engine, folder) as filterless:
        for _ in range(2):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(filterless.url.removeprefix("unix://"))
                connection.sendall(HEAD)
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                assert answer.read() == b"/v1.41/containers/json?all=1&size=0"
        assert filterless.ignored == 2
