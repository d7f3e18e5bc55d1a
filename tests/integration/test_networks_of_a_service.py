"""A service on several networks from its start: its names, addresses and faults there, workers, kept stacks."""

import ipaddress
import os
import random
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import ECHO, ECHO_COMMAND, IDLE, IMAGE
from pytest_foodtrucks import (
    DefinitionError,
    EngineError,
    Network,
    Probe,
    Service,
    StartError,
    assert_isolated,
    assert_matrix,
    assert_not_resolves,
    assert_reachable,
    assert_resolves,
    cli,
    network,
    reachability,
    service,
)
from pytest_foodtrucks.services.network_part import throwaway_network

from .conftest import Downstream

_RANDOM = random.Random(os.getpid())  # noqa: S311 - no secret
FRONT = ipaddress.ip_network((0x0A800000 | _RANDOM.getrandbits(18) << 5, 27))
"""A subnet that nobody else has, as far as chance can see to it: other suites have fixed ones on this engine."""
SIX = str(ipaddress.IPv6Network((0xFD << 120 | secrets.randbits(56) << 64, 64)).network_address)
FIXED, GATEWAY = str(FRONT[20]), str(FRONT[30])
MAC = "02:42:0a:00:00:14"

front_of_proxy = network(subnet=str(FRONT), gateway=GATEWAY)
back_of_proxy = network(driver_opts={"com.docker.network.driver.mtu": 1300})
six = network(ipv6=True, subnet=f"{SIX}/64")

store = service(**ECHO, network="back_of_proxy")
proxy = service(
    image=IMAGE,
    command=["sh", "-c", "ip -o addr; exec nc -ll -p 7000 -e nc store 7000"],
    ports=[7000],
    requires=["store"],
    mac_address=MAC,
    networks={
        "front_of_proxy": {"aliases": ["gate"], "ipv4_address": FIXED},
        "back_of_proxy": {"aliases": ["relay"]},
    },
)
"""Hands on what comes from the front to the store at the back."""


@pytest.fixture(scope="module")
def front_probe(front_of_proxy: Network) -> Iterator[Probe]:
    with front_of_proxy.probe() as probe:
        yield probe


@pytest.fixture(scope="module")
def back_probe(back_of_proxy: Network) -> Iterator[Probe]:
    with back_of_proxy.probe() as probe:
        yield probe


def said_by(probe: Probe, name: str) -> str:
    """Say hello to port 7000 of a name, and return what comes back."""
    ask = f"import socket; s=socket.create_connection(('{name}', 7000), 5); s.send(b'hello'); print(s.recv(5).decode())"
    return probe.run(["python3", "-c", ask]).stdout.strip()


def test_its_process_sees_both_networks_in_its_first_moment(proxy: Service, back_of_proxy: Network) -> None:
    at_back = proxy.container.addresses[back_of_proxy.name]
    first_words = proxy.logs()
    assert {FIXED, at_back} <= set(re.findall(r"inet ([0-9.]+)", first_words))


def test_it_has_its_fixed_addresses(
    proxy: Service, front_of_proxy: Network, back_of_proxy: Network, front_probe: Probe
) -> None:
    assert (front_of_proxy.subnet, front_of_proxy.gateway) == (str(FRONT), GATEWAY)
    assert proxy.container.ip == FIXED
    assert set(proxy.container.addresses) == {front_of_proxy.name, back_of_proxy.name}
    assert MAC in proxy.exec(["ip", "-o", "link"]).stdout
    assert front_probe.resolve("proxy") == [FIXED]


def test_it_has_names_of_all_its_networks_and_of_each(proxy: Service, front_probe: Probe, back_probe: Probe) -> None:
    for probe, own, others in ((front_probe, "gate", "relay"), (back_probe, "relay", "gate")):
        assert_resolves(probe, proxy)
        assert_resolves(probe, own)
        assert_not_resolves(probe, others)
        assert proxy.internal_url == "http://proxy:7000"
        assert said_by(probe, "proxy") == "hello"


def test_its_driver_options_reach_the_network(back_probe: Probe) -> None:
    assert "mtu 1300" in back_probe.run(["cat", "/sys/class/net/eth0/mtu"]).stdout.replace("1300", "mtu 1300")


def test_what_is_at_the_back_is_reached_by_way_of_it_only(
    proxy: Service, store: Service, front_of_proxy: Network, back_of_proxy: Network
) -> None:
    table = reachability({"front": front_of_proxy, "back": back_of_proxy, "middle": proxy}, [proxy, store])
    assert_matrix(
        table,
        """
                proxy  store
        front   .      X
        back    .      .
        middle  .      .
        """,
    )
    assert_isolated(front_of_proxy, store)
    assert_reachable(proxy, store)


def test_it_is_detached_from_all_its_networks_and_put_back_as_it_was(
    proxy: Service, front_probe: Probe, back_probe: Probe
) -> None:
    before = proxy.container.addresses
    with proxy.disconnected():
        assert proxy.container.addresses == {}
        assert_isolated(front_probe, proxy)
    assert proxy.container.ip == FIXED
    assert proxy.container.addresses.keys() == before.keys()
    for probe, own in ((front_probe, "gate"), (back_probe, "relay")):
        assert_resolves(probe, proxy)
        assert_resolves(probe, own)
    forgetful = proxy.container.engine.attaches_at_creation  # Docker 28.5 ignores it where a container is connected
    assert forgetful or MAC in proxy.exec(["ip", "-o", "link"]).stdout


def test_it_loses_one_of_its_networks(
    proxy: Service, store: Service, back_of_proxy: Network, front_probe: Probe
) -> None:
    with proxy.disconnected(back_of_proxy):
        assert_reachable(front_probe, proxy)
        assert_isolated(proxy, store)
    assert said_by(front_probe, "proxy") == "hello"


def test_a_block_names_further_networks_and_has_ipv6(six: Network, foodtrucks_net: Network, front_probe: Probe) -> None:
    del front_probe
    address = f"{SIX}20"
    with (
        foodtrucks_net.service(
            image=IMAGE,
            command=ECHO_COMMAND,
            aliases=["sixth"],
            networks={six: {"ipv6_address": address, "aliases": ["six"]}},
        ) as both,
        six.probe() as probe,
    ):
        assert set(both.container.addresses) == {foodtrucks_net.name, six.name}
        assert address in probe.resolve("six")
        assert probe.connect(address, 7000).kind == "connected"
        assert probe.connect("sixth", 7000).kind == "connected"


def test_ipv6_alone_gives_a_subnet_that_nobody_else_has(foodtrucks_net: Network) -> None:
    with throwaway_network(foodtrucks_net.stack, ipv6=True) as made, made.probe() as probe:
        assert ":" not in made.subnet
        addresses = [address for each in probe.container.attachments for address in each.addresses]
        assert [":" in address for address in addresses] == [False, True]


def test_what_cant_be_is_told_before_or_with_a_remedy(front_of_proxy: Network, proxy: Service) -> None:
    del proxy
    idle: dict[str, Any] = {**IDLE, "aliases": ["late"]}
    with pytest.raises(DefinitionError, match=rf"The address 10\.0\.0\.5 is none .* on {front_of_proxy.name}.*Remedy"):
        front_of_proxy.service(**idle, networks={front_of_proxy: {"ipv4_address": "10.0.0.5"}}).__enter__()
    with pytest.raises(DefinitionError, match=f"the address '{FIXED}' belongs to the service 'proxy'"):
        front_of_proxy.service(**idle, networks={front_of_proxy: {"ipv4_address": FIXED}}).__enter__()
    with pytest.raises(StartError, match=r"in use.*Remedy: give an address that nobody else on that network has"):
        front_of_proxy.service(**idle, networks={front_of_proxy: {"ipv4_address": GATEWAY}}).__enter__()
    with (
        pytest.raises(EngineError, match=rf"{FRONT} overlaps {FRONT} of the network {front_of_proxy.name}.*Remedy"),
        throwaway_network(front_of_proxy.stack, subnet=(str(FRONT),)),
    ):
        pass


def test_where_the_engine_chose_the_subnet_a_fixed_address_is_had_or_refused_with_a_remedy(
    foodtrucks_net: Network,
) -> None:
    """Docker 20.10 to 28.5 refuse it, a Docker 29 gives it."""
    some = str(ipaddress.ip_network(foodtrucks_net.subnet)[99])
    networks = {foodtrucks_net: {"ipv4_address": some}}
    try:
        with foodtrucks_net.service(**IDLE, aliases=["late"], networks=networks) as late:
            assert late.container.ip == some
    except StartError as error:
        assert "Remedy: give that network a subnet of its own" in str(error)  # noqa: PT017 - either will do


SUITE = """
import os
from pytest_foodtrucks import network, service

back = network(scope="module")
SLEEP = {"image": os.environ["EXAMPLE_BUSYBOX_IMAGE"], "command": "sleep 600"}
mine = service(**SLEEP, scope="module", networks={"foodtrucks_net": None, "back": {"aliases": ["inner"]}})
"""

NAMES = """
from pytest_foodtrucks import assert_resolves

def test_it(mine, foodtrucks_net, back, worker_id):
    plain, numbered = "mine", f"mine-{worker_id}"
    names = {each.network: each.aliases for each in mine.container.attachments}
    assert mine.alias == numbered
    assert {plain, "inner", numbered}.intersection(names[foodtrucks_net.name]) == {numbered}
    assert {plain, "inner", numbered} <= set(names[back.name])
    assert_resolves(back, mine)
"""


def test_workers_have_the_workers_id_where_the_network_is_shared(downstream: Downstream) -> None:
    downstream.write(conftest=SUITE, test_a=NAMES, test_b=NAMES)
    downstream.run("-n2", "--dist=loadfile", timeout=240).assert_outcomes(passed=2)


KEPT = """
import os
from pytest_foodtrucks import network, service

back = network()
echo = service(
    image=os.environ["EXAMPLE_BUSYBOX_IMAGE"],
    command=["sh", "-c", "trap exit TERM; nc -ll -p 7000 -e cat & wait"],
    ports=[7000],
    reset=lambda _: None,
    networks={"foodtrucks_net": None, "back": {"aliases": ["inner"]}},
)
"""

TAKEN_OVER = """
from pathlib import Path

def test_it(echo, foodtrucks_net, back):
    Path("ids").open("a").write(echo.container.id + "\\n")
    names = {each.network: each.aliases for each in echo.container.attachments}
    assert names.keys() == {foodtrucks_net.name, back.name}
    assert {"echo", "inner"} <= set(names[back.name])
"""

LEFT = "\n    back.disconnect(echo)\n"


@pytest.mark.usefixtures("nothing_left")
def test_a_kept_service_on_two_networks_is_taken_over_unless_it_lost_one(
    downstream: Downstream, state_home: Path
) -> None:
    state = state_home / f"{downstream.folder.name}-kept"
    options = ["--foodtrucks-reuse", f"--foodtrucks-state-dir={state}"]
    said = []
    try:
        for tests in (TAKEN_OVER, TAKEN_OVER + LEFT, TAKEN_OVER):
            downstream.write(conftest=KEPT, test_it=tests)
            result = downstream.run(*options, timeout=240)
            result.assert_outcomes(passed=1)
            said.append(result.stderr.str())
    finally:
        assert cli.main(["prune", f"--state-dir={state}"]) == 0
    first, second, third = (downstream.folder / "ids").read_text().split()
    assert first == second != third
    assert "echo is taken over from the kept stack" in said[1]
    assert "echo of the kept stack is replaced: it is disconnected from its network foodtrucks-net-" in said[2]
