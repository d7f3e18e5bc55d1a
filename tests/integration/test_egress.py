"""Nothing leads out: each verdict agrees with what reached an internet that the tests built."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from internet import Arrival, Internet, internet
from lab import ECHO, IDLE, IMAGE, PYTHON
from name_server import answer
from pytest_foodtrucks import (
    DefinitionError,
    IsolationError,
    Network,
    Probe,
    ProbeError,
    ReachabilityError,
    Service,
    assert_matrix,
    assert_no_egress,
    assert_resolves,
    reachability,
    service,
)
from pytest_foodtrucks.probes.agent import program

boxed = service(**IDLE, network="island")
free = service(**IDLE, network="abroad")
mate = service(**ECHO, network="abroad")


@pytest.fixture(scope="module")
def outside() -> Iterator[Internet]:
    names = {"known.example": answer("198.51.100.10"), "*.wild.example": answer("203.0.113.10")}
    with internet(names) as made:
        yield made


@pytest.fixture
def ways(outside: Internet) -> list[str]:
    """Return the ways to the internet that was built: by TCP and by UDP to each of its addresses."""
    outside.forget()
    return [f"{address}:{port}" for address in outside.addresses for port in ("443", "9999/udp")]


@pytest.fixture
def machine(outside: Internet) -> list[str]:
    """Return the engine's machine as subnets: Docker's networks, and its own addresses.

    On Docker 20.10 an internal network leads to what listens there, by the machine's own addresses too.
    """
    del outside  # which gives the machine another address
    own = [address for address in program.addresses() if not address.startswith(("127.", "fe80:", "::1"))]
    return ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", *own_subnets(own)]


def own_subnets(addresses: list[str]) -> list[str]:
    return [f"{address}/{128 if ':' in address else 32}" for address in addresses]


def test_from_an_internal_network_nothing_reaches_the_internet(
    boxed: Service, ways: list[str], machine: list[str]
) -> None:
    assert_no_egress(boxed, via=ways, allow=machine)


def test_from_a_bridge_each_way_is_told_and_has_arrived(
    free: Service, outside: Internet, ways: list[str], machine: list[str]
) -> None:
    with pytest.raises(IsolationError, match="Something leads out of the network namespace of free") as raised:
        assert_no_egress(free, via=ways, allow=machine)
    told = str(raised.value)
    assert all(f"  way       {way}\n" in told for way in ways)
    ports = {(each.kind, each.port) for each in outside.arrived()}
    assert {("tcp", 443), ("udp", 9999)} <= ports


def test_a_default_bridge_leads_out(bridge_probe: Probe, ways: list[str], machine: list[str]) -> None:
    with pytest.raises(IsolationError, match="Something leads out of the default bridge"):
        assert_no_egress(bridge_probe, via=ways, allow=machine)


def test_what_is_allowed_may_be_reached(free: Service, ways: list[str], machine: list[str]) -> None:
    with pytest.raises(IsolationError) as raised:
        assert_no_egress(free, via=ways, allow=[*machine, ways[0]])
    assert f"  way       {ways[0]}\n" not in str(raised.value)
    assert f"  way       {ways[1]}\n" in str(raised.value)


def test_where_each_way_is_allowed_nothing_is_known(
    free: Service, ways: list[str], machine: list[str], outside: Internet
) -> None:
    with pytest.raises(ProbeError, match="each way that would be asked is allowed, so that none is left"):
        assert_no_egress(free, via=ways, allow=[*machine, *own_subnets(list(outside.addresses))])


def test_where_no_way_leads_anywhere_nothing_is_known(boxed: Service, machine: list[str]) -> None:
    with pytest.raises(ProbeError, match="no way leads anywhere from the default bridge either"):
        assert_no_egress(boxed, via=["nobody.invalid"], allow=machine)


def test_what_is_allowed_and_down_is_told(island: Network, boxed: Service, ways: list[str], machine: list[str]) -> None:
    command = ["httpd", "-f", "-p", "7000"]
    with island.service(image=IMAGE, command=command, ports=[7000], aliases=["tool"]) as tool:
        assert_no_egress(boxed, via=ways, allow=[*machine, tool, "tool:7000"])
        with tool.stopped(), pytest.raises(ReachabilityError, match="tool is allowed, and isn't reached from"):
            assert_no_egress(boxed, via=ways, allow=[*machine, tool])
    with pytest.raises(ReachabilityError, match="nobody:7000 is allowed, and isn't reached"):
        assert_no_egress(boxed, via=ways, allow=[*machine, "nobody:7000"])


def test_the_engines_machine_is_a_way(free: Service, ways: list[str]) -> None:
    with pytest.raises(IsolationError, match="the engine's machine"):
        assert_no_egress(free, via=ways, allow=["198.18.0.0/15"])


_PROXY = "import http.server; http.server.test(port=3128)"


def test_a_proxy_that_the_environment_names_is_a_way(island: Network, ways: list[str], machine: list[str]) -> None:
    with (
        island.service(image=PYTHON, command=["python3", "-c", _PROXY], ports=[3128], aliases=["proxy"]) as proxy,
        island.service(
            **IDLE, aliases=["proxied"], environment={"HTTPS_PROXY": f"http://me:hunter2@{proxy.container.ip}:3128"}
        ) as proxied,
    ):
        with pytest.raises(IsolationError, match="the proxy of HTTPS_PROXY") as raised:
            assert_no_egress(proxied, via=ways)
        assert "hunter2" not in str(raised.value)
        assert_no_egress(proxied, via=ways, allow=[*machine, proxy])


def asked_names(outside: Internet) -> set[str]:
    """Return the names that reached the internet's name server."""
    return {each.name for each in outside.arrived() if each.kind == "dns"}


def test_a_name_that_gets_out_is_told_and_has_arrived(
    abroad: Network, outside: Internet, ways: list[str], machine: list[str]
) -> None:
    allow = [*machine, *own_subnets(list(outside.addresses))]
    with abroad.service(**IDLE, aliases=["asker"], dns=[outside.address]) as asker:
        with pytest.raises(IsolationError, match=r"resolved to 203\.0\.113\.10") as raised:
            assert_no_egress(asker, via=["*.wild.example", *ways], allow=allow)
        [random] = {name for name in asked_names(outside) if name.endswith(".wild.example")}
        assert f"  way       the name {random}\n" in str(raised.value)
        with pytest.raises(ProbeError, match="no way leads anywhere"):
            assert_no_egress(asker, via=["unknown.example"], allow=allow)


def test_a_name_that_a_search_domain_completes_does_not_get_out(
    abroad: Network, outside: Internet, machine: list[str]
) -> None:
    with abroad.service(**IDLE, aliases=["searcher"], dns=[outside.address], dns_search=["wild.example"]) as searcher:
        with pytest.raises(ProbeError, match="no way leads anywhere"):
            assert_no_egress(searcher, via=["unknown.example"], allow=machine)
        with pytest.raises(IsolationError, match=r"resolved to 198\.51\.100\.10"):
            assert_no_egress(searcher, via=["known.example"], allow=machine)


def test_no_name_leaves_a_service_without_a_name_server(
    island: Network, outside: Internet, ways: list[str], machine: list[str]
) -> None:
    """The remedy of the message."""
    with (
        island.service(**IDLE, aliases=["mute"], dns=["127.0.0.1"]) as mute,
        island.service(**IDLE, aliases=["elsewhere"], dns=[outside.address]) as elsewhere,
    ):
        for each in (mute, elsewhere):
            assert_no_egress(each, via=["known.example", *ways], allow=machine)
            assert_resolves(each, "mute")
    assert asked_names(outside) == set()


def test_the_same_as_columns_of_a_table(
    boxed: Service, free: Service, mate: Service, bridge_probe: Probe, ways: list[str]
) -> None:
    seen = reachability([boxed, free, bridge_probe], [mate], outside=ways)
    assert_matrix(
        seen,
        """
                            mate  internet  machine  bridge
        boxed               X     X         .        X
        free                .     .         .        X
        the default bridge  X     .         .        .
        """,
    )


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("via", "192.0.2.1:443"),
        ("via", ["es:443"]),
        ("via", ["192.0.2.1:0"]),
        ("via", [5]),
        ("via", ["127.0.0.2:80"]),
        ("via", ["[::1]:80"]),
        ("allow", ["10.0.0.0/99"]),
        ("allow", ["es"]),
        ("allow", "es:9200"),
        ("allow", [None]),
    ],
)
def test_what_is_no_way_is_refused(boxed: Service, keyword: str, value: object) -> None:
    with pytest.raises(DefinitionError, match="Remedy: "):
        assert_no_egress(boxed, **{keyword: value})  # type: ignore[arg-type]


TRY = """
import socket, sys
host, *port = sys.argv[1:]
if not port:
    socket.getaddrinfo(f"{host}.", None)
elif port[1:]:
    socket.socket(type=socket.SOCK_DGRAM).sendto(b"hello", (host, int(port[0])))
else:
    socket.create_connection((host, int(port[0])), 1)
"""
"""Tries one way: a name, an address and a TCP port, or these and `udp`."""

PROXY = "http://198.51.100.10:443"

SANDBOX: dict[str, Any] = {"image": PYTHON, "command": ["sleep", "infinity"]}


@dataclass(frozen=True)
class Asked:
    """A question, and the ways that it is about."""

    source: Service
    via: list[str]
    allow: list[str]

    @property
    def ways(self) -> set[str]:
        proxy = "PROXY=" in "".join(self.source.container.inspect()["Config"]["Env"])
        return {*self.via, *(["198.51.100.10:443"] if proxy else [])} - set(self.allow)

    def led(self, outside: Internet) -> set[str]:
        """Try each way by other means, and return those that the internet's log shows.

        What doesn't arrive is tried again: on a busy machine `timeout` may end a try before it began.
        """
        outside.forget()
        led: set[str] = set()
        for seconds in (2, 5):
            for way in self.ways - led:
                self.source.exec(["timeout", str(seconds), "python3", "-c", TRY, *re.split("[:/]", way)])
            arrived = outside.arrived()
            led = {way for way in self.ways if any(_is_of(way, each) for each in arrived)}
        return led

    def told(self, machine: list[str]) -> set[str]:
        """Return the ways that the assertion says lead out."""
        try:
            assert_no_egress(self.source, via=self.via, allow=[*machine, *self.allow])
        except IsolationError as error:
            ways = re.findall(r"^  way       (?:the name )?([^ ,\n]+)", str(error), re.MULTILINE)
            return set(ways)
        return set()


def _is_of(way: str, arrival: Arrival) -> bool:
    host, _, port = way.partition(":")
    if not port:
        return (arrival.kind, arrival.name) == ("dns", host)
    return (arrival.destination, arrival.port) == (host, int(port.split("/")[0]))


@pytest.mark.slow
def test_two_hundred_questions_agree_with_the_log_of_what_arrived(
    island: Network, abroad: Network, outside: Internet, ways: list[str], machine: list[str]
) -> None:
    keywords: list[dict[str, Any]] = [{}, {"environment": {"HTTPS_PROXY": PROXY}}, {"dns": [outside.address]}]
    generator = random.Random(13)  # noqa: S311 - no secret
    with ExitStack() as undo:
        sources = [
            undo.enter_context(network.service(**SANDBOX, **each, aliases=[f"sandbox-{number}-{place}"]))
            for place, network in (("in", island), ("out", abroad))
            for number, each in enumerate(keywords)
        ]
        seen: Counter[str] = Counter()
        for number in range(200):
            source = sources[number % len(sources)]
            chosen = generator.sample([*ways, "known.example"], generator.randint(1, 4))
            free = source.container.network == abroad.name
            allow = [each for each in chosen if free and ":" in each and each != ways[0] and generator.random() < 0.2]
            question = Asked(source, [*chosen, ways[0]], allow)
            told, led = question.told(machine), question.led(outside)
            assert told == led, f"question {number}: {question}"
            seen["leads out" if led else "nothing leads out"] += 1
    print(dict(seen))  # noqa: T201 - for docs/reliability.md
