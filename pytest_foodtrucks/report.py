"""What a failed test's report shows of the services."""

from typing import TYPE_CHECKING, Any

from .errors import EngineError, FoodtrucksError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

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


def message_alone(error: "pytest.ExceptionInfo[BaseException]") -> Any:
    """Return what a report shows of an error of ours: its message without a traceback; None for other errors."""
    return error.getrepr(style="value", chain=False) if isinstance(error.value, FoodtrucksError) else None
