"""What all tests share: which of them a run leaves out, and how it says so."""

import os
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from typing import Final

import pytest
from packaging.requirements import Requirement

from pytest_foodtrucks.fixtures import factories

_LEFT_OUT: Final = pytest.StashKey[Counter[str]]()


@pytest.fixture(scope="session", autouse=True)
def _pytest_speaks_alike_everywhere() -> Iterator[None]:
    """Let no started pytest see that it runs in CI: there it prints each message twice, the second time uncut."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CI", "BUILD_NUMBER"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture
def factories_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests call factories, which belong outside of functions."""
    monkeypatch.setattr(factories, "refuse_where_no_test_looks", lambda *_: None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of an environment that lacks on purpose what some tests need."""
    parser.addoption(
        "--without",
        action="append",
        default=[],
        metavar="REQUIREMENT",
        help="leave out the tests that need this, which must not be installed here (see tox.ini); may be repeated",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to leave out what could run."""
    config.stash[_LEFT_OUT] = Counter()
    for requirement in config.getoption("without"):
        if _is_met(requirement):
            raise pytest.UsageError(f"--without={requirement}, and it is installed here. Remedy: leave --without out.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs something that `--without` names, and what is slow unless FOODTRUCKS_TEST_ALL is set.

    What a test needs and nobody said to be without is missed: nothing runs then.
    """
    without = set(config.getoption("without"))
    missed = {need for item in items for need in _needs(item) if need not in without and not _is_met(need)}
    if missed:
        needed = " and ".join(sorted(missed))
        raise pytest.UsageError(
            f"Some of these tests need {needed}, which isn't installed here. Remedy: ./run tests installs all; to "
            f"leave those tests out: {' '.join(f'--without={need!r}' for need in sorted(missed))}."
        )
    lacking = {item: need for item in items for need in _needs(item) if need in without}
    config.stash[_LEFT_OUT].update(lacking.values())
    everything = os.environ.get("FOODTRUCKS_TEST_ALL", "") != ""
    slow = {item for item in items if not everything and item.get_closest_marker("slow") is not None}
    config.hook.pytest_deselected(items=[item for item in items if item in slow or item in lacking])
    items[:] = [item for item in items if item not in slow and item not in lacking]


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Say how many tests run elsewhere, and why."""
    return [f"left out: {count} that need {need}" for need, count in config.stash[_LEFT_OUT].items()]


def _needs(item: pytest.Item) -> Iterator[str]:
    for mark in item.iter_markers("needs"):
        yield from mark.args


def _is_met(text: str) -> bool:
    requirement = Requirement(text)
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    return requirement.specifier.contains(version, prereleases=True)
