"""Snapshots: a repository is there, what was deleted comes back from it, and none is left behind."""

from typing import Any

from pytest_foodtrucks import ElasticsearchService
from pytest_foodtrucks.services.contents import contents

from .conftest import Downstream


def snapshot(es: ElasticsearchService, method: str, path: str, body: Any = None) -> Any:
    """Ask the API of snapshots; None where the server refuses."""
    answer = es.http.request(method, f"/_snapshot/{path}?wait_for_completion=true", json=body, timeout=60)
    return answer.json() if answer.is_success else None


def test_what_was_deleted_comes_back_from_a_snapshot(es_on_net: ElasticsearchService, es_index: str) -> None:
    document = {"dish": "taco"}
    es_on_net.http.put(f"/{es_index}/_doc/1?refresh=true", json=document, timeout=60).raise_for_status()
    repository = es_on_net.snapshot_repository
    made = snapshot(es_on_net, "PUT", f"{repository}/{es_index}", {"indices": es_index, "include_global_state": False})
    assert made["snapshot"]["state"] == "SUCCESS"
    es_on_net.http.delete(f"/{es_index}", timeout=60).raise_for_status()
    assert snapshot(es_on_net, "POST", f"{repository}/{es_index}/_restore")["snapshot"]["shards"]["failed"] == 0
    assert es_on_net.http.get(f"/{es_index}/_doc/1").json()["_source"] == document


def test_the_one_before_left_no_snapshot_and_the_repository_is_nothing_that_was_left(
    es_on_net: ElasticsearchService,
) -> None:
    repository = es_on_net.snapshot_repository
    assert es_on_net.http.get(f"/_snapshot/{repository}/_all").json()["snapshots"] == []
    assert not [path for path in contents(es_on_net) if path.startswith("_snapshot")]


def test_a_kept_server_has_its_repository_and_no_snapshot_that_a_test_left(pruned: Downstream) -> None:
    pruned.write(
        conftest="""
        import pytest

        @pytest.fixture(scope="session")
        def es_seed():
            return lambda es: es.http.put(f"/_snapshot/{es.snapshot_repository}/of-the-seed?wait_for_completion=true")
        """,
        test_it="""
        def test_it(es_on_net):
            print("container", es_on_net.container.id)
            snapshots = f"/_snapshot/{es_on_net.snapshot_repository}"
            there = es_on_net.http.get(f"{snapshots}/_all").json()["snapshots"]
            assert [each["snapshot"] for each in there] == ["of-the-seed"]
            assert es_on_net.http.put(f"{snapshots}/left?wait_for_completion=true").is_success
        """,
    )
    found = []
    for _ in range(2):
        result = pruned.run("--foodtrucks-reuse", "-s")
        result.assert_outcomes(passed=1)
        found += [line for line in result.outlines if "container " in line]
    assert found[0].split()[-1] == found[1].split()[-1]
