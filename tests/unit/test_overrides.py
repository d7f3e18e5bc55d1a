"""Which definition of a watched fixture is in use."""

import inspect
from pathlib import Path

import pytest

import pytest_foodtrucks
from pytest_foodtrucks.fixtures.overrides import InUse
from pytest_foodtrucks.fixtures.stash import WATCHED

pytestmark = pytest.mark.usefixtures("factories_anywhere")


def one() -> None:
    """Stand for a definition."""


def two() -> None:
    """Stand for another."""


def test_the_watched_fixtures_are_those_that_the_contract_lets_people_override() -> None:
    assert WATCHED == ("es_seed", "es_on_net", "web_on_net")


def test_nothing_in_use_conflicts_with_nothing() -> None:
    assert InUse().conflict({"es_on_net": [one]}) is None


def test_the_definition_in_use_is_no_conflict() -> None:
    use = InUse()
    use.set_up("es_on_net", one)
    assert use.conflict({"es_on_net": [one]}) is None
    assert use.conflict({"web_on_net": [two]}) is None
    assert use.conflict({}) is None


def test_another_definition_is_a_conflict_that_names_both_files_and_the_remedy() -> None:
    use = InUse()
    use.set_up("es_on_net", pytest_foodtrucks.service)
    factories = pytest_foodtrucks.service.__code__.co_filename
    assert use.conflict({"es_on_net": [one]}) == (
        f"The fixture es_on_net has two definitions: {factories} is in use for this session, and this test sees the "
        f"one in {__file__}. Remedy: keep one of them, in the root conftest.py."
    )


def test_a_definition_that_is_torn_down_conflicts_no_more() -> None:
    use = InUse()
    use.set_up("es_on_net", one)
    use.finished("es_on_net", one)
    assert use.conflict({"es_on_net": [two]}) is None


def extension(es_on_net: object, es_seed: object) -> None:
    """Stand for a definition that extends the one below."""


def test_an_extension_counts_as_what_it_extends() -> None:
    use = InUse()
    use.set_up("es_on_net", one)
    use.set_up("es_on_net", extension)
    assert use.conflict({"es_on_net": [one, extension]}) is None
    assert use.conflict({"es_on_net": [one]}) is None
    assert use.conflict({"es_on_net": [two, extension]}) is not None
    assert use.conflict({"es_on_net": [one, two]}) is not None


def test_an_extension_that_was_torn_down_leaves_what_it_extends_in_use() -> None:
    use = InUse()
    use.set_up("es_on_net", one)
    use.set_up("es_on_net", extension)
    use.finished("es_on_net", extension)
    assert use.conflict({"es_on_net": [one, extension]}) is None
    assert use.conflict({"es_on_net": [two]}) is not None


def test_of_a_seed_the_outermost_counts_because_it_alone_is_called() -> None:
    use = InUse()
    use.set_up("es_seed", one)
    use.set_up("es_seed", extension)
    assert use.conflict({"es_seed": [one, extension]}) is None
    assert use.conflict({"es_seed": [one]}) is not None


def test_another_definitions_end_changes_nothing() -> None:
    use = InUse()
    use.set_up("es_on_net", one)
    use.finished("es_on_net", two)
    assert use.conflict({"es_on_net": [two]}) is not None


def test_fixtures_of_other_names_are_nobodys_business() -> None:
    use = InUse()
    use.set_up("tmp_path", one)
    assert use.conflict({"tmp_path": [two]}) is None


def test_a_factorys_file_is_the_one_where_it_was_called() -> None:
    def by_factory() -> None:
        """Stand for a factory's fixture."""

    recipe = inspect.unwrap(pytest_foodtrucks.service(image="busybox")).recipe
    by_factory.recipe = recipe  # type: ignore[attr-defined] # as the factory does
    use = InUse()
    use.set_up("web_on_net", by_factory)
    assert str(Path(__file__)) in str(use.conflict({"web_on_net": [one]}))
