"""What Elasticsearch is: image, environment, readiness, client, and an index of one's own."""

import functools
import importlib.metadata
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.errors import ClientMismatch, DefinitionError, FoodtrucksError, NotReady, StartError
from pytest_foodtrucks.ready import Target, target_of
from pytest_foodtrucks.settings import Settings, is_pinned, split_tag
from pytest_foodtrucks.values import checked, heap, image_name, shown, tag

from .contents import contents, restore
from .definitions import ServiceDefinition, define
from .service import Service

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch, Elasticsearch

PORTS: Final = (9200, 9300)

KEYWORDS: Final[Mapping[str, Callable[[Any], Any]]] = {"version": tag, "heap": heap}
"""The checks of the keywords that only Elasticsearch has."""

_CLOSED_LINES: Final = {6: "6.8.23", 7: "7.17.29", 8: "8.19.21"}
"""The last server of each line that gets no more minor versions, by the client's major version."""

_FAST_START: Final = "-XX:TieredStopAtLevel=1"
"""Only the quick compiler: a server that lives for minutes doesn't earn back what the slow one costs."""


def fitting_version(client: str | None = None) -> str:
    """Return the server version that fits the installed client, or the given client's version."""
    if client is None:
        client = importlib.metadata.version("elasticsearch")
    major, minor = client.split(".")[:2]
    return _CLOSED_LINES.get(int(major), f"{major}.{minor}.0")


def definition(settings: Settings, keywords: Mapping[str, Any], *, alias: str, folder: Path) -> ServiceDefinition:
    """Return the definition of a single-node Elasticsearch.

    `keywords` are a service's, with `version` and `heap`; the settings give those that are missing. With `build`,
    `version` says which server is built.
    """
    given = {name: value for name, value in keywords.items() if value is not None}
    own = {name: checked(name, given.pop(name), check) for name, check in KEYWORDS.items() if name in given}
    version, size = own.get("version"), own.get("heap", settings.es_heap)
    if "build" not in given:
        image = checked("image", given["image"], image_name) if "image" in given else None
        given["image"] = _image(settings, image, version)
        version = split_tag(given["image"].partition("@")[0])[1]
    given.setdefault("ports", PORTS)
    given.setdefault("ready", healthy)
    plain = define(given, alias=alias, folder=folder)
    ours = environment(_numbers(version), heap_size=size, fast_start=settings.es_jvm == "fast-start")
    spec = plain.spec
    return replace(plain, spec=replace(spec, environment=_merged(ours, spec.environment)))


def _image(settings: Settings, image: str | None, version: str | None) -> str:
    if image is not None and version is not None and is_pinned(image):
        raise DefinitionError(
            f"image={shown(image)} has a version already, and version={shown(version)} says another. Remedy: give one "
            "of them."
        )
    if image is None:
        image = settings.es_image
        if version is not None:
            image = split_tag(image.partition("@")[0])[0]
    if is_pinned(image):
        return image
    if version is None:
        version = settings.es_version if settings.es_version is not None else fitting_version()
    return f"{image}:{version}"


def _numbers(version: str | None) -> tuple[int, int]:
    """Return major and minor version from a tag; a tag that isn't a version counts as the newest."""
    match = re.match(r"(\d+)\.(\d+)", version if version is not None else "")
    return (int(match[1]), int(match[2])) if match else (99, 0)


def environment(version: tuple[int, int], *, heap_size: str, fast_start: bool) -> dict[str, str]:
    """Return the environment of a throwaway node of a version.

    The heap is capped (elastic/elasticsearch docs, "JVM heap size"); disk watermarks are off, because they block
    index creation on a full CI machine; so is the GeoIP database's download at start (since 7.14).
    """
    jvm = [_FAST_START] if fast_start else []
    variables = {
        "discovery.type": "single-node",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "ES_JAVA_OPTS": " ".join([f"-Xms{heap_size}", f"-Xmx{heap_size}", *jvm]),
    }
    if version >= (7, 14):
        variables["ingest.geoip.downloader.enabled"] = "false"
    if version >= (8, 0):
        variables["xpack.security.enabled"] = "false"
        if fast_start:
            variables["CLI_JAVA_OPTS"] = _FAST_START  # the launcher is a JVM of its own since 8
    return variables


def _merged(ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    merged = {**ours, **theirs}
    if "ES_JAVA_OPTS" in theirs:
        merged["ES_JAVA_OPTS"] = f"{ours['ES_JAVA_OPTS']} {theirs['ES_JAVA_OPTS']}"
    return dict(sorted(merged.items()))


def healthy(target: Target) -> None:
    """Ready when the cluster's health is yellow or green; a shut door (401) or half an answer isn't."""
    path = "/_cluster/health?wait_for_status=yellow&timeout=1s"
    status, body = target_of(target).fetch(path, port=PORTS[0], timeout=5.0)
    words = f"GET {path} answered {status}: {' '.join(body.split())[:200]}"
    try:
        health = json.loads(body)
    except ValueError:
        raise NotReady(words) from None
    if status != 200 or not isinstance(health, dict) or health.get("status") not in {"yellow", "green"}:  # noqa: PLR2004 - HTTP's "OK"
        raise NotReady(words)


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
        client = Elasticsearch(self.url)
        self.__foodtrucks__.closing.callback(client.close)
        return client

    @asynccontextmanager
    async def async_client(self) -> "AsyncIterator[AsyncElasticsearch]":
        """Yield an `elasticsearch.AsyncElasticsearch`, and close it; needs the extra `async`."""
        check_pair(importlib.metadata.version("elasticsearch"), self.version)
        try:
            from elasticsearch import AsyncElasticsearch  # noqa: PLC0415 - only tests that use the client pay for it

            client = AsyncElasticsearch(self.url)
        except (ImportError, ValueError) as error:
            raise FoodtrucksError(
                f"An async client can't be made: {error}. Remedy: pip install 'pytest-foodtrucks[async]'."
            ) from error
        async with client:
            yield client


@contents.register
def _elasticsearch_contents(service: ElasticsearchService) -> set[str]:
    """Return the paths of its indices, aliases, templates and data streams, but for the server's own."""
    return set(_listed(service))


@restore.register
def _restore_elasticsearch(service: ElasticsearchService, had: "Iterable[str]") -> None:
    import httpx2  # noqa: PLC0415 - only sessions that start something pay for it

    before = set(had)
    try:
        _delete(service, [path for path in _listed(service) if path not in before])
    except httpx2.HTTPError as error:
        raise StartError(f"what came into it can't be deleted: {error}.") from error


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


@contextmanager
def private_index(service: ElasticsearchService) -> Iterator[str]:
    """Yield an index name that nobody else has, and delete afterwards what lives under it.

    That is: indices, aliases, data streams and templates whose name begins with it. The index itself isn't created.
    The deletion of data streams wasn't tried: the servers that the tests have lack their module.
    """
    name = f"test-{secrets.token_hex(6)}"
    try:
        yield name
    finally:
        delete_under(service, name)


def delete_under(service: ElasticsearchService, prefix: str) -> None:
    """Delete all data streams, indices, aliases and templates whose names begin with a prefix."""
    _delete(service, _listed(service, prefix))


def _listed(service: ElasticsearchService, prefix: str = "") -> list[str]:
    """Return the paths of all data streams, indices, aliases and templates whose names begin with a prefix.

    In the order in which they can be deleted, one by one, by their own names: since 8 the server refuses to delete by
    wildcard. What begins with a dot, and templates that are managed, are the server's own. A listing of indices follows
    aliases too, so what it names is looked at again: another's index may have an alias under the prefix.
    """
    streams = [f"_data_stream/{stream['name']}" for stream in _named(service, "_data_stream", prefix, "data_streams")]
    found = _found(service, f"/_cat/indices/{prefix}*?format=json&expand_wildcards=all", [])
    indices = [index["index"] for index in found if index["index"].startswith(prefix)]
    aliases = [
        f"{index}/_alias/{alias}"
        for index, about in _found(service, f"/_alias/{prefix}*", {}).items()
        for alias in about["aliases"]
    ]
    templates = [
        f"{kind}/{template['name']}"
        for kind in ("_index_template", "_component_template")
        for template in _named(service, kind, prefix, f"{kind[1:]}s")
        if not (template.get(kind[1:], {}).get("_meta") or {}).get("managed", False)
    ]
    legacy = [f"_template/{template}" for template in _found(service, f"/_template/{prefix}*", {})]
    paths = [*streams, *indices, *aliases, *templates, *legacy]
    return [path for path in paths if not path.rpartition("/")[2].startswith(".")]


def _delete(service: ElasticsearchService, paths: Iterable[str]) -> None:
    for path in paths:
        answer = service.http.delete(f"/{path}")
        if answer.status_code != HTTPStatus.NOT_FOUND:  # an alias goes with its index
            answer.raise_for_status()


def _named(service: ElasticsearchService, kind: str, prefix: str, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _found(service, f"/{kind}/{prefix}*", {}).get(key, [])
    return found


def _found(service: ElasticsearchService, path: str, nothing: Any) -> Any:
    """Return what a listing holds; nothing where there is none, or where the server hasn't got the feature."""
    answer = service.http.get(path)
    if answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
        return nothing
    return answer.raise_for_status().json()
