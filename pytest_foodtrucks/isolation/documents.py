"""A table of who reaches whom as Markdown and as HTML, for documentation."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final, NamedTuple

from pytest_foodtrucks.excerpts import printable

_SOURCE: Final = "source"
"""The heading of the column that has the sources' names."""

_ACTIVE: Final = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")
"""What GitHub's Markdown obeys within a line; an underscore within a word it doesn't."""


class Entry(NamedTuple):
    """What a document shows of a cell: its sign, the word for it, which is also its class in HTML, and the evidence."""

    sign: str
    word: str
    evidence: str


def as_markdown(targets: Sequence[str], rows: Mapping[str, Sequence[Entry]], legend: Mapping[str, str]) -> str:
    """Return a table in GitHub's Markdown, and below it the legend; `rows` are by source, `legend` has the signs."""
    cells = [
        [_markdown(name) for name in (_SOURCE, *targets)],
        *([_markdown(source), *(f"`{entry.sign}`" for entry in row)] for source, row in rows.items()),
    ]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * widths[0], *(f":{'-' * (width - 2)}:" for width in widths[1:])]
    head, *body = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in cells)
    lines = [f"| {' | '.join(row)} |" for row in (head, rule, *body)]
    return "\n".join([*lines, "", ", ".join(f"`{sign}` {word}" for sign, word in legend.items())])


def _markdown(text: str) -> str:
    """Return a text so that Markdown shows it, in one line."""
    return _ACTIVE.sub(r"\\\g<0>", escape(_line(text), quote=False))


def as_html(targets: Sequence[str], rows: Mapping[str, Sequence[Entry]], legend: Mapping[str, str]) -> str:
    """Return a table as a fragment of HTML with its style; `rows` are by source, `legend` has the signs."""
    head = "".join(f'<th scope="col">{_html(name)}</th>' for name in (_SOURCE, *targets))
    body = "\n".join(f"<tr>{_html_row(source, row)}</tr>" for source, row in rows.items())
    signs = ", ".join(f'<span class="{word}">{sign}</span>&nbsp;{word}' for sign, word in legend.items())
    return (
        f'<figure class="foodtrucks-matrix">\n<style>\n{_STYLE}</style>\n'
        '<div role="region" aria-label="Who reaches whom" tabindex="0">\n'
        f"<table>\n<caption>Who reaches whom</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n"
        f"</table>\n</div>\n<figcaption>From a row's source to a column's target: {signs}</figcaption>\n</figure>\n"
    )


def _html_row(source: str, row: Sequence[Entry]) -> str:
    cells = (
        f'<td class="{entry.word}" title="{_html(entry.evidence)}">'
        f'<span aria-hidden="true">{entry.sign}</span><span class="word">{entry.word}</span></td>'
        for entry in row
    )
    return f'<th scope="row">{_html(source)}</th>{"".join(cells)}'


def _html(text: str) -> str:
    return escape(_line(text))


def _line(text: str) -> str:
    return " ".join(printable(text).split())


_STYLE: Final = """\
.foodtrucks-matrix {
  --text: #1f2328; --text-ground: #ffffff; --line: #c4cad1;
  --head: #1f2328; --head-ground: #f0f2f4;
  --connected: #0b4f26; --connected-ground: #d5f2dd;
  --blocked: #3d434b; --blocked-ground: #e4e7eb;
  --inconclusive: #6b3d00; --inconclusive-ground: #ffe7b8;
  color-scheme: light dark; box-sizing: border-box; max-width: 100%; margin: 1em 0; padding: 0.75em;
  font: 1em/1.4 system-ui, sans-serif; color: var(--text); background: var(--text-ground);
}
@media (prefers-color-scheme: dark) {
  .foodtrucks-matrix {
    --text: #e6edf3; --text-ground: #0d1117; --line: #4a525c;
    --head: #e6edf3; --head-ground: #1c222a;
    --connected: #a6f0bd; --connected-ground: #113c20;
    --blocked: #c3cad3; --blocked-ground: #2b3139;
    --inconclusive: #ffd98a; --inconclusive-ground: #4a3200;
  }
}
.foodtrucks-matrix > div { overflow-x: auto; }
.foodtrucks-matrix table { border-collapse: separate; border-spacing: 0; border: 0; width: max-content; }
.foodtrucks-matrix caption { padding: 0 0 0.4em; text-align: left; font-weight: 600; color: inherit; }
.foodtrucks-matrix :is(th, td) { padding: 0.3em 0.8em; border: solid var(--line); border-width: 0 1px 1px 0; }
.foodtrucks-matrix thead th { border-top-width: 1px; }
.foodtrucks-matrix th { font-weight: 600; white-space: nowrap; color: var(--head); background: var(--head-ground); }
.foodtrucks-matrix th:first-child {
  position: sticky; left: 0; z-index: 1; max-width: 40vw; border-left-width: 1px;
  text-align: left; white-space: normal; overflow-wrap: anywhere;
}
.foodtrucks-matrix td { position: relative; text-align: center; font-size: 1.2em; }
.foodtrucks-matrix :is(td, figcaption span) { font-family: ui-monospace, monospace; font-weight: 700; }
.foodtrucks-matrix figcaption span { padding: 0 0.5em; border: 1px solid var(--line); }
.foodtrucks-matrix .connected { color: var(--connected); background: var(--connected-ground); }
.foodtrucks-matrix .blocked { color: var(--blocked); background: var(--blocked-ground); }
.foodtrucks-matrix .inconclusive { color: var(--inconclusive); background: var(--inconclusive-ground); }
.foodtrucks-matrix figcaption { margin-top: 0.6em; font-size: 0.9em; }
.foodtrucks-matrix .word {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
"""
