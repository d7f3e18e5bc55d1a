"""A server of HTTPS that lets in nobody without a certificate of our own authority."""

import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Vault(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"gold")


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile="/run/secrets/ca.crt")
context.load_cert_chain("/run/secrets/server.crt", "/run/secrets/server.key")
context.verify_mode = ssl.CERT_REQUIRED
server = ThreadingHTTPServer(("", 443), Vault)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
