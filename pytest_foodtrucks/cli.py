"""The command `foodtrucks`: it removes what no test session needs."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pytest_foodtrucks.engine.clock import wall
from pytest_foodtrucks.engine.labels import IMAGE_LABEL, KINDS, OWNER_LABEL

from .errors import EngineError, FoodtrucksError
from .sessions.owners import Owner, this_process_as_owner
from .sessions.processes import Life
from .sessions.state_folder import prepare, state_folder
from .settings import Settings, read_settings
from .stacks.bulk_removal import do_all
from .stacks.kept_stack import KEPT, KeptStack, all_kept_stacks
from .stacks.removal import life_of_owner, remove_kept_stack, remove_things_of_dead_sessions
from .units import nanoseconds

if TYPE_CHECKING:
    from .engine.engine import Engine


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code: 0 done, 1 an error, 2 a wrong use."""
    parser = argparse.ArgumentParser(
        prog="foodtrucks", description="Stacks of pytest-foodtrucks on a container engine."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    prune = commands.add_parser(
        "prune",
        help="remove kept stacks, and what dead sessions left",
        description="Remove the kept stacks that no session uses, what dead sessions left, and images of build= that a "
        "later build replaced. What a living session has is never removed.",
    )
    for name, text in (("engine", "the container engine: auto, docker, or a URL"), ("state-dir", "the state folder")):
        prune.add_argument(
            f"--{name}", metavar="VALUE", help=f"{text} (also FOODTRUCKS_{name.replace('-', '_').upper()})"
        )
    prune.add_argument(
        "--older-than",
        metavar="TIME",
        type=_seconds,
        help="remove also what was created longer ago than this, such as 24h, and of which nobody can tell whether its "
        "session lives: of another host or container, or whose state folder is gone",
    )
    given = vars(parser.parse_args(arguments))
    try:
        return _prune(read_settings(given.get, os.environ, lambda _: None), given["older_than"])
    except FoodtrucksError as error:
        _write(sys.stderr, f"foodtrucks: {error}")
        return 1


def _seconds(text: str) -> float:
    try:
        return nanoseconds(text) / 1e9
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _prune(settings: Settings, older_than: float | None) -> int:
    """Remove the kept stacks that no session holds and the things of dead sessions; say what is left, and why."""
    from .engine.discovery import find_engine  # noqa: PLC0415 - imports docker: not for --help

    state = state_folder(settings.state_dir, os.environ)
    prepare(state)
    owner = this_process_as_owner(state)
    with closing(find_engine(settings.engine, host="127.0.0.1")) as engine:  # no published port is used here
        before = None if older_than is None else wall() + engine.clock_difference - older_than
        kept_stacks = all_kept_stacks(state)
        do_all(
            [
                *(partial(_prune_kept, engine, stack, owner, unknown=before is not None) for stack in kept_stacks),
                partial(_prune_dead, engine, state, before),
                partial(_prune_images, engine, state),
                partial(_say_what_is_left, engine, state),
            ]
        )
    return 0


def _prune_kept(engine: "Engine", stack: KeptStack, owner: Owner, *, unknown: bool) -> int:
    project = stack.project
    if not stack.is_on(engine):
        _say(f"left: the kept stack of {project}, which is on another engine: {stack.url}")
        return 0
    if stack.is_copied():
        _say(f"left: the kept stack of {project}, of which a copy of another state folder tells; prune there")
        return 0
    try:
        removed = remove_kept_stack(engine, stack, owner, unknown=unknown)
    except EngineError:  # whose message is shown at the end
        _say(f"left: the kept stack of {project}, which can't be removed")
        raise
    if stack.folder.exists():
        _say(f"left: the kept stack of {project}, which a session uses")
    else:
        _say(f"removed: the kept stack of {project} ({_counted(removed)})")
    return removed


def _prune_dead(engine: "Engine", state: Path, before: float | None) -> int:
    removed = remove_things_of_dead_sessions(engine, state, unknown_before=before)
    others = "" if before is None else ", or that are older and nobody can tell of"
    _say(f"removed: {_counted(removed)} that dead sessions left{others}")
    return removed


def _prune_images(engine: "Engine", state: Path) -> int:
    """Remove images of `build=` that a later build took the name from, unless a session may still start one of them."""
    images = engine.dangling_images(IMAGE_LABEL)
    if not images:
        return 0
    if _somebody_may_live(engine, state):
        _say(f"left: {_images(len(images))} of earlier builds, which a session may use")
        return 0
    removed = [image for image in images if engine.remove_image(image)]
    _say(f"removed: {_images(len(removed))} of earlier builds")
    return len(removed)


def _somebody_may_live(engine: "Engine", state: Path) -> bool:
    labels = set(_owners(engine))
    return any(label == KEPT or life_of_owner(label, engine, state) is not Life.DEAD for label in labels)


def _owners(engine: "Engine") -> list[str]:
    """Return the owner label of each of our things."""
    return [owner for kind in KINDS for owner in engine.labels(kind, OWNER_LABEL).values()]


def _images(number: int) -> str:
    return "1 image" if number == 1 else f"{number} images"


def _say_what_is_left(engine: "Engine", state: Path) -> int:
    """Say what else is there, and why it stays; nothing is removed."""
    labels = _owners(engine)
    lives = [life_of_owner(label, engine, state) for label in labels if label != KEPT]
    for number, whose in (
        (lives.count(Life.ALIVE), "of living sessions"),
        (labels.count(KEPT), "of kept stacks"),
        (
            lives.count(Life.UNKNOWN),
            "of which it can't be told here whether the session lives; `--older-than 24h` removes the older ones",
        ),
    ):
        if number:
            _say(f"left: {_counted(number)} {whose}")
    return 0


def _counted(number: int) -> str:
    return "1 container, network or volume" if number == 1 else f"{number} containers, networks and volumes"


def _say(line: str) -> None:
    _write(sys.stdout, line)


def _write(stream: TextIO, line: str) -> None:
    """Write a line; where nobody reads any longer, as behind `| head -1`, the work goes on in silence."""
    try:
        stream.write(f"{line}\n")
        stream.flush()
    except BrokenPipeError:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())  # what is still in the buffer goes there when Python ends
