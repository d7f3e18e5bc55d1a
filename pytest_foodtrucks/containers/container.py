"""One container: from Compose's words to the engine's, created, started, asked, removed."""

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.engine.labels import IMAGE_LABEL
from pytest_foodtrucks.engine.logs import Search, moment, search
from pytest_foodtrucks.excerpts import SHORT_TAIL, Excerpt

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine
    from pytest_foodtrucks.engine.execs import ExecResult, ExecStream

_READ_AT_MOST: Final = 8_000_000
"""Bytes of a log that are read for an excerpt: the engine needs 20 s for 150 MB, and a moment for its end alone."""
_LAST_LINES: Final = 400
"""At 16 KB, the longest that the engine writes as one entry, less than what is read at most."""


@dataclass(frozen=True)
class Attachment:
    """What a container has on one network; `addresses` and `gateways` are of both families."""

    network: str
    addresses: tuple[str, ...]
    gateways: tuple[str, ...]
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class ContainerState:
    """What the engine tells of a container's life at one moment."""

    status: str
    exit_code: int
    oom_killed: bool
    error: str
    health: str | None
    health_output: str
    ended_before: float | None = None
    """When its life before this one ended, in seconds of the epoch by the engine's clock; None in its first life."""

    @property
    def ended(self) -> bool:
        """Tell whether it ran and runs no more."""
        return self.status in {"exited", "dead"}

    def __str__(self) -> str:
        memory = ", killed because its memory was used up" if self.oom_killed else ""
        words = f": {self.error}" if self.error else ""
        return f"{self.status} with exit code {self.exit_code}{memory}{words}"


def attachments(about: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """Read a container's networks from what the engine tells of it."""
    return tuple(
        Attachment(
            name,
            _given(network, "IPAddress", "GlobalIPv6Address"),
            _given(network, "Gateway", "IPv6Gateway"),
            tuple(network.get("Aliases") or ()),
        )
        for name, network in about["NetworkSettings"]["Networks"].items()
    )


def _given(network: Mapping[str, Any], *keys: str) -> tuple[str, ...]:
    return tuple(str(network[key]) for key in keys if network.get(key))


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
        """Return all that the engine tells."""
        return self.engine.inspect_container(self.id)

    @property
    def image(self) -> str:
        """The image's name: as it was asked for, or what it was built under."""
        config = self.inspect()["Config"]
        image = str(config["Image"])
        return str((config.get("Labels") or {}).get(IMAGE_LABEL, image)) if image.startswith("sha256:") else image

    @property
    def ip(self) -> str:
        """The IPv4 address on the service's network; empty while the container doesn't run."""
        return self.addresses.get(self.network, "")

    @property
    def addresses(self) -> dict[str, str]:
        """The IPv4 address on each network that it is attached to, by the network's name; empty as long as `ip` is."""
        networks = self.inspect()["NetworkSettings"]["Networks"]
        return {name: str(about.get("IPAddress", "")) for name, about in networks.items()}

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """What it has on each network at this moment."""
        return attachments(self.inspect())

    @property
    def ports(self) -> dict[int, int]:
        """The published ports: container port to the engine's host port."""
        bindings = self.inspect()["HostConfig"]["PortBindings"] or {}
        return {int(port.partition("/")[0]): int(places[0]["HostPort"]) for port, places in bindings.items()}

    @property
    def status(self) -> str:
        """The engine's word for its state, such as created, running, paused or exited."""
        return self.state().status

    @property
    def started_at(self) -> str:
        """When it was started last, in the engine's words; another time is another network namespace."""
        return str(self.inspect()["State"].get("StartedAt", ""))

    def state(self) -> ContainerState:
        """Return its state with exit code and health."""
        state = self.inspect()["State"]
        health = state.get("Health") or {}
        outputs = [entry.get("Output", "") for entry in health.get("Log") or ()]
        return ContainerState(
            status=state["Status"],
            exit_code=state["ExitCode"],
            oom_killed=state["OOMKilled"],
            error=state.get("Error", ""),
            health=health.get("Status"),
            health_output=outputs[-1].strip() if outputs else "",
            ended_before=moment(state.get("FinishedAt", "")),
        )

    def logs(self, *, since: float | None = None, tail: int | None = None) -> str:
        """Return its log, standard output and error together: all of it, as it is.

        `since` is in seconds of the epoch, by the engine's clock; `tail` counts lines from the end.
        """
        return self.engine.logs(self.id, since=since, tail=tail if tail is not None else "all")

    def log_excerpt(self, *, since: float | None = None) -> Excerpt:
        """Return head and tail of its log, in bounded memory and time; `since` is as in `logs`."""
        kept = self._excerpt(Excerpt, since=since)
        if kept.size > _READ_AT_MOST:
            kept.skip_to(self._excerpt(lambda: Excerpt(head=0), since=since, tail=_LAST_LINES))
        return kept

    def last_words(self, *, lines: int) -> str:
        """Return the last lines of its log, as far as they aren't long."""
        return str(self._excerpt(lambda: Excerpt(head=0, tail=SHORT_TAIL), tail=lines))

    def _excerpt(self, empty: Callable[[], Excerpt], **which: Any) -> Excerpt:
        """Read a log until its end, or until that isn't worth the time."""

        def take(pieces: Iterable[bytes]) -> Excerpt:
            kept = empty()
            for piece in pieces:
                kept.add(piece)
                if kept.size > _READ_AT_MOST:
                    break
            return kept

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

    def shell_starter(self, argv: Sequence[str]) -> "Callable[[], ExecStream]":
        """Return what starts a command in it whose input stays open; it doesn't hold on to this object."""
        return functools.partial(self.engine.open_exec, self.id, argv)
