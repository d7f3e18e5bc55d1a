"""How pytest reports a matrix whose cells are subtests."""

import pytest

TEST = """
from pathlib import Path
from pytest_foodtrucks import Matrix, Verdict, VerdictKind, assert_matrix
from pytest_foodtrucks.isolation.tables import Cell

KINDS = {".": VerdictKind.CONNECTED, "X": VerdictKind.DROPPED, "!": VerdictKind.INCONCLUSIVE}
SEEN = {("bridge", "es"): ".", ("bridge", "web"): "X", ("net", "es"): "!", ("net", "web"): "X"}

def cell(sign, source):
    return Cell(sign, source, "its address", Verdict(KINDS[sign], None, 80, 1, "words"), "docker run")

def test_table(subtests):
    cells = {pair: cell(sign, pair[0]) for pair, sign in SEEN.items()}
    assert_matrix(Matrix(("bridge", "net"), ("es", "web"), cells), Path("expected.txt"), subtests)
"""


@pytest.mark.needs("pytest>=9")  # it brought the fixture `subtests`
def test_each_cell_is_named_and_counted(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # else the last lines are cut
    pytester.makepyfile(test_it=TEST)
    pytester.makefile(".txt", expected="        es  web\nbridge  X   X\nnet     .   .\n")
    result = pytester.runpytest_inprocess("-v", "-rA")
    result.stdout.fnmatch_lines_random(
        [
            "test_it.py::test_table SUBPASSED[[]bridge → web]*",
            "SUBFAILED[[]bridge → es] test_it.py::test_table - *IsolationError: bridge → es is connected, and should*",
            "SUBFAILED[[]net → es] test_it.py::test_table - *ProbeError: net → es is inconclusive, and should*",
            "SUBFAILED[[]net → web] test_it.py::test_table - *ReachabilityError: net → web is blocked, and should*",
            "FAILED test_it.py::test_table - contains 3 failed subtests",
            "*= 4 failed, 1 subtests passed in *",
        ]
    )
