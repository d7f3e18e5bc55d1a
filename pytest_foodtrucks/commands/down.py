"""`foodtrucks down`: the stack of a folder is removed."""

import argparse
from typing import Final

from pytest_foodtrucks.errors import FoodtrucksError
from pytest_foodtrucks.sessions.owners import this_process_as_owner
from pytest_foodtrucks.stacks.removal import remove_kept_stack

from . import exit_codes
from .arguments import Command, add_name, add_where
from .found import kept_stack
from .output import Output, counted
from .working_folder import engine_at, here


def _add(parser: argparse.ArgumentParser) -> None:
    add_name(parser)
    add_where(parser)


def _run(given: argparse.Namespace, output: Output) -> int:
    place = here(given)
    with engine_at(place, ports=False) as engine:
        stack = kept_stack(engine, place, given.name)
        there = stack.folder.exists()
        project = stack.project if there else str(place.root)
        removed = remove_kept_stack(engine, stack, this_process_as_owner(place.state))
        if stack.folder.exists():
            raise FoodtrucksError(
                f"The stack of {project} stays: a session uses it, or its state folder is a copy. Remedy: end that "
                "session first."
            )
    output.say(f"removed: the stack of {project} ({counted(removed)})" if there else "there was no stack")
    output.result({"project": project, "removed": removed})
    return exit_codes.DONE


COMMAND: Final = Command(
    description="Remove the stack that `foodtrucks up`, or pytest with --foodtrucks-reuse, left running for this "
    "folder. What `up --foreground`, `run` and other sessions have goes when these end.",
    examples=("foodtrucks down", "foodtrucks down --name other"),
    add=_add,
    run=_run,
)
