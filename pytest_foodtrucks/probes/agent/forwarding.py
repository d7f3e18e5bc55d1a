"""The test's end of a relay: starts it in a container, and connects what it accepts there to ports of this process."""

import errno
import json
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.clock import monotonic
from pytest_foodtrucks.errors import EngineError

from .link import ARGV, NoReply, program_named
from .relay import BYE, READ, WRITE, Connection, Relay

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.execs import ExecStream

LOOPBACK: Final = ("127.0.0.1", "::1")
"""Where the test's ports are; tried in this order."""

_START_SECONDS: Final = 20.0
"""Python takes 0.1 s to start; a busy machine has more to do."""

_END_SECONDS: Final = 2.0
"""In which the last bytes reach the container."""

_LONGEST_LINE: Final = 1 << 16
_MOST_ERRORS: Final = 2000
"""Bytes of its standard error that are kept."""


class Forwarding:
    """Connections that a relay in a container accepts on `ports`, carried to ports of this process' loopback.

    `ports` has for each port there the one here. `refused` is called, in a thread, with the port here, the address of
    who connected and the reason, whenever nothing here takes a connection. No public constructor: `forwarding` yields
    one.
    """

    def __init__(self, stream: "_Frames", ports: Mapping[int, int], refused: Callable[[int, str, str], object]) -> None:
        self.accepted = Counter(dict.fromkeys(ports, 0))  # it gets no new keys while another thread reads it
        self.refused = Counter(dict.fromkeys(ports.values(), 0))
        self.trouble = ""
        """Why it ended before its time, if it did."""
        self._stream = stream
        self._ports = ports
        self._tell_refused = refused
        self._relay = Relay(stream, self._opened)
        self._leaving = False
        self._dialling: set[socket.socket] = set()
        self._wake, self._woken = socket.socketpair()
        self._relay.watch(self._woken.fileno(), READ, self._leave)
        self._process = os.getpid()
        self._thread = Thread(target=self._run, name="foodtrucks-reach-me", daemon=True)

    @property
    def open(self) -> int:
        """How many connections there are at this moment."""
        return len(self._relay.connections)

    def start(self) -> None:
        """Begin to carry."""
        self._thread.start()

    def close(self) -> None:
        """End all connections; what was sent before still arrives. A forked child leaves its parent's alone."""
        if os.getpid() != self._process:
            return
        self._wake.send(b"!")
        self._thread.join()
        for each in (self._wake, self._woken):
            each.close()

    def _leave(self, _: int) -> None:
        self._relay.watch(self._woken.fileno(), 0, self._leave)
        self._leaving = True

    def _run(self) -> None:
        try:
            while not self._leaving:
                self._relay.step(None)
                if self._relay.ended:
                    self.trouble = f"it ended{self._stream.last_words()}"
                    return
            self._say_goodbye()
        except Exception as error:  # noqa: BLE001 - of a thread nobody hears; whoever closes tells it
            self.trouble = f"{type(error).__name__}: {error}"
        finally:
            self._relay.close()
            for each in self._dialling:
                each.close()

    def _say_goodbye(self) -> None:
        """Carry what this process' servers have said, and let the relay end."""
        until = monotonic() + _END_SECONDS
        while self._relay.step(0) and monotonic() < until:
            pass
        self._relay.say(BYE)
        while not self._relay.ended and monotonic() < until:
            self._relay.step(0.05)

    def _opened(self, number: int, words: str) -> None:
        """Connect to the port here that belongs to the one where the relay accepted a connection."""
        there, _, peer = words.partition(" ")
        self.accepted[int(there)] += 1
        dialled = partial(self._dialled, self._relay.expect(number), self._ports[int(there)], peer)
        _Dial(self._relay, self._ports[int(there)], dialled, self._dialling).go_on()

    def _dialled(self, connection: Connection, port: int, peer: str, made: socket.socket | str) -> None:
        if not isinstance(made, str):
            self._relay.adopt(connection, made)
            return
        self.refused[port] += 1
        self._relay.refuse(connection)
        self._tell_refused(port, peer, made)


class _Dial:
    """Connects to a port on loopback without waiting, at one address after the other.

    `dialled` gets the socket, or the reason why there is none; until then it is one of `dialling`.
    """

    def __init__(
        self,
        relay: Relay,
        port: int,
        dialled: Callable[[socket.socket | str], object],
        dialling: set[socket.socket],
    ) -> None:
        self._relay = relay
        self._port = port
        self._dialled = dialled
        self._dialling = dialling
        self._addresses = iter(LOOPBACK)
        self._reason = ""

    def go_on(self) -> None:
        """Try the next address."""
        for address in self._addresses:
            try:
                made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            except Exception as error:  # noqa: BLE001 - no more files, no IPv6, or a test allows no sockets
                self._note(str(error))
                continue
            self._dialling.add(made)
            made.settimeout(0)
            code = made.connect_ex((address, self._port))
            if code in {0, errno.EINPROGRESS}:
                self._relay.watch(made.fileno(), WRITE, lambda _, made=made: self._settled(made))  # type: ignore[misc]
                return
            self._failed(made, code)
        self._dialled(self._reason)

    def _settled(self, made: socket.socket) -> None:
        self._relay.watch(made.fileno(), 0, lambda _: None)
        code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0:
            self._dialling.discard(made)
            self._dialled(made)
        else:
            self._failed(made, code)
            self.go_on()

    def _failed(self, made: socket.socket, code: int) -> None:
        self._dialling.discard(made)
        made.close()
        self._note(os.strerror(code))

    def _note(self, reason: str) -> None:
        """Keep the first reason: where there is no IPv6, that says nothing of the port."""
        self._reason = self._reason if self._reason else reason


class _Frames:
    """A command's input and output as a relay's stream; what it says on standard error is kept."""

    def __init__(self, stream: "ExecStream", beginning: bytes) -> None:
        self.reading = self.writing = stream.fileno()
        self.write = stream.send_now
        self._stream = stream
        self._beginning = beginning
        self._errors = b""

    def read(self) -> bytes | None:
        """Return what is there, without waiting."""
        if self._beginning:
            beginning, self._beginning = self._beginning, b""
            return beginning
        while (came := self._stream.output_now()) is not None:
            output, error = came
            if not error:
                return output
            self._errors = (self._errors + error)[-_MOST_ERRORS:]
        return None

    def last_words(self) -> str:
        """Say what came on standard error, if anything did."""
        words = self._errors.decode(errors="replace").strip()
        return f"; it said {words!r}" if words else ""


@contextmanager
def forwarding(
    start: "Callable[[Sequence[str]], ExecStream]",
    ports: Mapping[int, int],
    refused: Callable[[int, str, str], object],
) -> Iterator[Forwarding]:
    """Carry what connects to ports in a container to ports of this process, for the length of a block.

    `start` runs a command in the container. Raises NoReply where no relay starts there, or can't listen.
    """
    process = os.getpid()
    try:
        stream = start(ARGV)
    except (OSError, EngineError) as error:
        raise NoReply(str(error)) from error
    try:
        found = Forwarding(_Frames(stream, _begun(stream, list(ports))), ports, refused)
        found.start()
        try:
            yield found
        finally:
            found.close()
    finally:
        if os.getpid() == process:
            stream.close()


def _begun(stream: "ExecStream", ports: Sequence[int]) -> bytes:
    """Send a relay its program and its ports, see that it listens, and return what came behind that."""
    heard = b""
    until = monotonic() + _START_SECONDS
    try:
        stream.send(program_named("relay.py") + json.dumps({"ports": ports}).encode() + b"\n")
        while b"\n" not in heard:
            more = stream.receive(max(0.001, until - monotonic()))
            heard += more
            if not more or len(heard) > _LONGEST_LINE:
                raise NoReply(f"no relay starts there; heard {heard[-300:].decode(errors='replace').strip()!r}")
    except OSError as error:  # TimeoutError too
        raise NoReply(f"no relay starts there ({type(error).__name__}: {error})") from error
    line, _, behind = heard.partition(b"\n")
    _read_start(line)
    return behind


def _read_start(line: bytes) -> None:
    try:
        told = json.loads(line)
        listens = "listening" in told
        trouble = "" if listens else f"nothing can listen on port {told['port']} there: {told['trouble']}"
    except (ValueError, KeyError, TypeError) as error:
        raise NoReply(f"no relay starts there; heard {line[-300:].decode(errors='replace').strip()!r}") from error
    if not listens:
        raise NoReply(trouble)
