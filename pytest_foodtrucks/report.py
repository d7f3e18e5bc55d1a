"""What a failed test's report shows of the services."""

from typing import TYPE_CHECKING, Any, Final

from .errors import EngineError, FoodtrucksError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest
    from _pytest._code import Traceback

    from .services import Service

_MACHINERY: Final = frozenset({"pytest_foodtrucks", "_pytest", "pluggy", "contextlib"})
"""Top-level modules whose frames are none of the reader's."""


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


def import_message(error: BaseException) -> str | None:
    """Return the message of an error of ours that ended an import; pytest wraps that of a conftest. None for others."""
    ours = next((each for each in (error, error.__cause__) if isinstance(each, FoodtrucksError)), None)
    return None if ours is None else str(ours)


def own_frames(error: "pytest.ExceptionInfo[BaseException]", config: "pytest.Config") -> Any:
    """Return what a report shows of an error of ours in a test's own body: the user's frames, and not what caused it.

    None for other errors, and where the user asked for Python's own traceback.
    """
    style = config.option.tbstyle
    if not isinstance(error.value, FoodtrucksError) or style == "native":
        return None
    return error.getrepr(
        style="long" if style == "auto" else style,
        showlocals=config.option.showlocals,
        tbfilter=lambda error: _without_machinery(error.traceback),
        funcargs=True,
        chain=False,
    )


def _without_machinery(frames: "Traceback") -> "Traceback":
    own = frames.filter(lambda entry: entry.frame.f_globals.get("__name__", "").partition(".")[0] not in _MACHINERY)
    return own if own else frames
