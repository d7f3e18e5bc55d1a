"""`foodtrucks wait`: until a stack that another process starts is ready."""

import argparse
import re
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.clock import monotonic, sleep
from pytest_foodtrucks.errors import NotInTime

from . import exit_codes
from .arguments import Command, add_name, add_where, seconds
from .found import FoundStack, NoStack, own_stack
from .output import Output
from .standing import show
from .working_folder import Here, engine_at, here

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine

_PAUSE: Final = 0.5


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout",
        type=_patience,
        default=120.0,
        metavar="TIME",
        dest="patience",
        help="such as 90s, or a number of seconds; default: 2m",
    )
    add_name(parser)
    add_where(parser)


def _patience(text: str) -> float:
    """Read a time; a plain number is seconds, as for the option `timeout` of the plugin."""
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else seconds(text)


def _run(given: argparse.Namespace, output: Output) -> int:
    place = here(given)
    with engine_at(place) as engine:
        stack = _ready(engine, place, given.name, given.patience)
    show(stack, output)
    output.result(stack.as_json())
    return exit_codes.DONE


def _ready(engine: "Engine", place: Here, name: str | None, patience: float) -> FoundStack:
    """Return the stack once it is ready; NotInTime with the last reason why it isn't."""
    until = monotonic() + patience
    while True:
        try:
            stack = own_stack(engine, place, name)
            why = _why_not(stack)
        except NoStack as error:
            why = error.message.partition(" Remedy:")[0]
        if not why:
            return stack
        if monotonic() >= until:
            raise NotInTime(f"The stack isn't ready after {patience:g} s: {why} Remedy: see `foodtrucks ps`.")
        sleep(_PAUSE)


def _why_not(stack: FoundStack) -> str:
    """Say why a stack isn't ready; nothing where it is: all services were ready once, and run, none of them ill."""
    if not stack.record.is_complete:
        return "it is being started, or its start failed, or pytest left it: `foodtrucks up` completes it."
    records = stack.record.services if stack.record.services is not None else {}
    running = {each.alias: each.seen.state for each in stack.services}
    for alias in records:
        state = running.get(alias)
        if state is None or state.status != "running":
            return f"{alias} is {'gone' if state is None else state.status}."
        if state.health not in {None, "healthy", "none"}:
            return f"{alias} is {state.health}."
    return ""


COMMAND: Final = Command(
    description="Wait until the stack of this folder is ready, which another process starts, and print where it is. "
    "Exit code 5: the time was up.",
    examples=("foodtrucks wait", "foodtrucks wait --timeout 30s --name other"),
    add=_add,
    run=_run,
)
