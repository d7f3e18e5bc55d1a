"""Opening hours as minutes of the week."""

import pytest

from pytest_foodtrucks.web_image.foodtrucks_web.week import intervals, parse_moment

DAY = 24 * 60


@pytest.mark.parametrize(
    ("moment", "minute"),
    [("mon-00:00", 0), ("mon-07:05", 425), ("fri-18:30", 4 * DAY + 1110), ("sun-23:59", 7 * DAY - 1)],
)
def test_a_moment_is_a_minute_of_the_week(moment: str, minute: int) -> None:
    assert parse_moment(moment) == minute


@pytest.mark.parametrize(
    "text", ["", "fri", "18:30", "fri-24:00", "fri-18:60", "Fri-18:30", "fri-8:30", "fri-18:30 ", "now"]
)
def test_other_words_are_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="is not a moment such as 'fri-18:30'"):
        parse_moment(text)


def test_each_span_of_a_day_is_an_interval() -> None:
    assert list(intervals({"tue": [["11:00", "14:00"], ["17:00", "21:30"]]})) == [
        (DAY + 660, DAY + 840),
        (DAY + 1020, DAY + 1290),
    ]


def test_midnight_is_the_end_of_the_day() -> None:
    assert list(intervals({"mon": [["18:00", "00:00"]]})) == [(1080, DAY)]


def test_a_night_goes_on_after_midnight() -> None:
    assert list(intervals({"mon": [["18:00", "02:00"]]})) == [(1080, DAY + 120)]


def test_a_sunday_night_ends_on_monday() -> None:
    assert list(intervals({"sun": [["18:00", "02:00"]]})) == [(6 * DAY + 1080, 7 * DAY), (0, 120)]


def test_a_sunday_until_midnight_has_nothing_left_for_monday() -> None:
    assert list(intervals({"sun": [["18:00", "00:00"]]})) == [(6 * DAY + 1080, 7 * DAY)]


def test_who_never_opens_has_no_interval() -> None:
    assert list(intervals({})) == []
