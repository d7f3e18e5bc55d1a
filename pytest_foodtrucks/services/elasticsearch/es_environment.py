"""The variables of a node that depend on its image, and on the machine that it runs on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_foodtrucks.containers.compose import ContainerSpec
    from pytest_foodtrucks.engine.engine import Engine
    from pytest_foodtrucks.engine.images import ImageFacts

_MAX_MAP_COUNT: Final = Path("/proc/sys/vm/max_map_count")
_ENOUGH_MAPS: Final = 262_144
"""What the server itself asks for in production ("Maximum map count check" in its documentation). Of a single node that
is never enforced: there one runs into the limit later, and an index that can't be mapped fails its shard."""

_ARM_WITHOUT_SVE: Final = "-XX:UseSVE=0"
"""Apple's M4 ends an older JVM with SIGILL where it asks in a container for the length of SVE's vectors
(elastic/elasticsearch#118583, JDK-8345296)."""
_FIRST_WITH_SVE: Final = (7, 17)
"""The first line of which we know that its own JVM, Java 17 or later, has the flag: one below 16 refuses it."""
_FIRST_MENDED: Final = (9, 0)
"""The first line whose own JVM, Java 24, is mended in all releases; later ones of 8 know the flag too."""

_PREFIX: Final = "ES_SETTING_"

_LICENSE: Final = "org.label-schema.license"
"""The label by which official images, and those that are made from them, tell which distribution they have: "Elastic-…"
is the default one, "Apache-2.0" the one without x-pack, which ended with 7.10."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a node's variables depend on: the server's version as major and minor, and whether it has machine learning.

    Called with an engine and an image that is there, it returns a container's keywords with these variables added.
    """

    version: tuple[int, int]
    ml: bool

    def __call__(self, engine: "Engine", image: str, spec: "ContainerSpec") -> "ContainerSpec":
        """Return a container's keywords with the variables for this image on this engine; what is given beats them."""
        facts = engine.image_facts(image)
        found = {**self._without_ml(facts), **self._without_mmap(engine)}
        given = spec.environment
        variables = {**without_given(found, given), **given, **self._java_options(facts, given)}
        return replace(spec, environment=dict(sorted(variables.items())))

    def _without_ml(self, facts: "ImageFacts") -> Mapping[str, str]:
        """Turn machine learning off where the server has it: its native process, its memory, its index templates.

        Elasticsearch's documentation, "Machine learning settings", has the setting. A server without x-pack refuses to
        start with it. Since 7.11 there is only one distribution; before, the image's label tells which one it has, and
        where there is no such label nothing is set.
        """
        licensed = facts.labels.get(_LICENSE, "").startswith("Elastic")
        has_it = self.version >= (8, 0) or licensed
        return {} if self.ml or not has_it else {"xpack.ml.enabled": "false"}

    def _without_mmap(self, engine: "Engine") -> Mapping[str, str]:
        """Let the server read its files where the machine allows it few memory maps (documentation, "Store").

        That is read on this machine, so only for an engine with a socket here; the limit is the kernel's, and the same
        in all containers. Where it can't be read nothing is set.
        """
        count = max_map_count() if engine.local else None
        return {} if count is None or count >= _ENOUGH_MAPS else {"node.store.allow_mmap": "false"}

    def _java_options(self, facts: "ImageFacts", given: Mapping[str, str]) -> Mapping[str, str]:
        options = java_options(self.version, facts.architecture)
        if not options:
            return {}
        names = ("ES_JAVA_OPTS", "CLI_JAVA_OPTS")  # of the server, and since 8 of its launcher
        return {name: f"{options} {given.get(name, '')}".strip() for name in names}


def java_options(version: tuple[int, int], architecture: str) -> str:
    """Return the options that a server's JVM needs on a processor's architecture, in the engine's word for it."""
    is_affected = architecture == "arm64" and _FIRST_WITH_SVE <= version < _FIRST_MENDED
    return _ARM_WITHOUT_SVE if is_affected else ""


def max_map_count() -> int | None:
    """Return how many memory maps a process of this machine may have; None where that can't be read."""
    try:
        return int(_MAX_MAP_COUNT.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def without_given(ours: Mapping[str, str], given: Iterable[str]) -> dict[str, str]:
    """Return our variables without those that somebody gives, in either of the two ways in which a setting is written.

    The official images take `ES_SETTING_XPACK_ML_ENABLED` for `xpack.ml.enabled` too, since 7.16; a server that gets a
    setting twice doesn't start.
    """
    settings = {*given, *map(setting_of, given)}
    return {name: value for name, value in ours.items() if name not in settings}


def setting_of(variable: str) -> str:
    """Return the setting that a variable is; in the longer form an underscore is a dot, two of them an underscore."""
    if not variable.startswith(_PREFIX):
        return variable
    words = variable.removeprefix(_PREFIX).split("__")
    return "_".join(word.replace("_", ".") for word in words).lower()
