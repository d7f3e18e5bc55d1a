"""An index of a test's own, and the end of all that a test has under its name."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_foodtrucks.errors import FoodtrucksError

from . import es_contents
from .es import ElasticsearchService
from .es_own_index import OwnIndex, make


@contextmanager
def private_index(service: ElasticsearchService, wanted: OwnIndex | None = None) -> Iterator[str]:
    """Yield an index name that nobody else has, and delete afterwards what lives under it, blocked or not.

    That is: all whose name begins with it, of whatever kind `es_contents` lists. The index itself is created where it
    is told what it is to be.
    """
    name = f"test-{secrets.token_hex(6)}"
    try:
        if wanted is not None:
            make(service, name, wanted)
        yield name
    finally:
        delete_under(service, name)


def delete_under(service: ElasticsearchService, prefix: str) -> None:
    """Delete all whose names begin with a prefix; FoodtrucksError, at the end, for what can't be deleted."""
    import httpx2  # noqa: PLC0415 - only sessions that start something pay for it

    try:
        paths, failures = es_contents.listed(service, prefix)
        failures += es_contents.delete(service, paths)
    except httpx2.HTTPError as error:
        raise FoodtrucksError(
            f"{service.alias} gave no answer when what the test has under the name {prefix} was to be deleted: "
            f"{error}. Remedy: see why it is away."
        ) from error
    if failures:
        raise FoodtrucksError(
            f"What the test left in {service.alias} under the name {prefix} can't be deleted: "
            f"{es_contents.together(failures)}. Remedy: let the test delete it, or take away what holds it."
        )
