"""Each example runs in a copy of its folder, as a downstream repository would have it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT, Downstream
from .test_servers import install_client


@pytest.mark.parametrize(
    ("example", "client", "tests"),
    [("foodtrucks", None, 9), ("own_service", None, 5), ("two_versions", "elasticsearch>=8.19,<9", 5)],
)
def test_an_example_passes(
    downstream: Downstream, tmp_path: Path, example: str, client: str | None, tests: int
) -> None:
    shutil.copytree(ROOT / "examples" / example, downstream.folder, dirs_exist_ok=True)
    environment = {} if client is None else install_client(client, tmp_path / "client")
    downstream.run(env=environment).assert_outcomes(passed=tests)


@pytest.mark.parametrize(
    "arguments",
    [
        ["vendor.github-workflows", "examples/ci/.github/workflows/tests.yml"],
        ["vendor.gitlab-ci", "--data-transform=gitlab-ci", "examples/ci/.gitlab-ci.yml"],
    ],
)
def test_a_workflow_is_valid_against_its_schema(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
