"""Which tests an environment leaves out: what it is said to be without, and nothing else."""

from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
INI = "[pytest]\nmarkers =\n    needs(requirement): what must be installed\n    slow: takes minutes"


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """Write a suite of three tests, of which one needs what nobody has, and one what is here."""
    pytester.makeini(INI)
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makepyfile(
        """
        import pytest

        def test_plain(): pass

        @pytest.mark.needs("no-such-package")
        def test_of_nobody(): pass

        @pytest.mark.needs("pytest>=8")
        def test_of_all(): pass
        """
    )
    return pytester


def test_what_a_test_needs_and_is_not_here_is_missed_and_nothing_runs(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "passed" not in result.parseoutcomes()
    result.stderr.fnmatch_lines(
        "ERROR: Some of these tests need no-such-package, which isn't installed here. Remedy: *"
    )


def test_what_an_environment_says_to_be_without_is_left_out_and_shown(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess("--without=no-such-package")
    result.assert_outcomes(passed=2, deselected=1)
    result.stdout.fnmatch_lines("left out: 1 that need no-such-package")


@pytest.mark.needs("pytest-xdist")
def test_workers_leave_out_the_same(suite: pytest.Pytester) -> None:
    suite.runpytest_inprocess("-n2", "--without=no-such-package").assert_outcomes(passed=2)


def test_nothing_is_left_out_that_is_here(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess("--without=no-such-package", "--without=pytest>=8")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("ERROR: --without=pytest>=8, and it is installed here. Remedy: leave --without out.")


def test_another_version_is_not_what_is_needed(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_it="import pytest\n@pytest.mark.needs('pytest>=1000')\ndef test(): pass")
    assert suite.runpytest_inprocess("test_it.py").ret == pytest.ExitCode.USAGE_ERROR
    suite.runpytest_inprocess("test_it.py", "--without=pytest>=1000").assert_outcomes(deselected=1)
