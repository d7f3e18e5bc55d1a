"""What a container is to be: Compose's words, and the engine's for them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.values import Unfit, path, shown


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """What is to run: all values resolved and in their plain form, as in a `ServiceDefinition`.

    The environment is never shown.
    """

    image: str
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


_MODES: Final = frozenset(
    {"ro", "rw", "z", "Z", "shared", "slave", "private", "rshared", "rslave", "rprivate", "cached", "delegated"}
    | {"consistent"}
)
"""What may stand behind a bind's target, by the engine's own list."""


def volume_source(volume: str) -> Path | None:
    """Return the path that a Compose volume has on the engine's machine; None for an anonymous one.

    Raises DefinitionError for what is no volume, and for a named one: nobody would remove it.
    """
    source, colon, rest = volume.partition(":")
    if colon and not source.startswith((".", "/", "~")):
        raise DefinitionError(
            f"The volume {shown(volume)} has a name, and would stay behind. Remedy: begin it with a path "
            "(./data:/data), or leave the name out for a volume that goes with its container."
        )
    target, _, modes = rest.partition(":") if colon else (volume, "", "")
    if not re.fullmatch(r"/.*[^/].*", target, re.DOTALL):
        raise DefinitionError(
            f"The volume {shown(volume)} doesn't say where in the container it goes. Remedy: give a path there, "
            "such as ./data:/data."
        )
    if not {*modes.split(",")} - {""} <= _MODES:
        raise DefinitionError(f"The volume {shown(volume)} has no mode that the engine knows. Remedy: use ro or rw.")
    try:
        return path(source) if colon else None
    except Unfit as error:
        raise DefinitionError(f"The volume {shown(volume)}{error.why}. Remedy: {error}.") from None


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
