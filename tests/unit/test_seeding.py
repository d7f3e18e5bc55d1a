"""Files that are sent to a server, and indices of a test's own that it makes; the server is one of this process."""

import http.server
import importlib.metadata
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import elasticsearch
import httpx2
import pytest

from fakes.json_server import json_handler
from fakes.serving import serving
from pytest_foodtrucks.callers import Place
from pytest_foodtrucks.containers.progress import Progress
from pytest_foodtrucks.errors import ClientMismatch, DefinitionError, StartError
from pytest_foodtrucks.services.elasticsearch import es_seeding
from pytest_foodtrucks.services.elasticsearch.es_own_index import OwnIndex, make
from pytest_foodtrucks.services.elasticsearch.es_seed import seed_files_in

VERSION = importlib.metadata.version("elasticsearch")
REFUSAL = {
    "type": "document_parsing_exception",
    "reason": "failed to parse field [seats]",
    "caused_by": {"type": "number_format_exception", "reason": 'For input string: "many"'},
}
"""What a server answers about a document."""


class Server:
    """A server that takes all, but for documents with "many" in them; `asked` has what came, in order."""

    version = VERSION

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.refuses: dict[str, int] = {}
        """The status for each path that it refuses."""

    @property
    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.asked]

    def answer(self, method: str, path: str, sent: bytes) -> tuple[int, Any]:
        if path == "/":  # what a client of the 7 line asks first
            version = {"number": self.version, "build_flavor": "default"}
            return 200, {"version": version, "tagline": "You Know, for Search"}
        lines = [json.loads(line) for line in sent.splitlines()] if "_bulk" in path else []
        self.asked.append((method, path, lines if lines else json.loads(sent) if sent else None))
        if path.partition("?")[0] in self.refuses:
            return self.refuses[path.partition("?")[0]], {"error": {"reason": "not here"}}
        return 200, {"items": list(items(iter(lines)))} if lines else {}


def items(lines: Iterator[Mapping[str, Any]]) -> Iterator[Any]:
    """Yield the answer to each action of a bulk request."""
    for line in lines:
        ((operation, about),) = line.items()
        document = {} if operation == "delete" else next(lines)
        failed = {"status": 400, "error": REFUSAL} if "many" in document.values() else {"status": 201}
        yield {operation: {"_index": about["_index"], "_id": about.get("_id"), **failed}}


class Service:
    """What is asked of an ElasticsearchService here; `said` is what it showed of its progress."""

    alias = "es"

    def __init__(self, url: str, said: io.StringIO) -> None:
        self.version = VERSION
        self.http = httpx2.Client(base_url=url)
        self._url = url
        self.clients: list[elasticsearch.Elasticsearch] = []
        progress = Progress(said)
        self.__foodtrucks__ = SimpleNamespace(stack=SimpleNamespace(working=progress.working))

    @property
    def client(self) -> elasticsearch.Elasticsearch:
        if self.version == "1.7.6":
            raise ClientMismatch("can't speak")
        self.clients.append(elasticsearch.Elasticsearch(self._url))
        return self.clients[-1]


@pytest.fixture
def said() -> io.StringIO:
    """Return what was written to standard error."""
    return io.StringIO()


@pytest.fixture
def server() -> Server:
    """Return a server that takes all."""
    return Server()


@pytest.fixture
def service(server: Server, said: io.StringIO) -> Iterator[Any]:
    """Return the service behind which that server is."""
    with answering(server) as url:
        service = Service(url, said)
        with service.http:
            yield service
        for client in service.clients:
            client.close()


@contextmanager
def answering(server: Server) -> Iterator[str]:
    """Let a server answer at a URL."""
    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), json_handler(server.answer))) as running:
        running.daemon_threads = True
        running.block_on_close = False
        yield f"http://127.0.0.1:{running.server_port}"


@pytest.fixture
def fill(service: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that fills the service from files, given their names and texts."""
    monkeypatch.chdir(tmp_path)

    def filled(files: Mapping[str, str]) -> None:
        for name, text in files.items():
            Path(name).write_text(text)
        seed_files_in(tmp_path, [tmp_path])(service)

    return filled


Fill = Callable[[Mapping[str, str]], None]

TEMPLATE = '{"index_patterns": ["t*"], "priority": 7, "template": {"settings": {"index.codec": "default"}}}'


def test_all_kinds_are_sent_in_order_and_found_at_once(server: Server, fill: Fill) -> None:
    fill(
        {
            "trucks.ndjson": '{"dish": "taco"}\n{"dish": "nacho"}\n',
            "trucks.index.json": '{"settings": {"index.number_of_replicas": 0}}',
            "t.template.json": TEMPLATE,
            "clean up.pipeline.json": '{"processors": []}',
        }
    )
    assert server.paths == [
        "PUT /_ingest/pipeline/clean%20up",
        "PUT /_index_template/t",
        "PUT /trucks",
        "POST /_bulk" if VERSION.startswith("7.") else "PUT /_bulk",
        "POST /_refresh",
    ]
    action = {"index": {"_index": "trucks"}}
    assert server.asked[3][2] == [action, {"dish": "taco"}, action, {"dish": "nacho"}]
    assert server.asked[2][2] == {"settings": {"index.number_of_replicas": 0}}


def test_a_server_that_wants_types_gets_one_and_the_old_templates(server: Server, service: Any, fill: Fill) -> None:
    service.version = "6.8.23"
    fill({"trucks.ndjson": "{}", "trucks.index.json": "{}", "t.template.json": TEMPLATE})
    assert server.paths[:2] == ["PUT /_template/t?include_type_name=false", "PUT /trucks?include_type_name=false"]
    assert server.asked[0][2] == {"index_patterns": ["t*"], "order": 7, "settings": {"index.codec": "default"}}
    assert server.asked[2][2] == [{"index": {"_type": "_doc", "_index": "trucks"}}, {}]


def test_an_index_template_of_the_old_kind_stays_one(server: Server, fill: Fill) -> None:
    fill({"t.template.json": '{"index_patterns": ["t*"], "order": 1, "settings": {}}'})
    assert server.paths == ["PUT /_template/t", "POST /_refresh"]


def test_what_an_old_template_cant_say_is_refused(service: Any, fill: Fill) -> None:
    service.version = "6.8.23"
    with pytest.raises(
        DefinitionError, match=r"^t.template.json has data_stream, which es \(6.8.23\) doesn't know. Re"
    ):
        fill({"t.template.json": '{"index_patterns": ["t*"], "data_stream": {}}'})


def test_the_first_document_that_is_refused_is_told_with_its_line_and_the_servers_reason(
    server: Server, fill: Fill
) -> None:
    lines = ['{"seats": 1}', "", '{"seats": "many"}', '{"seats": "many"}']
    with pytest.raises(DefinitionError) as raised:
        fill({"trucks.ndjson": "\n".join(lines)})
    assert str(raised.value) == (
        f"trucks.ndjson:3: es ({VERSION}) refused this document (400: document_parsing_exception: failed to parse "
        'field [seats], caused by number_format_exception: For input string: "many"). Remedy: mend it, or what the '
        "index trucks takes."
    )
    assert "POST /_refresh" not in server.paths


def test_of_many_documents_the_line_is_right_behind_the_first_request(
    server: Server, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(es_seeding, "_CHUNK_DOCUMENTS", 2)
    lines = ['{"index": {}}', "{}"] * 4 + ['{"delete": {"_id": "1"}}', '{"create": {}}', '{"seats": "many"}']
    with pytest.raises(DefinitionError, match=r"^trucks.ndjson:10: .* refused this document"):
        fill({"trucks.ndjson": "\n".join(lines)})
    assert len(server.asked) == 3


def test_a_broken_line_is_told_with_its_place(fill: Fill) -> None:
    with pytest.raises(DefinitionError, match=r"^trucks.ndjson:2: this is no JSON"):
        fill({"trucks.ndjson": '{"seats": 1}\n{"seats": \n'})


def test_a_file_that_went_away_since_it_was_named_is_told(service: Any, tmp_path: Path) -> None:
    file = tmp_path / "trucks.ndjson"
    file.touch()
    seed = seed_files_in(tmp_path, [file])
    file.unlink()
    with pytest.raises(DefinitionError, match=r"trucks.ndjson can't be read: No such file"):
        seed(service)


def test_a_definition_that_is_refused_is_told_with_its_file(server: Server, fill: Fill) -> None:
    server.refuses = {"/trucks": 400}
    message = f"trucks.index.json: es ({VERSION}) refused this index (400: not here). Remedy: mend the file."
    with pytest.raises(DefinitionError) as raised:
        fill({"trucks.index.json": "{}"})
    assert str(raised.value) == message


def test_a_request_that_is_refused_as_a_whole_is_told_with_its_first_line(
    server: Server, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(es_seeding, "_CHUNK_DOCUMENTS", 2)
    server.refuses = {"/_bulk": 413}
    with pytest.raises(StartError, match=r"^trucks.ndjson:1: es took no request that begins with this line: .*413"):
        fill({"trucks.ndjson": "{}\n{}\n{}\n"})


def test_a_client_that_doesnt_fit_is_told_before_anything_is_sent(server: Server, service: Any, fill: Fill) -> None:
    service.version = "1.7.6"
    with pytest.raises(ClientMismatch):
        fill({"trucks.index.json": "{}", "trucks.ndjson": "{}"})
    assert server.asked == []


def test_a_server_without_an_answer_is_told(service: Any, fill: Fill) -> None:
    service.http = httpx2.Client(base_url="http://127.0.0.1:9")
    with service.http, pytest.raises(StartError, match=r"^es gave no answer while it was filled from files: .*refused"):
        fill({"trucks.index.json": "{}"})


def test_long_work_is_shown_and_short_work_isnt(fill: Fill, said: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    fill({"trucks.ndjson": "{}\n{}\n"})
    assert said.getvalue() == ""
    monkeypatch.setattr(es_seeding, "_SHOWN_FROM", 5)
    fill({"trucks.ndjson": "{}\n{}\n"})
    begin, end = said.getvalue().splitlines()
    assert begin == "foodtrucks: filling es from trucks.ndjson …"
    assert end.startswith("foodtrucks: filling es from trucks.ndjson: done in ")


# an index of a test's own


HERE = Place(Path(__file__), 7)


def test_an_index_is_made_with_its_mappings_and_settings(server: Server, service: Any) -> None:
    mappings, settings = {"properties": {"dish": {"type": "keyword"}}}, {"number_of_replicas": 0}
    make(service, "mine", OwnIndex(place=HERE, mappings=mappings, settings=settings))
    assert server.asked == [("PUT", "/mine", {"mappings": mappings, "settings": settings})]


def test_an_alias_is_made_with_an_index_behind_it(server: Server, service: Any) -> None:
    make(service, "mine", OwnIndex(place=HERE, kind="alias"))
    assert server.asked == [("PUT", "/mine-000001", {"aliases": {"mine": {"is_write_index": True}}})]


def test_a_data_stream_is_made_with_a_template_of_its_own(server: Server, service: Any) -> None:
    make(service, "mine", OwnIndex(place=HERE, kind="data_stream", mappings={}))
    assert server.paths == ["GET /_data_stream/*", "PUT /_index_template/mine", "PUT /_data_stream/mine"]
    assert server.asked[1][2]["index_patterns"] == ["mine"]
    assert server.asked[1][2]["template"] == {"mappings": {}}


def test_a_server_without_data_streams_says_so_in_a_sentence(server: Server, service: Any) -> None:
    server.refuses = {"/_data_stream/*": 400}
    with pytest.raises(DefinitionError, match=r"test_seeding.py:7: es \(.*\) has no data streams: .*kind='alias'"):
        make(service, "mine", OwnIndex(place=HERE, kind="data_stream"))
    assert server.paths == ["GET /_data_stream/*"]


def test_an_index_that_the_server_refuses_is_told_where_it_is_written(server: Server, service: Any) -> None:
    server.refuses = {"/mine": 400}
    with pytest.raises(DefinitionError, match=r"test_seeding.py:7: es .* refused this index \(400: not here\). Remedy"):
        make(service, "mine", OwnIndex(place=HERE))


def test_a_server_without_an_answer_is_told_where_the_index_is_written(service: Any) -> None:
    service.http = httpx2.Client(base_url="http://127.0.0.1:9")
    message = r"test_seeding.py:7: es gave no answer while the index mine was made: .*refused"
    with service.http, pytest.raises(StartError, match=message):
        make(service, "mine", OwnIndex(place=HERE))
