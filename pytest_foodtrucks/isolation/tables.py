"""A table of who reaches whom: its cells, how it is drawn, and how it is checked against one that a test draws."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pytest_foodtrucks.errors import DefinitionError, IsolationError, ProbeError, ReachabilityError
from pytest_foodtrucks.probes.verdicts import Verdict

from .inquiry import Finding
from .messages import block

CONNECTED: Final = "."
BLOCKED: Final = "X"
INCONCLUSIVE: Final = "!"
SAME: Final = "-"

LEGEND: Final = f"{CONNECTED} connected, {BLOCKED} blocked, {INCONCLUSIVE} inconclusive"


@dataclass(frozen=True)
class Cell:
    """What became of one source and one target: the sign, the way that decided, its verdict, and how to ask again."""

    sign: str
    source: str
    way: str
    verdict: Verdict
    command: str


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

    def draw(self, signs: Mapping[tuple[str, str], str], title: str = "") -> list[str]:
        """Return the lines of the table with these signs in it."""
        first = max(len(title), *(len(source) for source in self.sources))
        head = [title.ljust(first), *self.targets]
        rows = [
            [source.ljust(first), *(signs[source, target].ljust(len(target)) for target in self.targets)]
            for source in self.sources
        ]
        return ["  ".join(row).rstrip() for row in (head, *rows)]


def assert_matrix(seen: Matrix, expected: str) -> None:
    """Assert that a table is as one that is written out: a line of targets, then a line for each source.

    Raises IsolationError where something is connected that should be blocked, else ReachabilityError where something
    is blocked that should connect, else ProbeError where cells are inconclusive: those are never as expected.
    """
    if not isinstance(seen, Matrix) or not isinstance(expected, str):
        raise DefinitionError(
            f"assert_matrix was given {seen!r:.50} and {expected!r:.50}. Remedy: give what `reachability` returned, "
            "and the table as a text."
        )
    wanted = read_table(expected, seen)
    wrong = [pair for pair in seen.cells if seen.signs[pair] != wanted[pair]]
    if not wrong:
        return
    differences = {pair: sign if pair in wrong else SAME for pair, sign in seen.signs.items()}
    tables = ((wanted, "expected"), (seen.signs, "seen"), (differences, "differences"))
    drawn = "\n\n".join("\n".join(seen.draw(signs, title)) for signs, title in tables)
    shown = "\n".join(_shown(pair, seen.cells[pair], wanted[pair]) for pair in wrong)
    message = (
        f"{len(wrong)} of {len(seen.cells)} cells of the matrix aren't as expected ({LEGEND}):\n\n{drawn}\n\n{shown}\n"
        "Remedy: look at who is on which network; mend the table where it expects what isn't meant."
    )
    signs = {seen.signs[pair] for pair in wrong}
    if CONNECTED in signs:
        raise IsolationError(message)
    raise ReachabilityError(message) if BLOCKED in signs else ProbeError(message)


def read_table(text: str, matrix: Matrix) -> dict[tuple[str, str], str]:
    """Read an expected table; DefinitionError where it doesn't have just the matrix' cells, each `.` or `X`."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    targets = lines[0] if lines else []
    rows = {" ".join(line[: -len(targets)]): line[-len(targets) :] for line in lines[1:]} if targets else {}
    signs = {(source, target): sign for source, row in rows.items() for target, sign in zip(targets, row, strict=False)}
    missing = [f"{source} → {target}" for source, target in matrix.cells if (source, target) not in signs]
    unknown = [f"{source} → {target}" for source, target in signs if (source, target) not in matrix.cells]
    odd = sorted({sign for sign in signs.values() if sign not in {CONNECTED, BLOCKED}})
    if missing or unknown or odd or len(rows) != len(lines) - 1:
        lists = {"missing": missing, "unknown": unknown, f"signs other than {CONNECTED} and {BLOCKED}": odd}
        words = "; ".join(f"{what}: {', '.join(names)}" for what, names in lists.items() if names)
        raise DefinitionError(
            f"The expected table doesn't fit the matrix ({words if words else 'a row stands twice'}). Remedy: write a "
            "line with the targets' names, and below it for each source a line with its name and a sign for each "
            "target, as this one that was seen:\n" + "\n".join(matrix.draw(matrix.signs))
        )
    return signs


def _shown(pair: tuple[str, str], cell: Cell, wanted: str) -> str:
    words = {CONNECTED: "connected", BLOCKED: "no way: dropped, unreachable, or unresolved by name"}[wanted]
    seen = f"{cell.sign} ({cell.verdict.kind})"
    finding = Finding(cell.way, words, cell.verdict, cell.command, isolated=False, reached=False)
    rows = block(cell.source, finding, seen=seen)
    return f"{pair[0]} → {pair[1]}:\n{rows}"
