"""`foodtrucks env`: the variables by which programs find a running stack."""

import argparse
from typing import Final

from . import exit_codes
from .arguments import Command, add_name, add_where
from .found import own_stack
from .output import Output
from .variables import shell_lines, variables
from .working_folder import engine_at, here


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--shell", choices=("sh", "fish"), default="sh", help="for which shell; sh is for bash and zsh too"
    )
    add_name(parser)
    add_where(parser)


def _run(given: argparse.Namespace, output: Output) -> int:
    place = here(given)
    with engine_at(place) as engine:
        stack = own_stack(engine, place, given.name)
    if not stack.record.is_complete:  # else it has networks alone, because no more was asked for
        stack.refuse_empty()
    found = variables(stack)
    for line in shell_lines(found, given.shell):
        output.say(line)
    output.result(found)
    return exit_codes.DONE


COMMAND: Final = Command(
    description="Print the lines by which a shell sets the variables that `foodtrucks run` gives its program.",
    examples=('eval "$(foodtrucks env)"', "foodtrucks env --shell fish | source", "foodtrucks env --json"),
    add=_add,
    run=_run,
)
