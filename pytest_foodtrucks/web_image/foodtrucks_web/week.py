"""The week as minutes since Monday 00:00, so that "open at" is one question about one number."""

import re
from collections.abc import Iterator, Mapping, Sequence

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_WEEK = len(DAYS) * _DAY
_MOMENT = re.compile(rf"({'|'.join(DAYS)})-([01][0-9]|2[0-3]):([0-5][0-9])")


def parse_moment(text: str) -> int:
    """Turn a moment such as `fri-18:30` into the minute of the week; raise `ValueError` for others."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a moment such as 'fri-18:30'")
    day, hour, minute = match.groups()
    return DAYS.index(day) * _DAY + int(hour) * 60 + int(minute)


def intervals(hours: Mapping[str, Sequence[Sequence[str]]]) -> Iterator[tuple[int, int]]:
    """Turn opening hours into half-open intervals; who closes on Monday morning gets two of them."""
    for day, spans in hours.items():
        for opening, closing in spans:
            start, end = parse_moment(f"{day}-{opening}"), parse_moment(f"{day}-{closing}")
            if end <= start:  # open past midnight
                end += _DAY
            yield start, min(end, _WEEK)
            if end > _WEEK:
                yield 0, end - _WEEK
