"""What the FoodTrucks web image is: built from the files in this package, unless an option names another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pytest_foodtrucks.containers.pulling import prefixed
from pytest_foodtrucks.settings import Settings

FOLDER: Final = Path(__file__).parents[1] / "web_image"
_BASE: Final = "python:3.13-slim"
"""The Dockerfile's own default, here so that a registry mirror can be put before it."""


def build(settings: Settings) -> Mapping[str, Any] | None:
    """Return what to build, or None where the option web-image names an image."""
    if settings.web_image is not None:
        return None
    args = {"BASE": prefixed(_BASE, settings.image_prefix)} if settings.image_prefix is not None else {}
    return {"context": FOLDER, "args": args}
