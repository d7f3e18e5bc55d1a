"""What an index of a test's own is to be, checked, and how the server makes it: index, data stream or alias."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_foodtrucks.callers import Place
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.services.definitions import check_keywords, errors_at
from pytest_foodtrucks.values import Unfit, checked

from .es_contents import reason_of
from .es_requests import answering, put
from .es_versions import typeless

if TYPE_CHECKING:
    import httpx2

    from .es import ElasticsearchService

IndexKind = Literal["index", "data_stream", "alias"]
"""What the name is of: an index, a data stream, or an alias of an index that is made with it."""

_ABOVE_OTHERS: Final = 1_000_000
"""The priority of a data stream's own template: somebody's for all names mustn't win."""
_WITHOUT_HANDLER: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
"""What a server without data streams answers to a question about them."""


@dataclass(frozen=True, kw_only=True)
class OwnIndex:
    """What is to be there under a test's own name; `place` is where that is written."""

    place: Place
    kind: IndexKind = "index"
    mappings: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] | None = None

    @property
    def body(self) -> dict[str, Any]:
        """Mappings and settings, as far as they were given."""
        given = {"mappings": self.mappings, "settings": self.settings}
        return {name: value for name, value in given.items() if value is not None}


def _json_object(value: Any) -> Mapping[str, Any]:
    """Check what goes to the server as a JSON object."""
    if not isinstance(value, Mapping):
        raise Unfit("give a mapping, as the server's API takes it", why=" is no mapping")
    try:
        copied: dict[str, Any] = json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise Unfit("give texts, numbers, lists and mappings", why=f" can't be written as JSON: {error}") from None
    return copied


def _kind(value: Any) -> IndexKind:
    if value == "index":
        return "index"
    if value == "data_stream":
        return "data_stream"
    if value == "alias":
        return "alias"
    raise Unfit("use 'index', 'data_stream' or 'alias'")


_KEYWORDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "mappings": _json_object,
    "settings": _json_object,
    "kind": _kind,
}


def own_index(place: Place, given: Mapping[str, Any]) -> OwnIndex:
    """Return what keywords say; DefinitionError, with the place, for what is wrong by itself."""
    with errors_at(place):
        check_keywords(given, _KEYWORDS, of="test's index")
        values = {name: checked(name, value, _KEYWORDS[name]) for name, value in given.items() if value is not None}
    return OwnIndex(place=place, **values)


def make(service: "ElasticsearchService", name: str, wanted: OwnIndex) -> None:
    """Let a server make what is wanted under a name; DefinitionError where it refuses, or has nothing of the kind."""
    with errors_at(wanted.place), answering(service, f"the {wanted.kind.replace('_', ' ')} {name} was made"):
        if wanted.kind == "data_stream":
            _make_data_stream(service, name, wanted)
        elif wanted.kind == "alias":
            _put_index(service, f"{name}-000001", {**wanted.body, "aliases": {name: {"is_write_index": True}}})
        else:
            _put_index(service, name, wanted.body)


def _put_index(service: "ElasticsearchService", name: str, body: Mapping[str, Any]) -> None:
    _refuse_failed(service, "index", put(service, f"/{name}", body, params=typeless(service.version)))


def _make_data_stream(service: "ElasticsearchService", name: str, wanted: OwnIndex) -> None:
    if service.http.get("/_data_stream/*").status_code in _WITHOUT_HANDLER:
        raise DefinitionError(
            f"{service.alias} ({service.version}) has no data streams: they came with 7.9, in a module that this image "
            "may lack. Remedy: use kind='alias', or an image that has them, such as Elastic's own."
        )
    template = {"index_patterns": [name], "data_stream": {}, "priority": _ABOVE_OTHERS, "template": wanted.body}
    _refuse_failed(service, "template of a data stream", put(service, f"/_index_template/{name}", template))
    _refuse_failed(service, "data stream", put(service, f"/_data_stream/{name}"))


def _refuse_failed(service: "ElasticsearchService", what: str, answer: "httpx2.Response") -> None:
    if not answer.is_success:
        raise DefinitionError(
            f"{service.alias} ({service.version}) refused this {what} ({reason_of(answer)}). Remedy: mend its mappings "
            "or settings."
        )
