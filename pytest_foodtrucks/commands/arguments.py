"""What the subcommands have in common on the command line: the plugin's options, a stack's name, `--json`."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any, Final

from pytest_foodtrucks.options import OPTIONS, Option
from pytest_foodtrucks.values import nanoseconds

from . import exit_codes
from .output import Output

WHERE: Final = ("engine", "host", "state_dir")
"""The options of commands that start nothing: where the stacks are."""

DEST: Final = "option_"
"""What the names of the plugin's options begin with, among those of a subcommand."""

_KEPT: Final = "reuse"
"""The option that each subcommand decides by itself."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A subcommand: `add` adds its arguments to its parser, `run` does it and returns the exit code.

    `examples` are shown below its help. `failed` is the exit code of what isn't known better.
    """

    description: str
    examples: Sequence[str]
    add: Callable[[argparse.ArgumentParser], object]
    run: Callable[[argparse.Namespace, Output], int]
    usage: str | None = None
    failed: int = exit_codes.FAILED

    def add_to(self, commands: "argparse._SubParsersAction[Any]", name: str, text: str) -> None:
        """Add its parser to the command's; `text` stands beside its name in the command's own help."""
        parser = commands.add_parser(
            name,
            help=text,
            usage=self.usage,
            description=fill(self.description, 80),
            epilog="\n".join(["examples:", *(f"  {example}" for example in self.examples)]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,  # a script that has a shortened name would break with the next option
        )
        self.add(parser)
        parser.add_argument("--json", action="store_true", help="write JSON for programs")
        parser.set_defaults(command=self)


def add_options(parser: argparse.ArgumentParser, fields: Sequence[str] | None = None) -> None:
    """Add the plugin's options: all but the one that says whether a stack is kept, or those of some fields.

    Each has pytest's own name too. They count before the environment and pytest's configuration file.
    """
    group = parser.add_argument_group(
        "options of the plugin",
        fill(
            "pytest's --foodtrucks-… are the same; they are also read from FOODTRUCKS_… in the environment, and from "
            "foodtrucks_… in pytest's configuration file.",
            78,
        ),
    )
    for option in OPTIONS:
        if option.field != _KEPT and (fields is None or option.field in fields):
            (_add_switch if option.switch else _add_value)(group, option)


def _add_value(group: "argparse._ArgumentGroup", option: Option) -> None:
    dest = f"{DEST}{option.field}"
    group.add_argument(f"--{option.name}", dest=dest, metavar=option.metavar, help=option.help)
    group.add_argument(option.flag, dest=dest, help=argparse.SUPPRESS)


def _add_switch(group: "argparse._ArgumentGroup", option: Option) -> None:
    """Add both flags of a switch; its value is the flag of pytest."""
    for own, flag, text in (
        (f"--{option.name}", option.flag, option.help),
        (f"--no-{option.name}", option.off_flag, argparse.SUPPRESS),
    ):
        about: Any = {"dest": f"{DEST}{option.field}", "action": "store_const", "const": flag}
        group.add_argument(own, help=text, **about)
        group.add_argument(flag, help=argparse.SUPPRESS, **about)


def add_where(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that starts nothing."""
    add_options(parser, WHERE)


def add_name(parser: argparse.ArgumentParser) -> None:
    """Add the stack's name."""
    parser.add_argument("--name", help="the stack of this name: one of several of this folder")


def add_tests(parser: argparse.ArgumentParser) -> None:
    """Add the folder of the tests."""
    parser.add_argument(
        "--tests",
        type=Path,
        metavar="FOLDER",
        help="the folder of the tests whose conftest counts; default: this one, or the only one below it with one",
    )


def options_given(given: argparse.Namespace) -> Iterator[str]:
    """Yield the plugin's options that were given, as pytest takes them."""
    for option in OPTIONS:
        value: Any = getattr(given, f"{DEST}{option.field}", None)
        if value is not None:
            yield value if option.switch else f"{option.flag}={value}"


def variables_given(given: argparse.Namespace) -> dict[str, str]:
    """Return the variables by which a pytest below reads the options that were given here."""
    values: dict[Option, Any] = {option: getattr(given, f"{DEST}{option.field}", None) for option in OPTIONS}
    return {
        option.variable: ("on" if value == option.flag else "off") if option.switch else str(value)
        for option, value in values.items()
        if value is not None
    }


def seconds(text: str) -> float:
    """Read a time, such as 500ms or 1m30s, in seconds."""
    try:
        return nanoseconds(text) / 1e9
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
