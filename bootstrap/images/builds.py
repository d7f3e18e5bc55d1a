"""Builds: a recipe becomes an image, and an image tells by its label which recipe made it."""

import importlib.metadata
from collections import deque
from pathlib import Path

from bootstrap.setup_error import SetupError
from bootstrap.steps import step
from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.engine.labels import IMAGE_LABEL
from pytest_foodtrucks.errors import EngineError

from .recipes import Recipe

WEB = f"foodtrucks-local/foodtrucks-web:{importlib.metadata.version('pytest-foodtrucks')}"
"""The web app's image, the same name whichever base it stands on."""

_LAST_LINES = 30


def made_by(engine: Engine, image: str) -> str | None:
    """Return the hash of the recipe that made an image, None where the image isn't there or isn't ours."""
    if not engine.image_exists(image):
        return None
    found = engine.api.inspect_image(image)  # type: ignore[no-untyped-call] # a gap of types-docker
    labels: dict[str, str] | None = found["Config"]["Labels"]
    return labels.get(IMAGE_LABEL) if labels is not None else None


def is_made(engine: Engine, recipe: Recipe) -> bool:
    """Tell whether the recipe's image is there, and made by the recipe as it is now."""
    return made_by(engine, recipe.image) == recipe.hash


def build(engine: Engine, recipe: Recipe, context: Path) -> None:
    """Build an image; its name appears when it is complete.

    Raises SetupError with the last lines of the build's output.
    """
    lines: deque[str] = deque(maxlen=_LAST_LINES)
    with step("image", f"building {recipe.image}") as say:
        try:
            lines.extend(
                engine.build(
                    context,
                    dockerfile="Dockerfile",
                    args=dict(recipe.args),
                    tag=recipe.image,
                    labels={IMAGE_LABEL: recipe.hash},
                    forcerm=True,
                )
            )
        except EngineError as error:
            raise SetupError(
                f"The image {recipe.image} can't be built: {error}. Mend what the output shows, then run again.\n"
                + "".join(lines)
            ) from error
        say(recipe.image)
