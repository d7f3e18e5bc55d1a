"""The app's routes, asked through Flask's own client."""

import json
import logging
import re
from typing import Any, TypeVar

import pytest
from flask.testing import FlaskClient

from pytest_foodtrucks.web_image.foodtrucks_web.elastic import Unavailable
from pytest_foodtrucks.web_image.foodtrucks_web.settings import Settings
from pytest_foodtrucks.web_image.foodtrucks_web.web import create_app

T = TypeVar("T")


class Catalogue:
    """An Elasticsearch that has all trucks and finds none, until `failure` says otherwise."""

    def __init__(self) -> None:
        self.failure: Exception | None = None

    def version(self) -> str:
        return self._or_fail("9.5.0")

    def count(self) -> int:
        return self._or_fail(733)

    def search(self, **_query: Any) -> dict[str, Any]:
        return self._or_fail({"hits": {"total": {"value": 0}, "hits": []}})

    def _or_fail(self, answer: T) -> T:
        if self.failure is not None:
            raise self.failure
        return answer


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue()


@pytest.fixture
def client(catalogue: Catalogue) -> FlaskClient:
    return create_app(catalogue, Settings()).test_client()


def test_the_page_is_html(client: FlaskClient) -> None:
    answer = client.head("/")
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"


def test_the_page_holds_the_search_and_the_map(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    assert '<input id="q"' in page
    assert '<svg id="map"' in page


def test_all_that_the_page_links_to_is_here(client: FlaskClient) -> None:
    linked = re.findall(r'(?:href|src)="([^"#]+)"', client.get("/").get_data(as_text=True))
    assert len(linked) >= 4
    assert {path: client.get(path, buffered=True).status_code for path in linked} == dict.fromkeys(linked, 200)


def test_the_page_may_load_nothing_from_elsewhere(client: FlaskClient) -> None:
    assert client.get("/").headers["Content-Security-Policy"] == "default-src 'self'"


@pytest.mark.parametrize("path", ["/search?q=taco", "/healthz", "/debug"])
def test_answers_are_json(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"


@pytest.mark.parametrize("path", ["/search?q=taco", "/healthz", "/debug"])
def test_without_elasticsearch_each_answer_says_why(client: FlaskClient, catalogue: Catalogue, path: str) -> None:
    catalogue.failure = Unavailable("it doesn't answer: Connection refused")
    answer = client.get(path)
    assert answer.status_code == 503
    assert "Connection refused" in answer.get_data(as_text=True)


def test_answers_keep_the_order_of_their_keys(client: FlaskClient) -> None:
    assert list(json.loads(client.get("/search").data)) == ["hits", "trucks"]


def test_what_is_not_there_is_told_as_json(client: FlaskClient) -> None:
    answer = client.get("/menu")
    assert answer.status_code == 404
    assert answer.get_json()["error"].startswith("Not Found")


def test_a_mistake_of_ours_shows_no_traceback(client: FlaskClient, catalogue: Catalogue) -> None:
    catalogue.failure = ZeroDivisionError("secret")
    answer = client.get("/search")
    assert answer.status_code == 500
    assert "secret" not in answer.get_data(as_text=True)


def test_each_request_is_a_line_in_the_log(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client.get("/search?q=taco%0Atruck")
    assert [message.rsplit(" ", 2)[0] for message in caplog.messages] == ["GET /search?q=taco%0Atruck 200"]


def test_good_health_is_not_worth_a_line(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client.get("/healthz")
    assert caplog.messages == []


def test_bad_health_is_worth_a_line(
    client: FlaskClient, catalogue: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    catalogue.failure = Unavailable("gone")
    client.get("/healthz")
    assert caplog.messages[0].startswith("GET /healthz 503")
