"""The plugins of an Elasticsearch: what is checked of them, and the image that has them."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from pytest_foodtrucks.containers.deriving import Derivation
from pytest_foodtrucks.errors import DefinitionError, ImageError
from pytest_foodtrucks.values import Unfit, entries, is_list, path, shown, text

from .es_environment import java_options

_SCRIPT: Final = "foodtrucks-install-plugin.sh"
_FOLDER: Final = "/tmp/foodtrucks-plugins"  # noqa: S108 - in the image, where nobody else is

_INSTALL: Final = r"""# Install a plugin: $1 is what elasticsearch-plugin takes, $2 what a JVM needs on arm64.
# It takes no proxy from the variables that a build has for that, so they are told as the documentation has it.
set -u
options=
case "$(uname -m)" in aarch64|arm64) options=" $2" ;; esac
proxied() { # scheme, and the proxy's URL
  at=${2#*://}; at=${at##*@}; at=${at%%/*}
  case "$at" in "") return ;; *:*) port=${at##*:} ;; *) port=80 ;; esac
  options="$options -D$1.proxyHost=${at%:*} -D$1.proxyPort=$port"
}
proxied http "${http_proxy:-${HTTP_PROXY:-}}"
proxied https "${https_proxy:-${HTTPS_PROXY:-}}"
export ES_JAVA_OPTS="${ES_JAVA_OPTS:-}$options" CLI_JAVA_OPTS="${CLI_JAVA_OPTS:-}$options"
log=$(mktemp)
elasticsearch-plugin install --batch "$1" > "$log" 2>&1 && exit
cat "$log"
grep -m 1 -E '^(ERROR: |Exception in |[a-z.]+\.[A-Za-z]+(Exception|Error)\b)' "$log" | sed 's/^/why: /'
exit 1
"""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")
"""An official plugin's name, or the coordinates of one in Maven's repository."""

_REMEDIES: Final = (
    (r"unknown plugin", "name one that `elasticsearch-plugin install --help` lists, or give a zip's path or URL"),
    (
        r"was built for elasticsearch|is incompatible|built with an older",
        "give the zip for this server's version",
    ),
    (r"already exists", "leave it out of plugins=, the image has it"),
    (
        r"unknownhost|connect|timed out|unreachable|resolution|ssl|\b[45]0[0-9]\b",
        (
            "see that the engine's builds reach artifacts.elastic.co, if need be by a proxy in ~/.docker/config.json; "
            "or download the plugin's zip and give its path"
        ),
    ),
    (r"descriptor|nosuchfile|zip", "give the zip of a plugin: it has plugin-descriptor.properties at its top"),
    (r"", "mend what the output shows"),
)
"""Pairs of a pattern and a remedy; the first pattern that is found in the plugin manager's words counts."""


def plugins(value: Any) -> tuple[str | Path, ...]:
    """Check plugins: names of official ones, and paths or URLs of zips; what is a path becomes one."""
    if not is_list(value):
        raise Unfit("give a list, such as ['analysis-icu', Path('mine.zip')]", why=" is no list")
    return tuple(map(_plugin, entries(value)))


def _plugin(value: Any) -> str | Path:
    if isinstance(value, Path):
        return path(value)
    words, parts = text(value), urlsplit(text(value))
    if "@" in parts.netloc:
        raise Unfit("download it, and give a Path", why=" has a URL with a user, which the image's history would tell")
    if parts.scheme == "file":
        return path(unquote(parts.netloc + parts.path))
    if parts.scheme in {"http", "https"} and not re.search(r"\s", words):
        return words
    if _NAME.fullmatch(words) and not words.endswith(".zip"):
        return words
    raise Unfit(
        "give an official plugin's name, such as 'analysis-icu', a Path, or a URL of a zip (https://…, file:///…)",
        why=f" has {shown(value)}",
    )


def derivation(given: Sequence[str | Path], folder: Path, *, version: tuple[int, int]) -> Derivation:
    """Return what makes a server's image one with plugins; DefinitionError for a zip that isn't there.

    Relative paths begin at `folder`. What isn't on this machine is downloaded within the build.
    """
    files, steps = [], [f"COPY {_SCRIPT} {_FOLDER}/"]
    for number, each in enumerate(given):
        if isinstance(each, Path):
            name = f"plugin{number}.zip"
            files.append((name, _existing(each, folder)))
            steps.append(f"COPY {name} {_FOLDER}/")
        source = f"file://{_FOLDER}/{name}" if isinstance(each, Path) else each
        words = ["sh", f"{_FOLDER}/{_SCRIPT}", source, java_options(version, "arm64")]
        steps.append(f"RUN {json.dumps(words)}")
    names = ", ".join(each.name if isinstance(each, Path) else each for each in given)
    return Derivation(
        title=f"Elasticsearch with {names}",
        slug="elasticsearch-plugins",
        steps=tuple(steps),
        texts=((_SCRIPT, _INSTALL),),
        files=tuple(files),
        explained=explained,
    )


def _existing(zipped: Path, folder: Path) -> Path:
    whole = (folder / zipped).resolve()
    if not whole.is_file():
        raise DefinitionError(f"plugins= has {shown(str(whole))}, and there is no such file. Remedy: mend the path.")
    return whole


def explained(error: ImageError) -> ImageError:
    """Return the error of a build that failed with the plugin manager's own words; the error itself if it has none."""
    found = re.findall(r"why: (?:ERROR: |Exception in thread \"main\" )?(.*)", error.logs)
    if not found:
        return error
    why = re.sub(r"^[\w.]+\.(\w+(?:Exception|Error))\b", r"\1", found[-1].strip())
    why = re.sub(r"(, with exit code \d+)?\.?$", "", why)
    remedy = next(remedy for pattern, remedy in _REMEDIES if re.search(pattern, why, re.IGNORECASE))
    return ImageError(f"A plugin can't be installed: {why}. Remedy: {remedy}.", logs=error.logs)
