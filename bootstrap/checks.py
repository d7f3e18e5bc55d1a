"""The checks: lint, types, tests. All parts run, also after one failed, and the end sums up."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from .steps import tell

_TAIL = 4096  # bytes, enough for pytest's closing line
_LANES: Final = 3
"""Half of the parts' time is waiting, so three lanes keep two processors busy. A part needs up to 3 GB of memory."""

Part = tuple[str, Sequence[str]]
"""A name, and a Python module with its arguments."""

_DEPENDENCIES: Final = re.compile(r"\b(docker|elasticsearch|tenacity|filelock|httpx2|rich)\b")
_WITH_OLDEST: Final = tuple(
    f"tests/plugin/test_{stem}.py"
    for stem in ("factories", "light_sessions", "marker", "no_engine", "options", "sessions", "subtests")
)
"""Files of whole sessions in which pytest does the most: it collects, orders, reports, reads options."""
_WITHOUT_ENGINE: Final = (
    *("tests/unit", "tests/plugin", "tests/app", "tests/bootstrap", "tests/soak"),
    "tests/documentation",
)
_SPHINX: Final = ("sphinx", "--fail-on-warning", "--keep-going", "--quiet", "--builder")
_PAGES: Final = ("docs", "docs/_build/html")
_LINKS: Final = ("docs", "docs/_build/links")
_ON_ONE_STACK: Final = ("test_chapter", "test_page", "test_stack")
"""Files whose tests use the ready-made Elasticsearch and app, and leave them as they were: one session starts them."""
_WITH_AN_INTERNET: Final = ("test_egress", "test_internet")
"""Files whose tests make an internet: there is one at a time on a machine."""
_LONGEST_FIRST: Final = (
    *("test_kept", "test_faults", "test_mutations", "test_xdist", "test_servers", "test_ways_out", "test_examples"),
    *(
        "test_documentation",
        "test_own_stack",
        "test_network_lab",
        "test_build",
        "test_what_goes_wrong",
        "test_installed",
    ),
)
"""Files that took more than a minute. The other ones fill the lanes up at the end."""


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
    return Outcome(name, process.returncode == 0, _closing(tail.decode(errors="replace")))


def lint(root: Path) -> list[Outcome]:
    """Run ruff, then both type checkers: mypy on all, basedpyright on what users of ours write."""
    checkers: list[Part] = [("types", ("mypy",)), ("users' types", ("basedpyright",))]
    return [
        run("lint", "ruff", "check", folder=root),
        run("format", "ruff", "format", "--check", folder=root),
        *side_by_side(checkers, folder=root, environ={}),
    ]


def docs(root: Path, *, links: bool = False) -> list[Outcome]:
    """Build the documentation; a warning is an error. `links` asks the addresses that it names as well."""
    pages = run("documentation", *_SPHINX, "html", *_PAGES, folder=root)
    return [pages, run("links", *_SPHINX, "linkcheck", *_LINKS, folder=root)] if links else [pages]


def tests(root: Path, environ: Mapping[str, str]) -> list[Outcome]:
    """Run all tests, and report what of the package they ran."""
    run("coverage", "coverage", "erase", folder=root)
    outcomes = side_by_side(parts(root), folder=root, environ={**environ, **_cached_byte_code(root)})
    run("coverage", "coverage", "combine", "--quiet", folder=root)
    return [*outcomes, run("coverage", "coverage", "report", folder=root)]


def parts(root: Path) -> list[Part]:
    """Return the parts of all tests, those that take longest first, so that the lanes end at about the same time.

    tox runs again what differs most with the oldest dependencies, which lack xdist too; `./run tox` runs all so.
    """
    pytest = ("coverage", "run", "-m", "pytest")
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    first, *others = (
        (" and ".join(stems), (*pytest, *(f"tests/integration/{stem}.py" for stem in stems), "--durations=3"))
        for stems in _integration(root)
    )
    return [
        ("unit and plugin tests", (*pytest, *_WITHOUT_ENGINE)),
        first,
        ("documentation", (*_SPHINX, "html", *_PAGES)),
        (
            f"tox {python}-oldest",
            ("tox", "run", "-e", f"{python}-oldest", "--", *_WITH_OLDEST, *_of_dependencies(root)),
        ),
        *others,
    ]


def _of_dependencies(root: Path) -> list[str]:
    """Return the files of unit tests that name one of the package's dependencies."""
    files = sorted((root / "tests/unit").glob("test_*.py"))
    named = [file for file in files if _DEPENDENCIES.search(file.read_text(encoding="utf-8"))]
    return [str(file.relative_to(root)) for file in named]


def _integration(root: Path) -> list[tuple[str, ...]]:
    """Return the files of integration tests that run together, the longest first."""
    files = sorted((root / "tests/integration").glob("test_*.py"), key=lambda file: file.stat().st_size, reverse=True)
    together = (_ON_ONE_STACK, _WITH_AN_INTERNET)
    others = [file.stem for file in files if file.stem not in {*_LONGEST_FIRST, *chain(*together)}]
    return [(_LONGEST_FIRST[0],), *together, *((stem,) for stem in (*_LONGEST_FIRST[1:], *others))]


def side_by_side(parts: Sequence[Part], *, folder: Path, environ: Mapping[str, str]) -> list[Outcome]:
    """Run parts in lanes, because half of their time is waiting; show the output of each when it ends."""
    with ThreadPoolExecutor(_LANES) as lanes:
        running = [lanes.submit(_quietly, name, argv, folder, environ) for name, argv in parts]
        try:
            return [each.result() for each in running]
        except BaseException:  # Ctrl-C has ended those that run; no other one begins
            lanes.shutdown(wait=False, cancel_futures=True)
            raise


def _quietly(name: str, argv: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Outcome:
    tell(f"[{name}] {' '.join(argv)} ...")
    ended = subprocess.run(
        [sys.executable, "-m", *argv],
        cwd=folder,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    text = ended.stdout.decode(errors="replace")
    tell(f"[{name}] {' '.join(argv)}\n{text}")
    return Outcome(name, ended.returncode == 0, _closing(text))


def _cached_byte_code(root: Path) -> dict[str, str]:
    """Let the hundreds of sessions that tests start share their byte code, without writing it into the checkout."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(root / ".venv/byte-code")}


def _closing(text: str) -> str:
    return next((line.strip() for line in reversed(text.split("\n")) if line.strip()), "")


def summed_up(outcomes: Sequence[Outcome], began: float) -> int:
    """Tell how each part ended; return the exit code of all. `began` is a monotonic time in seconds."""
    tell("")
    for outcome in outcomes:
        tell(f"[{outcome.name}] {'ok' if outcome.ok else 'FAILED'}: {outcome.closing}")
    failed = sum(not outcome.ok for outcome in outcomes)
    tell(f"{len(outcomes)} parts, {failed} failed, in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0
