"""What the kernel and the name server said: what is known is a verdict, and all else is inconclusive."""

from dataclasses import replace
from typing import Any

import pytest

from pytest_foodtrucks.probes.agent.client import Arrivals, Connection, IcmpError, NameFound, Outcome, Packet, Query
from pytest_foodtrucks.probes.verdicts import Verdict, VerdictKind, resolution_of, verdict_of, with_arrivals

TCP, UDP = Connection("10.0.0.1", 80), Connection("10.0.0.1", 53, "udp", text="nonce")
LOCAL = ("10.0.0.9", 40000)
CONNECTED = Outcome(connected=True, error=None, icmp=None, local=LOCAL, seconds=0.01, segments=(2, 1))
SILENT = replace(CONNECTED, connected=False, seconds=3.0, segments=(2, 0))


def failed(error: str | None, *icmp: Any, segments: tuple[int, int] | None = None) -> Outcome:
    """Return a try that met an error number, or an ICMP error: version, type, code, sender."""
    return replace(SILENT, error=error, icmp=IcmpError(*icmp) if icmp else None, seconds=0.0, segments=segments)


@pytest.mark.parametrize(
    ("outcome", "kind", "words"),
    [
        (CONNECTED, "connected", "connected"),
        (SILENT, "dropped", "no answer"),
        (failed("ETIMEDOUT"), "dropped", "no answer"),
        (failed("ECONNREFUSED", segments=(1, 1)), "refused", "a reset came, ECONNREFUSED"),
        (failed("ECONNRESET"), "refused", "a reset came, ECONNRESET"),
        (
            failed("ECONNREFUSED", 4, 3, 3, "10.0.0.1"),
            "unreachable",
            "10.0.0.1 said: port unreachable (ICMP 3/3)",
        ),
        (
            failed("EHOSTUNREACH", 4, 3, 13, "172.18.0.1"),
            "unreachable",
            "172.18.0.1 said: administratively prohibited (ICMP 3/13)",
        ),
        (
            failed("EACCES", 6, 1, 1, "fd00::1"),
            "unreachable",
            "fd00::1 said: administratively prohibited (ICMPv6 1/1)",
        ),
        (failed("EHOSTUNREACH", 4, 99, 7, "10.9.9.9"), "unreachable", "10.9.9.9 said: an ICMP error (ICMP 99/7)"),
        (
            failed("EHOSTUNREACH", 4, 3, 1, LOCAL[0]),
            "unreachable",
            "nobody on the network has that address, EHOSTUNREACH",
        ),
        (failed("ENETUNREACH"), "unreachable", "no route to that network, ENETUNREACH"),
        (failed("EHOSTUNREACH"), "unreachable", "nobody on the network has that address, EHOSTUNREACH"),
        (failed("EAFNOSUPPORT"), "unreachable", "the source's kernel has no IPv6, EAFNOSUPPORT"),
        (failed("EINVAL"), "unreachable", "a blackhole route, EINVAL"),
        (failed("EACCES"), "unreachable", "a prohibit route, EACCES"),
        (failed("EPERM"), "unreachable", "the source's own firewall forbids it, EPERM"),
        (failed("EMFILE"), "inconclusive", "the source can't ask, EMFILE"),
        (failed("EADDRNOTAVAIL"), "inconclusive", "the source can't ask, EADDRNOTAVAIL"),
    ],
)
def test_each_outcome_is_a_kind(outcome: Outcome, kind: str, words: str) -> None:
    verdict = verdict_of(TCP, [outcome])
    assert (verdict.kind, verdict.evidence) == (kind, f"{words} ({outcome.seconds:.2f} s)")
    assert (verdict.address, verdict.port, verdict.tries, verdict.protocol) == ("10.0.0.1", 80, 1, "tcp")


@pytest.mark.parametrize("error", ["ECONNREFUSED", "EHOSTUNREACH", "EACCES", "ENOPROTOOPT"])
def test_an_error_that_no_segment_brought_is_no_refusal(error: str) -> None:
    verdict = verdict_of(TCP, [failed(error, segments=(2, 0))])
    assert (verdict.kind, verdict.blocked) == (VerdictKind.UNREACHABLE, True)
    assert verdict.evidence == f"rejected on its way, not by a reset, {error} (0.00 s)"


@pytest.mark.parametrize("segments", [None, (0, 0)])
def test_where_the_kernel_counts_no_segments_a_refusal_may_be_a_firewalls(segments: tuple[int, int] | None) -> None:
    verdict = verdict_of(TCP, [failed("ECONNREFUSED", segments=segments)])
    assert (verdict.kind, verdict.blocked) == (VerdictKind.INCONCLUSIVE, False)
    assert "doesn't tell whether a reset or an ICMP error came, ECONNREFUSED" in verdict.evidence


def test_an_address_of_one_link_alone_cant_be_asked_without_its_interface() -> None:
    assert verdict_of(Connection("fe80::1", 80), [failed("EINVAL")]).kind is VerdictKind.INCONCLUSIVE


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (CONNECTED, "connected"),
        (failed("ECONNREFUSED", 4, 3, 3, "10.0.0.1"), "refused"),
        (failed("ECONNREFUSED", 4, 3, 3, "10.0.0.254"), "unreachable"),
        (failed("EHOSTUNREACH", 4, 3, 10, "10.0.0.1"), "unreachable"),
        (failed("ECONNREFUSED"), "inconclusive"),
        (SILENT, "dropped"),
    ],
)
def test_by_udp_the_targets_own_port_unreachable_is_a_refusal(outcome: Outcome, kind: str) -> None:
    verdict = verdict_of(UDP, [outcome])
    assert (verdict.kind, verdict.protocol) == (kind, "udp")


def test_tries_that_agree_are_one_verdict() -> None:
    verdict = verdict_of(TCP, [SILENT] * 3)
    assert (verdict.kind, verdict.tries, verdict.blocked, verdict.flaky) == (VerdictKind.DROPPED, 3, True, False)
    assert [attempt.seconds for attempt in verdict.attempts] == [3.0] * 3


def test_an_icmp_error_and_silence_are_unreachable_for_such_errors_come_once_a_second() -> None:
    verdict = verdict_of(TCP, [SILENT, failed("EHOSTUNREACH", 4, 3, 1, "10.0.0.254")])
    assert (verdict.kind, verdict.flaky, verdict.blocked) == (VerdictKind.UNREACHABLE, False, True)
    assert verdict.evidence.startswith("of 2 tries 1 dropped, 1 unreachable: no answer (3.00 s); 10.0.0.254 said")


def test_tries_that_differ_are_flaky_and_inconclusive() -> None:
    verdict = verdict_of(TCP, [SILENT, CONNECTED])
    assert (verdict.kind, verdict.flaky, verdict.blocked) == (VerdictKind.INCONCLUSIVE, True, False)
    assert verdict.evidence.startswith("flaky, of 2 tries 1 dropped, 1 connected")


def test_a_verdict_without_tries_is_not_blocked() -> None:
    assert not Verdict(VerdictKind.UNRESOLVED, None, 80, 1, "NXDOMAIN").blocked


# what arrives


def seen(*packets: Packet, complete: bool = True, overflows: int = 0) -> Arrivals:
    return Arrivals(packets, complete, overflows)


SYN = Packet("tcp", *LOCAL, "10.0.0.1", 80, "")


def test_a_packet_that_never_arrives_is_blocked_on_its_way() -> None:
    verdict = with_arrivals(verdict_of(TCP, [SILENT]), TCP, seen(), [])
    assert (verdict.kind, verdict.blocked, verdict.arrived) == (VerdictKind.DROPPED, True, False)
    assert verdict.evidence == "no answer (3.00 s); sent, never arrived at the target"


@pytest.mark.parametrize("outcome", [SILENT, failed("ECONNREFUSED", 4, 3, 3, "10.0.0.1")])
def test_a_packet_that_arrives_was_let_through_whatever_became_of_it_there(outcome: Outcome) -> None:
    verdict = with_arrivals(verdict_of(TCP, [outcome]), TCP, seen(SYN), [])
    assert (verdict.all_blocked, verdict.blocked, verdict.arrived) == (True, False, True)
    assert verdict.evidence.endswith("; sent, arrived, never answered")


def test_a_listen_queue_without_room_leaves_no_verdict() -> None:
    verdict = with_arrivals(verdict_of(TCP, [SILENT]), TCP, seen(SYN, overflows=2), [])
    assert (verdict.kind, verdict.arrived) == (VerdictKind.INCONCLUSIVE, True)
    assert verdict.evidence.endswith("never answered: the target's listen queue was full 2 times meanwhile")


def test_where_not_each_packet_was_seen_nothing_is_claimed() -> None:
    verdict = with_arrivals(verdict_of(TCP, [SILENT]), TCP, seen(complete=False), [])
    assert verdict.evidence.endswith("whether it arrived couldn't be watched")
    assert [attempt.arrived for attempt in verdict.attempts] == [None]


@pytest.mark.parametrize(
    "other",
    [
        replace(SYN, source_port=40001),
        replace(SYN, port=81),
        replace(SYN, destination="10.0.0.2"),
        replace(SYN, source="10.0.0.8"),
        replace(SYN, protocol="udp", text="nonce"),
    ],
)
def test_others_packets_are_none_of_its_own(other: Packet) -> None:
    assert not with_arrivals(verdict_of(TCP, [SILENT]), TCP, seen(other), ["10.0.0.254"]).arrived


def test_a_gateway_may_stand_for_the_source() -> None:
    packet = replace(SYN, source="10.0.0.254")
    assert with_arrivals(verdict_of(TCP, [SILENT]), TCP, seen(packet), ["10.0.0.254"]).arrived


def test_by_udp_a_datagram_that_arrives_is_a_way() -> None:
    packet = Packet("udp", "10.9.9.9", 1, "10.0.0.1", 53, "nonce and more")
    verdict = with_arrivals(verdict_of(UDP, [SILENT] * 3), UDP, seen(packet), [])
    assert (verdict.kind, verdict.evidence) == (VerdictKind.CONNECTED, "the datagram arrived at the target (3.00 s)")
    assert with_arrivals(verdict_of(UDP, [SILENT]), UDP, seen(replace(packet, text="other")), []).blocked


# names

QUERY = Query("x.", "A", "127.0.0.11", "NXDOMAIN", (), None, tcp=False, error=None)
BOTH = (QUERY, replace(QUERY, type="AAAA"))


def found(*queries: Query, addresses: tuple[str, ...] = (), error: str | None = "EAI_NONAME", hosts: Any = ()) -> Any:
    return resolution_of("x", NameFound(addresses, None if addresses else error, hosts, queries))


def test_a_name_has_the_addresses_that_an_application_gets() -> None:
    answered = replace(QUERY, rcode="NOERROR", addresses=("10.0.0.1",), ttl=600)
    told = found(answered, replace(BOTH[1], rcode="NOERROR"), addresses=("10.0.0.1",))
    assert (told.addresses, told.failure) == (("10.0.0.1",), None)
    assert told.words == "x. A: NOERROR 10.0.0.1 for 600 s, by 127.0.0.11; x. AAAA: NOERROR, by 127.0.0.11"


def test_a_name_in_the_hosts_file_says_so() -> None:
    told = found(*BOTH, addresses=("10.0.0.1",), hosts=("10.0.0.1",))
    assert (told.addresses, told.words) == (("10.0.0.1",), "x stands in /etc/hosts")


@pytest.mark.parametrize("rcode", ["NXDOMAIN", "NOERROR"])
def test_a_name_that_both_say_isnt_there_is_absent(rcode: str) -> None:
    told = found(*(replace(query, rcode=rcode) for query in BOTH))
    assert told.absent
    assert rcode in told.words


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (replace(QUERY, rcode="SERVFAIL"), "x. A: SERVFAIL, by 127.0.0.11"),
        (replace(QUERY, rcode="REFUSED", tcp=True), "x. A: REFUSED, by 127.0.0.11 (TCP)"),
        (replace(QUERY, rcode=None, error="no answer"), "x. A: no answer, by 127.0.0.11"),
        (replace(QUERY, rcode=None, error="ECONNREFUSED"), "x. A: ECONNREFUSED, by 127.0.0.11"),
    ],
)
def test_what_is_no_answer_is_a_failure_and_never_an_absent_name(query: Query, words: str) -> None:
    told = found(query, BOTH[1])
    assert (told.failure, told.absent) == (VerdictKind.DNS_FAILED, False)
    assert words in told.words


@pytest.mark.parametrize("error", ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"])
def test_a_source_that_has_no_room_to_ask_is_no_failure_of_the_name_server(error: str) -> None:
    told = found(replace(QUERY, rcode=None, error=error), BOTH[1])
    assert (told.failure, told.absent) == (VerdictKind.INCONCLUSIVE, False)
    assert f"x. A: {error}, by 127.0.0.11" in told.words


def test_without_a_question_to_a_name_server_nothing_is_known() -> None:
    assert found().failure is VerdictKind.DNS_FAILED


@pytest.mark.parametrize(
    ("addresses", "error"), [(("10.0.0.1",), "EAI_NONAME"), ((), "EAI_AGAIN"), ((), "EAI_FAIL"), ((), "no answer")]
)
def test_where_application_and_name_server_differ_nothing_is_known(addresses: tuple[str, ...], error: str) -> None:
    told = found(replace(QUERY, rcode="NOERROR", addresses=addresses), BOTH[1], error=error)
    assert told.failure is VerdictKind.INCONCLUSIVE
    assert told.words.endswith(f"but an application there gets {error}")
