"""Requests to an Elasticsearch whose answers are needed: a refusal, and no answer, are errors of ours."""

from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.errors import FoodtrucksError

from .es_contents import reason_of

if TYPE_CHECKING:
    import httpx2

    from .es import ElasticsearchService

_SECONDS: Final = 120.0
"""What copies many documents takes its time; all else answers at once."""


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
        return service.http.request(method, path, json=body, timeout=_SECONDS)
    except httpx2.HTTPError as error:
        raise FoodtrucksError(
            f"{service.alias} gave no answer to {method} {path.partition('?')[0]}: {error}. Remedy: see why it is away."
        ) from error
