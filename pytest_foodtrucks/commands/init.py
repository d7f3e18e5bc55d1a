"""`foodtrucks init`: the first files of a suite, where they aren't there yet."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pytest_foodtrucks.errors import FoodtrucksError

from . import exit_codes
from .arguments import Command
from .output import Output

_TEMPLATES: Final = Path(__file__).with_name("templates")
_FILES: Final[Mapping[str, str]] = {
    "conftest.py": "conftest.py.txt",
    "test_stack.py": "test_stack.py.txt",
    ".github/workflows/tests.yml": "workflow.yml",
}
"""Where each template goes."""


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(), metavar="FOLDER", help="where to write; default: this folder"
    )


def _run(given: argparse.Namespace, output: Output) -> int:
    written: list[str] = []
    left: list[str] = []
    for name, template in _FILES.items():
        (written if _write(given.folder / name, template) else left).append(name)
    for name in written:
        output.say(f"written: {name}")
    for name in left:
        output.say(f"left: {name}, which is there")
    output.say("Now run: pytest")
    output.result({"written": written, "left": left})
    return exit_codes.DONE


def _write(file: Path, template: str) -> bool:
    """Write a file from a template; return False where something is there already, a broken link too."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write((_TEMPLATES / template).read_text(encoding="utf-8"))
    except FileExistsError:
        return False
    except OSError as error:
        raise FoodtrucksError(
            f"{file} can't be written: {error.strerror}. Remedy: make its folder writable, or name another one."
        ) from error
    return True


COMMAND: Final = Command(
    description="Write a minimal conftest.py, a first test and a workflow for GitHub Actions into a repository; what "
    "is there stays as it is. Then `pytest` is green.",
    examples=("foodtrucks init", "foodtrucks init path/to/repository --json"),
    add=_add,
    run=_run,
)
