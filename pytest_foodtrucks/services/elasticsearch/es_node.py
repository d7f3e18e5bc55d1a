"""What a node of Elasticsearch is: image, environment, and when it is ready."""

import importlib.metadata
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pytest_foodtrucks.errors import DefinitionError, NotReady, StartError
from pytest_foodtrucks.ready import Target, target_of
from pytest_foodtrucks.services.definitions import ServiceDefinition, define
from pytest_foodtrucks.settings import Settings, is_pinned, split_tag
from pytest_foodtrucks.values import checked, heap, image_name, shown, tag

from . import es_plugins, es_security, es_users
from .es_environment import Surroundings, without_given

PORTS: Final = (9200, 9300)

KEYWORDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "version": tag,
    "heap": heap,
    "security": es_security.mode,
    "plugins": es_plugins.plugins,
}
"""The checks of the keywords that only Elasticsearch has."""

_CLOSED_LINES: Final = {6: "6.8.23", 7: "7.17.29", 8: "8.19.21"}
"""The last server of each line that gets no more minor versions, by the client's major version."""

REPOSITORIES: Final = "/tmp/foodtrucks-snapshots"  # noqa: S108 - in the container, where nobody else is
"""Where a node may have repositories of snapshots: its `path.repo`.

In the official images the server's user may write below /tmp whatever the version; the server's home is read-only in
the later ones, and its data folder is often a volume. A relative location is below the first path here.
"""

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

    `keywords` are a service's, with `version`, `heap`, `security` and `plugins`; the settings give the first three
    where they are missing. With `build`, `version` says which server is built.
    """
    given = {name: value for name, value in keywords.items() if value is not None}
    own = {name: checked(name, given.pop(name), check) for name, check in KEYWORDS.items() if name in given}
    version, size = own.get("version"), own.get("heap", settings.es_heap)
    if "build" not in given:
        image = checked("image", given["image"], image_name) if "image" in given else None
        given["image"] = _image(settings, image, version)
        version = split_tag(given["image"].partition("@")[0])[1]
    given.setdefault("ports", PORTS)
    mode, strictly = own.get("security", settings.es_security), "ready" not in given
    given.setdefault("ready", healthy if mode == "off" else secured)
    plain = define(given, alias=alias, folder=folder)
    numbers, spec, added = _numbers(version), plain.spec, own.get("plugins", ())
    ours = environment(numbers, heap_size=size, fast_start=settings.es_jvm == "fast-start")
    security = _security(mode, spec.environment, given.get("scheme"), strictly=strictly)
    ours |= es_security.variables(security, numbers)
    return replace(
        plain,
        spec=replace(spec, environment=_merged(ours, spec.environment)),
        security=security,
        scheme="https" if mode == "tls" else given.get("scheme", "http"),
        derivation=es_plugins.derivation(added, folder, version=numbers) if added else None,
        surroundings=Surroundings(version=numbers, ml=settings.es_ml),
    )


def _security(
    mode: str, given: Mapping[str, str], scheme: str | None, *, strictly: bool
) -> es_security.ElasticsearchSecurity | None:
    """Return what secures a node; one whose readiness somebody else judges, not we strictly, may be secured by them."""
    if mode != "off" or strictly:
        es_security.refuse_contradiction(mode, given, scheme)
    return es_security.security(mode, given)


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
    index creation on a full CI machine; so is the GeoIP database's download at start (since 7.14). Repositories of
    snapshots on the file system must be below `path.repo`, which can't be set later.
    """
    jvm = [_FAST_START] if fast_start else []
    variables = {
        "discovery.type": "single-node",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "path.repo": REPOSITORIES,
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
    merged = {**without_given(ours, theirs), **theirs}
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


_PLAIN_HTTP: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "wrong version number", "record layer failure")
"""OpenSSL's words for an answer that isn't TLS."""


_NO_SUCH_PATH: Final = frozenset({400, 404, 405})


def secured(target: Target) -> None:
    """Ready when healthy, and when the node knows the tests' user; StartError where it has no security at all."""
    try:
        healthy(target)
    except NotReady as error:
        if any(words in error.message for words in _PLAIN_HTTP):
            raise _no_security_error(target, "speaks plain HTTP") from error
        raise
    path, status, body = "", 0, ""
    for path in ("/_security/_authenticate", "/_xpack/security/_authenticate"):  # the 6 line's own is the second
        status, body = target_of(target).fetch(path, port=PORTS[0], timeout=5.0)
        if status not in _NO_SUCH_PATH:
            break
    if status in _NO_SUCH_PATH:
        raise _no_security_error(target, f"answers {status} to GET {path}")
    if status != 200 or f'"{es_users.USER}"' not in body:  # noqa: PLR2004 - HTTP's "OK"
        raise NotReady(f"GET {path} answered {status}: {' '.join(body.split())[:200]}")


def _no_security_error(target: Target, what: str) -> StartError:
    alias = target_of(target).alias
    return StartError(
        f"{alias} isn't secured: it {what}, so its image has a server without the module x-pack-security. Remedy: "
        "take an image that has it, such as the official one, or give security='off'."
    )
