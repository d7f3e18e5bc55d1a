"""Readiness: the checks' answers, and the wait."""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest.mock import Mock

import pytest

from fakes.container import Target, state
from fakes.logs import WRITTEN
from fakes.machine import Clock
from pytest_foodtrucks import ready
from pytest_foodtrucks.engine.execs import ExecResult
from pytest_foodtrucks.errors import DefinitionError, EngineError, NotReady, NotReadyInTime, StartError


class ReadyAfter:
    """A check that passes after some refusals."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.asked = 0

    def __call__(self, target: ready.Target) -> None:
        del target
        self.asked += 1
        if self.asked <= self.refusals:
            raise NotReady(f"answer {self.asked}")


def wait(target: Target, *checks: ready.Check, timeout: float = 120.0, clock: Clock | None = None) -> Clock:
    """Wait on a clock that takes no time, and return it."""
    clock = clock if clock is not None else Clock()
    ready.wait_until_ready(target, checks, timeout=timeout, clock=clock, sleep=clock.sleep)
    return clock


def refusal(check: ready.Check, target: Target) -> str:
    """Return why a check isn't content."""
    with pytest.raises(NotReady) as raised:
        check(target)
    return raised.value.message


async def later(target: object) -> None: ...


class Later:
    """What is awaited when it is called."""

    async def __call__(self, target: object) -> None: ...


def pieces(target: object) -> Iterator[object]:
    yield target


@pytest.mark.parametrize("check", [later, functools.partial(later), Later(), Later().__call__, pieces])
def test_a_check_that_would_only_begin_is_refused(check: Any) -> None:
    with pytest.raises(DefinitionError, match=r"no readiness check: it is asynchronous, or a generator, and nobody"):
        ready.as_checks([check])


@pytest.mark.parametrize("check", [later, lambda _: iter([1]), pieces])
def test_a_check_that_returns_what_is_yet_to_run_is_no_check(check: Any) -> None:
    with pytest.raises(DefinitionError, match=r"no readiness check \(it returned <.*\)\. Remedy: "):
        wait(Target(), check)


# the wait


def test_what_is_ready_at_once_costs_no_sleep() -> None:
    assert wait(Target(), ReadyAfter(0)).sleeps == []


def test_it_asks_again_until_the_check_passes() -> None:
    check = ReadyAfter(5)
    wait(Target(), check)
    assert check.asked == 6


def test_pauses_begin_at_20_ms_and_grow_to_a_quarter_of_a_second() -> None:
    pauses = wait(Target(), ReadyAfter(40)).sleeps
    assert pauses[0] == pytest.approx(0.02)
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(0.25)
    assert len([pause for pause in pauses if pause < 0.1]) >= 8


def test_all_checks_must_pass_in_the_same_try() -> None:
    first, second = ReadyAfter(0), ReadyAfter(2)
    wait(Target(), first, second)
    assert (first.asked, second.asked) == (3, 3)


def test_a_later_check_isnt_asked_before_an_earlier_one_passes() -> None:
    first, second = ReadyAfter(2), ReadyAfter(0)
    wait(Target(), first, second)
    assert second.asked == 1


def test_checks_may_be_an_iterator() -> None:
    clock, check = Clock(), ReadyAfter(3)
    ready.wait_until_ready(Target(), iter([check]), timeout=9, clock=clock, sleep=clock.sleep)
    assert check.asked == 4


def test_a_container_that_has_ended_ends_the_wait_without_a_further_sleep() -> None:
    target = Target()
    target.states = [state("exited", exit_code=78)]
    clock, check = Clock(), ReadyAfter(99)
    with pytest.raises(StartError, match=r"es ended before it was ready, after 0\.0 s: exited with exit code 78"):
        wait(target, check, clock=clock)
    assert (clock.sleeps, check.asked) == ([], 0)


def test_a_container_that_ends_during_the_wait_ends_it_at_the_next_look() -> None:
    target = Target()
    target.states = [state(), state(), state("exited", exit_code=1)]
    clock = Clock()
    with pytest.raises(StartError, match="es ended before it was ready"):
        wait(target, ReadyAfter(99), clock=clock)
    assert len(clock.sleeps) == 2


@pytest.mark.parametrize("status", ["exited", "dead"])
def test_what_ran_and_runs_no_more_has_ended(status: str) -> None:
    assert state(status).ended


@pytest.mark.parametrize("refusal", [EngineError("container is not running", status=409), StartError("no sidecar")])
def test_a_container_that_ends_while_a_check_asks_is_told_as_ended(refusal: Exception) -> None:
    def check(_: object) -> None:
        raise refusal

    target = Target()
    target.states = [state(), state("exited", exit_code=3)]
    with pytest.raises(StartError, match=r"es ended before it was ready.* exited with exit code 3"):
        wait(target, check)
    target.states = [state()]
    with pytest.raises(type(refusal), match=str(refusal)):
        wait(target, check)


@pytest.mark.parametrize("status", ["created", "running", "paused", "restarting"])
def test_what_may_still_get_ready_hasnt_ended(status: str) -> None:
    assert not state(status).ended


def test_what_ended_while_the_checks_passed_isnt_ready() -> None:
    target = Target()
    target.states = [state(), state(), state("exited", exit_code=3)]
    with pytest.raises(StartError, match=r"es ended before it was ready, .* exited with exit code 3"):
        ready.wait_until_ready(target, [ready.running()], timeout=9)


def test_the_message_tells_of_exit_code_memory_and_the_engines_words() -> None:
    target = Target()
    target.states = [state("exited", exit_code=137, oom_killed=True, error="no space left")]
    with pytest.raises(StartError) as raised:
        wait(target)
    assert "exited with exit code 137, killed because its memory was used up: no space left." in str(raised.value)
    assert "Remedy: mend what its log shows." in str(raised.value)


def test_what_was_killed_may_have_used_up_its_memory_though_the_engine_doesnt_say_so() -> None:
    target = Target()
    target.states = [state("exited", exit_code=137)]
    with pytest.raises(StartError, match=r"137 \(killed, by somebody or because its memory was used up\)\. Remedy"):
        wait(target)


def test_of_a_container_that_did_its_work_the_remedy_is_another_command() -> None:
    target = Target()
    target.states = [state("exited", exit_code=0)]
    with pytest.raises(StartError, match=r"exited with exit code 0\. Remedy: its command did all it had to do"):
        wait(target)


@pytest.mark.parametrize("check", [ready.tcp(5000), ready.http(port=5000)])
def test_a_time_out_at_a_port_tells_on_what_it_listens_instead(check: ready.Check) -> None:
    target = Target()
    target.elsewhere = ("Inside it, this", "do that")
    with pytest.raises(NotReadyInTime, match=r"tries: (nothing|nobody).*\. Inside it, this\. Remedy: do that\."):
        wait(target, check, timeout=1)
    with pytest.raises(NotReadyInTime, match="tries: answer"):
        wait(target, ReadyAfter(999), timeout=1)


def test_the_message_shows_the_last_lines_of_the_log_and_no_more() -> None:
    target = Target()
    target.states = [state("exited", exit_code=1)]
    target.log = "".join(f"line {number}\n" for number in range(100))
    with pytest.raises(StartError) as raised:
        wait(target)
    assert "line 99" in str(raised.value)
    assert "line 70" in str(raised.value)
    assert "line 69" not in str(raised.value)


def test_a_time_out_tells_elapsed_time_tries_and_the_last_reason() -> None:
    check, target = ReadyAfter(10_000), Target()
    target.log = "still starting\n"
    with pytest.raises(NotReadyInTime) as raised:
        wait(target, check, timeout=10.0)
    words = re.match(r"es was not ready after (\d+\.\d) s and (\d+) tries: answer (\d+)\.", str(raised.value))
    assert words is not None
    assert 10.0 <= float(words[1]) <= 10.3
    assert int(words[2]) == int(words[3]) == check.asked
    assert "allow more with timeout= or --foodtrucks-timeout" in str(raised.value)
    assert raised.value.logs == "still starting\n"


def test_a_check_is_asked_once_even_if_the_time_is_shorter_than_one_try() -> None:
    clock = Clock()

    def slow(_: ready.Target) -> None:
        clock.now += 5

    wait(Target(), slow, timeout=1.0, clock=clock)


def test_an_error_of_a_check_that_isnt_notready_ends_the_wait_as_it_is() -> None:
    def broken(_: ready.Target) -> None:
        raise ZeroDivisionError

    clock = Clock()
    with pytest.raises(ZeroDivisionError):
        wait(Target(), broken, clock=clock)
    assert clock.sleeps == []


# http


def test_http_passes_on_200() -> None:
    target = Target(answers=[(200, "hello")])
    ready.http("/healthz", port=5000, timeout=1.0)(target)
    assert target.asked == ["/healthz on 5000 within 1.0"]


@pytest.mark.parametrize("status", [201, 204, 301, 302, 401, 403, 404, 405, 500, 503])
def test_http_never_takes_another_status_for_ready(status: int) -> None:
    check = ready.http("/healthz")
    assert refusal(check, Target(answers=[(status, "no")])) == f"GET /healthz answered {status}, not 200: no"


def test_http_may_expect_another_status() -> None:
    ready.http(status=401)(Target(answers=[(401, "")]))
    assert refusal(ready.http(status=401), Target(answers=[(200, "")])).startswith("GET / answered 200, not 401")


def test_http_shows_the_answer_in_one_line_of_bounded_length() -> None:
    reason = refusal(ready.http(), Target(answers=[(503, "a\n  b\n" + "c" * 1000)]))
    assert reason.startswith("GET / answered 503, not 200: a b ccc")
    assert reason.endswith("c…")
    assert len(reason) < 300


def test_http_hands_on_why_no_answer_came() -> None:
    assert refusal(ready.http(), Target()) == "nobody answers"


def test_http_refuses_a_path_without_a_slash_where_it_is_written() -> None:
    with pytest.raises(DefinitionError, match=r"ready\.http\('health'\) is no path\. Remedy: .*'/health'"):
        ready.http("health")


# tcp


def test_tcp_passes_when_something_listens_on_all_ports() -> None:
    target = Target(container_ports=(9200, 9300))
    target.open_ports = {9200, 9300}
    ready.tcp()(target)


def test_tcp_names_the_port_where_nothing_listens() -> None:
    target = Target(container_ports=(9200, 9300))
    target.open_ports = {9200}
    assert refusal(ready.tcp(), target) == "nothing listens on port 9300"


def test_tcp_with_a_port_asks_just_that_one() -> None:
    target = Target(container_ports=(9200, 9300))
    target.open_ports = {9300}
    ready.tcp(9300)(target)
    assert refusal(ready.tcp(9200), target) == "nothing listens on port 9200"


def test_tcp_without_any_port_to_ask_is_an_error_and_never_ready() -> None:
    with pytest.raises(DefinitionError, match=r"es has no ports.*Remedy: give ready\.tcp\(PORT\), or ports="):
        ready.tcp()(Target())


# log, healthcheck, exec, running


def test_log_passes_when_a_line_matches_the_expression() -> None:
    target = Target()
    target.log = "one\nTotal trucks loaded:  733\n"
    ready.log(r"^Total trucks loaded: +\d+$")(target)


def test_log_names_the_expression_that_no_line_matches() -> None:
    assert refusal(ready.log("started$"), Target()) == "no line of its log matches 'started$'"


def test_log_refuses_a_wrong_expression_where_it_is_written() -> None:
    with pytest.raises(DefinitionError, match=r"^ready.log has pattern='\(' can't be read: .*\. Remedy: mend it"):
        ready.log("(")


def test_log_reads_on_from_where_it_was_a_second_before_the_last_line() -> None:
    target, check = Target(), ready.log("ready")
    target.log = "one\ntwo\nthree\n"
    refusal(check, target)
    target.log += "ready\n"
    check(target)
    check(target)
    assert target.searched_since == [None, WRITTEN + 1.0, WRITTEN + 2.0]


def test_log_begins_anew_for_another_service() -> None:
    first, second, check = Target(), Target(), ready.log("ready")
    first.log = second.log = "one\n"
    refusal(check, first)
    refusal(check, second)
    assert second.searched_since == [None]


def test_log_sees_one_line_at_a_time() -> None:
    target = Target()
    target.log = "one\ntwo\n"
    assert refusal(ready.log("one\ntwo"), target)
    ready.log("^one\n")(target)


def test_healthcheck_passes_on_healthy() -> None:
    target = Target()
    target.states = [state(health="healthy")]
    ready.healthcheck()(target)


def test_healthcheck_of_a_container_without_one_is_refused_at_once() -> None:
    clock = Clock()
    with pytest.raises(DefinitionError, match=r"es has no health check .*Remedy: give healthcheck=\{'test'"):
        wait(Target(), ready.healthcheck(), clock=clock)
    assert clock.sleeps == []


@pytest.mark.parametrize("health", ["starting", "unhealthy"])
def test_healthcheck_never_takes_another_word_for_ready(health: str) -> None:
    target = Target()
    target.states = [state(health=health)]
    assert refusal(ready.healthcheck(), target) == f"its health check says {health}"


def test_healthcheck_shows_the_checks_own_output() -> None:
    target = Target()
    target.states = [state(health="unhealthy", health_output="curl: (7)\nrefused")]
    assert refusal(ready.healthcheck(), target) == "its health check says unhealthy: curl: (7) refused"


def test_exec_passes_when_the_command_ends_well() -> None:
    target = Target()
    ready.exec(["pg_isready", "-q"])(target)
    assert target.asked == ["pg_isready -q"]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (ExecResult(2, "out", "no server"), "pg_isready ended with exit code 2: no server"),
        (ExecResult(1, "out", ""), "pg_isready ended with exit code 1: out"),
        (ExecResult(None, "", ""), "pg_isready ended with exit code None: "),
    ],
)
def test_exec_shows_exit_code_and_words_of_a_command_that_didnt_end_well(result: ExecResult, words: str) -> None:
    target = Target()
    target.result = result
    assert refusal(ready.exec(["pg_isready"]), target) == words


def test_running_passes_when_the_container_runs() -> None:
    ready.running()(Target())


@pytest.mark.parametrize("status", ["created", "paused", "restarting"])
def test_running_takes_nothing_else_for_running(status: str) -> None:
    target = Target()
    target.states = [state(status)]
    assert refusal(ready.running(), target) == f"it is {status}"


# as_checks


def test_one_check_is_a_tuple_of_one() -> None:
    check = ready.http()
    assert ready.as_checks(check) == (check,)


@pytest.mark.parametrize("collect", [list, tuple, iter])
def test_several_checks_are_a_tuple_in_their_order(
    collect: Callable[[Sequence[ready.Check]], list[ready.Check]],
) -> None:
    checks = [ready.tcp(), ready.http()]
    assert ready.as_checks(collect(checks)) == tuple(checks)


@pytest.mark.parametrize("wrong", ["/healthz", 200, None])
@pytest.mark.parametrize("several", [False, True])
def test_what_is_no_check_is_named_with_what_would_do(*, wrong: Any, several: bool) -> None:
    with pytest.raises(DefinitionError) as raised:
        ready.as_checks([wrong] if several else wrong)
    assert f"ready={wrong!r} is no readiness check. Remedy: use one of ready.http(…), tcp(…), log" in str(raised.value)


def test_exec_says_of_a_command_that_waits_for_how_long_it_was_awaited() -> None:
    target = Target()
    target.exec = Mock(side_effect=TimeoutError)  # type: ignore[method-assign]
    assert refusal(ready.exec(["pg_isready"], timeout=2.5), target) == "pg_isready hasn't ended within 2.5 s"


def test_the_functions_that_return_a_check_are_known_as_such() -> None:
    functions = {
        each for each in vars(ready).values() if getattr(each, "__annotations__", {}).get("return") is ready.Check
    }
    assert functions == {*ready.MAKERS}


@pytest.mark.parametrize("maker", ready.MAKERS)
def test_a_check_without_its_parentheses_isnt_taken_for_one(maker: Any) -> None:
    with pytest.raises(DefinitionError, match=rf"{maker.__name__}.* is no readiness check"):
        ready.as_checks(maker)


@pytest.mark.parametrize("answer", [False, ready.tcp()])
def test_a_check_that_answers_instead_of_raising_is_an_error_and_never_ready(answer: object) -> None:
    def check(_: ready.Target) -> Any:
        return answer

    with pytest.raises(DefinitionError, match=r"is no readiness check \(it returned .*raises NotReady"):
        wait(Target(), check)
