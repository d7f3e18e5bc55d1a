"""What the app answers, and what it put into Elasticsearch."""

import httpx2
from elasticsearch import Elasticsearch

from pytest_foodtrucks import Service


def test_the_front_page_is_html(web_client: httpx2.Client) -> None:
    answer = web_client.head("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


def test_a_search_finds_trucks_with_tacos(web_client: httpx2.Client) -> None:
    found = web_client.get("/search", params={"q": "taco"}).json()
    assert found["hits"] > 0
    assert all("taco" in " ".join([truck["name"], *truck["dishes"]]).lower() for truck in found["trucks"])


def test_elasticsearch_has_all_trucks(web_on_net: Service, es_client: Elasticsearch) -> None:
    assert es_client.count(index="trucks")["count"] == 733


def test_the_app_says_what_it_loaded(web_on_net: Service) -> None:
    assert "Total trucks loaded:  733" in web_on_net.container.logs()


def test_an_index_of_my_own(es_client: Elasticsearch, es_index: str) -> None:
    es_client.index(index=es_index, document={"dish": "taco"}, refresh=True)
    assert es_client.count(index=es_index)["count"] == 1
