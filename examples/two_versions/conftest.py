"""The same tests against the Elasticsearch that you have and the one that you move to."""

import pytest

from pytest_foodtrucks import ElasticsearchService, elasticsearch_service

elasticsearch_now = elasticsearch_service(version="8.8.2")
elasticsearch_next = elasticsearch_service(version="9.5.0")


@pytest.fixture(params=["elasticsearch_now", "elasticsearch_next"])
def es(request: pytest.FixtureRequest) -> ElasticsearchService:
    found: ElasticsearchService = request.getfixturevalue(request.param)
    return found
