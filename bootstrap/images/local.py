"""The images that are made here, from package registries alone, where no image registry answers."""

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bootstrap import debian
from bootstrap.downloads import WORK
from bootstrap.environment import Images
from bootstrap.steps import step
from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.engine.labels import IMAGE_LABEL
from pytest_foodtrucks.services import web

from . import debian_base, servers, wheels
from .builds import WEB, build, is_made, made_by
from .recipes import FOLDER, Recipe

_PYTHON = f"foodtrucks-local/python:{debian_base.PYTHON}"
_BUSYBOX = "foodtrucks-local/busybox:latest"
_REDIS = "foodtrucks-local/redis:8"

IMAGES = Images(
    "foodtrucks-local/elasticsearch",
    servers.DEFAULT,
    WEB,
    _PYTHON,
    {"EXAMPLE_BUSYBOX_IMAGE": _BUSYBOX, "EXAMPLE_PYTHON_IMAGE": _PYTHON, "EXAMPLE_REDIS_IMAGE": _REDIS},
)

_REQUIREMENTS = (
    web.FOLDER / "requirements.txt",
    Path(__file__).parents[2] / "examples/own_service/menu/requirements.txt",
    Path(__file__).parents[2] / "examples/fastapi_app/reviews/requirements.txt",
)


def recipes(cache: Path) -> list[list[Recipe]]:
    """Return all recipes; within an inner list each needs the one before."""
    on_base, from_base = (("BASE", debian_base.IMAGE),), (debian_base.HASH,)
    python = Recipe(
        _PYTHON,
        FOLDER / "python",
        on_base,
        (*from_base, *(file.read_text(encoding="utf-8") for file in _REQUIREMENTS)),
        partial(wheels.downloaded, _REQUIREMENTS),
    )
    return [
        [Recipe(_BUSYBOX, FOLDER / "busybox", on_base, from_base)],
        [Recipe(_REDIS, FOLDER / "redis", on_base, from_base)],
        [python, Recipe(WEB, web.FOLDER, (("BASE", python.image),), (python.hash,))],
        *([_server(version, cache)] for version in servers.SHA256),
    ]


def _server(version: str, cache: Path) -> Recipe:
    return Recipe(
        f"{IMAGES.elasticsearch}:{version}",
        FOLDER / "elasticsearch",
        (("BASE", debian_base.IMAGE), ("VERSION", version)),
        (debian_base.HASH, servers.SHA256[version]),
        lambda context: servers.unpacked(version, context, cache),
    )


def missing(engine: Engine, cache: Path) -> list[list[Recipe]]:
    """Return the recipes whose image isn't there or was made by another recipe."""
    chains = [[recipe for recipe in chain if not is_made(engine, recipe)] for chain in recipes(cache)]
    return [chain for chain in chains if chain]


def make(engine: Engine, cache: Path) -> None:
    """Make what is missing: first the base beside all downloads, then two builds at a time."""
    chains = missing(engine, cache)
    if not chains:
        return
    for leftover in cache.glob(f"{WORK}*"):
        debian.remove(leftover)
    with TemporaryDirectory(prefix=WORK, dir=cache) as work, ThreadPoolExecutor(max_workers=2) as pool:
        debian_base.install_tools()
        on_base = pool.submit(_see_to_base, engine, cache)
        contexts = pool.submit(_contexts, chains, Path(work))
        on_base.result()
        list(pool.map(partial(_build, engine, contexts.result()), chains))
    _remove_replaced(engine)


def _remove_replaced(engine: Engine) -> None:
    """Remove the images that new ones took the name from; those in use stay."""
    filters = {"dangling": True, "label": IMAGE_LABEL}
    engine.api.prune_images(filters)  # type: ignore[no-untyped-call] # a gap of types-docker


def _see_to_base(engine: Engine, cache: Path) -> None:
    if made_by(engine, debian_base.IMAGE) != debian_base.HASH:
        debian_base.imported(engine, cache)


def _contexts(chains: Sequence[Sequence[Recipe]], work: Path) -> dict[str, Path]:
    """Make the build contexts: what is in the repository, and what a recipe adds to that."""
    contexts = {}
    with step("downloads", "fetching servers and wheels") as say:
        for recipe in (recipe for chain in chains for recipe in chain):
            contexts[recipe.image] = work / recipe.hash
            shutil.copytree(recipe.context, contexts[recipe.image])
            recipe.add(contexts[recipe.image])
        say(f"the files of {len(contexts)} images")
    return contexts


def _build(engine: Engine, contexts: Mapping[str, Path], chain: Sequence[Recipe]) -> None:
    for recipe in chain:
        build(engine, recipe, contexts[recipe.image])
