"""Faults of Elasticsearch: its documents and its clients outlive each. Those of other services: test_faults.py."""

import httpx2
import pytest
from elasticsearch import Elasticsearch

from pytest_foodtrucks import ElasticsearchService, Service


def test_elasticsearch_keeps_its_documents_and_its_clients_through_each_fault(
    es_on_net: ElasticsearchService, es_client: Elasticsearch, es_index: str
) -> None:
    http = es_on_net.http
    es_client.index(index=es_index, id="1", document={"dish": "taco"}, refresh=True)
    for fault in (Service.paused, Service.disconnected, Service.killed):
        with fault(es_on_net), pytest.raises(httpx2.TransportError):
            http.get("/", timeout=0.5)
        assert es_client.count(index=es_index)["count"] == 1
        assert es_client.cluster.health()["status"] in {"yellow", "green"}
    assert es_client.get(index=es_index, id="1")["_source"] == {"dish": "taco"}
    assert http.get(f"/{es_index}/_count").json()["count"] == 1


@pytest.mark.slow  # `killed` starts it anew as well; a restart of a small server is tested in test_faults.py
def test_elasticsearch_keeps_its_documents_through_a_restart(
    es_on_net: ElasticsearchService, es_client: Elasticsearch, es_index: str
) -> None:
    es_client.index(index=es_index, id="1", document={"dish": "taco"}, refresh=True)
    es_on_net.restart()
    assert es_client.get(index=es_index, id="1")["_source"] == {"dish": "taco"}
    assert es_client.cluster.health()["status"] in {"yellow", "green"}
