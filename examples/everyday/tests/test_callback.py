import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest

from pytest_foodtrucks import PortForward, Service, service

shop = service(
    image=os.environ.get("EXAMPLE_PYTHON_IMAGE", "python:3.13-slim"),
    command=["python", "/shop.py"],
    configs={"shop.py": Path("programs/shop.py")},
    ports=[8000],
)


@dataclass
class Webhook:
    port: int
    heard: Queue[str] = field(default_factory=Queue)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.heard.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Webhook(server.server_port)
        Thread(target=server.serve_forever).start()
        yield found
        server.shutdown()


def test_the_shop_calls_back_when_an_order_is_paid(
    shop: Service, webhook: Webhook, reach_me: Callable[[int], AbstractContextManager[PortForward]]
) -> None:
    with reach_me(webhook.port) as here:
        shop.http.post("/orders", json={"dish": "taco", "notify": f"{here.internal_url}/paid"}).raise_for_status()
        assert webhook.heard.get(timeout=10) == "taco is paid"
