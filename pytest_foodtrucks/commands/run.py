"""`foodtrucks run`: a program beside a stack of its own, which goes when the program ends."""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Final

from pytest_foodtrucks.fixtures.stack_session import StandingStack

from . import child, exit_codes
from .arguments import Command, add_name, add_options, add_tests, variables_given
from .found import FoundStack
from .output import Output, WrongUse, write
from .standing import stand
from .variables import variables


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--services", nargs="+", default=(), metavar="SERVICE", help="start these, and what they require; default: all"
    )
    add_name(parser)
    add_tests(parser)
    add_options(parser)


def _run(given: argparse.Namespace, output: Output) -> int:
    if not given.argv:
        output.error(WrongUse("run needs a command behind --, such as: foodtrucks run -- npm test"))
        return exit_codes.WRONG_USE
    if shutil.which(given.argv[0]) is None:
        there = os.sep in given.argv[0] and Path(given.argv[0]).exists()
        output.error(WrongUse(f"{given.argv[0]}: {'it is no program' if there else 'there is no such command'}"))
        return exit_codes.NOT_EXECUTABLE if there else exit_codes.NOT_FOUND
    codes: list[int] = []
    environ = dict(os.environ)  # before pytest adds its own, such as PYTEST_CURRENT_TEST

    def beside(standing: StandingStack, found: FoundStack) -> None:
        state = {"FOODTRUCKS_STATE_DIR": str(standing.stack.session.state_folder)}
        codes.append(child.run(given.argv, {**environ, **variables_given(given), **state, **variables(found)}))

    stand(given, beside, command="run", kept=False)
    if output.as_json:
        write(sys.stderr, json.dumps({"command": given.argv, "exit_code": codes[0]}))
    return codes[0]


COMMAND: Final = Command(
    usage="foodtrucks run [options] -- COMMAND [ARGUMENT ...]",
    description="Start a stack of its own as pytest would here, run a program, and remove the stack. The program finds "
    "it by FOODTRUCKS_ES_URL, ELASTICSEARCH_URL, FOODTRUCKS_WEB_URL and FOODTRUCKS_NETWORK, and with security by "
    "FOODTRUCKS_ES_USER, FOODTRUCKS_ES_PASSWORD and FOODTRUCKS_ES_CA_FILE; a further service by "
    "FOODTRUCKS_<ALIAS>_ENDPOINT. A pytest in it takes the stack over, by FOODTRUCKS_STACK, and has the options that "
    "are given here. Signals go to the program, and its exit code is this command's: 128 and the number for a signal. "
    "125 says that there was no stack, 126 that the program can't be run, 127 that there is no such program.",
    examples=(
        "foodtrucks run -- npm test",
        "foodtrucks run -- pytest",
        "foodtrucks run -- node --test search.test.mjs",
        "foodtrucks run --services es -- sh -c 'curl --fail $ELASTICSEARCH_URL'",
    ),
    add=_add,
    run=_run,
    failed=exit_codes.COULD_NOT_RUN,
)
