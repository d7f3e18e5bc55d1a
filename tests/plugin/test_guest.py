"""A guest in anybody's session: whatever its tests replace and its options leave out, the plugin ends no session."""

import itertools
import re
from collections.abc import Callable

import pytest
from _pytest.config import default_plugins, essential_plugins

ENGINE = """
import pytest
from fakes.session import put_stack
from pytest_foodtrucks import network, service

@pytest.fixture(scope="session")
def foodtrucks_engine(pytestconfig):
    engine = put_stack(pytestconfig)
    engine.registry.update(busybox=[])
    return engine

box = service(image="busybox")
"""

RunPytest = Callable[..., pytest.RunResult]


@pytest.fixture
def session(pytester: pytest.Pytester) -> RunPytest:
    """Return a function that runs a test beside a service on an engine in memory."""

    def run(test: str, *arguments: str) -> pytest.RunResult:
        pytester.makeconftest(ENGINE)
        pytester.makepyfile(test)
        return pytester.runpytest_inprocess(*arguments)

    return run


# reports


@pytest.mark.parametrize("error", ["RuntimeError('blocked')", "ValueError('a\\nb')", "pytest.fail.Exception('late')"])
def test_whatever_goes_wrong_with_a_report_is_a_line_in_it(session: RunPytest, error: str) -> None:
    result = session(
        f"""
        import pytest

        def test_it(box, foodtrucks_engine):
            foodtrucks_engine.log_error = {error}
            assert "mine" == "yours"

        def test_other():
            pass
        """
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["E*assert 'mine' == 'yours'*", "-* foodtrucks -*", "(what the services logged *: *)"])


@pytest.mark.parametrize("key", ["KeyboardInterrupt", "pytest.exit.Exception"])
def test_who_ends_the_session_meanwhile_ends_it(pytester: pytest.Pytester, key: str) -> None:
    pytester.makeconftest(ENGINE)
    pytester.makepyfile(
        f"""
        import pytest

        def test_it(box, foodtrucks_engine):
            foodtrucks_engine.log_error = {key}("enough")
            assert False

        def test_other():
            pass
        """
    )
    result = pytester.runpytest_inprocess(no_reraise_ctrlc=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED


REPLACED = {
    "files": "monkeypatch.setattr('builtins.open', broken); monkeypatch.setattr('io.open_code', broken)",
    "the folder": "monkeypatch.chdir(tmp_path); tmp_path.rmdir()",
    "sockets": "monkeypatch.setattr('socket.socket', broken)",
    "imports": "monkeypatch.setattr('importlib._bootstrap_external.SourceFileLoader.get_code', broken)",
    "time": "monkeypatch.setattr('time.time', broken); monkeypatch.setattr('time.monotonic', broken)",
}


@pytest.mark.parametrize("what", REPLACED)
def test_a_test_that_replaces_what_python_has_fails_as_without_us(pytester: pytest.Pytester, what: str) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.fixture
        def broken():
            def fail(*_, **__):
                raise RuntimeError("replaced")
            return fail

        def test_it(monkeypatch, broken, tmp_path):
            {REPLACED[what]}
            assert "mine" == "yours"

        def test_other():
            pass
        """
    )
    assert outcome(pytester) == outcome(pytester, "-p", "no:foodtrucks")


def test_what_hooks_need_after_a_test_is_loaded_before_where_tests_use_a_fixture_of_ours(
    pytester: pytest.Pytester,
) -> None:
    """A test may leave no file that could be opened."""
    pytester.makepyfile(
        """
        import sys

        def test_it(es_seed):
            wanted = {"pytest_foodtrucks.fixtures.report", "pytest_foodtrucks.stacks.opening"}
            assert wanted <= sys.modules.keys()
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def outcome(pytester: pytest.Pytester, *arguments: str) -> tuple[int, list[str]]:
    """Return how a session in a process of its own ended, without what differs each time."""
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)
    assert "foodtrucks" not in result.stderr.str()
    lines = [line for line in result.outlines if not line.startswith(("plugins:", "platform"))]
    return int(result.ret), [re.sub(r" at 0x\w+|runpytest-\d+| in \d+\.\d+s|^=+|=+$", "", line) for line in lines]


# options


@pytest.mark.parametrize("plugin", sorted(set(default_plugins) - set(essential_plugins) - {"pytester"}))
def test_no_plugin_of_pytests_own_is_needed(session: RunPytest, plugin: str) -> None:
    result = session("def test_it(box): assert box.alias == 'other'", "-p", f"no:{plugin}", "-p", "no:hypothesispytest")
    assert "INTERNALERROR" not in f"{result.stdout}{result.stderr}"
    assert result.ret in {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}


@pytest.mark.parametrize("file", ["conftest.py", "test_it.py"])
def test_a_mistake_is_told_without_pytests_terminal(pytester: pytest.Pytester, file: str) -> None:
    (pytester.path / file).write_text("from pytest_foodtrucks import service\n\nbox = service(image='busybox', prot=1)")
    result = pytester.runpytest_subprocess("-p", "no:terminal")
    assert "fulltrace" not in f"{result.stdout}{result.stderr}"
    assert result.ret in {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED}


# fixtures of others

OTHERS = {
    "made by exec": "made = {}; exec('def function(): return 1', made); theirs = pytest.fixture(made['function'])",
    "nameless": "def theirs(): return 1\ntheirs.__module__ = None; theirs = pytest.fixture(theirs)",
    "numbered": "def theirs(): return 1\ntheirs.__module__ = 7; theirs = pytest.fixture(theirs)",
    "an object": "class C:\n    __name__ = 'theirs'\n    def __call__(self): return 1\ntheirs = pytest.fixture(C())",
    "with a recipe": "def theirs(): return 1\ntheirs.recipe = 'mix'; theirs = pytest.fixture(theirs)",
}


@pytest.mark.parametrize("how", OTHERS)
def test_any_fixture_of_others_is_no_trouble_and_isnt_ours(pytester: pytest.Pytester, how: str) -> None:
    pytester.makepyfile(f"import pytest\n{OTHERS[how]}\ndef test_it(theirs): assert theirs == 1")
    pytester.runpytest_inprocess("-m", "not foodtrucks").assert_outcomes(passed=1)


# homes

NO_HOME = """
import os, pwd

def nobody(_):
    raise KeyError("no such user")

pwd.getpwuid = nobody
os.environ.pop("HOME", None)
"""


@pytest.mark.needs("pytest-xdist")
@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "workers"])
def test_a_user_whose_home_nobody_knows_runs_other_tests(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    pytester.makepyfile(sitecustomize=NO_HOME)
    pytester.makepyfile("def test_it(): pass\ndef test_ours(es_on_net): pass")
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    result = pytester.runpytest_subprocess(*arguments)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["No state folder can be found: Could not determine home directory.*"])


@pytest.mark.needs("pytest-xdist")
def test_a_session_that_cant_begin_is_told_to_the_tests_that_need_one(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        from pytest_foodtrucks.sessions.session import Session

        def begin(_):
            raise RuntimeError("replaced")

        Session.begin = begin
        """
    )
    pytester.makepyfile("def test_it(): pass\ndef test_ours(es_on_net): pass")
    result = pytester.runpytest_subprocess("-n", "2")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["The session can't begin: RuntimeError: replaced"])


# lists of fixtures

LISTED = '''
import pytest
from pytest_foodtrucks import network, service
@pytest.fixture
def plain(): pass

mine = network()
redis = service(image="busybox")
"""Orders are counted here."""

web_on_net = service(
    image="busybox",
    ports=[8000],
)
"""The menu.

Second paragraph.
"""
'''


@pytest.mark.parametrize("arguments", [("--fixtures",), ("--fixtures", "-v"), ("--fixtures-per-test",)])
def test_services_are_listed_where_they_were_written(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    pytester.makeconftest(LISTED)
    pytester.makepyfile("def test_it(plain, mine, redis, web_on_net): pass")
    lines = pytester.runpytest_inprocess(*arguments).outlines
    listed = {
        line.split(" -- ")[0]: (int(line.rpartition(":")[2]), below.strip())
        for line, below in itertools.pairwise(line.replace(" [session scope]", "") for line in lines)
        if " -- conftest.py:" in line
    }
    first, _ = listed["plain"]  # pytest 8 counts from 0
    assert listed["mine"] == (first + 3, "A throwaway network.")
    assert listed["redis"] == (first + 4, "Orders are counted here.")
    assert listed["web_on_net"] == (first + 7, "The menu.")
    assert ("Second paragraph." in "\n".join(lines)) == ("-v" in arguments)


def test_services_are_listed_in_the_module_that_has_them(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(LISTED)
    text = pytester.runpytest_inprocess("--fixtures").stdout.str()
    mine = text.partition("fixtures defined from conftest -")[2].partition("fixtures defined from")[0]
    names = re.findall(r"^(\w+) (?:\[session scope\] )?-- ", mine, re.MULTILINE)
    assert sorted(names) == ["mine", "plain", "redis", "web_on_net"]


def test_an_error_of_a_value_is_shown_below_the_line_of_its_service(session: RunPytest) -> None:
    result = session(
        """
        from pytest_foodtrucks import service

        def image(pytestconfig):
            raise ZeroDivisionError("of the reader's")

        first = service(image=image)

        def test_it(first): pass
        """
    )
    result.stdout.fnmatch_lines([">*first = service(image=image)", "*.py:6: *", ">*raise ZeroDivisionError*"])
