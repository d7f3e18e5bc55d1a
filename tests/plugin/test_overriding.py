"""Overriding es_seed, es_on_net and web_on_net: in one place it works, in two it is told."""

from fnmatch import fnmatch

import pytest

NETWORK = """
import pytest
from fakes.defining import DefiningNetwork

@pytest.fixture(scope="session")
def foodtrucks_net():
    return DefiningNetwork()
"""


def override(name: str, value: str, scope: str = "session") -> str:
    """Return the source of a fixture that returns a text."""
    return f"""
import pytest

@pytest.fixture(scope="{scope}")
def {name}():
    return "{value}"
"""


def write(pytester: pytest.Pytester, **files: str) -> None:
    """Write files; two underscores stand for a folder."""
    for name, text in files.items():
        path = pytester.path / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)


SEED = """
from pytest_foodtrucks import elasticsearch_service

@pytest.fixture(scope="session")
def es_seed():
    def seed(es):
        es.seeded += 1
    return seed
"""

watched = pytest.mark.parametrize("name", ["es_seed", "es_on_net", "web_on_net"])


@watched
def test_an_override_in_the_root_conftest_is_what_all_tests_get(pytester: pytest.Pytester, name: str) -> None:
    write(
        pytester,
        conftest=override(name, "mine"),
        test_root=f"def test_root({name}): assert {name} == 'mine'",
        sub__test_sub=f"def test_sub({name}): assert {name} == 'mine'",
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_an_overridden_seed_is_called_by_our_elasticsearch(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        conftest=NETWORK
        + """
@pytest.fixture(scope="session")
def es_seed():
    def seed(es):
        es.seeded += 1
    return seed
""",
        test_it="def test_it(es_on_net): assert es_on_net.seeded == 1",
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


@pytest.mark.parametrize("scope", ["", "scope='module', shared=False", "scope=lambda fixture_name, config: 'module'"])
def test_an_overridden_seed_is_called_by_an_overridden_elasticsearch(pytester: pytest.Pytester, scope: str) -> None:
    write(
        pytester,
        conftest=f"""{NETWORK}
{SEED}
search = es_on_net = elasticsearch_service({scope})
""",
        test_it="""
def test_mine(es_on_net): assert es_on_net.seeded == 1
def test_another_name_has_no_seed(search): assert search.seeded == 0
""",
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_an_overridden_elasticsearch_keeps_the_seed_that_it_names(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        conftest=f"""{NETWORK}
{SEED}
@pytest.fixture(scope="session")
def other(): return lambda es: vars(es).update(seeded="other")

es_on_net = elasticsearch_service(seed="other")
""",
        test_it="def test_it(es_on_net): assert es_on_net.seeded == 'other'",
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_two_seeds_of_an_overridden_elasticsearch_are_told(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        conftest=f"{NETWORK}\n{SEED}\nes_on_net = elasticsearch_service()",
        test_a="def test_root(es_on_net): pass",
        sub__conftest="import pytest\n" + SEED,
        sub__test_sub="def test_sub(es_on_net): pass",
    )
    assert "The fixture es_seed has two definitions" in refused(pytester)


def test_the_seed_is_called_once_for_all_tests(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        conftest=NETWORK
        + """
@pytest.fixture(scope="session")
def es_seed():
    def seed(es):
        es.seeded += 1
    return seed
""",
        test_it="""
import pytest

@pytest.mark.parametrize("number", range(3))
def test_it(es_on_net, number):
    assert es_on_net.seeded == 1
""",
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=3)


def test_clients_follow_an_override(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        conftest="""
import pytest

class Mine:
    client = "my client"

@pytest.fixture(scope="session")
def es_on_net():
    return Mine

@pytest.fixture(scope="session")
def web_on_net():
    return Mine
""",
        test_it="def test_it(es_client, web_client): assert es_client == web_client == 'my client'",
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_the_web_app_follows_an_override_of_elasticsearch(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        conftest=NETWORK
        + """
@pytest.fixture(scope="session")
def es_on_net(foodtrucks_net):
    foodtrucks_net.up.append("my es")
""",
        test_it="""
def test_it(web_on_net, foodtrucks_net):
    assert foodtrucks_net.up == ["my es", "foodtrucks-web"]
""",
    )
    pytester.runpytest_inprocess("--foodtrucks-web-image=team/web").assert_outcomes(passed=1)


# in two places


def refused(pytester: pytest.Pytester, *arguments: str) -> str:
    """Run a session whose collection ends with one error; return what was said."""
    result = pytester.runpytest_inprocess(*arguments)
    result.assert_outcomes(errors=1)
    text = result.stdout.str()
    assert "Traceback" not in text
    return text


WAYS_OUT = {
    "es_seed": "let one es_seed, in the root conftest.py, put the data of all tests there; or *own_stack*es_index.",
    "es_on_net": "keep one of them, in the root conftest.py; or give one of them another name; or *own_stack*",
    "web_on_net": "keep one of them, in the root conftest.py; or give one of them another name; or *own_stack*",
}


@pytest.mark.parametrize(("name", "remedy"), WAYS_OUT.items())
@pytest.mark.parametrize("order", [("test_root.py", "sub/test_sub.py"), ("sub/test_sub.py", "test_root.py")])
def test_an_override_in_root_and_subfolder_is_told_with_both_files_their_tests_and_the_ways_out(
    pytester: pytest.Pytester, name: str, remedy: str, order: tuple[str, str]
) -> None:
    write(
        pytester,
        conftest=override(name, "root"),
        test_root=f"def test_root({name}): pass\ndef test_too({name}): pass\ndef test_three({name}): pass",
        sub__conftest=override(name, "sub"),
        sub__test_sub=f"def test_sub({name}): pass",
    )
    (line,) = [line for line in refused(pytester, *order).splitlines() if "has two definitions" in line]
    assert fnmatch(
        line,
        f"sub/conftest.py:4: The fixture {name} has two definitions, and *: conftest.py:4 (for test_root.py::test_root "
        f"and 2 others), sub/conftest.py:4 (for sub/test_sub.py::test_sub). Remedy: {remedy}",
    )


@watched
@pytest.mark.parametrize("chosen", ["test_root.py", "sub"])
def test_two_definitions_are_fine_where_the_collected_tests_use_one(
    pytester: pytest.Pytester, name: str, chosen: str
) -> None:
    write(
        pytester,
        conftest=override(name, "root"),
        test_root=f"def test_it({name}): assert {name} == 'root'",
        sub__conftest=override(name, "sub"),
        sub__test_sub=f"def test_it({name}): assert {name} == 'sub'\ndef test_without(): pass",
    )
    pytester.runpytest_inprocess(chosen, "-k", "test_it").assert_outcomes(
        passed=1, deselected=1 if chosen == "sub" else 0
    )
    pytester.runpytest_inprocess("-k", "test_root or test_without").assert_outcomes(passed=2, deselected=1)


def test_several_definitions_are_told_together(pytester: pytest.Pytester) -> None:
    seed = override("es_seed", "mine")
    for number in range(3):
        folder = f"folder{number}"
        write(
            pytester,
            **{f"{folder}__conftest": seed, f"{folder}__test_{number}": "def test(es_seed): pass"},
        )
    assert "The fixture es_seed has 3 definitions, and " in refused(pytester)


@pytest.mark.needs("pytest-xdist")
def test_two_definitions_are_told_once_by_all_workers(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        conftest=override("es_seed", "root"),
        test_root="def test_root(es_seed): pass",
        sub__conftest=override("es_seed", "sub"),
        sub__test_sub="def test_sub(es_seed): pass",
    )
    result = pytester.runpytest_inprocess("-n2")
    assert result.ret != pytest.ExitCode.OK
    assert result.stdout.str().count("The fixture es_seed has two definitions") == 1


@watched
def test_an_override_in_a_test_module_beside_tests_that_get_ours_is_told(pytester: pytest.Pytester, name: str) -> None:
    write(
        pytester,
        conftest=NETWORK,
        test_a=override(name, "mine") + f"\ndef test_mine({name}): pass",
        test_b=f"def test_ours({name}): pass",
    )
    text = refused(pytester, "--foodtrucks-web-image=team/web")
    assert f"The fixture {name} has two definitions, and " in text
    assert ": the plugin's own (for test_b.py::test_ours), test_a.py:4 (for test_a.py::test_mine). Remedy: " in text


def test_a_conflict_is_told_even_if_the_fixture_is_asked_for_by_way_of_others(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        conftest=NETWORK,
        test_a="def test_ours(es_on_net): pass",
        test_b=override("es_seed", "mine") + "\ndef test_mine(es_on_net): pass",
    )
    assert "The fixture es_seed has two definitions" in refused(pytester)


def test_a_conflict_by_factories_names_the_files_where_they_were_called(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        conftest=NETWORK + "\nfrom pytest_foodtrucks import service\nweb_on_net = service(image='one')",
        test_root="def test_root(web_on_net): pass",
        sub__conftest="from pytest_foodtrucks import service\nweb_on_net = service(image='two')",
        sub__test_sub="def test_sub(web_on_net): pass",
    )
    text = refused(pytester, "test_root.py", "sub")
    assert ": conftest.py:10 (for test_root.py::test_root), sub/conftest.py:2 (for sub/test_sub.py::test_sub)" in text


# in two places, which shows only when the tests run


def test_a_definition_that_is_asked_for_dynamically_fails_the_second_test_and_names_both_files(
    pytester: pytest.Pytester,
) -> None:
    write(
        pytester,
        conftest=override("es_on_net", "root"),
        sub__conftest=override("es_on_net", "sub"),
        sub__test_sub="def test_sub(es_on_net): pass",
        test_root="def test_before(request): request.getfixturevalue('es_on_net')",
        test_z="def test_after(request): request.getfixturevalue('es_on_net')",
    )
    result = pytester.runpytest_inprocess("test_root.py", "sub", "test_z.py")
    result.assert_outcomes(passed=2, errors=1)
    used, wanted = pytester.path / "conftest.py", pytester.path / "sub/conftest.py"
    assert (
        f"The fixture es_on_net has two definitions: {used} is in use for this session, and this test sees the one in "
        f"{wanted}. Remedy: keep one of them, in the root conftest.py." in result.stdout.str().replace("\nE   ", "")
    )


# what is no conflict


@watched
def test_overrides_of_narrow_scope_in_two_modules_are_fine_one_after_the_other(
    pytester: pytest.Pytester, name: str
) -> None:
    write(
        pytester,
        test_a=override(name, "a", "module") + f"\ndef test_a({name}): assert {name} == 'a'",
        test_b=override(name, "b", "module") + f"\ndef test_b({name}): assert {name} == 'b'",
        test_c=override(name, "c", "function") + f"\ndef test_c({name}): assert {name} == 'c'",
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=3)


def test_an_override_that_extends_the_one_above_is_no_conflict(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        conftest=NETWORK
        + """
@pytest.fixture(scope="session")
def es_on_net(es_on_net):
    return es_on_net.alias, "extended"
""",
        test_it="""
def test_first(es_on_net): assert es_on_net == ("es", "extended")
def test_second(es_on_net): assert es_on_net == ("es", "extended")
""",
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


EXTENSION = """
import pytest

@pytest.fixture(scope="{scope}")
def es_on_net(es_on_net):
    return es_on_net.alias, "extended"
"""


@pytest.mark.parametrize("order", [("test_root.py", "sub"), ("sub", "test_root.py")])
@pytest.mark.parametrize("scope", ["session", "module", "function"])
def test_an_extension_in_a_subfolder_shares_what_it_extends(
    pytester: pytest.Pytester, order: tuple[str, str], scope: str
) -> None:
    write(
        pytester,
        conftest=NETWORK,
        test_root="def test_root(es_on_net, foodtrucks_net): assert foodtrucks_net.up == [es_on_net.alias]",
        sub__conftest=EXTENSION.format(scope=scope),
        sub__test_sub="""
def test_first(es_on_net): assert es_on_net == ("es", "extended")
def test_second(es_on_net, foodtrucks_net): assert foodtrucks_net.up == [es_on_net[0]]
""",
    )
    pytester.runpytest_inprocess(*order).assert_outcomes(passed=3)


def test_an_extension_of_the_seed_in_a_subfolder_is_a_conflict_because_it_would_not_be_called(
    pytester: pytest.Pytester,
) -> None:
    write(
        pytester,
        conftest=NETWORK,
        test_root="def test_root(es_on_net): pass",
        sub__conftest="""
import pytest

@pytest.fixture(scope="session")
def es_seed(es_seed):
    return es_seed
""",
        sub__test_sub="def test_sub(es_on_net): pass",
    )
    assert "The fixture es_seed has two definitions" in refused(pytester, "test_root.py", "sub")
