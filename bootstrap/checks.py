"""The checks: lint, types, tests. All parts run, also after one failed, and the end sums up."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .steps import tell

_TAIL = 4096  # bytes, enough for pytest's closing line
ALL: Final = "FOODTRUCKS_TEST_ALL"
"""The variable by which the slow tests run too."""

_NO_TESTS: Final = 5
"""pytest's exit code where it ran none."""

_LANES: Final = 4
"""More than half of the parts' time is waiting, so four lanes keep two processors busy.

A part needs up to 3 GB of memory.
"""

_LONGEST_TEST: Final = 900.0
"""Seconds after which a test is taken for one that hangs. The longest one of an ordinary run took 108 s."""

Part = tuple[str, Sequence[str]]
"""A name, and a Python module with its arguments."""

_BESIDE_THE_QUICK: Final = 2
"""So many parts that wait begin beside those that compute."""

_TYPE_CHECKERS: Final[Sequence[Part]] = (("types", ("mypy",)), ("users' types", ("basedpyright",)))
"""mypy looks at all, basedpyright at what users of ours write."""

_DEPENDENCIES: Final = re.compile(r"\b(docker|elasticsearch|tenacity|filelock|httpx2|rich)\b")
_WITH_OLDEST: Final = tuple(
    f"tests/plugin/test_{stem}.py"
    for stem in ("light_sessions", "marker", "no_engine", "options", "sessions", "subtests")
)
"""Files of whole sessions in which pytest does the most: it collects, orders, reports, reads options."""
_THE_SAME_WITH_ALL: Final = frozenset({"test_arrows", "test_nonsense"})
"""Files that name a dependency and use none: one reads our sources, one gives the checks of keywords random values."""
_WITHOUT_ENGINE: Final = (
    *("tests/unit", "tests/plugin", "tests/app", "tests/bootstrap", "tests/soak"),
    "tests/documentation",
)
_SPHINX: Final = ("sphinx", "--fail-on-warning", "--keep-going", "--quiet", "--builder")
_PAGES: Final = ("docs", "docs/_build/html")
_LINKS: Final = ("docs", "docs/_build/links")
_ON_ONE_STACK: Final = ("test_chapter", "test_leftovers", "test_page", "test_snapshots", "test_stack", "test_es_faults")
"""Files whose tests use the ready-made Elasticsearch and app, and leave them as they were: one session starts them."""
_WITH_AN_INTERNET: Final = ("test_egress", "test_internet")
"""Files whose tests make an internet: there is one at a time on a machine."""
_ASKING: Final = ("test_mutations", "test_under_attack", "test_truth", "test_network_lab")
"""Files whose tests ask who reaches whom, and wait for it. They come first, beside parts that create no network: older
engines open all networks for a moment whenever one is created, and what got through then is asked again."""
_LONGEST_FIRST: Final = (
    *("test_kept", "test_faults", "test_secured", "test_xdist", "test_registry", "test_examples", "test_documentation"),
    *("test_servers", "test_plugins", "test_own_stack", "test_engine_trouble", "test_what_goes_wrong", "test_build"),
    *("test_ways_out", "test_installed"),
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
    """Run ruff and both type checkers."""
    return [*_style(root), *side_by_side(_TYPE_CHECKERS, folder=root, environ={})]


def docs(root: Path, *, links: bool = False) -> list[Outcome]:
    """Build the documentation; a warning is an error. `links` asks the addresses that it names as well."""
    pages = run("documentation", *_SPHINX, "html", *_PAGES, folder=root)
    return [pages, run("links", *_SPHINX, "linkcheck", *_LINKS, folder=root)] if links else [pages]


def _style(root: Path) -> list[Outcome]:
    return [run("lint", "ruff", "check", folder=root), run("format", "ruff", "format", "--check", folder=root)]


def lint_and_tests(root: Path, environ: Mapping[str, str], *, coverage: bool) -> list[Outcome]:
    """Run ruff, both type checkers and all tests; with `coverage`, report what of the package the tests ran."""
    environ = {**environ, **_cached_byte_code(root)}
    outcomes = _style(root)
    if coverage:
        run("coverage", "coverage", "erase", folder=root)
    outcomes += side_by_side(parts(root, coverage=coverage), folder=root, environ=environ)
    if coverage:
        run("coverage", "coverage", "combine", "--quiet", folder=root)
        outcomes.append(run("coverage", "coverage", "report", folder=root))
    return outcomes


def parts(root: Path, *, coverage: bool = False) -> list[Part]:
    """Return the type checkers and the parts of all tests, those that take longest first.

    So the lanes end at about the same time. tox runs again what differs most with the oldest dependencies, which lack
    xdist too; `./run tox` runs all so. With `coverage` the tests are measured, which takes a Python before 3.14 more
    than half as much time again.
    """
    measured = ("coverage", "run", "-m") if coverage else ()
    pytest = (*measured, "pytest", *ending_hung_tests(_LONGEST_TEST))
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    oldest = ("tox", "run", "-e", f"{python}-oldest", "--", *_WITH_OLDEST, *_of_dependencies(root))
    integration = [
        (" and ".join(stems), (*pytest, *(f"tests/integration/{stem}.py" for stem in stems), "--durations=3"))
        for stems in _integration(root)
    ]
    return [
        *integration[:_BESIDE_THE_QUICK],
        ("unit and plugin tests", (*pytest, *_WITHOUT_ENGINE)),
        *_TYPE_CHECKERS,
        ("documentation", (*_SPHINX, "html", *_PAGES)),
        (f"tox {python}-oldest", oldest),
        *integration[_BESIDE_THE_QUICK:],
    ]


def ending_hung_tests(seconds: float) -> tuple[str, ...]:
    """Return pytest's options by which a test that hangs ends its part and shows where, not the whole run.

    pytest ends itself at once then: what its fixtures hold is removed by the sessions' watchdogs.
    """
    return ("-o", f"faulthandler_timeout={seconds:g}", "-o", "faulthandler_exit_on_timeout=true")


def _of_dependencies(root: Path) -> list[str]:
    """Return the files of unit tests that name one of the package's dependencies, and whose tests may depend on it."""
    files = sorted(file for file in (root / "tests/unit").glob("test_*.py") if file.stem not in _THE_SAME_WITH_ALL)
    named = [file for file in files if _DEPENDENCIES.search(file.read_text(encoding="utf-8"))]
    return [str(file.relative_to(root)) for file in named]


def _integration(root: Path) -> list[tuple[str, ...]]:
    """Return the files of integration tests that run together: first those that ask, then the longest."""
    files = sorted((root / "tests/integration").glob("test_*.py"), key=lambda file: file.stat().st_size, reverse=True)
    named = {*_ASKING, *_LONGEST_FIRST, *_ON_ONE_STACK, *_WITH_AN_INTERNET}
    others = [file.stem for file in files if file.stem not in named]
    longest, *rest = _LONGEST_FIRST
    return [
        _WITH_AN_INTERNET,
        *((stem,) for stem in (*_ASKING, longest)),
        _ON_ONE_STACK,
        *((each,) for each in (*rest, *others)),
    ]


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
    closing = _closing(text)
    return Outcome(name, ended.returncode == 0 or _has_slow_tests_alone(ended.returncode, closing, environ), closing)


def _has_slow_tests_alone(code: int, closing: str, environ: Mapping[str, str]) -> bool:
    """Tell whether a part ended without a test because all of its tests are slow, and those weren't asked for."""
    return code == _NO_TESTS and "deselected" in closing and not environ.get(ALL, os.environ.get(ALL))


def _cached_byte_code(root: Path) -> dict[str, str]:
    """Let the hundreds of sessions that tests start share their byte code, without writing it into the checkout.

    What is imported is compiled then; pip would compile all that it installs.
    """
    folder = str(root / ".venv/byte-code")
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder, "PIP_NO_COMPILE": "1"}


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
