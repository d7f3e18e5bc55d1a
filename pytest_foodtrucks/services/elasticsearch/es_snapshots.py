"""The repository of snapshots that each Elasticsearch has: registered when it is first asked for."""

from typing import Final

from pytest_foodtrucks.errors import FoodtrucksError

from .es_contents import OWN_REPOSITORY, Server, reason_of

_PATH: Final = f"/_snapshot/{OWN_REPOSITORY}"
_SETTINGS: Final = {"type": "fs", "settings": {"location": OWN_REPOSITORY}}
"""A relative location is below the first path of `path.repo` (Elasticsearch's documentation, "Shared file system
repository"), wherever that is."""


def registered(server: Server, alias: str) -> str:
    """Register the repository unless it is there, and return its name; FoodtrucksError where the server refuses it.

    It is asked for first, and once more after a refusal: another xdist worker may register it at the same moment, and
    older servers refuse to register one again while a snapshot is being written to it.
    """
    if _is_there(server):
        return OWN_REPOSITORY
    answer = server.http.put(_PATH, json=_SETTINGS)
    if not answer.is_success and not _is_there(server):
        raise FoodtrucksError(
            f"{alias} has no repository of snapshots: it can't be registered ({reason_of(answer)}). Remedy: leave "
            "path.repo out of environment=, or name a folder there that the server's user may write to."
        )
    return OWN_REPOSITORY


def _is_there(server: Server) -> bool:
    return server.http.get(_PATH).is_success
