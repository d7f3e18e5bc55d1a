"""The command: what is done about stacks outside a test session."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import EngineError, FoodtrucksError
from .kept import OWNER, Kept, all_kept
from .removal import all_of, remove_kept, remove_orphans
from .runs import OWNER_LABEL, state_folder
from .settings import Settings, read_settings

if TYPE_CHECKING:
    from .engine import Engine


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code: 0 done, 1 an error, 2 a wrong use."""
    parser = argparse.ArgumentParser(
        prog="foodtrucks", description="Stacks of pytest-foodtrucks on a container engine."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    prune = commands.add_parser(
        "prune",
        help="remove kept stacks, and what dead sessions left",
        description="Remove the kept stacks that no session uses, and what dead sessions left. Nothing else: neither "
        "what a living session has, nor what belongs to another state folder.",
    )
    for name, text in (("engine", "the container engine: auto, docker, or a URL"), ("state-dir", "the state folder")):
        prune.add_argument(
            f"--{name}", metavar="VALUE", help=f"{text} (also FOODTRUCKS_{name.replace('-', '_').upper()})"
        )
    given = vars(parser.parse_args(arguments))
    try:
        return _prune(read_settings(given.get, os.environ, lambda _: None))
    except FoodtrucksError as error:
        sys.stderr.write(f"foodtrucks: {error}\n")
        return 1


def _prune(settings: Settings) -> int:
    from .discovery import find_engine  # noqa: PLC0415 - imports docker: not for --help

    state = state_folder(settings.state_dir, os.environ)
    with closing(find_engine(settings.engine, host="127.0.0.1")) as engine:  # no port is asked here
        kept = [partial(_prune_kept, engine, stack) for stack in all_kept(state)]
        all_of([*kept, partial(_prune_dead, engine, state), partial(_tell_of_others, engine)])
    return 0


def _prune_kept(engine: "Engine", stack: Kept) -> int:
    project = stack.project
    if not stack.is_on(engine):
        _say(f"left: the kept stack of {project}, which is on another engine: {stack.url}")
        return 0
    try:
        removed = remove_kept(engine, stack)
    except EngineError:  # told in the end
        _say(f"left: the kept stack of {project}, which can't be removed")
        raise
    if stack.folder.exists():
        _say(f"left: the kept stack of {project}, which a session uses")
    else:
        _say(f"removed: the kept stack of {project} ({_counted(removed)})")
    return removed


def _prune_dead(engine: "Engine", state: Path) -> int:
    removed = remove_orphans(engine, state)
    _say(f"removed: {_counted(removed)} that dead sessions left")
    return removed


def _tell_of_others(engine: "Engine") -> int:
    """Say what of others is there, and why it stays; nothing is removed."""
    owners = [*engine.labels("containers", OWNER_LABEL).values(), *engine.labels("networks", OWNER_LABEL).values()]
    if owners:
        kept = sum(owner == OWNER for owner in owners)
        _say(f"left: {_counted(len(owners))} of living sessions and other state folders, {kept} of them kept")
    return 0


def _counted(number: int) -> str:
    return "1 container or network" if number == 1 else f"{number} containers and networks"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
