"""An image made from another one by a few steps, once for as long as neither changes."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.engine.labels import MADE_FROM_LABEL, own_image_name
from pytest_foodtrucks.errors import ImageError

from .building import Build, built_as

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine

    from .progress import Progress

_BASE: Final = "foodtrucks-build/base"
"""What the base's name begins with during the build: not every builder takes an id in FROM."""


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """What makes an image from another one.

    `title` says what it is for, `slug` likewise within an image's name. `steps` are the lines of the Dockerfile after
    FROM; in their context are `texts` and `files`, each under a name. `explained` turns the error of a build that
    failed into one about what the steps do.
    """

    title: str
    slug: str
    steps: tuple[str, ...]
    texts: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, Path], ...] = ()
    explained: Callable[[ImageError], ImageError] = lambda error: error

    @property
    def identity(self) -> tuple[object, ...]:
        """What tells it from other derivations, whatever is in the files."""
        return (self.steps, self.texts, tuple((name, str(path)) for name, path in self.files))

    def key(self, base: str) -> str:
        """Return what changes with the id of the base, with a step and with the content of a file."""
        files = [(name, sha256(path.read_bytes()).hexdigest()) for name, path in self.files]
        return sha256(repr((base, self.steps, self.texts, files)).encode()).hexdigest()


def derived(
    engine: "Engine",
    base: str,
    derivation: Derivation,
    *,
    name: str,
    session_id: str,
    progress: "Progress",
    platform: str | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> str:
    """Make an image from another one that the engine has, and return its id.

    `name` is the one that the newest of these images has; an image under it that is made from the same things is used
    as it is. Raises ImageError with the last lines of the build's output.
    """
    base_id, title = str(engine.image_id(base)), derivation.title
    try:
        key = derivation.key(base_id)
    except OSError as error:
        raise ImageError(f"{title} can't be built: {error}. Remedy: see that the file is there.") from error
    there = engine.image_id(name)
    if there is not None and engine.image_facts(there).labels.get(MADE_FROM_LABEL) == key:
        return there
    with _named(engine, base_id, session_id) as base_name, TemporaryDirectory(prefix="foodtrucks-build-") as folder:
        context = Path(folder).resolve()
        _fill(context, derivation, base_name, key)
        build = Build(context, platforms=() if platform is None else (platform,))
        try:
            return built_as(
                name, engine, build, title=title, session_id=session_id, progress=progress, cancelled=cancelled
            )
        except ImageError as error:
            message = error.message.replace(f"The image can't be built from {build.source}", f"{title} can't be built")
            raise derivation.explained(ImageError(message, logs=error.logs)) from error


def lasting_name(base: str, derivation: Derivation, digest: Callable[[str], str]) -> str:
    """Return the name that people find a derived image by, given the name of the image that it is made from.

    It is the same each time, so that a changed image replaces the old one, which `foodtrucks prune` removes then.
    """
    return f"foodtrucks-build/{derivation.slug}:{digest(repr((base, derivation.identity)))[:12]}"


@contextmanager
def _named(engine: "Engine", image: str, session_id: str) -> Iterator[str]:
    """Give an image a name of its own for the time of a block: whichever it had may go to another one meanwhile."""
    name = own_image_name(f"{_BASE}:{image.removeprefix('sha256:')[:12]}", session_id)
    engine.tag_image(image, name)
    try:
        yield name
    finally:
        engine.untag_image(name)


def _fill(context: Path, derivation: Derivation, base: str, key: str) -> None:
    lines = [f"FROM {base}", *derivation.steps, f"LABEL {MADE_FROM_LABEL}={key}"]
    (context / "Dockerfile").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, text in derivation.texts:
        (context / name).write_text(text, encoding="utf-8")
    for name, path in derivation.files:
        shutil.copyfile(path, context / name)
        (context / name).chmod(0o644)  # COPY keeps it, and the image's user is to read it
