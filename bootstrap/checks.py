"""The checks: lint, types, tests. All parts run, also after one failed, and the end sums up."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .steps import tell

_TAIL = 4096  # bytes, enough for pytest's closing line


@dataclass(frozen=True)
class Outcome:
    """How a part ended; `closing` is the last line of its output."""

    name: str
    ok: bool
    closing: str


def run(name: str, *argv: str, folder: Path, environ: Mapping[str, str] | None = None) -> Outcome:
    """Run a Python module, pass its output through as it comes, and keep its last line."""
    tell(f"[{name}] {' '.join(argv)}")
    process = subprocess.Popen(
        [sys.executable, "-m", *argv],
        cwd=folder,
        env=None if environ is None else {**os.environ, **environ},
        stdout=subprocess.PIPE,
    )
    tail = b""
    with process:
        assert process.stdout is not None  # noqa: S101 - for mypy: a pipe was asked for
        while chunk := os.read(process.stdout.fileno(), _TAIL):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            tail = (tail + chunk)[-_TAIL:]
    lines = tail.decode(errors="replace").split("\n")
    closing = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return Outcome(name, process.returncode == 0, closing)


def lint(root: Path) -> list[Outcome]:
    """Run ruff and mypy."""
    return [
        run("lint", "ruff", "check", folder=root),
        run("format", "ruff", "format", "--check", folder=root),
        run("types", "mypy", folder=root),
    ]


def tests(root: Path, environ: Mapping[str, str]) -> list[Outcome]:
    """Run all tests under coverage, the quick ones first, and report the coverage of them together."""
    pytest = ("coverage", "run", "-m", "pytest")
    run("coverage", "coverage", "erase", folder=root)
    outcomes = [
        run(
            "unit and plugin tests",
            *pytest,
            "tests/unit",
            "tests/plugin",
            "tests/app",
            "tests/bootstrap",
            "tests/soak",
            folder=root,
            environ=environ,
        ),
        run("integration tests", *pytest, "tests/integration", "--durations=12", folder=root, environ=environ),
    ]
    run("coverage", "coverage", "combine", "--quiet", folder=root)
    return [*outcomes, run("coverage", "coverage", "report", folder=root)]


def summed_up(outcomes: Sequence[Outcome], began: float) -> int:
    """Tell how each part ended; return the exit code of all. `began` is a monotonic time in seconds."""
    tell("")
    for outcome in outcomes:
        tell(f"[{outcome.name}] {'ok' if outcome.ok else 'FAILED'}: {outcome.closing}")
    failed = sum(not outcome.ok for outcome in outcomes)
    tell(f"{len(outcomes)} parts, {failed} failed, in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0
