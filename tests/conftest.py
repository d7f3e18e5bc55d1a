"""What all tests share: rows that take minutes run only when they are asked for."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _pytest_speaks_alike_everywhere() -> Iterator[None]:
    """Let no started pytest see that it runs in CI: there it prints each message twice, the second time uncut."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CI", "BUILD_NUMBER"):
            patch.delenv(name, raising=False)
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `slow`, unless FOODTRUCKS_TEST_ALL is set (`./run tests --all`)."""
    if os.environ.get("FOODTRUCKS_TEST_ALL", "") != "":
        return
    slow = [item for item in items if item.get_closest_marker("slow") is not None]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]
