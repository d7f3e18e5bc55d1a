"""Questions from inside a network: reading the tools' words, never taking silence for an answer."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from fakes.engine import FakeEngine
from fakes.machine import Clock
from fakes.session import new_stack
from fakes.shell import DROPPED, OPEN, REFUSED
from pytest_foodtrucks.containers.compose import ContainerSpec
from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.containers.creation import Creation
from pytest_foodtrucks.engine.execs import ExecResult
from pytest_foodtrucks.errors import DefinitionError, EngineError, ProbeError
from pytest_foodtrucks.probes.probe import Probe
from pytest_foodtrucks.probes.verdicts import VerdictKind
from pytest_foodtrucks.services.definitions import define
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.service import Service

NEW = "Server:\t\t127.0.0.11\nAddress:\t127.0.0.11:53\n\n"
"""How nslookup begins since busybox 1.30; in front of that in OLD."""
OLD = "Server:    127.0.0.11\nAddress 1: 127.0.0.11\n\n"


class Answers:
    """A probe's container that answers each tool as scripted; of several answers to a knock, one after the other."""

    def __init__(
        self,
        *,
        nslookup: str = "",
        knock: Sequence[ExecResult] = (OPEN,),
        sh: ExecResult = OPEN,
        recount: ExecResult = REFUSED,
    ) -> None:
        self._tools = {
            "nslookup": ExecResult(0, nslookup, ""),
            "sh": sh,
            "recount": recount,
            "interfaces": ExecResult(0, "", ""),
        }
        self._knocks = list(knock)
        self.asked: list[list[str]] = []

    def __call__(self, argv: Sequence[str]) -> ExecResult:
        self.asked.append(list(argv))
        if argv[0] == "knock":
            return self._knocks.pop(0) if len(self._knocks) > 1 else self._knocks[0]
        return self._tools[argv[0]]


def probe(answers: Answers) -> Probe:
    """Return a probe whose container answers so."""
    engine = FakeEngine()
    engine.networks["net"] = {"Containers": {}}
    engine.answer = answers
    made = Creation(engine, ContainerSpec(), image="busybox", network="net", title="probe")
    return Probe(made.container, "the network net")


def service(ip: str = "172.30.0.2", ports: Sequence[int] = (9200,)) -> Service:
    """Return a service `es` whose container has this address on its network."""
    engine = FakeEngine()
    network = Network(new_stack(engine), "net", "bridge", internal=False)
    made = Creation(engine, ContainerSpec(aliases=["es"], ports=ports), image="es", network="net", title="es")
    engine.containers[made.container.id]["NetworkSettings"]["Networks"]["net"]["IPAddress"] = ip
    definition = define({"image": "es", "ports": ports}, alias="es", folder=Path("/project"))
    return Service(network.stack, network.ref, Container(engine, made.container.id, "es", "net"), definition)


# resolve


@pytest.mark.parametrize(
    ("answer", "addresses"),
    [
        (NEW + "Non-authoritative answer:\nName:\tes\nAddress: 172.18.0.2\n\n", ["172.18.0.2"]),
        (NEW + "Name:\tes\nAddress: 172.18.0.2\nName:\tes\nAddress: 172.18.0.3\n", ["172.18.0.2", "172.18.0.3"]),
        (NEW + "Name:\tes\nAddress: 172.18.0.2\n\n*** Can't find es: No answer\n", ["172.18.0.2"]),
        (NEW + "Name:\tes\nAddress: 172.18.0.2\n\nName:\tes\nAddress: 172.18.0.2\n", ["172.18.0.2"]),
        (NEW + "Name:\tes\nAddress: fd00::2\n", ["fd00::2"]),
        (OLD + "Name:      es\nAddress 1: 172.18.0.2 es.foodtrucks-net\n", ["172.18.0.2"]),
        (OLD + "Name: es\nAddress 1: 172.18.0.2 es.net\nAddress 2: 172.18.0.3\n", ["172.18.0.2", "172.18.0.3"]),
    ],
    ids=["one", "two", "no IPv6", "twice", "IPv6", "old one", "old two"],
)
def test_addresses_are_read_from_old_and_new_nslookup(answer: str, addresses: list[str]) -> None:
    assert probe(Answers(nslookup=answer)).resolve("es") == addresses


@pytest.mark.parametrize(
    "answer",
    [
        NEW + "** server can't find nope: NXDOMAIN\n\n** server can't find nope: NXDOMAIN\n\n",
        NEW + "Non-authoritative answer:\n\nNon-authoritative answer:\n",
    ],
    ids=["NXDOMAIN", "no records"],
)
def test_a_name_that_doesnt_exist_has_no_addresses(answer: str) -> None:
    assert probe(Answers(nslookup=answer)).resolve("nope") == []


@pytest.mark.parametrize(
    "answer",
    [
        NEW + "** server can't find es: SERVFAIL\n",
        NEW + "** server can't find es: REFUSED\n",
        NEW + "Non-authoritative answer:\n\n*** Can't find es: No answer\n",
        NEW.strip(),
        ";; connection timed out; no servers could be reached\n\n",
        OLD + "nslookup: can't resolve 'es'\n",
        "nslookup: can't connect to remote host (172.30.0.1): Connection refused\n",
        "sh: nslookup: not found\n",
        NEW,
        "",
    ],
    ids=[
        "SERVFAIL",
        "REFUSED",
        "silent for one family",
        "no trace",
        "time-out",
        "old without a reason",
        "no server",
        "no nslookup",
        "half",
        "nothing",
    ],
)
def test_what_is_no_answer_is_an_error_and_never_an_absent_name(answer: str) -> None:
    with pytest.raises(ProbeError) as raised:
        probe(Answers(nslookup=answer)).resolve("es")
    assert "the network net: whether the name 'es' resolves can't be told; nslookup said: " in str(raised.value)
    assert "Remedy: " in str(raised.value)


# connect


def test_an_address_is_asked_without_a_name_server() -> None:
    answers = Answers()
    verdict = probe(answers).connect("10.0.0.7", 80)
    assert (verdict.kind, verdict.address, verdict.port) == (VerdictKind.CONNECTED, "10.0.0.7", 80)
    assert (verdict.tries, verdict.evidence) == (1, "open (0.01 s)")
    assert answers.asked == [["knock", "10.0.0.7", "80", "1"]]


def test_what_doesnt_answer_at_once_is_asked_by_several_fresh_connects() -> None:
    answers = Answers(knock=[DROPPED])
    verdict = probe(answers).connect("10.0.0.7", 80)
    assert (verdict.kind, verdict.tries, verdict.flaky) == (VerdictKind.DROPPED, 3, False)
    assert answers.asked[1:] == [["knock", "10.0.0.7", "80", "3"]] * 3


def test_tries_that_differ_are_flaky_and_not_averaged() -> None:
    verdict = probe(Answers(knock=[DROPPED, DROPPED, OPEN, DROPPED])).connect("10.0.0.7", 80)
    assert (verdict.kind, verdict.flaky) == (VerdictKind.INCONCLUSIVE, True)
    assert verdict.evidence.startswith("flaky, of 3 tries 2 dropped, 1 connected: nc: timed out (0.01 s); open")


def test_a_busy_machines_late_answer_is_no_drop() -> None:
    assert probe(Answers(knock=[DROPPED, OPEN])).connect("10.0.0.7", 80).kind is VerdictKind.CONNECTED


def test_an_icmp_error_is_told_from_a_reset_by_the_namespaces_counters() -> None:
    before, after = (f"Icmp: 1 0 0 {errors} 9\nTcp: 1 2 3 -1 5 6 7 8 9 10 11" for errors in (4, 5))
    refusal = f"{before}\nknocked\n{REFUSED.stdout}knocked\n"
    icmp, reset = ExecResult(0, refusal + after, ""), ExecResult(0, refusal + before, "")
    firewall = probe(Answers(knock=[REFUSED], recount=icmp)).connect("10.0.0.7", 80)
    assert firewall.kind is VerdictKind.UNREACHABLE
    assert firewall.evidence.endswith("no reset: an ICMP error came, and no TCP segment")
    assert probe(Answers(knock=[REFUSED], recount=reset)).connect("10.0.0.7", 80).kind is VerdictKind.REFUSED


def test_a_source_without_ipv6_has_no_route_to_an_ipv6_address() -> None:
    words = "nc: can't connect to remote host: Cannot assign requested address\n"
    assert probe(Answers(knock=[ExecResult(1, words, "")])).connect("fd00::2", 80).kind is VerdictKind.UNREACHABLE


def test_an_answer_that_was_lost_is_inconclusive_and_shows_what_there_was() -> None:
    verdict = probe(Answers(knock=[ExecResult(None, "Killed\n", "")])).connect("10.0.0.7", 80)
    assert verdict.kind is VerdictKind.INCONCLUSIVE
    assert "no complete answer: its line is missing; heard 'Killed'" in verdict.evidence


def test_a_name_is_resolved_and_its_address_asked() -> None:
    answers = Answers(nslookup=NEW + "Name:\tes\nAddress: 172.30.0.2\n")
    verdict = probe(answers).connect("es", 9200)
    assert (verdict.kind, verdict.address, verdict.port) == (VerdictKind.CONNECTED, "172.30.0.2", 9200)


def test_a_service_is_asked_for_by_its_alias_at_the_first_of_its_ports() -> None:
    answers = Answers(nslookup=NEW + "Name:\tes\nAddress: 172.30.0.2\n")
    verdict = probe(answers).connect(service(ports=(9200, 9300)))
    assert (verdict.kind, verdict.address, verdict.port) == (VerdictKind.CONNECTED, "172.30.0.2", 9200)
    assert answers.asked[0] == ["nslookup", "es."]


def test_a_port_given_beats_the_services_own() -> None:
    answers = Answers(nslookup=NEW + "Name:\tes\nAddress: 172.30.0.2\n")
    assert probe(answers).connect(service(), 9300).port == 9300


@pytest.mark.parametrize("addresses", [["172.30.0.9"], ["172.30.0.2", "172.30.0.9"]])
def test_a_name_with_another_address_than_the_services_is_misresolved(addresses: list[str]) -> None:
    lines = "".join(f"Name:\tes\nAddress: {address}\n" for address in addresses)
    verdict = probe(Answers(nslookup=NEW + lines)).connect(service())
    assert verdict.kind is VerdictKind.MISRESOLVED
    assert verdict.evidence == f"es resolves to {', '.join(addresses)}, and the container has 172.30.0.2"


def test_a_service_that_was_connected_has_its_address_on_the_network_that_is_shared() -> None:
    visitor = service(ip="172.31.0.9")
    networks = visitor.container.inspect()["NetworkSettings"]["Networks"]
    networks["home"] = networks.pop("net")
    elsewhere = probe(Answers(nslookup=NEW + "Name:\tes\nAddress: 172.30.0.2\n")).connect(visitor)
    assert elsewhere.kind is VerdictKind.MISRESOLVED
    assert elsewhere.evidence.endswith("and the container has no address on a network of the probe's")
    networks["net"] = {"IPAddress": "172.30.0.2"}
    shared = probe(Answers(nslookup=NEW + "Name:\tes\nAddress: 172.30.0.2\n")).connect(visitor)
    assert shared.kind is VerdictKind.CONNECTED


def test_a_name_that_doesnt_exist_is_unresolved() -> None:
    verdict = probe(Answers(nslookup=NEW + "** server can't find es: NXDOMAIN\n")).connect("es", 9200)
    assert (verdict.kind, verdict.address, verdict.tries) == (VerdictKind.UNRESOLVED, None, 1)
    assert "NXDOMAIN" in verdict.evidence


def test_a_name_that_leads_to_several_containers_is_misresolved() -> None:
    both = NEW + "Name:\tes\nAddress: 172.30.0.2\nName:\tes\nAddress: 172.30.0.3\n"
    asking = probe(Answers(nslookup=both))
    asking.container.engine.connect("net", "es-1")
    neighbours = asking.container.engine.inspect_network("net")["Containers"]
    neighbours["es-1"] = {"Name": "es-1", "IPv4Address": "172.30.0.2/16"}
    assert asking.connect("es", 9200).kind is VerdictKind.CONNECTED
    neighbours["es-2"] = {"Name": "es-2", "IPv4Address": "172.30.0.3/16", "IPv6Address": ""}
    verdict = asking.connect("es", 9200)
    assert (verdict.kind, verdict.evidence) == (VerdictKind.MISRESOLVED, "es leads to several containers: es-1, es-2")


def test_a_silent_name_server_is_a_verdict_of_its_own() -> None:
    verdict = probe(Answers(nslookup=";; connection timed out\n")).connect("es", 9200)
    assert verdict.kind is VerdictKind.DNS_FAILED
    assert "connection timed out" in verdict.evidence


SERVER_FAILED = ExecResult(1, "** server can't find es: SERVFAIL\n", "")
LOST = ExecResult(None, "", "")


class Late(Answers):
    """Answers that fail the first time, after so many seconds of the clock."""

    def __init__(self, first: ExecResult, clock: Clock, seconds: float = 0.0) -> None:
        found = NEW + "Name:\tes\nAddress: 172.18.0.2\n"
        super().__init__(nslookup=found, sh=ExecResult(0, "HTTP/1.0 200 OK\r\n\r\ntaco", ""))
        self._first = [first]
        self._clock = clock
        self._seconds = seconds

    def __call__(self, argv: Sequence[str]) -> ExecResult:
        answer = super().__call__(argv)
        if not self._first:
            return answer
        self._clock.sleep(self._seconds)
        return self._first.pop()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock by which a probe takes its time."""
    clock = Clock()
    monkeypatch.setattr("pytest_foodtrucks.probes.probe.time.monotonic", clock)
    return clock


@pytest.mark.parametrize("first", [SERVER_FAILED, LOST])
def test_a_name_whose_look_up_fails_at_once_is_asked_for_again(clock: Clock, first: ExecResult) -> None:
    assert probe(Late(first, clock)).resolve("es") == ["172.18.0.2"]
    assert probe(Late(first, clock)).connect("es", 80).kind is VerdictKind.CONNECTED


def test_a_name_server_that_was_silent_is_not_asked_again(clock: Clock) -> None:
    with pytest.raises(ProbeError, match="SERVFAIL"):
        probe(Late(SERVER_FAILED, clock, seconds=10)).resolve("es")


def test_an_http_answer_that_got_lost_at_once_is_asked_for_again(clock: Clock) -> None:
    assert probe(Late(LOST, clock)).http("http://127.0.0.1/").text == "taco"
    with pytest.raises(ProbeError, match="no complete answer"):
        probe(Late(LOST, clock, seconds=5)).http("http://127.0.0.1/")


def disturbed(answers: Answers, changes: list[bool]) -> Probe:
    """Return a probe on whose engine networks are created while it asks, as `changes` tells of each time."""
    made = probe(answers)
    engine = made.container.engine
    assert isinstance(engine, FakeEngine)
    engine.changes = changes
    return made


def test_what_got_through_to_elsewhere_while_networks_were_created_is_asked_again() -> None:
    found = disturbed(Answers(knock=[OPEN, DROPPED]), [True]).connect("10.9.9.9", 80)
    assert found.kind is VerdictKind.DROPPED


def test_what_gets_through_each_time_says_that_isolation_may_have_been_away() -> None:
    answers = Answers()
    found = disturbed(answers, [True] * 4).connect("10.9.9.9", 80)
    assert found.kind is VerdictKind.CONNECTED
    assert found.evidence.endswith("and it lets everything through for a moment then")
    assert len(answers.asked) == 4


@pytest.mark.parametrize("address", ["127.0.0.1", "172.30.0.2"])
def test_what_isnt_isolated_anyway_is_asked_once(address: str) -> None:
    answers = Answers()
    made = disturbed(answers, [True] * 4)
    engine = made.container.engine
    assert isinstance(engine, FakeEngine)
    engine.networks["net"]["Containers"] = {"other": {"Name": "other", "IPv4Address": "172.30.0.2/16"}}
    assert made.connect(address, 80).kind is VerdictKind.CONNECTED
    assert len(answers.asked) == 1


def test_an_engine_that_cant_tell_whether_networks_changed_leaves_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    made = probe(Answers())
    monkeypatch.setattr(made.container.engine, "networks_changed", Mock(side_effect=EngineError("busy")))
    found = made.connect("10.9.9.9", 80)
    assert (found.kind, found.evidence) == (VerdictKind.INCONCLUSIVE, "busy")


@pytest.mark.parametrize("target", ["es", service(ports=())])
def test_without_a_port_to_ask_the_question_is_refused(target: Service | str) -> None:
    with pytest.raises(ProbeError, match=r"Which port of .*es.* is to be asked\? Remedy: give port="):
        probe(Answers()).connect(target)


@pytest.mark.parametrize("name", ["", "c ", "c:7000", "http://c", "127.1", "127.0.0.1", None, 5])
def test_only_a_name_is_looked_up(name: Any) -> None:
    answers = Answers()
    with pytest.raises(DefinitionError, match=r"is no host name: .*Remedy: "):
        probe(answers).resolve(name)
    assert answers.asked == []


@pytest.mark.parametrize("target", ["", "c ", "c:7000", "127.1", None, 5, Service])
def test_only_a_service_a_name_or_an_address_is_connected_to(target: Any) -> None:
    with pytest.raises(DefinitionError, match=r"The target .*Remedy: "):
        probe(Answers()).connect(target, 80)


@pytest.mark.parametrize("port", [0, 65536, True, "80"])
def test_only_a_port_is_connected_to(port: Any) -> None:
    with pytest.raises(DefinitionError, match="is none"):
        probe(Answers()).connect("es", port)


def test_listens_means_connected_and_nothing_less() -> None:
    assert probe(Answers()).listens("127.0.0.1", 80)
    assert not probe(Answers(knock=[REFUSED])).listens("127.0.0.1", 80)


@pytest.mark.parametrize("answer", [ExecResult(None, "", ""), ExecResult(127, "sh: nc: not found\n", "")])
def test_without_an_answer_listening_is_neither_true_nor_false(answer: ExecResult) -> None:
    with pytest.raises(ProbeError, match=r"can't be told.*Remedy: see that the probe image has sh and nc"):
        probe(Answers(knock=[answer])).listens("127.0.0.1", 80)


# http


def test_an_http_answer_that_breaks_off_is_no_answer() -> None:
    short = http_answer("HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    with pytest.raises(ProbeError, match="broke off after 4 of 10 bytes"):
        probe(short).http("http://127.0.0.1/")


def http_answer(text: str, stderr: str = "") -> Answers:
    """Return answers of a probe whose nc received a text."""
    return Answers(nslookup=NEW + "Name:\tes\nAddress: 172.30.0.2\n", sh=ExecResult(0, text, stderr))


def test_an_http_answer_without_a_length_is_complete_only_if_the_connection_ended_well() -> None:
    ended_by_force = Answers(sh=ExecResult(143, "HTTP/1.0 200 OK\r\n\r\nhalf", "Terminated\n"))
    with pytest.raises(ProbeError, match=r"broke off after 4 bytes: 'Terminated'"):
        probe(ended_by_force).http("http://127.0.0.1/")


def test_an_http_answer_that_the_engine_owes_is_none() -> None:
    made = probe(Answers())
    made.container.engine.exec_bytes = Mock(side_effect=TimeoutError)  # type: ignore[method-assign]
    with pytest.raises(ProbeError, match=r"GET http://127.0.0.1/: nothing more came within 7 s"):
        made.http("http://127.0.0.1/", timeout=1)


def test_an_http_answers_bytes_are_counted_before_they_are_read_as_text() -> None:
    """Each byte that is no UTF-8 becomes a character of three bytes in the text."""
    with pytest.raises(ProbeError, match="broke off after 4 of 10 bytes"):
        probe(http_answer("HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n" + "\udcff" * 4)).http("http://es/")
    whole = probe(http_answer("HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\n" + "\udcff" * 4)).http("http://es/")
    assert whole.text == "\ufffd" * 4


def test_an_http_answer_has_status_headers_and_text() -> None:
    answer = probe(http_answer("HTTP/1.0 200 OK\r\nContent-Type: a/b\r\nX: y:z\r\n\r\nhello\r\n\r\nyou")).http(
        "http://es:9200/_cat?v=1"
    )
    assert answer.status == 200
    assert answer.headers == {"content-type": "a/b", "x": "y:z"}
    assert answer.text == "hello\r\n\r\nyou"


def test_a_url_is_taken_apart_into_address_port_path_and_host() -> None:
    answers = http_answer("HTTP/1.1 404 Not Found\r\n\r\n")
    assert probe(answers).http("http://es:9200/_cat?v=1", timeout=2.4).status == 404
    assert answers.asked[-1][-5:] == ["172.30.0.2", "9200", "/_cat?v=1", "es:9200", "2"]


def test_without_port_and_path_a_url_means_port_80_and_the_root() -> None:
    answers = http_answer("HTTP/1.1 200 OK\r\n\r\n")
    probe(answers).http("http://10.0.0.1", timeout=0.1)
    assert answers.asked == [[*answers.asked[0][:-5], "10.0.0.1", "80", "/", "10.0.0.1", "1"]]


@pytest.mark.parametrize("text", ["", "HTTP/1.0 200 OK\r\nContent-", "220 smtp ready\r\n\r\n", "HTTP/1.0 2"])
def test_an_incomplete_http_answer_is_an_error_that_shows_it(text: str) -> None:
    with pytest.raises(ProbeError, match="GET http://es/: no complete answer; the probe saw") as raised:
        probe(http_answer(text, stderr="nc: refused")).http("http://es/")
    assert "nc: refused" in str(raised.value)


def test_a_url_whose_name_doesnt_exist_cant_be_asked() -> None:
    answers = Answers(nslookup=NEW + "** server can't find es: NXDOMAIN\n")
    with pytest.raises(ProbeError, match="http://es/ can't be asked: the name 'es' doesn't resolve"):
        probe(answers).http("http://es/")


@pytest.mark.parametrize("url", ["https://es/", "es:9200", "/path", "http:///path", "", None, "https://me:hunter2@es/"])
def test_only_http_urls_are_asked(url: Any) -> None:
    with pytest.raises(ProbeError, match="The probe asks http:// URLs only") as raised:
        probe(Answers()).http(url)
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
        probe(Answers()).http(url)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("timeout", [float("nan"), float("inf"), -1, "5", None])
def test_what_is_no_time_is_refused(timeout: Any) -> None:
    with pytest.raises(DefinitionError, match="Remedy: give seconds as a number"):
        probe(Answers()).http("http://es/", timeout=timeout)


def test_a_probe_tells_its_place() -> None:
    assert repr(probe(Answers())) == "<Probe in the network net>"


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
