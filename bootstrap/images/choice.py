"""The images that the tests shall use: official ones where a registry answers, else local ones."""

from pathlib import Path

from bootstrap.environment import Images
from bootstrap.steps import step
from pytest_foodtrucks.engine.engine import Engine

from . import local, official


def ready_images(engine: Engine, cache: Path, *, before: str | None, ask_again: bool) -> Images:
    """See that the engine has all images, and return them.

    `before` is the Elasticsearch image of the last set-up: what was chosen then stays, without a
    question to the registry, unless `ask_again`.
    """
    chosen = None if ask_again else _as_before(engine, cache, before)
    if chosen is None:
        chosen = _newly_chosen(engine, cache)
    with step("images") as say:
        say(f"{chosen.elasticsearch}:{chosen.version}, {chosen.web}, {chosen.probe}")
    return chosen


def _as_before(engine: Engine, cache: Path, before: str | None) -> Images | None:
    """Return what was chosen before if all of it is still there."""
    if before == local.IMAGES.elasticsearch and not local.missing(engine, cache):
        return local.IMAGES
    if before == official.images().elasticsearch and official.are_there(engine):
        return official.images()
    return None


def _newly_chosen(engine: Engine, cache: Path) -> Images:
    if official.registry_answers(engine):
        official.make(engine)
        return official.images()
    local.make(engine, cache)
    return local.IMAGES
