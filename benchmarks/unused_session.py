"""What a session pays for the plugin that uses none of its fixtures: CPU time, with the plugin and without it.

Run it with the Python of an environment that has the wheel installed: `python benchmarks/unused_session.py`.
Both kinds of sessions run in turn, so that a busy machine slows both down alike. The first pair isn't counted: it
writes the byte code.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

WITH: Sequence[str] = ()
WITHOUT: Sequence[str] = ("-p", "no:foodtrucks")


def cpu_seconds(folder: Path, arguments: Sequence[str]) -> float:
    """Run a session in a folder, and return the CPU time that it used, user and system together."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    session = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(session.pid, 0)
    session.returncode = os.waitstatus_to_exitcode(status)
    if session.returncode != 0:
        raise SystemExit(f"{command} ended with {session.returncode}")
    return usage.ru_utime + usage.ru_stime


def measure(folder: Path, runs: int) -> list[tuple[float, float]]:
    """Return pairs of CPU seconds: of a session with the plugin, and of one without it right after."""
    return [(cpu_seconds(folder, WITH), cpu_seconds(folder, WITHOUT)) for _ in range(runs + 1)][1:]


def main() -> None:
    """Measure, and print the medians in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30, help="sessions of each kind (default: 30)")
    parser.add_argument("--tests", type=int, default=1, help="tests in each session (default: 1)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        tests = "\n".join(f"def test_{number}(): pass" for number in range(options.tests))
        Path(name, "test_nothing.py").write_text(tests, encoding="utf-8")
        pairs = measure(Path(name), options.runs)
    with_it, without = (statistics.median(times) * 1000 for times in zip(*pairs, strict=True))
    more = statistics.median(with_it - without for with_it, without in pairs) * 1000
    print(
        f"{options.tests} tests, medians of {options.runs}: {with_it:.0f} ms with the plugin, {without:.0f} ms "
        f"without; of a pair's difference: {more:.1f} ms, {more / without:.1%}"
    )


if __name__ == "__main__":
    main()
