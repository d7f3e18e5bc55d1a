"""A command that somebody types into: its terminal's output is in no frames, and both ways are carried to the end."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import BinaryIO

import pytest

from fakes.engine import FakeEngine
from pytest_foodtrucks.commands.typing_into import Typed
from pytest_foodtrucks.engine.execs import ExecStream
from pytest_foodtrucks.engine.terminals import Terminal


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[BinaryIO]:
    """Give the end of a pipe that brings what is typed."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin, os.fdopen(writing, "wb", buffering=0) as keys:
        monkeypatch.setattr("sys.stdin", stdin)
        yield keys


def frame(stream: int, words: bytes) -> bytes:
    """Return output as an engine frames it."""
    return bytes([stream, 0, 0, 0]) + len(words).to_bytes(4, "big") + words


def test_a_terminals_output_comes_as_it_is() -> None:
    ours, theirs = socket.socketpair()
    with theirs, closing(Terminal(ours)) as stream:
        assert stream.output_now() is None
        theirs.sendall(b"\1\0\0\0 no frame\r\n")
        assert stream.output_now() == (b"\1\0\0\0 no frame\r\n", b"")
        theirs.close()
        assert stream.output_now() == (b"", b"")


def test_both_ways_are_carried_until_the_command_has_ended(
    typed: BinaryIO, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    ours, theirs = socket.socketpair()
    with theirs, closing(ExecStream(ours)) as stream:
        typed.write(b"ls\n")
        theirs.sendall(frame(1, b"out") + frame(2, b"error"))
        theirs.shutdown(socket.SHUT_WR)
        Typed(FakeEngine(), "exec", stream).until_its_end()
        said = capfdbinary.readouterr()
        assert (said.out, said.err) == (b"out", b"error")


def test_the_end_of_a_pipe_ends_the_commands_input(typed: BinaryIO) -> None:
    ours, theirs = socket.socketpair()
    with theirs, closing(ExecStream(ours)) as stream:
        typed.write(b"exit\n")
        carried = Typed(FakeEngine(), "exec", stream)
        carried.bring()
        assert theirs.recv(100) == b"exit\n"
        typed.close()
        carried.bring()
        assert theirs.recv(100) == b""
