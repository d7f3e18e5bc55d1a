"""An HTTP handler that answers as an Elasticsearch does: JSON, and the header by which clients know it."""

import http.server
import json
from collections.abc import Callable
from typing import Any


def json_handler(answer: Callable[[str, str, bytes], tuple[int, Any]]) -> type[http.server.BaseHTTPRequestHandler]:
    """Return the class that answers a connection; `answer` gets method, path and body, and gives status and JSON."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for the client's acknowledgement of its head

        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = answer(self.command, self.path, sent)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - the base class's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
