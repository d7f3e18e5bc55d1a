"""`foodtrucks up`: the stack of a folder is started, and stays; or lasts as long as its logs are followed."""

import argparse
from contextlib import suppress
from typing import Final

from pytest_foodtrucks.fixtures.stack_session import StandingStack

from . import exit_codes
from .arguments import Command, add_name, add_options, add_tests
from .completers import services_defined
from .following import follow
from .found import FoundStack
from .output import Output
from .standing import refuse_passing, show, stand


def _add(parser: argparse.ArgumentParser) -> None:
    services = parser.add_argument(
        "services", nargs="*", metavar="SERVICE", help="start these, and what they require; default: all of the session"
    )
    services.completer = services_defined  # type: ignore[attr-defined] # where argcomplete looks
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--detach", action="store_true", help="leave it running (this is the default)")
    ways.add_argument("--foreground", action="store_true", help="show the logs, and remove all on Ctrl-C")
    parser.add_argument("--fresh", action="store_true", help="make anew what is there already")
    add_name(parser)
    add_tests(parser)
    add_options(parser)


def _run(given: argparse.Namespace, output: Output) -> int:
    def stay(standing: StandingStack, found: FoundStack) -> None:
        refuse_passing(standing, found)
        show(found, output)
        output.result(found.as_json())

    def last(standing: StandingStack, found: FoundStack) -> None:
        show(found, output)
        output.result(found.as_json())
        with suppress(KeyboardInterrupt):
            follow(standing.stack.engine, found.services, output, tail=0)
        raise KeyboardInterrupt

    stand(given, last if given.foreground else stay, command="up", kept=not given.foreground)
    return exit_codes.DONE


COMMAND: Final = Command(
    description="Start what pytest would start here: the network, Elasticsearch, the app, and the services that the "
    "conftest defines; wait until all are ready, and print where they are. Once more it takes over what is there. The "
    "stack stays until `foodtrucks down`, or until nobody used it for 8 hours; pytest with --foodtrucks-reuse takes it "
    "over.",
    examples=(
        "foodtrucks up                          # Elasticsearch, the app with its trucks, the network",
        "foodtrucks up es                       # Elasticsearch alone",
        "foodtrucks up --name other             # a second stack of the same folder",
        "foodtrucks up --foreground             # until Ctrl-C",
        "foodtrucks up --es-version 8.19.0 --json",
    ),
    add=_add,
    run=_run,
)
