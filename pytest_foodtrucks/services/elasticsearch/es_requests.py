"""Requests that may take a while: how long an answer is waited for, and the error where there is none."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.errors import StartError

if TYPE_CHECKING:
    import httpx2

    from .es import ElasticsearchService

PATIENCE: Final = 120.0
"""Seconds. On a busy machine an index alone may take ten."""


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
