"""Copies of indices: a snapshot in a repository of the container's own, and indices restored from it.

A restored index is the same to whoever reads it, file for file: documents with their versions and sequence numbers,
their order, scores, settings, mappings, aliases. What is put back document by document is not: it comes last in its
index, and what was deleted before counts in scores until it is merged away.
"""

from collections.abc import Collection, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pytest_foodtrucks.errors import FoodtrucksError

from .es_requests import asked, sent

if TYPE_CHECKING:
    from .es import ElasticsearchService

_REPOSITORY: Final = "/_snapshot/.foodtrucks-seeded"
"""Its name begins with a dot, so it is nothing that a test left."""
_LOCATION: Final = {"type": "fs", "settings": {"location": "foodtrucks-seeded"}}
"""Below `path.repo`."""
_SNAPSHOT: Final = f"{_REPOSITORY}/seeded"
_RESTORE: Final = f"{_SNAPSHOT}/_restore?wait_for_completion=true"


class Copies:
    """The copies of some indices of a service."""

    def __init__(self, service: "ElasticsearchService") -> None:
        self._service = service

    def make(self, indices: Collection[str]) -> None:
        """Copy indices, in place of those that were copied before."""
        if not indices:
            return
        self._register()
        sent(self._service, "DELETE", _SNAPSHOT)  # of an earlier session, or none
        answer = asked(self._service, "PUT", f"{_SNAPSHOT}?wait_for_completion=true", _request(indices))
        self._refuse_partial("copied", answer["snapshot"])

    def _register(self) -> None:
        try:
            asked(self._service, "PUT", f"{_REPOSITORY}?verify=false", _LOCATION)
        except FoodtrucksError as error:
            raise FoodtrucksError(
                f"What was seeded can't be copied for es_pristine. {error.message} Leave path.repo out of "
                "environment=, or name a folder there that the server's user may write to."
            ) from error

    def restore(self, indices: Collection[str], *, prefix: str = "") -> None:
        """Put indices in place as they were copied, or beside them under names with a prefix, without their aliases.

        There must be no index of such a name.
        """
        request = _request(indices)
        if prefix:
            request.update(rename_pattern="^(.+)$", rename_replacement=f"{prefix}$1", include_aliases=False)
        answer = sent(self._service, "POST", _RESTORE, request)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            self._register()  # a test took the repository away; what is in it stayed
        told = answer.json() if answer.is_success else asked(self._service, "POST", _RESTORE, request)
        self._refuse_partial("restored", told["snapshot"])

    def delete(self, indices: Sequence[str]) -> None:
        """Delete indices; of one that is gone already nothing is left to do."""
        if indices:
            names = ",".join(quote(name, safe="") for name in indices)
            asked(self._service, "DELETE", f"/{names}?ignore_unavailable=true")

    def _refuse_partial(self, what: str, about: Any) -> None:
        if about["shards"]["failed"]:
            raise FoodtrucksError(
                f"Not all of what was seeded in {self._service.alias} could be {what}: {about.get('failures', about)}. "
                "Remedy: see its log."
            )


def _request(indices: Collection[str]) -> dict[str, Any]:
    return {"indices": ",".join(sorted(indices)), "include_global_state": False}
