"""A running Elasticsearch: its clients, and how a kept one is put back."""

import functools
import importlib.metadata
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_foodtrucks.errors import ClientMismatch, DefinitionError, FoodtrucksError, StartError
from pytest_foodtrucks.services.contents import contents, restore
from pytest_foodtrucks.services.service import Service
from pytest_foodtrucks.values import checked

from . import es_contents, es_snapshots, es_users
from .es_node import fitting_version

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch, Elasticsearch


class ElasticsearchService(Service):
    """A running Elasticsearch; `client` is an `elasticsearch.Elasticsearch`."""

    @property
    def auth(self) -> tuple[str, str] | None:
        """User and password of who may do anything; None where security is off. Shown, the password reads as stars."""
        return self.__foodtrucks__.access.auth

    @property
    def ca_file(self) -> Path | None:
        """The authority that signed its certificate, as a PEM file of this machine; None where it speaks plain HTTP.

        For a container give it as a config: `configs=lambda es_on_net: {"ca.pem": es_on_net.ca_file}`.
        """
        return self.__foodtrucks__.access.ca_file

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
        client = self._client(self.auth)
        self.__foodtrucks__.closing.callback(client.close)
        return client

    def _client(self, auth: tuple[str, str] | None) -> "Elasticsearch":
        from elasticsearch import Elasticsearch  # noqa: PLC0415 - only tests that use the client pay for it

        check_pair(importlib.metadata.version("elasticsearch"), self.version)
        return Elasticsearch(self.url, **_access_of_client(auth, self.ca_file))

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

            client = AsyncElasticsearch(self.url, **_access_of_client(self.auth, self.ca_file))
        except (ImportError, ValueError) as error:
            raise FoodtrucksError(
                f"An async client can't be made: {error}. Remedy: pip install 'pytest-foodtrucks[async]'."
            ) from error
        async with client:
            yield client

    def api_key(self, *, role_descriptors: Mapping[str, Any] | None = None, expiration: str | None = None) -> str:
        """Make an API key, and return it as `Elasticsearch(api_key=…)` takes it.

        `role_descriptors` say what it may do (default: anything), `expiration` how long, such as "1h". Raises
        DefinitionError where security is off, FoodtrucksError with the server's words where it makes none.
        """
        self._refuse_open("api_key")
        return es_users.api_key(self, role_descriptors=role_descriptors, expiration=expiration)

    @contextmanager
    def as_user(self, roles: Sequence[str]) -> "Iterator[Elasticsearch]":
        """Yield a client of a new user who has these roles, for the length of a `with` block; the user goes with it.

        Raises DefinitionError where security is off, and for what is no list of roles' names.
        """
        self._refuse_open("as_user")
        names = checked("roles", roles, es_users.roles)
        with es_users.user(self, names) as auth, closing(self._client(auth)) as client:
            yield client

    def _refuse_open(self, asked: str) -> None:
        if self.auth is None:
            raise DefinitionError(
                f"{self.alias} has security off, and so no users: {asked}() can't be had. Remedy: give "
                "elasticsearch_service(security='basic'), or 'tls'; or set --foodtrucks-es-security."
            )


def _access_of_client(auth: tuple[str, str] | None, ca_file: Path | None) -> dict[str, Any]:
    """Return the keywords of a client of Elasticsearch's; the 7 line has another word for user and password."""
    word = "http_auth" if importlib.metadata.version("elasticsearch").startswith("7.") else "basic_auth"
    found: dict[str, Any] = {} if auth is None else {word: auth}
    return found if ca_file is None else {**found, "ca_certs": str(ca_file)}


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
        paths, failures = es_contents.listed(service, secured=service.auth is not None)
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
