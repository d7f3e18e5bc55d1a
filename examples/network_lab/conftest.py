"""The lab: the default bridge, two networks of one's own, an internal one, and services on two networks at once."""

import os
from collections.abc import Iterator

import pytest

from pytest_foodtrucks import Engine, Network, Service, ServiceKeywords, network, service

# What listens on port 7000 and sends back what it gets.
ECHO: ServiceKeywords = {
    "image": os.environ.get("EXAMPLE_BUSYBOX_IMAGE", "busybox"),
    "command": ["nc", "-ll", "-p", "7000", "-e", "cat"],
    "ports": [7000],
}

# The fixture foodtrucks_net is a network of one's own, and bridge_probe asks from the engine's default bridge.
second_net = network()
internal_net = network(internal=True)

truck = service(**ECHO)
boat = service(**ECHO, network="second_net")
safe = service(**ECHO, network="internal_net")
courier = service(**ECHO, scope="module")
stand = service(**ECHO, scope="module")


@pytest.fixture(scope="module")
def courier_on_both(courier: Service, second_net: Network) -> Iterator[Service]:
    """The courier, on foodtrucks_net and on second_net: it has its names where they are given."""
    second_net.connect(courier, aliases=[courier.alias])
    yield courier
    second_net.disconnect(courier)


@pytest.fixture(scope="module")
def stand_on_bridge(stand: Service, foodtrucks_engine: Engine) -> Iterator[Service]:
    """The stand, on foodtrucks_net and on the default bridge, where it has an address and no name."""
    foodtrucks_engine.connect("bridge", stand.container.id)
    yield stand
    foodtrucks_engine.disconnect("bridge", stand.container.id)
