"""The marker `foodtrucks`, and the fixtures as pytest lists them."""

import inspect
import shutil
from pathlib import Path

import pytest

from pytest_foodtrucks import plugin

NETWORK = """
    import pytest

    from fakes.defining import DefiningNetwork

    @pytest.fixture(scope="session")
    def foodtrucks_net():
        return DefiningNetwork()
"""

FIXTURES = (
    "foodtrucks_engine",
    "foodtrucks_net",
    "es_seed",
    "es_on_net",
    "web_on_net",
    "es_client",
    "web_client",
    "es_index",
    "net_probe",
    "bridge_probe",
)


def refused(pytester: pytest.Pytester, marker: str) -> list[str]:
    """Return what is said about a test whose index has a wrong marker; nothing of it runs."""
    pytester.makeconftest(inspect.cleandoc(NETWORK))
    pytester.makepyfile(f"import pytest\n\n@pytest.mark.es_index({marker})\ndef test_it(es_index): pass")
    result = pytester.runpytest_inprocess("--strict-markers")
    result.assert_outcomes(errors=1)
    return result.outlines


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("mapping={}", "A test's index has no keyword 'mapping'; did you mean 'mappings'?"),
        ("mappings=3", "mappings=3 is no mapping. Remedy: give a mapping, as the server's API takes it."),
        ("kind='stream'", "kind='stream'. Remedy: use 'index', 'data_stream' or 'alias'."),
        ("{}", "The marker es_index takes keywords, and has {}. Remedy: write mappings=…, settings=… or kind=…."),
    ],
)
def test_a_wrong_marker_of_an_index_is_told_before_anything_starts(
    pytester: pytest.Pytester, marker: str, message: str
) -> None:
    name = "test_a_wrong_marker_of_an_index_is_told_before_anything_starts.py"
    assert f"{name}:3: {message}" in refused(pytester, marker)


def marked(pytester: pytest.Pytester) -> set[str]:
    """Return the names of the tests that carry the marker."""
    result = pytester.runpytest_inprocess("--collect-only", "-q", "--strict-markers", "-m", "foodtrucks")
    return {line.rpartition("::")[2] for line in result.outlines if "::" in line}


@pytest.mark.parametrize("fixture", FIXTURES)
def test_a_test_that_asks_for_a_fixture_of_ours_is_marked(pytester: pytest.Pytester, fixture: str) -> None:
    pytester.makepyfile(f"def test_ours({fixture}): pass\ndef test_theirs(tmp_path): pass")
    assert marked(pytester) == {"test_ours"}


def test_a_test_that_asks_by_way_of_other_fixtures_is_marked(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def trucks(search): pass

        @pytest.fixture
        def search(es_client): pass

        def test_ours(trucks): pass
        """
    )
    assert marked(pytester) == {"test_ours"}


def test_a_test_that_asks_by_usefixtures_or_autouse_is_marked(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_mark="""
        import pytest

        @pytest.mark.usefixtures("es_index")
        def test_by_mark(): pass
        """,
        test_auto="""
        import pytest

        @pytest.fixture(autouse=True)
        def always(foodtrucks_net): pass

        class TestClass:
            def test_by_autouse(self): pass
        """,
    )
    assert marked(pytester) == {"test_by_mark", "test_by_autouse"}


def test_a_test_that_asks_for_a_fixture_of_the_factories_is_marked(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from pytest_foodtrucks import elasticsearch_service, network, service

        mine = network()
        victim = service(image="busybox", network="mine")
        search = elasticsearch_service(network="mine")

        def test_network(mine): pass
        def test_service(victim): pass
        def test_search(search): pass
        """
    )
    assert marked(pytester) == {"test_network", "test_service", "test_search"}


def test_a_test_that_asks_for_an_override_by_a_factory_is_marked(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(NETWORK)
    pytester.makepyfile(
        """
        from pytest_foodtrucks import service

        web_on_net = service(image="busybox")

        def test_ours(web_on_net): pass
        """
    )
    assert marked(pytester) == {"test_ours"}


ASKED_BY_VALUE = """
import functools
import pytest

def test_constant(request): request.getfixturevalue("es_client")
def test_keyword(request): request.getfixturevalue(argname="es_client")
def test_by_way_of_another(request): request.getfixturevalue("trucks")
def test_in_a_function(request):
    def inner():
        return request.getfixturevalue("net_probe")
    inner()

class TestClass:
    def test_method(self, request):
        if request.config:
            request.getfixturevalue(
                "search"
            )

def decorated(function):
    @functools.wraps(function)
    def call(*arguments, **keywords):
        return function(*arguments, **keywords)
    return call

@decorated
def test_decorated(request): request.getfixturevalue("es_client")

def test_innocent(request): request.getfixturevalue("tmp_path")
def test_unknown(request): request.getfixturevalue("nothing_of_that_name")
def test_no_request(): getfixturevalue = print; getfixturevalue("es_client")
def test_variable(request):
    name = "es_client"
    request.getfixturevalue(name)
@pytest.mark.parametrize("name", ["es_client", "tmp_path"])
def test_parametrized(request, name): request.getfixturevalue(name)
def test_overridden(request): request.getfixturevalue("web_client")
exec("def test_without_source(request): request.getfixturevalue('es_client')")
"""


def test_a_test_whose_own_code_asks_by_a_constant_name_is_marked_and_no_other(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest
        from pytest_foodtrucks import service

        search = service(image="busybox")

        @pytest.fixture
        def trucks(es_index): return 1

        @pytest.fixture
        def web_client(): return "mine"

        @pytest.fixture
        def hidden(request): return request.getfixturevalue("es_client")
        """
    )
    pytester.makepyfile(ASKED_BY_VALUE + "def test_fixture(hidden): pass")
    seen = ["constant", "keyword", "by_way_of_another", "in_a_function", "method", "decorated"]
    assert marked(pytester) == {f"test_{name}" for name in seen}


def test_a_doctest_and_a_unittest_are_no_trouble(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        '''
        import unittest

        class Case(unittest.TestCase):
            def test_case(self):
                """
                >>> 1 + 1
                2
                """
        '''
    )
    pytester.runpytest_inprocess("--doctest-modules").assert_outcomes(passed=2)
    assert marked(pytester) == set()


def test_not_foodtrucks_leaves_our_tests_out(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_ours(es_client): raise SystemExit\ndef test_theirs(): pass")
    pytester.runpytest_inprocess("-m", "not foodtrucks").assert_outcomes(passed=1, deselected=1)


@pytest.mark.parametrize(
    "example", ["everyday", "fastapi_app", "foodtrucks", "network_lab", "own_service", "two_versions"]
)
def test_without_an_engine_an_example_has_no_error_beside_the_marked_tests(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, example: str
) -> None:
    shutil.copytree(Path(__file__).parents[2] / "examples" / example, pytester.path, dirs_exist_ok=True)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    result = pytester.runpytest_subprocess("-m", "not foodtrucks")
    assert result.parseoutcomes().keys() <= {"passed", "deselected"}


def test_the_marker_is_listed_with_its_meaning(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.foodtrucks: uses a fixture of pytest-foodtrucks*"])


def test_each_fixture_is_listed_with_its_meaning(pytester: pytest.Pytester) -> None:
    text = pytester.runpytest_inprocess("--fixtures").stdout.str()
    ours = text.partition("fixtures defined from pytest_foodtrucks.plugin")[2].partition("fixtures defined from")[0]
    assert "no docstring available" not in ours
    for name in FIXTURES:
        assert f"\n{name}" in ours


def signature(fixture: str) -> list[str]:
    """Return what a fixture of ours asks for."""
    return list(inspect.signature(getattr(plugin, fixture).__wrapped__).parameters)


@pytest.mark.parametrize("fixture", FIXTURES)
def test_our_fixtures_ask_only_for_names_that_are_ours(fixture: str) -> None:
    for name in signature(fixture):
        ours = name.startswith("foodtrucks_") or name.endswith("_on_net")
        assert ours or name in {"request", "pytestconfig", "es_seed"}


def test_only_es_on_net_asks_for_the_seed() -> None:
    assert [fixture for fixture in FIXTURES if "es_seed" in signature(fixture)] == ["es_on_net"]


def test_a_downstreams_own_clients_are_neither_marked_nor_asked_for_by_us(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def es_client():
            return "mine"

        @pytest.fixture
        def web_client():
            return "mine"
        """
    )
    pytester.makepyfile(
        """
        def test_client(es_client, web_client):
            assert (es_client, web_client) == ("mine", "mine")
        """
    )
    assert marked(pytester) == set()
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_beside_a_downstreams_own_client_the_rest_of_ours_works(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        NETWORK
        + """
    @pytest.fixture(scope="session")
    def es_client():
        return "mine"
    """
    )
    pytester.makepyfile(
        """
        def test_both(es_client, es_on_net):
            assert (es_client, es_on_net.alias) == ("mine", "es")
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
