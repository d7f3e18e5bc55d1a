"""A running Elasticsearch as tests get it: its version, its clients, an index of one's own."""

import asyncio
import http.server
import importlib.metadata
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import elasticsearch
import httpx2
import pytest
from elasticsearch import Elasticsearch

from fakes.engine import FakeEngine
from fakes.session import new_stack
from pytest_foodtrucks.errors import ClientMismatch, FoodtrucksError, StartError
from pytest_foodtrucks.services import es
from pytest_foodtrucks.services.contents import contents, restore
from pytest_foodtrucks.services.definitions import define
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.starting import running_service

CLIENT = importlib.metadata.version("elasticsearch")


class Node:
    """What a node answers to GET, by path without its query, and what it was told to delete."""

    def __init__(self) -> None:
        self.version = es.fitting_version()
        self.answers: dict[str, tuple[int, Any]] = {}
        self.deleted: list[str] = []
        self.delete_status = 200

    def answer(self, method: str, path: str) -> tuple[int, Any]:
        plain = path.partition("?")[0]
        if method == "DELETE":
            self.deleted.append(plain)
            return self.delete_status, {}
        if plain == "/_nodes":
            return 200, {"nodes": {"n": {"version": self.version}}}
        if plain == "/":  # what a client of the 7 line asks first
            return 200, {
                "version": {"number": self.version, "build_flavor": "default"},
                "tagline": "You Know, for Search",
            }
        return self.answers.get(plain, (404, {"error": "no such thing"}))


def handler(node: Node) -> type[http.server.BaseHTTPRequestHandler]:
    """Return the class that answers a connection for a node."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            status, body = node.answer(self.command, self.path)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_DELETE = _answer  # noqa: N815 - the base class's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def serving(node: Node) -> Iterator[int]:
    """Let a node answer on a port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(node))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
        serving(node) as port,
        running_service(network.stack, network.ref, definition, es.ElasticsearchService) as running,
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
    with es.private_index(service) as first, es.private_index(service) as second:
        assert first != second
        assert first.startswith("test-")
        assert first == first.lower()


def test_all_that_lives_under_a_name_is_deleted_by_its_own_name(node: Node, service: es.ElasticsearchService) -> None:
    node.answers = {
        "/_data_stream/t*": (200, {"data_streams": [{"name": "t-stream"}]}),
        "/_cat/indices/t*": (200, [{"index": "t"}, {"index": "t-2"}]),
        "/_alias/t*": (200, {"other": {"aliases": {"t-alias": {}}}}),
        "/_index_template/t*": (200, {"index_templates": [{"name": "t-template"}]}),
        "/_component_template/t*": (200, {"component_templates": [{"name": "t-part"}]}),
        "/_template/t*": (200, {"t-old": {}}),
    }
    es.delete_under(service, "t")
    assert node.deleted == [
        "/_data_stream/t-stream",
        "/t",
        "/t-2",
        "/other/_alias/t-alias",
        "/_index_template/t-template",
        "/_component_template/t-part",
        "/_template/t-old",
    ]


def test_what_came_into_it_since_is_deleted_and_what_is_the_servers_own_stays(
    node: Node, service: es.ElasticsearchService
) -> None:
    node.answers = {
        "/_cat/indices/*": (200, [{"index": "menu"}, {"index": "new"}, {"index": ".tasks"}]),
        "/_alias/*": (200, {"menu": {"aliases": {"old": {}, "young": {}}}, ".tasks": {"aliases": {}}}),
        "/_index_template/*": (
            200,
            {
                "index_templates": [
                    {"name": "logs", "index_template": {"_meta": {"managed": True}}},
                    {"name": "mine", "index_template": {"_meta": None}},
                ]
            },
        ),
    }
    assert contents(service) == {"menu", "new", "menu/_alias/old", "menu/_alias/young", "_index_template/mine"}
    restore(service, ["menu", "menu/_alias/old"])
    assert node.deleted == ["/new", "/menu/_alias/young", "/_index_template/mine"]


def test_what_came_into_it_and_cannot_be_deleted_is_a_reason_not_to_take_it_over(
    node: Node, service: es.ElasticsearchService
) -> None:
    node.answers = {"/_cat/indices/*": (200, [{"index": "read-only"}])}
    node.delete_status = 403
    with pytest.raises(StartError, match=r"what came into it can't be deleted: .*403"):
        restore(service, [])


def test_a_server_that_does_not_answer_when_it_is_to_be_put_back_is_no_fit_one_either(
    service: es.ElasticsearchService,
) -> None:
    bindings = service.container.inspect()["HostConfig"]["PortBindings"]
    bindings["9200/tcp"] = [{"HostIp": "127.0.0.1", "HostPort": "1"}]
    with pytest.raises(StartError, match="what came into it can't be deleted: "):
        restore(service, [])


@pytest.mark.parametrize("status", [400, 404, 405])
def test_a_server_without_a_feature_has_nothing_of_it_to_delete(
    node: Node, service: es.ElasticsearchService, status: int
) -> None:
    node.answers = {"/_data_stream/t*": (status, {}), "/_cat/indices/t*": (200, [])}
    es.delete_under(service, "t")
    assert node.deleted == []


def test_a_failed_test_leaves_nothing_under_its_name_either(node: Node, service: es.ElasticsearchService) -> None:
    names = []

    def fail() -> None:
        with es.private_index(service) as name:
            names.append(name)
            node.answers[f"/_cat/indices/{name}*"] = (200, [{"index": name}])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert node.deleted == [f"/{names[0]}"]


def test_what_cant_be_deleted_is_an_error(node: Node, service: es.ElasticsearchService) -> None:
    node.answers["/_cat/indices/t*"] = (200, [{"index": "t"}])
    node.delete_status = 503
    with pytest.raises(httpx2.HTTPStatusError, match="503"):
        es.delete_under(service, "t")
