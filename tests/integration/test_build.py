"""Images are built from a folder, by the engine's command line where there is one, else by its API."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from docker.errors import ImageNotFound

from pytest_foodtrucks import Engine
from pytest_foodtrucks.engine.labels import IMAGE_LABEL

from .conftest import Downstream

FOLDER = "app-under-build"
BASE = os.environ.get("EXAMPLE_BUSYBOX_IMAGE", "busybox")

HOLDS = """
def test_it(app):
    assert app.exec(["cat", "/answer"]).stdout.split() == {answer!r}
    print("image:", app.container.image)
"""


@pytest.fixture(autouse=True)
def _images_go(foodtrucks_engine: Engine) -> Iterator[None]:
    """Remove the images that were built here, and those whose names they took over."""
    yield
    for image in foodtrucks_engine.api.images(filters={"label": IMAGE_LABEL}):
        if f"/{FOLDER}:" in image["Labels"][IMAGE_LABEL]:
            with suppress(ImageNotFound):  # another test's prune was quicker
                foodtrucks_engine.api.remove_image(image["Id"], force=True)


@pytest.fixture(params=["command line", "API"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str | None]:
    """Return the environment in which images are built one way or the other."""
    if request.param == "API":
        return {"PATH": str(tmp_path)}
    if shutil.which("docker") is None:
        pytest.fail("There is no docker on the PATH. Remedy: install Docker's command line.", pytrace=False)
    return {}


def write(downstream: Downstream, test_it: str, build: str = f'"{FOLDER}"', **files: str) -> Path:
    """Write a suite with a service that is built; return the folder it is built from."""
    folder = downstream.folder / FOLDER
    folder.mkdir()
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content, encoding="utf-8")
    downstream.write(
        conftest=f"""
from pytest_foodtrucks import service
app = service(build={build}, command="sleep 600")
""",
        test_it=test_it,
    )
    return folder


def image_of(result: pytest.RunResult) -> str:
    """Return the image that the suite's one test printed."""
    result.assert_outcomes(passed=1)
    found = re.search(r"image: (\S+)", result.stdout.str())
    assert found is not None
    return found[1]


def inspect(engine: Engine, image: str) -> dict[str, Any]:
    """Return what the engine tells of an image."""
    return dict(engine.api.inspect_image(image))  # type: ignore[no-untyped-call] # a gap of types-docker


def test_the_image_is_labelled_and_shown(
    downstream: Downstream, way: dict[str, str | None], foodtrucks_engine: Engine
) -> None:
    write(downstream, HOLDS.format(answer=["42"]), Dockerfile=f"FROM {BASE}\nRUN echo 42 > /answer\n")
    result = downstream.run("-s", env=way)
    image = image_of(result)
    assert re.fullmatch(rf"foodtrucks-build/{FOLDER}:[0-9a-f]{{12}}", image)
    assert inspect(foodtrucks_engine, image)["Config"]["Labels"][IMAGE_LABEL] == image
    result.stderr.fnmatch_lines(
        [f"foodtrucks: building {FOLDER} …", f"foodtrucks: building {FOLDER}: done in *.? s"], consecutive=True
    )


def test_dockerfile_args_and_target_are_given(downstream: Downstream, way: dict[str, str | None]) -> None:
    build = (
        f'{{"context": "{FOLDER}", "dockerfile": "Other", "args": {{"WHAT": "a taco", "PRICE": 3}}, "target": "one"}}'
    )
    dockerfile = f"""
FROM {BASE} AS one
ARG WHAT
ARG PRICE=0
RUN echo $PRICE $WHAT > /answer
FROM {BASE} AS two
RUN echo two > /answer
"""
    write(downstream, HOLDS.format(answer=["3", "a", "taco"]), build, Other=dockerfile, Dockerfile="not this one")
    image_of(downstream.run("-s", env=way))


def test_what_dockerignore_names_stays_outside(downstream: Downstream, way: dict[str, str | None]) -> None:
    write(
        downstream,
        HOLDS.format(answer=["a.txt"]),
        Dockerfile=f"FROM {BASE}\nCOPY . /in/\nRUN ls /in | grep txt > /answer\n",
        __dockerignore="*.secret\nb.txt\n",
        a__txt="",
        b__txt="",
        c__secret="",
    )
    image_of(downstream.run("-s", env=way))


def test_a_changed_file_makes_the_image_anew_under_its_name(
    downstream: Downstream, way: dict[str, str | None], foodtrucks_engine: Engine
) -> None:
    dockerfile = f"FROM {BASE}\nCOPY answer /answer\n"
    folder = write(downstream, HOLDS.format(answer=["old"]), Dockerfile=dockerfile, answer="old")
    image = image_of(downstream.run("-s", env=way))
    first = inspect(foodtrucks_engine, image)["Id"]
    (folder / "answer").write_text("new", encoding="utf-8")
    downstream.write(test_it=HOLDS.format(answer=["new"]))
    assert image_of(downstream.run("-s", env=way)) == image
    assert inspect(foodtrucks_engine, image)["Id"] != first


def test_a_failing_step_shows_the_last_lines(
    downstream: Downstream, way: dict[str, str | None], foodtrucks_engine: Engine
) -> None:
    steps = f"FROM {BASE}\nRUN for i in $(seq 100); do echo line $i; done; echo the reason >&2; exit 7\n"
    folder = write(downstream, "def test_it(app): pass", Dockerfile=steps)
    before = {container["Id"] for container in foodtrucks_engine.api.containers(all=True)}
    result = downstream.run(env=way)
    result.assert_outcomes(errors=1)
    text = result.stdout.str()
    assert text.count("Remedy: ") == 1
    assert f"The image can't be built from {folder / 'Dockerfile'}: " in text
    assert "line 100" in text
    assert "the reason" in text
    assert "line 50\n" not in text
    assert "Traceback" not in text
    left = [
        container
        for container in foodtrucks_engine.api.containers(all=True)
        if container["Id"] not in before and "seq 100" in container["Command"]
    ]
    assert left == []


def test_a_dockerfile_that_makes_no_sense(downstream: Downstream, way: dict[str, str | None]) -> None:
    write(downstream, "def test_it(app): pass", Dockerfile=f"FROM {BASE}\nBAKE bread\n")
    result = downstream.run(env=way)
    result.assert_outcomes(errors=1)
    text = result.stdout.str()
    assert "can't be built from" in text
    assert "BAKE" in text.upper()
    assert text.count("Remedy: ") == 1


def test_the_base_that_is_missing_is_named(downstream: Downstream, way: dict[str, str | None]) -> None:
    write(downstream, "def test_it(app): pass", Dockerfile="FROM no-such-host.invalid/base:1\n")
    result = downstream.run(env=way)
    result.assert_outcomes(errors=1)
    assert "no-such-host.invalid/" in result.stdout.str()
    assert result.stdout.str().count("Remedy: ") == 1


@pytest.mark.parametrize("has_buildx", [False, True])
def test_the_old_builder_is_asked_for_only_without_buildx(
    downstream: Downstream,
    tmp_path: Path,
    has_buildx: bool,  # noqa: FBT001 - a parameter of pytest's
) -> None:
    """A command of the same name notes how it is called, and builds by the real one's old builder."""
    real = shutil.which("docker")
    assert real is not None, "There is no docker on the PATH. Remedy: install Docker's command line."
    noted = tmp_path / "noted"
    command = tmp_path / "docker"
    command.write_text(
        f"""#!/bin/sh
[ "$1" = buildx ] && exit {0 if has_buildx else 1}
echo "${{DOCKER_BUILDKIT-unset}} $*" > {noted}
DOCKER_BUILDKIT=0 exec {real} "$@"
""",
        encoding="utf-8",
    )
    command.chmod(0o755)
    write(downstream, HOLDS.format(answer=["42"]), Dockerfile=f"FROM {BASE}\nRUN echo 42 > /answer\n")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    image_of(downstream.run("-s", env={"PATH": path, "DOCKER_BUILDKIT": None}))
    kind, *arguments = noted.read_text(encoding="utf-8").split()
    assert kind == ("unset" if has_buildx else "0")
    assert ("--force-rm" in arguments) is not has_buildx
    assert f"{IMAGE_LABEL}=foodtrucks-build" in " ".join(arguments)


def test_a_service_of_two_workers_is_built_by_each_without_harm(downstream: Downstream) -> None:
    write(downstream, "", Dockerfile=f"FROM {BASE}\nRUN echo 42 > /answer\n")
    downstream.write(test_it="def test_a(app): pass\ndef test_b(app): pass\n")
    downstream.run("-n2").assert_outcomes(passed=2)


def test_another_jobs_build_in_the_same_folder_changes_nothing(
    downstream: Downstream, way: dict[str, str | None]
) -> None:
    """The other job builds between this one's build and its container: it takes the name, not the place."""
    folder = write(downstream, HOLDS.format(answer=["mine"]), Dockerfile=f"FROM {BASE}\nRUN echo mine > /answer\n")
    other = downstream.folder / "other"
    other.mkdir()
    (other / "Dockerfile").write_text(f"FROM {BASE}\nRUN echo theirs > /answer\n", encoding="utf-8")
    with (downstream.folder / "conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(
            f"""
from pathlib import Path
from pytest_foodtrucks.containers import building

built = building.built

def built_meanwhile(engine, build, **more):
    mine = built(engine, build, **more)
    [name] = engine.api.inspect_image(mine)["RepoTags"]
    labels = {{{IMAGE_LABEL!r}: name}}
    list(engine.build(Path({str(other)!r}), dockerfile="Dockerfile", args={{}}, tag=name, labels=labels))
    assert engine.image_id(name) != mine
    return mine

building.built = built_meanwhile
"""
        )
    image = image_of(downstream.run("-s", env=way))
    assert image.startswith(f"foodtrucks-build/{folder.name}:")


def test_an_image_that_a_later_build_replaced_can_be_found_and_removed(
    downstream: Downstream, foodtrucks_engine: Engine
) -> None:
    def build(content: str) -> str:
        dockerfile.write_text(f"FROM {BASE}\nRUN echo {content} > /answer\n", encoding="utf-8")
        downstream.write(test_it=HOLDS.format(answer=[content]))
        image = foodtrucks_engine.image_id(image_of(downstream.run("-s")))
        assert image is not None
        return image

    def found() -> list[str]:
        return foodtrucks_engine.dangling_images(IMAGE_LABEL)

    dockerfile = write(downstream, "", Dockerfile="") / "Dockerfile"
    replaced = build("one")
    # Other tests of this machine prune meanwhile: what a container uses stays until it was looked for.
    used = foodtrucks_engine.api.create_container(replaced, "sleep 600")["Id"]
    try:
        assert replaced not in found()
        assert build("two") != replaced
        assert replaced in found()
        assert not foodtrucks_engine.remove_image(replaced)
    finally:
        foodtrucks_engine.api.remove_container(used)
    foodtrucks_engine.remove_image(replaced)
    assert replaced not in found()
    assert not foodtrucks_engine.remove_image(replaced)


def test_an_image_that_somebody_made_of_a_container_is_none_that_we_built(
    downstream: Downstream, foodtrucks_engine: Engine
) -> None:
    write(
        downstream,
        """
        def test_it(app, foodtrucks_engine):
            print("made", foodtrucks_engine.api.commit(app.container.id)["Id"], "made")
        """,
        Dockerfile=f"FROM {BASE}\n",
    )
    result = downstream.run("-s")
    result.assert_outcomes(passed=1)
    image = result.stdout.str().split("made ")[1].split()[0]
    try:
        assert image not in foodtrucks_engine.dangling_images(IMAGE_LABEL)
    finally:
        foodtrucks_engine.remove_image(image)
