"""What the unit tests share."""

from collections.abc import Iterator

import pytest

from pytest_foodtrucks.probes import network_changes


@pytest.fixture(autouse=True)
def pauses() -> Iterator[list[float]]:
    """Note the pauses between questions that networks' creation disturbs, in seconds; nobody waits for them.

    Not by a test's own `monkeypatch`, which would then be undone after all of its fixtures.
    """
    noted: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network_changes, "sleep", noted.append)
        yield noted
