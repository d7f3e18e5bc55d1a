"""A table of who reaches whom: how it is drawn, and compared with what a test draws."""

from typing import Any

import pytest

from pytest_foodtrucks import (
    DefinitionError,
    IsolationError,
    Matrix,
    ProbeError,
    ReachabilityError,
    assert_matrix,
)
from pytest_foodtrucks.isolation.tables import Cell
from pytest_foodtrucks.probes.verdicts import Verdict, VerdictKind

KINDS = {".": VerdictKind.CONNECTED, "X": VerdictKind.DROPPED, "!": VerdictKind.INCONCLUSIVE}


def matrix(**rows: str) -> Matrix:
    """Return a matrix with targets `es` and `web` from rows of signs."""
    cells = {
        (source, target): Cell(sign, source, "its address", Verdict(KINDS[sign], None, 80, 1, "words"), "docker run")
        for source, signs in rows.items()
        for target, sign in zip(("es", "web"), signs, strict=True)
    }
    return Matrix(tuple(rows), ("es", "web"), cells)


def test_it_is_drawn_with_signs_below_the_targets() -> None:
    assert str(matrix(probe="..", bridge="X!")) == (
        "        es  web\nprobe   .   .\nbridge  X   !\n(. connected, X blocked, ! inconclusive)"
    )


def test_a_table_that_agrees_is_green_whatever_its_order_and_spaces() -> None:
    assert_matrix(matrix(probe="..", bridge="X."), "\n\n  web es \n bridge . X\n\n probe    .    .\n")


def test_a_source_may_have_a_name_of_several_words() -> None:
    assert_matrix(matrix(**{"the default bridge": "X."}), "es web\nthe default bridge X .")


@pytest.mark.parametrize(
    ("seen", "error"),
    [
        (matrix(a=".X"), None),
        (matrix(a=".."), IsolationError),
        (matrix(a="XX"), ReachabilityError),
        (matrix(a="!X"), ProbeError),
        (matrix(a="X!"), ReachabilityError),
        (matrix(a="!."), IsolationError),
    ],
    ids=lambda value: str(value.signs if isinstance(value, Matrix) else value),
)
def test_what_differs_is_an_error_of_its_kind(seen: Matrix, error: type[Exception] | None) -> None:
    expected = "es web\na . X"
    if error is None:
        assert_matrix(seen, expected)
        return
    with pytest.raises(error) as raised:
        assert_matrix(seen, expected)
    assert type(raised.value) is error


def test_the_message_has_expected_seen_and_differences() -> None:
    with pytest.raises(IsolationError) as raised:
        assert_matrix(matrix(probe="..", bridge=".X"), "es web\nprobe . .\nbridge X X")
    assert str(raised.value).startswith(
        "1 of 4 cells of the matrix aren't as expected (. connected, X blocked, ! inconclusive):\n\n"
        "expected  es  web\nprobe     .   .\nbridge    X   X\n\n"
        "seen    es  web\nprobe   .   .\nbridge  .   X\n\n"
        "differences  es  web\nprobe        -   -\nbridge       .   -\n\n"
        "bridge → es:\n  source    bridge\n  way       its address\n"
        "  expected  no way: dropped, unreachable, or unresolved by name\n  seen      . (connected)\n"
        "  evidence  words\n  again     docker run\nRemedy: "
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "missing: a → es, a → web"),
        ("es web", "missing: a → es, a → web"),
        ("es\na .", "missing: a → web"),
        ("es web more\na . X X", "unknown: a → more"),
        ("es web\na . X\nb . X", "unknown: b → es, b → web"),
        ("es web\na . !", "signs other than . and X: !"),
        ("es web\na . X\na . X", "a row stands twice"),
        ("es web\na .", "missing: a → es, a → web"),
    ],
)
def test_a_table_that_doesnt_fit_is_refused_with_one_that_does(table: str, words: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        assert_matrix(matrix(a=".X"), table)
    assert words in str(raised.value)
    assert str(raised.value).endswith("one that was seen:\n   es  web\na  .   X")


@pytest.mark.parametrize(("seen", "expected"), [(None, "es web"), ("a .", "a ."), (matrix(a=".X"), None)])
def test_a_matrix_is_compared_with_a_text(seen: Any, expected: Any) -> None:
    with pytest.raises(DefinitionError, match="Remedy: give what `reachability` returned, and the table as a text"):
        assert_matrix(seen, expected)
