"""What a session pays for the plugin that uses none of its fixtures, against one with `-p no:foodtrucks`.

Run it with the Python of an environment that has the wheel installed: `python benchmarks/unused_session.py`.

It prints the CPU time (user and system) of both kinds of sessions: each kind's median, and of the differences within a
pair the median with the quartiles, in milliseconds and as a share of the session without the plugin. The sessions of a
pair run one after the other, and every second pair begins with the other kind, so that a busy machine slows both down
alike. The first pair isn't counted: it writes the byte code. Where the quartiles lie apart by more than the median
itself, other work on the machine decided it, and the figure says nothing.

With `--instructions` it prints the machine instructions that valgrind counts instead. Other work on the machine doesn't
change them, so one session of each kind is enough to compare two versions of the plugin. They leave out what the kernel
does for a session, and say nothing of time.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

WITH: Sequence[str] = ()
WITHOUT: Sequence[str] = ("-p", "no:foodtrucks")


def run(folder: Path, arguments: Sequence[str], *before: str, errors: int | None = None) -> tuple[str, float]:
    """Run a session in a folder; return what it wrote to a piped standard error, and its CPU seconds."""
    command = [*before, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    environment["PYTHONHASHSEED"] = "0"  # else the instructions differ from run to run
    session = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=errors, text=True
    )
    said = session.stderr.read() if session.stderr is not None else ""
    _, status, usage = os.wait4(session.pid, 0)
    session.returncode = os.waitstatus_to_exitcode(status)
    if session.returncode != 0:
        raise SystemExit(f"{command} ended with {session.returncode}")
    return said, usage.ru_utime + usage.ru_stime


def cpu_milliseconds(folder: Path, arguments: Sequence[str]) -> float:
    """Run a session, and return the CPU time that it used, user and system together."""
    return run(folder, arguments)[1] * 1000


def instructions(folder: Path, arguments: Sequence[str]) -> int:
    """Run a session under valgrind, and return the instructions that it took."""
    counting = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
    said, _ = run(folder, arguments, *counting, errors=subprocess.PIPE)
    found = re.search(r"I\s+refs:\s+([0-9,]+)", said)
    if found is None:
        raise SystemExit(f"valgrind told no number of instructions: {said}")
    return int(found[1].replace(",", ""))


def measure(folder: Path, runs: int) -> list[tuple[float, float]]:
    """Return pairs of CPU milliseconds, with the plugin and without it; the sessions of a pair run in turn."""
    pairs = []
    for number in range(runs + 1):
        kinds = (WITH, WITHOUT) if number % 2 else (WITHOUT, WITH)
        times = {kind: cpu_milliseconds(folder, kind) for kind in kinds}
        pairs.append((times[WITH], times[WITHOUT]))
    return pairs[1:]


def in_time(folder: Path, runs: int) -> str:
    """Return what the CPU times say."""
    pairs = measure(folder, runs)
    with_it, without = (statistics.median(times) for times in zip(*pairs, strict=True))
    low, more, high = statistics.quantiles((with_it - without for with_it, without in pairs), method="inclusive")
    return (
        f"medians of {runs}: {with_it:.0f} ms with the plugin, {without:.0f} ms without; of a pair's difference: "
        f"{more:.1f} ms, {more / without:.1%} (quartiles {low:.1f} and {high:.1f} ms)"
    )


def in_instructions(folder: Path) -> str:
    """Return what the instructions say."""
    for kind in (WITH, WITHOUT):
        run(folder, kind)  # writes the byte code
    with_it, without = (instructions(folder, kind) for kind in (WITH, WITHOUT))
    return (
        f"{with_it / 1e6:.1f} million instructions with the plugin, {without / 1e6:.1f} without: "
        f"{(with_it - without) / 1e6:.1f} more, {(with_it - without) / without:.2%}"
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=60, help="pairs of sessions, 2 or more (default: 60)")
    parser.add_argument("--tests", type=int, default=1, help="tests in each session (default: 1)")
    parser.add_argument("--instructions", action="store_true", help="count instructions; needs valgrind")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tests = "\n".join(f"def test_{number}(): pass" for number in range(options.tests))
        (folder / "test_nothing.py").write_text(tests, encoding="utf-8")
        measured = in_instructions(folder) if options.instructions else in_time(folder, options.runs)
    print(f"{options.tests} tests, {measured}")


if __name__ == "__main__":
    main()
