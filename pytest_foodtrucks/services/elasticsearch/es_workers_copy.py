"""Under xdist: a worker's own copies of seeded indices, which it may change, beside those that all workers share."""

from typing import TYPE_CHECKING

from pytest_foodtrucks.errors import DefinitionError, FoodtrucksError

from . import es_contents
from .es_copies import Copies
from .es_holdings import Holdings, holdings

if TYPE_CHECKING:
    from .es import ElasticsearchService


class WorkersCopies:
    """A worker's own copies of seeded indices."""

    def __init__(self, service: "ElasticsearchService", seeded: Holdings, worker: str) -> None:
        self._service = service
        self._copies = Copies(service)
        self._seeded = seeded
        self._prefix = f"{worker}-"
        self._before = seeded
        self._given: set[str] = set()

    def begin(self) -> None:
        """Note what the shared indices are before a test."""
        self._given.clear()
        self._before = holdings(self._service, self._before)

    def end(self) -> None:
        """Raise FoodtrucksError where shared indices changed during the test."""
        now = holdings(self._service, self._before)
        changed = sorted(name for name in self._seeded.indices if _differs(self._before, now, name))
        if changed:
            raise FoodtrucksError(
                f"{' and '.join(changed)} of {self._service.alias}, which all xdist workers share, changed while this "
                "test ran: it did that, or a test of another worker. What workers share isn't put back. Remedy: a test "
                f"that changes what was seeded takes its worker's own copy, by es_pristine.index({changed[0]!r})."
            )

    def index(self, name: str) -> str:
        """Return the name of this worker's copy of a seeded index, as it was seeded."""
        if name not in self._seeded.indices:
            seeded = ", ".join(sorted(self._seeded.indices))
            raise DefinitionError(
                f"{name!r} is no seeded index. Remedy: name one of those that es_seed makes"
                f"{f': {seeded}' if seeded else ', which makes none'}; an alias isn't copied."
            )
        copy = f"{self._prefix}{name}"
        if copy not in self._given:
            self._renew(name, copy)
            self._given.add(copy)
        return copy

    def _renew(self, name: str, copy: str) -> None:
        there = holdings(self._service, self._before).indices.get(copy)
        if there is not None:
            es_contents.delete(self._service, es_contents.blocks_on(copy, there["settings"]))
            self._copies.delete([copy])
        self._copies.restore([name], prefix=self._prefix)


def _differs(before: Holdings, now: Holdings, index: str) -> bool:
    return (before.indices.get(index), before.marks.documents.get(index)) != (
        now.indices.get(index),
        now.marks.documents.get(index),
    )
