"""Settings: one frozen object, read once from one table of options.

To add an option: a row in `OPTIONS`, and a field of the same name in `Settings`. pytest imports this in every session,
also in those that set no option. So the checks of what somebody set are imported when there is something to check.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

ENGINES: Final = ("auto", "docker")
JVM_MODES: Final = ("fast-start", "server")
SECURITY_MODES: Final = ("off", "basic", "tls")
_SWITCHES: Final = {
    "on": True,
    "true": True,
    "yes": True,
    "1": True,
    "off": False,
    "false": False,
    "no": False,
    "0": False,
}
PULL_MODES: Final = ("missing", "always", "never")
ELASTICSEARCH_IMAGE: Final = "docker.elastic.co/elasticsearch/elasticsearch"


class Settings(NamedTuple):
    """Where and with which images the services run.

    It is no dataclass, because making one of so many fields takes eight times as long, in each session.
    """

    engine: str
    host: str | None
    es_image: str
    es_version: str | None
    es_heap: str
    es_jvm: str
    es_ml: bool
    es_security: str
    web_image: str | None
    probe_image: str
    pull: str
    image_prefix: str | None
    reuse: bool
    state_dir: str | None
    timeout: float

    def __repr__(self) -> str:
        """Show the engine's URL without its user part."""
        from .engine.urls import without_user

        shown = {**self._asdict(), "engine": without_user(self.engine)}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


class Option:
    """An option: its name on the command line, how its text becomes a value, its default, its help.

    `parse` raises ValueError with what would do instead. `also` is an environment variable of others that counts
    where ours isn't set. A `switch` has no value on the command line, and a second flag that turns it off. `metavar` is
    what `--help` shows for the value. It is no NamedTuple: making that class takes 15 times as long, in each session.
    """

    def __init__(
        self,
        name: str,
        parse: Callable[[str], Any],
        default: Any,
        help: str,  # noqa: A002 - argparse's word
        *,
        also: str | None = None,
        switch: bool = False,
        metavar: str = "VALUE",
    ) -> None:
        self.name: Final = name
        self.parse: Final = parse
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


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"use one of: {', '.join(choices)}")
        return text

    return parse


def _switch(text: str) -> bool:
    if text.lower() not in _SWITCHES:
        raise ValueError("use on or off")
    return _SWITCHES[text.lower()]


def _engine(text: str) -> str:
    if text == "podman":
        raise ValueError("this version speaks to Docker only: use auto, docker, or the URL of a Docker engine")
    if "://" not in text:
        return _one_of(*ENGINES, "a URL such as unix:///var/run/docker.sock")(text)
    from .engine.urls import check_engine_url

    check_engine_url(text)
    return text


def _host(text: str) -> str | None:
    """Check the host by looking it up: only where somebody set one, and an address needs no look-up."""
    if text == "auto":
        return None
    if "%" in text:
        raise ValueError("use an address without the name of an interface, such as 172.17.0.1")
    from .errors import DefinitionError
    from .hostnames import addresses_of, refuse_no_target

    try:
        refuse_no_target(text)
        addresses_of(text)
    except DefinitionError as error:
        raise ValueError("use a host name or an address without scheme and port, such as 172.17.0.1") from error
    except OSError as error:
        raise ValueError(f"use a name that resolves here, or an address ({error})") from error
    return text.removesuffix(".")


def _prefix(text: str) -> str:
    prefix = text.removesuffix("/")
    if "://" in prefix or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:/-]*", prefix):
        raise ValueError("use a registry, without scheme, such as mirror.example:5000 or mirror.example/hub")
    return prefix


def _folder(text: str) -> str:
    if not text.startswith(("/", "~")):
        raise ValueError("use an absolute path, such as ~/.local/state/pytest-foodtrucks")
    from .values import path

    path(text)
    return text


def _image(text: str) -> str:
    from .values import image_name

    return image_name(text)


def _tag(text: str) -> str:
    from .values import tag

    return tag(text)


def _heap(text: str) -> str:
    from .values import heap

    return heap(text)


def _seconds(text: str) -> float:
    from .values import seconds

    try:
        return seconds(float(text))
    except ValueError:
        raise ValueError("use seconds above 0, such as 120") from None


OPTIONS: Final = (
    Option("engine", _engine, "auto", "the container engine: auto, docker, or a URL", metavar="auto|docker|URL"),
    Option(
        "host",
        _host,
        None,
        "address where the tests reach published ports; auto asks the engine's URL",
        also="TESTCONTAINERS_HOST_OVERRIDE",
        metavar="auto|HOST",
    ),
    Option(
        "es-image",
        _image,
        ELASTICSEARCH_IMAGE,
        "Elasticsearch image: repository, also with tag or digest",
        metavar="IMAGE",
    ),
    Option(
        "es-version",
        _tag,
        None,
        "tag of the Elasticsearch image; default: what fits the installed client",
        metavar="TAG",
    ),
    Option("es-heap", _heap, "512m", "heap of Elasticsearch", metavar="SIZE"),
    Option(
        "es-jvm",
        _one_of(*JVM_MODES),
        "fast-start",
        "fast-start: compile for short lives; server: don't",
        metavar="|".join(JVM_MODES),
    ),
    Option(
        "es-ml",
        _switch,
        default=False,
        help="let Elasticsearch have machine learning, where its image has it",
        switch=True,
    ),
    Option(
        "es-security",
        _one_of(*SECURITY_MODES),
        "off",
        "off: anybody may do anything; basic: users and passwords; tls: the same over HTTPS",
        metavar="|".join(SECURITY_MODES),
    ),
    Option(
        "web-image", _image, None, "image of the web app; default: FoodTrucks, built from the package", metavar="IMAGE"
    ),
    Option(
        "probe-image",
        _image,
        "python:3.13-slim",
        "image with Python that network questions are asked from",
        metavar="IMAGE",
    ),
    Option(
        "pull",
        _one_of(*PULL_MODES),
        "missing",
        "when to pull images: missing, always, never",
        metavar="|".join(PULL_MODES),
    ),
    Option(
        "image-prefix", _prefix, None, "registry mirror, put before the whole name of each image", metavar="REGISTRY"
    ),
    Option(
        "reuse",
        _switch,
        default=False,
        help="keep the stack for the next session, and take over what the last one kept",
        switch=True,
    ),
    Option(
        "state-dir",
        _folder,
        None,
        "folder for leases and state; default: pytest-foodtrucks in $XDG_STATE_HOME",
        metavar="FOLDER",
    ),
    Option("timeout", _seconds, 120.0, "seconds that each start may take", metavar="SECONDS"),
)


def read_settings(
    command_line: Callable[[str], str | None],
    environ: Mapping[str, str],
    ini: Callable[[str], object],
) -> Settings:
    """Read each option from its four places; the first that has it wins.

    `command_line` takes a field's name, `ini` the name in the configuration file; both answer None
    for what isn't set. An empty environment variable counts as not set.

    Raises SettingsError, which names the value, where it was read, and what would do.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for option in OPTIONS:
        raw, origin = _first(option, command_line, environ, ini)
        values[option.field] = option.default if raw is None else _parsed(option, raw, origin)
        origins[option.field] = origin
    settings = Settings(**values)
    _refuse_two_versions(settings, origins)
    return settings


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
    return None, "the default"


def _parsed(option: Option, raw: object, origin: str) -> Any:
    from .errors import SettingsError

    if (isinstance(raw, bool) and not option.switch) or not isinstance(raw, str | int | float):
        raise SettingsError(f"{origin} is {_shown(raw)}, which is no text or number. Remedy: {option.help}.")
    try:
        return option.parse(str(raw).strip())
    except ValueError as error:
        why = getattr(error, "why", "")
        raise SettingsError(f"{origin} is {_shown(raw)}{f', which{why}' if why else ''}. Remedy: {error}.") from error


def _shown(raw: object) -> str:
    """Return a setting as a message shows it; a registry may have a user without a scheme before that."""
    from .engine.urls import without_user
    from .values import shown

    if isinstance(raw, str):
        return shown(without_user(raw))
    words = shown(raw)
    return words if "@" not in words else f"{type(raw).__name__} …@{words.rpartition('@')[2]}"


def _refuse_two_versions(settings: Settings, origins: Mapping[str, str]) -> None:
    if settings.es_version is None or not is_pinned(settings.es_image):
        return
    from .errors import SettingsError

    raise SettingsError(
        f"{origins['es_image']} is {_shown(settings.es_image)}, which has a version already, and "
        f"{origins['es_version']} is {_shown(settings.es_version)}. Remedy: set the image without its tag, or "
        "leave the version out."
    )


def split_tag(image: str) -> tuple[str, str | None]:
    """Split an image's name into repository and tag; a registry's port is no tag."""
    head, slash, last = image.rpartition("/")
    name, colon, tag = last.partition(":")
    return f"{head}{slash}{name}", tag if colon else None


def is_pinned(image: str) -> bool:
    """Tell whether an image's name has a tag or a digest."""
    return "@" in image or split_tag(image)[1] is not None
