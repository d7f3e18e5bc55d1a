"""Builds an image from a folder, by the command `docker` or by the engine's API."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from selectors import EVENT_READ, PollSelector
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from pytest_foodtrucks.engine.labels import IMAGE_LABEL, own_image_name
from pytest_foodtrucks.errors import EngineError, ImageError
from pytest_foodtrucks.excerpts import SHORT_TAIL, Excerpt

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine

    from .progress import Progress

_LAST_LINES: Final = 30
_PAUSE: Final = 0.05

_OWN_PREFIXES: Final = ("DOCKER_", "BUILDX_", "BUILDKIT_", "OTEL_", "LD_", "DYLD_", "SSL_CERT_", "SSH_", "XDG_")
_OWN_NAMES: Final = frozenset(
    ("PATH", "HOME", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "GODEBUG", "GOGC", "GOMEMLIMIT")
)
"""Variables that `docker build`, its helpers and the system's loader read for themselves.

A build argument is handed over in the environment, because all users see a command line in the list of processes. One
with such a name would change what the command does; it is written on the command line, unless the environment has the
same value already."""


@dataclass(frozen=True)
class Build:
    """What an image is built from: Compose's `build`, its paths made absolute. The arguments are never shown.

    `dockerfile_inline` stands in for the file. Of `secrets` each has a name and what `docker build` is told of it, such
    as env=TOKEN or src=/path; of `ssh` each is an agent or a key. These two, `additional_contexts`, and more than one
    of `platforms` need BuildKit.
    """

    context: Path
    dockerfile: str = "Dockerfile"
    args: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    target: str | None = None
    dockerfile_inline: str | None = None
    cache_from: tuple[str, ...] = ()
    network: str | None = None
    platforms: tuple[str, ...] = ()
    additional_contexts: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    ssh: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """What it is built from, for messages."""
        inline = self.dockerfile_inline is not None
        return f"dockerfile_inline in {self.context}" if inline else str(self.context / self.dockerfile)

    @property
    def needs_buildkit(self) -> list[str]:
        """What of it only BuildKit does."""
        needs = {"additional_contexts": self.additional_contexts, "secrets": self.secrets, "ssh": self.ssh}
        return [*(name for name, given in needs.items() if given), *(["platforms"] if len(self.platforms) > 1 else [])]

    @property
    def identity(self) -> tuple[object, ...]:
        """What tells it from the other builds of its folder."""
        more = (self.dockerfile_inline, self.network, self.platforms, self.additional_contexts)
        return (str(self.context), self.dockerfile, self.args, self.target, *(more if any(more) else ()))


class _Names(NamedTuple):
    """The names of an image that is built: `own` belongs to this one build, `lasting` stays the same in each."""

    own: str
    lasting: str


def built(
    engine: "Engine",
    build: Build,
    *,
    digest: Callable[[str], str],
    session_id: str,
    progress: "Progress",
    cancelled: Callable[[], bool] = lambda: False,
) -> str:
    """Build an image, and return its id; the engine's cache decides which steps run again.

    It returns the id, because another job that builds the same folder may move the name to its own image. The lasting
    name is the same for the same folder, so that a changed image replaces the old one. `digest` uses a key, because
    the build's arguments may be secrets.

    The command `docker` builds if there is one, because only it has BuildKit; else the API does. The command is ended
    when `cancelled` returns True.

    Raises ImageError with the last lines of the build's output.
    """
    return built_as(
        lasting_name(build, digest),
        engine,
        build,
        title=build.context.name,
        session_id=session_id,
        progress=progress,
        cancelled=cancelled,
    )


def built_as(
    lasting: str,
    engine: "Engine",
    build: Build,
    *,
    title: str,
    session_id: str,
    progress: "Progress",
    cancelled: Callable[[], bool] = lambda: False,
) -> str:
    """Build an image as `built` does, under another lasting name; `title` is what is said meanwhile to be built."""
    command = shutil.which("docker")
    names = _Names(own_image_name(lasting, session_id), lasting)
    with progress.working(f"building {title}"):
        if command is not None:
            _build_by_command(command, engine, build, names, cancelled)
        else:
            _build_by_api(engine, build, names)
    return _renamed(engine, build, names)


def lasting_name(build: Build, digest: Callable[[str], str]) -> str:
    """Return the name that people find a build's image by; it is the same each time."""
    return f"foodtrucks-build/{_slug(build.context.name)}:{digest(repr(build.identity))[:12]}"


def _renamed(engine: "Engine", build: Build, names: _Names) -> str:
    """Give an image its lasting name in place of its own one, and return its id.

    The engine is asked for the id, because `docker build --iidfile` may write one that it doesn't know: the digest of
    the image's config is no id in the containerd image store (buildx#3952).
    """
    built = engine.image_id(names.own)
    if built is None:
        raise ImageError(
            f"The image was built from {build.source}, and the engine hasn't got it. Remedy: "
            "choose a builder that leaves its images there (docker buildx use default)."
        )
    engine.tag_image(built, names.lasting)
    if engine.image_id(names.lasting) == built:  # else its own name is its only one
        engine.untag_image(names.own)
    return built


def _build_by_command(
    command: str, engine: "Engine", build: Build, names: _Names, cancelled: Callable[[], bool]
) -> None:
    environment = dict(os.environ)
    endpoint = []
    if engine.endpoint.context is not None:
        environment.pop("DOCKER_HOST", None)
        endpoint = ["--context", engine.endpoint.context]
    else:
        environment["DOCKER_HOST"] = engine.endpoint.url
    options = []
    environment.setdefault("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")  # they have the time, and so an image another id
    has_buildx = _has_buildx(command)
    if not has_buildx:
        _refuse_without_buildkit(build)
        environment["DOCKER_BUILDKIT"] = "0"
        options = ["--force-rm"]  # that builder leaves the container in which a step failed
    options += _options(build, names, environment)
    try:
        words = [command, *endpoint, "build", *options, str(build.context)]
        exit_code, output = _run(words, environment, cancelled, said=build.dockerfile_inline)
    except (OSError, ValueError) as error:  # the system's limits; a NUL
        raise ImageError(
            f"The image can't be built from {build.source}: {command} can't be run: {error}. "
            "Remedy: look at the limits of this process (ulimit -a) and at the length of the build's arguments."
        ) from error
    if exit_code != 0:
        why = "the session ends" if cancelled() else f"`docker build` ended with exit code {exit_code}"
        raise _build_error(build, why, output, remedy=_REMEDY if has_buildx else _WITHOUT_BUILDX)


def _options(build: Build, names: _Names, environment: dict[str, str]) -> list[str]:
    """Return the options of `docker build`; put the values of build arguments into the environment if they may be."""
    options = ["--tag", names.own, "--label", f"{IMAGE_LABEL}={names.lasting}"]
    options += ["--file", "-" if build.dockerfile_inline is not None else str(build.context / build.dockerfile)]
    options += _further_options(build)
    for argument, value in build.args:
        if _is_the_commands_own(argument) and environment.get(argument) != value:
            options += ["--build-arg", f"{argument}={value}"]
        else:
            options += ["--build-arg", argument]
            environment[argument] = value
    return options


def _further_options(build: Build) -> list[str]:
    """Return the options for what a build has besides its file and its arguments."""
    given = {
        "--target": [] if build.target is None else [build.target],
        "--cache-from": build.cache_from,
        "--network": [] if build.network is None else [build.network],
        "--platform": [",".join(build.platforms)] if build.platforms else [],
        "--build-context": [f"{name}={where}" for name, where in build.additional_contexts],
        "--secret": [f"id={name},{where}" for name, where in build.secrets],
        "--ssh": build.ssh,
    }
    return [word for option, values in given.items() for value in values for word in (option, value)]


def _refuse_without_buildkit(build: Build) -> None:
    if build.needs_buildkit:
        raise ImageError(
            f"The image can't be built from {build.source}: its {' and '.join(build.needs_buildkit)} need BuildKit, "
            "and that needs the command docker with buildx. Remedy: install docker-buildx (Debian, Ubuntu: "
            "docker-buildx or docker-buildx-plugin), or leave them out."
        )


def _is_the_commands_own(name: str) -> bool:
    """Tell whether `docker build`, or what it calls, reads a variable of that name for itself."""
    return name.upper().startswith(_OWN_PREFIXES) or name.upper() in _OWN_NAMES


def _run(
    command: Sequence[str], environment: Mapping[str, str], cancelled: Callable[[], bool], *, said: str | None = None
) -> tuple[int, Excerpt]:
    """Run a command, and return its exit code and the end of its output; end it when `cancelled` returns True.

    `said` is its input. It runs in a thread, where Ctrl-C raises no KeyboardInterrupt.
    """
    output = Excerpt(head=0, tail=SHORT_TAIL)
    with (
        _input(said) as stdin,
        subprocess.Popen(
            command, env=environment, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            for piece in _pieces(process.stdout):
                output.add(piece)
                if cancelled():
                    process.terminate()
            return process.wait(), output
        finally:
            process.kill()  # on Ctrl-C, where it runs in the main thread after all


@contextmanager
def _input(text: str | None) -> "Iterator[int | IO[bytes]]":
    """Yield what a command reads a text from: a file, which takes a text of any size at once."""
    if text is None:
        yield subprocess.DEVNULL
        return
    with TemporaryFile() as file:
        file.write(text.encode())
        file.seek(0)
        yield file


def _pieces(stream: "IO[bytes] | None") -> Iterator[bytes]:
    """Yield the output's pieces until its end, and an empty one whenever there is none for a moment."""
    assert stream is not None  # noqa: S101 - for the type checker
    with PollSelector() as waiting:
        waiting.register(stream, EVENT_READ)
        while True:
            if not waiting.select(_PAUSE):
                yield b""
            elif piece := os.read(stream.fileno(), 65536):
                yield piece
            else:
                return


def _has_buildx(command: str) -> bool:
    """Tell whether the command has buildx; without it, it refuses to use BuildKit, and the old builder is needed."""
    try:
        return subprocess.run([command, "buildx", "version"], capture_output=True, check=False).returncode == 0
    except OSError:  # the system's limits; the build reports the same
        return False


def _build_by_api(engine: "Engine", build: Build, names: _Names) -> None:
    _refuse_without_buildkit(build)
    output = Excerpt(head=0, tail=SHORT_TAIL)
    try:
        with _file_for_api(build) as dockerfile:
            for piece in engine.build(
                build.context,
                dockerfile=dockerfile,
                args=dict(build.args),
                tag=names.own,
                labels={IMAGE_LABEL: names.lasting},
                target=build.target,
                cache_from=list(build.cache_from),
                network_mode=build.network,
                platform=next(iter(build.platforms), None),
                forcerm=True,
            ):
                output.add(piece.encode(errors="backslashreplace"))
    except EngineError as error:
        raise _build_error(build, error.reason, output) from error


@contextmanager
def _file_for_api(build: Build) -> Iterator[str]:
    """Yield the Dockerfile's path; docker-py sends one that isn't in the context along with it."""
    if build.dockerfile_inline is None:
        yield build.dockerfile
        return
    with TemporaryDirectory() as folder:
        file = Path(folder, "Dockerfile")
        file.write_text(build.dockerfile_inline, encoding="utf-8")
        yield str(file)


_REMEDY: Final = "mend what the output shows"
_WITHOUT_BUILDX: Final = (
    f"{_REMEDY}; or install docker-buildx (Debian, Ubuntu: docker-buildx or docker-buildx-plugin), without which the "
    "old builder is used, and that doesn't know all that a Dockerfile may have"
)
_DEPRECATED: Final = re.compile(r"^DEPRECATED: The legacy builder[^\n]*\n(?:[ \t]+[^\n]*\n|\s*\n)*", re.MULTILINE)
"""What the command says about the old builder before all else: it asks to remove a variable that only we set."""


def _build_error(build: Build, why: str, output: Excerpt, *, remedy: str = _REMEDY) -> ImageError:
    lines = [line.rstrip() for line in _DEPRECATED.sub("", str(output)).splitlines()]
    return ImageError(
        f"The image can't be built from {build.source}: {why}. Remedy: {remedy}.",
        logs="\n".join([line for line in lines if line][-_LAST_LINES:]),
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "image"
