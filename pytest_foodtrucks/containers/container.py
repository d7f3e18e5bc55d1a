"""One container: what the engine shows of it, its log, and commands in it."""

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.engine.inspected import Attachment, ContainerState, Inspected
from pytest_foodtrucks.engine.labels import IMAGE_LABEL
from pytest_foodtrucks.engine.logs import Search, search
from pytest_foodtrucks.excerpts import SHORT_TAIL, Excerpt

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine
    from pytest_foodtrucks.engine.execs import ExecResult, ExecStream

_READ_AT_MOST: Final = 8_000_000
"""Bytes of a log that are read for an excerpt: the engine needs 20 s for 150 MB, and a moment for its end alone."""
_LAST_LINES: Final = 400
"""At 16 KB, the longest that the engine writes as one entry, less than what is read at most."""


class Container:
    """A container on the engine; each property asks the engine anew.

    No public constructor: a service's `container` is one.
    """

    def __init__(self, engine: "Engine", container_id: str, name: str, network: str) -> None:
        self.engine = engine
        self.id = container_id
        self.name = name
        self.network = network

    def __repr__(self) -> str:
        return f"<Container {self.name} {self.id[:12]}>"

    def inspect(self) -> dict[str, Any]:
        """Return all that the engine shows of it, as its API has it."""
        return self.engine.inspect_container(self.id)

    def inspected(self) -> Inspected:
        """Return the same, as far as this package uses it, with types."""
        return self.engine.inspected(self.id)

    @property
    def image(self) -> str:
        """The image's name: as it was asked for, or what it was built under."""
        about = self.inspected()
        return about.labels.get(IMAGE_LABEL, about.image) if about.image.startswith("sha256:") else about.image

    @property
    def ip(self) -> str:
        """The IPv4 address on the service's network; empty while the container doesn't run."""
        return self.addresses.get(self.network, "")

    @property
    def addresses(self) -> dict[str, str]:
        """The IPv4 address on each network that it is attached to, by the network's name; empty as long as `ip` is."""
        return {attachment.network: attachment.ipv4 for attachment in self.attachments}

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """What it has on each network at this moment."""
        return self.inspected().attachments

    @property
    def ports(self) -> dict[int, int]:
        """The published ports: container port to the engine's host port."""
        return dict(self.inspected().host_ports)

    @property
    def status(self) -> str:
        """The engine's word for its state, such as created, running, paused or exited."""
        return self.state().status

    @property
    def started_at(self) -> str:
        """When it was started last, in the engine's words; another time is another network namespace."""
        return self.inspected().started_at

    def state(self) -> ContainerState:
        """Return its state with exit code and health."""
        return self.inspected().state

    def logs(self, *, since: float | None = None, tail: int | None = None) -> str:
        """Return its log, standard output and error together: all of it, as it is.

        `since` is in seconds of the epoch, by the engine's clock; `tail` counts lines from the end.
        """
        return self.engine.logs(self.id, since=since, tail=tail if tail is not None else "all")

    def log_excerpt(self, *, since: float | None = None) -> Excerpt:
        """Return head and tail of its log, in bounded memory and time; `since` is as in `logs`."""
        excerpt = self._excerpt(Excerpt, since=since)
        if excerpt.size > _READ_AT_MOST:
            excerpt.skip_to(self._excerpt(lambda: Excerpt(head=0), since=since, tail=_LAST_LINES))
        return excerpt

    def last_words(self, *, lines: int, since: float | None = None) -> str:
        """Return the last lines of its log, 16 kB of them at most; `since` is as in `logs`."""
        return str(self._excerpt(lambda: Excerpt(head=0, tail=SHORT_TAIL), tail=lines, since=since))

    def _excerpt(self, empty: Callable[[], Excerpt], **which: Any) -> Excerpt:
        """Add its log to an empty excerpt: all of it, or as much as is read at most."""

        def take(pieces: Iterable[bytes]) -> Excerpt:
            excerpt = empty()
            for piece in pieces:
                excerpt.add(piece)
                if excerpt.size > _READ_AT_MOST:
                    break
            return excerpt

        return self.engine.read_log(self.id, take, **which)

    def search_log(self, pattern: re.Pattern[str], *, since: float | None = None) -> Search:
        """Search its log line by line, of whatever size it is; `since` is as in `logs`."""
        return self.engine.read_log(self.id, lambda pieces: search(pieces, pattern), since=since, stamps=True)

    def exec(self, argv: Sequence[str], *, timeout: float | None = None) -> "ExecResult":
        """Run a command in it and return `exit_code`, `stdout` and `stderr`.

        Raises TimeoutError when it hasn't ended within `timeout` seconds; it goes on then.
        """
        return self.engine.exec(self.id, argv, timeout=timeout)

    def exec_bytes(
        self, argv: Sequence[str], *, timeout: float | None = None, most: int | None = None
    ) -> tuple[int | None, bytes, bytes]:
        """Run a command in it as `exec` does, and return exit code, standard output and error as they came.

        After `most` bytes it isn't listened to any longer.
        """
        return self.engine.exec_bytes(self.id, argv, timeout=timeout, most=most)

    def opener(self) -> "Callable[[Sequence[str]], ExecStream]":
        """Return what starts a command in it whose input stays open; it doesn't hold on to this object."""
        return functools.partial(self.engine.open_exec, self.id)
