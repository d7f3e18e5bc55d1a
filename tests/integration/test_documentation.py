"""The pages' tests, run in one session on one stack; and the tutorial's commands, run in a shell."""

import ast
import doctest
import os
import re
import subprocess
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest

from lab import IMAGE
from pages import Block, blocks, python_blocks
from pytest_foodtrucks import Engine

from .conftest import Downstream
from .es_plugin import analysis_zip

IMAGES = {"busybox": IMAGE, "redis:8": os.environ.get("EXAMPLE_REDIS_IMAGE", "redis:8")}
"""What the pages name, and what stands for it where no registry answers."""

OF_ALL_TESTS = re.compile(r"^(?:def )?(es_seed|es_on_net|web_on_net)\b(?: = |\()", re.MULTILINE)
"""Defines what a session has one of, so that its page has a session of its own."""

RUN_ELSEWHERE = {
    "def test_the_app_says_that_elasticsearch_is_away_under_n_4_too": "a second Elasticsearch: test_own_stack.py",
    "def test_the_clerk_reaches_nobody_outside": "Docker 20.10 lets it out to the engine's machine: test_egress.py",
    "def test_the_shop_calls_back": "test_reach_me.py",
    'seed="./seeds"': "needs the folder: the tests of seeds",
}
"""Words of a block, and why it isn't run here."""


SECURED = "docs/how-to/secured-elasticsearch.md"
"""Its users and keys need a module that local servers lack: a plugin of the tests stands in for it."""


def runs_here(block: Block) -> bool:
    """Tell whether a block is one of tests or of a conftest, to be run here."""
    is_a_file = block.file is not None or "\ndef test_" in f"\n{block.text}"
    return is_a_file and not block.is_another_packages and not any(words in block.text for words in RUN_ELSEWHERE)


def defines_what_a_session_has_one_of(block: Block) -> bool:
    """Tell whether a block replaces the session's Elasticsearch, app or seed."""
    return OF_ALL_TESTS.search(block.text) is not None


def suites() -> tuple[list[Block], dict[str, list[Block]]]:
    """Return the blocks that run together, and those of each suite that needs a session of its own.

    The README's one test is the front page's too. A page's files belong together; a block without a file's name is a
    whole suite by itself.
    """
    found = [block for block in python_blocks() if runs_here(block) and block.page != "README.md"]
    found.sort(key=lambda block: "/tutorial/" not in block.page)  # as people read them
    together: list[Block] = []
    alone: dict[str, list[Block]] = {}
    for _, each in groupby(found, key=lambda block: block.page):
        of_page = list(each)
        files = [block for block in of_page if block.file is not None]
        replaces = any(map(defines_what_a_session_has_one_of, files))
        for block in of_page:
            if block.file is not None:
                (alone.setdefault(block.page, []) if replaces else together).append(block)
            elif defines_what_a_session_has_one_of(block):
                alone[block.place] = [block]
            else:
                together.append(block)
    return together, alone


TOGETHER, ALONE = suites()


def files_of(chosen: list[Block]) -> dict[str, str]:
    """Return the files of a suite: a folder for each page, and one conftest of all.

    Pages define the same service alike, because a network has a name once.
    """
    files: dict[str, str] = {}
    definitions: dict[str, None] = {}
    for block in chosen:
        if block.file == "conftest.py":
            definitions |= {ast.unparse(statement): None for statement in ast.parse(block.text).body}
        else:
            name = block.file if block.file is not None else f"test_{block.line}.py"
            files[f"{folder_of(block.page)}/{name}"] = with_local_images(block.text)
    return {**files, "conftest.py": with_local_images("\n\n".join(definitions))}


def folder_of(page: str) -> str:
    """Return the folder that has a page's tests."""
    return page.removesuffix(".md").replace("/", "_")


def with_local_images(text: str) -> str:
    """Return a text with the images that there are."""
    for name, local in IMAGES.items():
        text = re.sub(f"""(["']){name}\\1""", repr(local), text)
    return text


def run(downstream: Downstream, files: dict[str, str]) -> None:
    """Run the tests of a suite; each passes."""
    for name, text in files.items():
        path = downstream.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    folders = dict.fromkeys(name.partition("/")[0] for name in files if "/" in name)
    result = downstream.run("--import-mode=importlib", "--durations=8", *folders, timeout=400)
    outcomes = result.parseoutcomes()
    assert outcomes.keys() <= {"passed", "warnings"}
    assert outcomes["passed"] >= sum(len(re.findall(r"^def test_", text, re.MULTILINE)) for text in files.values())


def test_no_service_is_defined_twice() -> None:
    names = re.findall(r"^(\w+) = (?:service|job|network)\(", files_of(TOGETHER)["conftest.py"], re.MULTILINE)
    assert sorted(set(names)) == sorted(names), "the pages share one network: use the same block, or another name"


def test_the_tests_of_the_pages_pass(downstream: Downstream) -> None:
    files = files_of(TOGETHER)
    run(downstream, {**files, "conftest.py": f"import pytest\n{files['conftest.py']}"})


@pytest.mark.slow
@pytest.mark.usefixtures("derived_images_go")
@pytest.mark.parametrize("suite", ALONE)
def test_the_tests_of_a_page_with_an_elasticsearch_of_its_own_pass(
    downstream: Downstream, tmp_path: Path, suite: str
) -> None:
    files = files_of(ALONE[suite])
    if suite.startswith(SECURED):
        zipped = analysis_zip(tmp_path, version=os.environ.get("FOODTRUCKS_ES_VERSION", "9.5.0"))
        service = f"elasticsearch_service(plugins=[{zipped.as_uri()!r}], "
        files = {name: text.replace("elasticsearch_service(", service) for name, text in files.items()}
    run(downstream, files)


class Command(NamedTuple):
    """A command of a page, and what it prints there."""

    words: str
    printed: str


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a block."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        words, _, printed = part.partition("\n")
        yield Command(words, printed)


SHELL_PAGES = ("docs/tutorial/1-default-bridge.md", "docs/tutorial/2-a-network-of-your-own.md")
_MARK = "---8<---"


@pytest.fixture
def nothing_of_the_tutorial(foodtrucks_engine: Engine) -> Iterator[dict[str, str]]:
    """Yield the environment of a shell, and remove afterwards what a command may have left."""
    environment = {**os.environ, "DOCKER_HOST": foodtrucks_engine.url}
    yield environment
    for words in (["rm", "--force", "tutorial-truck"], ["network", "rm", "tutorial-net"]):
        docker = ["docker", *words]
        subprocess.run(docker, env=environment, capture_output=True, check=False)


@pytest.mark.parametrize("page", SHELL_PAGES)
def test_the_commands_of_the_tutorial_print_what_it_shows(page: str, nothing_of_the_tutorial: dict[str, str]) -> None:
    shown = [command for block in blocks() if block.page == page for command in commands(block)]
    for _ in range(3):  # Docker before 28 lets everything through for a moment, when anybody creates a network
        wrong = _printed_otherwise(shown, nothing_of_the_tutorial)
        if not wrong:
            break
    assert wrong == []


def _printed_otherwise(shown: list[Command], environment: dict[str, str]) -> list[str]:
    """Run commands in one shell, and return those that print something else than is shown, with what they print."""
    script = "exec 2>&1\n" + "".join(f"{command.words}\necho '{_MARK}'\n" for command in shown)
    shell = ["bash", "-c", re.sub(r"\bbusybox\b", IMAGE, script)]
    ended = subprocess.run(shell, env=environment, capture_output=True, text=True, check=True)
    printed = ended.stdout.split(f"{_MARK}\n")
    checker, flags = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert len(printed) == len(shown) + 1
    return [
        f"{command.words}\n{got}"
        for command, got in zip(shown, printed, strict=False)
        if not checker.check_output(command.printed, got, flags)
    ]
