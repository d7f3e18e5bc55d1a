"""A client's connections: kept between requests, and left for new ones while the client stays."""

import http.server
import threading
from collections.abc import Iterator

import httpx2
import pytest

from fakes.serving import serving
from pytest_foodtrucks.services.http_pool import Connections


class Server(http.server.ThreadingHTTPServer):
    """A server that answers with the number of the connection, from 1."""

    daemon_threads = True
    connections = 0
    held: threading.Event | None = None


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers any GET; /held waits until the server lets it go."""

    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1
        self.number = self.server.connections

    def do_GET(self) -> None:
        if self.path == "/held":
            assert self.server.held is not None
            self.server.held.wait(10)
        body = str(self.number).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server that answers."""
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        yield server


@pytest.fixture
def connections() -> Connections:
    """Return a client's connections."""
    return Connections()


@pytest.fixture
def client(server: Server, connections: Connections) -> Iterator[httpx2.Client]:
    """Return the client that has them."""
    url = f"http://127.0.0.1:{server.server_port}"
    with httpx2.Client(base_url=url, transport=connections, trust_env=False) as client:
        yield client


def test_a_connection_is_kept_until_a_renewal(client: httpx2.Client, connections: Connections) -> None:
    assert [client.get("/").text for _ in range(2)] == ["1", "1"]
    connections.renew()
    assert [client.get("/").text for _ in range(2)] == ["2", "2"]
    connections.renew()
    assert client.get("/").text == "3"


def test_a_request_on_its_way_gets_its_answer(client: httpx2.Client, connections: Connections, server: Server) -> None:
    server.held = threading.Event()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(client.get("/held").text))
    asking.start()
    while server.connections == 0:
        asking.join(0.01)
    connections.renew()
    assert client.get("/").text == "2"
    server.held.set()
    asking.join()
    assert answers == ["1"]
