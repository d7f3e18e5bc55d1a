"""What a failed test's report shows of the services."""

from typing import TYPE_CHECKING

from .errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .services import Service


def log_sections(services: "Iterable[Service]", since: float) -> list[tuple[str, str]]:
    """Return a section per service: a title, and its log lines since a moment in seconds of the epoch."""
    return [(f"foodtrucks log of {service.alias}", _log(service, since)) for service in services]


def _log(service: "Service", since: float) -> str:
    try:
        log = service.logs(since=since)
    except EngineError as error:
        return f"(its log can't be read: {error})"
    return log if log else "(no lines since the test began)"
