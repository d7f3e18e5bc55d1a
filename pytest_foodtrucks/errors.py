"""The errors: each says what happened, with which value, and what to do next."""

import contextlib
import re
from typing import Final

from .excerpts import excerpt

_TWO_STOPS: Final = re.compile(r"(?<=[\w)\"'])\.\.(?=\s|$)")
"""Where a quoted sentence of somebody else's ends with one, and ours does too."""
LOG_NOTE: Final = "Its service logged meanwhile:"
"""Begins the note with the log lines of an error of the user's code."""


class FoodtrucksError(Exception):
    """Any error of this plugin; `logs` holds the container's last log lines where there is one.

    Both are printable and bounded, whatever of others is quoted in them.
    """

    def __init_subclass__(cls) -> None:
        """Show by its public name, which leaves pytest's summary lines more room for the message."""
        cls.__module__ = "pytest_foodtrucks"

    def __init__(self, message: str, *, logs: str = "") -> None:
        self.message = excerpt(_TWO_STOPS.sub(".", message))
        self.logs = excerpt(logs)
        super().__init__(self.message)

    def __str__(self) -> str:
        if not self.logs:
            return self.message
        return f"{self.message}\nIts last log lines:\n" + indented(self.logs)


class SettingsError(FoodtrucksError):
    """An option has an unknown or impossible value."""


class DefinitionError(FoodtrucksError):
    """A service or network is defined in a way that cannot work."""


class EngineError(FoodtrucksError):
    """The engine refused or failed a request.

    `status` is its HTTP status, or None without an answer; `reason` holds its own words.
    """

    def __init__(self, message: str, *, status: int | None = None, reason: str | None = None, logs: str = "") -> None:
        super().__init__(message, logs=logs)
        self.status = status
        self.reason = message if reason is None else reason


class NoAnswer(EngineError):
    """The engine gave no answer: it is away, hung up, or was too slow, which `late` tells."""

    def __init__(self, message: str, *, late: bool = False, logs: str = "") -> None:
        super().__init__(message, logs=logs)
        self.late = late


class EngineNotFound(EngineError):
    """No engine answers; `set_by` names the setting that chose its address, None where nobody set one."""

    def __init__(self, message: str, *, set_by: str | None = None, logs: str = "") -> None:
        super().__init__(message, logs=logs)
        self.set_by = set_by


class ImageError(FoodtrucksError):
    """An image is neither on the engine nor to be had, or cannot be built."""


class StateError(FoodtrucksError):
    """The state folder can't be used, or what is in it can't be read."""


class StartError(FoodtrucksError):
    """A container could not be started, or ended while its readiness was awaited."""


class NotReadyInTime(StartError):
    """A service was not ready when its time was up."""


class NotReady(FoodtrucksError):
    """A readiness check's answer: not yet, and why.

    `port` is the container's port that was asked and didn't answer, None where it wasn't about one.
    """

    def __init__(self, message: str, *, port: int | None = None, logs: str = "") -> None:
        super().__init__(message, logs=logs)
        self.port = port


class CommandError(FoodtrucksError):
    """A command in a container ended with another exit code than 0; `exit_code` is None where the engine lost it.

    `stdout` and `stderr` hold all that it said.
    """

    def __init__(
        self, message: str, *, exit_code: int | None = None, stdout: str = "", stderr: str = "", logs: str = ""
    ) -> None:
        super().__init__(message, logs=logs)
        self.exit_code = exit_code
        self.stdout = stdout
        self.stderr = stderr


class NotInTime(FoodtrucksError, TimeoutError):
    """What a test waited for didn't happen in time, or can't happen any more."""


class FaultError(FoodtrucksError):
    """A fault cannot begin, or its service could not be healed."""


class ClientMismatch(FoodtrucksError):
    """The installed Elasticsearch client cannot speak to this server."""


class ProbeError(FoodtrucksError):
    """A question about the network could not be answered; neither a yes nor a no."""


class ResolutionError(FoodtrucksError, AssertionError):
    """A name resolves where it shouldn't, doesn't where it should, or leads to somebody else."""


class ReachabilityError(FoodtrucksError, AssertionError):
    """A target that should be reached from a source isn't."""


class IsolationError(FoodtrucksError, AssertionError):
    """A target that should be out of a source's reach isn't."""


def mark_raised_by(error: BaseException, whose: str, *, logs: str = "") -> None:
    """Note on an error of the user's code whose it is: a seed's or a check's, with its file and line.

    `logs` is what the service logged meanwhile; it becomes a note of the error, where there is something.
    """
    if logs:
        error.add_note(f"{LOG_NOTE}\n{indented(logs)}")
    with contextlib.suppress(AttributeError):  # a class may allow no attribute
        error.__foodtrucks_raised_by__ = whose  # type: ignore[attr-defined] # ours, on anybody's error


def raised_by(error: BaseException) -> str | None:
    """Return what was noted so; None where nothing was."""
    whose: str | None = getattr(error, "__foodtrucks_raised_by__", None)
    return whose


def indented(text: str) -> str:
    """Return a text of several lines as a message quotes it."""
    return "\n".join(f"    {line}" for line in text.splitlines())
