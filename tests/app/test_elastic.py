"""How the app speaks to Elasticsearch, with a small HTTP server in its place."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from typing import Any, TypeAlias

import pytest

from fakes.serving import serving
from pytest_foodtrucks.web_image.foodtrucks_web import elastic
from pytest_foodtrucks.web_image.foodtrucks_web.elastic import Catalogue, Refused, Unavailable

TRUCK = {"id": "the-merry-taco", "name": "The Merry Taco", "hours": {"mon": [["11:00", "14:00"]]}}

Answer: TypeAlias = tuple[int, Mapping[str, Any]]
Answers: TypeAlias = Mapping[str, Answer]


class Server(ThreadingHTTPServer):
    """Answers each path as `answers` says, the first search after `warm_up` seconds; remembers what it was asked."""

    daemon_threads = True

    def __init__(self, answers: Answers) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.asked: dict[str, str] = {}
        self.warm_up = 0.0


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/trucks/_search" and path not in self.server.asked:
            Event().wait(self.server.warm_up)
        self.server.asked[path] = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        status, answer = self.server.answers[path]
        self.send_response(status)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    do_POST = do_PUT = do_GET  # noqa: N815 - the base class's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def answering(answers: Answers) -> Iterator[tuple[Server, Catalogue]]:
    with serving(Server(answers)) as server:
        yield server, Catalogue(f"http://127.0.0.1:{server.server_port}")


def failed(status: int, kind: str, reason: str) -> Answer:
    return status, {"error": {"type": kind, "reason": reason, "root_cause": [{"type": kind, "reason": reason}]}}


def loading(*, index: Answer = (200, {"acknowledged": True}), status: int = 201, reason: str | None = None) -> Answers:
    item: dict[str, Any] = {"_id": TRUCK["id"], "status": status} | (
        {} if reason is None else {"error": {"reason": reason}}
    )
    return {
        "/trucks": index,
        "/trucks/_bulk": (200, {"errors": reason is not None, "items": [{"create": item}]}),
        "/trucks/_refresh": (200, {}),
        "/trucks/_search": (200, {"hits": {"total": {"value": 733}, "hits": []}}),
    }


def test_the_colour_is_the_clusters() -> None:
    with answering({"/_cluster/health": (200, {"status": "red"})}) as (_, catalogue):
        assert catalogue.status() == "red"


def test_the_version_is_the_nodes() -> None:
    with answering({"/_nodes": (200, {"nodes": {"Zq1": {"version": "9.5.0"}}})}) as (_, catalogue):
        assert catalogue.version() == "9.5.0"


def test_loading_creates_what_is_missing_and_counts_all() -> None:
    with answering(loading()) as (server, catalogue):
        assert catalogue.load([TRUCK]) == 733
    action, document = map(json.loads, server.asked["/trucks/_bulk"].splitlines())
    assert action == {"create": {"_id": "the-merry-taco"}}
    assert document == {"name": TRUCK["name"], "hours": TRUCK["hours"], "open": [{"gte": 660, "lt": 840}]}


def test_an_index_that_is_there_already_is_fine() -> None:
    there = failed(400, "resource_already_exists_exception", "index [trucks] already exists")
    with answering(loading(index=there)) as (_, catalogue):
        assert catalogue.load([TRUCK]) == 733


def test_a_truck_that_is_there_already_is_fine() -> None:
    with answering(loading(status=409, reason="version conflict")) as (_, catalogue):
        assert catalogue.load([TRUCK]) == 733


def test_loading_bears_a_first_search_that_takes_longer_than_people_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """So it does on a busy machine; whoever gets the app searches a server that has searched."""
    monkeypatch.setattr(elastic, "ANSWER_WITHIN", 0.5)
    with answering(loading()) as (server, catalogue):
        server.warm_up = 0.6
        assert catalogue.load([TRUCK]) == 733


def test_a_truck_that_is_put_off_can_be_tried_again() -> None:
    with (
        answering(loading(status=429, reason="queue is full")) as (_, catalogue),
        pytest.raises(Unavailable, match="queue is full"),
    ):
        catalogue.load([TRUCK])


def test_a_truck_that_is_refused_is_named() -> None:
    with (
        answering(loading(status=400, reason="bad hours")) as (_, catalogue),
        pytest.raises(Refused, match=r"it refuses the truck 'the-merry-taco'.*bad hours"),
    ):
        catalogue.load([TRUCK])


def test_a_refused_index_is_no_reason_to_wait() -> None:
    wrong = failed(400, "mapper_parsing_exception", "no handler for type [shape]")
    with answering(loading(index=wrong)) as (_, catalogue), pytest.raises(Refused, match=r"it answers 400.*no handler"):
        catalogue.load([TRUCK])


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_a_server_that_is_not_ready_is_unavailable(status: int) -> None:
    answer = failed(status, "master_not_discovered_exception", "no master")
    with (
        answering({"/_cluster/health": answer}) as (_, catalogue),
        pytest.raises(Unavailable, match=f"^it answers {status}: .*no master"),
    ):
        catalogue.status()


def test_a_missing_index_is_unavailable() -> None:
    answer = failed(404, "index_not_found_exception", "no such index [trucks]")
    with (
        answering({"/trucks/_search": answer}) as (_, catalogue),
        pytest.raises(Unavailable, match="no index 'trucks'"),
    ):
        catalogue.count()


def test_a_closed_port_is_unavailable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match=r"^it doesn't answer: Failed to establish .*Connection refused$"):
            Catalogue(f"http://127.0.0.1:{closed.getsockname()[1]}").status()


def test_silence_is_unavailable_within_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elastic, "ANSWER_WITHIN", 0.05)
    # It listens and never accepts: a paused container looks like this.
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(Unavailable, match=r"^it doesn't answer: Connection timed out"),
    ):
        Catalogue(f"http://127.0.0.1:{silent.getsockname()[1]}").status()
