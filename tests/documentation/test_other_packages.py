"""What the pages show of other packages is what those packages take: their own pytest plans such tests."""

import subprocess
import sys
from pathlib import Path

import pytest

from pages import ROOT, Block, python_blocks

PACKAGES = ("testcontainers==4.15.*", "pytest-docker==3.2.*", "pytest-docker-tools==3.1.*", "pytest-elasticsearch==6.*")
"""The versions that the pages name."""

BEFORE = [block for block in python_blocks() if block.is_another_packages]


@pytest.fixture(scope="module")
def their_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make an environment with the other packages, and without ours."""
    folder = tmp_path_factory.mktemp("others")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin/python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES, "elasticsearch>=9,<10"], check=True)
    return python


@pytest.mark.slow
@pytest.mark.parametrize("block", BEFORE, ids=lambda block: block.page)
def test_what_stood_there_before_is_right(block: Block, their_python: str, tmp_path: Path) -> None:
    (tmp_path / "test_before.py").write_text(block.text, encoding="utf-8")
    command = [their_python, "-m", "pytest", "--setup-plan", "-p", "no:cacheprovider"]
    planned = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert planned.returncode == 0, planned.stdout
    assert "test_before.py::test_" in planned.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_a_page_names_the_version_and_shows_what_stood_there_before(package: str) -> None:
    name, _, version = package.removesuffix(".*").partition("==")
    (page,) = {
        block.page for block in BEFORE if f"Compared with {name} {version}" in (ROOT / block.page).read_text("utf-8")
    }
    assert page.removesuffix(".md").endswith(name)
