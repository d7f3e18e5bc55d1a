"""An engine whose address pools are all used: a daemon of its own with tiny pools."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from pytest_foodtrucks import Engine

from .conftest import Downstream
from .own_daemon import own_daemon


@pytest.fixture
def crowded(foodtrucks_engine: Engine) -> Iterator[Engine]:
    """Start a daemon that has room for one network, and use that up."""
    pool = "--default-address-pool=base=10.98.0.0/24,size=24"
    with own_daemon(foodtrucks_engine, pool) as daemon, closing(daemon.engine()) as engine:
        engine.create_network("neighbour", driver="bridge", internal=False, labels={})
        yield engine


def test_a_session_ends_well_on_a_subnet_that_was_free(downstream: Downstream, crowded: Engine) -> None:
    downstream.write(
        test_it="""
        def test_it(foodtrucks_net, net_probe):
            assert foodtrucks_net.subnet.startswith("10.")
            assert foodtrucks_net.gateway == net_probe.container.attachments[0].gateways[0]
            with foodtrucks_net.probe() as other:
                assert net_probe.resolve(other.container.name) == [other.container.ip]
        """
    )
    result = downstream.run(f"--foodtrucks-engine={crowded.url}")
    result.assert_outcomes(passed=1)
    result.stderr.fnmatch_lines("*the engine's address pools are used up; foodtrucks-net-* is on 10.*, which was free")
    assert crowded.labels("networks", "pytest-foodtrucks") == {}
