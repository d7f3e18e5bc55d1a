"""What an Elasticsearch holds: marks that change with it and are cheap to ask for, and all of it but the documents."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from pytest_foodtrucks.errors import FoodtrucksError

from . import es_contents
from .es_requests import asked, sent
from .es_things import body_of, is_user

if TYPE_CHECKING:
    from .es import ElasticsearchService

_SETTLED_BY_SERVER: Final = frozenset(
    {"index.uuid", "index.history.uuid", "index.version.upgraded", "index.provided_name"}
)
"""Settings of an index that nobody can set, and that are others once it was put back."""

_NOT_OF_TESTS: Final = frozenset(
    {"indices", "index-graveyard", "cluster_uuid", "cluster_uuid_committed", "cluster_coordination", "version"}
)
"""Parts of the state's metadata that are the server's own bookkeeping; the indices are looked at apart."""

_HIDDEN_SINCE: Final = (7, 7)
"""Since then indices may be hidden, and listings leave them out unless asked."""


@dataclass(frozen=True)
class Marks:
    """What changes with each change: of metadata the state's id, of documents the sequence numbers.

    `documents` has for each open index its UUID and the highest sequence number of each shard. Every indexed, changed
    or deleted document gets the next one (Elasticsearch's documentation, "Optimistic concurrency control").
    """

    state: str
    documents: Mapping[str, Any]

    @property
    def of_server(self) -> Mapping[str, Any]:
        """Those of the server's own indices: users, synonyms and the like are documents there."""
        return {name: mark for name, mark in self.documents.items() if name.startswith(".")}


def marks(service: "ElasticsearchService") -> Marks:
    """Ask for the marks: two requests. Where an index has a metadata block, none of documents can be had."""
    state = asked(service, "GET", "/_cluster/state/version?filter_path=state_uuid")["state_uuid"]
    told = sent(
        service,
        "GET",
        f"/_stats/docs?level=shards{_hidden_too(service)}"
        "&filter_path=indices.*.uuid,indices.*.shards.*.seq_no.max_seq_no",
    )
    indices = told.json().get("indices", {}) if told.is_success else {}
    return Marks(state, {name: _mark(about) for name, about in indices.items()})


def _mark(about: Mapping[str, Any]) -> list[Any]:
    """Return an index' UUID and its shards' highest sequence numbers; lists, because JSON has no tuples."""
    shards = about.get("shards", {})
    return [
        about["uuid"],
        {shard: [each.get("seq_no", {}).get("max_seq_no") for each in shards[shard]] for shard in shards},
    ]


def _hidden_too(service: "ElasticsearchService") -> str:
    """Return the parameter with which hidden indices are listed too; older servers have none, and refuse it."""
    major, minor = service.version.split(".")[:2]
    return "&expand_wildcards=open,hidden" if (int(major), int(minor)) >= _HIDDEN_SINCE else ""


@dataclass(frozen=True)
class Holdings:
    """All that an Elasticsearch holds, but the documents themselves.

    `indices` have their settings, mappings, aliases and whether they are open; the server's own, which begin with a
    dot, aren't among them. `settings` are the cluster's, by "persistent" or "transient". `things` are all that has a
    name, by paths as in `es_contents`, each with the body that makes it, where we know one. `others` is the rest of the
    state's metadata.
    """

    marks: Marks
    indices: Mapping[str, Any]
    settings: Mapping[str, Mapping[str, Any]]
    things: Mapping[str, Any]
    others: Mapping[str, Any]


def holdings(service: "ElasticsearchService", before: Holdings | None = None) -> Holdings:
    """Ask for what it holds now; what is certain to be as it was `before` isn't asked for again."""
    seen = marks(service)
    if before is not None and seen.state == before.marks.state and seen.of_server == before.marks.of_server:
        return replace(before, marks=seen)  # documents change nothing else
    state = asked(service, "GET", "/_cluster/state/metadata?flat_settings=true")["metadata"]
    others = {part: state[part] for part in state if part not in _NOT_OF_TESTS}
    is_known = before is not None and others == before.others and seen.of_server == before.marks.of_server
    settings = asked(service, "GET", "/_cluster/settings?flat_settings=true")
    return Holdings(
        seen,
        _indices(state["indices"], _aliases(service)),
        {kind: settings.get(kind, {}) for kind in ("persistent", "transient")},
        _things(service, state, known=before.things if before is not None and is_known else None),
        others,
    )


def _indices(state: Mapping[str, Any], aliases: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "state": about["state"],
            "settings": {key: value for key, value in about["settings"].items() if key not in _SETTLED_BY_SERVER},
            "mappings": about["mappings"],
            "aliases": aliases.get(name, {}).get("aliases", about["aliases"]),
        }
        for name, about in state.items()
        if not name.startswith(".")
    }


def _aliases(service: "ElasticsearchService") -> Mapping[str, Any]:
    """Return the aliases in full, with filters and routing; nothing where an index has a metadata block."""
    told = sent(service, "GET", f"/_alias?{_hidden_too(service)}")
    if told.status_code == HTTPStatus.FORBIDDEN:
        return {}
    indices: Mapping[str, Any] = told.json() if told.is_success else {}
    return indices


def _things(
    service: "ElasticsearchService", state: Mapping[str, Any], *, known: Mapping[str, Any] | None
) -> dict[str, Any]:
    found, failures = es_contents.things(service, state, known=known, secured=service.auth is not None)
    if failures:
        raise FoodtrucksError(
            f"What {service.alias} holds can't be listed: {es_contents.together(failures)}. Remedy: see why not."
        )
    if known is not None:
        return {path: known.get(path, about) for path, about in found.items()}  # of scripts, too, the body
    bodies = {path: body_of(path, about) for path, about in found.items()}
    users = [path for path in bodies if is_user(path)]
    hashes = _password_hashes(service) if users else {}
    for path in users:
        bodies[path]["password_hash"] = hashes.get(unquote(path.rpartition("/")[2]))
    return bodies


def _password_hashes(service: "ElasticsearchService") -> dict[str, Any]:
    """Return the hashes of the users' passwords, which are told nowhere but in the server's own index of them."""
    query = {"query": {"term": {"type": "user"}}, "size": 1000}
    hits = asked(service, "POST", "/.security/_search", query)["hits"]["hits"]
    return {hit["_id"].removeprefix("user-"): hit["_source"].get("password") for hit in hits}
