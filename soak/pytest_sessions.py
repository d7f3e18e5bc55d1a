"""Sessions of somebody's own: a suite written to a folder, and a pytest that runs it with its own state folder."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_foodtrucks.sessions.state_key import identity

from . import proc


@dataclass(frozen=True)
class Suite:
    """A suite in a folder; `state` is the state folder of its sessions."""

    folder: Path
    state: Path

    @classmethod
    def write(cls, folder: Path, *, state: Path | None = None, **files: str) -> "Suite":
        """Write Python files into a new folder: `conftest="…"` becomes conftest.py."""
        folder.mkdir(parents=True)
        (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
        for name, content in files.items():
            (folder / f"{name}.py").write_text(content, encoding="utf-8")
        return cls(folder, state if state is not None else folder / "state")

    @contextmanager
    def started(self, *options: str) -> Iterator["Session"]:
        """Start a session, in a process group of its own, and go on; at the end of the block none of it runs."""
        log = self.folder / f"log-{time.time_ns()}.txt"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += [f"--foodtrucks-state-dir={self.state}", *options]
        wide = {**os.environ, "COLUMNS": "1000"}  # the summary cuts what is wider
        with (
            log.open("wb") as stream,
            subprocess.Popen(
                command,
                cwd=self.folder,
                env=wide,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            ) as process,
        ):
            try:
                yield Session(process, log)
            finally:
                for pid in proc.of_group(process.pid):
                    with suppress(ProcessLookupError):  # ended meanwhile
                        proc.kill(pid)

    def run(self, *options: str, timeout: float = 300) -> "Ended":
        """Run a session to its end; `timeout` is in seconds."""
        began = time.monotonic()
        with self.started(*options) as session:
            code = session.process.wait(timeout=timeout)
        return Ended(code, time.monotonic() - began, session.output)

    def identity(self) -> str | None:
        """Return the identity of its state folder; None as long as it has none."""
        return identity(self.state) if (self.state / "key").exists() else None

    def notes(self) -> list[dict[str, Any]]:
        """Return what its tests wrote into notes.jsonl."""
        file = self.folder / "notes.jsonl"
        return list(map(json.loads, file.read_text(encoding="utf-8").splitlines())) if file.exists() else []

    def files(self) -> list[str]:
        """Return the paths of all files in its state folder, but the folder's own key."""
        return sorted(
            str(path.relative_to(self.state)) for path in self.state.rglob("*") if path.is_file() and path.name != "key"
        )


@dataclass(frozen=True)
class Session:
    """A session that was started; its process leads its process group."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def output(self) -> str:
        """What it printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


@dataclass(frozen=True)
class Ended:
    """How a session ended by itself, and after how many seconds."""

    code: int
    seconds: float
    output: str

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of what it printed."""
        return "\n".join(line.strip("=- ") for line in self.output.splitlines()[-lines:])


def hear_signals() -> None:
    """Hear again what a shell's `&` or nohup had ignored: the sessions that are started inherit that."""
    default: tuple[tuple[signal.Signals, object], ...] = (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
        (signal.SIGTERM, signal.SIG_DFL),
    )
    for number, handler in default:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)  # type: ignore[arg-type] # one of typeshed's handlers each
