"""Takes an order, and calls back to the URL in it when that is paid."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen


class Shop(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(202)
        self.end_headers()
        urlopen(order["notify"], data=f"{order['dish']} is paid".encode(), timeout=10).close()


ThreadingHTTPServer(("", 8000), Shop).serve_forever()
