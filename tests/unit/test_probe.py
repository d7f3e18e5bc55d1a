"""Questions from inside a network: what is asked, what the answers mean, and what is no answer."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from fakes.agent import (
    ABSENT,
    DROPPED,
    LOST,
    NO_IPV6,
    OPEN,
    PROHIBITED,
    REFUSED,
    SERVER_FAILED,
    SILENT,
    FakeAgent,
    http_reply,
    name_found,
    resolves_to,
)
from fakes.engine import FakeEngine
from fakes.machine import Clock
from fakes.session import new_stack
from pytest_foodtrucks.containers.compose import ContainerSpec
from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.containers.creation import Creation
from pytest_foodtrucks.errors import DefinitionError, EngineError, ProbeError
from pytest_foodtrucks.probes.asking import accepts
from pytest_foodtrucks.probes.network_changes import ROUNDS
from pytest_foodtrucks.probes.probe import Probe
from pytest_foodtrucks.probes.verdicts import VerdictKind
from pytest_foodtrucks.services.definitions import define
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.service import Service


def answers(*tries: Any, **names: Any) -> FakeAgent:
    """Return an agent that says this of connections, one question after the other, and of names."""
    agent = FakeAgent()
    agent.names.update(names)
    agent.outcomes = Mock(side_effect=outcomes(tries if tries else (OPEN,)))  # type: ignore[method-assign]
    return agent


def outcomes(tries: Sequence[Any]) -> Any:
    """Return what gives each question its outcome, and the last one to all that follow; a list has one for each try."""
    left = list(tries)

    def of(asked: dict[str, Any]) -> list[Any]:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        return outcome if isinstance(outcome, list) else [outcome] * asked["tries"]

    return of


def probe(agent: FakeAgent) -> Probe:
    """Return a probe whose agent answers so."""
    engine = FakeEngine()
    engine.networks["net"] = {"Containers": {}}
    engine.agent = agent
    made = Creation(engine, ContainerSpec(), image="python", network="net", title="probe")
    return Probe(made.container, "the network net")


def service(ip: str = "172.30.0.2", ports: Sequence[int] = (9200,), agent: FakeAgent | None = None) -> Service:
    """Return a service `es` whose container has this address on its network; an agent watches beside it."""
    engine = FakeEngine()
    engine.agent = agent if agent is not None else FakeAgent()
    network = Network(new_stack(engine), "net", "bridge", internal=False)
    made = Creation(engine, ContainerSpec(aliases=["es"], ports=ports), image="es", network="net", title="es")
    made.start()
    engine.containers[made.container.id]["NetworkSettings"]["Networks"]["net"]["IPAddress"] = ip
    definition = define({"image": "es", "ports": ports}, alias="es", folder=Path("/project"))
    return Service(network.stack, [network.ref], Container(engine, made.container.id, "es", "net"), definition)


def tried(agent: FakeAgent) -> list[tuple[str, int, int, float]]:
    """Return the connections that were asked for: address, port, tries, seconds."""
    return [
        (each["address"], each["port"], each["tries"], each["wait"])
        for question, values in agent.asked
        if question == "connect"
        for each in values["connections"]
    ]


# resolve


def test_a_name_has_the_addresses_that_an_application_gets() -> None:
    assert probe(answers(es=resolves_to("172.18.0.2", "172.18.0.3"))).resolve("es") == ["172.18.0.2", "172.18.0.3"]


@pytest.mark.parametrize("found", [ABSENT, name_found(rcode="NOERROR")])
def test_a_name_that_doesnt_exist_has_no_addresses(found: Any) -> None:
    assert probe(answers(nope=found)).resolve("nope") == []


@pytest.mark.parametrize("found", [SILENT, SERVER_FAILED, LOST, name_found("10.0.0.1", application="EAI_NONAME")])
def test_what_is_no_answer_is_an_error_and_never_an_absent_name(found: Any) -> None:
    with pytest.raises(ProbeError, match=r"the network net: whether the name 'es' resolves can't be told: .*Remedy: "):
        probe(answers(es=found)).resolve("es")


# connect


def test_an_address_is_asked_without_a_name_server() -> None:
    agent = answers()
    verdict = probe(agent).connect("10.0.0.7", 80)
    assert (verdict.kind, verdict.address, verdict.port) == (VerdictKind.CONNECTED, "10.0.0.7", 80)
    assert (verdict.tries, verdict.evidence) == (1, "connected (0.01 s)")
    assert tried(agent) == [("10.0.0.7", 80, 1, 1.0)]
    assert [question for question, _ in agent.asked] == ["connect"]


def test_what_doesnt_answer_at_once_is_asked_by_several_fresh_connects() -> None:
    agent = answers(DROPPED)
    verdict = probe(agent).connect("10.0.0.7", 80)
    assert (verdict.kind, verdict.tries, verdict.flaky) == (VerdictKind.DROPPED, 3, False)
    assert tried(agent)[1:] == [("10.0.0.7", 80, 3, 3.0)]


def test_tries_that_differ_are_flaky_and_not_averaged() -> None:
    verdict = probe(answers(DROPPED, [DROPPED, OPEN, DROPPED])).connect("10.0.0.7", 80)
    assert (verdict.kind, verdict.flaky) == (VerdictKind.INCONCLUSIVE, True)
    assert verdict.evidence.startswith("flaky, of 3 tries 2 dropped, 1 connected: no answer (3.00 s); connected")


def test_a_busy_machines_late_answer_is_no_drop() -> None:
    assert probe(answers(DROPPED, OPEN)).connect("10.0.0.7", 80).kind is VerdictKind.CONNECTED


def test_an_icmp_error_is_told_with_its_sender() -> None:
    firewall = probe(answers(PROHIBITED)).connect("10.0.0.7", 80)
    assert firewall.kind is VerdictKind.UNREACHABLE
    assert firewall.evidence == "172.30.0.1 said: administratively prohibited (ICMP 3/13) (0.01 s)"
    assert probe(answers(REFUSED)).connect("10.0.0.7", 80).kind is VerdictKind.REFUSED


def test_a_source_without_ipv6_has_no_route_to_an_ipv6_address() -> None:
    assert probe(answers(NO_IPV6)).connect("fd00::2", 80).kind is VerdictKind.UNREACHABLE


def test_an_answer_that_was_lost_is_inconclusive_and_says_so() -> None:
    verdict = probe(answers(LOST)).connect("10.0.0.7", 80)
    assert (verdict.kind, verdict.evidence) == (VerdictKind.INCONCLUSIVE, "the agent ended")


def test_silence_while_the_sources_own_addresses_change_is_no_verdict() -> None:
    agent = answers(DROPPED)
    agent.changes = 1
    verdict = probe(agent).connect("10.0.0.7", 80)
    assert verdict.kind is VerdictKind.INCONCLUSIVE
    assert verdict.evidence.startswith("the source's own addresses changed meanwhile: no answer")
    agent = answers(OPEN)
    agent.changes = 1
    assert probe(agent).connect("10.0.0.7", 80).kind is VerdictKind.CONNECTED


def test_a_name_is_resolved_and_its_address_asked() -> None:
    verdict = probe(answers(es=resolves_to("172.30.0.2"))).connect("es", 9200)
    assert (verdict.kind, verdict.address, verdict.port) == (VerdictKind.CONNECTED, "172.30.0.2", 9200)


def test_a_service_is_asked_for_by_its_alias_at_the_first_of_its_ports() -> None:
    agent = answers(es=resolves_to("172.30.0.2"))
    verdict = probe(agent).connect(service(ports=(9200, 9300)))
    assert (verdict.kind, verdict.address, verdict.port) == (VerdictKind.CONNECTED, "172.30.0.2", 9200)
    assert agent.asked[0][1]["names"] == ["es"]


def test_a_port_given_beats_the_services_own() -> None:
    assert probe(answers(es=resolves_to("172.30.0.2"))).connect(service(), 9300).port == 9300


def test_a_service_that_is_silent_is_watched_by_an_agent_of_its_own() -> None:
    watching = FakeAgent()
    agent = answers(DROPPED, es=resolves_to("172.30.0.2"))
    verdict = probe(agent).connect(service(agent=watching))
    assert verdict.evidence == "no answer (3.00 s); sent, never arrived at the target"
    watching.packets = [["tcp", "172.30.0.3", 40000, "172.30.0.2", 9200, ""]]
    watching.overflows = 1
    verdict = probe(agent).connect(service(agent=watching))
    assert verdict.kind is VerdictKind.INCONCLUSIVE
    assert "the target's listen queue was full 1 times" in verdict.evidence


def test_where_nobody_can_watch_at_the_target_the_verdict_says_so() -> None:
    target = service()
    target.container.engine.start_container = Mock(side_effect=EngineError("no memory"))  # type: ignore[method-assign]
    verdict = probe(answers(DROPPED, es=resolves_to("172.30.0.2"))).connect(target)
    assert verdict.kind is VerdictKind.DROPPED
    assert "nobody watched at the target: " in verdict.evidence


def test_a_datagram_has_a_text_that_no_other_has() -> None:
    agent = answers(DROPPED)
    verdict = probe(agent).connect("10.0.0.7", "53/udp")
    assert (verdict.kind, verdict.port, verdict.protocol) == (VerdictKind.DROPPED, 53, "udp")
    texts = [each["text"] for _, values in agent.asked for each in values["connections"]]
    assert len(set(texts)) == len(texts) == 2
    assert all(re.fullmatch("foodtrucks-[0-9a-f]{16}", text) for text in texts)


@pytest.mark.parametrize("addresses", [["172.30.0.9"], ["172.30.0.2", "172.30.0.9"]])
def test_a_name_with_another_address_than_the_services_is_misresolved(addresses: list[str]) -> None:
    verdict = probe(answers(es=resolves_to(*addresses))).connect(service())
    assert verdict.kind is VerdictKind.MISRESOLVED
    assert verdict.evidence == f"es resolves to {', '.join(addresses)}, and the container has 172.30.0.2"


def test_a_service_that_was_connected_has_its_address_on_the_network_that_is_shared() -> None:
    visitor = service(ip="172.31.0.9")
    networks = visitor.container.inspect()["NetworkSettings"]["Networks"]
    networks["home"] = networks.pop("net")
    elsewhere = probe(answers(es=resolves_to("172.30.0.2"))).connect(visitor)
    assert elsewhere.kind is VerdictKind.MISRESOLVED
    assert elsewhere.evidence.endswith("and the container has no address on a network of the probe's")
    networks["net"] = {"IPAddress": "172.30.0.2"}
    shared = probe(answers(es=resolves_to("172.30.0.2"))).connect(visitor)
    assert shared.kind is VerdictKind.CONNECTED


def test_a_name_that_doesnt_exist_is_unresolved() -> None:
    verdict = probe(answers(es=ABSENT)).connect("es", 9200)
    assert (verdict.kind, verdict.address, verdict.tries) == (VerdictKind.UNRESOLVED, None, 1)
    assert "NXDOMAIN" in verdict.evidence


def test_a_name_that_leads_to_several_containers_is_misresolved() -> None:
    asking = probe(answers(es=resolves_to("172.30.0.2", "172.30.0.3")))
    asking.container.engine.connect("net", "es-1")
    neighbours = asking.container.engine.inspect_network("net")["Containers"]
    neighbours["es-1"] = {"Name": "es-1", "IPv4Address": "172.30.0.2/16"}
    assert asking.connect("es", 9200).kind is VerdictKind.CONNECTED
    neighbours["es-2"] = {"Name": "es-2", "IPv4Address": "172.30.0.3/16", "IPv6Address": ""}
    verdict = asking.connect("es", 9200)
    assert (verdict.kind, verdict.evidence) == (VerdictKind.MISRESOLVED, "es leads to several containers: es-1, es-2")


def test_a_silent_name_server_is_a_verdict_of_its_own() -> None:
    verdict = probe(answers(es=SILENT)).connect("es", 9200)
    assert verdict.kind is VerdictKind.DNS_FAILED
    assert "no answer" in verdict.evidence


class Slow(FakeAgent):
    """An agent whose answers about names take so many seconds of the clock."""

    def __init__(self, clock: Clock, seconds: float, *names: Any) -> None:
        super().__init__()
        self.names["es"] = list(names)
        self._clock = clock
        self._seconds = seconds

    def look_up(self, names: list[str], wait: float) -> Any:
        self._clock.sleep(self._seconds)
        return super().look_up(names, wait)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock by which is told whether a look-up failed at once."""
    clock = Clock()
    monkeypatch.setattr("pytest_foodtrucks.probes.asking.monotonic", clock)
    return clock


def test_a_name_whose_look_up_fails_at_once_is_asked_for_again(clock: Clock) -> None:
    found = [SERVER_FAILED, resolves_to("172.18.0.2")]
    assert probe(Slow(clock, 0, *found)).resolve("es") == ["172.18.0.2"]
    assert probe(Slow(clock, 0, *found)).connect("es", 80).kind is VerdictKind.CONNECTED


def test_a_name_server_that_was_silent_is_not_asked_again(clock: Clock) -> None:
    with pytest.raises(ProbeError, match="SERVFAIL"):
        probe(Slow(clock, 10, SERVER_FAILED, resolves_to("172.18.0.2"))).resolve("es")


def disturbed(agent: FakeAgent, changes: list[bool]) -> Probe:
    """Return a probe on whose engine networks are created while it asks, as `changes` tells of each time."""
    made = probe(agent)
    engine = made.container.engine
    assert isinstance(engine, FakeEngine)
    engine.changes = changes
    return made


def test_what_got_through_to_elsewhere_while_networks_were_created_is_asked_again() -> None:
    assert disturbed(answers(OPEN, DROPPED), [True]).connect("10.9.9.9", 80).kind is VerdictKind.DROPPED


def test_what_gets_through_each_time_says_that_isolation_may_have_been_away() -> None:
    agent = answers()
    found = disturbed(agent, [True] * ROUNDS).connect("10.9.9.9", 80)
    assert found.kind is VerdictKind.CONNECTED
    assert found.evidence.endswith("and it lets everything through for a moment then")
    assert len(agent.asked) == ROUNDS


def test_the_pauses_grow_so_that_a_burst_of_new_networks_is_over_before_the_last_question(pauses: list[float]) -> None:
    disturbed(answers(), [True] * ROUNDS).connect("10.9.9.9", 80)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, *[2.0] * (ROUNDS - 6)]


def test_a_question_that_is_asked_once_has_no_pause(pauses: list[float]) -> None:
    disturbed(answers(), [False]).connect("10.9.9.9", 80)
    assert pauses == []


@pytest.mark.parametrize(("version", "times"), [("20.10.24", 2), ("27.5", 2), ("28.0.1", 1), ("29.8", 1), ("dev", 2)])
def test_an_engine_whose_isolation_is_never_away_is_asked_once(version: str, times: int) -> None:
    agent = answers(OPEN, DROPPED)
    made = disturbed(agent, [True])
    made.container.engine.version = version
    assert made.connect("10.9.9.9", 80).kind is (VerdictKind.DROPPED if times > 1 else VerdictKind.CONNECTED)


@pytest.mark.parametrize("address", ["127.0.0.1", "172.30.0.2"])
def test_what_isnt_isolated_anyway_is_asked_once(address: str) -> None:
    agent = answers()
    made = disturbed(agent, [True] * ROUNDS)
    engine = made.container.engine
    assert isinstance(engine, FakeEngine)
    engine.networks["net"]["Containers"] = {"other": {"Name": "other", "IPv4Address": "172.30.0.2/16"}}
    assert made.connect(address, 80).kind is VerdictKind.CONNECTED
    assert len(agent.asked) == 1


def test_an_engine_that_cant_tell_whether_networks_changed_leaves_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    made = probe(answers())
    monkeypatch.setattr(made.container.engine, "networks_changed", Mock(side_effect=EngineError("busy")))
    found = made.connect("10.9.9.9", 80)
    assert (found.kind, found.evidence) == (VerdictKind.INCONCLUSIVE, "busy")


@pytest.mark.parametrize("target", ["es", service(ports=())])
def test_without_a_port_to_ask_the_question_is_refused(target: Service | str) -> None:
    with pytest.raises(ProbeError, match=r"Which port of .*es.* is to be asked\? Remedy: give port="):
        probe(answers()).connect(target)


@pytest.mark.parametrize("name", ["", "c ", "c:7000", "http://c", "127.1", "127.0.0.1", None, 5])
def test_only_a_name_is_looked_up(name: Any) -> None:
    agent = answers()
    with pytest.raises(DefinitionError, match=r"is no host name: .*Remedy: "):
        probe(agent).resolve(name)
    assert agent.asked == []


@pytest.mark.parametrize("target", ["", "c ", "c:7000", "127.1", None, 5, Service])
def test_only_a_service_a_name_or_an_address_is_connected_to(target: Any) -> None:
    with pytest.raises(DefinitionError, match=r"The target .*Remedy: "):
        probe(answers()).connect(target, 80)


@pytest.mark.parametrize("port", [0, 65536, True, "80"])
def test_only_a_port_is_connected_to(port: Any) -> None:
    with pytest.raises(DefinitionError, match="is none"):
        probe(answers()).connect("es", port)


def test_accepting_means_connected_and_nothing_less() -> None:
    assert accepts(probe(answers()).agent, "here", "127.0.0.1", 80)
    assert not accepts(probe(answers(REFUSED)).agent, "here", "127.0.0.1", 80)


def test_without_an_answer_accepting_is_neither_true_nor_false() -> None:
    with pytest.raises(ProbeError, match=r"here: whether 127.0.0.1 accepts on port 80 can't be told: the agent ended"):
        accepts(probe(answers(LOST)).agent, "here", "127.0.0.1", 80)


# http


def http_answers(reply: Any) -> FakeAgent:
    """Return an agent that says this of a GET."""
    agent = answers(es=resolves_to("172.30.0.2", "fd00::2"))
    agent.reply = reply
    return agent


def test_an_http_answer_has_status_headers_and_text() -> None:
    reply = http_reply(b"hello \xff", 404, **{"content-type": "a/b", "x": "y:z"})
    answer = probe(http_answers(reply)).http("http://es:9200/_cat?v=1")
    assert (answer.status, answer.text, answer.tls) == (404, "hello \ufffd", None)
    assert answer.headers == {"content-type": "a/b", "x": "y:z"}


def test_a_url_is_taken_apart_into_addresses_port_path_and_host() -> None:
    agent = http_answers(http_reply())
    probe(agent).http("http://es:9200/_cat?v=1", timeout=2.5)
    asked = agent.asked[-1][1]
    assert (asked["addresses"], asked["port"]) == (["172.30.0.2", "fd00::2"], 9200)
    assert (asked["host"], asked["netloc"], asked["path"]) == ("es", "es:9200", "/_cat?v=1")
    assert (asked["tls"], asked["ca"], asked["wait"]) == (False, None, 2.5)


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_without_port_and_path_a_url_means_its_schemes_port_and_the_root(scheme: str, port: int) -> None:
    agent = http_answers(http_reply())
    probe(agent).http(f"{scheme}://10.0.0.1")
    asked = agent.asked[-1][1]
    assert (asked["addresses"], asked["port"], asked["path"]) == (["10.0.0.1"], port, "/")
    assert asked["tls"] is (scheme == "https")


def test_a_certificate_is_told_and_an_authority_handed_on(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("an authority")
    tls = {"version": "TLSv1.3", "certificate": "PEM", "verified": True}
    agent = http_answers({**http_reply(), "tls": tls})
    answer = probe(agent).http("https://es/", ca_file=str(tmp_path / "ca.pem"))
    assert answer.tls is not None
    assert vars(answer.tls) == tls
    assert agent.asked[-1][1]["ca"] == "an authority"


@pytest.mark.parametrize("ca_file", ["/nowhere/ca.pem", 5])
def test_an_authority_that_cant_be_read_is_refused(ca_file: Any) -> None:
    with pytest.raises(DefinitionError, match=r"ca_file=.* can't be read: .*Remedy: give the path"):
        probe(answers()).http("https://es/", ca_file=ca_file)


@pytest.mark.parametrize(
    "reply", [http_reply(b"half", trouble="it broke off"), {**http_reply(), "status": None}, LOST, {"status": 200}]
)
def test_an_incomplete_http_answer_is_an_error(reply: Any) -> None:
    with pytest.raises(ProbeError, match="the network net: GET http://es/: "):
        probe(http_answers(reply)).http("http://es/")


def test_a_url_whose_name_doesnt_exist_cant_be_asked() -> None:
    with pytest.raises(ProbeError, match="http://es/ can't be asked: the name 'es' doesn't resolve"):
        probe(answers(es=ABSENT)).http("http://es/")


@pytest.mark.parametrize("url", ["ftp://es/", "es:9200", "/path", "http:///path", "", None, "ftp://me:hunter2@es/"])
def test_only_http_urls_are_asked(url: Any) -> None:
    with pytest.raises(ProbeError, match="The probe asks http:// and https:// URLs only") as raised:
        probe(answers()).http(url)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.1/", "The host '127.1' is no address in its full form"),
        ("http://c d/", "The host 'c d' is no host name"),
        ("http://es:0/", "The port 0 is none"),
        ("http://es:99999/", "The URL 'http://es:99999/' can't be read: Port out of range 0-65535. Remedy: "),
        ("http://es:many/", "can't be read: Port could not be cast"),
        ("http://me:hunter2@[::1/", "The URL 'http://…@[::1/' can't be read: Invalid IPv6 URL"),
        ("http://me:hunter2@es/", "The URL 'http://…@es/' has a user, and the probe sends none"),
    ],
)
def test_a_url_that_cant_be_asked_is_refused_without_its_password(url: str, words: str) -> None:
    with pytest.raises(DefinitionError, match=re.escape(words)) as raised:
        probe(answers()).http(url)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("timeout", [float("nan"), float("inf"), -1, "5", None])
def test_what_is_no_time_is_refused(timeout: Any) -> None:
    with pytest.raises(DefinitionError, match="Remedy: give seconds as a number"):
        probe(answers()).http("http://es/", timeout=timeout)


def test_a_probe_tells_its_place() -> None:
    assert repr(probe(answers())) == "<Probe in the network net>"


def test_the_kinds_of_verdicts_are_those_of_the_contract() -> None:
    assert [str(kind) for kind in VerdictKind] == [
        "connected",
        "refused",
        "unreachable",
        "dropped",
        "unresolved",
        "misresolved",
        "dns_failed",
        "inconclusive",
    ]
