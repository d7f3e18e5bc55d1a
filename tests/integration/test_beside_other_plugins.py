"""Beside other plugins, each in an environment of its own from the package registry: docs/beside-other-plugins.md."""

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from .conftest import ROOT, watchdogs_end
from .neighbours import CONFTEST, NEIGHBOURS, Neighbour

DOCUMENT = ROOT / "docs/beside-other-plugins.md"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True)
    (made,) = folder.glob("*.whl")
    return made


def environment(folder: Path, *packages: str) -> Path:
    """Make an environment with packages in a folder, and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
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


def write(folder: Path, files: dict[str, str]) -> None:
    """Write a suite's files."""
    folder.mkdir()
    for name, content in files.items():
        chromium = shutil.which("chromium") or ""
        (folder / name).write_text(content.replace("CHROMIUM", chromium), encoding="utf-8")


def outcomes(output: str) -> dict[str, int]:
    """Return how many tests ended how, from pytest's last line or from pytest-sugar's list."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    sugar = {word: int(number) for number, word in re.findall(r"^ +(\d+) (passed|failed)$", plain, re.MULTILINE)}
    return sugar if sugar else pytest.RunResult.parse_summary_nouns(plain.splitlines())


def test_the_document_has_a_row_for_each() -> None:
    rows = re.findall(r"^\| ([^|]+?) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows[2:] == list(NEIGHBOURS)
