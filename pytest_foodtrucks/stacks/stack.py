"""One session's stack: the labels of its things, its images and services, and its removal."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from hashlib import sha256
from threading import Event
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from pytest_foodtrucks.clock import wall
from pytest_foodtrucks.containers import building, deriving, pulling
from pytest_foodtrucks.engine.fork_lock import ForkLock
from pytest_foodtrucks.engine.labels import OWNER_LABEL, PART_LABEL, SERVICE_LABEL, SESSION_LABEL
from pytest_foodtrucks.errors import FoodtrucksError, NoAnswer
from pytest_foodtrucks.sessions.state_key import keyed

from .kept_choice import chosen_kept_stack
from .kept_stack import KEPT
from .lent_stack import LentStack, borrowed_stack
from .removal import remove_things_of_ending_session

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_foodtrucks.containers.building import Build
    from pytest_foodtrucks.containers.container import Container
    from pytest_foodtrucks.containers.deriving import Derivation
    from pytest_foodtrucks.containers.progress import Counted, Progress
    from pytest_foodtrucks.engine.engine import Engine
    from pytest_foodtrucks.excerpts import Excerpt
    from pytest_foodtrucks.sessions.session import Session
    from pytest_foodtrucks.settings import Settings

    from .kept_stack import KeptStack
    from .on_demand import OnDemand
    from .watching import Watching

T = TypeVar("T")

_SAME_CLOCK: Final = 1.0
"""Seconds of difference that may be the measurement's own."""

_LAST_LOGS: Final = 10
"""So many logs of a test's own services are kept for its report."""


class PartLabel(NamedTuple):
    """A part of the stack: its name, and whether it belongs to the kept stack, if there is one."""

    name: str
    kept: bool = True


class LastLog(NamedTuple):
    """The log of a service of a `with` block that an error ended: the container is gone when the report is made."""

    alias: str
    log: "Excerpt"
    moment: float


class Shown(Protocol):
    """A service, as far as a stack and the report of a failed test need it."""

    @property
    def alias(self) -> str:
        """The first of its names on the network."""

    @property
    def container(self) -> "Container":
        """The container whose log is shown."""


class Stack:
    """All that one session has on the engine.

    `worker` is the xdist worker's id, or None. All its things carry its labels: what a fixture could not remove is
    removed in `close`, or by the watchdog. Shared networks and services may belong to a kept stack. A child that is
    forked from this process creates and removes nothing.
    """

    def __init__(
        self,
        engine: "Engine",
        settings: "Settings",
        *,
        progress: "Progress",
        session: "Session",
        worker: str | None = None,
        watching: "Watching | None" = None,
    ) -> None:
        self.engine = engine
        self.settings = settings
        self.worker = worker
        self.session = session
        self._owner_label = session.owner_label
        self._watching = watching
        self._process = os.getpid()
        self.kept_stack: KeptStack | None = chosen_kept_stack(session)
        self.borrowed: LentStack | None = borrowed_stack(session)
        """The stack of `foodtrucks run` that this session has in place of one of its own."""
        self.lent: LentStack | None = None
        """Where this session's parts are recorded for the session that its program is; of `foodtrucks run`."""
        self.services: list[Shown] = []
        self.last_logs: deque[LastLog] = deque(maxlen=_LAST_LOGS)
        self.on_demand: dict[str, OnDemand[Any]] = {}
        """What is started when somebody asks for it, by a name that the caller gives."""
        self.pool = ThreadPoolExecutor(thread_name_prefix="foodtrucks")
        self.keeps_failed = False
        """Whether a container that didn't get ready stays until the session ends, for whoever looks for the reason."""
        self.keeps_all = False
        """Whether a kept stack keeps also what nothing can put back: of `foodtrucks up`."""
        self.puts_back = True
        """Whether what is taken over from a kept stack is put back to how it was: a session's tests want that."""
        self._ready_at: dict[int, float] = {}
        self._progress = progress
        self._images: dict[object, Future[str]] = {}
        self._lock = ForkLock()
        self._closing = Event()

    @property
    def parts_outlive_fixtures(self) -> bool:
        """Tell whether shared networks and services outlive their fixtures, for other workers or other sessions."""
        others = (self.worker, self.kept_stack, self.borrowed, self.lent)
        return any(each is not None for each in others)

    def lend(self) -> None:
        """Record from now on what is started, for a session that borrows it."""
        self.lent = LentStack.begin(self.session, self.engine)

    def folder_of(self, part: PartLabel | None) -> "Path":
        """Return the folder with what isn't on the engine of a part: its session's, or its kept stack's."""
        if part is not None and self.borrowed is not None and self.borrowed.record(part.name) is not None:
            return self.borrowed.session_folder
        if part is not None and part.kept and self.kept_stack is not None:
            return self.kept_stack.folder
        return self.session.folder

    def labels(self, alias: str | None = None, *, part: PartLabel | None = None) -> Mapping[str, str]:
        """Return the labels of a container, which has an alias, or of a network; `part` is what they are a part of."""
        session_id, owner = self.session.id, self._owner_label
        if part is not None and part.kept and self.kept_stack is not None:
            session_id, owner = self.kept_stack.id, KEPT
        word = "" if part is None else part_label(part.name)
        labels = {SESSION_LABEL: session_id, OWNER_LABEL: owner, PART_LABEL: word}
        return labels if alias is None else {**labels, SERVICE_LABEL: alias}

    def labels_of_volume(self) -> Mapping[str, str]:
        """Return the labels of a named volume, which belongs to the kept stack if there is one, and to no part."""
        return {**self.labels(part=PartLabel("")), PART_LABEL: ""}

    def image(self, name: str, *, platform: str | None = None) -> str:
        """Pull an image if need be, once per session, and return its name with the mirror's prefix."""
        full = pulling.prefixed(name, self.settings.image_prefix)

        def pull() -> str:
            pulling.pulled(
                self.engine,
                full,
                pull=self.settings.pull,
                progress=self._progress,
                platform=platform,
                cancelled=self._closing.is_set,
            )
            return full

        return self._once((full, platform), pull)

    def built(self, build: "Build") -> str:
        """Build an image, once per session, and return its id."""
        return self._once(build, lambda: self._build(build))

    def lasting_name(self, build: "Build") -> str:
        """Return the name of an image that is built, by which people know it."""
        return building.lasting_name(build, keyed(self.session.state_folder))

    def derived(self, base: str, derivation: "Derivation", *, name: str, platform: str | None = None) -> str:
        """Make an image from another one, once per session, and return its id; `name` is the one that it has."""
        return self._once(
            (base, derivation, name, platform),
            lambda: deriving.derived(
                self.engine,
                base,
                derivation,
                name=name,
                session_id=self.session.id,
                progress=self._progress,
                platform=platform,
                cancelled=self._closing.is_set,
            ),
        )

    def name_of_derived(self, base: str, derivation: "Derivation") -> str:
        """Return the name of an image that is derived from one with this name: the same each time."""
        return deriving.lasting_name(base, derivation, keyed(self.session.state_folder))

    def _build(self, build: "Build") -> str:
        return building.built(
            self.engine,
            build,
            digest=keyed(self.session.state_folder),
            session_id=self.session.id,
            progress=self._progress,
            cancelled=self._closing.is_set,
        )

    def _once(self, key: object, work: Callable[[], str]) -> str:
        """Do a piece of work for the first caller; callers in other threads wait for its result.

        A forked child would wait without end for a thread of its parent.
        """
        self._refuse_forked()
        with self._lock:
            mine = key not in self._images
            future = self._images.setdefault(key, Future())
        if mine:
            try:
                future.set_result(work())
            except BaseException as error:  # Ctrl-C too: the others would wait without end
                future.set_exception(error)
                raise
        return future.result()

    def say(self, line: str) -> None:
        """Tell people something on standard error."""
        self._progress.say(line)

    def working(
        self, what: str, counted: "Counted | None" = None
    ) -> AbstractContextManager[Callable[[Mapping[str, Any]], None]]:
        """Show a piece of work on standard error; the context is a function that takes its events."""
        return self._progress.working(what, counted)

    @contextmanager
    def showing(self, service: Shown) -> Iterator[None]:
        """Show a service's log in the reports of failed tests."""
        self.services.append(service)
        try:
            yield
        finally:
            self.services.remove(service)
            self._ready_at.pop(id(service), None)

    def hand_over(self, service: Shown) -> None:
        """Note that a service is ready and seeded now: reports show nothing of its log from before."""
        self._ready_at[id(service)] = wall()

    def ready_at(self, service: Shown) -> float:
        """Return when that was, in seconds of the epoch; 0 for one that isn't ready."""
        return self._ready_at.get(id(service), 0.0)

    def by_engines_clock(self, moment: float) -> float:
        """Return a moment by this machine's clock as one by the engine's, which stamps the log lines."""
        difference = self.engine.clock_difference
        return moment + (difference if abs(difference) > _SAME_CLOCK else 0.0)

    @contextmanager
    def keeping_log_of(self, service: Shown) -> Iterator[None]:
        """Where this block ends with an error, keep the service's log for that test's report."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException:  # pytest.fail's too
            with suppress(Exception):  # the error of the block matters
                log = service.container.log_excerpt(since=self.by_engines_clock(self.ready_at(service)))
                self.last_logs.append(LastLog(service.alias, log, wall()))
            raise

    def remove_containers_of_part(self, name: str) -> bool:
        """Remove the containers of a part: this session's, and the kept stack's; none of another part.

        Tell whether there was one.
        """
        label = part_label(name)
        parts = self.engine.labels("containers", PART_LABEL)
        found = [container for container in self._containers() if parts.get(container) == label]
        for container in found:
            self.engine.remove_container(container)
        return bool(found)

    def remove_containers_on(self, network: str) -> None:
        """Remove the containers on a network: the kept stack's, and this session's."""
        for container in self._containers():
            if self.engine.is_on(container, network):
                self.engine.remove_container(container)

    def _containers(self) -> list[str]:
        stacks = {self.session.id} | ({self.kept_stack.id} if self.kept_stack is not None else set())
        labels = self.engine.labels("containers", SESSION_LABEL)
        return [container for container, label in labels.items() if label in stacks]

    def undo(self, remove: Callable[[], object]) -> None:
        """Call `remove` at a thing's end; do nothing in a forked child, whose parent still uses the thing.

        Where the engine went away before, and an error told so, `close` tells once what is left.
        """
        if self._is_forked():
            return
        told = self.engine.silent
        try:
            remove()
        except NoAnswer:
            if not told:
                raise

    def created(self, create: Callable[[], T], remove: Callable[[T], object]) -> T:
        """Create something on the engine, once a watchdog watches, and return it.

        Raises FoodtrucksError in a forked child, and where the xdist controller died meanwhile: then nobody would
        remove the thing later, so it is removed at once.
        """
        self._refuse_forked()
        if self._watching is not None:
            self._watching.see(self.engine.endpoint, self.kept_stack)
        created = create()
        if not self.session.is_alive():
            remove(created)
            raise FoodtrucksError("The xdist controller has ended, and its stack with it. Remedy: run again.")
        return created

    def _refuse_forked(self) -> None:
        if self._is_forked():
            raise FoodtrucksError(
                "This process was forked from the session's, which alone starts services. Remedy: ask for the service "
                "before the fork."
            )

    def _is_forked(self) -> bool:
        return os.getpid() != self._process

    def close(self) -> None:
        """Remove what is left of the stack, if this process ends the session; close the engine's connection."""
        if self._is_forked():
            return
        self._closing.set()
        self.pool.shutdown(cancel_futures=True)
        with closing(self.engine):
            if self.session.ends_here:
                remove_things_of_ending_session(self.engine, self.session.id, self.kept_stack)
                self.session.end(watchdog_knows=self._watching is None or self._watching.tell_ended())


def part_label(name: str) -> str:
    """Return the label by which the things of a part are found."""
    return sha256(name.encode()).hexdigest()[:16]
