"""A small database: each key is a file in /var/lib/data."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DATA = Path("/var/lib/data")


class Ledger(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        DATA.joinpath(Path(self.path).name).write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def do_GET(self) -> None:
        file = DATA / Path(self.path).name
        self.send_response(200 if file.is_file() else 404)
        self.end_headers()
        if file.is_file():
            self.wfile.write(file.read_bytes())


ThreadingHTTPServer(("", 5432), Ledger).serve_forever()
