"""An engine that ignores the filters of a request, as an old one once did: a proxy before a real one.

Each connection carries one request: the proxy asks both sides to close it then. What is upgraded to a raw stream, as an
exec is, passes as it is.
"""

import re
import socket
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Final, cast

_END_OF_HEAD: Final = b"\r\n\r\n"
_CHUNK: Final = 65536
_FILTERS: Final = re.compile(rb"([?&])filters=[^&\s]*&?")


def without_filters(head: bytes) -> bytes:
    """Return a request's head without `filters` in its address."""
    line, rest = head.split(b"\r\n", 1)
    method, address, protocol = line.split(b" ")
    address = _FILTERS.sub(rb"\1", address).rstrip(b"?&")
    return b" ".join((method, address, protocol)) + b"\r\n" + rest


def asking_to_close(head: bytes) -> bytes:
    """Return a request's head that asks to close the connection after the answer, unless it is for a raw stream."""
    if re.search(rb"(?im)^upgrade:", head) is not None:
        return head
    kept = re.sub(rb"(?im)^connection:.*\r\n", b"", head)
    return kept.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n"


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    engine = ""
    ignored = 0


class _Handler(socketserver.BaseRequestHandler):
    request: socket.socket

    def handle(self) -> None:
        """Pass one request on, and its answer back."""
        server = cast("_Server", self.server)
        received = b""
        while _END_OF_HEAD not in received:
            chunk = self.request.recv(_CHUNK)
            if chunk == b"":
                return
            received += chunk
        head, body = received.split(_END_OF_HEAD, 1)
        head += _END_OF_HEAD
        server.ignored += _FILTERS.search(head.split(b"\r\n", 1)[0]) is not None
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(server.engine)
            engine.sendall(asking_to_close(without_filters(head)) + body)
            Thread(target=_pump, args=(self.request, engine), daemon=True).start()
            _pump(engine, self.request)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # either side may go at any time
        while (chunk := source.recv(_CHUNK)) != b"":
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)


class Proxy:
    """A running proxy; `url` is its address, `ignored` counts the requests that had filters."""

    def __init__(self, server: _Server) -> None:
        self._server = server

    @property
    def url(self) -> str:
        """Its address, for the option engine."""
        return f"unix://{cast('str', self._server.server_address)}"

    @property
    def ignored(self) -> int:
        """How many requests had filters."""
        return self._server.ignored


@contextmanager
def ignoring_filters(engine_url: str, folder: Path) -> Iterator[Proxy]:
    """Run a proxy before an engine at a unix socket; its own socket is in a folder with a short path."""
    with _Server(str(folder / "filterless.sock"), _Handler) as server:
        server.engine = engine_url.removeprefix("unix://")
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield Proxy(server)
        finally:
            server.shutdown()
            thread.join()
