"""A running Elasticsearch: its clients, and how a kept one is put back."""

import functools
import importlib.metadata
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_foodtrucks.errors import ClientMismatch, FoodtrucksError, StartError
from pytest_foodtrucks.services.contents import contents, restore
from pytest_foodtrucks.services.service import Service

from . import es_contents, es_snapshots
from .es_node import fitting_version

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch, Elasticsearch


class ElasticsearchService(Service):
    """A running Elasticsearch; `client` is an `elasticsearch.Elasticsearch`."""

    auth: tuple[str, str] | None = None
    """User and password; None, because security is off."""

    ca_file: Path | None = None
    """The authority that signed its certificate; None, because it speaks plain HTTP."""

    @functools.cached_property
    def version(self) -> str:
        """The server's version, from the node itself."""
        answer = self.http.get("/_nodes", params={"filter_path": "nodes.*.version"})
        nodes = answer.raise_for_status().json()["nodes"]
        return str(next(iter(nodes.values()))["version"])

    @functools.cached_property
    def client(self) -> "Elasticsearch":
        """An `elasticsearch.Elasticsearch`.

        Raises ClientMismatch where the installed client can't speak to this server.
        """
        from elasticsearch import Elasticsearch  # noqa: PLC0415 - only tests that use the client pay for it

        check_pair(importlib.metadata.version("elasticsearch"), self.version)
        client = Elasticsearch(self._first_address().url)
        self.__foodtrucks__.closing.callback(client.close)
        return client

    @functools.cached_property
    def snapshot_repository(self) -> str:
        """The name of a repository of snapshots, which lives as long as the container.

        It is registered when this is first asked for; FoodtrucksError where the server refuses it. All xdist workers
        have the same one, so each names its snapshots differently, as after `es_index`.
        """
        return es_snapshots.registered(self, self.alias)

    @asynccontextmanager
    async def async_client(self) -> "AsyncIterator[AsyncElasticsearch]":
        """Yield an `elasticsearch.AsyncElasticsearch`, and close it; needs the extra `async`."""
        check_pair(importlib.metadata.version("elasticsearch"), self.version)
        try:
            from elasticsearch import AsyncElasticsearch  # noqa: PLC0415 - only tests that use the client pay for it

            client = AsyncElasticsearch(self._first_address().url)
        except (ImportError, ValueError) as error:
            raise FoodtrucksError(
                f"An async client can't be made: {error}. Remedy: pip install 'pytest-foodtrucks[async]'."
            ) from error
        async with client:
            yield client


@contents.register
def _elasticsearch_contents(service: ElasticsearchService) -> set[str]:
    return set(_paths(service))


@restore.register
def _restore_elasticsearch(service: ElasticsearchService, had: "Iterable[str]") -> None:
    before, now = set(had), _paths(service)
    gone = sorted(before - {*now})
    if gone:
        raise StartError(f"a test deleted or changed {', '.join(gone)}.")
    with _answering("what came into it can't be deleted"):
        failures = es_contents.delete(service, [path for path in now if path not in before])
    if failures:
        raise StartError(f"what came into it can't be deleted: {es_contents.together(failures)}.")


def _paths(service: ElasticsearchService) -> list[str]:
    """Return the paths of all that has a name in it, and of the cluster's settings, but for the server's own."""
    with _answering("what is in it can't be listed"):
        settings = es_contents.settings(service)
        paths, failures = es_contents.listed(service)
    if failures:
        raise StartError(f"what is in it can't be listed: {es_contents.together(failures)}.")
    return [*settings, *paths]


@contextmanager
def _answering(what: str) -> Iterator[None]:
    """Raise StartError where the server gives no answer in this block, or refuses one."""
    import httpx2  # noqa: PLC0415 - only sessions that start something pay for it

    try:
        yield
    except httpx2.HTTPError as error:
        raise StartError(f"{what}: {error}.") from error


def check_pair(client: str, server: str) -> None:
    """Raise ClientMismatch for a client and a server that can't speak to each other, naming what would do.

    Since 8 the client refuses servers that don't call themselves Elasticsearch (6.8 doesn't), and a server refuses
    the media type of a client newer than its own major version.
    """
    ours, theirs = (int(version.partition(".")[0]) for version in (client, server))
    works = theirs >= ours or (ours == 8 and theirs == 7) or (ours == 7 and theirs == 6)  # noqa: PLR2004 - majors
    if not works:
        raise ClientMismatch(
            f"The installed client elasticsearch {client} can't speak to the server {server}. Remedy: install "
            f"'elasticsearch>={max(theirs, 7)},<{max(theirs, 7) + 1}', or run a server that fits the client, such as "
            f"--foodtrucks-es-version={fitting_version(client)}."
        )
