"""Pulls an image that the engine doesn't have, from its registry or a mirror."""

import difflib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.clock import monotonic
from pytest_foodtrucks.engine.urls import without_user
from pytest_foodtrucks.errors import EngineError, ImageError

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine

    from .progress import Progress

_SILENCE: Final = 300.0
"""Seconds. When the engine reports nothing for so long, a pull is given up."""
_PAUSE: Final = 0.05

_REMEDIES: Final = (
    (
        r"unauthorized|no basic auth|authentication|denied|forbidden|toomanyrequests",
        "look at its name, or log in to {registry} (docker login, or DOCKER_AUTH_CONFIG) as a user who may pull it",
    ),
    (
        r"manifest unknown|name unknown|not found|does not exist|no matching manifest",
        "look at its name and tag: {registry} doesn't have it",
    ),
    (r"", "see that {registry} runs and that the engine reaches it"),
)
"""Pairs of a pattern and a remedy; the first pattern that is found in the engine's error counts."""


def prefixed(image: str, prefix: str | None) -> str:
    """Return an image's name with a registry mirror before it; the prefix None means no mirror."""
    return image if prefix is None else f"{prefix}/{image}"


def pulled(
    engine: "Engine",
    image: str,
    *,
    pull: str,
    progress: "Progress",
    platform: str | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    silence: float = _SILENCE,
) -> None:
    """Make sure that the engine has an image, for a platform if one is given.

    `pull` is `missing`, `always` or `never`.
    The pull is given up when `cancelled` returns True, or when the engine reports nothing for `silence` seconds.

    Raises ImageError, which says why the engine doesn't have the image, and what to do.
    """
    if without_user(image) != image:
        raise ImageError(
            f"The image {without_user(image)} is named with a user part, which no registry takes. Remedy: leave that "
            "out; docker login, or DOCKER_AUTH_CONFIG, says who you are."
        )
    if pull != "always" and engine.image_exists(image, platform):
        return
    if pull == "never":
        raise _missing_error(engine, image, platform)
    try:
        with progress.working(f"pulling {image}") as update:
            for event in _until(cancelled, silence, engine.pull(image, platform)):
                update(event)
    except EngineError as error:
        if error.status is None:
            raise ImageError(str(error)) from error
        raise ImageError(_not_pulled(image, error.reason, similar(engine, image))) from error
    except _GivenUp as reason:
        raise ImageError(_not_pulled(image, str(reason), similar(engine, image))) from reason


def _missing_error(engine: "Engine", image: str, platform: str | None) -> ImageError:
    wanted = "" if platform is None else f" for {platform}"
    other = platform is not None and engine.image_exists(image)
    hint = " It has it for another platform." if other else similar(engine, image)
    return ImageError(
        f"The image {image} isn't on the engine{wanted}, and pull is never.{hint} Remedy: pull or build it, or set "
        "--foodtrucks-pull=missing."
    )


def similar(engine: "Engine", image: str) -> str:
    """Return a sentence about the engine's images with a similar name; nothing where it has none."""
    try:
        names = engine.image_names()
    except EngineError:  # why the image can't be had matters more
        return ""
    last = image.rpartition("/")[2].partition("@")[0]
    named = {name.rpartition("/")[2]: name for name in names}
    near = [named[each] for each in difflib.get_close_matches(last, named, n=3, cutoff=0.7)]
    near += [each for each in difflib.get_close_matches(image, names, n=3, cutoff=0.8) if each not in near]
    return f" The engine has {' and '.join(near[:3])}." if near else ""


class _GivenUp(Exception):
    """The pull was given up; the text says why."""


def _until(
    cancelled: Callable[[], bool], silence: float, events: Iterator[Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    """Yield the events; raise _GivenUp when `cancelled` returns True, or when none came for `silence` seconds.

    A thread reads the events, because reading one can last for ever: as long as a registry doesn't answer, the engine
    reports nothing.
    """
    arrived: SimpleQueue[Mapping[str, Any] | BaseException | None] = SimpleQueue()

    def read() -> None:
        try:
            for event in events:
                arrived.put(event)
            arrived.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where the events are taken
            arrived.put(error)

    threading.Thread(target=read, name="foodtrucks-pull", daemon=True).start()
    latest = monotonic()
    while not cancelled():
        try:
            event = arrived.get(timeout=_PAUSE)
        except Empty:
            if monotonic() - latest >= silence:
                raise _GivenUp(f"nothing came for {silence:.0f} s") from None
            continue
        if event is None:
            return
        if isinstance(event, BaseException):
            raise event
        latest = monotonic()
        yield event
    raise _GivenUp("the session ends")


def _not_pulled(image: str, reason: str, hint: str = "") -> str:
    why = ": ".join(part for part, _ in groupby(reason.split(": ")))  # the engine repeats parts
    if why.endswith("EOF"):
        why = f"the connection broke ({why})"
    remedy = next(remedy for pattern, remedy in _REMEDIES if re.search(pattern, reason, re.IGNORECASE))
    return (
        f"The image {image} can't be pulled: {why}.{hint} Remedy: {remedy.format(registry=_registry(image))}; or name "
        "a mirror that has it with --foodtrucks-image-prefix."
    )


def _registry(image: str) -> str:
    """Return the registry of an image's name, found by the engine's own rule."""
    first, slash, _ = image.partition("/")
    return first if slash and (first == "localhost" or "." in first or ":" in first) else "docker.io"
