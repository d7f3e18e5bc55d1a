"""`foodtrucks prune`: what no test session needs is removed."""

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_foodtrucks.clock import wall
from pytest_foodtrucks.engine.labels import IMAGE_LABEL, KINDS, OWNER_LABEL
from pytest_foodtrucks.errors import EngineError
from pytest_foodtrucks.sessions.owners import Owner, this_process_as_owner
from pytest_foodtrucks.sessions.processes import Life
from pytest_foodtrucks.stacks.bulk_removal import do_all
from pytest_foodtrucks.stacks.kept_stack import KEPT, KeptStack, all_kept_stacks
from pytest_foodtrucks.stacks.removal import (
    life_of_owner,
    names_of_builds,
    remove_image_names,
    remove_kept_stack,
    remove_things_of_dead_sessions,
)

from . import exit_codes
from .arguments import Command, add_where, seconds
from .output import Output, counted
from .working_folder import engine_at, here

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--older-than",
        metavar="TIME",
        type=seconds,
        help="remove also what was created longer ago than this, such as 24h, and of which nobody can tell whether its "
        "session lives: of another host or container, or whose state folder is gone",
    )
    add_where(parser)


def _run(given: argparse.Namespace, output: Output) -> int:
    place = here(given)
    with engine_at(place, ports=False) as engine:
        work = _Prune(engine, place.state, output)
        try:
            work.all(given.older_than)
        finally:
            output.result({"done": work.done})
    return exit_codes.DONE


class _Prune:
    """What is removed from an engine, and what is left; `done` tells programs of each."""

    def __init__(self, engine: "Engine", state: Path, output: Output) -> None:
        self.done: list[dict[str, Any]] = []
        self._engine = engine
        self._state = state
        self._output = output

    def all(self, older_than: float | None) -> None:
        """Remove the kept stacks that no session holds and the things of dead sessions; say what is left, and why."""
        owner = this_process_as_owner(self._state)
        before = None if older_than is None else wall() + self._engine.clock_difference - older_than
        kept_stacks = all_kept_stacks(self._state)
        do_all(
            [
                *(partial(self._kept, stack, owner, unknown=before is not None) for stack in kept_stacks),
                partial(self._dead, before),
                self._images,
                self._rest,
            ]
        )

    def _kept(self, stack: KeptStack, owner: Owner, *, unknown: bool) -> int:
        project = stack.project
        left = partial(self._tell, "left", "kept stack", project=project)
        if not stack.is_on(self._engine):
            left(f"the kept stack of {project}, which is on another engine: {stack.url}")
            return 0
        if stack.is_copied():
            left(f"the kept stack of {project}, of which a copy of another state folder tells; prune there")
            return 0
        try:
            removed = remove_kept_stack(self._engine, stack, owner, unknown=unknown)
        except EngineError:  # whose message is shown at the end
            left(f"the kept stack of {project}, which can't be removed")
            raise
        if stack.folder.exists():
            left(f"the kept stack of {project}, which a session uses")
        else:
            words = f"the kept stack of {project} ({counted(removed)})"
            self._tell("removed", "kept stack", words, count=removed, project=project)
        return removed

    def _dead(self, before: float | None) -> int:
        removed = remove_things_of_dead_sessions(self._engine, self._state, unknown_before=before)
        others = "" if before is None else ", or that are older and nobody can tell of"
        self._tell("removed", "orphans", f"{counted(removed)} that dead sessions left{others}", count=removed)
        return removed

    def _images(self) -> int:
        """Remove images of `build=` that a later build took the name from, and names that killed builds left.

        Both stay where a session may still need them.
        """
        names = names_of_builds(self._engine, self._state)
        images = self._engine.dangling_images(IMAGE_LABEL)
        if not names and not images:
            return 0
        may_live = self._somebody_may_live()
        goes = {Life.DEAD} if may_live else {Life.DEAD, Life.UNKNOWN}
        gone = remove_image_names(self._engine, [name for name, life in names.items() if life in goes])
        if gone:
            self._tell("removed", "image names", f"{gone} image name{'s' * (gone > 1)} of killed builds", count=gone)
        if images and may_live:
            words = f"{_images(len(images))} of earlier builds, which a session may use"
            self._tell("left", "images", words, count=len(images))
        elif images:
            removed = sum(1 for image in images if self._engine.remove_image(image))
            self._tell("removed", "images", f"{_images(removed)} of earlier builds", count=removed)
        return gone

    def _somebody_may_live(self) -> bool:
        return any(label == KEPT or self._life(label) is not Life.DEAD for label in set(self._owners()))

    def _owners(self) -> list[str]:
        """Return the owner label of each of our things."""
        return [owner for kind in KINDS for owner in self._engine.labels(kind, OWNER_LABEL).values()]

    def _life(self, label: str) -> Life:
        return life_of_owner(label, self._engine, self._state)

    def _rest(self) -> int:
        """Say what else is there, and why it stays; nothing is removed."""
        labels = self._owners()
        lives = [self._life(label) for label in labels if label != KEPT]
        for number, what, whose in (
            (lives.count(Life.ALIVE), "alive", "of living sessions"),
            (labels.count(KEPT), "kept", "of kept stacks"),
            (
                lives.count(Life.UNKNOWN),
                "unknown",
                "of which it can't be told here whether the session lives; `--older-than 24h` removes the older ones",
            ),
        ):
            if number:
                self._tell("left", what, f"{counted(number)} {whose}", count=number)
        return 0

    def _tell(self, action: Literal["removed", "left"], what: str, words: str, **about: object) -> None:
        self._output.say(f"{action}: {words}")
        self.done.append({"action": action, "what": what, **about, "words": words})


def _images(number: int) -> str:
    return "1 image" if number == 1 else f"{number} images"


COMMAND: Final = Command(
    description="Remove the kept stacks that no session uses, what dead sessions left, images of build= that a "
    "later build replaced, and names of images that killed builds left. What a living session has is never removed.",
    examples=("foodtrucks prune", "foodtrucks prune --older-than 24h", "foodtrucks prune --json"),
    add=_add,
    run=_run,
)
