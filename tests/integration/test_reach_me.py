"""A server of the test's process, reached from containers on a real engine."""

import http.server
import re
import signal
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator

import pytest

from lab import IDLE, IMAGE
from pytest_foodtrucks import Network, Service, reach_me

from .conftest import ROOT, Downstream
from .test_ways_out import gone

BODY = b"x" * 1_000_000


class Answers(http.server.BaseHTTPRequestHandler):
    """Says who asked for what, or much of it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(BODY if self.path == "/much" else f"you asked for {self.path}".encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Backwards(socketserver.StreamRequestHandler):
    """Sends back what came, when its end has come."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.read()[::-1])


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[int, int]]:
    """Run the test's servers, one of them on IPv6's loopback; return the ports, by those on the network."""

    class Six(socketserver.ThreadingTCPServer):
        address_family = socket.AF_INET6

    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as web,
        Six(("::1", 0), Backwards) as backwards,
    ):
        for server in (web, backwards):
            threading.Thread(target=server.serve_forever).start()
        yield {80: web.server_port, 7000: backwards.server_address[1]}
        web.shutdown()
        backwards.shutdown()


SCRIPT = """
wget -q -O - {url}/menu; echo
printf abc | nc {alias} 7000; echo
for each in 1 2 3 4 5 6 7 8; do wget -q -O - {url}/much | wc -c & done; wait
wget -q -O - http://{alias}:81/ 2>&1
"""


def test_containers_reach_servers_of_the_test_by_a_name_on_each_kind_of_network(
    foodtrucks_net: Network, island: Network, ports: dict[int, int]
) -> None:
    with foodtrucks_net.service(**IDLE, aliases=["reach-me-caller"]) as caller:
        island.connect(caller)
        for network, alias in ((foodtrucks_net, "own-servers"), (island, "servers-of-island")):
            with reach_me(network=network, ports={**ports, 81: 1}, alias=alias) as here:
                *answers, last = said(caller, SCRIPT.format(url=here.internal_url, alias=alias)).splitlines()
                assert answers == ["you asked for /menu", "cba", *[str(len(BODY))] * 8]
                assert "reset by peer" in last
                assert (here.connections, here.refused_connections) == (11, 1)
            assert "bad address" in said(caller, f"wget -q -O - {here.internal_url} 2>&1")
        island.disconnect(caller)


def said(caller: Service, script: str) -> str:
    """Return what a shell in a container says."""
    return caller.exec(["sh", "-c", script], timeout=60).stdout


def test_a_webhook_as_in_the_documentation_is_called_under_workers(downstream: Downstream) -> None:
    page = (ROOT / "docs/how-to/callbacks.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "Webhook" in block]
    downstream.write(test_it=block.replace('"busybox"', repr(IMAGE)))
    downstream.run("-n2", "--dist=each").assert_outcomes(passed=2)


def test_a_session_that_is_killed_within_the_block_leaves_nothing(
    downstream: Downstream, ours_on_engine: Callable[[], set[str]]
) -> None:
    before = ours_on_engine()
    downstream.write(
        test_it="""
        import os, signal

        def test_it(reach_me):
            with reach_me(8000):
                os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert downstream.run().ret == -signal.SIGKILL
    assert gone(lambda: ours_on_engine() - before)
