"""What tells a process from every other one, and whether it lives: asked of real processes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_foodtrucks.sessions import processes
from pytest_foodtrucks.sessions.processes import Life, Process, life, process_of, this_process


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    """Return a process that waits until its standard input ends."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_this_process_lives() -> None:
    assert life(this_process()) is Life.ALIVE


def test_another_process_lives_until_it_ends_also_as_a_zombie(child: "subprocess.Popen[bytes]") -> None:
    process = process_of(child.pid)
    assert life(process) is Life.ALIVE
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is a zombie
    assert life(process) is Life.DEAD
    child.wait()
    assert life(process) is Life.DEAD


def test_a_stopped_process_lives(child: "subprocess.Popen[bytes]") -> None:
    process = process_of(child.pid)
    child.send_signal(19)
    assert life(process) is Life.ALIVE


THREADS = """
import ctypes, sys, threading
waiting = threading.Thread(target=sys.stdin.read)
waiting.start()
print("ready", flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_whose_first_thread_alone_has_ended_lives() -> None:
    command = [sys.executable, "-c", THREADS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        stat = Path(f"/proc/{process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.01)
        assert life(process_of(process.pid)) is Life.ALIVE
        process.kill()


@pytest.mark.parametrize(
    ("about", "seen"),
    [
        ({"start": "1"}, Life.DEAD),
        ({"start": ""}, Life.UNKNOWN),
        ({"boot": "another"}, Life.UNKNOWN),
        ({"boot": ""}, Life.UNKNOWN),
        ({"namespaces": "pid:[1] time:[2]"}, Life.UNKNOWN),
        ({"pid": 0}, Life.UNKNOWN),
        ({"pid": -1}, Life.UNKNOWN),
        ({"pid": 2**22 + 1}, Life.DEAD),
        ({"pid": 2**22 + 1, "start": ""}, Life.DEAD),
        ({"pid": 2**22 + 1, "boot": "another"}, Life.UNKNOWN),
    ],
)
def test_dead_is_what_certainly_is(about: dict[str, str | int], seen: Life) -> None:
    assert life(replace(this_process(), **about)) is seen  # type: ignore[arg-type] # they fit


def test_where_a_process_is_hidden_it_cannot_be_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    process = this_process()
    monkeypatch.setattr(processes, "_here", lambda: (process.boot, process.namespaces))
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    assert life(process) is Life.UNKNOWN
    assert life(replace(process, pid=2**22 + 1)) is Life.DEAD


def test_without_a_table_of_processes_nothing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    process = this_process()
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    assert this_process() == Process("", "", os.getpid(), "")
    assert life(process) is Life.UNKNOWN


def test_the_table_of_another_namespace_is_not_taken_for_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to("1")
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    assert this_process().boot == ""


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ({"-o": "S+   Mon Jan  5 10:00:00 2026"}, Life.ALIVE),
        ({"-o": "S+   Mon Jan  5 11:00:00 2026"}, Life.DEAD),
        ({"-o": "Z    Mon Jan  5 10:00:00 2026"}, Life.DEAD),
        ({"-o": ""}, Life.UNKNOWN),
    ],
)
def test_on_macos_the_systems_own_commands_tell(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], seen: Life
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(processes, "_said", lambda *command: said.get(command[1], "A-BOOT"))
    assert life(Process("A-BOOT", "", os.getpid(), "Mon Jan  5 10:00:00 2026")) is seen


def test_a_command_that_is_not_there_or_fails_says_nothing() -> None:
    assert processes._said("/no/such/command") == ""  # noqa: SLF001 - the way of macOS, which isn't here
    assert processes._said("/bin/false") == ""  # noqa: SLF001 - likewise
    assert processes._said("/bin/echo", "words") == "words"  # noqa: SLF001 - likewise
