"""A container's keywords, which are Compose's, and the body of the engine's API that they become."""

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from pytest_foodtrucks.engine.versions import at_least
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.values import shown, switch

from . import keywords, resources, surroundings
from .addresses import mac_address
from .ports import FixedPort, Port, checked_ports, container_port, fixed_ports, ports_body
from .volumes import Volume, checked_volumes, volumes_body

Body = Mapping[str, Any]
"""The body of the engine API's ContainerCreate, or a piece of it."""


def keyword_field(
    check: Callable[[Any], Any],
    body: str | Callable[[Any], Body] | None = None,
    *,
    form: str = "",
    at: str = "",
    since: str = "",
    **more: Any,
) -> Any:
    """Return the field of a keyword: how its value is checked, and which piece of the body the checked value becomes.

    `body` is the name of the field that gets the value, such as HostConfig.CapAdd, or a function that writes the piece;
    `at` then says where. `form` is what Compose takes, and only Compose's keywords have one. `since` is the first
    version of the engine's API that knows the keyword; none means each that we speak to. The documentation tells these
    three. `more` is what `dataclasses.field` takes; the default value is None if it doesn't say another.
    """
    if "default_factory" not in more:
        more.setdefault("default", None)
    at = body if isinstance(body, str) else at
    writes = _placed(body) if isinstance(body, str) else body
    return field(metadata={"check": check, "body": writes, "form": form, "at": at, "since": since}, **more)


def _placed(at: str) -> Callable[[Any], Body]:
    """Return what writes a value into a field of the body."""

    def body(value: Any) -> Body:
        piece = _json(value)
        for name in reversed(at.split(".")):
            piece = {name: piece}
        return dict(piece)

    return body


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _json(each) for name, each in value.items()}
    return [_json(each) for each in value] if isinstance(value, tuple | list) else value


def checks_of(table: type[Any]) -> dict[str, Callable[[Any], Any]]:
    """Return the check of each keyword among a dataclass' fields, by the keyword's name."""
    return {each.name: each.metadata["check"] for each in fields(table) if "check" in each.metadata}


def _environment(content: Mapping[str, str]) -> Body:
    return {"Env": [f"{name}={value}" for name, value in content.items()]}


def _tmpfs(entries: Sequence[str]) -> Body:
    return {"HostConfig": {"Tmpfs": dict(entry.partition(":")[::2] for entry in entries)}}


_COMMAND: Final = "a text, or a list of words"
_PAIRS: Final = "a mapping, or a list of `NAME=VALUE`"
_SIZE: Final = 'bytes, or `"512m"`'
_SWITCH: Final = "`True` or `False`"


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """The keywords of a container with their checked values; sizes are in bytes, `cpus` in billionths of one.

    This is the one table of them; `ServiceKeywords` repeats their names for type checkers. The environment is never
    shown.
    """

    command: Sequence[str] | None = keyword_field(keywords.words, "Cmd", form=_COMMAND)
    entrypoint: Sequence[str] | None = keyword_field(keywords.words, "Entrypoint", form=_COMMAND)
    environment: Mapping[str, str] = keyword_field(
        keywords.environment, _environment, at="Env", form=_PAIRS, default_factory=dict, repr=False
    )
    aliases: Sequence[str] = keyword_field(
        keywords.host_names, at="NetworkingConfig", form="a list of names; the fixture's name", default=()
    )
    """Without a body: `engine_config` writes them, because they belong to the network."""
    ports: Sequence[Port] = keyword_field(
        checked_ports,
        ports_body,
        form="the container's ports; each of TCP gets a free one of the host, or a fixed one; "
        '`[5000, "53/udp", "8080:80"]`, or mappings of `target`, `published`, `host_ip`, `protocol`',
        at="ExposedPorts",
        default=(),
    )
    """Where they are published is written by `engine_config`, which knows the free ports."""
    volumes: Sequence[Volume] = keyword_field(
        checked_volumes,
        volumes_body,
        form='a list; `["./data:/data:ro", "data:/lib/data", "/cache"]`, or mappings of `type`, `source`, `target`, '
        "`read_only`, `bind`, `volume`, `tmpfs`",
        at="HostConfig.Mounts",
        default=(),
    )
    tmpfs: Sequence[str] = keyword_field(
        keywords.tmpfs,
        _tmpfs,
        form='a path or a list; `"/run:size=64m"`, or mappings of `target`, `size`, `mode`',
        at="HostConfig.Tmpfs",
        default=(),
    )
    mem_limit: int | None = keyword_field(keywords.memory_limit, "HostConfig.Memory", form=_SIZE)
    user: str | None = keyword_field(keywords.user, "User", form='a name or a number; `"1000:1000"` with a group')
    cap_add: Sequence[str] = keyword_field(
        keywords.capabilities, "HostConfig.CapAdd", form='a name or a list; `["NET_ADMIN"]`', default=()
    )
    dns: Sequence[str] = keyword_field(keywords.name_servers, "HostConfig.Dns", form="an address or a list", default=())
    dns_search: Sequence[str] = keyword_field(
        keywords.search_domains, "HostConfig.DnsSearch", form='a domain or a list; `"."` for none', default=()
    )
    dns_opt: Sequence[str] = keyword_field(
        surroundings.resolver_options, "HostConfig.DnsOptions", form='a text or a list; `["ndots:2"]`', default=()
    )
    platform: str | None = keyword_field(
        surroundings.platform, at="the request's `platform`", form='`"linux/arm64"`', since="1.41"
    )
    """Without a body: it is a parameter of the request, of the pull and of the build."""
    hostname: str | None = keyword_field(surroundings.hostname, "Hostname", form="a name")
    domainname: str | None = keyword_field(surroundings.domain_name, "Domainname", form="a name")
    extra_hosts: Sequence[str] = keyword_field(
        surroundings.extra_hosts,
        "HostConfig.ExtraHosts",
        form='a mapping, or a list; `["db=10.0.0.5", "here=host-gateway"]`',
        default=(),
    )
    sysctls: Mapping[str, str] = keyword_field(
        surroundings.sysctls, "HostConfig.Sysctls", form=_PAIRS, default_factory=dict
    )
    labels: Mapping[str, str] = keyword_field(surroundings.labels, "Labels", form=_PAIRS, default_factory=dict)
    annotations: Mapping[str, str] = keyword_field(
        surroundings.annotations, "HostConfig.Annotations", form=_PAIRS, since="1.43", default_factory=dict
    )
    read_only: bool | None = keyword_field(switch, "HostConfig.ReadonlyRootfs", form=_SWITCH)
    privileged: bool | None = keyword_field(switch, "HostConfig.Privileged", form=_SWITCH)
    init: bool | None = keyword_field(switch, "HostConfig.Init", form=_SWITCH)
    tty: bool | None = keyword_field(switch, "Tty", form=_SWITCH)
    stdin_open: bool | None = keyword_field(switch, "OpenStdin", form=_SWITCH)
    working_dir: str | None = keyword_field(surroundings.working_dir, "WorkingDir", form="an absolute path")
    stop_signal: str | None = keyword_field(surroundings.stop_signal, "StopSignal", form='`"SIGINT"`, or a number')
    stop_grace_period: int | None = keyword_field(
        surroundings.whole_seconds, "StopTimeout", form='`"1m30s"`, or seconds; rounded up to whole ones'
    )
    group_add: Sequence[str] = keyword_field(
        surroundings.groups, "HostConfig.GroupAdd", form="a list of names and numbers", default=()
    )
    cap_drop: Sequence[str] = keyword_field(
        keywords.capabilities, "HostConfig.CapDrop", form='a name or a list; `["ALL"]`', default=()
    )
    security_opt: Sequence[str] = keyword_field(
        surroundings.security_options,
        surroundings.security_body,
        at="HostConfig.SecurityOpt",
        form='a list; `["no-new-privileges:true", "seccomp:profile.json"]`',
        default=(),
    )
    userns_mode: str | None = keyword_field(surroundings.user_namespace, "HostConfig.UsernsMode", form='`"host"`')
    ipc: str | None = keyword_field(
        surroundings.ipc, "HostConfig.IpcMode", form='`"none"`, `"private"`, `"shareable"`, `"host"`, `"container:…"`'
    )
    pid: str | None = keyword_field(surroundings.pid, "HostConfig.PidMode", form='`"host"`, `"container:…"`')
    runtime: str | None = keyword_field(surroundings.runtime, "HostConfig.Runtime", form="a name that the engine knows")
    logging: Mapping[str, Any] | None = keyword_field(
        surroundings.logging, "HostConfig.LogConfig", form="a mapping of `driver` and `options`", repr=False
    )
    shm_size: int | None = keyword_field(resources.shared_memory, "HostConfig.ShmSize", form=_SIZE)
    mem_reservation: int | None = keyword_field(keywords.memory_limit, "HostConfig.MemoryReservation", form=_SIZE)
    memswap_limit: int | None = keyword_field(
        resources.memory_and_swap, "HostConfig.MemorySwap", form=f"{_SIZE}; `-1` for no limit"
    )
    cpus: int | None = keyword_field(resources.processors, "HostConfig.NanoCpus", form='a number; `0.5`, `"1.5"`')
    cpuset: str | None = keyword_field(resources.processor_set, "HostConfig.CpusetCpus", form='`"0-1"`, `"0,2"`')
    cpu_shares: int | None = keyword_field(resources.processor_shares, "HostConfig.CpuShares", form="a number")
    pids_limit: int | None = keyword_field(
        resources.processes, "HostConfig.PidsLimit", form="a number; `-1` for no limit"
    )
    oom_score_adj: int | None = keyword_field(
        resources.oom_score, "HostConfig.OomScoreAdj", form="a number from -1000 to 1000"
    )
    ulimits: Mapping[str, Sequence[int]] = keyword_field(
        resources.ulimits,
        resources.ulimits_body,
        at="HostConfig.Ulimits",
        form="a mapping of names to a number, or to `soft` and `hard`",
        default_factory=dict,
    )
    devices: Sequence[str] = keyword_field(
        resources.devices,
        resources.devices_body,
        at="HostConfig.Devices",
        form='a list; `["/dev/fuse", "/dev/sda:/dev/xvda:r"]`, or mappings of `source`, `target`, `permissions`',
        default=(),
    )
    gpus: Sequence[Mapping[str, Any]] = keyword_field(
        resources.gpus,
        "HostConfig.DeviceRequests",
        form='`"all"`, or a list of mappings of `driver`, `count`, `device_ids`, `capabilities`, `options`',
        since="1.40",
        default=(),
    )
    mac_address: str | None = keyword_field(
        mac_address, "MacAddress", form='six bytes, on the first network; `"02:42:ac:11:00:05"`'
    )
    healthcheck: Mapping[str, Any] | None = keyword_field(
        keywords.healthcheck,
        "Healthcheck",
        form="a mapping of `test`, `interval`, `timeout`, `retries`, `start_period`",
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

    @property
    def paths(self) -> Iterator[tuple[str, str]]:
        """The paths in the container where something is mounted, each with the keyword that says so."""
        yield from (("volumes", volume.target) for volume in self.volumes)
        yield from (("tmpfs", entry.partition(":")[0]) for entry in self.tmpfs)

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
    endpoints: Mapping[str, Body] | None = None,
) -> dict[str, Any]:
    """Return the body of the engine API's ContainerCreate; it tells nothing of a keyword that has its default value.

    `endpoints` are what the container is to have on its network beside its aliases, and on others.
    """
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
    given = {name: endpoint for name, endpoint in (endpoints or {}).items() if endpoint or name != network}
    if given:
        merge(config, {"NetworkingConfig": {"EndpointsConfig": given}})
    if "MacAddress" in given.get(network, {}):
        config["MacAddress"] = given[network]["MacAddress"]  # where engines before API 1.44 read it
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


def newer_keywords(spec: ContainerSpec, api_version: str) -> dict[str, str]:
    """Return the given keywords that an engine of that API version doesn't know, each with the first that does."""
    defaults = ContainerSpec().values()
    given = [each for each in fields(spec) if getattr(spec, each.name) != defaults[each.name]]
    since = {each.name: str(each.metadata["since"]) for each in given if each.metadata["since"]}
    return {name: first for name, first in since.items() if not at_least(api_version, first)}


def refuse_contradictions(spec: ContainerSpec) -> None:
    """Raise DefinitionError for values that the engine refuses together."""
    memory, swap, reservation = spec.mem_limit, spec.memswap_limit, spec.mem_reservation
    if memory is not None and reservation is not None and reservation > memory:
        raise DefinitionError(
            f"mem_reservation is {reservation} bytes, more than mem_limit with {memory}. Remedy: reserve less."
        )
    if swap is not None and (memory is None or 0 < swap < memory):
        raise DefinitionError(
            f"memswap_limit={shown(swap)} is for memory and swap together, and mem_limit is {shown(memory)}. Remedy: "
            "give mem_limit too, and not less than that here."
        )


def refuse_same_paths(given: Iterable[tuple[str, str]]) -> None:
    """Raise DefinitionError where two things go to one path of a container; each is a keyword and the path it gives."""
    seen: dict[str, str] = {}
    for keyword, path in given:
        place = f"/{posixpath.normpath(path).lstrip('/')}"
        if place in seen:
            who = f"{keyword} has" if seen[place] == keyword else f"{seen[place]} and {keyword} have"
            raise DefinitionError(
                f"{who} {shown(place)} in the container twice, and the engine puts one thing there. Remedy: leave one "
                "out, or give it another path."
            )
        seen[place] = keyword


def merge(config: dict[str, Any], piece: Body) -> None:
    """Add a piece to the body; mappings that both have are merged."""
    for name, value in piece.items():
        if isinstance(value, Mapping) and name in config:
            merge(config[name], value)
        else:
            config[name] = value
