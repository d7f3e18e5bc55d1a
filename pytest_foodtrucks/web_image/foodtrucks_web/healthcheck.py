"""The image's health check: ask the app how it is. It is a script on its own, so that it starts fast."""

import socket
import sys

_REQUEST = b"GET /healthz HTTP/1.0\r\n\r\n"


def main() -> None:
    """Print the app's answer; leave with status 1 unless it is a 200."""
    try:
        with socket.create_connection(("127.0.0.1", 5000), timeout=3) as asked:
            asked.sendall(_REQUEST)
            answer = asked.makefile("rb").read()
    except OSError as error:
        sys.exit(f"The app doesn't answer: {error}")
    status, _, rest = answer.partition(b"\r\n")
    sys.stdout.write(rest.partition(b"\r\n\r\n")[2].decode())
    sys.exit(b" 200 " not in status)


if __name__ == "__main__":
    main()
