"""Puts what was seeded in an Elasticsearch back to how it was, and deletes what came since."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pytest_foodtrucks.errors import FoodtrucksError

from . import es_contents
from .es_contents import is_cluster_block
from .es_copies import Copies
from .es_holdings import Holdings, holdings, marks
from .es_requests import asked
from .es_things import can_be_put, put_order

if TYPE_CHECKING:
    from .es import ElasticsearchService

_TRIES: Final = 3
"""How often it is tried to copy what was seeded, where it changes meanwhile."""


def copied(service: "ElasticsearchService") -> Holdings:
    """Copy all indices of a service, and return what it holds; FoodtrucksError where that changes meanwhile."""
    before = holdings(service)
    for _ in range(_TRIES):
        Copies(service).make(before.indices)
        after = holdings(service)
        if after.marks.documents == before.marks.documents and after.indices == before.indices:
            return after
        before = after
    changing = sorted(_touched(before, after))
    raise FoodtrucksError(
        f"What was seeded in {service.alias} can't be copied, because somebody goes on to change it: "
        f"{', '.join(changing)}. Remedy: let es_seed wait until all is written."
    )


@dataclass(frozen=True)
class Others:
    """What isn't seeded and was there before a test, by name: it stays."""

    things: Collection[str]
    settings: Collection[tuple[str, str]]

    @classmethod
    def than(cls, seeded: Holdings, now: Holdings) -> "Others":
        """Return what is there beside what was seeded."""
        return cls(now.things.keys() - seeded.things.keys(), _names(now.settings) - _names(seeded.settings))


class Seeded:
    """What was seeded in a service: whether it changed, and how it is put back."""

    def __init__(self, service: "ElasticsearchService", seeded: Holdings) -> None:
        self._service = service
        self._copies = Copies(service)
        self._seeded = seeded
        self._last = seeded
        """What was there when it was last looked at."""
        self._others = Others((), ())

    def begin(self) -> None:
        """Put back what was changed without being put back, and note what else is there: that stays."""
        if self._is_unchanged():
            return
        now = holdings(self._service, self._last)
        self._others = Others.than(self._seeded, now)
        self._put_back(now)

    def end(self) -> None:
        """Put back what was seeded, and delete what came since `begin`."""
        if not self._is_unchanged():
            self._put_back(holdings(self._service, self._last))

    def _is_unchanged(self) -> bool:
        return marks(self._service) == self._last.marks

    def _put_back(self, now: Holdings) -> None:
        if not (self._come(now) or self._differing(now) or any(self._changes(kind, now) for kind in now.settings)):
            self._last = now
            return
        now = self._set_settings(now)
        self._mend_indices(now)
        self._delete(self._come(now))
        now = holdings(self._service, now)
        self._restore(sorted(_touched(self._seeded, now)), now)
        self._put_things(now)
        self._last = holdings(self._service, now)
        self._others = Others.than(self._seeded, self._last)
        self._refuse_different()

    # settings of the cluster: they come first, for with some of them nothing else can be changed

    def _set_settings(self, now: Holdings) -> Holdings:
        requests = list(_of_settings({kind: self._changes(kind, now) for kind in now.settings}))
        for each in requests:
            asked(self._service, "PUT", "/_cluster/settings", each)
        return holdings(self._service, now) if requests else now

    def _changes(self, kind: str, now: Holdings) -> dict[str, Any]:
        wanted, there = self._seeded.settings[kind], now.settings[kind]
        stay = {name for of_kind, name in self._others.settings if of_kind == kind}
        gone = {name: None for name in there if name not in wanted and name not in stay}
        return {**gone, **{name: value for name, value in wanted.items() if there.get(name) != value}}

    # indices

    def _mend_indices(self, now: Holdings) -> None:
        """Put back settings and aliases of seeded indices. What can't be is restored with its index afterwards."""
        for name, wanted in self._seeded.indices.items():
            there = now.indices.get(name)
            if there is not None and there != wanted:
                new = [each for each in self._come(now) if each in es_contents.blocks_on(name, there["settings"])]
                es_contents.delete(self._service, new)
                with suppress(FoodtrucksError):  # it is restored then
                    self._mend(name, wanted, there)

    def _mend(self, name: str, wanted: Mapping[str, Any], there: Mapping[str, Any]) -> None:
        if (there["state"], wanted["state"]) == ("close", "open"):
            asked(self._service, "POST", f"/{_path(name)}/_open?wait_for_active_shards=1")
        changes = _changed_settings(wanted["settings"], there["settings"])
        if changes:
            asked(self._service, "PUT", f"/{_path(name)}/_settings", changes)
        actions = [{"remove": {"index": name, "alias": alias}} for alias in there["aliases"]]
        actions += [{"add": {"index": name, "alias": alias, **about}} for alias, about in wanted["aliases"].items()]
        if there["aliases"] != wanted["aliases"]:
            asked(self._service, "POST", "/_aliases", {"actions": actions})

    def _restore(self, touched: list[str], now: Holdings) -> None:
        if not touched:
            return
        there = [name for name in touched if name in now.indices]
        blocks = [path for name in there for path in es_contents.blocks_on(name, now.indices[name]["settings"])]
        es_contents.delete(self._service, blocks)
        self._copies.delete(there)
        self._copies.restore(touched)
        self._note_restored(touched)

    def _note_restored(self, touched: list[str]) -> None:
        """Expect from now on the UUIDs that restored indices have got; their sequence numbers are as before."""
        new = marks(self._service).documents
        before = self._seeded.marks.documents
        restored = {name: [new[name][0], before[name][1]] for name in touched if name in new and name in before}
        self._seeded = replace(self._seeded, marks=replace(self._seeded.marks, documents={**before, **restored}))

    # what has a name

    def _come(self, now: Holdings) -> list[str]:
        """Return the paths of what came since `begin`, in the order in which they can be deleted."""
        return [path for path in now.things if path not in self._seeded.things and path not in self._others.things]

    def _delete(self, paths: list[str]) -> None:
        failures = es_contents.delete(self._service, paths)
        if failures:
            raise FoodtrucksError(
                f"What the test left in {self._service.alias} can't be deleted: {es_contents.together(failures)}. "
                "Remedy: let the test delete it, or take away what holds it."
            )

    def _put_things(self, now: Holdings) -> None:
        wanted = self._seeded.things
        changed = [path for path in wanted if can_be_put(path) and now.things.get(path) != wanted[path]]
        for path in sorted(changed, key=put_order):
            asked(self._service, "PUT", f"/{path}", wanted[path])

    def _differing(self, now: Holdings) -> list[str]:
        """Return what isn't as it was seeded, by names of indices and paths of things."""
        things = [path for path, body in self._seeded.things.items() if now.things.get(path) != body]
        return [*sorted(_touched(self._seeded, now)), *things]

    def _refuse_different(self) -> None:
        differ = self._differing(self._last)
        if differ:
            raise FoodtrucksError(
                f"What a test changed in {self._service.alias} can't be put back: {', '.join(differ)}. Remedy: let the "
                "test put it back itself, or give it a service of its own, by own_stack."
            )


def _touched(seeded: Holdings, now: Holdings) -> set[str]:
    """Return the seeded indices that aren't as they were."""
    return {
        name
        for name, about in seeded.indices.items()
        if now.indices.get(name) != about or seeded.marks.documents.get(name) != now.marks.documents.get(name)
    }


def _changed_settings(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    gone = {name: None for name in there if name not in wanted}
    return {**gone, **{name: value for name, value in wanted.items() if there.get(name) != value}}


def _of_settings(changes: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, dict[str, Any]]]:
    """Yield requests that change settings of the cluster: for each block that goes, for all others, for what comes."""
    blocks = [(kind, name) for kind, values in changes.items() for name in values if is_cluster_block(name)]
    each_alone = [{kind: {name: changes[kind][name]}} for kind, name in sorted(blocks)]
    others = {
        kind: {name: value for name, value in values.items() if not is_cluster_block(name)}
        for kind, values in changes.items()
    }
    yield from (each for each in each_alone if not _blocks(each))
    if any(others.values()):
        yield {kind: values for kind, values in others.items() if values}
    yield from filter(_blocks, each_alone)


def _blocks(change: Mapping[str, Mapping[str, Any]]) -> bool:
    return any(str(value).lower() == "true" for values in change.values() for value in values.values())


def _names(settings: Mapping[str, Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {(kind, name) for kind, values in settings.items() for name in values}


def _path(name: str) -> str:
    return quote(name, safe="")
