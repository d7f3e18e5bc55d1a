"""A command in a container: what is checked of how it is to be run, and what is said of one that failed."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from pytest_foodtrucks.errors import CommandError, indented
from pytest_foodtrucks.excerpts import excerpt
from pytest_foodtrucks.values import checked, seconds, shown

from . import keywords

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.execs import ExecKeywords, ExecResult

_END: Final = 4 * 1024
"""Bytes of each output of a command that its error shows."""

_CHECKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "env": partial(keywords.environment, keyword="env"),
    "user": keywords.user,
    "workdir": keywords.folder_inside,
    "input": keywords.input_bytes,
    "timeout": seconds,
}


def how_to_run(**given: Any) -> "ExecKeywords":
    """Return how a command is to be run, with checked values; None counts as not given.

    Raises DefinitionError, which names the keyword, its value and a remedy.
    """
    how = {name: checked(name, value, _CHECKS[name]) for name, value in given.items() if value is not None}
    return cast("ExecKeywords", how)


def shown_command(argv: Sequence[str] | str) -> str:
    """Return a command as a message shows it."""
    return shown(argv if isinstance(argv, str) else list(argv))


def command_error(argv: Sequence[str] | str, where: str, result: "ExecResult") -> CommandError:
    """Return the error of a command that failed, with the end of what it said."""
    lost = result.exit_code is None
    ended = "ended, and its exit code got lost" if lost else f"ended with exit code {result.exit_code}"
    said = {"standard error": result.stderr, "standard output": result.stdout}
    ends = [
        f"\nIts {name} ended so:\n{indented(excerpt(text, head=0, tail=_END))}" for name, text in said.items() if text
    ]
    return CommandError(
        f"{shown_command(argv)} in {where} {ended}. Remedy: see what it said, or leave check= out and look at the "
        f"result.{''.join(ends) if ends else ' It said nothing.'}",
        exit_code=result.exit_code,
        stdout=result.stdout,
        stderr=result.stderr,
    )
