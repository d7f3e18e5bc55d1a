"""A container's keywords, which are Compose's, and the body of the engine's API that they become."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from . import keywords
from .addresses import mac_address
from .volumes import checked_volumes, volumes_body

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


def _ports(ports: Sequence[int | str]) -> Body:
    return {"ExposedPorts": {f"{port}/tcp" if isinstance(port, int) else port: {} for port in ports}}


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
    ports: Sequence[int | str] = keyword_field(keywords.ports, _ports, default=())
    volumes: Sequence[str] = keyword_field(checked_volumes, volumes_body, default=())
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
    mac_address: str | None = keyword_field(mac_address, lambda mac: {"MacAddress": mac})
    """On the first network."""
    healthcheck: Mapping[str, Any] | None = keyword_field(
        keywords.healthcheck, lambda check: {"Healthcheck": dict(check)}
    )

    @property
    def tcp_ports(self) -> tuple[int, ...]:
        """The ports without those of UDP."""
        return tuple(port for port in self.ports if isinstance(port, int))

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
    endpoint: Body | None = None,
) -> dict[str, Any]:
    """Return the body of the engine API's ContainerCreate; it tells nothing of a keyword that has its default value.

    `endpoint` is what the container is to have on its network beside its aliases.
    """
    bindings = {f"{port}/tcp": [{"HostIp": publish_on, "HostPort": str(free)}] for port, free in host_ports.items()}
    config: dict[str, Any] = {
        "Image": image,
        "Labels": dict(labels),
        "HostConfig": {"NetworkMode": network, "PortBindings": bindings},
    }
    if spec.aliases:
        config["NetworkingConfig"] = {"EndpointsConfig": {network: {"Aliases": list(spec.aliases)}}}
    if endpoint:
        merge(config, {"NetworkingConfig": {"EndpointsConfig": {network: endpoint}}})
        merge(
            config, {key: endpoint[key] for key in endpoint.keys() & {"MacAddress"}}
        )  # where engines before API 1.44 read it
    defaults = ContainerSpec().values()
    for each in fields(spec):
        value, body = getattr(spec, each.name), each.metadata["body"]
        if body is not None and value != defaults[each.name]:
            merge(config, body(value))
    return config


def merge(config: dict[str, Any], piece: Body) -> None:
    """Add a piece to the body; mappings that both have are merged."""
    for name, value in piece.items():
        if isinstance(value, Mapping) and name in config:
            merge(config[name], value)
        else:
            config[name] = value
