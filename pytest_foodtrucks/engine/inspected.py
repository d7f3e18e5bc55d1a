"""What the engine shows of a container at one moment, with types.

No other module takes that JSON apart, so this is where the differences between engines belong.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from .logs import moment


@dataclass(frozen=True)
class Attachment:
    """What a container has on one network; `addresses` and `gateways` are of both families."""

    network: str
    addresses: tuple[str, ...]
    gateways: tuple[str, ...]
    aliases: tuple[str, ...]

    @property
    def ipv4(self) -> str:
        """Its IPv4 address; empty while the container doesn't run."""
        return next((address for address in self.addresses if ":" not in address), "")


_SIGKILLED: Final = 128 + 9
"""The exit code of what SIGKILL ended."""


@dataclass(frozen=True)
class ContainerState:
    """The state of a container, with exit code and health."""

    status: str
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    health: str | None = None
    health_output: str = ""
    ended_before: float | None = None
    """When its life before this one ended, in seconds of the epoch by the engine's clock; None in its first life."""

    @property
    def runs(self) -> bool:
        """Tell whether it has processes, frozen ones too."""
        return self.status in {"running", "paused", "restarting"}

    @property
    def ended(self) -> bool:
        """Tell whether it ran and runs no more."""
        return self.status in {"exited", "dead"}

    @property
    def ending(self) -> str:
        """Say when it ended, by the engine's clock; nothing where that isn't known."""
        if not self.ended or self.ended_before is None:
            return ""
        return f" at {datetime.fromtimestamp(self.ended_before, UTC):%Y-%m-%d %H:%M:%S} UTC"

    @property
    def _killed(self) -> str:
        """Say why it was killed, if it was.

        The engine doesn't always know that memory was the reason. Seen with Docker 20.10 on a busy machine, 8 of 500
        times: the kernel's word of it came after the container's end, and `OOMKilled` stayed false.
        """
        if self.oom_killed:
            return ", killed because its memory was used up"
        return " (killed, by somebody or because its memory was used up)" if self.exit_code == _SIGKILLED else ""

    def __str__(self) -> str:
        error = f": {self.error}" if self.error else ""
        return f"{self.status} with exit code {self.exit_code}{self._killed}{error}"


_FOLDER: Final = 1 << 31
_LINK: Final = 1 << 27
"""The bits of Go's os.FileMode for a folder and a symbolic link."""


@dataclass(frozen=True)
class PathInfo:
    """What there is at a path in a container; `target` is where a symbolic link leads in the end."""

    mode: int
    target: str

    @property
    def is_folder(self) -> bool:
        """Tell whether it is a folder."""
        return bool(self.mode & _FOLDER)

    @property
    def is_link(self) -> bool:
        """Tell whether it is a symbolic link."""
        return bool(self.mode & _LINK)


@dataclass(frozen=True)
class Inspected:
    """A container at one moment."""

    state: ContainerState
    started_at: str = ""
    """When it was started last, in the engine's words; another time is another network namespace."""
    attachments: tuple[Attachment, ...] = ()
    network_mode: str = ""
    """The network that it was created for; `host`, or `container:ID` for what has none of its own."""
    host_ports: Mapping[int, int] = field(default_factory=dict)
    """The host port that was asked for each container port, also while it doesn't run."""
    published: Mapping[int, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    """Where each TCP port is published now: host addresses and host ports."""
    unmapped: frozenset[int] = frozenset()
    """The TCP ports that the engine opened, and gave no port of the host: its network is in gateway mode routed."""
    mounts: Mapping[str, bool] = field(default_factory=dict)
    """The paths where something is mounted, each with whether that is in memory."""
    image: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The variables of its environment that name a proxy; there may be a password in them."""
    healthcheck: tuple[str, ...] = ()
    """The command of its health check; empty where it has none."""

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> "Inspected":
        """Read the engine's answer; what it leaves out is as for a container that has none of it."""
        state, config, host, networks = (
            about.get(key) or {} for key in ("State", "Config", "HostConfig", "NetworkSettings")
        )
        return cls(
            state=_state(state),
            started_at=state.get("StartedAt", ""),
            attachments=tuple(_attachment(*each) for each in (networks.get("Networks") or {}).items()),
            network_mode=host.get("NetworkMode", ""),
            host_ports=_host_ports(host.get("PortBindings") or {}),
            published=_published(networks.get("Ports") or {}),
            unmapped=_unmapped(networks.get("Ports") or {}),
            mounts=_mounts(about.get("Mounts") or (), host.get("Tmpfs") or ()),
            image=config.get("Image", ""),
            labels=config.get("Labels") or {},
            proxies=_proxies(config.get("Env") or ()),
            healthcheck=_healthcheck(config.get("Healthcheck") or {}),
        )

    @property
    def status(self) -> str:
        """The engine's word for its state, such as created, running, paused or exited."""
        return self.state.status

    @property
    def shares_network(self) -> bool:
        """Tell whether it is on the network of the engine's machine or of another container: no address is its own."""
        return self.network_mode == "host" or self.network_mode.startswith("container:")

    @property
    def networks(self) -> tuple[str, ...]:
        """The names of the networks that it is attached to."""
        return tuple(attachment.network for attachment in self.attachments)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses of both families on all networks."""
        return tuple(address for attachment in self.attachments for address in attachment.addresses)


def _proxies(variables: Sequence[str]) -> dict[str, str]:
    pairs = (variable.partition("=") for variable in variables)
    return {name: url for name, _, url in pairs if name.lower() in _PROXY_VARIABLES and url}


_PROXY_VARIABLES: Final = frozenset({"http_proxy", "https_proxy", "ftp_proxy", "all_proxy"})


def _state(state: Mapping[str, Any]) -> ContainerState:
    health = state.get("Health") or {}
    outputs = [entry.get("Output", "") for entry in health.get("Log") or ()]
    return ContainerState(
        status=state.get("Status", ""),
        exit_code=state.get("ExitCode", 0),
        oom_killed=state.get("OOMKilled", False),
        error=state.get("Error", ""),
        health=health.get("Status"),
        health_output=outputs[-1].strip() if outputs else "",
        ended_before=moment(state.get("FinishedAt", "")),
    )


def _attachment(name: str, network: Mapping[str, Any]) -> Attachment:
    def given(*keys: str) -> tuple[str, ...]:
        return tuple(str(network[key]) for key in keys if network.get(key))

    return Attachment(
        name,
        addresses=given("IPAddress", "GlobalIPv6Address"),
        gateways=given("Gateway", "IPv6Gateway"),
        aliases=tuple(network.get("Aliases") or ()),
    )


def _mounts(listed: Iterable[Mapping[str, Any]], in_memory: Iterable[str]) -> dict[str, bool]:
    """Read what is mounted; what the keyword `tmpfs` became isn't among the engine's mounts."""
    found = {each.get("Destination", ""): each.get("Type") == "tmpfs" for each in listed}
    return {
        path.rstrip("/"): is_in_memory for path, is_in_memory in {**found, **dict.fromkeys(in_memory, True)}.items()
    }


def _host_ports(bindings: Mapping[str, Any]) -> dict[int, int]:
    """Read the host ports that were asked for; a stranger may leave the choice to the engine, and has none here."""
    return {
        _port(port): int(hosts[0]["HostPort"])
        for port, hosts in bindings.items()
        if hosts and hosts[0].get("HostPort") and port.endswith("/tcp")
    }


def _published(bindings: Mapping[str, Any]) -> dict[int, tuple[tuple[str, int], ...]]:
    """Read where ports are published; on a network in gateway mode routed a port has no host port (Docker 28.5)."""
    read = {
        _port(port): tuple((host.get("HostIp", ""), int(host["HostPort"])) for host in hosts if host["HostPort"])
        for port, hosts in bindings.items()
        if hosts and port.endswith("/tcp")
    }
    return {port: hosts for port, hosts in read.items() if hosts}


def _unmapped(bindings: Mapping[str, Any]) -> frozenset[int]:
    opened = {_port(port) for port, hosts in bindings.items() if hosts and port.endswith("/tcp")}
    return frozenset(opened.difference(_published(bindings)))


def _port(text: str) -> int:
    """Read a container port, such as 9200/tcp."""
    return int(text.partition("/")[0])


def _healthcheck(config: Mapping[str, Any]) -> tuple[str, ...]:
    test = tuple(config.get("Test") or ())
    return () if test == ("NONE",) else test
