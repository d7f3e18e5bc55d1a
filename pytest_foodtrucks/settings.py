"""Settings: one frozen object, of what was set and of the options' defaults."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from .engine.hostnames import addresses_of, refuse_no_target
from .engine.urls import check_engine_url, without_user
from .errors import DefinitionError, SettingsError
from .options import ENGINES, JVM_MODES, OPTIONS, PULL_MODES, SECURITY_MODES, Option, given
from .values import heap, image_name, path, seconds, shown, tag

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


class Settings(NamedTuple):
    """Where and with which images the services run."""

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
        values = {**self._asdict(), "engine": without_user(self.engine)}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in values.items())})"


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
    check_engine_url(text)
    return text


def _host(text: str) -> str | None:
    """Check the host by looking it up: only where somebody set one, and an address needs no look-up."""
    if text == "auto":
        return None
    if "%" in text:
        raise ValueError("use an address without the name of an interface, such as 172.17.0.1")
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
    path(text)
    return text


def _seconds(text: str) -> float:
    try:
        return seconds(float(text))
    except ValueError:
        raise ValueError("use seconds above 0, such as 120") from None


PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "engine": _engine,
    "host": _host,
    "es_image": image_name,
    "es_version": tag,
    "es_heap": heap,
    "es_jvm": _one_of(*JVM_MODES),
    "es_ml": _switch,
    "es_security": _one_of(*SECURITY_MODES),
    "web_image": image_name,
    "probe_image": image_name,
    "pull": _one_of(*PULL_MODES),
    "image_prefix": _prefix,
    "reuse": _switch,
    "state_dir": _folder,
    "timeout": _seconds,
}
"""How an option's text becomes its value, by its field. Raises ValueError with what would do instead."""


def read_settings(
    command_line: Callable[[str], str | None],
    environ: Mapping[str, str],
    ini: Callable[[str], object],
) -> Settings:
    """Read each option from its four places, as `given` does; raise SettingsError for a wrong value."""
    return checked_settings(given(command_line, environ, ini))


def checked_settings(found: Mapping[str, tuple[object, str]]) -> Settings:
    """Return the settings, given each value that was set with where it was read, as `given` finds them.

    Raises SettingsError, which names the value, where it was read, and what would do.
    """
    values = {
        option.field: _parsed(option, *found[option.field]) if option.field in found else option.default
        for option in OPTIONS
    }
    settings = Settings(**values)
    _refuse_two_versions(settings, found)
    return settings


def _parsed(option: Option, raw: object, origin: str) -> Any:
    if (isinstance(raw, bool) and not option.switch) or not isinstance(raw, str | int | float):
        raise SettingsError(f"{origin} is {_shown(raw)}, which is no text or number. Remedy: {option.help}.")
    try:
        return PARSERS[option.field](str(raw).strip())
    except ValueError as error:
        why = getattr(error, "why", "")
        raise SettingsError(f"{origin} is {_shown(raw)}{f', which{why}' if why else ''}. Remedy: {error}.") from error


def _shown(raw: object) -> str:
    """Return a setting as a message shows it; a registry may have a user without a scheme before that."""
    if isinstance(raw, str):
        return shown(without_user(raw))
    words = shown(raw)
    return words if "@" not in words else f"{type(raw).__name__} …@{words.rpartition('@')[2]}"


def _refuse_two_versions(settings: Settings, found: Mapping[str, tuple[object, str]]) -> None:
    if settings.es_version is None or not is_pinned(settings.es_image):
        return
    (_, image_origin), (_, version_origin) = found["es_image"], found["es_version"]
    raise SettingsError(
        f"{image_origin} is {_shown(settings.es_image)}, which has a version already, and "
        f"{version_origin} is {_shown(settings.es_version)}. Remedy: set the image without its tag, or "
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
