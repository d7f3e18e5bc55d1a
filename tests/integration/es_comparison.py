"""All that an Elasticsearch tells of itself by plain HTTP, for a comparison before and after.

It knows nothing of how the plugin puts things back, and imports nothing of it.
"""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

_CHANGES_WITH_EACH_COPY = re.compile(r"uuid$|version\.upgraded$")
"""Settings of an index that the server alone sets: a restored index has another identity, and nothing else is new."""


def ask(url: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
    """Make a request, and return the status and what the answer's JSON holds; a text is sent as lines of JSON."""
    lines = isinstance(body, str)
    content = body if lines else json.dumps(body) if body is not None else None
    kind = "application/x-ndjson" if lines else "application/json"
    request = urllib.request.Request(  # noqa: S310 - the URL is a test's
        url, content.encode() if content is not None else None, {"Content-Type": kind}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - likewise
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def everything(url: str) -> dict[str, Any]:
    """Return all that a reader can see: documents in their order, with scores; indices; what has a name; settings."""
    _, state = ask(f"{url}/_cluster/state/metadata")
    names = sorted(state["metadata"]["indices"])
    listings = ("_template", "_index_template", "_component_template", "_ingest/pipeline", "_snapshot")
    return {
        "indices": {name: _index(url, name) for name in names},
        "state": {name: state["metadata"]["indices"][name]["state"] for name in names},
        "documents": {name: _documents(url, name) for name in names},
        "scores": {name: _scores(url, name) for name in names},
        "cluster": ask(f"{url}/_cluster/settings?flat_settings=true"),
        "scripts": state["metadata"].get("stored_scripts"),
        **{listing: _listing(url, listing) for listing in listings},
    }


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what isn't the same, before and after."""
    return {key: (before[key], after[key]) for key in before if before[key] != after[key]}


def _index(url: str, name: str) -> Any:
    _, told = ask(f"{url}/{name}?flat_settings=true")
    about = told[name]
    settings = {key: value for key, value in about["settings"].items() if not _CHANGES_WITH_EACH_COPY.search(key)}
    return {**about, "settings": settings}


def _documents(url: str, name: str) -> Any:
    """Return the documents as a search without a query has them: in the order in which they lie there."""
    _, told = ask(f"{url}/{name}/_search?size=1000&version=true&seq_no_primary_term=true")
    kept = ("_id", "_routing", "_source", "_version", "_seq_no")
    return [{key: hit.get(key) for key in kept} for hit in told["hits"]["hits"]]


def _scores(url: str, name: str) -> Any:
    _, told = ask(f"{url}/{name}/_search?size=1000", "POST", {"query": {"match": {"name": "taco"}}})
    return [(hit["_id"], hit["_score"]) for hit in told["hits"]["hits"]]


def _listing(url: str, path: str) -> Any:
    status, told = ask(f"{url}/{path}")
    if status != 200:
        return status
    told = next(iter(told.values())) if path in {"_index_template", "_component_template"} else told
    if isinstance(told, list):
        told = {each["name"]: next(each[key] for key in each if key != "name") for each in told}
    return {name: _without_times(about) for name, about in told.items() if not name.startswith(".")}


def _without_times(about: Any) -> Any:
    return {key: value for key, value in about.items() if not key.endswith(("date", "date_millis"))}
