"""A running Elasticsearch as tests get it: its version, its clients, an index of one's own."""

import asyncio
import http.server
import importlib.metadata
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import elasticsearch
import pytest
from elasticsearch import Elasticsearch

from fakes.engine import FakeEngine
from fakes.json_server import json_handler
from fakes.serving import serving
from fakes.session import new_stack
from pytest_foodtrucks.errors import ClientMismatch, FoodtrucksError, StartError
from pytest_foodtrucks.services.access import Access
from pytest_foodtrucks.services.contents import contents, restore
from pytest_foodtrucks.services.definitions import define
from pytest_foodtrucks.services.elasticsearch import es, es_index, es_node
from pytest_foodtrucks.services.elasticsearch.es_holdings import holdings
from pytest_foodtrucks.services.elasticsearch.es_restoring import Seeded
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.starting import running_service

CLIENT = importlib.metadata.version("elasticsearch")


class Node:
    """What a node answers to GET, by path without its query, and what it was told to delete.

    `metadata` is its state's; `refuses` tells what it can't delete, and its words. `put` has what it was told to set.
    """

    def __init__(self) -> None:
        self.version = es_node.fitting_version()
        self.answers: dict[str, tuple[int, Any]] = {}
        self.metadata: dict[str, Any] = {}
        self.settings: dict[str, Any] = {"persistent": {}, "transient": {}}
        self.deleted: list[str] = []
        self.put: list[tuple[str, Any]] = []
        self.refuses: dict[str, tuple[int, str]] = {}

    def answer(self, method: str, path: str, sent: bytes) -> tuple[int, Any]:
        plain = path.partition("?")[0]
        if method == "PUT":
            self.put.append((plain, json.loads(sent) if sent else None))
        if method == "DELETE":
            self.deleted.append(path)
        if method in {"PUT", "DELETE"}:
            status, reason = self.refuses.get(plain, (200, ""))
            return status, {"error": {"reason": reason}}
        if plain == "/_cluster/state/metadata":
            return 200, {"metadata": self.metadata}
        if plain == "/_cluster/settings":
            return 200, self.settings
        if plain == "/_nodes":
            return 200, {"nodes": {"n": {"version": self.version}}}
        if plain == "/":  # what a client of the 7 line asks first
            return 200, {
                "version": {"number": self.version, "build_flavor": "default"},
                "tagline": "You Know, for Search",
            }
        return self.answers.get(plain, (404, {"error": "no such thing"}))


@contextmanager
def answering(node: Node) -> Iterator[int]:
    """Let a node answer on a port."""
    with serving(
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), json_handler(lambda *asked: node.answer(*asked)))  # noqa: PLW0108 - a test may replace it
    ) as server:
        yield server.server_port


@pytest.fixture
def node() -> Node:
    """Return a node of the version that fits the installed client."""
    return Node()


@pytest.fixture
def service(node: Node) -> Iterator[es.ElasticsearchService]:
    """Return the service behind which that node is."""
    engine = FakeEngine()
    network = Network(new_stack(engine), "net", "bridge", internal=False)
    definition = define({"image": "es", "ports": [9200], "ready": lambda _: None}, alias="es", folder=Path("/project"))
    engine.images = {"es"}
    with (
        answering(node) as port,
        running_service(network.stack, [network.ref], definition, es.ElasticsearchService) as running,
    ):
        assert isinstance(running, es.ElasticsearchService)
        bindings = engine.containers[running.container.id]["HostConfig"]["PortBindings"]
        bindings["9200/tcp"] = [{"HostIp": "127.0.0.1", "HostPort": str(port)}]
        yield running


def test_the_version_is_the_nodes_own_word(node: Node, service: es.ElasticsearchService) -> None:
    node.version = "8.8.2"
    assert service.version == "8.8.2"


def test_without_security_there_is_neither_password_nor_authority(service: es.ElasticsearchService) -> None:
    assert (service.auth, service.ca_file) == (None, None)


def test_the_client_speaks_to_the_node(node: Node, service: es.ElasticsearchService) -> None:
    node.answers["/_cat/nodes"] = (200, [{"name": "me"}])
    assert isinstance(service.client, Elasticsearch)
    rows: list[Any] = list(service.client.cat.nodes(format="json"))
    assert rows == [{"name": "me"}]
    assert service.client is service.client


def test_a_server_that_the_client_cant_speak_to_is_told_when_the_client_is_asked_for(
    node: Node, service: es.ElasticsearchService
) -> None:
    node.version = "1.7.6"
    with pytest.raises(ClientMismatch, match=f"client elasticsearch {CLIENT} can't speak to the server 1.7.6"):
        _ = service.client


# snapshots


def test_the_repository_is_registered_once(node: Node, service: es.ElasticsearchService) -> None:
    assert service.snapshot_repository == service.snapshot_repository == "foodtrucks"
    assert node.put == [("/_snapshot/foodtrucks", {"type": "fs", "settings": {"location": "foodtrucks"}})]


def test_one_that_another_worker_registered_is_taken(node: Node, service: es.ElasticsearchService) -> None:
    node.answers["/_snapshot/foodtrucks"] = (200, {"foodtrucks": {"type": "fs"}})
    assert service.snapshot_repository == "foodtrucks"
    assert node.put == []


def test_a_refusal_is_none_where_another_worker_registered_it_meanwhile(
    node: Node, service: es.ElasticsearchService
) -> None:
    node.refuses["/_snapshot/foodtrucks"] = (500, "currently used")
    answer = node.answer

    def meanwhile(method: str, path: str, sent: bytes) -> tuple[int, Any]:
        if method == "PUT":
            node.answers["/_snapshot/foodtrucks"] = (200, {})
        return answer(method, path, sent)

    node.answer = meanwhile  # type: ignore[method-assign]
    assert service.snapshot_repository == "foodtrucks"


def test_a_server_that_refuses_it_is_told_with_a_remedy(node: Node, service: es.ElasticsearchService) -> None:
    node.refuses["/_snapshot/foodtrucks"] = (500, "[foodtrucks] location doesn't match path.repo")
    with pytest.raises(FoodtrucksError, match=r"^es has no repository .*match path\.repo.* Remedy: leave"):
        _ = service.snapshot_repository


def test_an_async_client_speaks_to_the_node_and_is_closed(node: Node, service: es.ElasticsearchService) -> None:
    node.answers["/_cat/nodes"] = (200, [{"name": "me"}])

    async def ask() -> object:
        async with service.async_client() as client:
            return list(await client.cat.nodes(format="json"))

    assert asyncio.run(ask()) == [{"name": "me"}]


def test_an_async_client_is_refused_a_server_that_it_cant_speak_to(
    node: Node, service: es.ElasticsearchService
) -> None:
    node.version = "1.7.6"

    async def ask() -> None:
        async with service.async_client():
            pass

    with pytest.raises(ClientMismatch):
        asyncio.run(ask())


def test_an_async_client_that_isnt_there_is_an_error_with_a_remedy(
    service: es.ElasticsearchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(elasticsearch, "AsyncElasticsearch")  # so does a client of the 7 line without aiohttp

    async def ask() -> None:
        async with service.async_client():
            pass

    with pytest.raises(FoodtrucksError, match=r"An async client can't be made: .*pytest-foodtrucks\[async\]"):
        asyncio.run(ask())


# an index of one's own


def test_an_index_has_a_name_that_nobody_else_has(service: es.ElasticsearchService) -> None:
    with es_index.private_index(service) as first, es_index.private_index(service) as second:
        assert first != second
        assert first.startswith("test-")
        assert first == first.lower()


def index(*aliases: str, **blocks: str) -> dict[str, Any]:
    """Return what a node's state tells of an index."""
    return {"state": "open", "aliases": list(aliases), "settings": {"index": {"blocks": blocks}} if blocks else {}}


def test_all_that_lives_under_a_name_is_deleted_by_its_own_name(node: Node, service: es.ElasticsearchService) -> None:
    node.metadata = {
        "indices": {"t": index(), "t-%41": index(), "other": index("t-alias", "mine"), ".t": index(), "u": index()},
        "data_stream": {"data_stream_aliases": {"t-far": {"data_streams": ["logs"]}, "v": {"data_streams": ["logs"]}}},
        "stored_scripts": {"t-script/1": {"lang": "painless"}, "mine": {"lang": "painless"}},
    }
    node.answers = {
        "/_transform": (200, {"transforms": [{"id": "t-transform"}, {"id": "mine"}]}),
        "/_data_stream/t*": (200, {"data_streams": [{"name": "t-stream"}]}),
        "/_index_template/t*": (200, {"index_templates": [{"name": "t-template"}]}),
        "/_component_template/t*": (200, {"component_templates": [{"name": "t-part"}]}),
        "/_template/t*": (200, {"t-old": {}}),
        "/_ingest/pipeline/t*": (200, {"t-pipeline%": {"processors": []}}),
        "/_enrich/policy": (200, {"policies": [{"config": {"match": {"name": "t-enrich"}}}]}),
        "/_synonyms": (200, {"results": [{"synonyms_set": "t-words", "count": 1}]}),
        "/_query_rules": (200, {"results": [{"ruleset_id": "t-rules"}]}),
        "/_ilm/policy": (200, {"t-life": {"policy": {}}, "logs": {"policy": {"_meta": {"managed": True}}}}),
        "/_slm/policy": (200, {"t-nightly": {}, "mine": {}}),
        "/_snapshot/foodtrucks/t*": (200, {"snapshots": [{"snapshot": "t-before"}]}),
        "/_snapshot": (200, {"t-repository": {"type": "fs"}, "backup": {"type": "fs"}}),
    }
    es_index.delete_under(service, "t")
    assert node.deleted == [
        "/_transform/t-transform?force=true",
        "/_data_stream/t-stream",
        "/t",
        "/t-%2541",
        "/other/_alias/t-alias",
        "/logs/_alias/t-far",
        "/_index_template/t-template",
        "/_component_template/t-part",
        "/_template/t-old",
        "/_ingest/pipeline/t-pipeline%25",
        "/_enrich/policy/t-enrich",
        "/_synonyms/t-words",
        "/_query_rules/t-rules",
        "/_ilm/policy/t-life",
        "/_slm/policy/t-nightly",
        "/_snapshot/foodtrucks/t-before",
        "/_snapshot/t-repository",
        "/_scripts/t-script%2F1",
    ]


def test_a_seeded_script_is_as_it_was_after_a_change_of_something_else(
    node: Node, service: es.ElasticsearchService
) -> None:
    script = {"lang": "painless", "source": "1"}
    node.metadata = {"indices": {}, "stored_scripts": {"sum": script}}
    node.answers = {"/_stats/docs": (200, {}), "/_cluster/state/version": (200, {"state_uuid": "first"})}
    seeded = holdings(service)
    node.answers["/_cluster/state/version"] = (200, {"state_uuid": "second"})
    assert holdings(service, seeded).things == seeded.things == {"_scripts/sum": {"script": script}}


def test_blocks_on_its_indices_are_lifted_before_and_those_on_others_stay(
    node: Node, service: es.ElasticsearchService
) -> None:
    stream = ".ds-t-logs-2026.01.31-000001"
    node.metadata = {
        "indices": {
            "t": index(write="true", metadata="true", read="false"),
            stream: index(read_only="true"),
            "other": index("t-far", read_only="true"),
        }
    }
    es_index.delete_under(service, "t")
    assert node.put == [
        ("/t/_settings", {"index.blocks.metadata": None}),
        ("/t/_settings", {"index.blocks.write": None}),
        (f"/{stream}/_settings", {"index.blocks.read_only": None}),
    ]
    assert node.deleted == ["/t", "/other/_alias/t-far"]


MANAGED = [
    ("_index_template", "index_templates", {"name": "logs", "index_template": {"_meta": {"managed": True}}}),
    ("_component_template", "component_templates", {"name": "x", "component_template": {"_meta": {"managed": True}}}),
]


def test_what_came_into_it_since_is_deleted_and_what_is_the_servers_own_stays(
    node: Node, service: es.ElasticsearchService
) -> None:
    node.metadata = {"indices": {"menu": index("old", "young", write="true"), "new": index(), ".tasks": index()}}
    node.settings = {"persistent": {"a.b": "1", "c.d": "2"}, "transient": {"cluster.blocks.read_only": "true"}}
    mine = {"name": "mine", "index_template": {"_meta": None}}
    node.answers = {
        "/_index_template/*": (200, {"index_templates": [mine, MANAGED[0][2]]}),
        "/_component_template/*": (200, {"component_templates": [MANAGED[1][2]]}),
        "/_ingest/pipeline/*": (200, {"seeds": {}, "own": {"_meta": {"managed": True}}, "left": {}}),
    }
    had = ["_cluster/settings/persistent/a.b/1", "_ingest/pipeline/seeds", "menu", "menu/_alias/old"]
    left = [
        "_cluster/settings/transient/cluster.blocks.read_only/true",
        "_cluster/settings/persistent/c.d/2",
        "menu/_settings/index.blocks.write",
        "new",
        "menu/_alias/young",
        "_index_template/mine",
        "_ingest/pipeline/left",
    ]
    assert contents(service) == {*had, *left}
    restore(service, had)
    assert node.deleted == ["/new", "/menu/_alias/young", "/_index_template/mine", "/_ingest/pipeline/left"]
    assert node.put == [
        ("/_cluster/settings", {"transient": {"cluster.blocks.read_only": None}}),
        ("/_cluster/settings", {"persistent": {"c.d": None}}),
        ("/menu/_settings", {"index.blocks.write": None}),
    ]


def test_our_own_repository_is_nothing_that_a_test_left_but_its_snapshots_are(
    node: Node, service: es.ElasticsearchService
) -> None:
    node.answers = {
        "/_snapshot": (200, {"foodtrucks": {"type": "fs"}, "backup": {"type": "fs"}}),
        "/_snapshot/foodtrucks/*": (200, {"snapshots": [{"snapshot": "of-the-seed"}, {"snapshot": "left"}]}),
    }
    had = ["_snapshot/foodtrucks/of-the-seed"]
    assert contents(service) == {*had, "_snapshot/foodtrucks/left", "_snapshot/backup"}
    restore(service, had)
    assert node.deleted == ["/_snapshot/foodtrucks/left", "/_snapshot/backup"]


def test_what_was_there_after_the_seed_and_is_gone_is_a_reason_not_to_take_it_over(
    node: Node, service: es.ElasticsearchService
) -> None:
    node.metadata = {"indices": {"menu": index(), "new": index()}}
    with pytest.raises(StartError, match=r"^a test deleted or changed _ingest/pipeline/seeds, trucks\.$"):
        restore(service, ["menu", "trucks", "_ingest/pipeline/seeds"])
    assert node.deleted == []


def test_of_a_secured_one_users_and_roles_that_came_are_deleted_too(
    node: Node, service: es.ElasticsearchService
) -> None:
    service.__foodtrucks__.access = Access(auth=("foodtrucks", "secret"))
    reserved = {"metadata": {"_reserved": True}}
    node.answers = {
        "/_security/user": (200, {"elastic": reserved, "ann": {}, "eve": {}}),
        "/_security/role": (200, {"superuser": reserved, "thief": {"metadata": {}}}),
        "/_security/role_mapping": (200, {"thieves": {}}),
    }
    restore(service, ["_security/user/ann"])
    assert node.deleted == [f"/_security/{each}" for each in ("role_mapping/thieves", "user/eve", "role/thief")]


def test_blocks_on_the_cluster_are_lifted_alone_and_before_other_settings(
    node: Node, service: es.ElasticsearchService
) -> None:
    """With one of them the server refuses a request that changes anything else."""
    node.metadata = {"indices": {}}
    node.settings["persistent"] = {"a.b": "1"}
    node.answers = {"/_cluster/state/version": (200, {"state_uuid": "one"})}
    seeded = Seeded(service, holdings(service))
    node.answers = {"/_cluster/state/version": (200, {"state_uuid": "two"})}
    blocks = {f"cluster.blocks.{block}": "true" for block in ("read_only", "read_only_allow_delete")}
    node.settings = {
        "persistent": {"a.b": "2", **blocks},
        "transient": {"c.d": "3", "cluster.blocks.read_only": "true"},
    }
    seeded.end()
    assert [body for path, body in node.put if path == "/_cluster/settings"] == [
        {"persistent": {"cluster.blocks.read_only": None}},
        {"persistent": {"cluster.blocks.read_only_allow_delete": None}},
        {"transient": {"cluster.blocks.read_only": None}},
        {"persistent": {"a.b": "1"}, "transient": {"c.d": None}},
    ]


def test_a_seeded_block_on_the_cluster_comes_back_after_other_settings(
    node: Node, service: es.ElasticsearchService
) -> None:
    block = {"cluster.blocks.read_only": "true"}
    node.metadata = {"indices": {}}
    node.settings["persistent"] = {"a.b": "1", **block}
    node.answers = {"/_cluster/state/version": (200, {"state_uuid": "one"})}
    seeded = Seeded(service, holdings(service))
    node.answers = {"/_cluster/state/version": (200, {"state_uuid": "two"})}
    node.settings = {"persistent": {"a.b": "2"}, "transient": {}}
    seeded.end()
    assert [body for path, body in node.put if path == "/_cluster/settings"] == [
        {"persistent": {"a.b": "1"}},
        {"persistent": block},
    ]


def test_a_users_password_is_known_by_its_hash_which_puts_it_back(node: Node, service: es.ElasticsearchService) -> None:
    service.__foodtrucks__.access = Access(auth=("foodtrucks", "secret"))
    hits = [{"_id": "user-e v", "_source": {"password": "{HASH}"}}, {"_id": "reserved-user-elastic", "_source": {}}]
    node.metadata = {"indices": {}}
    node.answers = {
        "/_cluster/state/version": (200, {"state_uuid": "one"}),
        "/_security/user": (200, {"e v": {"username": "e v", "roles": ["cook"]}}),
        "/_security/role": (200, {"cook": {"cluster": ["monitor"], "transient_metadata": {"enabled": True}}}),
        "/.security/_search": (200, {"hits": {"hits": hits}}),
    }
    assert holdings(service).things == {
        "_security/user/e%20v": {"roles": ["cook"], "password_hash": "{HASH}"},
        "_security/role/cook": {"cluster": ["monitor"]},
    }


def test_what_came_into_it_and_cannot_be_deleted_is_a_reason_not_to_take_it_over(
    node: Node, service: es.ElasticsearchService
) -> None:
    node.metadata = {"indices": {"stubborn": index()}}
    node.refuses = {"/stubborn": (403, "blocked")}
    with pytest.raises(StartError, match=r"^what came into it can't be deleted: stubborn \(403: blocked\)\.$"):
        restore(service, [])


def test_what_cant_be_listed_is_no_reason_to_think_that_nothing_is_there(
    node: Node, service: es.ElasticsearchService
) -> None:
    node.answers = {"/_ingest/pipeline/*": (503, {"error": {"reason": "no master"}})}
    with pytest.raises(StartError, match=r"^what is in it can't be listed: _ingest/pipeline \(503: no master\)\.$"):
        contents(service)


def test_a_server_that_does_not_answer_when_it_is_to_be_put_back_is_no_fit_one_either(
    service: es.ElasticsearchService,
) -> None:
    away(service)
    with pytest.raises(StartError, match="what is in it can't be listed: "):
        restore(service, [])


def away(service: es.ElasticsearchService) -> None:
    """Let nobody answer at the service's port."""
    bindings = service.container.inspect()["HostConfig"]["PortBindings"]
    bindings["9200/tcp"] = [{"HostIp": "127.0.0.1", "HostPort": "1"}]


@pytest.mark.parametrize("status", [400, 404, 405])
def test_a_server_without_a_feature_has_nothing_of_it_to_delete(
    node: Node, service: es.ElasticsearchService, status: int
) -> None:
    node.answers = {"/_data_stream/t*": (status, {})}
    es_index.delete_under(service, "t")
    assert node.deleted == []


def test_a_failed_test_leaves_nothing_under_its_name_either(node: Node, service: es.ElasticsearchService) -> None:
    names = []

    def fail() -> None:
        with es_index.private_index(service) as name:
            names.append(name)
            node.metadata = {"indices": {name: index()}}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert node.deleted == [f"/{names[0]}"]


def test_what_cant_be_deleted_is_an_error_and_all_else_is_deleted(node: Node, service: es.ElasticsearchService) -> None:
    node.metadata = {"indices": {"t": index(), "t-2": index(), "menu": index("t-far")}}
    node.refuses = {"/t": (503, "busy"), "/menu/_alias/t-far": (403, "blocked"), "/t-2": (404, "gone")}
    with pytest.raises(FoodtrucksError) as raised:
        es_index.delete_under(service, "t")
    assert str(raised.value) == (
        "What the test left in es under the name t can't be deleted: t (503: busy); t-far of menu (403: blocked). "
        "Remedy: let the test delete it, or take away what holds it."
    )
    assert len(node.deleted) == 3


def test_a_server_that_is_away_when_a_tests_things_are_to_be_deleted_is_told_in_a_sentence(
    service: es.ElasticsearchService,
) -> None:
    away(service)
    with pytest.raises(FoodtrucksError, match=r"^es gave no answer when what the test has under the name t was to be"):
        es_index.delete_under(service, "t")
