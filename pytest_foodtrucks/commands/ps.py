"""`foodtrucks ps`: the stacks on the engine, whose they are, and where their services are."""

import argparse
from collections.abc import Iterator
from typing import Final

from . import exit_codes
from .arguments import Command, add_where
from .found import FoundStack, all_stacks
from .output import Colour, Output, coloured, table
from .working_folder import engine_at, here

_COLOURS: Final[dict[str, Colour]] = {"kept": "green", "alive": "green", "orphaned": "red", "unknown": "yellow"}


def _run(given: argparse.Namespace, output: Output) -> int:
    place = here(given)
    with engine_at(place) as engine:
        stacks = all_stacks(engine, place.state)
    for line in _lines(stacks, output):
        output.say(line)
    output.result({"stacks": [stack.as_json() for stack in stacks]})
    return exit_codes.DONE


def _lines(stacks: list[FoundStack], output: Output) -> Iterator[str]:
    """Yield a line for each stack, and below it one for each service."""
    heads = [("STACK", "STATE", "BY", "AGE", "OF")]
    heads += [(each.id, each.state, each.record.command, age(each.age), each.record.project) for each in stacks]
    first, *others = table(heads)
    yield first
    for stack, line in zip(stacks, others, strict=True):
        yield line.replace(stack.state, coloured(stack.state, _COLOURS[stack.state], output.stdout), 1)
        rows = [(each.alias, each.seen.status, each.where) for each in stack.services]
        yield from (f"  {row}" for row in (table(rows) if rows else ()))


def age(seconds: float) -> str:
    """Return an age for people, by its largest unit."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f}{unit}"
    return f"{seconds:.0f}s"


COMMAND: Final = Command(
    description="Show all stacks on the engine: their state (kept; of an alive, orphaned or unknown session), what "
    "started them, their age and folder; and each service with its status and addresses. `foodtrucks prune` removes "
    "what is orphaned.",
    examples=("foodtrucks ps", "foodtrucks ps --json"),
    add=add_where,
    run=_run,
)
