"""docs/reliability.md: each soak run has a section of its own, and replaces only that."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .machine import ROOT

DOCUMENT: Final = ROOT / "docs/reliability.md"

_INTRODUCTION: Final = """# Reliability

Long, opt-in runs that try the promises on a real engine. Each section is written by the command that it names, which
exits with 1 where a promise was broken, and says then what happened; nothing here is written by hand. The seed makes
the same random choices again; times depend on the machine and on what else runs there.
"""


@dataclass(frozen=True)
class Section:
    """What a run has to tell: `summary` in a sentence or two, tables or lists below it, and each broken promise."""

    name: str
    title: str
    summary: str
    body: str
    broken: Sequence[str] = field(default_factory=list)


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def rendered(section: Section, *, command: str, about: Sequence[str]) -> str:
    """Return a section's text; `about` are lines on when and where it was run."""
    broken = (
        "Every promise was kept."
        if not section.broken
        else "\n".join([f"**{len(section.broken)} broken:**", "", *(f"- {text}" for text in section.broken)])
    )
    head = f"## {section.title}\n\n`{command}`: {section.summary}\n\n{broken}\n\n{section.body}\n\n"
    return head + "".join(f"- {line}\n" for line in about)


def with_section(text: str, name: str, section: str) -> str:
    """Return the document with a section in place of the one of that name, or at its end."""
    begin, end = f"<!-- soak {name}: begin -->", f"<!-- soak {name}: end -->"
    block = f"{begin}\n{section.strip()}\n{end}"
    old = re.compile(rf"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if old.search(text) is not None:
        return old.sub(lambda _: block, text, count=1)
    return f"{text.rstrip()}\n\n{block}\n"


def write(path: Path, name: str, section: str) -> None:
    """Put a section into the document, which is made where there is none, whole or not at all."""
    text = path.read_text(encoding="utf-8") if path.exists() else _INTRODUCTION
    part = path.with_name(f"{path.name}.part")
    part.write_text(with_section(text, name, section), encoding="utf-8")
    part.replace(path)


def today() -> str:
    """Return the date, in UTC."""
    return dt.datetime.now(dt.UTC).date().isoformat()
