"""Speaks to an agent: starts it in a container, sends questions, and gives each the answer with its id."""

import json
import os
import secrets
from importlib.resources import files
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.clock import monotonic, sleep
from pytest_foodtrucks.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_foodtrucks.engine.execs import ExecStream

VERSION: Final = 1

_LAUNCH: Final = """
import sys
i = sys.stdin.buffer
exec(compile(i.read(int(i.readline())), "agent", "exec"), {"__name__": "__main__"})
"""
"""Reads the program's length, and runs the program; what follows is its input."""

ARGV: Final = ("python3", "-I", "-S", "-u", "-c", _LAUNCH)
"""Isolated, so that nothing in the container's environment or folders is imported in place of the standard library."""

_HELLO_SECONDS: Final = 20.0
"""Python takes 0.1 s to start; a busy machine has more to do."""

_GLANCE: Final = 0.001
"""Seconds in which it shows that an agent has ended before."""

_SLICE: Final = 0.05
"""Seconds for which one thread reads before others may send."""

_LONGEST_LINE: Final = 64 << 20
"""Bytes; an HTTP answer of 40 MB fits."""

_MOST_NOISE: Final = 1 << 20
"""Bytes that are no answer to a question of ours."""

_SHOWN: Final = 300


class NoReply(Exception):
    """A question to an agent has no answer; the message says what there was instead."""


class Link:
    """The way to an agent that runs in a container: started when it is first asked, anew after it hung or died.

    `start` runs a command in the container. Questions of several threads are asked side by side. A forked process has
    an agent of its own.
    """

    def __init__(self, start: "Callable[[Sequence[str]], ExecStream]") -> None:
        self._start = start
        self._of_processes: dict[int, _Current] = {}

    @property
    def _current(self) -> "_Current":
        """This process's own: what a forked one finds is its parent's, and a lock may be held by a thread of that."""
        return self._of_processes.setdefault(os.getpid(), _Current())

    def ask(self, question: str, *, within: float, **values: Any) -> Any:
        """Return the agent's answer; NoReply where none comes `within` so many seconds, or one that is none."""
        return self._ready().ask(question, values, within)

    def _ready(self) -> "_RunningAgent":
        current = self._current
        with current.lock:
            if current.agent is None or not current.agent.runs():
                current.agent = self._started()
            return current.agent

    def _started(self) -> "_RunningAgent":
        try:
            agent = _RunningAgent(self._start(ARGV))
        except (OSError, EngineError) as error:
            raise NoReply(str(error)) from error
        try:
            agent.send(program_named("program.py"))
            agent.ask("hello", {}, _HELLO_SECONDS)
        except NoReply as error:
            agent.end("")
            raise NoReply(
                f"no agent starts there ({error}). Remedy: give --foodtrucks-probe-image an image with Python 3.9 or "
                "later, such as python:3.13-slim"
            ) from error
        return agent

    def close(self) -> None:
        """Hang up; the agent ends then, and another one is started for the next question."""
        current = self._current
        with current.lock:
            if current.agent is not None:
                current.agent.end("it was closed")
                current.agent = None


class _Current:
    """The agent that runs for a process, if one does, and the lock of whoever starts or ends one."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.agent: _RunningAgent | None = None


def program_named(file: str) -> bytes:
    """Return what is sent to `ARGV` on its input, so that it runs a program of this folder."""
    program = files(__package__).joinpath(file).read_bytes()
    return b"%d\n%s" % (len(program), program)


class _RunningAgent:
    """An agent's input and output. Whoever waits for an answer reads, for all who wait."""

    def __init__(self, stream: "ExecStream") -> None:
        self._stream = stream
        self._lock = RLock()
        self._answers: dict[str, Any] = {}
        self._line = bytearray()
        self._noise = bytearray()
        self.ended = ""

    def runs(self) -> bool:
        """Tell whether it can be asked."""
        while not self.ended and self._read(_GLANCE):
            pass  # what it said before it ended
        return not self.ended

    def send(self, data: bytes) -> None:
        """Send to its input; NoReply where it is gone."""
        try:
            with self._lock:
                self._stream.send(data)
        except OSError as error:
            self.end(f"the agent is gone: {error}")
            raise NoReply(self.trouble()) from error

    def ask(self, question: str, values: dict[str, Any], seconds: float) -> Any:
        """Ask, and wait for the answer; NoReply where it ends, is silent for so long, or has none."""
        key, deadline = secrets.token_hex(8), monotonic() + seconds
        self._answers[key] = None
        try:
            self.send(json.dumps({"v": VERSION, "id": key, "ask": question, **values}).encode() + b"\n")
            while self._answers[key] is None:
                if self.ended:
                    raise NoReply(self.trouble())
                if monotonic() >= deadline:
                    self.end(f"the agent is silent: nothing came within {seconds:g} s")
                    raise NoReply(self.trouble())
                self._read(_SLICE)
            return _read_reply(self._answers[key])
        finally:
            del self._answers[key]

    def end(self, why: str) -> None:
        """Hang up, and leave whoever waits without an answer."""
        self.ended = self.ended or why
        with self._lock:  # while another thread reads, its descriptor's number must not become another file's
            self._stream.close()

    def trouble(self) -> str:
        """Say why it ended, with the end of what came and was no answer."""
        noise = (self._noise + self._line).decode(errors="replace").strip()[-300:]
        return f"{self.ended}; heard {noise!r}" if noise else self.ended

    def _read(self, seconds: float) -> bool:
        """Take what comes in so many seconds, and tell whether anything did; end where it is the end, or too much."""
        sleep(0)  # lets another thread have the lock
        with self._lock:
            try:
                more = self._stream.receive(seconds)
            except TimeoutError:
                return False
            except (OSError, ValueError) as error:  # ValueError: its file is closed
                self.end(f"the agent is gone: {error}")
                return False
            self._take(more)
        if not more:
            self.end("the agent ended")
        if len(self._line) > _LONGEST_LINE or len(self._noise) > _MOST_NOISE:
            self._line, self._noise = self._line[-_SHOWN:], self._noise[-_SHOWN:]
            self.end("the agent says too much for an answer")
        return bool(more)

    def _take(self, more: bytes) -> None:
        first, *others = more.split(b"\n")
        self._line += first
        for other in others:
            self._take_line(bytes(self._line))
            self._line = bytearray(other)

    def _take_line(self, line: bytes) -> None:
        """Keep an answer for whoever waits for it; all else is noise."""
        try:
            reply = json.loads(line)
            waited_for = reply["id"] in self._answers
        except (ValueError, KeyError, TypeError, RecursionError):
            waited_for = False
        if waited_for:
            self._answers[reply["id"]] = reply
        else:
            self._noise += line + b"\n"


def _read_reply(reply: Any) -> Any:
    if reply.get("v") != VERSION or "answer" not in reply or "trouble" in reply:
        raise NoReply(f"the agent has no answer: {reply.get('trouble', reply)!r:.300}")
    return reply["answer"]
