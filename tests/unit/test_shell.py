"""A kept shell: complete lines are answers, and whatever else comes is none."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.machine import Clock
from fakes.shell import OPEN, FakeStream
from pytest_foodtrucks.engine.execs import ExecResult, ExecStream
from pytest_foodtrucks.errors import EngineError
from pytest_foodtrucks.probes.shell import ARGV, Shell


class Scripted(ExecStream):
    """A stream that says what it was given, and raises what is an error; `{nonce}` stands for the question's own."""

    def __init__(self, *says: str | Exception) -> None:
        self.says = list(says)
        self.nonce = ""
        self.sent = ""
        self.closed = False

    def send(self, data: bytes) -> None:
        self.sent += data.decode()
        self.nonce = self.sent.rsplit("echo ", 1)[-1].split(" ")[0]

    def receive(self, seconds: float) -> bytes:
        del seconds
        say = self.says.pop(0) if self.says else ""
        if isinstance(say, Exception):
            raise say
        return say.replace("{nonce}", self.nonce).encode()

    def close(self) -> None:
        self.closed = True


def shell(*streams: ExecStream) -> Shell:
    """Return a shell that opens one stream after the other."""
    left = iter(streams)
    return Shell(lambda: next(left), clock=Clock())


def words(answered: Shell, *questions: str) -> list[str]:
    """Ask, and return the words of what was answered, and `-` for what wasn't."""
    answers = answered.ask([[question] for question in questions], within=3)
    return [answer.words if answer.status is not None else "-" for answer in answers]


def test_an_answer_has_status_seconds_and_words() -> None:
    line = "{nonce} 0 10.00 12.50 1|nc: timed out\n{nonce} end\n"
    (answer,) = shell(Scripted(line)).ask([["knock"]], within=3)
    assert (answer.status, answer.seconds, answer.words) == (1, 2.5, "nc: timed out")


def test_answers_come_in_any_order_and_in_any_pieces() -> None:
    stream = Scripted("{nonce} 1 1.0 1.0 0|b\n{nonc", "e} 0 1.0", " 1.0 0|a\n{nonce} end\n")
    stream.says[0], stream.says[1] = "{nonce} 1 1.0 1.0 0|b\n", "{nonce} 0 1.0"
    assert words(shell(stream), "a", "b") == ["a", "b"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (["{nonce} 0 1.0 1.0 0|a\n", ""], "the shell ended"),
        (["{nonce} 0 1.0 1.0 0|a\n{nonce} 1 1.0 1.", TimeoutError()], "nothing more came within 3 s"),
        (["{nonce} 0 1.0 1.0 0|a\n", ConnectionResetError("reset")], "reset"),
        (["{nonce} 0 1.0 1.0 0|a\nsh: out of memory\n{nonce} end\n"], "its line is missing; heard 'sh: out of memory'"),
        (["{nonce} 0 1.0 1.0 0|a\nother 1 1.0 1.0 0|b\n{nonce} end\n"], "its line is missing"),
    ],
    ids=["died", "hung", "broke", "no memory", "somebody else's line"],
)
def test_what_has_no_complete_line_has_no_answer_and_the_others_have_theirs(
    said: list[str | Exception], why: str
) -> None:
    answers = shell(Scripted(*said)).ask([["a"], ["b"]], within=3)
    assert [answer.status for answer in answers] == [0, None]
    assert why in answers[1].words


def test_a_shell_that_cant_be_started_has_no_answer() -> None:
    def start() -> ExecStream:
        raise EngineError("the container is paused")

    (answer,) = Shell(start).ask([["a"]], within=3)
    assert (answer.status, "the container is paused" in answer.words) == (None, True)


def test_a_shell_is_kept_and_learns_its_functions_once() -> None:
    stream = Scripted("{nonce} 0 1.0 1.0 0|a\n{nonce} end\n", "pong\n", "{nonce} 0 1.0 1.0 0|b\n{nonce} end\n")
    kept = shell(stream)
    assert words(kept, "a") + words(kept, "b") == ["a", "b"]
    assert stream.sent.count("ask()") == 1
    kept.close()
    kept.close()
    assert stream.closed


@pytest.mark.parametrize("dead", ["", ConnectionResetError("gone"), BrokenPipeError("gone")])
def test_a_shell_that_died_before_it_is_asked_is_opened_anew(dead: str | Exception) -> None:
    first = Scripted("{nonce} 0 1.0 1.0 0|a\n{nonce} end\n", dead)
    kept = shell(first, FakeStream(lambda _: OPEN))
    assert words(kept, "a") + words(kept, "b") == ["a", "open"]
    assert first.closed


def test_a_shell_that_hangs_has_no_answer_and_the_next_question_gets_another() -> None:
    first = Scripted("{nonce} 0 1.0 1.0 0|a\n{nonce} end\n", TimeoutError())
    kept = shell(first, FakeStream(lambda _: OPEN))
    assert words(kept, "a") + words(kept, "b") + words(kept, "c") == ["a", "-", "open"]
    assert first.closed


class Local(ExecStream):
    """A shell of this machine."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            list(ARGV), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"PATH": str(path)}, bufsize=0
        )

    def send(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    def receive(self, seconds: float) -> bytes:
        del seconds
        assert self.process.stdout is not None
        return self.process.stdout.read(65536)

    def close(self) -> None:
        with self.process:
            self.process.kill()


@pytest.fixture
def tools(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder with a real shell and grep, and tools that do what a script says."""

    def make(**scripts: str) -> Path:
        for name in ("sh", "cat", "grep", "sleep"):
            (tmp_path / name).symlink_to(str(shutil.which(name)))
        for name, script in scripts.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / name).chmod(0o755)
        return tmp_path

    return make


@pytest.mark.skipif(not Path("/proc/uptime").exists(), reason="the shell's script runs in Linux containers only")
class TestTheScript:
    """The script itself, in a shell of this machine, with tools that say what a test wants."""

    def ask(self, path: Path, *questions: list[str]) -> list[ExecResult]:
        local = Local(path)
        kept = Shell(lambda: local)
        try:
            return [ExecResult(each.status, each.words, "") for each in kept.ask(questions, within=10)]
        finally:
            kept.close()

    def test_a_tools_lines_come_as_one_with_its_status(self, tools: Callable[..., Path]) -> None:
        said = self.ask(tools(nslookup="echo 'a  *'; echo; printf '%s' 'b\\c' >&2; exit 3"), ["nslookup", "it's"])
        assert said == [ExecResult(3, "a  *|b\\c", "")]

    def test_a_tool_cant_read_what_the_shell_reads(self, tools: Callable[..., Path]) -> None:
        said = self.ask(tools(nslookup="cat"), ["nslookup"], ["nslookup"])
        assert said == [ExecResult(0, "", "")] * 2

    def test_a_connection_is_told_by_what_nc_runs(self, tools: Callable[..., Path]) -> None:
        path = tools(nc='echo "from the target"; shift 4; [ "$1" = -e ] && shift; "$@" >/dev/null')
        assert self.ask(path, ["knock", "10.0.0.1", "80", "3"])[0].stdout == "from the target|open"

    def test_a_missing_tool_has_a_status_and_words_of_its_own(self, tools: Callable[..., Path]) -> None:
        (answer,) = self.ask(tools(), ["knock", "10.0.0.1", "80", "3"])
        assert answer.exit_code == 127
        assert "not found" in answer.stdout

    def test_questions_are_asked_side_by_side(self, tools: Callable[..., Path]) -> None:
        local = Local(tools(nslookup="sleep 1"))
        kept = Shell(lambda: local)
        answers = kept.ask([["nslookup"]] * 8, within=7)
        kept.close()
        assert [answer.status for answer in answers] == [0] * 8

    def test_counters_stand_before_and_after_a_counted_try(self, tools: Callable[..., Path]) -> None:
        (answer,) = self.ask(tools(nc="echo 'nc: refused' >&2; exit 1"), ["recount", "10.0.0.1", "80", "3"])
        before, said, after = answer.stdout.split("|knocked|")
        assert said == "nc: refused"
        for counters in (before, after):
            assert counters.startswith("Icmp: ")
            assert "|Tcp: " in counters

    def test_the_resolvers_files_are_shown(self, tools: Callable[..., Path]) -> None:
        (answer,) = self.ask(tools(), ["settings"])
        assert answer.exit_code == 0
        assert "|=hosts=|" in answer.stdout
