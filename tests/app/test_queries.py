"""From a visitor's parameters to a search."""

from typing import Any

import pytest

from pytest_foodtrucks.web_image.foodtrucks_web.queries import BadRequest, Question


def asked(**parameters: str) -> dict[str, Any]:
    return Question.from_parameters(parameters).search()


def test_no_parameters_ask_for_the_first_page_of_all() -> None:
    search = asked()
    assert search["query"] == {"bool": {"must": [], "should": [], "filter": []}}
    assert search["size"] == 20


def test_each_word_must_occur_and_the_last_may_be_unfinished() -> None:
    assert asked(q="  fish tac ")["query"]["bool"]["must"] == [
        {"match_bool_prefix": {"everything": {"query": "fish tac", "operator": "and"}}}
    ]


def test_blank_words_are_no_words() -> None:
    assert asked(q="   ") == asked()


def test_a_dish_is_taken_exactly() -> None:
    assert asked(dish="Fish taco")["post_filter"] == {"term": {"dishes.raw": "Fish taco"}}


def test_a_facet_counts_the_trucks_of_each_dish() -> None:
    assert asked(facet="dish")["aggregations"]["dishes"]["terms"]["field"] == "dishes.raw"


def test_without_a_facet_nothing_is_counted() -> None:
    assert "aggregations" not in asked()


def test_open_asks_for_a_minute_of_the_week() -> None:
    assert asked(open="tue-00:01")["query"]["bool"]["filter"] == [{"term": {"open": 24 * 60 + 1}}]


def test_equal_scores_come_in_the_order_of_distance_and_name() -> None:
    score, distance, name = asked(q="taco")["sort"]
    assert (score, name) == ("_score", "name.raw")
    assert distance["_geo_distance"]["order"] == "asc"


@pytest.mark.parametrize("size", ["0", "1000"])
def test_size_has_bounds_that_are_within(size: str) -> None:
    assert asked(size=size)["size"] == int(size)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("size", "-1", "size='-1' is not a whole number from 0 to 1000"),
        ("size", "1001", "size='1001' is not a whole number from 0 to 1000"),
        ("size", "²", "size='²' is not a whole number from 0 to 1000"),
        ("open", "now", "open='now' is not a moment of the week: use one such as fri-18:30"),
        ("facet", "street", "facet='street' is unknown: use dish"),
        ("q", "x" * 201, "q has 201 characters: use at most 200"),
        ("dish", "x" * 201, "dish has 201 characters: use at most 200"),
        ("query", "taco", "unknown parameter 'query': use q, dish, open, size or facet"),
    ],
)
def test_what_cannot_be_asked_is_named(name: str, value: str, message: str) -> None:
    with pytest.raises(BadRequest) as failure:
        Question.from_parameters({name: value})
    assert str(failure.value) == message
