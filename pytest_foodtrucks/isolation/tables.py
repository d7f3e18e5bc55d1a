"""A table of who reaches whom: its cells, how it is drawn, and how it is checked against one that a test draws."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MethodType
from typing import Any, Final, Protocol

from pytest_foodtrucks.callers import calling_place
from pytest_foodtrucks.errors import DefinitionError, FoodtrucksError, IsolationError, ProbeError, ReachabilityError
from pytest_foodtrucks.probes.verdicts import Verdict
from pytest_foodtrucks.values import checked, path, shown

from .documents import Entry, as_html, as_markdown
from .messages import Finding, block

CONNECTED: Final = "."
BLOCKED: Final = "X"
INCONCLUSIVE: Final = "!"
SAME: Final = "-"

WORDS: Final = {CONNECTED: "connected", BLOCKED: "blocked", INCONCLUSIVE: "inconclusive"}
LEGEND: Final = ", ".join(f"{sign} {word}" for sign, word in WORDS.items())

Pair = tuple[str, str]
"""A source and a target."""


@dataclass(frozen=True)
class Cell:
    """What became of one source and one target: the sign, the way that decided, its verdict, and how to ask again."""

    sign: str
    source: str
    way: str
    verdict: Verdict
    command: str

    @property
    def entry(self) -> Entry:
        """What a document shows of it."""
        return Entry(self.sign, WORDS[self.sign], self.verdict.evidence)


@dataclass(frozen=True)
class Matrix:
    """Who reaches whom. No public constructor: `reachability` makes one.

    `matrix["web", "es"]` is a `Verdict`; `str(matrix)` is the table.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]

    def __getitem__(self, pair: tuple[str, str]) -> Verdict:
        return self.cells[pair].verdict

    def __str__(self) -> str:
        return "\n".join([*self.draw(self.signs), f"({LEGEND})"])

    @property
    def signs(self) -> dict[tuple[str, str], str]:
        """The sign of each cell."""
        return {pair: cell.sign for pair, cell in self.cells.items()}

    def to_markdown(self) -> str:
        """Return the table in GitHub's Markdown, a row for each source, with the legend below.

        Names are escaped: Markdown and HTML in them are shown, not obeyed.
        """
        return as_markdown(self.targets, self._entries(), WORDS)

    def to_html(self) -> str:
        """Return the table as a fragment of HTML, to be put into a page: it brings its style, and needs nothing else.

        Each cell has its sign, a word for screen readers, and the evidence as `title`. Colours follow the reader's
        choice of light or dark, and say nothing that the signs don't. All text is escaped, names and evidence.
        """
        return as_html(self.targets, self._entries(), WORDS)

    def _entries(self) -> dict[str, list[Entry]]:
        """Return for each source what a document shows of its cells."""
        return {source: [self.cells[source, target].entry for target in self.targets] for source in self.sources}

    def draw(self, signs: Mapping[tuple[str, str], str], title: str = "") -> list[str]:
        """Return the lines of the table with these signs in it."""
        first = max(len(title), *(len(source) for source in self.sources))
        head = [title.ljust(first), *self.targets]
        rows = [
            [source.ljust(first), *(signs[source, target].ljust(len(target)) for target in self.targets)]
            for source in self.sources
        ]
        return ["  ".join(row).rstrip() for row in (head, *rows)]


class Subtests(Protocol):
    """What `assert_matrix` asks of the fixture `subtests`, which is pytest's own or that of pytest-subtests."""

    def test(self, msg: str | None = None, **kwargs: Any) -> AbstractContextManager[Any]:
        """Report what happens in a `with` block as a test within the test."""


def assert_matrix(seen: Matrix, expected: str | Path, subtests: Subtests | None = None) -> None:
    """Assert that a table is as one that is written out: a line of targets, then a line for each source.

    The expected table is a text, or the path of a file in UTF-8; a relative path begins at the calling file. A line
    that begins with `#` is a comment. Raises IsolationError where something is connected that should be blocked, else
    ReachabilityError where something is blocked that should connect, else ProbeError where cells are inconclusive:
    those are never as expected. Raises DefinitionError for a table that can't be read, or doesn't fit.

    With pytest's fixture `subtests` each cell is a subtest, and fails by itself with the error of its kind.
    """
    if not isinstance(seen, Matrix) or not isinstance(expected, str | Path):
        raise DefinitionError(
            f"assert_matrix was given {shown(seen)} and {shown(expected)}. Remedy: give what `reachability` returned, "
            "and the table as a text, or its file as a pathlib.Path."
        )
    if subtests is not None and not isinstance(getattr(subtests, "test", None), MethodType):
        raise DefinitionError(
            f"assert_matrix was given subtests={shown(subtests)}. Remedy: give the fixture `subtests`, which pytest "
            "has since 9.0 and the plugin pytest-subtests brings for older ones; or leave it out."
        )
    wanted = _wanted(expected, seen)
    if subtests is None:
        _compare(seen, wanted)
    else:
        _compare_each(seen, wanted, subtests)


def _compare(seen: Matrix, wanted: Mapping[Pair, str]) -> None:
    """Raise one error for all cells that differ."""
    wrong = [pair for pair in seen.cells if seen.signs[pair] != wanted[pair]]
    if not wrong:
        return
    differences = {pair: sign if pair in wrong else SAME for pair, sign in seen.signs.items()}
    tables = ((wanted, "expected"), (seen.signs, "seen"), (differences, "differences"))
    drawn = "\n\n".join("\n".join(seen.draw(signs, title)) for signs, title in tables)
    cells = "\n".join(f"{_arrow(pair)}:\n{_lines(seen.cells[pair], wanted[pair])}" for pair in wrong)
    raise _error_of({seen.signs[pair] for pair in wrong})(
        f"{len(wrong)} of {len(seen.cells)} cells of the matrix aren't as expected ({LEGEND}):\n\n{drawn}\n\n{cells}\n"
        f"{_REMEDY}"
    )


def _compare_each(seen: Matrix, wanted: Mapping[Pair, str], subtests: Subtests) -> None:
    """Raise an error for each cell that differs, in a subtest of its own."""
    for pair, cell in seen.cells.items():
        with subtests.test(msg=_arrow(pair)):
            if cell.sign != wanted[pair]:
                raise _error_of({cell.sign})(
                    f"{_arrow(pair)} is {WORDS[cell.sign]}, and should be {WORDS[wanted[pair]]}:\n"
                    f"{_lines(cell, wanted[pair])}\n{_REMEDY}"
                )


def _error_of(signs: AbstractSet[str]) -> type[FoodtrucksError]:
    """Return the error for signs that weren't expected; the gravest one counts."""
    if CONNECTED in signs:
        return IsolationError
    return ReachabilityError if BLOCKED in signs else ProbeError


def _arrow(pair: Pair) -> str:
    return " → ".join(pair)


def _lines(cell: Cell, wanted: str) -> str:
    """Return the lines that show a cell that isn't as wanted."""
    words = {CONNECTED: "connected", BLOCKED: "no way: dropped, unreachable, or unresolved by name"}[wanted]
    seen = f"{cell.sign} ({cell.verdict.kind})"
    finding = Finding(cell.way, words, cell.verdict, cell.command, isolated=False, reached=False)
    return block(cell.source, finding, seen=seen)


def _wanted(expected: str | Path, matrix: Matrix) -> dict[Pair, str]:
    """Read the expected table from a text, or from a file."""
    if isinstance(expected, str):
        return read_table(expected, matrix)
    file = calling_place().file.parent / checked("expected", expected, path)
    return read_table(_content(file), matrix, name=f"The expected table in {file}")


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")  # some editors begin UTF-8 with a byte order mark
    except UnicodeDecodeError as error:
        raise DefinitionError(
            f"The expected table's file {file} isn't UTF-8 ({error.reason} at byte {error.start}). Remedy: save it as "
            "text in UTF-8."
        ) from error
    except OSError as error:
        raise DefinitionError(
            f"The expected table's file {file} can't be read ({error.strerror}). Remedy: give the path of a text file; "
            "a relative path begins at the folder of the file that calls assert_matrix."
        ) from error


def read_table(text: str, matrix: Matrix, *, name: str = "The expected table") -> dict[Pair, str]:
    """Read an expected table; DefinitionError where it doesn't have just the matrix' cells, each `.` or `X`.

    Empty lines are passed over, and those that begin with `#`. `name` is what an error calls the table.
    """
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    targets = lines[0] if lines else []
    rows = {" ".join(line[: -len(targets)]): line[-len(targets) :] for line in lines[1:]} if targets else {}
    signs = {(source, target): sign for source, row in rows.items() for target, sign in zip(targets, row, strict=False)}
    missing = [_arrow(pair) for pair in matrix.cells if pair not in signs]
    unknown = [_arrow(pair) for pair in signs if pair not in matrix.cells]
    odd = sorted({sign for sign in signs.values() if sign not in {CONNECTED, BLOCKED}})
    twice = len(rows) != len(lines) - 1 or len(set(targets)) != len(targets)
    if missing or unknown or odd or twice:
        lists = {"missing": missing, "unknown": unknown, f"signs other than {CONNECTED} and {BLOCKED}": odd}
        words = "; ".join(f"{what}: {', '.join(names)}" for what, names in lists.items() if names)
        raise DefinitionError(
            f"{name} doesn't fit the matrix ({words if words else 'a row or a target stands twice'}). Remedy: write a "
            "line with the targets' names, and below it for each source a line with its name and a sign for each "
            "target, as this one that was seen:\n" + "\n".join(matrix.draw(matrix.signs))
        )
    return signs


_REMEDY: Final = "Remedy: look at who is on which network; mend the table where it expects what isn't meant."
