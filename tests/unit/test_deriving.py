"""Images made from others by a few steps."""

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.engine import FakeEngine
from fakes.session import new_stack
from pytest_foodtrucks.containers import deriving
from pytest_foodtrucks.containers.deriving import Derivation
from pytest_foodtrucks.containers.progress import Progress
from pytest_foodtrucks.engine.images import ImageFacts
from pytest_foodtrucks.engine.labels import MADE_FROM_LABEL
from pytest_foodtrucks.errors import ImageError
from pytest_foodtrucks.services.definitions import define
from pytest_foodtrucks.services.starting import image_of

COMMAND = """#!/bin/sh
if [ "$1" = buildx ]; then exit 0; fi
for folder; do :; done
echo "$@" >> "$TOLD"
cat "$folder/Dockerfile" >> "$TOLD"
ls "$folder" >> "$TOLD"
echo 'what the build says'
exit "$RESULT"
"""


class BuildingEngine(FakeEngine):
    """An engine with a base, whose builds give an image the label that its Dockerfile says."""

    def __init__(self, told: Path) -> None:
        super().__init__()
        self.images = {"server:1"}
        self._told = told

    def image_id(self, image: str) -> str | None:
        said = self._told.read_text().split() if self._told.exists() else []
        if "--tag" in said and image == said[-1 - said[::-1].index("--tag") + 1]:
            key = next(word for word in said[::-1] if word.startswith(MADE_FROM_LABEL)).partition("=")[2]
            self.facts[f"sha256:{key}"] = ImageFacts({MADE_FROM_LABEL: key}, "amd64")
            return f"sha256:{key}"
        return super().image_id(image)

    def untag_image(self, name: str) -> bool:
        return self.named.pop(name, None) is not None


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a `docker` first on PATH, and return the file to which it writes what it is to build."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/docker"
    command.write_text(COMMAND)
    command.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    monkeypatch.setenv("RESULT", "0")
    return tmp_path / "told"


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    """Return a file that a step copies."""
    (tmp_path / "mine.zip").write_bytes(b"one")
    return tmp_path / "mine.zip"


def derivation(zipped: Path, **more: Any) -> Derivation:
    """Return a derivation of two steps."""
    given: dict[str, Any] = {"steps": ("COPY a.zip /", "RUN install"), "files": (("a.zip", zipped),), **more}
    return Derivation(title="mine", slug="mine", texts=(("script", "exit"),), **given)


def derived(engine: FakeEngine, added: Derivation, name: str = "foodtrucks-build/mine:1", **more: Any) -> str:
    """Derive an image from the server's."""
    return deriving.derived(engine, "server:1", added, name=name, session_id="ab12", progress=Progress(None), **more)


def test_the_steps_stand_on_the_base_with_their_files_beside_them(told: Path, zipped: Path) -> None:
    engine = BuildingEngine(told)
    image = derived(engine, derivation(zipped), platform="linux/arm64")
    command, first, *steps, label, _, _, _ = told.read_text().splitlines()
    assert first.startswith("FROM foodtrucks-build/base:")
    assert steps == ["COPY a.zip /", "RUN install"]
    assert label == f"LABEL {MADE_FROM_LABEL}={image.removeprefix('sha256:')}"
    assert told.read_text().splitlines()[-3:] == ["Dockerfile", "a.zip", "script"]
    assert "--label pytest-foodtrucks.image=foodtrucks-build/mine:1 " in command
    assert "--platform linux/arm64" in command
    assert engine.named == {"foodtrucks-build/mine:1": image}, "the base's own name is gone again"


def test_what_is_made_of_the_same_things_isnt_made_again(told: Path, zipped: Path) -> None:
    engine = BuildingEngine(told)
    first = derived(engine, derivation(zipped))
    told.unlink()
    assert derived(engine, derivation(zipped)) == first
    assert not told.exists()


@pytest.mark.parametrize("change", ["file", "step", "base"])
def test_a_changed_file_step_or_base_gives_another_image(told: Path, zipped: Path, change: str) -> None:
    engine = BuildingEngine(told)
    first = derived(engine, derivation(zipped))
    more: dict[str, Any] = {}
    if change == "file":
        zipped.write_bytes(b"other")
    elif change == "step":
        more["steps"] = ("RUN other",)
    else:
        engine.named["server:1"] = "sha256:newer"
    second = derived(engine, derivation(zipped, **more))
    assert second != first
    assert engine.named["foodtrucks-build/mine:1"] == second, "the newest has the name"


def test_an_error_of_the_build_is_explained(told: Path, zipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESULT", "1")
    engine = BuildingEngine(told)
    with pytest.raises(ImageError, match=r"^explained: what the build says$"):
        derived(engine, derivation(zipped, explained=lambda error: ImageError(f"explained: {error.logs}")))
    assert engine.named == {}


def test_a_file_that_is_gone_is_told(told: Path, zipped: Path) -> None:
    zipped.unlink()
    with pytest.raises(ImageError, match=r"^mine can't be built: .*mine\.zip.*Remedy: "):
        derived(BuildingEngine(told), derivation(zipped))


def test_a_name_is_that_of_its_base_its_steps_and_its_files(zipped: Path, tmp_path: Path) -> None:
    def digest(text: str) -> str:
        return f"{hash(text):013d}"

    def name(base: str, added: Derivation) -> str:
        return deriving.lasting_name(base, added, digest)

    mine = name("server:1", derivation(zipped))
    zipped.write_bytes(b"other")
    assert name("server:1", derivation(zipped)) == mine, "a changed file gives the name to another image"
    others = [
        name("server:2", derivation(zipped)),
        name("server:1", derivation(zipped, steps=("RUN other",))),
        name("server:1", derivation(tmp_path / "other.zip")),
    ]
    assert len({mine, *others}) == 4
    assert mine.startswith("foodtrucks-build/mine:")


# with a service's start


@pytest.mark.parametrize(("pull", "asked"), [("always", ["pull server:1"]), ("missing", [])])
def test_the_base_is_pulled_as_the_option_says_and_the_image_is_its_derivative(
    told: Path, zipped: Path, pull: str, asked: list[str]
) -> None:
    engine = BuildingEngine(told)
    engine.registry["server:1"] = []
    stack = new_stack(engine, pull=pull)
    given = replace(define({"image": "server:1"}, alias="es", folder=zipped.parent), derivation=derivation(zipped))
    image = image_of(stack, given)
    assert engine.events == asked
    assert image == engine.named[stack.name_of_derived("server:1", derivation(zipped))]


def test_an_error_names_the_service(told: Path, zipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESULT", "1")
    given = replace(define({"image": "server:1"}, alias="es", folder=zipped.parent), derivation=derivation(zipped))
    with pytest.raises(ImageError, match=r"^The service es can't start\. mine can't be built: `docker build` ended"):
        image_of(new_stack(BuildingEngine(told)), given)
