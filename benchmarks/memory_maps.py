"""What `node.store.allow_mmap=false` costs: two servers, one with memory maps and one without, asked in turn.

It needs what `./run setup` makes: `. ./.foodtrucks.env; .venv/bin/pytest -s benchmarks/memory_maps.py`; another server
by `--foodtrucks-es-version=8.8.2`.
"""

import json
import random
import statistics
import time
from typing import Any

from pytest_foodtrucks import ElasticsearchService, elasticsearch_service

DOCUMENTS = 40_000
BATCH = 1_000
DIMENSIONS = 64
ROUNDS = 150

mapped = elasticsearch_service(environment={"node.store.allow_mmap": "true"})
read = elasticsearch_service(environment={"node.store.allow_mmap": "false"})

WORDS = [f"word{number}" for number in range(2_000)]
MAPPINGS = {
    "text": {"type": "text"},
    "kind": {"type": "keyword"},
    "price": {"type": "integer"},
    "vector": {"type": "dense_vector", "dims": DIMENSIONS, "index": True, "similarity": "cosine"},
}


def document(chance: random.Random) -> dict[str, Any]:
    """Return a document of eight words, a kind, a price and a vector."""
    return {
        "text": " ".join(chance.choices(WORDS, k=8)),
        "kind": f"kind{chance.randrange(50)}",
        "price": chance.randrange(10_000),
        "vector": [chance.random() for _ in range(DIMENSIONS)],
    }


def fill(es: ElasticsearchService) -> float:
    """Index the documents, and return the seconds that it took."""
    es.http.timeout = 300
    es.http.put("/menu", json={"mappings": {"properties": MAPPINGS}}).raise_for_status()
    chance, began = random.Random(1), time.monotonic()  # noqa: S311 - the same data each time
    for _ in range(DOCUMENTS // BATCH):
        lines = [f'{{"index":{{}}}}\n{json.dumps(document(chance))}\n' for _ in range(BATCH)]
        es.http.post(
            "/menu/_bulk", content="".join(lines), headers={"Content-Type": "application/x-ndjson"}
        ).raise_for_status()
    es.http.post("/menu/_refresh").raise_for_status()
    return time.monotonic() - began


def searches(chance: random.Random) -> dict[str, dict[str, Any]]:
    """Return a search of each kind."""
    words = " ".join(chance.choices(WORDS, k=2))
    vector = [chance.random() for _ in range(DIMENSIONS)]
    return {
        "match": {"query": {"match": {"text": words}}},
        "sort": {"query": {"match": {"text": words}}, "sort": ["price"]},
        "aggregation": {
            "size": 0,
            "aggs": {"kinds": {"terms": {"field": "kind"}, "aggs": {"p": {"avg": {"field": "price"}}}}},
        },
        "vectors": {"knn": {"field": "vector", "query_vector": vector, "k": 10, "num_candidates": 100}},
    }


def test_what_it_costs(mapped: ElasticsearchService, read: ElasticsearchService) -> None:
    """Print how long both took for the documents, and for searches of each kind."""
    servers = {"mapped": mapped, "read": read}
    for name, es in servers.items():
        print(f"\n{es.version} {name}: {DOCUMENTS} documents in {fill(es):.1f} s")
    took: dict[tuple[str, str], list[float]] = {}
    for turn in range(ROUNDS):
        for kind, body in searches(random.Random(turn)).items():  # noqa: S311 - likewise
            for name, es in servers.items():
                began = time.monotonic()
                es.http.post("/menu/_search?request_cache=false", json=body).raise_for_status()
                took.setdefault((kind, name), []).append(time.monotonic() - began)
    for (kind, name), seconds in took.items():
        print(f"{kind}, {name}: {statistics.median(seconds[ROUNDS // 3 :]) * 1000:.2f} ms (median)")
