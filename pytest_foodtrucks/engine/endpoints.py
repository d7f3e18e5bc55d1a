"""Which addresses an engine may have: the one that somebody set, else the usual sockets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_foodtrucks.errors import EngineNotFound

from .urls import check_engine_url, without_user


@dataclass(frozen=True)
class Endpoint:
    """An engine's address, who set it (None: nobody, it is a usual one), its context's name if it has one."""

    url: str = field(repr=False)
    set_by: str | None = None
    context: str | None = None

    @property
    def shown(self) -> str:
        """The address for people, without its user part."""
        return without_user(self.url)


def candidates(
    option: str,
    environ: Mapping[str, str],
    *,
    current_context: str | None,
    context_url: Callable[[str], str | None],
) -> list[Endpoint]:
    """Return the addresses to try, best first; one that somebody set stands alone.

    `option` is the value of the option `engine`, `current_context` what the Docker client's own
    configuration names, `context_url` returns a context's address (None: there is no such context).

    Raises EngineNotFound for an unknown context, and for an address where no engine can be.
    """
    if "://" in option:
        return [_set(option, "the option engine")]
    if environ.get("DOCKER_HOST", "") != "":
        return [_set(environ["DOCKER_HOST"], "DOCKER_HOST")]
    context, named_by = environ.get("DOCKER_CONTEXT", ""), "DOCKER_CONTEXT"
    if context == "" and current_context is not None:
        context, named_by = current_context, "the Docker client's current context"
    if context not in {"", "default"}:
        return [_from_context(context, named_by, context_url)]
    return [Endpoint(f"unix://{path}") for path in usual_sockets(environ)]


def _from_context(name: str, named_by: str, context_url: Callable[[str], str | None]) -> Endpoint:
    set_by = f"{named_by} ({name!r})"
    url = context_url(name)
    if url is None:
        raise EngineNotFound(
            f"{named_by} is {name!r}, and there is no such context. Remedy: choose one that "
            "`docker context ls` shows, or unset it.",
            set_by=set_by,
        )
    return _set(url, set_by, name)


def _set(url: str, set_by: str, context: str | None = None) -> Endpoint:
    endpoint = Endpoint(url, set_by, context)
    try:
        check_engine_url(url)
    except ValueError as error:
        raise EngineNotFound(
            f"No engine can be at {endpoint.shown!r}, set by {set_by}. Remedy: {error}.", set_by=set_by
        ) from error
    return endpoint


def usual_sockets(environ: Mapping[str, str]) -> list[Path]:
    """Return the sockets where Docker, rootless Docker and the desktop products listen."""
    home = Path(environ.get("HOME", "/root"))
    sockets = [Path("/var/run/docker.sock")]
    if environ.get("XDG_RUNTIME_DIR", "") != "":
        sockets.append(Path(environ["XDG_RUNTIME_DIR"]) / "docker.sock")
    return [
        *sockets,
        home / ".docker/run/docker.sock",
        home / ".docker/desktop/docker.sock",
        home / ".colima/default/docker.sock",
        home / ".rd/docker.sock",
    ]
