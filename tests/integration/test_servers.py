"""Each Elasticsearch line with the client that fits, the plugin unchanged."""

import os
from pathlib import Path

import pytest

from .conftest import Downstream, install

SUITE = """
def test_it_answers(es_on_net, es_client, es_index, net_probe):
    assert es_on_net.version == "{server}"
    es_client.index(index=es_index, {document}={{"dish": "taco"}}, refresh=True)
    assert es_client.count(index=es_index)["count"] == 1
    assert net_probe.http(es_on_net.internal_url + "/_cluster/health").status == 200


def test_the_app_works_with_it(web_client, es_client):
    assert es_client.count(index="trucks")["count"] == 733
    assert web_client.get("/search?q=taco").json()["hits"] > 0


def test_the_compiler_is_as_the_option_says(es_on_net):
    node = es_on_net.http.get("/_nodes/jvm").json()["nodes"].popitem()[1]
    quick = "-XX:TieredStopAtLevel=1" in node["jvm"]["input_arguments"]
    assert quick is ({jvm!r} == "fast-start")
"""

SNAPSHOT = """
def test_a_snapshot_brings_back_what_was_deleted(es_on_net, es_index):
    http, snapshot = es_on_net.http, f"/_snapshot/{es_on_net.snapshot_repository}/{es_index}"
    http.timeout = 60
    http.put(f"/{es_index}/_doc/1?refresh=true", json={"dish": "taco"}).raise_for_status()
    http.put(f"{snapshot}?wait_for_completion=true", json={"indices": es_index}).raise_for_status()
    http.delete(f"/{es_index}").raise_for_status()
    http.post(f"{snapshot}/_restore?wait_for_completion=true", json={"indices": es_index}).raise_for_status()
    assert http.get(f"/{es_index}/_doc/1").json()["_source"] == {"dish": "taco"}
"""

INTRODUCES_ITSELF = """
import json

def test_es_introduces_itself_as_in_the_chapter(es_on_net, net_probe):
    about = json.loads(net_probe.http(es_on_net.internal_url + "/").text)
    assert about["tagline"] == "You Know, for Search"
    assert about["version"]["number"] == es_on_net.version
"""
"""The root page is missing from the newest servers that package registries have."""


def install_client(requirement: str, folder: Path) -> dict[str, str]:
    """Install an Elasticsearch client beside the environment's own, and return the environment that prefers it."""
    install(["--target", str(folder)], requirement)
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)}


@pytest.mark.parametrize(
    ("server", "client", "document", "jvm"),
    [
        ("7.17.9", "elasticsearch>=7.17,<8", "body", "fast-start"),
        # test_examples.py has this server with this client, too.
        pytest.param("8.8.2", "elasticsearch>=8,<9", "document", "fast-start", marks=pytest.mark.slow),
        pytest.param("8.8.2", "elasticsearch>=8,<9", "document", "server", marks=pytest.mark.slow),
        # The server of the suites in test_installed.py and test_stack.py, and the client that they use.
        pytest.param("9.5.0", "elasticsearch>=9,<10", "document", "fast-start", marks=pytest.mark.slow),
    ],
)
def test_a_server_with_the_client_that_fits(
    downstream: Downstream, tmp_path: Path, *, server: str, client: str, document: str, jvm: str
) -> None:
    environment = install_client(client, tmp_path / "client")
    tests = SUITE.format(server=server, document=document, jvm=jvm) + SNAPSHOT
    introduces = server == "8.8.2"
    downstream.write(test_it=tests + INTRODUCES_ITSELF if introduces else tests)
    result = downstream.run(f"--foodtrucks-es-version={server}", f"--foodtrucks-es-jvm={jvm}", env=environment)
    result.assert_outcomes(passed=5 if introduces else 4)


def test_an_old_server_is_judged_ready_whatever_the_client(downstream: Downstream) -> None:
    downstream.write(
        test_it="""
        def test_it(es_on_net):
            assert es_on_net.version == "6.8.23"
            assert es_on_net.http.get("/_cluster/health").json()["status"] in {"yellow", "green"}

        def test_client(es_client): pass
        """,
        test_snapshots=SNAPSHOT,
    )
    result = downstream.run("--foodtrucks-es-version=6.8.23")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines("*can't speak to the server 6.8.23*")


@pytest.mark.slow  # the example two_versions is a suite with two, test_leftovers.py has a heap of a service's own
def test_several_in_one_suite(downstream: Downstream) -> None:
    downstream.write(
        conftest="""
        from pytest_foodtrucks import elasticsearch_service

        old = elasticsearch_service(version="7.17.9", heap="256m")
        new = elasticsearch_service(version="8.8.2", heap="256m")
        """,
        test_it="""
        def test_it(old, new, net_probe):
            assert (old.version, new.version) == ("7.17.9", "8.8.2")
            assert net_probe.connect("old", 9200).kind == net_probe.connect("new", 9200).kind == "connected"
            memory = old.http.get("/_nodes/jvm").json()["nodes"].popitem()[1]["jvm"]["mem"]
            assert memory["heap_max_in_bytes"] == 256 * 1024**2
        """,
    )
    downstream.run().assert_outcomes(passed=1)
