"""What a failed test's report shows of the services."""

import shlex
from typing import TYPE_CHECKING, Any, Final

from . import limits
from .callers import place_in
from .errors import EngineError, EngineNotFound, FoodtrucksError, NoAnswer
from .kept import UNUSED_HOURS
from .state_folder import state_folder
from .urls import without_user

if TYPE_CHECKING:
    import pytest
    from _pytest._code import Traceback, TracebackEntry

    from .engine import Engine
    from .services import Service
    from .settings import Settings
    from .stack import Stack

_MACHINERY: Final = frozenset({"pytest_foodtrucks", "_pytest", "pluggy", "contextlib", "concurrent", "tenacity"})
"""Top-level modules whose frames are none of the reader's."""

_SAME_CLOCK: Final = 1.0
"""Seconds of difference that may be the measurement's own."""
_NOTICEABLE: Final = 60.0


def log_sections(stack: "Stack", since: float, error: BaseException | None = None) -> list[tuple[str, str]]:
    """Return a section per service: a title, and its log lines since a moment in seconds of the epoch.

    `error` is what the report is about. Where the engine gives no answer, one sentence says so for all services; or
    none, if the error says it already.
    """
    sections: list[tuple[str, str]] = []
    try:
        for service in stack.services:
            log = _log(service, since + _clock_correction(stack.engine))
            sections.append((f"foodtrucks log of {service.alias}", log))
    except NoAnswer as no_answer:
        if not (isinstance(error, NoAnswer) or (error is not None and isinstance(error.__cause__, NoAnswer))):
            sections.append(("foodtrucks logs", f"(they can't be read: {no_answer})"))
    return sections


def _log(service: "Service", since: float) -> str:
    try:
        container = service.container
        log = container.log_excerpt(since=since).text(
            f"; while the stack stands `docker logs {container.name}` shows all, as the service's logs() does"
        )
    except NoAnswer:
        raise
    except EngineError as error:
        return f"(its log can't be read: {error})"
    return log if log else "(no lines since the test began)"


def _clock_correction(engine: "Engine") -> float:
    """Return what turns a moment by this machine's clock into one by the engine's, which stamps the log lines."""
    difference = engine.clock_difference()
    return difference if abs(difference) > _SAME_CLOCK else 0.0


def clock_warning(difference: float) -> str | None:
    """Return what to say of clocks that differ by some seconds; None where that matters to nobody."""
    if abs(difference) < _NOTICEABLE:
        return None
    side = "ahead of" if difference > 0 else "behind"
    return (
        f"the engine's clock is {abs(difference):.0f} s {side} this machine's, which is allowed for. Remedy: set the "
        "one that is wrong"
    )


def left_behind(error: FoodtrucksError) -> str:
    """Return what becomes of the things that could not be removed at the session's end."""
    if isinstance(error, NoAnswer | EngineNotFound):
        return "They go when it answers within 10 minutes, else with the next session that uses it."
    return "Remedy: remove what `docker ps --all --filter label=pytest-foodtrucks` lists, then the network."


def stays(settings: "Settings") -> str:
    """Return what is said of a kept stack at the session's end: how long it stays, and what removes it."""
    command = ["python", "-m", "pytest_foodtrucks", "prune"]
    if settings.engine != "auto":
        command.append(f"--engine={without_user(settings.engine)}")
    if settings.state_dir is not None:
        command.append(f"--state-dir={state_folder(settings.state_dir, {})}")
    return f"the stack stays for the next session, {UNUSED_HOURS} hours at most; `{shlex.join(command)}` removes it"


def message_alone(error: "pytest.ExceptionInfo[BaseException]") -> Any:
    """Return what a report shows of an error of ours: its message without a traceback; None for other errors."""
    if isinstance(error.value, FoodtrucksError):
        return error.getrepr(style="value", chain=False)
    return _limit_here(error)


def _limit_here(error: "pytest.ExceptionInfo[BaseException]") -> str | None:
    """Return what is said of a limit of the system that code of ours met, wherever that was."""
    ours = any(_top_level(entry) == "pytest_foodtrucks" for entry in error.traceback)
    limit = limits.reached(error.value) if ours else None
    return None if limit is None else f"{error.exconly()}\n{limit}"


def import_message(error: BaseException) -> str | None:
    """Return the message of an error of ours that ended an import, with file and line; None for other errors.

    pytest wraps the error of a conftest.
    """
    ours = next((each for each in (error, error.__cause__) if isinstance(each, FoodtrucksError)), None)
    if ours is None:
        return None
    place = f"{place_in(ours.__traceback__)}: "
    return str(ours) if str(ours).startswith(place) else f"{place}{ours}"


def own_frames(error: "pytest.ExceptionInfo[BaseException]", config: "pytest.Config") -> Any:
    """Return what a report shows of an error of ours in a test's own body: the user's frames, and not what caused it.

    None for other errors, and where the user asked for Python's own traceback.
    """
    style = config.option.tbstyle
    if not isinstance(error.value, FoodtrucksError) or style == "native":
        return _limit_here(error)
    return error.getrepr(
        style="long" if style == "auto" else style,
        showlocals=config.option.showlocals,
        tbfilter=lambda error: _without_machinery(error.traceback),
        funcargs=True,
        chain=False,
    )


def _without_machinery(frames: "Traceback") -> "Traceback":
    own = frames.filter(lambda entry: _top_level(entry) not in _MACHINERY)
    return own if own else frames


def _top_level(entry: "TracebackEntry") -> str:
    return str(entry.frame.f_globals.get("__name__", "")).partition(".")[0]
