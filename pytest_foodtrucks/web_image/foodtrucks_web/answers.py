"""What the app answers, apart from HTTP: a status, and the JSON that goes with it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol, TypeAlias

from .elastic import Refused, Unavailable
from .queries import BadRequest, Question
from .settings import Settings
from .trucks import EXPECTED, INDEX

Answer: TypeAlias = tuple[HTTPStatus, dict[str, Any]]


class Searchable(Protocol):
    """What answers need of the catalogue."""

    def version(self) -> str:
        """Ask for the version of Elasticsearch."""

    def count(self) -> int:
        """Count the trucks that a search finds."""

    def search(self, **query: Any) -> dict[str, Any]:
        """Run a search."""


def search(catalogue: Searchable, parameters: Mapping[str, str]) -> Answer:
    """Find trucks: how many, the first of them, and on request how many have which dish."""
    try:
        found = catalogue.search(**Question.from_parameters(parameters).search())
    except BadRequest as error:
        return HTTPStatus.BAD_REQUEST, {"error": str(error)}
    except Unavailable as error:
        return HTTPStatus.SERVICE_UNAVAILABLE, {"error": f"Elasticsearch is unavailable: {error}"}
    except Refused as error:
        return HTTPStatus.BAD_GATEWAY, {"error": f"Elasticsearch refused the search: {error}"}
    hits = found["hits"]
    body = {
        "hits": hits["total"]["value"],
        "trucks": [{"id": hit["_id"], **hit["_source"]} for hit in hits["hits"]],
    }
    if "aggregations" in found:
        buckets = found["aggregations"]["dishes"]["buckets"]
        body["dishes"] = [{"name": bucket["key"], "trucks": bucket["doc_count"]} for bucket in buckets]
    return HTTPStatus.OK, body


def health(catalogue: Searchable) -> Answer:
    """Say whether visitors can find the trucks: more than were loaded are welcome, fewer are not."""
    try:
        count = catalogue.count()
    except (Unavailable, Refused) as error:
        return _unhealthy(f"Elasticsearch can't be searched: {error}")
    if count < EXPECTED:
        return _unhealthy(f"index {INDEX!r} has {count} of {EXPECTED} trucks: restart the app, which loads the others")
    return HTTPStatus.OK, {"status": "ok", "trucks": count}


def debug(catalogue: Searchable, settings: Settings) -> Answer:
    """Tell what the app sees; its status is the health's, so that a look at either is enough."""
    server: dict[str, Any] = {"host": settings.host, "port": settings.port}
    try:
        server |= {"reachable": True, "version": catalogue.version()}
    except (Unavailable, Refused) as error:
        server |= {"reachable": False, "version": None}
        status, body = _unhealthy(f"Elasticsearch doesn't tell its version: {error}")
    else:
        status, body = health(catalogue)
    return status, {**body, "index": INDEX, "expected": EXPECTED, "elasticsearch": server}


def _unhealthy(reason: str) -> Answer:
    return HTTPStatus.SERVICE_UNAVAILABLE, {"status": "unavailable", "reason": reason}
