"""Seeds as files and indices of a test's own, with the client that fits the server; one session for each server."""

from pathlib import Path

import pytest

from .conftest import Downstream
from .test_servers import install_client

FILES = {
    "trucks.index.json": """
        {"settings": {"index.number_of_replicas": 0, "index.default_pipeline": "plain"},
         "mappings": {"properties": {"dish": {"type": "keyword"}, "seats": {"type": "integer"}}}}
    """,
    "plain.pipeline.json": '{"description": "as they are", "processors": []}',
    "logs.template.json": """
        {"index_patterns": ["logs*"], "priority": 7,
         "template": {"mappings": {"properties": {"at": {"type": "date"}}}}}
    """,
    "trucks.ndjson": '{"dish": "taco", "seats": 3}\n\n{"dish": "nacho", "seats": 4}\n',
    "more.ndjson": """{"index": {"_index": "logs-1", "_id": "a"}}
{"at": "2026-11-26"}
{"create": {"_id": "c"}}
{"n": 1}
{"index": {"_index": "logs-1", "_id": "b"}}
{"at": "2026-11-26"}
{"delete": {"_index": "logs-1", "_id": "b"}}
""",
}

CONFTEST = """
from pytest_foodtrucks import elasticsearch_service, index_fixture

SERVER = {server!r}
STREAMS = {streams!r}
MAPPINGS = {{"properties": {{"dish": {{"type": "keyword"}}}}}}

es_on_net = elasticsearch_service(seed="./seeds", version=SERVER, heap="256m")
stall = index_fixture(mappings=MAPPINGS, settings={{"number_of_replicas": 0}})
stalls = index_fixture(kind="alias", mappings=MAPPINGS)
stream = index_fixture(kind="data_stream", mappings=MAPPINGS)
wrong = index_fixture(mappings={{"dish": "keyword"}})
"""

SUITE = """
import pathlib
import pytest
from conftest import MAPPINGS, SERVER, STREAMS
from pytest_foodtrucks import DefinitionError, seed_files


def mappings(es, index):
    ((name, about),) = es.http.get(f"/{index}/_mapping").raise_for_status().json().items()
    return name, about["mappings"].get("_doc", about["mappings"])


def found(es, index):
    return es.http.get(f"/{index}/_search").raise_for_status().json()["hits"]["hits"]


def test_all_is_there(es_on_net):
    assert es_on_net.version == SERVER
    assert sorted(hit["_source"]["dish"] for hit in found(es_on_net, "trucks")) == ["nacho", "taco"]
    assert [hit["_id"] for hit in found(es_on_net, "logs-1")] == ["a"]
    assert len(found(es_on_net, "more")) == 1
    assert es_on_net.http.get("/_ingest/pipeline/plain").json()["plain"]["description"] == "as they are"
    settings = es_on_net.http.get("/trucks/_settings").json()["trucks"]["settings"]["index"]
    assert settings["number_of_replicas"] == "0"
    assert mappings(es_on_net, "logs-1")[1]["properties"] == {"at": {"type": "date"}}


def test_the_first_refused_document_is_told(es_on_net):
    here = pathlib.Path(__file__).parent
    (here / "bad.ndjson").write_text('{"index": {"_index": "trucks"}}\\n{"seats": 1, "dish": "a"}\\n'
                                     '{"index": {"_index": "trucks"}}\\n{"seats": "many", "dish": "a"}\\n')
    with pytest.raises(DefinitionError, match=r"bad.ndjson:3: es .* refused this document .*many") as raised:
        seed_files("bad.ndjson")(es_on_net)
    print("TOLD", raised.value)


@pytest.mark.es_index(mappings=MAPPINGS, settings={"number_of_replicas": 0})
def test_a_marker(es_on_net, es_index):
    assert mappings(es_on_net, es_index) == (es_index, MAPPINGS)
    es_on_net.http.post(f"/{es_index}-more/_doc", json={}).raise_for_status()


def test_without_a_marker(es_on_net, es_index):
    assert es_on_net.http.get(f"/{es_index}").status_code == 404


def test_an_index(es_on_net, stall):
    assert mappings(es_on_net, stall) == (stall, MAPPINGS)


def test_an_alias(es_on_net, stalls):
    es_on_net.http.post(f"/{stalls}/_doc?refresh=true", json={"dish": "taco"}).raise_for_status()
    assert mappings(es_on_net, stalls) == (f"{stalls}-000001", MAPPINGS)
    assert len(found(es_on_net, stalls)) == 1


def test_a_data_stream(es_on_net, request):
    if not STREAMS:
        with pytest.raises(DefinitionError, match=r"has no data streams: .*kind='alias'"):
            request.getfixturevalue("stream")
        return
    stream = request.getfixturevalue("stream")
    document = {"@timestamp": "2026-11-26", "dish": "taco"}
    es_on_net.http.post(f"/{stream}/_doc?refresh=true", json=document).raise_for_status()
    assert len(found(es_on_net, stream)) == 1
    name, about = mappings(es_on_net, stream)
    assert name.startswith(f".ds-{stream}")
    assert about["properties"]["dish"] == {"type": "keyword"}


def test_what_the_server_refuses(request):
    with pytest.raises(DefinitionError, match=r"conftest.py:11: es .* refused this index .*Remedy") as raised:
        request.getfixturevalue("wrong")
    print("TOLD", raised.value)


def test_nothing_of_the_tests_own_is_left(es_on_net):
    names = [*es_on_net.http.get("/_cluster/state/metadata").json()["metadata"]["indices"]]
    assert [name for name in names if name.removeprefix(".ds-").startswith("test-")] == []
    templates = es_on_net.http.get("/_index_template")
    assert "test-" not in templates.text
"""


def write(downstream: Downstream, server: str, *, streams: bool) -> None:
    """Write the suite for a server."""
    folder = downstream.folder / "seeds"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    downstream.write(conftest=CONFTEST.format(server=server, streams=streams), test_it=SUITE)


def test_files_fill_a_server_and_indices_are_made_on_it(downstream: Downstream) -> None:
    write(downstream, "9.5.0", streams=False)
    downstream.run(timeout=300).assert_outcomes(passed=9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("server", "client", "streams"),
    [
        ("6.8.23", "elasticsearch>=7.17,<8", False),
        ("7.17.9", "elasticsearch>=7.17,<8", False),
        ("8.8.2", "elasticsearch>=8,<9", False),
    ],
)
def test_likewise_on_other_servers(
    downstream: Downstream, tmp_path: Path, *, server: str, client: str, streams: bool
) -> None:
    environment = install_client(client, tmp_path / "client")
    write(downstream, server, streams=streams)
    downstream.run(timeout=300, env=environment).assert_outcomes(passed=9)
