"""Snapshots: a repository is there, what was deleted comes back from it, and none is left behind.

test_kept.py sees those of a kept server.
"""

from typing import Any

from pytest_foodtrucks import ElasticsearchService
from pytest_foodtrucks.services.contents import contents


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
