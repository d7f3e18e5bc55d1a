"""From what a visitor asks to what Elasticsearch is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .trucks import MIDDLE
from .week import parse_moment

_LONGEST = 200  # characters of a query; more is no dish
_MOST = 1000  # trucks or dishes in one answer; all of them fit
_KNOWN = frozenset({"q", "dish", "open", "size", "facet"})


class BadRequest(Exception):
    """The visitor asked something that can't be asked; the text says what and what would do."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a visitor looks for: words, a dish, a minute of the week, how many trucks; and counts of what."""

    words: str = ""
    dish: str = ""
    minute: int | None = None
    size: int = 20
    facet: str = ""

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> "Question":
        """Read `q`, `dish`, `open`, `size` and `facet`; raise `BadRequest` for what can't be used."""
        if unknown := sorted(set(parameters) - _KNOWN):
            raise BadRequest(f"unknown parameter {unknown[0]!r}: use q, dish, open, size or facet")
        return cls(
            words=_text(parameters, "q"),
            dish=_text(parameters, "dish"),
            minute=_minute(parameters.get("open", "")),
            size=_size(parameters.get("size", "")),
            facet=_facet(parameters.get("facet", "")),
        )

    def search(self) -> dict[str, Any]:
        """Give the search: each word must occur, the last may be unfinished, and names weigh most."""
        must: list[dict[str, Any]] = []
        should: list[dict[str, Any]] = []
        filters: list[dict[str, Any]] = []
        if self.words:
            must = [{"match_bool_prefix": {"everything": {"query": self.words, "operator": "and"}}}]
            should = [
                {"match_bool_prefix": {"name": {"query": self.words, "boost": 3}}},
                {"match_bool_prefix": {"dishes": {"query": self.words, "boost": 2}}},
            ]
        if self.minute is not None:
            filters = [{"term": {"open": self.minute}}]
        search = {
            "query": {"bool": {"must": must, "should": should, "filter": filters}},
            # As good as each other: who is nearer to the middle of the city comes first.
            "sort": ["_score", {"_geo_distance": {"location": MIDDLE, "order": "asc"}}, "name.raw"],
            "size": self.size,
            "source_excludes": ["open"],
        }
        if self.dish:
            # After the facet, which counts what other dishes would give.
            search["post_filter"] = {"term": {"dishes.raw": self.dish}}
        if self.facet:
            search["aggregations"] = {
                "dishes": {"terms": {"field": "dishes.raw", "size": _MOST, "order": {"_key": "asc"}}}
            }
        return search


def _text(parameters: Mapping[str, str], name: str) -> str:
    text = parameters.get(name, "").strip()
    if len(text) > _LONGEST:
        raise BadRequest(f"{name} has {len(text)} characters: use at most {_LONGEST}")
    return text


def _size(text: str) -> int:
    if not text:
        return Question.size
    if not (text.isascii() and text.isdigit() and int(text) <= _MOST):
        raise BadRequest(f"size={text!r} is not a whole number from 0 to {_MOST}")
    return int(text)


def _minute(text: str) -> int | None:
    if not text:
        return None
    try:
        return parse_moment(text)
    except ValueError as error:
        raise BadRequest(f"open={text!r} is not a moment of the week: use one such as fri-18:30") from error


def _facet(text: str) -> str:
    if text not in {"", "dish"}:
        raise BadRequest(f"facet={text!r} is unknown: use dish")
    return text
