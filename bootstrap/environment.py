""".foodtrucks.env: what set-up chose, for a shell to source."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Images:
    """The images that the tests shall use; `elasticsearch` is without its tag, which is `version`."""

    elasticsearch: str
    version: str
    web: str
    probe: str
    examples: Mapping[str, str] = field(default_factory=dict)
    """What examples/ read from the environment, in place of the official images that stand in them."""


def variables(images: Images, *, docker_host: str | None) -> dict[str, str]:
    """Return the environment that leads the plugin to what set-up chose.

    `docker_host` is None where the plugin finds the engine by itself.
    """
    chosen = {
        "FOODTRUCKS_ES_IMAGE": images.elasticsearch,
        "FOODTRUCKS_ES_VERSION": images.version,
        "FOODTRUCKS_WEB_IMAGE": images.web,
        "FOODTRUCKS_PROBE_IMAGE": images.probe,
        **images.examples,
    }
    return chosen if docker_host is None else {**chosen, "DOCKER_HOST": docker_host}


def as_shell(variables: Mapping[str, str]) -> str:
    """Return shell lines that export the variables."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def read(path: Path) -> dict[str, str]:
    """Return the variables of a file that `write` wrote; none where there is no such file."""
    if not path.is_file():
        return {}
    words = shlex.split(path.read_text(encoding="utf-8"))
    pairs = (word.partition("=") for word in words if "=" in word)
    return {name: value for name, _, value in pairs}


def write(path: Path, variables: Mapping[str, str]) -> None:
    """Write the file whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(as_shell(variables), encoding="utf-8")
    part.replace(path)
