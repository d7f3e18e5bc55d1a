"""One container: from Compose's words to the engine's, created, started, asked, removed."""

import errno
import functools
import random
import re
import secrets
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.engine.logs import Search, moment, search
from pytest_foodtrucks.errors import DefinitionError, EngineError, StartError
from pytest_foodtrucks.excerpts import SHORT_TAIL, Excerpt
from pytest_foodtrucks.services.definitions import volume_source
from pytest_foodtrucks.values import shown

from .images import LABEL

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine
    from pytest_foodtrucks.engine.execs import ExecResult, ExecStream

_PORT_TRIES: Final = 20
_PORTS: Final = range(20_000, 32_768)
"""Below the range that Linux and macOS give to outgoing connections, so that those don't take our ports."""

_READ_AT_MOST: Final = 8_000_000
"""Bytes of a log that are read for an excerpt: the engine needs 20 s for 150 MB, and a moment for its end alone."""
_LAST_LINES: Final = 400
"""At 16 KB, the longest that the engine writes as one entry, less than what is read at most."""


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """What is to run: all values resolved and in their plain form, as in a `ServiceDefinition`.

    The environment is never shown. `image` is the id of one that was built, and `built_as` its name then.
    """

    image: str
    built_as: str | None = None
    network: str
    command: Sequence[str] | None = None
    entrypoint: Sequence[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    aliases: Sequence[str] = ()
    ports: Sequence[int] = ()
    volumes: Sequence[str] = ()
    tmpfs: Sequence[str] = ()
    mem_limit: int | None = None
    user: str | None = None
    cap_add: Sequence[str] = ()
    healthcheck: Mapping[str, Any] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def engine_config(spec: ContainerSpec, host_ports: Mapping[int, int], publish_on: str) -> dict[str, Any]:
    """Return the body of the engine API's ContainerCreate for a spec."""
    host_config: dict[str, Any] = {
        "NetworkMode": spec.network,
        "Binds": [volume for volume in spec.volumes if ":" in volume],
        "Tmpfs": dict(entry.partition(":")[::2] for entry in spec.tmpfs),
        "CapAdd": list(spec.cap_add),
        "PortBindings": {
            f"{port}/tcp": [{"HostIp": publish_on, "HostPort": str(host_port)}]
            for port, host_port in host_ports.items()
        },
    }
    if spec.mem_limit is not None:
        host_config["Memory"] = spec.mem_limit
    config: dict[str, Any] = {
        "Image": spec.image,
        "Env": [f"{name}={value}" for name, value in spec.environment.items()],
        "Labels": dict(spec.labels),
        "Volumes": {volume: {} for volume in spec.volumes if ":" not in volume},
        "ExposedPorts": {f"{port}/tcp": {} for port in spec.ports},
        "HostConfig": host_config,
    }
    if spec.command is not None:
        config["Cmd"] = list(spec.command)
    if spec.entrypoint is not None:
        config["Entrypoint"] = list(spec.entrypoint)
    if spec.user is not None:
        config["User"] = spec.user
    if spec.healthcheck is not None:
        config["Healthcheck"] = dict(spec.healthcheck)
    if spec.aliases:
        config["NetworkingConfig"] = {"EndpointsConfig": {spec.network: {"Aliases": list(spec.aliases)}}}
    return config


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
        return str((config.get("Labels") or {}).get(LABEL, image)) if image.startswith("sha256:") else image

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


class Creation:
    """A container in the making: created with host ports of its own, then started, then removed.

    Host ports are chosen here and not by the engine, because the engine gives new ones at each start.
    """

    def __init__(self, engine: "Engine", spec: ContainerSpec, *, label: str) -> None:
        self._engine = engine
        self._spec = spec
        self._label = label
        self._name = f"foodtrucks-{label}-{secrets.token_hex(4)}"
        self.container = self._create()

    def _create(self) -> Container:
        host_ports = {port: free_port(self._engine) for port in self._spec.ports}
        config = engine_config(self._spec, host_ports, self._engine.publish_on)
        try:
            container_id = self._engine.create_container(self._name, config)
        except EngineError as error:
            raise self._failed("created", error) from error
        return Container(self._engine, container_id, self._name, self._spec.network)

    def start(self) -> Container:
        """Start it; where somebody took a chosen port meanwhile, create it anew with others."""
        tries = 0
        while True:
            try:
                tries += 1
                self._engine.start_container(self.container.id)
            except EngineError as error:
                if tries == _PORT_TRIES or not port_taken(error):
                    raise self._failed("started", error) from error
            else:
                return self.container
            self.remove()
            self.container = self._create()

    def _failed(self, what: str, error: EngineError) -> StartError:
        if error.status is None:  # the engine didn't answer, and the message says what to do about that
            return StartError(self._named(str(error)))
        return StartError(
            f"The container of {self._label} ({self._named(self._spec.image)}) can't be {what}: "
            f"{self._named(error.reason)}. Remedy: mend in its definition what the engine refuses here."
        )

    def _named(self, words: str) -> str:
        """Return words with the image's name, and its short id, where they have the id of one that was built."""
        image, name = self._spec.image, self._spec.built_as
        return words if name is None else words.replace(image, f"{name}, {image.removeprefix('sha256:')[:12]}")

    def remove(self) -> None:
        """Remove it, running or not."""
        self._engine.remove_container(self.container.id)


def free_port(engine: "Engine") -> int:
    """Choose a port of the engine's machine that is free at this moment, as far as can be seen from here."""
    for _ in range(_PORT_TRIES):
        port = random.choice(_PORTS)  # noqa: S311 - no secret
        if not (engine.local and in_use(engine.publish_on, port)):
            return port
    raise EngineError(f"No free port between {_PORTS.start} and {_PORTS.stop} in {_PORT_TRIES} tries.")


def in_use(address: str, port: int) -> bool:
    """Tell whether a port is taken; an address that isn't this machine's can't be asked, and counts as free."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections that linger don't count
        try:
            attempt.bind((address, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def port_taken(error: EngineError) -> bool:
    """Tell whether the engine refused a start because somebody else has a host port."""
    return any(words in str(error) for words in ("port is already allocated", "address already in use"))


def bind(volume: str, folder: Path, *, local: bool) -> str:
    """Return a Compose volume as the engine takes it, its path made absolute from `folder`.

    Raises DefinitionError for a path that isn't there, and for a named volume: nobody would remove it.
    """
    source = volume_source(volume)
    if source is None:
        return volume
    try:
        absolute = (folder / source).resolve()
        missing = local and not absolute.exists()
    except (OSError, RuntimeError) as error:  # too long, or links in a circle
        raise DefinitionError(
            f"The volume {shown(volume)} can't be looked at ({type(error).__name__}). Remedy: mend its path."
        ) from error
    if missing:
        raise DefinitionError(f"The volume {shown(volume)} is {absolute}, and that doesn't exist. Remedy: create it.")
    return f"{absolute}:{volume.partition(':')[2]}"
