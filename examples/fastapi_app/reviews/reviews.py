"""Somebody's own app: people review food trucks, and Elasticsearch keeps what they say."""

import os
from typing import Annotated, Any

from elasticsearch import Elasticsearch, TransportError
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

app = FastAPI()
elasticsearch = Elasticsearch(os.environ["ES_URL"], request_timeout=5, max_retries=0)


class Review(BaseModel):
    truck: str
    stars: Annotated[int, Field(ge=1, le=5)]
    text: str = ""


@app.exception_handler(TransportError)
def elasticsearch_is_away(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "Reviews can't be read just now."}, status_code=503)


@app.get("/health")
def health() -> dict[str, int]:
    return {"reviews": elasticsearch.count(index="reviews")["count"]}


@app.post("/reviews", status_code=201)
def add(review: Review) -> Review:
    elasticsearch.index(index="reviews", document=review.model_dump(), refresh=True)
    return review


@app.get("/trucks/{truck}")
def stars(truck: str) -> dict[str, Any]:
    average = {"stars": {"avg": {"field": "stars"}}}
    found = elasticsearch.search(index="reviews", size=0, query={"term": {"truck": truck}}, aggs=average)
    return {"reviews": found["hits"]["total"]["value"], "stars": found["aggregations"]["stars"]["value"]}
