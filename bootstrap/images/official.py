"""The official images, where a registry answers: pulled, and the web app built on the public Python."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import docker.errors
from requests.exceptions import RequestException

from bootstrap.environment import Images
from bootstrap.steps import step
from pytest_foodtrucks.containers.progress import Progress
from pytest_foodtrucks.containers.pulling import pulled
from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.options import ELASTICSEARCH_IMAGE
from pytest_foodtrucks.services import web
from pytest_foodtrucks.services.elasticsearch.es_node import fitting_version

from .builds import WEB, build, is_made
from .recipes import Recipe

_TRIAL = 8  # seconds


def images() -> Images:
    """Return the official images; the server is the one that fits the installed client."""
    return Images(
        ELASTICSEARCH_IMAGE, fitting_version(), WEB, "python:3.13-slim", {"EXAMPLE_BUSYBOX_IMAGE": "busybox:latest"}
    )


def registry_answers(engine: Engine) -> bool:
    """Ask for the official Elasticsearch, within seconds, and say which way that leads."""
    image = f"{ELASTICSEARCH_IMAGE}:{fitting_version()}"
    with step("registry") as say:
        try:
            with _patience(engine, _TRIAL):
                engine.api.inspect_distribution(image)  # type: ignore[no-untyped-call] # a gap of types-docker
        except (docker.errors.APIError, RequestException) as error:
            say(f"none has {image}, so the images are made here ({_short(error)})")
            return False
        say(f"has {image}, so the official images are pulled")
        return True


def are_there(engine: Engine) -> bool:
    """Tell whether the engine has them all."""
    chosen = images()
    return all(engine.image_exists(image) for image in _pulls(chosen)) and is_made(engine, _web())


def make(engine: Engine) -> None:
    """Pull what is missing, and build the web app."""
    chosen = images()
    for image in _pulls(chosen):
        with step("image") as say:
            pulled(engine, image, pull="missing", progress=Progress(sys.stderr))
            say(image)
    build(engine, _web(), web.FOLDER)


def _pulls(chosen: Images) -> tuple[str, ...]:
    return (f"{chosen.elasticsearch}:{chosen.version}", chosen.probe, *chosen.examples.values())


def _web() -> Recipe:
    return Recipe(WEB, web.FOLDER)


@contextmanager
def _patience(engine: Engine, seconds: int) -> Iterator[None]:
    usual, engine.api.timeout = engine.api.timeout, seconds
    try:
        yield
    finally:
        engine.api.timeout = usual


def _short(error: Exception) -> str:
    explanation = getattr(error, "explanation", None)
    return str(explanation if explanation is not None else error).strip().splitlines()[-1]
