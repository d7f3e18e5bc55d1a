"""What the unit tests share."""

import pytest

from pytest_foodtrucks.probes import network_changes


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note the pauses between questions that networks' creation disturbs, in seconds; nobody waits for them."""
    noted: list[float] = []
    monkeypatch.setattr(network_changes, "sleep", noted.append)
    return noted
