"""The README's table of Compose's keywords is the one that the code has.

A change of it is a change of the README, seen in review. `python tests/unit/test_keyword_table.py` writes it anew.
"""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from pytest_foodtrucks.containers.compose import ContainerSpec, newer_keywords
from pytest_foodtrucks.engine.versions import DOCKER_RELEASES
from pytest_foodtrucks.services.definitions import KEYWORDS, ServiceDefinition

FILE = Path(__file__).parents[2] / "README.md"
HEAD = "| Compose's keyword | form | the engine's field | since |\n|---|---|---|---|\n"

ABOUT = {
    each.name: each.metadata for table in (ContainerSpec, ServiceDefinition) for each in fields(table) if each.metadata
}
OURS = {"timeout", "scheme", "ready", "reset"}
"""The keywords that Compose hasn't got; the README has another table of them."""


def rows() -> Iterator[str]:
    """Yield a row for each of Compose's keywords, sorted."""
    for name, about in sorted(ABOUT.items()):
        if about["form"]:
            since = about["since"]
            release = f"Docker {DOCKER_RELEASES[since]} (API {since})" if since else ""
            yield f"| `{name}` | {about['form']} | {_code(about['at'])} | {release} |\n"


def _code(words: str) -> str:
    return words if "`" in words else f"`{words}`"


def rendered() -> str:
    """Return the table."""
    return HEAD + "".join(rows())


def shown() -> str:
    """Return the table that the README has."""
    text = FILE.read_text(encoding="utf-8")
    return text[text.index(HEAD) :].partition("\n\n")[0] + "\n"


def test_the_readme_has_the_table() -> None:
    assert shown() == rendered(), "python tests/unit/test_keyword_table.py writes it anew"


def test_each_keyword_is_in_the_table_or_is_ours() -> None:
    without = {name for name, about in ABOUT.items() if not about["form"]}
    assert without == OURS, "keyword_field(…, form=…, at=…) makes the row of one of Compose's"
    assert KEYWORDS.keys() == ABOUT.keys()


@pytest.mark.parametrize("name", [name for name, about in ABOUT.items() if about["form"]])
def test_a_row_says_where_its_value_goes(name: str) -> None:
    assert ABOUT[name]["at"]
    assert "|" not in ABOUT[name]["form"]
    assert ABOUT[name]["since"] in {"", *DOCKER_RELEASES}


def test_an_engine_that_is_too_old_for_a_keyword_is_told_by_numbers() -> None:
    spec = ContainerSpec(annotations={"a": "b"}, hostname="db")
    assert newer_keywords(spec, "1.9") == {"annotations": "1.43"}
    assert newer_keywords(spec, "1.43") == newer_keywords(ContainerSpec(), "1.9") == {}


if __name__ == "__main__":
    FILE.write_text(FILE.read_text(encoding="utf-8").replace(shown(), rendered()), encoding="utf-8")
