"""What the app answers, with an Elasticsearch that is scripted."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from pytest_foodtrucks.web_image.foodtrucks_web import answers
from pytest_foodtrucks.web_image.foodtrucks_web.elastic import Refused, Unavailable
from pytest_foodtrucks.web_image.foodtrucks_web.settings import Settings

GONE = Unavailable("it doesn't answer: Connection refused")


class Catalogue:
    """An Elasticsearch with a number of trucks, or one that fails."""

    def __init__(
        self,
        *,
        count: int = 733,
        failure: Exception | None = None,
        hits: Sequence[Mapping[str, str]] = (),
        dishes: Mapping[str, int] | None = None,
    ) -> None:
        self._dishes = {} if dishes is None else dishes
        self._count = count
        self._failure = failure
        self._hits = [{"_id": hit["id"], "_source": {"name": hit["name"]}} for hit in hits]
        self.asked: list[dict[str, Any]] = []

    def version(self) -> str:
        self._fail()
        return "8.8.2"

    def count(self) -> int:
        self._fail()
        return self._count

    def search(self, **query: Any) -> dict[str, Any]:
        self._fail()
        self.asked.append(query)
        found: dict[str, Any] = {"hits": {"total": {"value": self._count}, "hits": self._hits}}
        if self._dishes:
            buckets = [{"key": dish, "doc_count": count} for dish, count in self._dishes.items()]
            found["aggregations"] = {"dishes": {"buckets": buckets}}
        return found

    def _fail(self) -> None:
        if self._failure is not None:
            raise self._failure


def test_a_search_gives_the_number_and_the_trucks() -> None:
    truck = {"id": "the-merry-taco", "name": "The Merry Taco"}
    assert answers.search(Catalogue(count=1, hits=[truck]), {"q": "taco"}) == (200, {"hits": 1, "trucks": [truck]})


def test_a_facet_gives_the_dishes_and_their_trucks() -> None:
    catalogue = Catalogue(dishes={"Fish taco": 44, "Fries": 9})
    assert answers.search(catalogue, {"facet": "dish"})[1]["dishes"] == [
        {"name": "Fish taco", "trucks": 44},
        {"name": "Fries", "trucks": 9},
    ]


def test_a_bad_search_is_told_without_asking_elasticsearch() -> None:
    catalogue = Catalogue()
    assert answers.search(catalogue, {"size": "many"}) == (
        400,
        {"error": "size='many' is not a whole number from 0 to 1000"},
    )
    assert catalogue.asked == []


def test_a_search_without_elasticsearch_says_why() -> None:
    status, body = answers.search(Catalogue(failure=GONE), {"q": "taco"})
    assert status == 503
    assert body == {"error": "Elasticsearch is unavailable: it doesn't answer: Connection refused"}


def test_a_refused_search_is_not_the_visitors_fault() -> None:
    assert answers.search(Catalogue(failure=Refused("it answers 400: no")), {})[0] == 502


@pytest.mark.parametrize("count", [733, 734])
def test_it_is_healthy_when_all_trucks_can_be_found(count: int) -> None:
    assert answers.health(Catalogue(count=count)) == (200, {"status": "ok", "trucks": count})


def test_missing_trucks_are_unhealthy() -> None:
    status, body = answers.health(Catalogue(count=696))
    assert status == 503
    assert "696 of 733" in body["reason"]


@pytest.mark.parametrize("failure", [GONE, Refused("it answers 400: no")])
def test_no_elasticsearch_is_unhealthy_and_says_why(failure: Exception) -> None:
    status, body = answers.health(Catalogue(failure=failure))
    assert status == 503
    assert str(failure) in body["reason"]


def test_debug_tells_what_the_app_sees() -> None:
    assert answers.debug(Catalogue(), Settings(host="search")) == (
        200,
        {
            "status": "ok",
            "trucks": 733,
            "index": "trucks",
            "expected": 733,
            "elasticsearch": {"host": "search", "port": 9200, "reachable": True, "version": "8.8.2"},
        },
    )


def test_debug_of_an_unreachable_elasticsearch_is_no_success() -> None:
    status, body = answers.debug(Catalogue(failure=GONE), Settings())
    assert status == 503
    assert body["status"] == "unavailable"
    assert body["reason"].endswith(str(GONE))
    assert body["elasticsearch"] == {"host": "es", "port": 9200, "reachable": False, "version": None}


def test_debug_of_a_half_loaded_index_is_no_success_either() -> None:
    status, body = answers.debug(Catalogue(count=5), Settings())
    assert status == 503
    assert body["elasticsearch"]["reachable"] is True
