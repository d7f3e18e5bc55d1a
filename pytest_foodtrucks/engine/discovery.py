"""Which container engine there is: the first that answers, of those that are named or usual."""

import json
import os
import socket
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import docker
import docker.errors
from docker.auth import AuthConfig
from docker.context import ContextAPI
from docker.utils.config import home_dir, load_general_config
from requests.exceptions import RequestException

from pytest_foodtrucks.errors import EngineNotFound, SettingsError

from . import endpoints, limits
from .asking import message_of
from .clients import client_for
from .endpoints import Endpoint
from .engine import Engine
from .patience import Patience
from .ssh import ssh_errors

_NAME_ANOTHER: Final = "or name a running engine with --foodtrucks-engine or DOCKER_HOST"
_LEAVE_OUT: Final = "`-m 'not foodtrucks'` leaves these tests out."

_CONNECT_SECONDS: Final = 5.0


def find_engine(
    option: str = "auto",
    environ: Mapping[str, str] = os.environ,
    *,
    host: str | None = None,
    only: Endpoint | None = None,
    patience: Patience | None = None,
) -> Engine:
    """Return the engine that answers first.

    `option` is the value of the option `engine`, `host` that of `host`. None of them is asked twice. `only` is where
    the session has its stack: then no other engine is looked for, whatever is set or answers by now.

    Raises EngineNotFound, which says what was tried and the remedy.
    """
    logins = _logins(environ.get("DOCKER_AUTH_CONFIG", ""))
    tried: list[tuple[Endpoint, Exception]] = []
    for endpoint in _candidates(option, environ) if only is None else [only]:
        try:
            return Engine(_client(endpoint, environ), endpoint, host, logins=logins, patience=patience)
        except _failures() as error:
            limit = limits.reached(error)
            if limit is not None:
                raise EngineNotFound(f"The engine at {endpoint.shown} can't be asked. {limit}") from error
            tried.append((endpoint, error))
    first, reason = tried[0]
    if only is not None:
        raise _away_error(first, reason) from reason
    raise _not_found_error(tried) from reason


def _failures() -> tuple[type[Exception], ...]:
    return (docker.errors.DockerException, RequestException, OSError, ValueError, *ssh_errors())


def _candidates(option: str, environ: Mapping[str, str]) -> list[Endpoint]:
    current_context = load_general_config().get("currentContext")
    return endpoints.candidates(option, environ, current_context=current_context, context_url=_context_url)


def _away_error(endpoint: Endpoint, error: Exception) -> EngineNotFound:
    return EngineNotFound(
        f"No engine answers at {endpoint.shown}, where this session has its stack: {message_of(error)}. Remedy: start "
        "the engine there.",
        set_by=endpoint.set_by,
    )


def _not_found_error(tried: Sequence[tuple[Endpoint, Exception]]) -> EngineNotFound:
    first, error = tried[0]
    locked = next((endpoint.shown for endpoint, error in tried if isinstance(error, PermissionError)), None)
    if locked is not None:
        remedy = f"let this user open {locked} (for Docker on Linux: join the group docker, log in again)"
    elif first.url.startswith("ssh://"):
        remedy = f"see that `ssh {first.shown} docker version` answers and asks nothing, mend or unset that address"
    elif first.set_by is not None:
        remedy = "start the engine there, mend or unset that address"
    else:
        remedy = "install and start Docker (on Debian and Ubuntu: apt-get install docker.io)"
    remedy = f"Remedy: {remedy}, {_NAME_ANOTHER}. {_LEAVE_OUT}"
    if first.set_by is not None:
        return EngineNotFound(
            f"No engine answers at {first.shown}, set by {first.set_by}: {message_of(error)}. Nothing else was "
            f"tried, because that address was set. {remedy}",
            set_by=first.set_by,
        )
    addresses = ", ".join(endpoint.shown for endpoint, _ in tried)
    return EngineNotFound(
        f"No engine answers; DOCKER_HOST and DOCKER_CONTEXT aren't set, and these were tried: {addresses} "
        f"(the first: {message_of(error)}). {remedy}",
        set_by=None,
    )


def _context_url(name: str) -> str | None:
    context = ContextAPI.get_context(name)
    contexts = Path(os.environ.get("DOCKER_CONFIG", Path(home_dir(), ".docker"))) / "contexts/meta"
    if context is None and (contexts / sha256(name.encode()).hexdigest() / "meta.json").exists():
        raise EngineNotFound(
            f"The Docker context {name!r} can't be looked up: docker-py looks beside the Docker client's config.json, "
            f"and there is none. Remedy: choose it with `docker context use {name}`, which writes that file.",
            set_by=f"the context {name!r}",
        )
    return None if context is None else context.Host


def _client(endpoint: Endpoint, environ: Mapping[str, str]) -> docker.APIClient:
    if endpoint.url.startswith("unix://"):
        _connect(endpoint.url.removeprefix("unix://"))
    return client_for(endpoint, environ)


def _connect(path: str) -> None:
    """Connect once: docker-py leaves the socket open, and says less, where that fails."""
    if not Path(path).exists():
        raise FileNotFoundError("there is no such socket")
    with socket.socket(socket.AF_UNIX) as attempt:
        attempt.settimeout(_CONNECT_SECONDS)
        attempt.connect(path)


def _logins(text: str) -> AuthConfig:
    """Read the logins of DOCKER_AUTH_CONFIG, which docker-py doesn't know.

    The command line reads it since 28.3, and GitLab's runners before: docs.docker.com/reference/cli/docker.
    """
    if text == "":
        return AuthConfig({})
    try:
        return AuthConfig({"auths": AuthConfig.parse_auth(json.loads(text)["auths"], raise_on_error=True)})
    except (ValueError, LookupError, TypeError, AttributeError, docker.errors.DockerException) as error:
        raise SettingsError(
            "DOCKER_AUTH_CONFIG in the environment can't be read. Remedy: unset it, or set it to the JSON of Docker's "
            'config.json: {"auths": {"registry.example": {"auth": "NAME:PASSWORD in base64"}}}.'
        ) from error
