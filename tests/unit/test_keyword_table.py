"""Each keyword says where its value goes and what form it has: the documentation makes its table of that."""

from dataclasses import fields

import pytest

from pytest_foodtrucks.containers.compose import ContainerSpec, newer_keywords
from pytest_foodtrucks.engine.versions import DOCKER_RELEASES
from pytest_foodtrucks.services.definitions import KEYWORDS, ServiceDefinition

ABOUT = {
    each.name: each.metadata for table in (ContainerSpec, ServiceDefinition) for each in fields(table) if each.metadata
}
OURS = {"timeout", "scheme", "ready", "reset"}
"""The keywords that Compose hasn't got; docs/reference/factories.md has a table of them."""


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
