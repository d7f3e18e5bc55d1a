"""What was seeded is put back after a test that changed it: compared by what the server tells by plain HTTP."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from pytest_foodtrucks import ElasticsearchService, elasticsearch_service
from pytest_foodtrucks.services.elasticsearch.es_pristine import Original

from .conftest import Downstream
from .es_changes import Change, Line, Request, apply, changes, seed_requests
from .es_comparison import ask, differences, everything

SERVER: Final = os.environ.get("FOODTRUCKS_TEST_PRISTINE_SERVER", os.environ.get("FOODTRUCKS_ES_VERSION", "9.5.0"))
"""The server that is changed; FOODTRUCKS_TEST_PRISTINE_SERVER names another."""

LINE: Final = Line(SERVER)
EXAMPLES: Final = 300 if os.environ.get("FOODTRUCKS_TEST_ALL", "") != "" else 40

BLOCKED: Final = [
    Request("PUT", "/_cluster/settings", {"persistent": {"cluster.max_shards_per_node": None}}),
    Request("PUT", "/_cluster/settings", {"persistent": {"cluster.blocks.read_only": True}}),
]
NO_SPACE: Final = [
    Request("PUT", "/_cluster/settings", {"persistent": {"cluster.max_shards_per_node": "5"}}),
    Request("PUT", "/_cluster/settings", {"transient": {"cluster.blocks.read_only_allow_delete": True}}),
]
"""In each the second setting is one that the server puts back alone, and before others."""

_IN_MEMORY: Final = "/usr/share/elasticsearch/data:uid=1000,mode=775"
"""Hundreds of copies take their time on a disk that others use too."""

pristine_es = elasticsearch_service(version=SERVER, seed="fill", scope="module", tmpfs=[_IN_MEMORY])


@pytest.fixture(scope="session")
def fill() -> Callable[[ElasticsearchService], None]:
    """Return what seeds the server; an older one hasn't got all kinds of things."""

    def seed(es: ElasticsearchService) -> None:
        statuses = apply(es.url, seed_requests(LINE))
        assert statuses.count(200) >= len(statuses) - 2, statuses

    return seed


@pytest.fixture(scope="module")
def original(pristine_es: ElasticsearchService) -> Original:
    """Return what was seeded, copied."""
    return Original(pristine_es)


@pytest.fixture(scope="module")
def seeded(original: Original) -> dict[str, Any]:
    """Return all that the server told before anything was changed."""
    return everything(original.service.url)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # to find a smaller example takes long, and none is large
    derandomize=os.environ.get("FOODTRUCKS_TEST_ALL", "") == "",
    suppress_health_check=list(HealthCheck),
)
@given(together=st.lists(changes(LINE), min_size=1, max_size=4))
@example(together=[BLOCKED])
@example(together=[NO_SPACE])
def test_whatever_a_test_changes_is_put_back(
    original: Original, seeded: dict[str, Any], together: Sequence[Change]
) -> None:
    with original.for_test() as es:
        for change in together:
            apply(es.service.url, change)
    assert differences(seeded, everything(original.service.url)) == {}


def test_a_test_that_changes_nothing_asks_twice_and_sends_nothing(original: Original, seeded: dict[str, Any]) -> None:
    with original.for_test():
        pass
    asked: list[str] = []
    http = original.service.http
    http.event_hooks = {"request": [lambda request: asked.append(f"{request.method} {request.url.path}")]}
    with original.for_test() as es:
        ask(f"{es.service.url}/_search")
    http.event_hooks = {"request": []}
    assert asked == ["GET /_cluster/state/version", "GET /_stats/docs"] * 2
    assert differences(seeded, everything(original.service.url)) == {}


def test_what_another_test_changed_is_put_back_before(original: Original, seeded: dict[str, Any]) -> None:
    url = original.service.url
    apply(url, [Request("DELETE", "/trucks"), Request("DELETE", "/_ingest/pipeline/wash")])
    with original.for_test():
        assert differences(seeded, everything(url)) == {}


def test_what_came_before_the_test_stays_and_what_came_in_it_goes(original: Original) -> None:
    url = original.service.url
    apply(url, [Request("PUT", "/before"), Request("PUT", "/_ingest/pipeline/before", {"processors": []})])
    with original.for_test():
        apply(url, [Request("PUT", "/within"), Request("PUT", "/_ingest/pipeline/within", {"processors": []})])
        apply(url, [Request("DELETE", "/parks")])
    names = {*ask(f"{url}/_cluster/state/metadata")[1]["metadata"]["indices"]}
    assert names == {"before", "trucks", "parks", "empty"}
    assert {*ask(f"{url}/_ingest/pipeline")[1]} == {"before", "wash"}
    apply(url, [Request("DELETE", "/before"), Request("DELETE", "/_ingest/pipeline/before")])


def test_an_index_has_its_own_name_where_nobody_shares_it(original: Original) -> None:
    with original.for_test() as es:
        assert es.index("trucks") == "trucks"
        assert es.client is original.service.client


SEED = """
import pytest

@pytest.fixture(scope="session")
def es_seed():
    def seed(es):
        lines = []
        for index in ("trucks", "parks"):
            for number in range(5):
                lines += [{"index": {"_index": index, "_id": str(number)}}, {"name": f"{index} {number}"}]
        es.client.options(request_timeout=60).bulk(operations=lines, refresh=True)
    return seed
"""

CHANGING = """
import pytest

def count(client, index):
    client.indices.refresh(index=index)
    return client.count(index=index)["count"]

@pytest.mark.parametrize("number", range(6))
def test_a_change(es_pristine, number):
    trucks = es_pristine.index("trucks")
    assert count(es_pristine.client, trucks) == 5
    es_pristine.client.index(index=trucks, document={"name": "another"})
    es_pristine.client.delete(index=trucks, id=str(number % 5))
    es_pristine.client.index(index=trucks, document={"name": "another"})
    assert count(es_pristine.client, trucks) == 6
"""

FAULT = """
def test_a_fault(es_pristine):
    es_pristine.client.indices.delete(index=["trucks", "parks"])
    with es_pristine.service.killed():
        pass
    es_pristine.client.options(request_timeout=60).index(index="other", document={"name": "another"})

def test_after_it(es_pristine):
    assert es_pristine.client.count()["count"] == 10
"""

FIRST = """
def test_a_first_one_that_puts_nothing_back(es_client):
    es_client.delete(index="trucks", id="1", refresh=True)
"""


@pytest.fixture
def kept(state: Path) -> Iterator[list[str]]:
    """Return the options of sessions whose stack is kept until this test ends."""
    yield ["--foodtrucks-reuse", f"--foodtrucks-state-dir={state}"]
    subprocess.run([sys.executable, "-m", "pytest_foodtrucks", "prune", f"--state-dir={state}"], check=True)


def test_the_next_test_has_what_was_seeded_and_so_has_the_next_session(downstream: Downstream, kept: list[str]) -> None:
    downstream.write(conftest=SEED, test_a=FIRST, test_b=CHANGING, test_c=FAULT)
    downstream.run(*kept, timeout=580).assert_outcomes(passed=9)
    (downstream.folder / "test_c.py").unlink()
    result = downstream.run(*kept, timeout=300)
    result.assert_outcomes(passed=7)
    result.stderr.fnmatch_lines(["*es is taken over from the kept stack*"])


SHARED = """
import pytest

def test_the_shared_one(es_pristine):
    es_pristine.client.index(index="parks", document={"name": "another"}, refresh=True)

def test_no_seeded_index(es_pristine, worker_id):
    assert es_pristine.index("trucks") == f"{worker_id}-trucks"
    with pytest.raises(Exception, match="'nothing' is no seeded index. Remedy: .*: parks, trucks;"):
        es_pristine.index("nothing")
"""


@pytest.mark.needs("pytest-xdist")
def test_each_worker_changes_a_copy_and_a_change_of_what_they_share_is_told(downstream: Downstream) -> None:
    downstream.write(conftest=SEED, test_b=CHANGING, test_c=SHARED)
    result = downstream.run("-n", "2", timeout=300)
    outcomes = result.parseoutcomes()
    assert outcomes.pop("errors") in {1, 2}  # a test beside it may hear it too
    assert outcomes == {"passed": 8}
    result.stdout.fnmatch_lines(
        ["*parks of es, which all xdist workers share, changed while*es_pristine.index('parks')*"]
    )
