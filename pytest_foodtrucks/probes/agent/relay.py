"""The relay: carries TCP connections between a container and the test's process, all over one stream.

Both ends run this module. In a container it is sent to Python on standard input, needs nothing but Python 3.9 or later,
and listens: `main`. In the test's process `forwarding.py` connects to the test's own ports.

A frame on the stream is a head (kind, number of the connection, size), and so many bytes. Each end sends only as many
bytes of a connection as the other end has granted: whoever doesn't read fills no memory, and holds up nobody else. The
end of one direction, and a reset, are carried too.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import selectors
import socket
import struct
import sys
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol

    class Stream(Protocol):
        """What the frames go over; `reading` and `writing` are its descriptors, which may be one."""

        reading: int
        writing: int

        def read(self) -> bytes | None:
            """Return what is there, without waiting; None where nothing is, no bytes at its end."""

        def write(self, data: memoryview) -> int:
            """Write what goes at once, and return how many bytes that was."""


HEAD = struct.Struct("!cII")
OPEN, DATA, END, RESET, GRANT, BYE = b"O", b"D", b"E", b"R", b"G", b"B"
NUMBER = struct.Struct("!I")

WINDOW = 256 << 10
"""Bytes of one connection that may be under way in one direction."""

PIECE = 64 << 10
"""Bytes that are read or written at once; no frame has more."""

FULL = 1 << 20
"""Bytes that wait for the stream, from where on no more are read from sockets."""

READS_AT_ONCE = 16
"""From the stream, before the sockets have their turn."""

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Connection:
    """One connection: its socket at this end, and what of it is under way. As long as `socket` is None, it waits."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.socket: socket.socket | None = None
        self.granted = WINDOW  # how much the other end takes yet
        self.reads = True  # until the socket's own end
        self.arrived = bytearray()  # for the socket
        self.written = 0  # what the other end wasn't told of yet
        self.ends = False  # nothing more will arrive
        self.shut = False  # and the socket has been told so

    @property
    def events(self) -> int:
        """What is waited for at its socket."""
        return (READ if self.reads and self.granted else 0) | (WRITE if self.arrived else 0)


class Relay:
    """One end: carries connections over a stream until that ends. A single thread calls its methods.

    `opened` is called with the number and the words of a connection that the other end opens.
    """

    def __init__(self, stream: Stream, opened: Callable[[int, str], object] | None = None) -> None:
        self.stream = stream
        self.opened = opened
        self.connections: dict[int, Connection] = {}
        self.ended = False
        self.out = bytearray()  # for the stream
        self._in = bytearray()  # the beginning of a frame
        self._more = True  # there may be more in the stream than its descriptor tells
        self._held: list[Connection] = []  # those that aren't read, as long as the stream is full
        self._paused: list[Callable[[], object]] = []  # what goes on once there is a descriptor free
        self._selector = selectors.DefaultSelector()
        self._watched: dict[int, int] = {}
        self._watch_stream()

    def step(self, seconds: float | None) -> bool:
        """Wait for something to do, so many seconds at most, do it, and tell whether there was something."""
        waits = 0.05 if self.out else None  # an ssh channel's descriptor doesn't tell when there is room
        times = [each for each in (seconds, waits, 0 if self._more else None) if each is not None]
        ready = self._selector.select(min(times) if times else None)
        for key, events in ready:
            key.data(events)
        if self._more:
            self._receive()
        self._flush()
        return bool(ready)

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self.connections.values()):
            self._forget(connection)
        self._selector.close()

    def watch(self, file: int, events: int, call: Callable[[int], object]) -> None:
        """Have a function called at a descriptor's events; none are the end of it."""
        before = self._watched.get(file, 0)
        if events == before:
            return
        if not events:
            self._selector.unregister(file)
            del self._watched[file]
            return
        (self._selector.modify if before else self._selector.register)(file, events, call)
        self._watched[file] = events

    def pause(self, go_on: Callable[[], object]) -> None:
        """Call a function when a connection has ended, and its descriptor is free."""
        self._paused.append(go_on)

    # connections

    def expect(self, number: int) -> Connection:
        """Begin a connection whose socket comes later; what arrives for it waits."""
        connection = self.connections[number] = Connection(number)
        return connection

    def adopt(self, connection: Connection, made: socket.socket) -> None:
        """Give a connection its socket."""
        if self.connections.get(connection.number) is not connection:  # it was reset meanwhile
            made.close()
            return
        made.settimeout(0)
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:  # macOS says so where it was reset; it shows when it is read
            pass
        connection.socket = made
        self._write(connection)

    def refuse(self, connection: Connection) -> None:
        """Reset a connection at both ends."""
        self.say(RESET, connection.number)
        self._forget(connection, reset=True)

    def _forget(self, connection: Connection, *, reset: bool = False) -> None:
        if self.connections.pop(connection.number, None) is None:
            return
        made, connection.socket = connection.socket, None
        if made is not None:
            self.watch(made.fileno(), 0, self._at_stream)
            end(made, reset=reset)
        paused, self._paused = self._paused, []
        for go_on in paused:
            go_on()

    def _settle(self, connection: Connection) -> None:
        """End a connection that has ended both ways, or see what is to be waited for."""
        if connection.socket is None:
            return
        if connection.shut and not connection.reads:
            self._forget(connection)
        else:
            self.watch(connection.socket.fileno(), connection.events, partial(self._at_socket, connection))

    def _at_socket(self, connection: Connection, events: int) -> None:
        if connection.socket is None:  # it ended in this step
            return
        if events & WRITE:
            self._write(connection)
        if events & READ and connection.socket is not None:
            if len(self.out) < FULL:
                self._read(connection)
            else:
                self._held.append(connection)
                self.watch(connection.socket.fileno(), connection.events & ~READ, partial(self._at_socket, connection))

    def _read(self, connection: Connection) -> None:
        """Send what a socket has, as far as the other end takes it."""
        assert connection.socket is not None  # noqa: S101 - for type checkers
        try:
            data = connection.socket.recv(min(PIECE, connection.granted))
        except BlockingIOError:
            return
        except OSError:
            self.refuse(connection)
            return
        if data:
            connection.granted -= len(data)
            self.say(DATA, connection.number, data)
        else:
            connection.reads = False
            self.say(END, connection.number)
        self._settle(connection)

    def _write(self, connection: Connection) -> None:
        """Write what has arrived, as far as the socket takes it, and grant as much."""
        try:
            self._write_now(connection)
        except OSError:
            self.refuse(connection)
            return
        if connection.written >= WINDOW // 4:
            self.say(GRANT, connection.number, NUMBER.pack(connection.written))
            connection.written = 0
        self._settle(connection)

    def _write_now(self, connection: Connection) -> None:
        made, arrived = connection.socket, connection.arrived
        if made is None:
            return
        try:
            while arrived:
                with memoryview(arrived)[:PIECE] as piece:
                    sent = made.send(piece)
                del arrived[:sent]
                connection.written += sent
        except BlockingIOError:
            return
        if connection.ends and not connection.shut:
            made.shutdown(socket.SHUT_WR)
            connection.shut = True

    # the stream

    def say(self, kind: bytes, number: int = 0, data: bytes = b"") -> None:
        """Send a frame; it leaves at the end of this step, or later."""
        self.out += HEAD.pack(kind, number, len(data)) + data

    def _flush(self) -> None:
        while self.out:
            with memoryview(self.out)[:PIECE] as piece:
                sent = self.stream.write(piece)
            if not sent:
                break
            del self.out[:sent]
        if len(self.out) < FULL:
            held, self._held = self._held, []
            for connection in held:
                self._settle(connection)
        self._watch_stream()

    def _watch_stream(self) -> None:
        wanted = {self.stream.writing: WRITE if self.out else 0}
        wanted[self.stream.reading] = wanted.get(self.stream.reading, 0) | READ
        for file, events in wanted.items():
            self.watch(file, events, self._at_stream)

    def _at_stream(self, events: int) -> None:
        if events & READ:
            self._receive()

    def _receive(self) -> None:
        self._more = False
        for _ in range(READS_AT_ONCE):
            data = self.stream.read()
            if data is None or self.ended:
                return
            if not data:
                self.ended = True
                return
            self._in += data
            self._take_frames()
        self._more = True

    def _take_frames(self) -> None:
        at = 0
        while len(self._in) - at >= HEAD.size:
            kind, number, size = HEAD.unpack_from(self._in, at)
            if size > PIECE:
                raise ValueError(f"the other end says what is no frame: {bytes(self._in[at : at + 80])!r}")
            end = at + HEAD.size + size
            if len(self._in) < end:
                break
            self._take(kind, number, bytes(self._in[at + HEAD.size : end]))
            at = end
        del self._in[:at]

    def _take(self, kind: bytes, number: int, data: bytes) -> None:
        """Do what a frame says; it may be about a connection that this end has forgotten."""
        if kind == BYE:
            self.ended = True
        elif kind == OPEN and self.opened is not None:
            self.opened(number, data.decode())
        elif number in self.connections:
            self._take_for(self.connections[number], kind, data)

    def _take_for(self, connection: Connection, kind: bytes, data: bytes) -> None:
        if kind == RESET:
            self._forget(connection, reset=True)
        elif kind == GRANT:
            connection.granted += NUMBER.unpack(data)[0]
            self._settle(connection)
        else:
            connection.arrived += data
            connection.ends = connection.ends or kind == END
            self._write(connection)


def end(made: socket.socket, *, reset: bool) -> None:
    """Close a connection's socket, also where a forked process has it too; lingering for 0 s is a reset."""
    try:
        if reset:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            made.shutdown(socket.SHUT_RDWR)
    except OSError:  # its peer was quicker
        pass
    made.close()


# the end in the container


class Pipes:
    """Standard input and output as a stream."""

    reading, writing = 0, 1

    def __init__(self) -> None:
        os.set_blocking(self.reading, False)
        os.set_blocking(self.writing, False)

    def read(self) -> bytes | None:
        """Return what is there, without waiting."""
        try:
            return os.read(self.reading, PIECE)
        except BlockingIOError:
            return None

    def write(self, data: memoryview) -> int:
        """Write what goes at once."""
        try:
            return os.write(self.writing, data)
        except BlockingIOError:
            return 0


class Door:
    """Accepts connections, and gives them to a relay under numbers of their own."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.accepted = 0

    def open(self, listening: socket.socket) -> None:
        """Accept what comes to a socket."""
        self.relay.watch(listening.fileno(), READ, lambda _: self._accept(listening))

    def _accept(self, listening: socket.socket) -> None:
        try:
            made, peer = listening.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE) and self.relay.connections:
                self.relay.watch(listening.fileno(), 0, lambda _: None)
                self.relay.pause(lambda: self.open(listening))
            return
        self.accepted += 1
        port = listening.getsockname()[1]
        self.relay.say(OPEN, self.accepted, f"{port} {peer[0]}".encode())
        self.relay.adopt(self.relay.expect(self.accepted), made)


def listeners(port: int) -> list[socket.socket]:
    """Listen on a port of all addresses, of IPv6 too where there is any; OSError where IPv4 can't."""
    found = [socket.create_server(("", port), backlog=1024)]
    try:
        found.append(socket.create_server(("::", port), family=socket.AF_INET6, backlog=1024))
    except OSError:  # no IPv6 here
        pass
    for each in found:
        each.settimeout(0)
    return found


def listen(ports: Sequence[int]) -> tuple[list[socket.socket], dict[str, Any]]:
    """Listen on ports; return the sockets and what is said of them: `listening`, or `trouble` with one of them."""
    found: list[socket.socket] = []
    for port in ports:
        try:
            found += listeners(port)
        except OSError as error:  # noqa: PERF203 - there are few
            return found, {"port": port, "trouble": str(error)}
    return found, {"listening": list(ports)}


def main() -> None:
    """Read the ports from a line of JSON, say on a line that they are listened on, and carry until the input ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # each connection is an open file
    found, told = listen(json.loads(sys.stdin.buffer.readline())["ports"])
    os.write(1, json.dumps(told).encode() + b"\n")
    if "trouble" in told:
        return
    relay = Relay(Pipes())
    door = Door(relay)
    for each in found:
        door.open(each)
    while not relay.ended:
        relay.step(None)


if __name__ == "__main__":
    main()
