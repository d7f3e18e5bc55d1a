"""A command's input and output without waiting, over each kind of connection that an engine may have."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pytest_foodtrucks.engine.execs import ExecStream


def frame(stream: int, words: bytes) -> bytes:
    """Return output as an engine frames it."""
    return bytes([stream, 0, 0, 0]) + len(words).to_bytes(4, "big") + words


def with_tls(ours: socket.socket, theirs: socket.socket, folder: Path) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection with TLS on them."""
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=engine"
    subprocess.run([*words.split(), "-keyout", "key", "-out", "pem"], cwd=folder, check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "pem", folder / "key")
    client = ssl.create_default_context(cafile=str(folder / "pem"))
    client.check_hostname = False
    secured: list[socket.socket] = []
    greeting = threading.Thread(target=lambda: secured.append(server.wrap_socket(theirs, server_side=True)))
    greeting.start()
    own = client.wrap_socket(ours)
    greeting.join()
    return own, secured[0]


@pytest.fixture(params=["plain", "TLS"])
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[ExecStream, socket.socket]]:
    """Give a command's stream, and the engine's end of it."""
    ours, theirs = socket.socketpair()
    if request.param == "TLS":
        ours, theirs = with_tls(ours, theirs, tmp_path)
    theirs.settimeout(60)
    with theirs, closing(ExecStream(ours)) as stream:
        yield stream, theirs


def test_output_is_there_or_not(ends: tuple[ExecStream, socket.socket]) -> None:
    stream, engine = ends
    assert stream.output_now() is None
    engine.sendall(frame(1, b"out") + frame(2, b"error") + frame(1, b"put")[:-1])
    assert [awaited(stream), awaited(stream), stream.output_now()] == [(b"out", b""), (b"", b"error"), None]
    engine.sendall(b"t")
    assert awaited(stream) == (b"put", b"")
    engine.shutdown(socket.SHUT_RDWR)
    assert awaited(stream) == (b"", b"")


def awaited(stream: ExecStream) -> tuple[bytes, bytes]:
    """Return the next output; on this machine it is there at once, or nearly."""
    while (found := stream.output_now()) is None:
        pass
    return found


def test_what_has_no_room_is_not_sent(ends: tuple[ExecStream, socket.socket]) -> None:
    stream, engine = ends
    whole, sent = bytes(range(256)) * 40_000, 0
    while now := stream.send_now(memoryview(whole)[sent : sent + 60_000]):
        sent += now
    assert 0 < sent < len(whole)
    heard = bytearray()
    while len(heard) < sent:
        heard += engine.recv(65536)
    while not (now := stream.send_now(whole[sent : sent + 60_000])):
        pass
    while len(heard) < sent + now:
        heard += engine.recv(65536)
    assert heard == whole[: sent + now]


def test_a_connection_that_somebody_closed_is_told(ends: tuple[ExecStream, socket.socket]) -> None:
    stream, _ = ends
    socket.close(stream.fileno())
    with pytest.raises(OSError, match="closed"):
        stream.output_now()
    with pytest.raises(OSError, match="closed"):
        stream.send_now(b"?")
