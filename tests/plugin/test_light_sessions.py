"""What a session costs that uses nothing of ours: a few small modules, and no heavy import."""

import subprocess
import sys

import pytest

HEAVY = ["docker", "requests", "elasticsearch", "elastic_transport", "httpx2", "rich", "tenacity"]

REPORT = """
import sys

def pytest_unconfigure():
    print("HEAVY", sorted({module.partition(".")[0] for module in sys.modules} & set(%r)))
""" % (HEAVY,)  # noqa: UP031 - the text has braces

DEFINITIONS = """
from pytest_foodtrucks import elasticsearch_service, network, ready, service

other_net = network()
victim = service(image="busybox", ready=ready.log("started"), ports=[80])
search = elasticsearch_service(version="8.8.2")
"""


def heavy(pytester: pytest.Pytester, conftest: str, *arguments: str) -> str:
    """Run a session in a process of its own, and return the line with its heavy imports."""
    pytester.makeconftest(conftest)
    pytester.makepyfile("def test_nothing(): pass\ndef test_ours(es_on_net): pass")
    result = pytester.runpytest_subprocess("-m", "not foodtrucks", *arguments)
    result.assert_outcomes(passed=1, deselected=1)
    return next(line for line in result.outlines if line.startswith("HEAVY"))


def test_a_session_that_uses_nothing_of_ours_imports_nothing_heavy(pytester: pytest.Pytester) -> None:
    assert heavy(pytester, REPORT) == "HEAVY []"


def test_definitions_that_no_test_asks_for_import_nothing_heavy(pytester: pytest.Pytester) -> None:
    assert heavy(pytester, REPORT + DEFINITIONS) == "HEAVY []"


def test_definitions_and_options_import_nothing_heavy(pytester: pytest.Pytester) -> None:
    assert heavy(pytester, REPORT, "--foodtrucks-es-version=8.8.2", "--foodtrucks-engine=docker") == "HEAVY []"


LIGHT = {
    "pytest_foodtrucks",
    "pytest_foodtrucks.clock",
    "pytest_foodtrucks.fixtures",
    "pytest_foodtrucks.fixtures.stash",
    "pytest_foodtrucks.options",
    "pytest_foodtrucks.plugin",
}
"""All that pytest loads of ours in a session that uses none of our fixtures."""

MODULES = """
import sys

def pytest_unconfigure():
    print("MODULES", *sys.modules)
"""


def modules(pytester: pytest.Pytester, *arguments: str) -> set[str]:
    """Return the modules that are loaded at the end of a session without a fixture of ours."""
    pytester.makeconftest(MODULES)
    pytester.makepyfile(
        """
        import pytest

        def test_nothing(tmp_path, monkeypatch): pass

        @pytest.mark.skip
        def test_skipped(): pass
        """
    )
    result = pytester.runpytest_subprocess(*arguments)
    result.assert_outcomes(passed=1, skipped=1)
    return set(next(line for line in result.outlines if line.startswith("MODULES")).split()[1:])


def test_a_session_that_uses_nothing_of_ours_loads_few_modules_and_none_of_others(pytester: pytest.Pytester) -> None:
    rewriting = {"_ast_unparse"}  # of Python 3.14: pytest loads it where it rewrites a plugin's asserts
    assert modules(pytester) - modules(pytester, "-p", "no:foodtrucks") - rewriting == LIGHT


@pytest.mark.parametrize(
    "name", ["service", "ready", "FoodtrucksError", "NotReady", "Verdict", "Service", "Network", "assert_matrix"]
)
def test_a_public_name_alone_imports_nothing_heavy(name: str) -> None:
    script = f"import sys\nfrom pytest_foodtrucks import {name}\nprint(sorted(set(sys.modules) & set({HEAVY!r})))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"
