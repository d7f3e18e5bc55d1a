from collections.abc import Callable

import httpx2
import pytest
from elasticsearch import Elasticsearch

from pytest_foodtrucks import ElasticsearchService, Network, NotReady, OwnStack, Probe, Service, service


def is_empty(redis: Service) -> None:
    if redis.exec(["redis-cli", "dbsize"]).stdout.strip() != "0":
        raise NotReady("there is something in it")


redis = service(image="redis:8", ports=[6379], ready=is_empty)


@pytest.fixture(scope="session")
def es_seed() -> Callable[[ElasticsearchService], object]:
    return lambda es: es.client.indices.create(index="menu")


def test_types(
    redis: Service,
    foodtrucks_net: Network,
    es_on_net: ElasticsearchService,
    es_client: Elasticsearch,
    es_index: str,
    web_on_net: Service,
    web_client: httpx2.Client,
    net_probe: Probe,
    own_stack: OwnStack,
) -> None: ...
