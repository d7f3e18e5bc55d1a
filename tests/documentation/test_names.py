"""What the pages claim of names is what the code has; what they show is the examples' own."""

import inspect
import re
from contextlib import AbstractContextManager

import pytest

import pytest_foodtrucks
from pages import DOCS, PAGES, ROOT, all_text, python_blocks, rows, text_of
from pytest_foodtrucks import Service, VerdictKind, elasticsearch_service, job, network, plugin, ready, service
from pytest_foodtrucks.engine import labels
from pytest_foodtrucks.options import OPTIONS
from pytest_foodtrucks.services.definitions import ServiceKeywords
from tools import reference

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readmes_table_of_fixtures_is_complete() -> None:
    told = {name for row in rows(README, "fixture") for name in re.findall(r"`(\w+)`", row[0])}
    assert told == {name for name, value in vars(plugin).items() if type(value).__name__ == "FixtureFunctionDefinition"}


def test_the_page_of_fixtures_has_scopes_and_meanings_as_pytest_shows_them(pytester: pytest.Pytester) -> None:
    shown = pytester.runpytest_subprocess("--fixtures", "-p", "no:hypothesispytest").stdout.str()
    for name, scope, meaning in reference.fixture_facts():
        told = "" if scope == "function" else rf" \[{scope} scope\]"
        assert re.search(rf"^{name}{told} -- .*\n    {re.escape(meaning)}", shown, re.MULTILINE), name


@pytest.mark.parametrize("name", reference.tables())
def test_each_table_from_the_code_is_on_its_page_as_the_code_has_it(name: str) -> None:
    page = reference.page_of(name).read_text(encoding="utf-8")
    assert page == reference.with_table(page, reference.tables()[name]), "python -m tools.reference makes it anew"


def test_each_flag_that_a_page_names_is_there() -> None:
    """Ours or the command's; pytest's and xdist's; or one of the packages that some pages come from."""
    ours = {flag for option in OPTIONS for flag in (option.flag, option.off_flag, f"--{option.name}")}
    own = set(re.findall(r"--[a-z-]+", reference.command_options())) | {"--json", "--help", "--version"}
    pytests = {"--dist", "--pdb"}
    others = {
        "pytest-socket": {"--allow-unix-socket", "--allow-hosts"},
        "pytest-docker": {"--container-scope"},
        "pytest-docker-tools": {"--reuse-containers"},
        "pytest-elasticsearch": {"--elasticsearch-executable", "--elasticsearch-port", "--elasticsearch-cluster-name"},
    }
    ours.add("--foodtrucks-fresh")
    named = set(re.findall(r"`(--[a-z][a-z-]+)", all_text()))
    assert named <= ours | own | pytests | set().union(*others.values())


def test_the_table_of_the_commands_arguments_tells_each_subcommands_own() -> None:
    of_logs = [row for row in rows(reference.command_options(), "argument") if "`logs`" in row[1]]
    assert [row[0] for row in of_logs] == ["`--name NAME`", "`[SERVICE ...]`", "`-f, --follow`", "`--tail NUMBER`"]
    assert all(row[2] for row in rows(reference.command_options(), "argument")), "each has a meaning"


def test_the_table_of_options_is_complete_and_tells_the_defaults() -> None:
    told = {row[0]: row for row in rows(reference.options(), "option")}
    assert list(told) == [f"`{option.name}`" for option in OPTIONS]
    for option in OPTIONS:
        row = told[f"`{option.name}`"]
        assert row[2].startswith(option.help)
        assert option.also is None or f"`{option.also}`" in row[2]
        if option.switch:
            assert row[3] == ("`on`" if option.default else "`off`")
        else:
            default = "" if option.default is None else f"`{option.default}`".replace(".0`", "`")
            assert "".join(row[3:]) == default


def test_the_table_of_keywords_is_complete() -> None:
    told = rows(reference.keywords(), "Compose's keyword")
    ours = {"timeout", "scheme", "ready", "reset"}
    assert [row[0].strip("`") for row in told] == sorted(ServiceKeywords.__annotations__.keys() - ours)
    assert all(len(row) >= 3 for row in told)


def test_our_own_keywords_have_a_table() -> None:
    told = {name for row in rows(text_of("reference/factories"), "keyword") for name in re.findall(r"`(\w+)`", row[0])}
    assert {"timeout", "scheme", "ready", "reset"} < told


def test_the_table_of_labels_is_complete() -> None:
    told = [row[0].strip("`") for row in rows(reference.label_table(), "label")]
    assert told == [value for name, value in vars(labels).items() if name.endswith("_LABEL")]


def test_the_factories_keywords_are_told() -> None:
    told = set(re.findall(r"`(\w+)`", text_of("reference/factories", "how-to/own-services") + reference.keywords()))
    ours = {
        name
        for factory in (network, service, elasticsearch_service, job)
        for name in inspect.signature(factory).parameters
    }
    assert ServiceKeywords.__annotations__.keys() | ours - {"keywords"} <= told


def test_the_factorys_docstring_tells_its_keywords() -> None:
    assert ServiceKeywords.__annotations__.keys() <= set(re.findall(r"`(\w+)`", str(service.__doc__)))


def test_the_readiness_checks_are_told() -> None:
    told = re.findall(r"autofunction:: (\w+)", text_of("reference/readiness"))
    assert told == [maker.__name__ for maker in ready.MAKERS]


@pytest.mark.parametrize("name", [name for name in pytest_foodtrucks.__all__ if name != "ready"])
def test_each_public_name_is_in_the_reference(name: str) -> None:
    told = re.findall(r"auto(?:class|function|exception):: (\w+)", text_of(*_names_below("reference")))
    assert name in {*told, *(error.__name__ for error in reference.errors())}


def _names_below(folder: str) -> list[str]:
    return [str(page.relative_to(DOCS).with_suffix("")) for page in sorted((DOCS / folder).glob("*.md"))]


def test_the_errors_that_an_agent_can_meet_are_told() -> None:
    told = set(re.findall(r"`(\w+)`", " ".join(row[0] for row in rows(text_of("agents"), "you see"))))
    only_in_checks_of_ones_own = {"FoodtrucksError", "NotReady"}
    assert told == {error.__name__ for error in reference.errors()} - only_in_checks_of_ones_own


def test_the_table_of_faults_tells_their_arguments() -> None:
    told = [row[0].strip("`") for row in rows(text_of("how-to/faults"), "on a service")]
    signatures = {name: inspect.signature(each) for name, each in vars(Service).items() if inspect.isfunction(each)}
    blocks = [name for name, each in signatures.items() if each.return_annotation == AbstractContextManager[None]]
    assert told == [_call(name, signatures[name]) for name in [*blocks, "restart"]]


def test_the_table_of_what_a_service_offers_is_complete() -> None:
    table = rows(text_of("reference/service"), "of a service")
    told = {re.split(r"\W", call)[0] for row in table for call in re.findall(r"`([^`]+)`", row[0])}
    assert {name for name in vars(Service) if not name.startswith("_")} <= told


def test_the_table_of_what_a_service_offers_tells_the_arguments_that_go_by_keyword() -> None:
    table = rows(text_of("reference/service"), "of a service")
    calls = [call for row in table for call in re.findall(r"`(\w+\([^`]*=\))`", row[0])]
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
    told = {row[0].strip("`") for row in rows(text_of("reference/assertions"), "name")}
    public = [*(name for name in pytest_foodtrucks.__all__ if name.startswith("assert_")), "reachability"]
    for name in public:
        parameters = inspect.signature(getattr(pytest_foodtrucks, name)).parameters.values()
        shown = [str(p.replace(annotation=p.empty)) for p in parameters if p.name not in {"clock", "sleep"}]
        assert f"{name}({', '.join(shown)})" in told


def test_the_table_of_kinds_is_complete() -> None:
    told = [row[0].strip("`") for row in rows(text_of("reference/verdicts"), "kind")]
    assert told == [str(kind) for kind in VerdictKind]


@pytest.mark.parametrize(
    ("page", "files"),
    [
        (
            "how-to/own-app",
            [f"examples/own_service/{file}" for file in ("conftest.py", "tests/test_menu.py", "menu/menu.py")],
        ),
        ("how-to/own-app", [f"examples/own_service/menu/{file}" for file in ("Dockerfile", "requirements.txt")]),
        ("how-to/fastapi-app", ["examples/fastapi_app/conftest.py", "examples/fastapi_app/tests/test_app.py"]),
        ("how-to/types", ["tests/type_checks/shown.py"]),
        ("how-to/github-actions", ["examples/ci/.github/workflows/tests.yml"]),
        ("how-to/gitlab", ["examples/ci/.gitlab-ci.yml"]),
        ("how-to/jenkins", ["examples/ci/Jenkinsfile"]),
    ],
)
def test_a_page_shows_files_that_are_run_or_checked_where_they_are(page: str, files: list[str]) -> None:
    for file in files:
        assert f"{{literalinclude}} ../../{file}\n" in text_of(page)


def test_an_own_app_with_elasticsearch_and_a_second_service_takes_at_most_20_lines() -> None:
    services = (ROOT / "examples/own_service/conftest.py").read_text(encoding="utf-8")
    assert len([line for line in services.splitlines() if line]) <= 20, "blank lines aside"
    assert "redis = service" in services


def test_no_seed_that_is_shown_swallows_the_errors_of_its_documents() -> None:
    shown = {str(file): file.read_text(encoding="utf-8") for file in (ROOT / "examples").rglob("*.py")}
    shown |= {block.place: block.text for block in python_blocks()}
    assert [place for place, text in shown.items() if re.search(r"\.bulk\(", text)] == []


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150


def test_a_link_of_the_readme_leads_to_a_file() -> None:
    links = re.findall(r'(?:\]\(|src(?:set)?=")([^)#"]+)[)#"]', README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_the_picture_is_the_same_in_both_themes_but_for_its_colours() -> None:
    light, dark = ((DOCS / f"network-{theme}.svg").read_text(encoding="utf-8") for theme in ("light", "dark"))
    assert light != dark
    assert re.sub(r"#[0-9a-f]{6}", "#", light) == re.sub(r"#[0-9a-f]{6}", "#", dark)


def test_each_page_is_a_page_and_no_chapter() -> None:
    written_by_long_runs = {"reliability.md"}
    long = {page.name for page in PAGES if len(page.read_text(encoding="utf-8").splitlines()) > 200}
    assert long <= written_by_long_runs
