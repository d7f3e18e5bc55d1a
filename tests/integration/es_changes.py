"""Changes of all kinds that a test may make to an Elasticsearch that was seeded, by plain HTTP."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from .es_comparison import ask

INDICES = ("trucks", "parks", "empty")


class Request(NamedTuple):
    """A request that changes something, or is refused."""

    method: str
    path: str
    body: Any = None


Change = Sequence[Request]


class Line:
    """A line of servers: what its requests look like."""

    def __init__(self, version: str) -> None:
        self.number = tuple(int(part) for part in version.split(".")[:2])

    @property
    def typed(self) -> bool:
        """Tell whether mappings have a type."""
        return self.number < (7, 0)

    def mappings(self, properties: Mapping[str, Any]) -> Any:
        """Return the mappings of an index."""
        return {"_doc": {"properties": properties}} if self.typed else {"properties": properties}

    def mapping(self, index: str, properties: Mapping[str, Any]) -> Request:
        """Return the request that adds fields."""
        return Request("PUT", f"/{index}/_mapping{'/_doc' if self.typed else ''}", {"properties": properties})

    def bulk(self, lines: Sequence[Mapping[str, Any]]) -> Request:
        """Return a bulk request."""
        typed = [
            {action: {**about, "_type": "_doc"}} if self.typed and action in {"index", "delete"} else line
            for line in lines
            for action, about in [next(iter(line.items()))]
        ]
        return Request("POST", "/_bulk?refresh=true", "".join(f"{json.dumps(line)}\n" for line in typed))


def seed_requests(line: Line) -> list[Request]:
    """Return what fills a server."""
    fields = {"name": {"type": "text"}, "dish": {"type": "keyword"}, "place": {"type": "geo_point"}}
    trucks = [
        part
        for number in range(60)
        for part in (
            {"index": {"_index": "trucks", "_id": f"t{number}"}},
            {"name": f"truck {'taco ' * (number % 4)}{number}", "dish": "taco", "place": [number / 10, 50]},
        )
    ]
    parks = [
        part
        for number in range(20)
        for part in (
            {"index": {"_index": "parks", "_id": f"p{number}", "routing": f"r{number % 3}"}},
            {"name": f"park taco {number}"},
        )
    ]
    aliases = {"green": {"filter": {"term": {"dish": "grass"}}, "routing": "r1"}, "all": {}}
    return [
        Request("PUT", "/_template/old", {"index_patterns": ["old-*"], "settings": {"number_of_shards": 1}}),
        Request("PUT", "/_component_template/part", {"template": {"settings": {"number_of_replicas": 0}}}),
        Request("PUT", "/_index_template/new", {"index_patterns": ["new-*"], "composed_of": ["part"], "priority": 3}),
        Request("PUT", "/_ingest/pipeline/wash", {"description": "washes", "processors": []}),
        Request("PUT", "/_cluster/settings", {"persistent": {"cluster.max_shards_per_node": "900"}}),
        Request(
            "PUT",
            "/trucks",
            {
                "settings": {"number_of_shards": 1, "number_of_replicas": 0},
                "mappings": line.mappings(fields),
                "aliases": {"all": {}},
            },
        ),
        Request(
            "PUT",
            "/parks",
            {
                "settings": {"number_of_shards": 2, "number_of_replicas": 1, "index.refresh_interval": "200ms"},
                "mappings": line.mappings(fields),
                "aliases": aliases,
            },
        ),
        Request("PUT", "/empty", {"mappings": line.mappings({"name": {"type": "text"}})}),
        line.bulk(trucks),
        line.bulk(parks),
        line.bulk([{"delete": {"_index": "trucks", "_id": "t7"}}]),
        line.bulk([{"index": {"_index": "trucks", "_id": "t3"}}, {"name": "taco again", "dish": "soup"}]),
    ]


indices = st.sampled_from(INDICES)
numbers = st.integers(0, 59)


def changes(line: Line) -> st.SearchStrategy[Change]:
    """Return a strategy for changes."""
    return st.one_of(
        [
            *_of_documents(line),
            *_of_indices(line),
            *_of_settings(),
            *_of_aliases(),
            *_of_things(),
            st.just([Request("POST", "/_all/_flush"), Request("POST", "/_all/_refresh")]),
        ]
    )


def _of_documents(line: Line) -> list[st.SearchStrategy[Change]]:
    def one(action: str) -> Callable[[str, int], Change]:
        body = [] if action == "delete" else [{"name": "taco taco", "dish": "new"}]
        return lambda index, number: [line.bulk([{action: {"_index": index, "_id": f"{index[0]}{number}"}}, *body])]

    def unrefreshed(index: str, number: int) -> Change:
        return [Request("PUT", f"/{index}/_doc/{index[0]}{number}", {"name": "unseen"})]

    def all_of_them(index: str, _: int) -> Change:
        return [line.bulk([{"delete": {"_index": index, "_id": f"{index[0]}{number}"}} for number in range(60)])]

    def new_field(index: str, number: int) -> Change:
        return [line.bulk([{"index": {"_index": index, "_id": f"x{number}"}}, {f"field{number % 5}": number}])]

    made = (one("index"), one("delete"), unrefreshed, all_of_them, new_field)
    return [st.builds(function, indices, numbers) for function in made]


def _of_indices(line: Line) -> list[st.SearchStrategy[Change]]:
    delete = indices.map(lambda index: [Request("DELETE", f"/{index}")])
    again = indices.map(
        lambda index: [
            Request("DELETE", f"/{index}"),
            Request("PUT", f"/{index}", {"settings": {"number_of_shards": 3}}),
            line.bulk([{"index": {"_index": index, "_id": "1"}}, {"name": "another"}]),
        ]
    )
    new = numbers.map(lambda number: [Request("PUT", f"/came-{number}", {"aliases": {"all": {}}})])
    clone = indices.map(
        lambda index: [
            Request("PUT", f"/{index}/_settings", {"index.blocks.write": True}),
            Request("POST", f"/{index}/_clone/clone-{index}"),
        ]
    )
    everything = st.just([Request("DELETE", f"/{index}") for index in INDICES])
    close = indices.map(lambda index: [Request("POST", f"/{index}/_close")])
    opened = indices.map(lambda index: [Request("POST", f"/{index}/_close"), Request("POST", f"/{index}/_open")])
    field = st.builds(lambda index: [line.mapping(index, {"added": {"type": "keyword"}})], indices)
    return [delete, again, new, clone, everything, close, opened, field]


_OF_AN_INDEX: Sequence[Mapping[str, Any]] = (
    {"index.blocks.write": True},
    {"index.blocks.read": True},
    {"index.blocks.metadata": True},
    {"index.blocks.read_only": True},
    {"index.blocks.read_only_allow_delete": True},
    {"index.refresh_interval": "-1"},
    {"index.number_of_replicas": 2},
    {"index.max_result_window": 5},
    {"index.routing.allocation.require._name": "nobody"},
)

_OF_THE_CLUSTER: Sequence[Mapping[str, Any]] = (
    {"persistent": {"cluster.max_shards_per_node": None}},
    {"persistent": {"cluster.max_shards_per_node": "5"}},
    {"persistent": {"cluster.blocks.read_only": True}},
    {"transient": {"cluster.blocks.read_only_allow_delete": True}},
    {"transient": {"cluster.routing.allocation.enable": "none"}},
    {"persistent": {"action.auto_create_index": "false"}},
)


def _of_settings() -> list[st.SearchStrategy[Change]]:
    of_index = st.builds(
        lambda index, settings: [Request("PUT", f"/{index}/_settings", settings)],
        indices,
        st.sampled_from(_OF_AN_INDEX),
    )
    of_cluster = st.sampled_from(_OF_THE_CLUSTER).map(lambda body: [Request("PUT", "/_cluster/settings", body)])
    return [of_index, of_cluster]


def _of_aliases() -> list[st.SearchStrategy[Change]]:
    def actions(*each: Mapping[str, Any]) -> Change:
        return [Request("POST", "/_aliases", {"actions": list(each)})]

    add = indices.map(lambda index: actions({"add": {"index": index, "alias": "came"}}))
    remove = indices.map(lambda index: actions({"remove": {"index": index, "alias": "all"}}))
    change = st.just(actions({"add": {"index": "parks", "alias": "green", "routing": "r2"}}))
    instead = indices.map(
        lambda index: [
            Request("DELETE", f"/{index}"),
            Request("PUT", f"/other-{index}", {"aliases": {index: {}, "came": {}}}),
        ]
    )
    index_named_so = st.just([*actions({"remove": {"index": "parks", "alias": "green"}}), Request("PUT", "/green")])
    return [add, remove, change, instead, index_named_so]


_THINGS: Mapping[str, Any] = {
    "_template/old": {"index_patterns": ["trucks*"], "order": 7},
    "_component_template/part": {"template": {"settings": {"number_of_replicas": 1}}},
    "_index_template/new": {"index_patterns": ["other-*"], "priority": 4},
    "_ingest/pipeline/wash": {"description": "dirties", "processors": []},
}
_NEW_THINGS: Mapping[str, Any] = {
    "_template/came": {"index_patterns": ["*"], "settings": {"number_of_replicas": 3}},
    "_component_template/came": {"template": {}},
    "_index_template/came": {"index_patterns": ["tru*"], "composed_of": ["came"], "priority": 900},
    "_ingest/pipeline/came": {"processors": []},
    "_snapshot/came": {"type": "fs", "settings": {"location": "came"}},
}


def _of_things() -> list[st.SearchStrategy[Change]]:
    changed = st.sampled_from(sorted(_THINGS)).map(lambda path: [Request("PUT", f"/{path}", _THINGS[path])])
    deleted = st.sampled_from(sorted(_THINGS)).map(lambda path: [Request("DELETE", f"/{path}")])
    new = st.sampled_from(sorted(_NEW_THINGS)).map(lambda path: [Request("PUT", f"/{path}", _NEW_THINGS[path])])
    both = st.just([Request("PUT", f"/{path}", _NEW_THINGS[path]) for path in _NEW_THINGS])
    repositories = st.just([Request("DELETE", "/_snapshot/*")])
    gone = st.just([Request("DELETE", "/_index_template/new"), Request("DELETE", "/_component_template/part")])
    return [changed, deleted, new, both, repositories, gone]


def apply(url: str, change: Change) -> list[int]:
    """Make a change's requests, and return their statuses: some are refused, after others that came before."""
    return [ask(f"{url}{request.path}", request.method, request.body)[0] for request in change]
