"""How fast documents come from a file, beside elasticsearch-py's own bulk helper: 100,000 of them, or DOCUMENTS.

The helper is measured twice: it reads the same file, or it has the documents in memory already. The three take turns,
each time with a new index. It needs what `./run setup` makes:
`. ./.foodtrucks.env; .venv/bin/pytest -s benchmarks/seed_files.py`.
"""

import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from elasticsearch.helpers import streaming_bulk

from pytest_foodtrucks import ElasticsearchService, elasticsearch_service
from pytest_foodtrucks.services.elasticsearch.es_seed import seed_files_in

DOCUMENTS = int(os.environ.get("DOCUMENTS", "100000"))
ROUNDS = 3
WORDS = ("taco", "nacho", "ramen", "pho", "falafel", "arepa", "pierogi", "bao")

filled = elasticsearch_service(heap="1g")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of documents, each like a truck's."""
    place = tmp_path_factory.mktemp("seeds") / "trucks.ndjson"
    chance = random.Random(7)  # noqa: S311 - the same documents each time
    with place.open("w") as opened:
        for number in range(DOCUMENTS):
            truck = {
                "name": f"Truck {number}",
                "dishes": chance.sample(WORDS, 3),
                "seats": chance.randrange(40),
                "place": {"lat": chance.uniform(-90, 90), "lon": chance.uniform(-180, 180)},
                "text": " ".join(chance.choices(WORDS, k=20)),
            }
            opened.write(f"{json.dumps(truck)}\n")
    return place


def by_helper(search: ElasticsearchService, documents: Iterable[Any]) -> None:
    """Send documents as a suite of one's own would."""
    for _ in streaming_bulk(search.client.options(request_timeout=120), documents, index="trucks"):
        pass
    search.client.indices.refresh(index="trucks")


def seconds_of(search: ElasticsearchService, send: Callable[[], object]) -> float:
    """Return how long a way of sending takes, and see that all arrived."""
    search.http.delete("/trucks")
    began = time.monotonic()
    send()
    seconds = time.monotonic() - began
    if search.client.count(index="trucks")["count"] != DOCUMENTS:
        raise SystemExit("Not all documents arrived.")
    return seconds


def test_seed_files(filled: ElasticsearchService, file: Path) -> None:
    """The ways take turns, after a time that nobody counts."""

    def from_file() -> None:
        with file.open() as opened:
            by_helper(filled, map(json.loads, opened))

    in_memory = [json.loads(line) for line in file.read_text().splitlines()]
    seed = seed_files_in(file.parent, [file])
    ways: dict[str, Callable[[], object]] = {
        "helper, from the file": from_file,
        "helper, in memory": lambda: by_helper(filled, in_memory),
        "seed_files": lambda: seed(filled),
    }
    measured: dict[str, list[float]] = {way: [] for way in ways}
    seconds_of(filled, from_file)
    for _ in range(ROUNDS):
        for way, send in ways.items():
            measured[way].append(seconds_of(filled, send))
            print(f"\n{way}: {measured[way][-1]:.2f} s", end="")
    ours = statistics.median(measured["seed_files"])
    print(f"\n{DOCUMENTS:,} documents, {file.stat().st_size / 1e6:.0f} MB, Elasticsearch {filled.version}:")
    for way, all_seconds in measured.items():
        middle = statistics.median(all_seconds)
        shown = ", ".join(f"{each:.2f}" for each in all_seconds)
        print(f"{way}: {middle:.2f} s (median of {shown}), {DOCUMENTS / middle:,.0f} a second")
        if way != "seed_files":
            print(f"    seed_files has {middle / ours:.2f} of its speed")
