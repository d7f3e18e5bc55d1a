"""Images: pulled when they are missing, or built from a folder."""

import hashlib
import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from .errors import EngineError, ImageError

if TYPE_CHECKING:
    from .definitions import Build
    from .engine import Engine
    from .progress import Progress

LABEL: Final = "pytest-foodtrucks.image"
_LAST_LINES: Final = 30


def prefixed(image: str, prefix: str | None) -> str:
    """Put a registry mirror before an image's whole name."""
    return image if prefix is None else f"{prefix}/{image}"


def pulled(
    engine: "Engine", image: str, *, pull: str, progress: "Progress", cancelled: Callable[[], bool] = lambda: False
) -> None:
    """See that the engine has an image; `pull` is missing, always or never.

    `cancelled` is asked at each of the engine's progress events, and ends the pull.

    Raises ImageError, which says why it isn't there and what to do.
    """
    if pull != "always" and engine.image_exists(image):
        return
    if pull == "never":
        raise ImageError(
            f"The image {image} isn't on the engine, and pull is never. Remedy: pull or build it, or set "
            "--foodtrucks-pull=missing."
        )
    try:
        with progress.working(f"pulling {image}") as update:
            for event in engine.pull(image):
                if cancelled():
                    raise ImageError(f"The pull of {image} was cancelled.")
                update(event)
    except EngineError as error:
        raise ImageError(
            f"The image {image} can't be pulled: {error}. Remedy: look at its name and tag, log in to its registry "
            "(docker login), or name a mirror with --foodtrucks-image-prefix."
        ) from error


def built(engine: "Engine", build: "Build", *, progress: "Progress") -> str:
    """Build an image, and return its name; the engine's own cache decides what is done again.

    The name is the same for the same folder, so that a changed image takes the old one's place. Uses the engine's
    command line where there is one, because only that has BuildKit, else the API.

    Raises ImageError with the last lines of the build's output.
    """
    command = shutil.which("docker")
    tag = f"foodtrucks-build/{_slug(build.context.name)}:{hashlib.sha256(repr(build).encode()).hexdigest()[:12]}"
    with progress.working(f"building {build.context.name}"):
        if command is not None:
            _build_by_command(command, engine, build, tag)
        else:
            _build_by_api(engine, build, tag)
    return tag


def _build_by_command(command: str, engine: "Engine", build: "Build", tag: str) -> None:
    environment = dict(os.environ)
    if engine.endpoint.context is not None:
        environment.pop("DOCKER_HOST", None)
        place = ["--context", engine.endpoint.context]
    else:
        place = ["--host", engine.url]
    if not _has_buildx(command):
        environment["DOCKER_BUILDKIT"] = "0"
    options = ["--tag", tag, "--label", f"{LABEL}={tag}", "--file", str(build.context / build.dockerfile)]
    for name, value in build.args:
        options += ["--build-arg", f"{name}={value}"]
    if build.target is not None:
        options += ["--target", build.target]
    result = subprocess.run(
        [command, *place, "build", *options, str(build.context)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if result.returncode != 0:
        raise _failed(build, f"docker build ended with exit code {result.returncode}", result.stdout.splitlines())


def _has_buildx(command: str) -> bool:
    """Tell whether the command line can use BuildKit; without buildx it refuses to, and the old builder works."""
    return subprocess.run([command, "buildx", "version"], capture_output=True, check=False).returncode == 0


def _build_by_api(engine: "Engine", build: "Build", tag: str) -> None:
    lines: deque[str] = deque(maxlen=_LAST_LINES)
    try:
        lines.extend(
            engine.build(
                build.context,
                dockerfile=build.dockerfile,
                args=dict(build.args),
                tag=tag,
                labels={LABEL: tag},
                target=build.target,
            )
        )
    except EngineError as error:
        raise _failed(build, str(error), list(lines)) from error


def _failed(build: "Build", why: str, lines: list[str]) -> ImageError:
    return ImageError(
        f"The image can't be built from {build.context / build.dockerfile}: {why}. Remedy: mend what the output shows.",
        logs="\n".join(line.rstrip() for line in lines[-_LAST_LINES:]),
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "image"
