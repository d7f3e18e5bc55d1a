"""What an Elasticsearch holds by name: listed, and deleted, each by its own path."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    import httpx2

_STATE: Final = "/_cluster/state/metadata?filter_path=" + ",".join(
    f"metadata.{part}"
    for part in (
        "indices.*.state",
        "indices.*.aliases",
        "indices.*.settings.index.blocks",
        "data_stream.data_stream_aliases.*.data_streams",
        "stored_scripts.*.lang",
    )
)
"""The state tells of indices with a metadata block, too; listings by name are refused where one index has it."""

_BLOCK: Final = "_settings/index.blocks."
"""In a path after the index: a block on it, which is lifted and not deleted."""

_FLAT_BLOCK: Final = "index.blocks."

_LIFTED_FIRST: Final = frozenset({"metadata", "read_only", "read_only_allow_delete"})
"""With one of these nothing else of an index can be changed, other blocks included."""

_SETTING: Final = "_cluster/settings/"
"""Begins the path of a setting of the cluster: whether it is persistent, its name, its value."""

_CLUSTER_BLOCK: Final = "cluster.blocks."

_NOT_THERE: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
"""What a listing answers where there is nothing of a kind, or where the server hasn't got the kind."""


OWN_REPOSITORY: Final = "foodtrucks"
"""The repository of snapshots that an Elasticsearch has of ours. Nobody left it; what is in it, somebody did."""


class Server(Protocol):
    """A service, as far as it is asked here."""

    @property
    def http(self) -> "httpx2.Client":
        """Its HTTP client."""


def _keys(answer: Any) -> Mapping[str, Any]:
    return dict(answer)


def _listed(key: str, name: Callable[[Any], str]) -> Callable[[Any], Mapping[str, Any]]:
    return lambda answer: {name(each): each for each in answer.get(key, ())}


def _enrich_name(policy: Any) -> str:
    (config,) = policy["config"].values()
    return str(config["name"])


def _not_reserved(answer: Any) -> Mapping[str, Any]:
    """Leave out the users and roles that each server has from its start."""
    return {name: about for name, about in answer.items() if not (about.get("metadata") or {}).get("_reserved", False)}


def _others_repositories(answer: Any) -> Mapping[str, Any]:
    return {name: about for name, about in answer.items() if name != OWN_REPOSITORY}


class Kind(NamedTuple):
    """A kind of things with a name.

    `path` begins the path of each, `query` is what a deletion needs behind it. `listing` asks for those whose names
    begin with a prefix, or for all; `names` reads its answer: each name, with what is told of that thing.
    """

    path: str
    listing: str
    names: Callable[[Any], Mapping[str, Any]]
    query: str = ""


_BEFORE_INDICES: Final = (
    Kind("_transform", "_transform?size=1000", _listed("transforms", lambda each: each["id"]), query="?force=true"),
    Kind(
        "_data_stream",
        "_data_stream/{prefix}*?expand_wildcards=all",
        _listed("data_streams", lambda each: each["name"]),
    ),
)
_AFTER_INDICES: Final = (
    Kind("_index_template", "_index_template/{prefix}*", _listed("index_templates", lambda each: each["name"])),
    Kind(
        "_component_template",
        "_component_template/{prefix}*",
        _listed("component_templates", lambda each: each["name"]),
    ),
    Kind("_template", "_template/{prefix}*", _keys),
    Kind("_ingest/pipeline", "_ingest/pipeline/{prefix}*", _keys),
    Kind("_enrich/policy", "_enrich/policy", _listed("policies", _enrich_name)),
    Kind("_synonyms", "_synonyms?size=1000", _listed("results", lambda each: each["synonyms_set"])),
    Kind("_query_rules", "_query_rules?size=1000", _listed("results", lambda each: each["ruleset_id"])),
    Kind("_ilm/policy", "_ilm/policy", _keys),
    Kind("_slm/policy", "_slm/policy", _keys),
    Kind(
        f"_snapshot/{OWN_REPOSITORY}",
        f"_snapshot/{OWN_REPOSITORY}/{{prefix}}*?verbose=false",
        _listed("snapshots", lambda each: each["snapshot"]),
    ),
    Kind("_snapshot", "_snapshot", _others_repositories),
)
"""In the order in which they can be deleted: what uses something goes before what it uses."""

_OF_SECURITY: Final = (
    Kind("_security/role_mapping", "_security/role_mapping", _keys),
    Kind("_security/user", "_security/user", _not_reserved),
    Kind("_security/role", "_security/role", _not_reserved),
)
"""Asked for where security is on alone: some servers answer 500 where it is off by their licence."""

_QUERIES: Final = {kind.path: kind.query for kind in _BEFORE_INDICES}


@dataclass(frozen=True)
class Failure:
    """Something that couldn't be listed or deleted, and the server's words for why."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what} ({self.why})"


class _Listing:
    """Asks a server for what has a name with a prefix; `failures` are those of kinds it couldn't list.

    `known` are the kinds as they were listed before, where they are the same still.
    """

    def __init__(
        self, server: Server, prefix: str = "", *, known: Mapping[str, Any] | None = None, secured: bool = False
    ) -> None:
        self._server = server
        self._of_security = _OF_SECURITY if secured else ()
        self._prefix = prefix
        self._known = known
        self.failures: list[Failure] = []

    def state(self) -> Mapping[str, Any]:
        """Return the part of the metadata that `things` needs."""
        found: Mapping[str, Any] = self._answer("its indices", _STATE).get("metadata", {})
        return found

    def things(self, state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield the path of each, with what the server tells of it, in the order in which they can be deleted."""
        indices: Mapping[str, Any] = state.get("indices", {})
        yield from self._blocks(indices)
        yield from self._of_kinds(_BEFORE_INDICES)
        yield from ((_path(index), None) for index in indices if self._is_meant(index))
        yield from self._aliases(indices, state.get("data_stream", {}).get("data_stream_aliases", {}))
        yield from self._of_kinds((*_AFTER_INDICES, *self._of_security))
        scripts = state.get("stored_scripts", {})
        yield from ((f"_scripts/{_path(name)}", scripts[name]) for name in scripts if self._is_meant(name))

    def _is_meant(self, name: str) -> bool:
        """Tell whether a name has the prefix, and isn't the server's own, which begins with a dot."""
        return name.startswith(self._prefix) and not name.startswith(".")

    def _blocks(self, indices: Mapping[str, Any]) -> Iterator[tuple[str, None]]:
        """Yield the blocks on indices, those behind a data stream too."""
        for index, about in indices.items():
            if self._is_meant(index.removeprefix(".ds-")):
                yield from ((path, None) for path in blocks_on(index, about.get("settings", {})))

    def _aliases(self, indices: Mapping[str, Any], of_streams: Mapping[str, Any]) -> Iterator[tuple[str, None]]:
        pairs = [(index, alias) for index, about in indices.items() for alias in about.get("aliases", ())]
        pairs += [(stream, alias) for alias, about in of_streams.items() for stream in about["data_streams"]]
        for index, alias in pairs:
            if self._is_meant(alias):
                yield f"{_path(index)}/_alias/{_path(alias)}", None

    def _of_kinds(self, kinds: Iterable[Kind]) -> Iterator[tuple[str, Any]]:
        for kind in kinds:
            if self._known is None:
                yield from self._of_kind(kind)
            else:
                yield from ((path, self._known[path]) for path in self._known if kind_of(path) == kind.path)

    def _of_kind(self, kind: Kind) -> Iterator[tuple[str, Any]]:
        answer = self._answer(kind.path, f"/{kind.listing.format(prefix=_path(self._prefix))}")
        for name, about in kind.names(answer).items():
            if self._is_meant(name) and not _is_managed(about):
                yield f"{kind.path}/{_path(name)}", about

    def _answer(self, what: str, path: str) -> Any:
        """Return what a listing holds; nothing where there is none."""
        answer = self._server.http.get(path)
        if answer.status_code == HTTPStatus.OK:
            return answer.json()
        if answer.status_code not in _NOT_THERE:
            self.failures.append(Failure(what, reason_of(answer)))
        return {}


def _path(name: str) -> str:
    return quote(name, safe="")


def kind_of(path: str) -> str:
    """Return which kind of things a path is of; of an index or an alias no kind's."""
    return path.rpartition("/")[0]


def blocks_on(index: str, settings: Mapping[str, Any]) -> list[str]:
    """Return the paths of the blocks on an index, given its settings, as the state has them or flat."""
    nested = settings.get("index", {}).get("blocks", {})
    flat = {name.removeprefix(_FLAT_BLOCK): settings[name] for name in settings if name.startswith(_FLAT_BLOCK)}
    on = [block for block, value in {**nested, **flat}.items() if str(value) == "true"]
    on.sort(key=lambda block: block not in _LIFTED_FIRST)
    return [f"{_path(index)}/{_BLOCK}{block}" for block in on]


def _is_managed(about: Any) -> bool:
    """Tell whether the server says of a thing that it is its own."""
    if not isinstance(about, Mapping):
        return False
    places = (about, *(about.get(key) for key in ("index_template", "component_template", "policy")))
    return any(isinstance(place, Mapping) and (place.get("_meta") or {}).get("managed", False) for place in places)


def reason_of(answer: "httpx2.Response") -> str:
    """Return why a server refused something, in its own words."""
    with suppress(ValueError, LookupError, TypeError):
        return f"{answer.status_code}: {answer.json()['error']['reason']}"
    return f"{answer.status_code}: {answer.text[:200]}"


def listed(server: Server, prefix: str = "", *, secured: bool = False) -> tuple[list[str], list[Failure]]:
    """Return the paths of all that has a name with a prefix, and what couldn't be listed.

    In the order in which they can be deleted, one by one, by their own names: since 8 the server refuses to delete by
    wildcard. What begins with a dot, and what is managed, is the server's own. Of a secured server users and roles are
    listed too. Raises httpx2's errors where no answer comes.
    """
    listing = _Listing(server, prefix, secured=secured)
    paths = [path for path, _ in listing.things(listing.state())]
    return paths, listing.failures


def things(
    server: Server, state: Mapping[str, Any], *, known: Mapping[str, Any] | None = None, secured: bool = False
) -> tuple[dict[str, Any], list[Failure]]:
    """Return the paths of all that has a name, each with what the server tells of it, and what couldn't be listed.

    As `listed`, given the state's metadata. `known` is what was listed before: with it no kind is listed again, only
    what the state tells of is new.
    """
    listing = _Listing(server, known=known, secured=secured)
    return dict(listing.things(state)), listing.failures


def settings(server: Server) -> list[str]:
    """Return the settings of the cluster that somebody set, as paths with their values; blocks on it come first."""
    answer = server.http.get("/_cluster/settings?flat_settings=true").raise_for_status().json()
    there = [(kind, *setting) for kind in ("persistent", "transient") for setting in answer.get(kind, {}).items()]
    there.sort(key=lambda each: not is_cluster_block(each[1]))
    return [f"{_SETTING}{kind}/{name}/{_path(str(value))}" for kind, name, value in there]


def is_cluster_block(setting: str) -> bool:
    """Tell whether a setting is a block on the cluster: the server then takes a request that lifts it, and no other."""
    return setting.startswith(_CLUSTER_BLOCK)


def delete(server: Server, paths: Iterable[str]) -> list[Failure]:
    """Delete what is at paths, and return what couldn't be deleted; what is gone already is fine."""
    failures = []
    for path in paths:
        answer = _delete(server, path)
        if not answer.is_success and answer.status_code != HTTPStatus.NOT_FOUND:  # an alias goes with its index
            failures.append(Failure(_in_words(path), reason_of(answer)))
    return failures


def _delete(server: Server, path: str) -> "httpx2.Response":
    if path.startswith(_SETTING):
        kind, name, _ = path.removeprefix(_SETTING).split("/")
        return server.http.put("/_cluster/settings", json={kind: {name: None}})
    index, is_block, block = path.partition(f"/{_BLOCK}")
    if is_block:  # one at a time: of an index with a metadata block the server changes nothing else
        return server.http.put(f"/{index}/_settings", json={f"index.blocks.{block}": None})
    return server.http.delete(f"/{path}{_QUERIES.get(kind_of(path), '')}")


def _in_words(path: str) -> str:
    index, is_alias, alias = path.partition("/_alias/")
    return unquote(f"{alias} of {index}" if is_alias else path)


def together(failures: Sequence[Failure]) -> str:
    """Return failures as a part of a sentence."""
    return "; ".join(map(str, failures))
