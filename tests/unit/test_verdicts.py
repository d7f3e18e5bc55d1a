"""Reading a tool's line: what is complete and known is a verdict, and all else is inconclusive."""

import pytest

from pytest_foodtrucks.probes.verdicts import (
    Answer,
    Resolver,
    Verdict,
    VerdictKind,
    after_interfaces,
    after_recount,
    needs_interfaces,
    of_attempts,
    read_connect,
    read_lookup,
    read_resolver,
)

REFUSED = "nc: can't connect to remote host (1.2.3.4): Connection refused"
SERVER = "Server:\t\t127.0.0.11|Address:\t127.0.0.11:53|"
ABSENT = Answer(1, 0.0, SERVER + "** server can't find x: NXDOMAIN|** server can't find x: NXDOMAIN")
FOUND = Answer(0, 0.0, SERVER + "Name:\tx|Address: 10.9.9.9")
SILENT = Answer(1, 5.0, ";; connection timed out; no servers could be reached")


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (0, "open", VerdictKind.CONNECTED),
        (1, REFUSED, VerdictKind.REFUSED),
        (1, "nc: 10.0.0.1 (10.0.0.1:80): Connection refused", VerdictKind.REFUSED),
        (1, "nc: read error: Connection reset by peer", VerdictKind.REFUSED),
        (1, "nc: can't connect to remote host (1.2.3.4): No route to host", VerdictKind.UNREACHABLE),
        (1, "nc: can't connect to remote host: Network is unreachable", VerdictKind.UNREACHABLE),
        (1, "nc: can't connect to remote host: Host is unreachable", VerdictKind.UNREACHABLE),
        (1, "nc: can't connect to remote host (1.2.3.4): Connection timed out", VerdictKind.DROPPED),
        (1, "nc: timed out", VerdictKind.DROPPED),
    ],
)
def test_a_complete_answer_is_told_by_the_tools_words(status: int, words: str, kind: VerdictKind) -> None:
    assert read_connect(Answer(status, 0.0, words)) is kind


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (None, "open"),
        (None, REFUSED),
        (1, "open"),
        (0, ""),
        (0, "nc: timed out"),
        (0, "open|open"),
        (0, "opened"),
        (1, ""),
        (127, "sh: nc: not found"),
        (127, "sh: nc: not found: Connection refused"),
        (1, "nc: bad address 'es'"),
        (1, "nc: unrecognized option: e"),
        (143, "Terminated"),
        (1, "Connection refused"),
    ],
)
def test_half_an_answer_and_odd_words_are_inconclusive(status: int | None, words: str) -> None:
    assert read_connect(Answer(status, 0.0, words)) is VerdictKind.INCONCLUSIVE


def test_tries_that_agree_are_one_verdict() -> None:
    verdict = of_attempts("10.0.0.1", 80, [Answer(1, 3.0, "nc: timed out")] * 3)
    assert (verdict.kind, verdict.tries, verdict.blocked, verdict.flaky) == (VerdictKind.DROPPED, 3, True, False)
    assert [attempt.seconds for attempt in verdict.attempts] == [3.0] * 3


def test_an_icmp_error_and_silence_are_unreachable_for_such_errors_come_once_a_second() -> None:
    verdict = of_attempts("10.0.0.1", 80, [Answer(1, 3.0, "nc: timed out"), Answer(1, 3.0, "nc: No route to host")])
    assert (verdict.kind, verdict.flaky, verdict.blocked) == (VerdictKind.UNREACHABLE, False, True)
    assert verdict.evidence.startswith("of 2 tries 1 dropped, 1 unreachable: nc: timed out (3.00 s); nc: No route")


def test_a_verdict_without_tries_is_not_blocked() -> None:
    assert not Verdict(VerdictKind.UNRESOLVED, None, 80, 1, "NXDOMAIN").blocked


# a reset or an ICMP error


def recount(*, errors: int = 1, segments: int = 0, words: str = REFUSED, six: bool = False) -> Answer:
    """Return a try during which so many ICMP errors and TCP segments came in."""
    icmp = "Icmp6InDestUnreachs   \t{}" if six else "Icmp: 7 0 0 {} 7 7"
    rows = [f"{icmp.format(7 + e)}|Tcp: 1 200 120000 -1 5 0 5 0 0 {7 + s} 9 0" for e, s in ((0, 0), (errors, segments))]
    return Answer(0, 0.0, f"{rows[0]}|knocked|{words}|knocked|{rows[1]}")


ONCE_REFUSED = of_attempts("10.0.0.1", 80, [Answer(1, 0.0, REFUSED)])


@pytest.mark.parametrize(
    "counted",
    [[recount()], [recount(), recount(errors=2)], [recount(six=True)], [recount(words="nc: timed out"), recount()]],
    ids=["once", "twice", "IPv6", "one was silent"],
)
def test_refusals_with_an_icmp_error_and_no_tcp_segment_are_unreachable(counted: list[Answer]) -> None:
    verdict = after_recount(ONCE_REFUSED, counted)
    assert (verdict.kind, verdict.blocked) == (VerdictKind.UNREACHABLE, True)


@pytest.mark.parametrize(
    "counted",
    [
        [],
        [recount(errors=0, segments=1)],
        [recount(segments=1)],
        [recount(errors=0)],
        [recount(), recount(segments=1)],
        [recount(words="open")],
        [Answer(0, 0.0, f"|knocked|{REFUSED}|knocked|")],
        [Answer(None, 0.0, f"no complete answer: {REFUSED}")],
    ],
    ids=["not asked", "reset", "other traffic", "nothing", "one reset", "connected now", "no counters", "lost"],
)
def test_otherwise_it_stays_refused(counted: list[Answer]) -> None:
    assert after_recount(ONCE_REFUSED, counted) == ONCE_REFUSED


def test_a_refusal_among_drops_that_was_an_icmp_error_is_blocked() -> None:
    mixed = of_attempts("10.0.0.1", 80, [Answer(1, 0.0, REFUSED), Answer(1, 3.0, "nc: timed out")])
    assert (mixed.kind, mixed.flaky) == (VerdictKind.INCONCLUSIVE, True)
    verdict = after_recount(mixed, [recount()])
    assert (verdict.kind, verdict.blocked, verdict.flaky) == (VerdictKind.UNREACHABLE, True, False)


# no IPv6

NO_ADDRESS = Answer(1, 0.0, "nc: can't connect to remote host: Cannot assign requested address")
NO_SIX = of_attempts("fd00::2", 80, [NO_ADDRESS])
LOOPBACK = "00000000000000000000000000000001 01 80 10 80       lo"
GLOBAL = "fd000000000000000000000000000003 1f 40 00 82     eth0"


def test_only_what_says_so_of_an_ipv6_address_depends_on_interfaces() -> None:
    assert needs_interfaces(NO_SIX)
    assert not needs_interfaces(of_attempts("10.0.0.1", 80, [NO_ADDRESS]))
    assert not needs_interfaces(of_attempts("fd00::2", 80, [Answer(1, 0.0, "nc: timed out")]))


@pytest.mark.parametrize("lines", ["", LOOPBACK])
def test_a_source_without_ipv6_has_no_route(lines: str) -> None:
    verdict = after_interfaces(NO_SIX, Answer(0, 0.0, lines))
    assert (verdict.kind, verdict.blocked) == (VerdictKind.UNREACHABLE, True)
    assert verdict.evidence.endswith("the source has no IPv6 address")


@pytest.mark.parametrize("answer", [Answer(0, 0.0, f"{LOOPBACK}|{GLOBAL}"), Answer(None, 0.0, "")])
def test_where_ports_ran_out_or_nothing_is_known_it_stays_inconclusive(answer: Answer) -> None:
    assert after_interfaces(NO_SIX, answer).kind is VerdictKind.INCONCLUSIVE


# names


def test_a_resolver_is_read_from_its_files() -> None:
    words = "# made by hand|search a.example b.example.|nameserver 10.0.0.1|options timeout:1|options ndots:2 rotate"
    resolver = read_resolver(Answer(0, 0.0, f"{words}|=hosts=|127.0.0.1\tlocalhost me # us|bad line|10.0.0.5 db"))
    assert resolver == Resolver(
        (("127.0.0.1", "localhost"), ("127.0.0.1", "me"), ("10.0.0.5", "db")), ("a.example", "b.example."), 2
    )


@pytest.mark.parametrize(
    "answer", [Answer(None, 0.0, "nameserver 1|=hosts=|"), Answer(1, 0.0, "cat: /etc/hosts: none|=hosts=|"), ABSENT]
)
def test_half_a_resolver_is_none(answer: Answer) -> None:
    assert read_resolver(answer) is None


def test_a_short_name_is_searched_first_unless_no_dots_make_it_absolute() -> None:
    assert Resolver(search=("a.example", "."), dots=1).candidates("es") == ["es.a.example.", "es."]
    assert Resolver(search=("a.example",), dots=0).candidates("es") == ["es.", "es.a.example."]
    assert Resolver(search=("a.example",), dots=1).candidates("es.net") == ["es.net.", "es.net.a.example."]
    assert Resolver(search=("a.example",)).candidates("es.") == ["es."]
    assert Resolver().candidates("es") == ["es."]


def test_the_hosts_file_comes_before_the_name_server() -> None:
    found = read_lookup("DB", Resolver((("10.0.0.5", "db"),)), [ABSENT])
    assert (found.addresses, found.failure) == (("10.0.0.5",), None)


def test_the_first_name_that_exists_counts() -> None:
    assert read_lookup("x", Resolver(), [ABSENT, FOUND]).addresses == ("10.9.9.9",)


def test_a_failure_before_it_counts_more() -> None:
    assert read_lookup("x", Resolver(), [SILENT, FOUND]).failure is VerdictKind.DNS_FAILED


def test_a_name_is_absent_only_if_each_candidate_is() -> None:
    assert read_lookup("x", Resolver(), [ABSENT, ABSENT]).absent
    assert not read_lookup("x", Resolver(), [ABSENT, SILENT]).absent


@pytest.mark.parametrize(
    ("words", "failure"),
    [
        (SERVER + "** server can't find x: NXDOMAIN|** server can't find x: SERVFAIL", VerdictKind.DNS_FAILED),
        (SERVER + "Non-authoritative answer:|;; connection timed out", VerdictKind.DNS_FAILED),
        (SERVER + "Non-authoritative answer:|*** Can't find x: No answer", VerdictKind.DNS_FAILED),
        (SERVER + "Non-authoritative answer:", VerdictKind.INCONCLUSIVE),
        (SERVER + "Non-authoritative answer:|Non-authoritative answer:", None),
        ("sh: nslookup: not found", VerdictKind.INCONCLUSIVE),
    ],
)
def test_a_name_without_addresses_is_absent_only_if_both_families_say_so(
    words: str, failure: VerdictKind | None
) -> None:
    found = read_lookup("x", Resolver(), [Answer(1, 0.0, words)])
    assert (found.addresses, found.failure) == ((), failure)


def test_a_line_that_was_lost_is_no_answer() -> None:
    assert read_lookup("x", Resolver(), [Answer(None, 0.0, "heard ''")]).failure is VerdictKind.INCONCLUSIVE
