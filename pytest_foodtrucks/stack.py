"""One session's stack: its identity on the engine, its images, its running services, its removal."""

import os
import secrets
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock
from typing import TYPE_CHECKING, Final

from . import images

if TYPE_CHECKING:
    from .definitions import Build
    from .engine import Engine
    from .progress import Progress
    from .services import Service
    from .settings import Settings

SESSION_LABEL: Final = "pytest-foodtrucks"
OWNER_LABEL: Final = "pytest-foodtrucks.owner"
SERVICE_LABEL: Final = "pytest-foodtrucks.service"


class Stack:
    """All that one session has on the engine.

    `worker` is the xdist worker's id, or None. Everything created for the stack carries its labels, so that what a
    fixture could not remove any more goes in `close`.
    """

    def __init__(
        self, engine: "Engine", settings: "Settings", *, progress: "Progress", worker: str | None = None
    ) -> None:
        self.engine = engine
        self.settings = settings
        self.worker = worker
        self.id = secrets.token_hex(6)
        self.services: list[Service] = []
        self.pool = ThreadPoolExecutor(thread_name_prefix="foodtrucks")
        self._progress = progress
        self._images: dict[object, Future[str]] = {}
        self._lock = Lock()
        self._closing = Event()

    def labels(self, alias: str | None = None) -> Mapping[str, str]:
        """Return the labels that each container, with its alias, and each network carries."""
        labels = {SESSION_LABEL: self.id, OWNER_LABEL: f"{socket.gethostname()}:{os.getpid()}"}
        return labels if alias is None else {**labels, SERVICE_LABEL: alias}

    def image(self, name: str) -> str:
        """See that the engine has an image, once per session, and return its name with the mirror's prefix."""
        full = images.prefixed(name, self.settings.image_prefix)

        def pull() -> str:
            images.pulled(
                self.engine, full, pull=self.settings.pull, progress=self._progress, cancelled=self._closing.is_set
            )
            return full

        return self._once(full, pull)

    def built(self, build: "Build") -> str:
        """Build an image, once per session, and return its name."""
        return self._once(build, lambda: images.built(self.engine, build, progress=self._progress))

    def _once(self, key: object, work: Callable[[], str]) -> str:
        """Do a piece of work for the first caller; the others, in whatever thread, wait for what comes of it."""
        with self._lock:
            mine = key not in self._images
            future = self._images.setdefault(key, Future())
        if mine:
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()

    def close(self) -> None:
        """Remove what is still there of the stack, containers before networks, and let go of the engine."""
        self._closing.set()
        self.pool.shutdown(cancel_futures=True)
        for container in self.engine.labelled("containers", SESSION_LABEL, self.id):
            self.engine.remove_container(container)
        for network in self.engine.labelled("networks", SESSION_LABEL, self.id):
            self.engine.clear_network(network)
            self.engine.remove_network(network)
        self.engine.close()
