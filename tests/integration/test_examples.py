"""Each example runs in a copy of its folder, as a downstream repository would have it."""

import shutil
from pathlib import Path

import pytest

from .conftest import ROOT, Downstream
from .test_servers import INTRODUCES_ITSELF, SNAPSHOT, install_client

MORE = f"""
import pytest

@pytest.fixture
def es_index():
    return "mine"
{SNAPSHOT}{INTRODUCES_ITSELF}""".replace("es_on_net", "elasticsearch_now")
"""What test_servers.py asks other servers, asked the older one of the example's two."""


@pytest.mark.parametrize(
    ("example", "arguments", "tests"),
    [
        ("foodtrucks", [], 9),
        # test_kept.py runs it twice, the first time from nothing.
        pytest.param("own_service", [], 5, marks=pytest.mark.slow),
        ("everyday", [], 11),
        ("fastapi_app", ["-n2", "--dist=loadfile"], 4),
    ],
)
def test_an_example_passes(downstream: Downstream, example: str, arguments: list[str], tests: int) -> None:
    shutil.copytree(ROOT / "examples" / example, downstream.folder, dirs_exist_ok=True)
    downstream.run(*arguments, timeout=240).assert_outcomes(passed=tests)


@pytest.mark.parametrize("security", ["off", pytest.param("tls", marks=pytest.mark.slow)])
def test_the_example_of_two_versions_passes_with_a_client_of_its_own(
    downstream: Downstream, tmp_path: Path, security: str
) -> None:
    shutil.copytree(ROOT / "examples/two_versions", downstream.folder, dirs_exist_ok=True)
    (downstream.folder / "tests/test_more.py").write_text(MORE, encoding="utf-8")
    environment = install_client("elasticsearch>=8.19,<9", tmp_path / "client")
    downstream.run(f"--foodtrucks-es-security={security}", env=environment).assert_outcomes(passed=7)
