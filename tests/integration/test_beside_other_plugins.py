"""Beside other plugins, each in an environment of its own from the package registry: docs/beside-other-plugins.md."""

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from .conftest import ROOT, install, watchdogs_end
from .neighbours import CONFTEST, NEIGHBOURS, UNUSED, Neighbour

DOCUMENT = ROOT / "docs/beside-other-plugins.md"


def environment(folder: Path, *packages: str) -> Path:
    """Make an environment with packages in a folder, and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin/python"
    install(["--python", str(python)], *packages)
    return python


def run(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a folder's tests in an environment."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV"))}
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env={**variables, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", NEIGHBOURS)
def test_beside(name: str, wheel: Path, tmp_path: Path, nothing_left: None) -> None:
    del nothing_left
    neighbour = NEIGHBOURS[name]
    python = environment(tmp_path / "venv", str(wheel), *neighbour.packages)
    check(python, neighbour, tmp_path)


def check(python: Path, neighbour: Neighbour, folder: Path) -> None:
    """Run another plugin's suite, and see that it ends as it is to end."""
    suite, state = folder / "suite", folder / "state"
    write(suite, {**neighbour.files, "conftest.py": CONFTEST, "test_it.py": neighbour.test})
    ended = run(python, suite, *neighbour.arguments, f"--foodtrucks-state-dir={state}")
    text = f"{ended.stdout}\n{ended.stderr}"
    assert ended.returncode == neighbour.code, text
    assert "INTERNALERROR" not in text
    if neighbour.outcomes:
        assert outcomes(ended.stdout) == neighbour.outcomes, text
    lines = iter(re.sub(r"\x1b\[[0-9;]*m", "", ended.stdout).splitlines())
    for wanted in neighbour.lines:
        assert any(fnmatchcase(line, wanted.replace("[", "[[]")) for line in lines), f"{wanted!r} is missing in\n{text}"
    watchdogs_end(state)


@pytest.fixture(scope="module")
def with_all(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that has all of them."""
    packages = {package for neighbour in NEIGHBOURS.values() for package in neighbour.packages} - {"pytest<9"}
    return environment(tmp_path_factory.mktemp("all") / "venv", str(wheel), *sorted(packages))


HOW = {
    "alone": (),
    "with workers": ("-n", "2", "--dist=loadfile"),
    "with coverage and HTML": ("--cov=app", "--cov-report=term", "--html=report.html", "--self-contained-html"),
    "sockets disabled": ("--disable-socket", "--allow-unix-socket"),
    "pytest-timeout by signal, and reruns": ("--timeout=20", "--timeout-method=signal", "--reruns=1"),
    "without pytest's terminal": ("-p", "no:terminal"),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", HOW)
def test_a_session_with_all_of_them_and_nothing_of_ours_is_as_without_us(
    how: str, with_all: Path, tmp_path: Path
) -> None:
    assert unused(with_all, tmp_path / "with", *HOW[how]) == unused(
        with_all, tmp_path / "without", *HOW[how], "-p", "no:foodtrucks"
    )


def unused(python: Path, suite: Path, *arguments: str) -> tuple[int, list[str], list[str]]:
    """Run a suite that uses all of them and nothing of ours: its code, what it printed, and its report for machines.

    What differs each time is left out: times, addresses in memory, ports, and the suite's folder.
    """
    write(suite, UNUSED)
    sugar = () if "no:terminal" in arguments else ("-p", "no:sugar")
    common = (
        "-p",
        "randomly",
        "-p",
        "no:faulthandler",
        "--doctest-modules",
        "--randomly-seed=7",
        "--junitxml=report.xml",
    )
    ended = run(python, suite, *common, *sugar, *arguments)
    report = re.findall(
        r'<testcase[^>]* name="[^"]*"|<(?:failure|error|skipped)[^>]*>', (suite / "report.xml").read_text()
    )
    assert len(report) > 40
    return ended.returncode, steady(f"{ended.stdout}\n{ended.stderr}", suite), steady("\n".join(report), suite)


def steady(text: str, suite: Path) -> list[str]:
    """Return a text's lines without what differs each time; workers report in any order."""
    plain = re.sub(r"\x1b\[[0-9;]*m|, foodtrucks-[\d.]+", "", text.replace(str(suite), "SUITE"))
    plain = re.sub(r"0x[0-9a-f]+|\d{4,}|\d+\.\d+(?:e-\d+)?s?|gw\d|pytest-\d+|[-=_~]{2,}", "…", plain)
    return sorted(plain.splitlines())


def write(folder: Path, files: dict[str, str]) -> None:
    """Write a suite's files."""
    folder.mkdir()
    for name, content in files.items():
        chromium = shutil.which("chromium") or ""
        (folder / name).write_text(content.replace("CHROMIUM", chromium), encoding="utf-8")


def outcomes(output: str) -> dict[str, int]:
    """Return how many tests ended how, without warnings, from pytest's last line or from pytest-sugar's list."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    sugar = {word: int(number) for number, word in re.findall(r"^ +(\d+) (passed|failed)$", plain, re.MULTILINE)}
    nouns = pytest.RunResult.parse_summary_nouns(plain.splitlines())
    return sugar if sugar else {noun: number for noun, number in nouns.items() if noun != "warnings"}


def test_the_document_has_a_row_for_each() -> None:
    rows = re.findall(r"^\| ([^|]+?) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows[1:] == list(NEIGHBOURS)
