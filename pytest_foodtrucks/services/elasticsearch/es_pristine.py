"""An Elasticsearch whose seeded data a test may change: what the fixture `es_pristine` yields."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from pytest_foodtrucks.sessions.state_key import keyed
from pytest_foodtrucks.stacks import sharing

from .es_holdings import Holdings, Marks
from .es_restoring import Seeded, copied
from .es_workers_copy import WorkersCopies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from elasticsearch import Elasticsearch

    from .es import ElasticsearchService


class PristineElasticsearch:
    """An Elasticsearch whose seeded data a test may change: it is put back afterwards.

    No public constructor: the fixture `es_pristine` yields one.
    """

    def __init__(self, service: "ElasticsearchService", copies: WorkersCopies | None) -> None:
        self.service = service
        """The one of `es_on_net`."""
        self._copies = copies

    def __repr__(self) -> str:
        return f"<PristineElasticsearch {self.service.alias}>"

    @property
    def client(self) -> "Elasticsearch":
        """The `client` of the service."""
        return self.service.client

    def index(self, name: str) -> str:
        """Return under which name a test may change a seeded index.

        That is its own name. Where xdist's workers share the service it is the name of the worker's own copy, such as
        gw0-trucks, which has no aliases and is as it was seeded; DefinitionError for what isn't a seeded index then.
        """
        return name if self._copies is None else self._copies.index(name)


class _Keeper(Protocol):
    def begin(self) -> None: ...

    def end(self) -> None: ...


class Original:
    """What was seeded in a service, copied, for all tests of this process that change it."""

    def __init__(self, service: "ElasticsearchService") -> None:
        """Copy it; FoodtrucksError where that can't be done."""
        self.service = service
        inside = service.__foodtrucks__
        worker = inside.stack.worker
        self._copies: WorkersCopies | None = None
        if inside.shared and worker is not None:
            self._copies = WorkersCopies(service, _copied_once(service), worker)
        self._keeper: _Keeper = self._copies if self._copies is not None else Seeded(service, copied(service))

    @contextmanager
    def for_test(self) -> Iterator[PristineElasticsearch]:
        """Yield it for one test, and put it back."""
        self._keeper.begin()
        try:
            yield PristineElasticsearch(self.service, self._copies)
        finally:
            self._keeper.end()


class _Part:
    """What was seeded, as a part of the session that one worker copies for all."""

    def __init__(self, service: "ElasticsearchService") -> None:
        self.key = f"seeded in {service.container.id}"
        self.values: Mapping[str, object] = {}

    def dump(self, seeded: Holdings, /) -> "Mapping[str, Any]":
        return asdict(seeded)

    def load(self, about: "Mapping[str, Any]", /) -> Holdings:
        return Holdings(**{**about, "marks": Marks(**about["marks"])})


def _copied_once(service: "ElasticsearchService") -> Holdings:
    """Copy what was seeded, unless another worker did."""
    session = service.__foodtrucks__.stack.session

    def on_other(words: "Sequence[str]") -> None:
        del words  # there are no values that could differ

    part = sharing.shared(
        session.folder,
        _Part(service),
        digest=keyed(session.state_folder),
        on_other=on_other,
        start=lambda: copied(service),
    )
    with part as seeded:
        return seeded
