"""A table of who reaches whom: how it is drawn, and compared with what a test draws."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest import TestCase

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
        "  evidence  words\n  again     docker run  # while this session runs, such as at --pdb\nRemedy: "
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
        ("es web\na . X\na . X", "a row or a target stands twice"),
        ("es web es\na X X .", "a row or a target stands twice"),
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


def test_lines_that_begin_with_a_hash_are_comments() -> None:
    assert_matrix(matrix(a=".X"), "# who\n  es web\n  # reaches: whom . X\n  a . X\n#")


# in a file


def test_a_table_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "expected.txt"
    file.write_text("# whose\n         es  web\nenvoyée  .   X\n", encoding="utf-8")
    assert_matrix(matrix(envoyée=".X"), file)
    with pytest.raises(IsolationError, match="1 of 2 cells"):
        assert_matrix(matrix(envoyée=".."), file)


def test_a_byte_order_mark_is_no_part_of_the_table(tmp_path: Path) -> None:
    file = tmp_path / "expected.txt"
    file.write_text("es web\na . X", encoding="utf-8-sig")
    assert_matrix(matrix(a=".X"), file)


def test_a_relative_path_begins_at_the_calling_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DefinitionError) as raised:
        assert_matrix(matrix(a=".X"), Path("tables/no.txt"))
    assert str(Path(__file__).parent / "tables/no.txt") in str(raised.value)


def test_a_table_in_a_file_that_doesnt_fit_is_told_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "expected.txt"
    file.write_text("es web\nb . X")
    with pytest.raises(DefinitionError) as raised:
        assert_matrix(matrix(a=".X"), file)
    assert str(raised.value).startswith(f"The expected table in {file} doesn't fit the matrix (missing: a → es")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, r"can't be read \(No such file or directory\)\. Remedy: give the path of a text file"),
        ("a folder", r"can't be read \(Is a directory\)\. Remedy: give the path of a text file"),
        ("es web\na . X".encode("utf-16"), r"isn't UTF-8 \(invalid start byte at byte 0\)\. Remedy: save it"),
        (b"es web\na\xe9 . X", r"isn't UTF-8 \(invalid continuation byte at byte 8\)\. Remedy: save it"),
    ],
    ids=["missing", "folder", "utf-16", "latin-1"],
)
def test_a_file_that_cant_be_read_is_named(tmp_path: Path, content: bytes | str | None, words: str) -> None:
    file = tmp_path / "expected.txt"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        file.mkdir()
    with pytest.raises(DefinitionError, match=f"The expected table's file {file} {words}"):
        assert_matrix(matrix(a=".X"), file)


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(DefinitionError, match="is no path"):
        assert_matrix(matrix(a=".X"), Path("a\0b"))


# by subtests


class Recorder:
    """The fixture `subtests`, with what became of each."""

    def __init__(self) -> None:
        self.ended: dict[str | None, Exception | None] = {}

    @contextmanager
    def test(self, msg: str | None = None, **_: Any) -> Iterator[None]:
        self.ended[msg] = None
        try:
            yield
        except Exception as error:  # noqa: BLE001 - as pytest does
            self.ended[msg] = error


def test_each_cell_is_a_subtest_that_fails_by_itself() -> None:
    subtests = Recorder()
    assert_matrix(matrix(a=".X", b=".X"), "es web\na X .\nb . X", subtests)
    assert {name: type(error) for name, error in subtests.ended.items()} == {
        "a → es": IsolationError,
        "a → web": ReachabilityError,
        "b → es": type(None),
        "b → web": type(None),
    }


def test_an_inconclusive_cell_fails_its_subtest_whatever_is_expected() -> None:
    subtests = Recorder()
    assert_matrix(matrix(a="!!"), "es web\na X .", subtests)
    assert [type(error) for error in subtests.ended.values()] == [ProbeError, ProbeError]


def test_a_subtest_shows_its_cell_alone() -> None:
    subtests = Recorder()
    assert_matrix(matrix(probe="..", bridge=".X"), "es web\nprobe . .\nbridge X X", subtests)
    assert str(subtests.ended["bridge → es"]) == (
        "bridge → es is connected, and should be blocked:\n  source    bridge\n  way       its address\n"
        "  expected  no way: dropped, unreachable, or unresolved by name\n  seen      . (connected)\n"
        "  evidence  words\n  again     docker run  # while this session runs, such as at --pdb\n"
        "Remedy: look at who is on which network; mend the table where it expects what isn't meant."
    )


def test_a_table_that_doesnt_fit_makes_no_subtests() -> None:
    subtests = Recorder()
    with pytest.raises(DefinitionError, match="missing: a → web"):
        assert_matrix(matrix(a=".X"), "es\na .", subtests)
    assert subtests.ended == {}


@pytest.mark.parametrize("subtests", [False, True, 5, "subtests", Recorder, TestCase(), pytest, {}])
def test_what_is_no_subtests_is_refused(subtests: Any) -> None:
    with pytest.raises(DefinitionError, match=r"subtests=.*Remedy: give the fixture `subtests`"):
        assert_matrix(matrix(a=".X"), "es web\na . X", subtests)


# for documentation

DOCS = (Path(__file__).parents[2] / "docs/network-lab.md").read_text(encoding="utf-8")
NASTY = 'a|b `c` *d* <script>alert(1)</script> &amp; "e" [f](g) _h_ i_j ~k~ $l$\\\nm\x1b'
"""A name or an evidence with what Markdown and HTML obey."""


def evident(evidence: str, name: str = "a") -> Matrix:
    """Return a matrix of one cell with an evidence."""
    verdict = Verdict(VerdictKind.CONNECTED, None, 80, 1, evidence)
    return Matrix((name,), (name,), {(name, name): Cell(".", name, "its address", verdict, "docker run")})


def test_markdown_has_a_row_for_each_source_and_the_legend_below() -> None:
    assert matrix(probe="..", bridge="X!").to_markdown() == (
        "| source | es  | web |\n| ------ | :-: | :-: |\n| probe  | `.` | `.` |\n| bridge | `X` | `!` |\n\n"
        "`.` connected, `X` blocked, `!` inconclusive"
    )


def test_the_documented_markdown_is_the_documented_table() -> None:
    drawn = re.search(r"```\n( +truck .*?)\n\(", DOCS, re.DOTALL)
    assert drawn is not None
    head, *lines = drawn[1].splitlines()
    targets = tuple(head.split())
    rows = {" ".join(words[:-5]): words[-5:] for words in map(str.split, lines)}
    cells = {
        (source, target): Cell(sign, source, "", Verdict(KINDS[sign], None, 80, 1, ""), "")
        for source, signs in rows.items()
        for target, sign in zip(targets, signs, strict=True)
    }
    assert f"\n\n{Matrix(tuple(rows), targets, cells).to_markdown()}\n\n" in DOCS


def test_what_markdown_obeys_is_escaped() -> None:
    _, _, row, *_ = evident("", NASTY).to_markdown().splitlines()
    assert (
        row
        == (
            r"| a\|b \`c\` \*d\* &lt;script&gt;alert(1)&lt;/script&gt; &amp;amp; "
            r'"e" \[f\](g) \_h\_ i_j \~k\~ \$l\$\\ m\\x1b | `.`'
        )
        + " " * (len(row) - row.index("`.`") - 5)
        + " |"
    )


class Reader(HTMLParser):
    """Notes the tags of some HTML, and the texts that are outside of its style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of each element of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]


def test_html_has_headings_signs_words_and_the_evidence() -> None:
    read = Reader(matrix(probe="..", bridge="X!").to_html())
    assert read.open == []
    assert [each["scope"] for each in read.all("th")] == ["col", "col", "col", "row", "row"]
    assert [each["class"] for each in read.all("td")] == ["connected", "connected", "blocked", "inconclusive"]
    assert {each["title"] for each in read.all("td")} == {"words"}
    assert "bridge X blocked ! inconclusive" in " ".join(text.strip() for text in read.texts if text.strip())


def test_html_escapes_names_and_evidence() -> None:
    read = Reader(evident(NASTY, NASTY).to_html())
    shown = NASTY.replace("\n", " ").replace("\x1b", "\\x1b")
    assert read.texts.count(shown) == 2
    assert read.all("td")[0]["title"] == shown
    assert read.all("script") == []


def test_html_needs_nothing_else_and_styles_nothing_else() -> None:
    html = matrix(a=".X").to_html()
    assert not re.search("url\\(|@import|src=|href=|<script", html)
    style = html[html.index("<style>") + 7 : html.index("</style>")]
    selectors = re.findall(r"([^{}]+)\{", re.sub("@media[^{]*", "", style))
    assert {each.split()[0] for each in selectors if each.strip()} == {".foodtrucks-matrix"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_colour_of_a_text_is_readable_on_its_ground(scheme: str) -> None:
    light, dark = matrix(a=".X").to_html().split("@media (prefers-color-scheme: dark)")
    colours = dict(re.findall("--([a-z-]+): #([0-9a-f]{6});", light if scheme == "light" else dark))
    grounds = [name for name in colours if name.endswith("-ground")]
    assert len(grounds) == 5
    for name in grounds:
        one, other = sorted((luminance(colours[name]), luminance(colours[name.removesuffix("-ground")])))
        assert (other + 0.05) / (one + 0.05) >= 7, name


def luminance(colour: str) -> float:
    """Return a colour's relative luminance, as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
