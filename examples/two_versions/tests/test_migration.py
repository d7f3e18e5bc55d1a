"""What must stay the same on both versions; the last test shows that there are two."""

from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from pytest_foodtrucks import ElasticsearchService

pytestmark = pytest.mark.foodtrucks  # which service `es` gets, only its parameter says: the plugin can't see that

MAPPING = {"properties": {"name": {"type": "text"}, "place": {"type": "geo_point"}}}
DISHES = [("Taco al pastor", 0.1, 0.1), ("Fish taco", 0.1, 0.9), ("Ramen", 0.1, 0.1)]


@pytest.fixture
def dishes(es: ElasticsearchService) -> Iterator[Elasticsearch]:
    es.client.indices.create(index="dishes", mappings=MAPPING)
    for name, lat, lon in DISHES:
        es.client.index(index="dishes", document={"name": name, "place": {"lat": lat, "lon": lon}})
    es.client.indices.refresh(index="dishes")
    yield es.client
    es.client.indices.delete(index="dishes")


def names(answer: Any) -> list[str]:
    return [hit["_source"]["name"] for hit in answer["hits"]["hits"]]


def test_a_word_is_found(dishes: Elasticsearch) -> None:
    assert sorted(names(dishes.search(index="dishes", query={"match": {"name": "taco"}}))) == [
        "Fish taco",
        "Taco al pastor",
    ]


def test_a_place_is_found(dishes: Elasticsearch) -> None:
    near = {"geo_distance": {"distance": "1km", "place": {"lat": 0.1, "lon": 0.1}}}
    query = {"bool": {"must": {"match": {"name": "taco"}}, "filter": near}}
    assert names(dishes.search(index="dishes", query=query)) == ["Taco al pastor"]


def test_there_are_two(elasticsearch_now: ElasticsearchService, elasticsearch_next: ElasticsearchService) -> None:
    assert (elasticsearch_now.version, elasticsearch_next.version) == ("8.8.2", "9.5.0")
