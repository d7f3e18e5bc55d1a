import os
from collections.abc import Callable

import pytest
from elasticsearch.helpers import bulk

from pytest_foodtrucks import ElasticsearchService, ready, service

redis = service(image=os.environ.get("EXAMPLE_REDIS_IMAGE", "redis:8"), ports=[6379])
web_on_net = service(
    build={"context": "menu", "args": {"BASE": os.environ.get("EXAMPLE_PYTHON_IMAGE", "python:3.13-slim")}},
    environment={"ES_URL": "http://es:9200", "REDIS_HOST": "redis"},
    ports=[8000],
    requires=["es_on_net", "redis"],
    ready=ready.http("/health"),
)


@pytest.fixture(scope="session")
def es_seed() -> Callable[[ElasticsearchService], object]:
    dishes = [{"_index": "menu", "_id": dish, "name": dish} for dish in ("taco", "ramen", "falafel")]
    return lambda es: bulk(es.client, dishes, refresh=True)
