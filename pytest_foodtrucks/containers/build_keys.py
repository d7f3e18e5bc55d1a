"""The checks of the keys of `build`, as Compose has them; and its paths, made absolute."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.values import Unfit, checked, entries, matching, path, shown, text

from .building import Build
from .keywords import environment, one_or_texts
from .surroundings import platform

KEYS: Final = tuple(each.name for each in fields(Build))
"""All keys; a folder alone stands for `context`."""


def build(value: Any) -> Build:
    """Check what an image is built from: a folder, or a mapping with `context`."""
    if isinstance(value, str | Path) and "://" not in str(value):
        return Build(path(value))
    given: Mapping[str, Any] = value if isinstance(value, Mapping) else {"context": value}
    unknown = [key for key in given if key not in KEYS]
    if unknown or not isinstance(given.get("context"), str | Path):
        why = f" has the key {shown(unknown[0])}" if unknown else " can't be built"
        others = ", ".join(f"`{key}`" for key in KEYS if key != "context")
        raise Unfit(f"give a folder, or a mapping with `context` and if need be {others}", why=why)
    if "://" in str(given["context"]):
        raise Unfit("give a folder", why=" is a URL")
    if given.get("dockerfile") is not None and given.get("dockerfile_inline") is not None:
        raise Unfit("give one of them", why=" has both dockerfile and dockerfile_inline")
    plain = {name: content for name, content in given.items() if content is not None}
    return Build(**{name: checked(f"build {name}", content, _CHECKS[name]) for name, content in plain.items()})


def _pairs(value: Any, *, keyword: str) -> tuple[tuple[str, str], ...]:
    return tuple(environment(value, keyword=keyword).items())


def _platforms(value: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(platform, one_or_texts(value))))


def _contexts(value: Any) -> tuple[tuple[str, str], ...]:
    """Check further contexts: each has a name, and is a folder or something that BuildKit fetches."""
    pairs = _pairs(value, keyword="build additional_contexts")
    for name, where in pairs:
        if where.startswith("service:"):
            raise Unfit(
                "build that image first, and name it as docker-image://NAME", why=f" has for {shown(name)} a service"
            )
    return pairs


def _secrets(value: Any) -> tuple[tuple[str, str], ...]:
    """Check secrets: each has a name, and is a file or a variable of the environment."""
    if not isinstance(value, Mapping):
        raise Unfit(
            "write it as a mapping of names to what Compose has under its own `secrets`, such as {'token': "
            "{'file': './token.txt'}}",
            why=" is no mapping",
        )
    return tuple((_secret_name(name), _secret(content, name)) for name, content in entries(value.items()))


_secret_name = matching(r"[A-Za-z0-9_.-]+", "name each secret by letters, digits, dots, hyphens and underscores")


def _secret(value: Any, name: str) -> str:
    given = value if isinstance(value, Mapping) else {"file": value}
    keys = {"file": "src", "environment": "env"}
    if len(given) != 1 or not given.keys() <= keys.keys():
        raise Unfit(
            "give a path, {'file': PATH} or {'environment': NAME}", why=f" has something else for {shown(name)}"
        )
    ((key, content),) = given.items()
    where = str(path(content)) if key == "file" else text(content)
    if not where or "," in where:
        raise Unfit("give one without a comma", why=f" has for {shown(name)} a {key} that docker build can't take")
    return f"{keys[key]}={where}"


def _ssh(value: Any) -> tuple[str, ...]:
    """Check agents and keys of ssh: `default`, or a name with a path."""
    if isinstance(value, Mapping):
        pairs = [(name, content) for name, content in entries(value.items())]
        value = [name if content is None else f"{text(name)}={content}" for name, content in pairs]
    given = one_or_texts(value)
    if not all(re.fullmatch(r"[\w.-]+(=[^,]+)?", each) for each in given):
        raise Unfit("give 'default', or a list such as ['default', 'deploy=~/.ssh/deploy']")
    return given


def _inline(value: Any) -> str:
    if not text(value).strip():
        raise Unfit("write the lines of a Dockerfile", why=" is empty")
    return str(value)


_CHECKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "context": path,
    "dockerfile": lambda value: str(path(value)),
    "args": lambda value: tuple(checked("build args", value, partial(environment, keyword="build args")).items()),
    "target": matching(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "give a stage's name as target"),
    "dockerfile_inline": _inline,
    "cache_from": one_or_texts,
    "network": matching(r"[A-Za-z0-9][A-Za-z0-9_.:-]*", "name a network, such as 'host' or 'none'"),
    "platforms": _platforms,
    "additional_contexts": _contexts,
    "secrets": _secrets,
    "ssh": _ssh,
}


def for_platform(given: Build, wanted: str | None) -> Build:
    """Return a build for the platform of its container; DefinitionError where it is built for others only."""
    if wanted is None or wanted in given.platforms:
        return given
    if given.platforms:
        raise DefinitionError(
            f"platform={shown(wanted)} isn't among the platforms of build=, {', '.join(given.platforms)}. Remedy: add "
            "it there, or leave platform= out."
        )
    return replace(given, platforms=(wanted,))


def in_folder(given: Build, folder: Path) -> Build:
    """Return a build with its paths made absolute; DefinitionError if its Dockerfile or a secret doesn't exist."""
    context = _context(given, folder)
    return replace(
        given,
        context=context,
        additional_contexts=tuple((name, _whole_context(where, folder)) for name, where in given.additional_contexts),
        secrets=tuple((name, _whole_secret(name, where, folder)) for name, where in given.secrets),
        ssh=tuple(_whole_key(each, folder) for each in given.ssh),
    )


def _context(given: Build, folder: Path) -> Path:
    inline = given.dockerfile_inline is not None
    file = folder / given.context / ("" if inline else given.dockerfile)
    try:
        context = (folder / given.context).resolve()
        file = context / ("" if inline else given.dockerfile)
        found, words = file.is_dir() if inline else file.is_file(), "there is no"
    except (OSError, RuntimeError) as error:  # too long, or links in a circle
        found, words = False, f"{type(error).__name__} at"
    if not found:
        raise DefinitionError(f"For build= {words} {shown(str(file))}. Remedy: create it, or mend the path.")
    return context


def _whole_context(where: str, folder: Path) -> str:
    return where if ":" in where else str(_existing(where, folder, "additional_contexts"))


def _whole_secret(name: str, where: str, folder: Path) -> str:
    kind, _, content = where.partition("=")
    if kind == "src":
        return f"src={_existing(content, folder, 'secrets')}"
    if content not in os.environ:
        raise DefinitionError(
            f"build secrets has for {shown(name)} the variable {shown(content)}, which isn't set. Remedy: set it in "
            "the environment of pytest."
        )
    return where


def _whole_key(each: str, folder: Path) -> str:
    name, equals, where = each.partition("=")
    return f"{name}={_existing(where, folder, 'ssh')}" if equals else each


def _existing(where: str, folder: Path, key: str) -> Path:
    whole = folder / Path(where).expanduser()
    if not whole.exists():
        raise DefinitionError(f"build {key} has {shown(str(whole))}, which doesn't exist. Remedy: create it.")
    return whole.resolve()
