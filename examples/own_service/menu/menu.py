"""Somebody's own app: dishes are in Elasticsearch, and Redis counts how often each was ordered."""

import os
from typing import Any

from elasticsearch import Elasticsearch
from flask import Flask, abort
from redis import Redis

app = Flask(__name__)
elasticsearch = Elasticsearch(os.environ["ES_URL"])
redis = Redis(host=os.environ["REDIS_HOST"], decode_responses=True)


@app.get("/health")
def health() -> dict[str, int]:
    redis.ping()
    return {"dishes": elasticsearch.count(index="menu")["count"]}


@app.get("/dishes")
def dishes() -> list[str]:
    hits = elasticsearch.search(index="menu", query={"match_all": {}})["hits"]["hits"]
    return [hit["_source"]["name"] for hit in hits]


@app.post("/orders/<dish>")
def order(dish: str) -> dict[str, Any]:
    if not elasticsearch.exists(index="menu", id=dish):
        abort(404, f"There is no dish {dish!r}.")
    return {"dish": dish, "orders": redis.incr(f"orders:{dish}")}
