"""The command `foodtrucks`: its subcommands, and the exit code of what goes wrong."""

import argparse
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Final, NoReturn

from .commands import exit_codes
from .commands.interrupts import ended_in_order
from .commands.output import Output, WrongUse
from .errors import (
    DefinitionError,
    EngineNotFound,
    FoodtrucksError,
    NotInTime,
    NotReadyInTime,
    SettingsError,
)

if TYPE_CHECKING:
    from .commands.arguments import Command

SUBCOMMANDS: Final[Mapping[str, str]] = {
    "up": "start the stack of this folder, and leave it running",
    "down": "remove it",
    "run": "run a program beside a stack of its own",
    "ps": "show the stacks on the engine",
    "logs": "show what services log",
    "shell": "open a shell in a service's container",
    "matrix": "show which service reaches which",
    "env": "show the variables by which programs find the stack",
    "wait": "wait until the stack is ready",
    "prune": "remove kept stacks, and what dead sessions left",
    "init": "write a first test and its workflow into this folder",
    "completion": "print what makes a shell complete this command",
}
"""Each is a module of `commands/`, which is imported only for a line that names it."""

_ERRORS: Final = (
    ((SettingsError, DefinitionError), exit_codes.WRONG_USE),
    ((EngineNotFound,), exit_codes.NO_ENGINE),
    ((NotInTime, NotReadyInTime), exit_codes.NOT_IN_TIME),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code: 0 done, 1 an error, 2 a wrong use; see commands/exit_codes.py."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    argv: list[str] | None = None
    if "--" in words and words[:1] == ["run"]:
        words, argv = words[: words.index("--")], words[words.index("--") + 1 :]
    as_json = any(word.partition("=")[0] == "--json" for word in words)
    parser = parser_for(_named(words), _RaisingParser if as_json else argparse.ArgumentParser)
    _complete(parser)
    try:
        given = parser.parse_args(words)
    except WrongUse as error:
        Output(as_json=True).error(error)
        return exit_codes.WRONG_USE
    given.argv = argv
    command: Command = given.command
    output = Output(as_json=given.json)
    with ended_in_order() as ending:
        try:
            return command.run(given, output)
        except FoodtrucksError as error:
            output.error(error)
            return _code(error) if command.failed == exit_codes.FAILED else command.failed
        except KeyboardInterrupt:
            return exit_codes.INTERRUPTED if ending.number is None else exit_codes.by_signal(ending.number)


class _RaisingParser(argparse.ArgumentParser):
    """The parser of a line that asks for JSON, and that of each of its subcommands: it shows no usage."""

    def error(self, message: str) -> NoReturn:
        """Raise the error of a line that can't be read."""
        raise WrongUse(message)


def _named(words: Sequence[str]) -> list[str]:
    """Return the subcommand that a line names, if it does; where a shell completes a line, that line's."""
    words = os.environ["COMP_LINE"].split()[1:] if "_ARGCOMPLETE" in os.environ else words
    return [word for word in words if word in SUBCOMMANDS][:1]


def parser_for(
    named: Collection[str], parser_class: type[argparse.ArgumentParser] = argparse.ArgumentParser
) -> argparse.ArgumentParser:
    """Return the parser of a line that names some subcommands; of the others it has the names alone."""
    parser = parser_class(
        prog="foodtrucks",
        description="Stacks of pytest-foodtrucks on a container engine, for people and for suites in any language.",
        epilog="`foodtrucks SUBCOMMAND --help` has examples.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(metavar="SUBCOMMAND", required=True)
    for name, text in SUBCOMMANDS.items():
        if name in named:
            command: Command = import_module(f".commands.{name}", __package__).COMMAND
            command.add_to(commands, name, text)
        else:
            commands.add_parser(name, help=text)
    return parser


def _version() -> str:
    return f"foodtrucks {metadata.version('pytest-foodtrucks')}"


def _complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that completes a line; this process ends then."""
    if "_ARGCOMPLETE" in os.environ:
        from argcomplete import autocomplete  # noqa: PLC0415 - only shells that complete pay for it

        autocomplete(parser)


def _code(error: FoodtrucksError) -> int:
    from .commands.found import NoService, NoStack  # noqa: PLC0415 - needs much: not where all is well

    kinds = (*_ERRORS, ((NoStack,), exit_codes.NO_STACK), ((NoService,), exit_codes.WRONG_USE))
    return next((code for classes, code in kinds if isinstance(error, classes)), exit_codes.FAILED)
