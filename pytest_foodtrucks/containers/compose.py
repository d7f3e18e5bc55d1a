"""A container's keywords, which are Compose's, and the body of the engine's API that they become."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from . import keywords
from .ports import FixedPort, Port, checked_ports, container_port, fixed_ports, ports_body
from .volumes import Volume, checked_volumes, volumes_body

Body = Mapping[str, Any]
"""The body of the engine API's ContainerCreate, or a piece of it."""


def keyword_field(check: Callable[[Any], Any], body: Callable[[Any], Body] | None = None, **more: Any) -> Any:
    """Return the field of a keyword: how its value is checked, and which piece of the body the checked value becomes.

    `more` is what `dataclasses.field` takes; the default value is None if it doesn't say another.
    """
    if "default_factory" not in more:
        more.setdefault("default", None)
    return field(metadata={"check": check, "body": body}, **more)


def checks_of(table: type[Any]) -> dict[str, Callable[[Any], Any]]:
    """Return the check of each keyword among a dataclass' fields, by the keyword's name."""
    return {each.name: each.metadata["check"] for each in fields(table) if "check" in each.metadata}


def _environment(content: Mapping[str, str]) -> Body:
    return {"Env": [f"{name}={value}" for name, value in content.items()]}


def _tmpfs(entries: Sequence[str]) -> Body:
    return {"HostConfig": {"Tmpfs": dict(entry.partition(":")[::2] for entry in entries)}}


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """The keywords of a container with their checked values; `mem_limit` is in bytes.

    This is the one table of them; `ServiceKeywords` repeats their names for type checkers. The environment is never
    shown.
    """

    command: Sequence[str] | None = keyword_field(keywords.words, lambda words: {"Cmd": list(words)})
    entrypoint: Sequence[str] | None = keyword_field(keywords.words, lambda words: {"Entrypoint": list(words)})
    environment: Mapping[str, str] = keyword_field(keywords.environment, _environment, default_factory=dict, repr=False)
    aliases: Sequence[str] = keyword_field(keywords.host_names, default=())
    """Without a body: `engine_config` writes them, because they belong to the network."""
    ports: Sequence[Port] = keyword_field(checked_ports, ports_body, default=())
    """Where they are published is written by `engine_config`, which knows the free ports."""
    volumes: Sequence[Volume] = keyword_field(checked_volumes, volumes_body, default=())
    tmpfs: Sequence[str] = keyword_field(keywords.tmpfs, _tmpfs, default=())
    mem_limit: int | None = keyword_field(keywords.memory_limit, lambda size: {"HostConfig": {"Memory": size}})
    user: str | None = keyword_field(keywords.user, lambda user: {"User": user})
    cap_add: Sequence[str] = keyword_field(
        keywords.capabilities, lambda names: {"HostConfig": {"CapAdd": list(names)}}, default=()
    )
    dns: Sequence[str] = keyword_field(
        keywords.name_servers, lambda servers: {"HostConfig": {"Dns": list(servers)}}, default=()
    )
    dns_search: Sequence[str] = keyword_field(
        keywords.search_domains, lambda domains: {"HostConfig": {"DnsSearch": list(domains)}}, default=()
    )
    healthcheck: Mapping[str, Any] | None = keyword_field(
        keywords.healthcheck, lambda check: {"Healthcheck": dict(check)}
    )

    @property
    def container_ports(self) -> tuple[int | str, ...]:
        """The ports as they are in the container."""
        return tuple(map(container_port, self.ports))

    @property
    def tcp_ports(self) -> tuple[int, ...]:
        """The same without those of UDP."""
        return tuple(port for port in self.container_ports if isinstance(port, int))

    @property
    def fixed_ports(self) -> Mapping[int, FixedPort]:
        """Those that have a fixed port of the host, by their numbers in the container."""
        return fixed_ports(self.ports)

    def values(self) -> dict[str, Any]:
        """Return the value of each keyword."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


CONTAINER_KEYWORDS: Final[Mapping[str, Callable[[Any], Any]]] = checks_of(ContainerSpec)
"""The check of each keyword of a container."""


def engine_config(
    spec: ContainerSpec,
    *,
    image: str,
    network: str,
    labels: Mapping[str, str],
    host_ports: Mapping[int, int],
    publish_on: str,
) -> dict[str, Any]:
    """Return the body of the engine API's ContainerCreate; it tells nothing of a keyword that has its default value."""
    bindings = {
        f"{port}/tcp": [{"HostIp": _address(spec, port, publish_on), "HostPort": str(of_host)}]
        for port, of_host in host_ports.items()
    }
    config: dict[str, Any] = {
        "Image": image,
        "Labels": dict(labels),
        "HostConfig": {"NetworkMode": network, "PortBindings": bindings},
    }
    if spec.aliases:
        config["NetworkingConfig"] = {"EndpointsConfig": {network: {"Aliases": list(spec.aliases)}}}
    defaults = ContainerSpec().values()
    for each in fields(spec):
        value, body = getattr(spec, each.name), each.metadata["body"]
        if body is not None and value != defaults[each.name]:
            merge(config, body(value))
    return config


def _address(spec: ContainerSpec, port: int, publish_on: str) -> str:
    """Return the address of the host on which a port is published."""
    fixed = spec.fixed_ports.get(port)
    return publish_on if fixed is None or fixed.address is None else fixed.address


def merge(config: dict[str, Any], piece: Body) -> None:
    """Add a piece to the body; mappings that both have are merged."""
    for name, value in piece.items():
        if isinstance(value, Mapping) and name in config:
            merge(config[name], value)
        else:
            config[name] = value
