"""When `es_pristine` is refused: before anything could be copied, or where there is nothing to put back."""

import pytest

ANOTHERS = """
import pytest

@pytest.fixture(scope="session")
def es_on_net():
    return object()
"""


def test_where_no_factory_made_the_service_it_is_refused_with_a_remedy(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(ANOTHERS)
    pytester.makepyfile("def test_it(es_pristine): pass")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*wasn't copied before*es_on_net has to be a fixture of elasticsearch_service()*"])


def test_one_that_no_collected_test_names_is_refused_with_a_remedy(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(ANOTHERS)
    pytester.makepyfile("def test_it(request): request.getfixturevalue('es_' + 'pristine')")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no collected test names it*Remedy: name it as a parameter*usefixtures*"])
