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
    assert asked(dish="Fish taco")["query"]["bool"]["filter"] == [{"term": {"dishes.raw": "Fish taco"}}]


def test_open_asks_for_a_minute_of_the_week() -> None:
    assert asked(open="tue-00:01")["query"]["bool"]["filter"] == [{"term": {"open": 24 * 60 + 1}}]


def test_equal_scores_come_in_the_order_of_names() -> None:
    assert asked(q="taco")["sort"] == ["_score", "name.raw"]


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
        ("q", "x" * 201, "q has 201 characters: use at most 200"),
        ("dish", "x" * 201, "dish has 201 characters: use at most 200"),
        ("query", "taco", "unknown parameter 'query': use q, dish, open and size"),
    ],
)
def test_what_cannot_be_asked_is_named(name: str, value: str, message: str) -> None:
    with pytest.raises(BadRequest) as failure:
        Question.from_parameters({name: value})
    assert str(failure.value) == message
