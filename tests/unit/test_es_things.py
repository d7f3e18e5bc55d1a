"""What the server tells of a thing, and what puts it there again."""

import pytest

from pytest_foodtrucks.services.elasticsearch.es_contents import blocks_on
from pytest_foodtrucks.services.elasticsearch.es_things import body_of, can_be_put, put_order

TOLD = {
    "_index_template/a": (
        {"name": "a", "index_template": {"index_patterns": ["a*"], "created_date_millis": 1}},
        {"index_patterns": ["a*"]},
    ),
    "_component_template/a": ({"name": "a", "component_template": {"template": {}}}, {"template": {}}),
    "_template/a": ({"order": 0, "index_patterns": ["a*"]}, {"order": 0, "index_patterns": ["a*"]}),
    "_ingest/pipeline/a": ({"processors": [], "modified_date": "now"}, {"processors": []}),
    "_scripts/a": ({"lang": "painless", "source": "1"}, {"script": {"lang": "painless", "source": "1"}}),
    "_ilm/policy/a": ({"version": 2, "modified_date": "now", "policy": {"phases": {}}}, {"policy": {"phases": {}}}),
    "_slm/policy/a": ({"version": 2, "policy": {"schedule": "0 0 * * * ?"}}, {"schedule": "0 0 * * * ?"}),
    "_snapshot/a": (
        {"type": "fs", "uuid": "x", "settings": {"location": "a"}},
        {"type": "fs", "settings": {"location": "a"}},
    ),
    "_security/role/a": ({"cluster": ["all"], "transient_metadata": {"enabled": True}}, {"cluster": ["all"]}),
    "_security/user/a": (
        {"username": "a", "roles": ["cook"], "enabled": False},
        {"roles": ["cook"], "enabled": False},
    ),
    "_security/role_mapping/a": ({"roles": ["cook"], "rules": {}}, {"roles": ["cook"], "rules": {}}),
}


@pytest.mark.parametrize("path", TOLD)
def test_each_kind_is_put_by_what_makes_it(path: str) -> None:
    told, body = TOLD[path]
    assert body_of(path, told) == body
    assert can_be_put(path)


def test_a_field_with_the_name_of_a_time_is_somebodys_own() -> None:
    mappings = {"properties": {"created_date": {"type": "date"}}}
    assert body_of("_template/a", {"order": 0, "mappings": mappings}) == {"order": 0, "mappings": mappings}


def test_of_other_kinds_what_is_told_is_compared_and_nothing_is_put() -> None:
    assert body_of("_synonyms/a", {"count": 3}) == {"count": 3}
    assert body_of("trucks", None) is None
    assert body_of("trucks/_alias/food", None) is None
    assert not any(map(can_be_put, ("_synonyms/a", "trucks", "trucks/_alias/food", "_transform/a")))


@pytest.mark.parametrize(
    ("used", "by"),
    [
        ("_component_template/part", "_index_template/new"),
        ("_scripts/sum", "_ingest/pipeline/wash"),
        ("_snapshot/disk", "_slm/policy/nightly"),
        ("_slm/policy/nightly", "_ilm/policy/old"),
        ("_snapshot/disk", "_ilm/policy/old"),
        ("_security/role/cook", "_security/role_mapping/cooks"),
    ],
)
def test_what_is_used_is_put_before_what_uses_it(used: str, by: str) -> None:
    assert sorted([by, used], key=put_order) == [used, by]


def test_blocks_are_found_in_settings_of_both_forms() -> None:
    nested = {"index": {"blocks": {"write": "true", "read_only": "true", "read": "false"}}}
    flat = {"index.blocks.write": "true", "index.blocks.read_only": "true", "index.blocks.read": "false"}
    expected = ["a/_settings/index.blocks.read_only", "a/_settings/index.blocks.write"]
    assert blocks_on("a", nested) == blocks_on("a", flat) == expected
