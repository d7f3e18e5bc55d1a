"""The documentation's pages, and the code blocks that stand in them."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sybil import Document, Region
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)]


class Block(NamedTuple):
    """A code block: its page below the repository, its line there, its language, its text."""

    page: str
    line: int
    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that its first line names: `# conftest.py`; None where it names none."""
        named = re.match(r"# ([\w./-]+\.\w+)\n", self.text)
        return None if named is None else named[1]

    @property
    def is_another_packages(self) -> bool:
        """Whether it shows what stood there before, with another package; its first line says so."""
        return self.text.startswith("# before\n")

    @property
    def place(self) -> str:
        """Its page and line."""
        return f"{self.page}:{self.line}"


@cache
def blocks() -> list[Block]:
    """Return the blocks of all pages. Sphinx' own directives, such as a toctree, are Sphinx' to check."""
    return [block for page in PAGES for block in _blocks_of(page) if not block.language.startswith("{")]


def python_blocks() -> list[Block]:
    """Return those of Python."""
    return [block for block in blocks() if block.language == "python"]


def block_with(words: str) -> str:
    """Return the one Python block of all pages that has some words."""
    (found,) = [block.text for block in python_blocks() if words in block.text]
    return found


def text_of(*names: str) -> str:
    """Return the text of pages, by their names in docs/ without the ending."""
    return "\n".join((DOCS / f"{name}.md").read_text(encoding="utf-8") for name in names)


def all_text() -> str:
    """Return the text of all pages."""
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def rows(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the table whose first heading is given."""
    table = text[text.index(f"| {heading} |") :].split("\n\n", maxsplit=1)[0]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()[2:]]


def _blocks_of(page: Path) -> Iterator[Block]:
    for example in Document.parse(str(page), _fences):
        yield Block(str(page.relative_to(ROOT)), example.line, example.region.lexemes["language"], example.parsed)


def _fences(document: Document) -> Iterable[Region]:
    for region in FencedCodeBlockLexer(r"[^\n]*")(document):
        region.parsed = str(region.lexemes["source"])
        region.evaluator = _nobody
        yield region


def _nobody(_: object) -> None:
    """Stand for an evaluator: a test evaluates a block, by its language."""
