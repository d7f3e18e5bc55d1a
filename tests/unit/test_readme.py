"""What the README claims of names is what the code has; its code blocks are the examples' own, or run here."""

import inspect
import re
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import pytest_foodtrucks
from pytest_foodtrucks import Service, VerdictKind, elasticsearch_service, job, network, plugin, ready, service
from pytest_foodtrucks.services.definitions import ServiceKeywords
from pytest_foodtrucks.settings import OPTIONS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON_BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table whose first heading is given."""
    table = README[README.index(f"| {heading} |") :].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()[2:]]


def test_the_table_of_fixtures_is_complete() -> None:
    told = {name for row in rows("fixture") for name in re.findall(r"`(\w+)`", row[0])}
    assert told == {name for name, value in vars(plugin).items() if type(value).__name__ == "FixtureFunctionDefinition"}


def test_the_table_of_options_is_complete() -> None:
    assert [row[0] for row in rows("option")] == [f"`{option.name}`" for option in OPTIONS]


def test_the_table_of_options_tells_the_defaults() -> None:
    told = {row[0].strip("`"): row[2] for row in rows("option")}
    for option in OPTIONS:
        if option.switch:
            assert told[option.name] == ("`on`" if option.default else "`off`")
        elif option.default is not None:
            assert str(option.default).removesuffix(".0") in told[option.name]


def test_the_factories_keywords_are_told() -> None:
    section = README[README.index("### Factories") : README.index("## Faults")]
    told = set(re.findall(r"`(\w+)`", section))
    ours = {
        name
        for factory in (network, service, elasticsearch_service, job)
        for name in inspect.signature(factory).parameters
    }
    assert ServiceKeywords.__annotations__.keys() | ours - {"keywords"} <= told


def test_the_factorys_docstring_tells_its_keywords() -> None:
    assert ServiceKeywords.__annotations__.keys() <= set(re.findall(r"`(\w+)`", str(service.__doc__)))


def test_the_readiness_checks_are_told() -> None:
    (sentence,) = re.findall(r"`ready` has (.*?)[;.]", README, re.DOTALL)
    assert {maker.__name__ for maker in ready.MAKERS} <= set(re.findall(r"`(\w+)`", sentence))


def test_the_table_of_faults_tells_their_arguments() -> None:
    told = [row[0].strip("`") for row in rows("on a service")]
    signatures = {name: inspect.signature(each) for name, each in vars(Service).items() if inspect.isfunction(each)}
    blocks = [name for name, each in signatures.items() if each.return_annotation == AbstractContextManager[None]]
    assert told == [_call(name, signatures[name]) for name in [*blocks, "restart"]]


def test_the_table_of_what_a_service_offers_is_complete() -> None:
    told = {re.split(r"\W", call)[0] for row in rows("of a service") for call in re.findall(r"`([^`]+)`", row[0])}
    assert {name for name in vars(Service) if not name.startswith("_")} <= told


def test_the_table_of_what_a_service_offers_tells_the_arguments_that_go_by_keyword() -> None:
    calls = [call for row in rows("of a service") for call in re.findall(r"`(\w+\([^`]*=\))`", row[0])]
    for call in calls:
        parameters = inspect.signature(getattr(Service, call.partition("(")[0])).parameters.values()
        own = [each for each in parameters if each.name != "self"]
        shown = [f"{each.name}{'=' if each.kind is each.KEYWORD_ONLY else ''}" for each in own]
        assert call.endswith(f"({', '.join(shown)})")
    assert len(calls) == 4


def _call(method: str, signature: inspect.Signature) -> str:
    """Return a call of a method with the defaults of its arguments."""
    arguments = list(signature.parameters.values())[1:]
    return f"{method}({', '.join(f'{each.name}={each.default}' for each in arguments)})"


def test_the_table_of_assertions_tells_their_signatures() -> None:
    told = {row[0].strip("`") for row in rows("name")}
    public = [*(name for name in pytest_foodtrucks.__all__ if name.startswith("assert_")), "reachability"]
    for name in public:
        parameters = inspect.signature(getattr(pytest_foodtrucks, name)).parameters.values()
        shown = [str(p.replace(annotation=p.empty)) for p in parameters if p.name not in {"clock", "sleep"}]
        assert f"{name}({', '.join(shown)})" in told


def test_the_table_of_kinds_is_complete() -> None:
    assert [row[0].strip("`") for row in rows("kind")] == [str(kind) for kind in VerdictKind]


@pytest.mark.parametrize("block", PYTHON_BLOCKS)
def test_a_code_block_is_python(block: str) -> None:
    compile(block, "README.md", "exec")


def test_the_steps_to_an_own_app_are_the_example() -> None:
    example = ROOT / "examples/own_service"
    assert (example / "conftest.py").read_text(encoding="utf-8") in PYTHON_BLOCKS
    tests = (example / "tests/test_menu.py").read_text(encoding="utf-8")
    assert any(tests.startswith(block) for block in PYTHON_BLOCKS)
    for file in ("Dockerfile", "requirements.txt", "menu.py"):
        assert f"\n{(example / 'menu' / file).read_text(encoding='utf-8')}```\n" in README


def test_the_block_about_types_is_what_the_type_checkers_read() -> None:
    assert (ROOT / "tests/type_checks/readme.py").read_text(encoding="utf-8") in PYTHON_BLOCKS


def test_the_commands_are_there() -> None:
    usage = (ROOT / "run").read_text(encoding="utf-8")
    for command in re.findall(r"^\$ \./run (\w+)", README, re.MULTILINE):
        assert f"\n  {command} " in usage


def test_no_seed_that_is_shown_swallows_the_errors_of_its_documents() -> None:
    shown = [README, *(file.read_text(encoding="utf-8") for file in (ROOT / "examples").rglob("*.py"))]
    assert [text for text in shown if re.search(r"\.bulk\(", text)] == []
