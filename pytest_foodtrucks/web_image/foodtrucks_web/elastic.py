"""The trucks in Elasticsearch: the only module that speaks to it."""

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from elasticsearch import ApiError, Elasticsearch, ElasticsearchWarning, TransportError

from .queries import Question
from .trucks import INDEX, MAPPING, document

ANSWER_WITHIN = 2.0  # seconds, for a question somebody waits for
LOAD_WITHIN = 30.0  # seconds, for each step of loading on a busy machine

CONFLICT = 409
# Not now, but perhaps later: timed out, too busy, or no master yet.
PASSING = frozenset({408, 429, 502, 503, 504})

# What the client logs about a server that is away is said once, in our own words.
logging.getLogger("elastic_transport").setLevel(logging.ERROR)
# A throwaway server without security is on purpose.
warnings.simplefilter("ignore", ElasticsearchWarning)


class Unavailable(Exception):
    """Elasticsearch can't answer now; the text says why."""


class Refused(Exception):
    """Elasticsearch refuses what it was asked; the text says why."""


class Catalogue:
    """The trucks as Elasticsearch at `url` holds them; each question is bounded in time."""

    def __init__(self, url: str) -> None:
        self._client = Elasticsearch(url, request_timeout=ANSWER_WITHIN, max_retries=0)
        self._loader = self._client.options(request_timeout=LOAD_WITHIN)

    def status(self) -> str:
        """Ask for the cluster's colour: red is an answer too."""
        with _translated():
            return str(self._client.cluster.health(master_timeout="1s")["status"])

    def version(self) -> str:
        """Ask the node for its version; not by `GET /`, which not every build of Elasticsearch offers."""
        with _translated():
            nodes = self._client.nodes.info(filter_path="nodes.*.version")["nodes"]
        return str(next(iter(nodes.values()))["version"])

    def search(self, **query: Any) -> dict[str, Any]:
        """Run a search; its total is exact."""
        with _translated():
            return dict(self._client.search(index=INDEX, track_total_hits=True, **query))

    def count(self) -> int:
        """Count the trucks by a search: a number proves that they can be found."""
        return int(self.search(size=0)["hits"]["total"]["value"])

    def load(self, trucks: Iterable[Mapping[str, Any]]) -> int:
        """Create the index and each truck that isn't there, touch none that is, search, and count them."""
        with _translated():
            self._create_index()
            self._create(trucks)
            self._loader.indices.refresh(index=INDEX)
            # On a busy machine a new server's first search takes longer than people wait for one.
            self._loader.search(index=INDEX, **Question(words="taco", facet="dish").search())
        return self.count()

    def _create_index(self) -> None:
        try:
            self._loader.indices.create(
                index=INDEX, mappings=MAPPING, settings={"number_of_shards": 1, "number_of_replicas": 0}
            )
        except ApiError as error:
            # Another instance, or an earlier start, was first.
            if error.error != "resource_already_exists_exception":
                raise

    def _create(self, trucks: Iterable[Mapping[str, Any]]) -> None:
        operations: list[Mapping[str, Any]] = []
        for truck in trucks:
            operations += [{"create": {"_id": truck["id"]}}, document(truck)]
        for item in self._loader.bulk(index=INDEX, operations=operations)["items"]:
            answer = item["create"]
            if "error" not in answer or answer["status"] == CONFLICT:
                continue
            if answer["status"] in PASSING:
                raise Unavailable(f"it put off a truck: {answer['error']['reason']}")
            raise Refused(f"it refuses the truck {answer['_id']!r}: {answer['error']}")


@contextmanager
def _translated() -> Iterator[None]:
    """Tell "not now" from "not so": the client's errors become `Unavailable` or `Refused`."""
    try:
        yield
    except TransportError as error:
        # The client puts "HTTPConnection(host=…): " before what happened; where it asked, others tell.
        raise Unavailable(f"it doesn't answer: {error.message.rpartition('): ')[2]}") from error
    except ApiError as error:
        if error.status_code in PASSING:
            raise Unavailable(f"it answers {error.status_code}: {error}") from error
        if error.error == "index_not_found_exception":
            raise Unavailable(f"it has no index {INDEX!r}") from error
        raise Refused(f"it answers {error.status_code}: {error}") from error
