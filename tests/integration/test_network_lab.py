"""The network lab: each claim of the chapter holds, and the documented matrix is what the lab prints."""

import re
import shutil

from .conftest import ROOT, Downstream

DOCS = (ROOT / "docs/network-lab.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    """Return the code blocks of a kind."""
    found: list[str] = re.findall(rf"```{kind}\n(.*?)```", DOCS, re.DOTALL)
    return found


def test_the_lab_passes_and_the_documented_matrix_is_what_it_prints(downstream: Downstream) -> None:
    (documented,) = [block for block in blocks("") if "blocked" in block]
    shutil.copytree(ROOT / "examples/network_lab", downstream.folder, dirs_exist_ok=True)
    result = downstream.run("-s", timeout=240)
    result.assert_outcomes(passed=13)
    assert f"\n{documented}" in result.stdout.str()


def test_the_documented_test_of_a_matrix_passes(downstream: Downstream) -> None:
    (test,) = blocks("python")
    downstream.write(test_it=f"from pytest_foodtrucks import assert_matrix, reachability\n\n{test}")
    downstream.run().assert_outcomes(passed=1)
