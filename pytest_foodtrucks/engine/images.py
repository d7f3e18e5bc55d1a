"""Images on the engine: looked for, pulled, built, named."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple

from docker.auth import resolve_repository_name
from docker.utils import parse_repository_tag

from pytest_foodtrucks.errors import EngineError

from .asking import EngineClient, if_found, refused_error
from .labels import NAME_LABEL


class ImageFacts(NamedTuple):
    """What an image tells of itself: its labels, and the architecture that it is for, such as arm64."""

    labels: Mapping[str, str]
    architecture: str


class ImageRequests(EngineClient):
    """What an engine is asked about images."""

    def image_id(self, image: str) -> str | None:
        """Return the digest of the image's content; None where the engine hasn't got it."""
        found = self._image(image)
        return None if found is None else str(found["Id"])

    def _image(self, image: str) -> Mapping[str, Any] | None:
        return if_found(lambda: self._ask(f"look for the image {image}", lambda: self.api.inspect_image(image)))  # type: ignore[no-untyped-call] # a gap of types-docker

    def image_facts(self, image: str) -> ImageFacts:
        """Return what an image tells of itself; nothing where the engine hasn't got it."""
        found = self._image(image)
        about = found if found is not None else {}
        return ImageFacts((about.get("Config") or {}).get("Labels") or {}, str(about.get("Architecture", "")))

    def image_names(self) -> list[str]:
        """Return the names of all images that the engine has."""
        found = self._ask("list its images", self.api.images)
        return sorted(name for about in found for name in about.get("RepoTags") or () if name != "<none>:<none>")

    def image_exists(self, image: str, platform: str | None = None) -> bool:
        """Tell whether the engine has the image, for a platform such as linux/arm64 if one is given."""
        if platform is None:
            return self.image_id(image) is not None
        found = self._image(image)
        return found is not None and _is_for(found, platform)

    def pull(self, image: str, platform: str | None = None) -> Iterator[dict[str, Any]]:
        """Pull an image, for a platform if one is given, and yield the engine's progress events.

        Raises EngineError, also where the engine reports the error as the stream's last event only.
        """
        repository, tag = parse_repository_tag(image)
        with self._asking(f"pull {image}"):
            login = self._logins.resolve_authconfig(resolve_repository_name(repository)[0])
            events = self.api.pull(
                repository,
                tag if tag is not None else "latest",
                stream=True,
                decode=True,
                auth_config=login,
                platform=platform,
            )
            yield from _checked(events, f"pull {image}")

    def build(self, folder: Path, *, dockerfile: str, args: Mapping[str, str], **more: Any) -> Iterator[str]:
        """Build an image through the engine's API, and yield its lines of output.

        `more` is what docker-py's `build` takes besides.
        """
        with self._asking(f"build {folder}"):
            events = self.api.build(
                path=str(folder), dockerfile=dockerfile, buildargs=dict(args), rm=True, decode=True, **more
            )
            yield from (event["stream"] for event in _checked(events, f"build {folder}") if "stream" in event)

    def tag_image(self, image: str, name: str) -> None:
        """Give an image a name with tag; whichever had it loses it."""
        repository, tag = parse_repository_tag(name)
        self._ask(f"name the image {name}", lambda: self.api.tag(image, repository, tag))

    def untag_image(self, name: str) -> bool:
        """Take a name off an image; tell whether it went: the last name of one that a container needs stays with it."""
        try:
            self._ask(f"take the name {name} off", lambda: self.api.remove_image(name, noprune=True))
        except EngineError as error:
            if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                raise
            return False
        return True

    def dangling_images(self, label: str) -> list[str]:
        """Return the ids of images with a label that have no name any more; none of those made of a container."""
        found = self._ask(
            f"list the images with the label {label}",
            lambda: self.api.images(filters={"dangling": True, "label": label}),
        )
        return [
            each["Id"] for each in found if label in (labels := each.get("Labels") or {}) and NAME_LABEL not in labels
        ]

    def remove_image(self, image: str) -> bool:
        """Remove an image; tell whether it went: one that a container has stays, or that another was built from."""
        try:
            self._ask(f"remove the image {image}", lambda: self.api.remove_image(image))
        except EngineError as error:
            if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                raise
            return False
        return True


_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "i386": "386"}
"""Other words for what the engine calls so."""


def _is_for(image: Mapping[str, Any], platform: str) -> bool:
    """Tell whether an image is for a platform, as far as that is told: linux, linux/arm64, linux/arm/v7."""
    has = [image.get("Os", ""), image.get("Architecture", ""), image.get("Variant", "")]
    wanted = [_ARCHITECTURES.get(word, word) for word in platform.split("/")]
    return all(mine in ("", theirs) for mine, theirs in zip(has, wanted, strict=False))


def _checked(events: Iterator[dict[str, Any]], what: str) -> Iterator[dict[str, Any]]:
    """Pass events through; an error among them counts as the answer that the engine would have given earlier.

    It is raised at the stream's end, so that the connection is free again.
    """
    errors = []
    for event in events:
        if "error" in event:
            errors.append(event["error"].strip().rstrip("."))
        else:
            yield event
    if errors:
        raise refused_error(what, errors[0], HTTPStatus.INTERNAL_SERVER_ERROR)
