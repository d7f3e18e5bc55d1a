"""The table of the soak runs; ./run soak NAME begins here, after set-up."""

import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from bootstrap.steps import tell
from pytest_foodtrucks.errors import FoodtrucksError

from . import crowd, cycles, decoys, hostile, kill, loaded_faults, secured_starts, truth, watchdog_cost, workers
from .command import Command
from .pytest_sessions import hear_signals

COMMANDS: Final[Mapping[str, Command]] = {
    command.name: command
    for command in (
        kill.COMMAND,
        crowd.COMMAND,
        cycles.COMMAND,
        decoys.COMMAND,
        hostile.COMMAND,
        watchdog_cost.COMMAND,
        workers.COMMAND,
        loaded_faults.COMMAND,
        truth.COMMAND,
        secured_starts.COMMAND,
    )
}


def main(arguments: Sequence[str]) -> int:
    """Run the soak that was named; return the exit code."""
    if not arguments or arguments[0] not in COMMANDS:
        tell("usage: ./run soak NAME [--seed N] [--no-document] [OPTION...]; NAME --help tells of its options")
        for command in COMMANDS.values():
            tell(f"  {command.name:9} {command.help}")
        return 2
    hear_signals()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended then too
    return COMMANDS[arguments[0]].main(arguments[1:])


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except FoodtrucksError as error:
        tell(f"[soak] {error}")
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.stdout.flush()
    sys.exit(code)
