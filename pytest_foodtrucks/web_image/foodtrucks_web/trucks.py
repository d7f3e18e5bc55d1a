"""The trucks: the file they come from, and the shape in which Elasticsearch holds them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .week import intervals

INDEX = "trucks"
EXPECTED = 733
MIDDLE = {"lat": 0.0608, "lon": 0.1}  # the bridge of Meridian Avenue, where the city says it began
_FILE = Path(__file__).with_name("trucks.jsonl")

# Only what the server's core can do: no analyzer but the standard one, which even small builds have.
MAPPING: Mapping[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "name": {"type": "text", "copy_to": "everything", "fields": {"raw": {"type": "keyword"}}},
        "dishes": {"type": "text", "copy_to": "everything", "fields": {"raw": {"type": "keyword"}}},
        "street": {"type": "text", "copy_to": "everything"},
        "district": {"type": "text", "copy_to": "everything", "fields": {"raw": {"type": "keyword"}}},
        "location": {"type": "geo_point"},
        "hours": {"type": "object", "enabled": False},
        "open": {"type": "integer_range"},
        "everything": {"type": "text"},
    },
}


def trucks() -> Iterator[dict[str, Any]]:
    """Read the trucks, one a line: id, name, dishes, street, district, location, hours."""
    with _FILE.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def document(truck: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is indexed for a truck: the truck, and its hours as minutes of the week."""
    fields = {key: value for key, value in truck.items() if key != "id"}
    return fields | {"open": [{"gte": start, "lt": end} for start, end in intervals(truck["hours"])]}
