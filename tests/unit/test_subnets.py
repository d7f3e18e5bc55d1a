"""A free subnet overlaps neither the engine's networks nor the host's routes."""

import ipaddress
import random
from pathlib import Path

import pytest

from pytest_foodtrucks.engine.subnets import free_subnet, gateway_of, host_routes

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010AA8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000AA8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t00000000\t010AA8C0\t0003\t0\t0\t0\t00000080\t0\t0\t0
tun0\t00000080\t010AA8C0\t0003\t0\t0\t0\t00000080\t0\t0\t0
tun0\t0000000A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def test_a_subnet_is_private_and_small() -> None:
    subnet = ipaddress.ip_network(str(free_subnet([])))
    assert subnet.subnet_of(ipaddress.ip_network("10.0.0.0/8"))  # type: ignore[arg-type] # both are IPv4
    assert subnet.num_addresses == 64


def test_what_is_taken_is_left_alone() -> None:
    taken = ["10.0.0.0/9", "10.128.0.0/10", "10.192.0.0/11", "fd00::/8", "no network"]
    for seed in range(20):
        subnet = ipaddress.ip_network(str(free_subnet(taken, choose=random.Random(seed))))  # noqa: S311 - no secret
        assert subnet.subnet_of(ipaddress.ip_network("10.224.0.0/11"))  # type: ignore[arg-type] # both are IPv4


def test_where_all_is_taken_there_is_none() -> None:
    assert free_subnet(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]) is None


@pytest.mark.parametrize(
    ("taken", "left"), [(["10.0.0.0/8"], "172.16.0.0/12"), (["10.0.0.0/8", "172.16.0.0/12"], "192.168.0.0/16")]
)
def test_where_a_private_range_is_taken_the_next_one_has_room(taken: list[str], left: str) -> None:
    subnet = ipaddress.ip_network(str(free_subnet(taken)))
    assert subnet.subnet_of(ipaddress.ip_network(left))  # type: ignore[arg-type] # both are IPv4


@pytest.mark.parametrize(
    ("config", "gateway"),
    [
        ({"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.254/16"}, "172.18.0.254"),
        ({"Subnet": "172.17.0.0/16"}, "172.17.0.1"),
        ({"Subnet": "fd00:58::/64", "Gateway": ""}, "fd00:58::1"),
        ({"Subnet": "10.56.0.0/24", "IPRange": "10.56.0.128/25"}, "10.56.0.128"),
        ({}, ""),
    ],
)
def test_the_gateway_is_what_the_engine_tells_or_takes(config: dict[str, str], gateway: str) -> None:
    assert gateway_of(config) == gateway


def test_the_hosts_routes_are_read_but_for_the_default_ones(tmp_path: Path) -> None:
    (tmp_path / "route").write_text(ROUTES, encoding="ascii")
    assert host_routes(tmp_path / "route") == ["192.168.10.0/24", "10.0.0.0/16"]
    assert host_routes(tmp_path / "nothing") == []
