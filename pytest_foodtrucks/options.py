"""The options: one table, and what was set of it, in which of four places.

To add an option: a row in `OPTIONS`; a field in `Settings`, and how its text becomes a value in `PARSERS`
(`settings.py`). pytest imports this in every session, so it imports little: what was set is checked in `settings.py`,
which is imported where something was set, or where a fixture of ours is used.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

ENGINES: Final = ("auto", "docker")
JVM_MODES: Final = ("fast-start", "server")
SECURITY_MODES: Final = ("off", "basic", "tls")
PULL_MODES: Final = ("missing", "always", "never")
ELASTICSEARCH_IMAGE: Final = "docker.elastic.co/elasticsearch/elasticsearch"


class Option:
    """An option: its name on the command line, its default, its help.

    `also` is an environment variable of others that counts where ours isn't set. A `switch` has no value on the command
    line, and a second flag that turns it off. `metavar` is what `--help` shows for the value. It is no NamedTuple:
    making that class takes 15 times as long, in each session.
    """

    def __init__(
        self,
        name: str,
        default: Any,
        help: str,  # noqa: A002 - argparse's word
        *,
        also: str | None = None,
        switch: bool = False,
        metavar: str = "VALUE",
    ) -> None:
        self.name: Final = name
        self.default: Final = default
        self.help: Final = help
        self.also: Final = also
        self.switch: Final = switch
        self.metavar: Final = metavar

    @property
    def field(self) -> str:
        """The attribute of `Settings`."""
        return self.name.replace("-", "_")

    @property
    def flag(self) -> str:
        """The name on the command line."""
        return f"--foodtrucks-{self.name}"

    @property
    def off_flag(self) -> str:
        """The name on the command line that turns a switch off."""
        return f"--no-foodtrucks-{self.name}"

    @property
    def shown_help(self) -> str:
        """The help with the default, and with the names in the environment."""
        default = "" if self.default is None or self.switch else f"; default: {self.default}"
        also = "" if self.also is None else f", {self.also}"
        values = "=on or =off" if self.switch else ""
        return f"{self.help} (in the environment: {self.variable}{values}{also}{default})"

    @property
    def off_help(self) -> str:
        """The help of the flag that turns a switch off."""
        return f"turns {self.flag} off, where the environment or the configuration file has it on"

    @property
    def variable(self) -> str:
        """The name in the environment."""
        return f"FOODTRUCKS_{self.field.upper()}"

    @property
    def ini(self) -> str:
        """The name in pytest's configuration file."""
        return f"foodtrucks_{self.field}"


OPTIONS: Final = (
    Option("engine", "auto", "the container engine: auto, docker, or a URL", metavar="auto|docker|URL"),
    Option(
        "host",
        None,
        "address where the tests reach published ports; auto asks the engine's URL",
        also="TESTCONTAINERS_HOST_OVERRIDE",
        metavar="auto|HOST",
    ),
    Option(
        "es-image",
        ELASTICSEARCH_IMAGE,
        "Elasticsearch image: repository, also with tag or digest",
        metavar="IMAGE",
    ),
    Option(
        "es-version",
        None,
        "tag of the Elasticsearch image; default: what fits the installed client",
        metavar="TAG",
    ),
    Option("es-heap", "512m", "heap of Elasticsearch", metavar="SIZE"),
    Option(
        "es-jvm",
        "fast-start",
        "fast-start: compile for short lives; server: don't",
        metavar="|".join(JVM_MODES),
    ),
    Option(
        "es-ml",
        default=False,
        help="let Elasticsearch have machine learning, where its image has it",
        switch=True,
    ),
    Option(
        "es-security",
        "off",
        "off: anybody may do anything; basic: users and passwords; tls: the same over HTTPS",
        metavar="|".join(SECURITY_MODES),
    ),
    Option("web-image", None, "image of the web app; default: FoodTrucks, built from the package", metavar="IMAGE"),
    Option(
        "probe-image",
        "python:3.13-slim",
        "image with Python that network questions are asked from",
        metavar="IMAGE",
    ),
    Option(
        "pull",
        "missing",
        "when to pull images: missing, always, never",
        metavar="|".join(PULL_MODES),
    ),
    Option("image-prefix", None, "registry mirror, put before the whole name of each image", metavar="REGISTRY"),
    Option(
        "reuse",
        default=False,
        help="keep the stack for the next session, and take over what the last one kept",
        switch=True,
    ),
    Option(
        "state-dir",
        None,
        "folder for leases and state; default: pytest-foodtrucks in $XDG_STATE_HOME",
        metavar="FOLDER",
    ),
    Option("timeout", 120.0, "seconds that each start may take", metavar="SECONDS"),
)


def given(
    command_line: Callable[[str], str | None],
    environ: Mapping[str, str],
    ini: Callable[[str], object],
) -> dict[str, tuple[object, str]]:
    """Return what was set, by the options' fields: each value, and where it was read. The first of four places wins.

    `command_line` takes a field's name, `ini` the name in the configuration file; both answer None
    for what isn't set. An empty environment variable counts as not set.
    """
    found = {option.field: _first(option, command_line, environ, ini) for option in OPTIONS}
    return {field: (value, origin) for field, (value, origin) in found.items() if value is not None}


def _first(
    option: Option,
    command_line: Callable[[str], str | None],
    environ: Mapping[str, str],
    ini: Callable[[str], object],
) -> tuple[object, str]:
    value: object = command_line(option.field)
    if value is not None:
        return value, f"{option.flag} on the command line"
    for variable in (option.variable, option.also):
        if variable is not None and environ.get(variable, "") != "":
            return environ[variable], f"{variable} in the environment"
    value = ini(option.ini)
    if value is not None:
        return value, f"{option.ini} in pytest's configuration file"
    return None, ""
