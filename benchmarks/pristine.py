"""What it costs to put seeded data back, for 1, 1,000 and 100,000 documents; written to docs/how-to/pristine-data.md.

Beside what `es_pristine` does, two other ways: a clone of a hidden copy, and documents put back one by one. It needs
what `./run setup` makes: `. ./.foodtrucks.env; .venv/bin/pytest -s benchmarks/pristine.py`.
"""

import json
import re
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_foodtrucks import ElasticsearchService, elasticsearch_service
from pytest_foodtrucks.services.elasticsearch.es_pristine import Original

SIZES = (1, 1_000, 100_000)
ROUNDS = 5
CHUNK = 10_000
PAGE = Path(__file__).parents[1] / "docs/how-to/pristine-data.md"
TABLE = re.compile(r"(?<=<!-- written by benchmarks/pristine.py -->\n).*?(?=<!-- end -->)", re.DOTALL)

pristine_bench = elasticsearch_service(scope="module")


class Bench:
    """One index `trucks` in a server, and what was seeded in it."""

    def __init__(self, service: ElasticsearchService, size: int) -> None:
        self.service = service
        self.size = size
        self.ask("DELETE", "/trucks,hidden?ignore_unavailable=true")
        self.ask("PUT", "/trucks", {"settings": {"number_of_replicas": 0}, "aliases": {"food": {}}})
        self.write(range(size), "taco")
        self.ask("PUT", "/trucks/_settings", {"index.blocks.write": True})
        self.ask("POST", "/trucks/_clone/hidden", {"settings": {"index.hidden": True}})
        self.ask("PUT", "/trucks/_settings", {"index.blocks.write": None})
        self.seen = self.ask("GET", "/_stats/docs?level=shards")["indices"]["trucks"]["shards"]["0"][0]["seq_no"]
        self.documents = {f"{number}": document(number, "taco") for number in range(size)}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Make a request."""
        return self.service.http.request(method, path, json=body, timeout=120).raise_for_status().json()

    def bulk(self, lines: list[Any]) -> None:
        """Make a bulk request, and refresh."""
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        headers = {"Content-Type": "application/x-ndjson"}
        answer = self.service.http.post("/_bulk?refresh=true", content=text, headers=headers, timeout=120)
        if answer.raise_for_status().json()["errors"]:
            raise SystemExit(answer.text[:1000])

    def write(self, numbers: range, dish: str) -> None:
        """Index documents."""
        for first in range(0, len(numbers), CHUNK):
            part = numbers[first : first + CHUNK]
            self.bulk([line for each in part for line in (action(each), document(each, dish))])

    # other ways

    def clone(self) -> None:
        """Put the index back from its hidden copy, which has a write block."""
        self.ask("DELETE", "/trucks")
        self.ask("PUT", "/hidden/_settings", {"index.blocks.write": True})
        settings = {"index.hidden": None, "index.blocks.write": None}
        self.ask("POST", "/hidden/_clone/trucks", {"settings": settings, "aliases": {"food": {}}})

    def one_by_one(self) -> None:
        """Put back the documents that changed since: those with a higher sequence number."""
        highest = self.seen["max_seq_no"]
        query = {"range": {"_seq_no": {"gt": highest}}}
        changed, after = [], None
        while True:
            body = {"query": query, "size": CHUNK, "_source": False, "sort": ["_seq_no"]}
            body |= {"search_after": after} if after is not None else {}
            hits = self.ask("POST", "/trucks/_search", body)["hits"]["hits"]
            if not hits:
                break
            changed += [hit["_id"] for hit in hits]
            after = hits[-1]["sort"]
        for first in range(0, len(changed), CHUNK):
            part = changed[first : first + CHUNK]
            self.bulk([line for key in part for line in (action(key), self.documents[key])])
        if self.ask("GET", "/trucks/_count")["count"] != self.size:
            raise SystemExit("documents were deleted")
        self.seen = self.ask("GET", "/_stats/docs?level=shards")["indices"]["trucks"]["shards"]["0"][0]["seq_no"]


def action(key: object) -> Any:
    """Return the line that indexes a document."""
    return {"index": {"_index": "trucks", "_id": str(key)}}


def document(number: int, dish: str) -> Any:
    """Return a document of about 200 bytes."""
    words = "they come at noon and leave when all is sold, and on Sundays there is music and a queue around the corner"
    return {"name": f"truck {number}", "dish": dish, "place": [number % 180, number % 90], "about": words}


def seconds(of: Callable[[], object]) -> float:
    """Return how long something takes."""
    began = time.monotonic()
    of()
    return time.monotonic() - began


def rows(bench: Bench) -> Iterator[tuple[str, float]]:
    """Yield what each case costs, in milliseconds, the median of some rounds."""
    originals: list[Original] = []
    yield "the copy, once after the seed", seconds(lambda: originals.append(Original(bench.service))) * 1000
    original = originals[0]

    def put_back(change: Callable[[], object]) -> float:
        with original.for_test():
            change()
            began = time.monotonic()
        return time.monotonic() - began

    def other(way: Callable[[], object], change: Callable[[], object]) -> float:
        change()
        return seconds(way)

    one, everything = range(1), range(bench.size)
    cases: dict[str, Callable[[], float]] = {
        "nothing was touched": lambda: seconds(lambda: put_back(lambda: None)),
        "an alias was added": lambda: put_back(lambda: bench.ask("PUT", "/trucks/_alias/new")),
        "an index was added": lambda: put_back(lambda: bench.ask("PUT", "/another")),
        "one document was changed": lambda: put_back(lambda: bench.write(one, "soup")),
        "all documents were changed": lambda: put_back(lambda: bench.write(everything, "soup")),
        "the index was deleted": lambda: put_back(lambda: bench.ask("DELETE", "/trucks")),
        "*another way:* a clone, one document was changed": lambda: other(
            bench.clone, lambda: bench.write(one, "soup")
        ),
        "*another way:* document by document, one was changed": lambda: other(
            bench.one_by_one, lambda: bench.write(one, "soup")
        ),
        "*another way:* document by document, all were changed": lambda: other(
            bench.one_by_one, lambda: bench.write(everything, "soup")
        ),
    }
    for name, case in cases.items():
        if "document by document" in name:
            numbers = bench.ask("GET", "/_stats/docs?level=shards")["indices"]["trucks"]["shards"]["0"][0]["seq_no"]
            bench.seen = numbers
        yield name, statistics.median(case() for _ in range(ROUNDS)) * 1000


@pytest.fixture(scope="module")
def table(pristine_bench: ElasticsearchService) -> Iterator[dict[str, dict[int, float]]]:
    """Collect the figures, and write them at the end."""
    found: dict[str, dict[int, float]] = {}
    yield found
    head = " | ".join(f"{size:,}" for size in SIZES)
    lines = [f"| milliseconds, Elasticsearch {pristine_bench.version} | {head} |", "|---|" + "---:|" * len(SIZES)]
    lines += [f"| {name} | {' | '.join(f'{values[size]:,.0f}' for size in SIZES)} |" for name, values in found.items()]
    text = "\n".join(lines) + "\n"
    print(f"\n{text}")
    PAGE.write_text(TABLE.sub(lambda _: text, PAGE.read_text()))


@pytest.mark.parametrize("size", SIZES)
def test_what_it_costs(pristine_bench: ElasticsearchService, table: dict[str, dict[int, float]], size: int) -> None:
    """Measure each case for one number of documents."""
    for name, milliseconds in rows(Bench(pristine_bench, size)):
        table.setdefault(name, {})[size] = milliseconds
