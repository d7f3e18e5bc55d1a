"""Options as pytest reads them, and what a wrong one does to a session."""

from collections.abc import Callable

import pytest

from option_examples import VALUES
from pytest_foodtrucks.options import OPTIONS, Option
from pytest_foodtrucks.settings import PARSERS

SHOW = """
    from pytest_foodtrucks.fixtures.stash import settings_of

    def test_show(pytestconfig):
        print("SETTINGS", settings_of(pytestconfig))
"""

TEXTS = {name: texts[0] for name, texts in VALUES.items()}
"""For each option a text that means another value than its default."""

TOML_TYPES = pytest.mark.needs("pytest>=9")
"""It brought the section [tool.pytest], whose values have TOML's types."""

each_option = pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)


@pytest.fixture
def shown(pytester: pytest.Pytester) -> Callable[..., str]:
    """Return a function that runs a session and returns the settings that it had."""

    def run(*arguments: str) -> str:
        pytester.makepyfile(SHOW)
        result = pytester.runpytest_inprocess("-s", *arguments)
        result.assert_outcomes(passed=1)
        return next(line for line in result.outlines if "SETTINGS" in line)

    return run


def expected(option: Option) -> str:
    """Return how an option's text above shows among the settings."""
    return f"{option.field}={PARSERS[option.field](TEXTS[option.name])!r}"


def test_each_option_can_be_given_on_the_command_line(shown: Callable[..., str]) -> None:
    line = shown(*(option.flag if option.switch else f"{option.flag}={TEXTS[option.name]}" for option in OPTIONS))
    for option in OPTIONS:
        assert expected(option) in line


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.switch], ids=lambda option: option.name)
def test_a_switch_is_turned_off_by_a_flag_of_its_own(
    shown: Callable[..., str], monkeypatch: pytest.MonkeyPatch, option: Option
) -> None:
    monkeypatch.setenv(option.variable, "on")
    assert f"{option.field}=False" in shown(option.off_flag)


@TOML_TYPES
def test_a_switch_may_be_a_truth_value_of_toml(pytester: pytest.Pytester, shown: Callable[..., str]) -> None:
    pytester.makepyprojecttoml("[tool.pytest]\nfoodtrucks_reuse = true")
    assert "reuse=True" in shown()


def test_each_option_can_be_given_in_the_environment(
    shown: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for option in OPTIONS:
        monkeypatch.setenv(option.variable, TEXTS[option.name])
    line = shown()
    for option in OPTIONS:
        assert expected(option) in line


def test_what_a_test_puts_into_the_environment_sets_nothing_of_its_own_session(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from pytest_foodtrucks.fixtures.stash import settings_of

        def test_first_look(pytestconfig, monkeypatch):
            monkeypatch.setenv("FOODTRUCKS_PULL", "never")
            assert settings_of(pytestconfig).pull == "missing"
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("file", "section", "quote"),
    [
        ("pytest.ini", "pytest", ""),
        ("tox.ini", "pytest", ""),
        ("pyproject.toml", "tool.pytest.ini_options", '"'),
        pytest.param(
            "pyproject.toml",
            "tool.pytest",
            '"',
            marks=TOML_TYPES,
        ),
    ],
)
def test_each_option_can_be_given_in_a_configuration_file(
    pytester: pytest.Pytester, shown: Callable[..., str], file: str, section: str, quote: str
) -> None:
    lines = [f"{option.ini} = {quote}{TEXTS[option.name]}{quote}" for option in OPTIONS]
    (pytester.path / file).write_text("\n".join([f"[{section}]", *lines]))
    line = shown("--strict-config")
    for option in OPTIONS:
        assert expected(option) in line


@each_option
def test_each_option_can_be_overridden_for_one_session(shown: Callable[..., str], option: Option) -> None:
    assert expected(option) in shown("-o", f"{option.ini}={TEXTS[option.name]}")


@pytest.mark.parametrize("section", ["tool.pytest.ini_options", pytest.param("tool.pytest", marks=TOML_TYPES)])
@pytest.mark.parametrize(("value", "seconds"), [("180", 180.0), ('"180"', 180.0), ("0.5", 0.5)])
def test_toml_may_give_seconds_as_a_number_or_a_text(
    pytester: pytest.Pytester, shown: Callable[..., str], section: str, value: str, seconds: float
) -> None:
    pytester.makepyprojecttoml(f"[{section}]\nfoodtrucks_timeout = {value}")
    assert f"timeout={seconds}" in shown()


def test_the_command_line_beats_the_environment_and_that_the_file(
    pytester: pytest.Pytester, shown: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeini("[pytest]\nfoodtrucks_timeout = 1\nfoodtrucks_pull = never")
    assert "timeout=1.0" in shown()
    monkeypatch.setenv("FOODTRUCKS_TIMEOUT", "2")
    assert "timeout=2.0" in shown()
    assert "timeout=3.0" in shown("--foodtrucks-timeout=3")
    assert "pull='never'" in shown("--foodtrucks-timeout=3")


# wrong values

NOTHING_RUNS = """
    raise SystemExit("collected")
"""


def refusal(pytester: pytest.Pytester, *arguments: str) -> str:
    """Run a session that is refused before anything is collected, and return the one line that says why."""
    pytester.makepyfile(NOTHING_RUNS)
    result = pytester.runpytest_inprocess(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "collected" not in result.stdout.str()
    lines = [line for line in result.errlines if line.strip()]
    assert len(lines) == 1
    return lines[0]


def test_a_wrong_value_on_the_command_line_ends_the_session_with_one_line(pytester: pytest.Pytester) -> None:
    assert refusal(pytester, "--foodtrucks-pull=sometimes") == (
        "ERROR: --foodtrucks-pull on the command line is 'sometimes'. Remedy: use one of: missing, always, never."
    )


def test_a_wrong_value_in_the_environment_does_too(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOODTRUCKS_ES_HEAP", "1m")
    assert refusal(pytester) == (
        "ERROR: FOODTRUCKS_ES_HEAP in the environment is '1m'. Remedy: Elasticsearch cannot start with so little: use "
        "at least 128m, better 512m."
    )


def test_a_wrong_value_in_the_configuration_file_does_too(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nfoodtrucks_engine = podman")
    assert "foodtrucks_engine in pytest's configuration file is 'podman'. Remedy: " in refusal(pytester)


def test_a_tagged_image_beside_a_version_does_too(pytester: pytest.Pytester) -> None:
    line = refusal(pytester, "--foodtrucks-es-image=team/es:8.8.2", "-o", "foodtrucks_es_version=9.5.0")
    assert "'team/es:8.8.2'" in line
    assert "'9.5.0'" in line


@TOML_TYPES
@pytest.mark.parametrize("value", ["true", "[120]", "{ seconds = 120 }"])
def test_a_value_of_another_toml_type_does_too(pytester: pytest.Pytester, value: str) -> None:
    pytester.makepyprojecttoml(f"[tool.pytest]\nfoodtrucks_timeout = {value}")
    assert "foodtrucks_timeout in pytest's configuration file is" in refusal(pytester)


def test_an_unknown_option_is_pytests_own_usage_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(NOTHING_RUNS)
    result = pytester.runpytest_inprocess("--foodtrucks-nope=1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*unrecognized arguments: --foodtrucks-nope=1"])


def test_there_is_no_option_to_skip_what_needs_an_engine() -> None:
    assert not [option.name for option in OPTIONS if "skip" in option.name]


# help


def test_help_lists_each_option_and_its_name_in_the_file(pytester: pytest.Pytester) -> None:
    text = pytester.runpytest_inprocess("--help").stdout.str()
    for option in OPTIONS:
        assert (option.flag if option.switch else f"{option.flag}={option.metavar}") in text
        assert option.variable in text
        assert f"{option.ini} (" in text


def test_help_names_values_and_what_a_switch_turns_off(pytester: pytest.Pytester) -> None:
    text = " ".join(pytester.runpytest_inprocess("--help").stdout.str().split())
    assert "--foodtrucks-pull=missing|always|never" in text
    assert "TESTCONTAINERS_HOST_OVERRIDE" in text
    assert "--no-foodtrucks-reuse turns --foodtrucks-reuse off, where the environment" in text


@each_option
def test_each_help_is_a_phrase(option: Option) -> None:
    assert option.help
    assert option.help[0].islower() or option.help.startswith("Elasticsearch")
    assert not option.help.endswith(".")


def test_to_make_all_anew_is_said_on_the_command_line_only(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("--help")
    result.stdout.fnmatch_lines(["  --foodtrucks-fresh *"])
    result.stdout.no_fnmatch_line("*foodtrucks_fresh*")
    assert pytester.parseconfig().option.foodtrucks_fresh is False
    assert pytester.parseconfig("--foodtrucks-fresh").option.foodtrucks_fresh is True
