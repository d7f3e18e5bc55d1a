"""What a test leaves in Elasticsearch under its own name: all of it goes, on the oldest server and on the newest."""

from collections.abc import Mapping
from typing import Any

import pytest

from pytest_foodtrucks import ElasticsearchService, FoodtrucksError, elasticsearch_service
from pytest_foodtrucks.services.elasticsearch import es_index

ancient_es = elasticsearch_service(version="6.8.23", heap="256m", aliases=["ancient-es"])


@pytest.fixture(params=["es_on_net", "ancient_es"])
def server(request: pytest.FixtureRequest) -> ElasticsearchService:
    """Return the newest server, and one of the oldest line."""
    server: ElasticsearchService = request.getfixturevalue(request.param)
    return server


def test_its_heap_is_as_its_definition_says(ancient_es: ElasticsearchService) -> None:
    memory = ancient_es.http.get("/_nodes/jvm").json()["nodes"].popitem()[1]["jvm"]["mem"]
    assert memory["heap_max_in_bytes"] <= 256 * 1024**2, "6.8's collector keeps a part of it to itself"
    assert memory["heap_init_in_bytes"] == 256 * 1024**2


def put(server: ElasticsearchService, path: str, body: Mapping[str, Any] | None = None) -> None:
    """Put something into a server."""
    server.http.put(path, json=body if body is not None else {}).raise_for_status()


def names(server: ElasticsearchService) -> str:
    """Return all that the server's state says of indices, aliases, templates and pipelines."""
    return server.http.get("/_cluster/state/metadata?filter_path=metadata,-metadata.index-graveyard").text


@pytest.mark.parametrize(
    "blocks", [["metadata"], ["read_only"], ["read_only_allow_delete"], ["write", "metadata", "read_only"]]
)
def test_an_index_that_a_test_blocked_is_deleted(server: ElasticsearchService, blocks: list[str]) -> None:
    with es_index.private_index(server) as name:
        put(server, f"/{name}")
        put(server, f"/{name}/_settings", {f"index.blocks.{block}": True for block in blocks})
    assert name not in names(server)


def test_a_block_on_one_tests_index_is_no_matter_of_anothers(server: ElasticsearchService) -> None:
    with es_index.private_index(server) as first:
        put(server, f"/{first}")
        put(server, f"/{first}/_settings", {"index.blocks.metadata": True})
        with es_index.private_index(server) as second:
            put(server, f"/{second}")
        assert second not in names(server)
        assert first in names(server)
    assert first not in names(server)


@pytest.mark.parametrize("tail", ["%25", "%2541", "%2B%2B", "-\u00e9"])
def test_a_name_is_deleted_whatever_its_characters(server: ElasticsearchService, tail: str) -> None:
    with es_index.private_index(server) as name:
        put(server, f"/{name}{tail}")
        put(server, f"/{name}-plain", {"aliases": {f"{name}-%": {}}})
        put(server, f"/_template/{name}{tail}", {"index_patterns": ["x-*"]})
    assert name not in names(server)


def test_a_hidden_index_and_a_closed_one_are_deleted(es_on_net: ElasticsearchService) -> None:
    with es_index.private_index(es_on_net) as name:
        put(es_on_net, f"/{name}-hidden", {"settings": {"index.hidden": True}})
        put(es_on_net, f"/{name}-closed")
        es_on_net.http.post(f"/{name}-closed/_close").raise_for_status()
    assert name not in names(es_on_net)


def test_pipelines_are_deleted_even_if_an_index_uses_them(server: ElasticsearchService) -> None:
    with es_index.private_index(server) as name:
        put(server, f"/_ingest/pipeline/{name}-a%2Fb", {"processors": []})
        put(server, f"/_ingest/pipeline/{name}", {"processors": []})
        put(server, f"/{name}", {"settings": {"index.default_pipeline": name}})
    assert name not in names(server)


def test_a_component_template_that_an_index_template_uses_is_deleted(es_on_net: ElasticsearchService) -> None:
    with es_index.private_index(es_on_net) as name:
        put(es_on_net, f"/_component_template/{name}-part", {"template": {}})
        whole = {"index_patterns": [f"{name}-t*"], "composed_of": [f"{name}-part"]}
        put(es_on_net, f"/_index_template/{name}-whole", whole)
    assert name not in names(es_on_net)


def test_what_cant_be_deleted_is_told_by_its_own_test_and_all_else_is_deleted(server: ElasticsearchService) -> None:
    put(server, "/others")
    names_of_test = []

    def leave() -> None:
        with es_index.private_index(server) as name:
            names_of_test.append(name)
            put(server, f"/{name}")
            put(server, f"/_ingest/pipeline/{name}", {"processors": []})
            put(server, f"/others/_alias/{name}-far")
            put(server, "/others/_settings", {"index.blocks.read_only": True})

    with pytest.raises(FoodtrucksError, match=r": test-\w+-far of others \(403: .*blocked.*\)\. Remedy"):
        leave()
    with es_index.private_index(server) as next_name:
        put(server, f"/{next_name}")
    assert next_name not in names(server)
    put(server, "/others/_settings", {"index.blocks.read_only": None})
    server.http.delete("/others").raise_for_status()
    assert names_of_test[0] not in names(server)
