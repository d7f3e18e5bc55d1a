"""What Elasticsearch is: image, environment, readiness, client, and an index of one's own."""

import functools
import importlib.metadata
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.errors import ClientMismatch, DefinitionError, FoodtrucksError, NotReady, StartError
from pytest_foodtrucks.ready import Target, target_of
from pytest_foodtrucks.settings import Settings, is_pinned, split_tag
from pytest_foodtrucks.values import checked, heap, image_name, shown, tag

from . import es_contents
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
        client = Elasticsearch(self._first_address().url)
        self.__foodtrucks__.closing.callback(client.close)
        return client

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


@contextmanager
def private_index(service: ElasticsearchService) -> Iterator[str]:
    """Yield an index name that nobody else has, and delete afterwards what lives under it, blocked or not.

    That is: all whose name begins with it, of whatever kind `es_contents` lists. The index itself isn't created.
    """
    name = f"test-{secrets.token_hex(6)}"
    try:
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
