"""`foodtrucks logs`: what the services of a running stack log."""

import argparse
from contextlib import suppress
from typing import Final, Literal

from . import exit_codes
from .arguments import Command, add_name, add_where
from .completers import services_running
from .following import follow, show_logs
from .found import own_stack
from .output import Output
from .working_folder import engine_at, here


def _add(parser: argparse.ArgumentParser) -> None:
    services = parser.add_argument("services", nargs="*", metavar="SERVICE", help="of these services; default: of all")
    services.completer = services_running  # type: ignore[attr-defined] # where argcomplete looks
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes, until Ctrl-C")
    parser.add_argument("--tail", type=_lines, metavar="NUMBER", help="so many lines of each; default: all")
    add_name(parser)
    add_where(parser)


def _lines(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines")
    return int(text)


def _run(given: argparse.Namespace, output: Output) -> int:
    place = here(given)
    with engine_at(place, ports=False) as engine:
        stack = own_stack(engine, place, given.name)
        stack.refuse_empty()
        services = [stack.service(alias) for alias in given.services] if given.services else list(stack.services)
        tail: int | Literal["all"] = "all" if given.tail is None else given.tail
        if given.follow:
            with suppress(KeyboardInterrupt):  # how one ends it
                follow(engine, services, output, tail=tail)
        else:
            show_logs(engine, services, output, tail=tail)
    return exit_codes.DONE


COMMAND: Final = Command(
    description="Show what the services of this folder's stack logged, in the order of time; with several services "
    "each line begins with its service. --json writes one document a line.",
    examples=("foodtrucks logs", "foodtrucks logs -f es", "foodtrucks logs --tail 20 foodtrucks-web"),
    add=_add,
    run=_run,
)
