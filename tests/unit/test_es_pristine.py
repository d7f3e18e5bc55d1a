"""What a test of one worker gets, and what is refused, without a server."""

from typing import Any

import pytest

from pytest_foodtrucks.errors import DefinitionError, FoodtrucksError
from pytest_foodtrucks.services.elasticsearch import es_workers_copy
from pytest_foodtrucks.services.elasticsearch.es_holdings import Holdings, Marks
from pytest_foodtrucks.services.elasticsearch.es_pristine import PristineElasticsearch
from pytest_foodtrucks.services.elasticsearch.es_workers_copy import WorkersCopies


class Service:
    """A service that nobody asks."""

    alias = "es"


class Copies:
    """Notes what is deleted and restored."""

    def __init__(self, _: Any) -> None:
        self.deleted: list[str] = []
        self.restored: list[str] = []

    def delete(self, indices: list[str]) -> None:
        self.deleted += indices

    def restore(self, indices: list[str], *, prefix: str) -> None:
        self.restored += [f"{prefix}{name}" for name in indices]


def holding(**numbers: int) -> Holdings:
    """Return what a server holds: indices, each with the highest sequence number of its shard."""
    indices: dict[str, Any] = {name.replace("_", "-"): {"settings": {}} for name in numbers}
    documents = {name: ["uuid", {"0": [numbers[name.replace("-", "_")]]}] for name in indices}
    return Holdings(Marks("state", documents), indices, {}, {}, {})


class Server:
    """What a server holds at the moment."""

    def __init__(self) -> None:
        self.now = holding(trucks=4, parks=2)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """Let a worker's copies see a server in memory."""
    server = Server()
    monkeypatch.setattr(es_workers_copy, "holdings", lambda *_: server.now)
    monkeypatch.setattr(es_workers_copy, "Copies", Copies)
    return server


@pytest.fixture
def workers(server: Server) -> WorkersCopies:
    """Return the copies of the worker gw1."""
    service: Any = Service()
    return WorkersCopies(service, server.now, "gw1")


def test_a_worker_changes_an_index_of_its_own_which_is_renewed_once_a_test(
    server: Server, workers: WorkersCopies
) -> None:
    service: Any = Service()
    es = PristineElasticsearch(service, workers)
    workers.begin()
    assert (es.index("trucks"), es.index("trucks")) == ("gw1-trucks", "gw1-trucks")
    copies: Any = workers._copies  # noqa: SLF001 - the fake that notes
    assert (copies.deleted, copies.restored) == ([], ["gw1-trucks"])
    server.now = holding(trucks=4, parks=2, gw1_trucks=5)
    workers.end()
    workers.begin()
    es.index("trucks")
    assert (copies.deleted, copies.restored) == (["gw1-trucks"], ["gw1-trucks"] * 2)


def test_what_isnt_seeded_has_no_copy(workers: WorkersCopies) -> None:
    with pytest.raises(DefinitionError, match=r"'menu' is no seeded index\. Remedy: .*: parks, trucks;"):
        workers.index("menu")


def test_a_change_of_what_workers_share_is_told(server: Server, workers: WorkersCopies) -> None:
    workers.begin()
    server.now = holding(trucks=4, parks=3)
    with pytest.raises(FoodtrucksError, match=r"^parks of es, .*Remedy: .*es_pristine\.index\('parks'\)"):
        workers.end()
    workers.begin()
    workers.end()  # it isn't told again


def test_where_nobody_shares_a_service_an_index_has_its_own_name() -> None:
    service: Any = Service()
    assert PristineElasticsearch(service, None).index("trucks") == "trucks"
