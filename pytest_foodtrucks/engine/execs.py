"""Commands in containers: run to their end, or kept open with their input."""

import ssl
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from socket import SHUT_WR
from typing import Any, Final, TypedDict, Unpack

from pytest_foodtrucks.clock import monotonic, sleep
from pytest_foodtrucks.errors import EngineError
from pytest_foodtrucks.values import checked, words_of_command

from .asking import EngineClient
from .descriptors import Descriptor, close_quietly

_FRAME_HEAD: Final = 8
_STANDARD_ERROR: Final = 2
"""The first byte of a frame: 1 is standard output."""

_NOT_NOW: Final = (BlockingIOError, TimeoutError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""What the kinds of sockets raise that would have to wait."""

_SEND_SECONDS: Final = 10.0
"""For which the other end may take nothing of what is sent."""

_PIECE: Final = 256 * 1024
"""Bytes of a command's input that are sent at once."""
_GLANCE: Final = 0.01
"""Seconds to wait for output while the other end takes no more input."""
_PAUSE: Final = 0.05
"""Seconds between two looks whether a command has ended that closed its outputs."""


@dataclass(frozen=True)
class ExecResult:
    """How a command in a container ended; `exit_code` is None where the engine lost it."""

    exit_code: int | None
    stdout: str
    stderr: str


class ExecKeywords(TypedDict, total=False):
    """How a command is run; `timeout` is in seconds, `input` is sent to its standard input, which is then closed."""

    env: Mapping[str, str] | None
    user: str | None
    workdir: str | None
    input: bytes | None
    timeout: float | None


class ExecStream:
    """A command in a container that goes on, with its input and its output.

    No public constructor: `Engine.open_exec` gives one. Close it.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._socket = getattr(stream, "_sock", stream)  # a unix or TCP socket comes wrapped in a file, the others bare
        self._response = getattr(stream, "_response", None)  # where docker-py keeps what holds the connection
        self._received = self._came_with_the_head()
        self._descriptor = Descriptor(self._socket.fileno())

    def send(self, data: bytes) -> None:
        """Send to its input; OSError where it is gone."""
        self._refuse_foreign()
        self._socket.settimeout(_SEND_SECONDS)  # not what the last receive had, which may be a millisecond
        self._socket.sendall(data)

    def _refuse_foreign(self) -> None:
        """Raise OSError where other code in this process closed the connection; its number may be another file's."""
        if not self._descriptor.is_ours():
            raise OSError("other code in this process closed the connection to the engine")

    def receive(self, seconds: float) -> bytes:
        """Wait for output, standard output and error together; nothing means that it has ended.

        Raises TimeoutError when nothing came within `seconds`, OSError where the connection broke.
        """
        return self._frame(seconds)[_FRAME_HEAD:]

    def outputs(
        self, seconds: float | None, *, most: int | None = None, sending: bytes | None = None
    ) -> tuple[bytes, bytes]:
        """Wait for its end, or for `most` bytes and a little more, and return standard output and error.

        `sending` is sent to its input meanwhile, which is closed then; a command may end without reading it. Raises
        TimeoutError when it hasn't ended within `seconds`; None waits for as long as it takes.
        """
        until = None if seconds is None else monotonic() + seconds
        feed = None if sending is None else _Feed(self, sending)
        stdout, stderr = bytearray(), bytearray()
        while frame := self._frame_until(until, feed):
            output = stderr if frame[0] == _STANDARD_ERROR else stdout
            output += frame[_FRAME_HEAD:]
            if most is not None and len(stdout) + len(stderr) >= most:
                break
        return bytes(stdout), bytes(stderr)

    def _frame_until(self, until: float | None, feed: "_Feed | None") -> bytes:
        """Wait for the next frame, and send input meanwhile; nothing means that the command has ended.

        Raises TimeoutError when the moment `until` is over. The engine resets the connection of a command that ended
        without reading all of its input.
        """
        if until is not None and monotonic() >= until:
            raise TimeoutError  # also of a command that goes on saying something
        if feed is None:
            return self._frame(_left(until))
        try:
            while feed.send_some():
                try:
                    return self._frame(_left(until, most=_GLANCE))
                except TimeoutError:
                    if until is not None and monotonic() >= until:
                        raise
            return self._frame(_left(until))
        except ConnectionError:
            return b""

    def _frame(self, seconds: float | None) -> bytes:
        """Wait for the next frame; nothing means that the command has ended."""
        self._refuse_foreign()
        self._socket.settimeout(seconds)
        while (frame := self._next_frame()) is None:
            more = self._read()
            if not more:
                return b""
            self._received += more
        return frame

    def _read(self) -> bytes:
        """Return what came; nothing where the engine has hung up, which OpenSSL 3.5 may tell of as a broken pipe."""
        try:
            came: bytes = self._socket.recv(65536)
        except BrokenPipeError:  # it answered the end of a connection whose TLS nobody ended
            return b""
        return came

    # without waiting

    def fileno(self) -> int:
        """Return the descriptor of the connection."""
        return self._descriptor.number

    def send_now(self, data: bytes | memoryview) -> int:
        """Send to its input what goes at once, and return how many bytes that was; OSError where it is gone."""
        self._refuse_foreign()
        self._socket.settimeout(0)
        try:
            sent: int = self._socket.send(bytes(data))  # paramiko takes no view of bytes
        except _NOT_NOW:
            return 0
        return sent

    def end_input(self) -> None:
        """Close its input; OSError where it is gone."""
        self._refuse_foreign()
        self._socket.shutdown(SHUT_WR)

    def output_now(self) -> tuple[bytes, bytes] | None:
        """Return a piece of standard output and of error that came, one of them empty; both are at its end.

        None where nothing is there. A descriptor doesn't tell all that is: ask until there is no more.
        """
        try:
            frame = self._frame(0)
        except _NOT_NOW:
            return None
        output = frame[_FRAME_HEAD:]
        return (b"", output) if frame and frame[0] == _STANDARD_ERROR else (output, b"")

    def _came_with_the_head(self) -> bytes:
        """Return what came together with the head of the engine's answer: it is in a buffer of the answer's file.

        docker-py reads from the socket alone, and so it loses that part.
        """
        if self._response is None:
            return b""
        file = self._response.raw._fp.fp  # noqa: SLF001 - as docker-py does
        if not hasattr(file, "read1"):  # paramiko's, over ssh; nothing but this tells how much it has
            return bytes(file.read(len(file._rbuffer)))  # noqa: SLF001
        self._socket.settimeout(0)
        try:
            buffered: bytes = file.read1(len(file.peek()))
        except OSError:  # nothing there; what is wrong shows when the socket is read
            return b""
        return buffered

    def _next_frame(self) -> bytes | None:
        """Take a frame off what was received, once it is complete; the last 4 bytes of its head are its length."""
        end = _FRAME_HEAD + int.from_bytes(self._received[4:_FRAME_HEAD], "big")
        if len(self._received) < max(end, _FRAME_HEAD + 1):
            return None
        frame, self._received = self._received[:end], self._received[end:]
        return frame

    def close(self) -> None:
        """Close the connection; a shell ends then, after the commands that it was sent."""
        for each in (self._response, self._stream, self._socket):
            if each is not None:
                close_quietly(each)


class _Feed:
    """What is sent to a command's input, which is closed after the last of it."""

    def __init__(self, stream: ExecStream, data: bytes) -> None:
        self._stream = stream
        self._left = memoryview(data)
        self._over = False

    def send_some(self) -> bool:
        """Send as much as the other end takes now; tell whether there is more."""
        if self._over:
            return False
        try:
            while self._left:
                sent = self._stream.send_now(self._left[:_PIECE])
                if sent == 0:
                    return True
                self._left = self._left[sent:]
            self._stream.end_input()
        except OSError:  # the command has ended, and reads no more
            pass
        self._over = True
        return False


def _left(until: float | None, *, most: float | None = None) -> float | None:
    """Return the seconds until a moment, or `most`; above 0, with which a socket wouldn't wait."""
    times = [] if until is None else [until - monotonic()]
    times += [] if most is None else [most]
    return max(0.001, min(times)) if times else None


class ExecRequests(EngineClient):
    """What an engine is asked about commands in containers."""

    def exec(self, container: str, argv: Sequence[str] | str, **how: Unpack[ExecKeywords]) -> ExecResult:
        """Run a command in a container as `exec_bytes` does; bytes that are no UTF-8 are replaced."""
        exit_code, *outputs = self.exec_bytes(container, argv, **how)
        return ExecResult(exit_code, *(output.decode(errors="replace") for output in outputs))

    def exec_bytes(
        self, container: str, argv: Sequence[str] | str, *, most: int | None = None, **how: Unpack[ExecKeywords]
    ) -> tuple[int | None, bytes, bytes]:
        """Run a command in a container and wait for its end; never twice, whatever the engine answers.

        Returns its exit code, standard output and error. After `most` bytes of these it isn't listened to any longer;
        its exit code may be None then. Raises TimeoutError when it hasn't ended within `timeout` seconds; it goes on
        then, for the engine ends none. Raises DefinitionError for what is no command, EngineError where an input can't
        be sent.
        """
        words, data, timeout = list(checked("argv", argv, words_of_command)), how.get("input"), how.get("timeout")
        until = None if timeout is None else monotonic() + timeout
        if data is not None:
            self._refuse_tls()
        with self._asking(f"run {words[0]!r} in the container {container}"):
            exec_id = self._created_exec(container, words, how)
            with closing(ExecStream(self.api.exec_start(exec_id, socket=True))) as stream:
                outputs = stream.outputs(timeout, most=most, sending=data)
            return self._exit_code(exec_id, until, wait=most is None), *outputs

    def _refuse_tls(self) -> None:
        """Raise EngineError where the connection is by TLS, of which Python can't close one direction alone."""
        if str(self.api.base_url).startswith("https:"):
            raise EngineError(
                f"The engine at {self.url} is asked by TLS, where a command's input can't be closed, for which most "
                "commands wait. Remedy: leave input= out and put a file there, or reach the engine by ssh://."
            )

    def _created_exec(self, container: str, words: Sequence[str], how: ExecKeywords) -> str:
        env, user = how.get("env"), how.get("user")
        created: Mapping[str, Any] = self.api.exec_create(
            container,
            list(words),
            stdin=how.get("input") is not None,
            environment=None if env is None else dict(env),
            user="" if user is None else user,
            workdir=how.get("workdir"),
        )
        return str(created["Id"])

    def _exit_code(self, exec_id: str, until: float | None, *, wait: bool) -> int | None:
        """Return a command's exit code, once it has ended: it may have closed its outputs before."""
        while (about := self.api.exec_inspect(exec_id))["ExitCode"] is None and about.get("Running") and wait:
            if until is not None and monotonic() >= until:
                raise TimeoutError
            sleep(_PAUSE)
        code: int | None = about["ExitCode"]
        return code

    def open_exec(self, container: str, argv: Sequence[str]) -> ExecStream:
        """Start a command in a container that reads its input, and return its two ends."""
        with self._asking(f"run {argv[0]!r} in the container {container}"):
            exec_id = self.api.exec_create(container, list(argv), stdin=True, tty=False)["Id"]
            return ExecStream(self.api.exec_start(exec_id, socket=True))
