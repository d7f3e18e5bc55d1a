"""Requests to an Elasticsearch that may take a while; no answer, and a refusal where none will do, are our errors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.errors import FoodtrucksError, StartError

from .es_contents import reason_of

if TYPE_CHECKING:
    import httpx2

    from .es import ElasticsearchService

PATIENCE: Final = 120.0
"""Seconds. On a busy machine an index alone may take ten, and what copies many documents takes its time."""


def put(
    service: "ElasticsearchService",
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    params: Mapping[str, str] | None = None,
) -> "httpx2.Response":
    """Send a JSON object, if there is one, to a path; its answer may be a refusal."""
    return service.http.put(path, json=body, params=params, timeout=PATIENCE)


@contextmanager
def answering(service: "ElasticsearchService", what: str) -> Iterator[None]:
    """Raise StartError, which says what was done, where the server gives no answer in this block."""
    import httpx2  # noqa: PLC0415 - only sessions that start something pay for it

    try:
        yield
    except httpx2.HTTPError as error:
        raise StartError(
            f"{service.alias} gave no answer while {what}: {error}. Remedy: see what its log says."
        ) from error


def asked(service: "ElasticsearchService", method: str, path: str, body: Any = None) -> Any:
    """Make a request and return the answer's JSON; FoodtrucksError where it is refused or no answer comes."""
    answer = sent(service, method, path, body)
    if not answer.is_success:
        raise FoodtrucksError(
            f"{service.alias} refused {method} {path.partition('?')[0]}: {reason_of(answer)}. Remedy: see whether "
            "something holds it, such as a block or a task that goes on."
        )
    return answer.json()


def sent(service: "ElasticsearchService", method: str, path: str, body: Any = None) -> "httpx2.Response":
    """Make a request and return the answer, whatever it says; FoodtrucksError where none comes."""
    import httpx2  # noqa: PLC0415 - only sessions that start something pay for it

    try:
        return service.http.request(method, path, json=body, timeout=PATIENCE)
    except httpx2.HTTPError as error:
        raise FoodtrucksError(
            f"{service.alias} gave no answer to {method} {path.partition('?')[0]}: {error}. Remedy: see why it is away."
        ) from error
