"""Which file a definition was written in."""

from pathlib import Path

import pytest_foodtrucks
from pytest_foodtrucks.callers import calling_file


def test_the_calling_file_is_the_one_that_calls() -> None:
    assert calling_file() == Path(__file__)


def test_frames_of_the_package_are_passed_over() -> None:
    factory = pytest_foodtrucks.service(image="busybox")
    assert factory.__wrapped__.recipe.file == Path(__file__)


def test_a_folder_that_only_begins_like_the_packages_is_no_part_of_it() -> None:
    package = Path(pytest_foodtrucks.__file__).parent
    neighbour = f"{package}_tests/conftest.py"
    code = compile("from pytest_foodtrucks.callers import calling_file\nfile = calling_file()", neighbour, "exec")
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102 - how code gets a file's name without a file
    assert names["file"] == Path(neighbour)
