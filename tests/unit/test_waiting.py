"""What a test waits for: a line of a service's log, and its end; and what a job's end means."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fakes.engine import FakeEngine
from fakes.logs import WRITTEN
from fakes.machine import Clock
from fakes.session import new_stack
from pytest_foodtrucks.errors import DefinitionError, NotInTime, NotReadyInTime, StartError
from pytest_foodtrucks.services.definitions import define
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.service import Service
from pytest_foodtrucks.services.starting import running_service
from pytest_foodtrucks.services.waiting import wait_for_end, wait_for_log, wait_until_done


@pytest.fixture
def engine() -> FakeEngine:
    """Return an engine in memory."""
    return FakeEngine()


@pytest.fixture
def web(engine: FakeEngine) -> Iterator[Service]:
    """Return a running service, whose start may take 60 seconds."""
    network = Network(new_stack(engine), "net", "bridge", internal=False)
    definition = define({"image": "busybox", "timeout": 60}, alias="web", folder=Path("/project"))
    with running_service(network.stack, [network.ref], definition) as service:
        yield service


def ended(engine: FakeEngine, service: Service, **about: Any) -> None:
    """Let a service's container end; what it logged was logged before."""
    state = {"Status": "exited", "ExitCode": 0, "FinishedAt": "2200-01-31T12:00:00Z", **about}
    engine.containers[service.container.id]["State"].update(state)


class Later(Clock):
    """A clock at whose first sleeps something happens."""

    def __init__(self, *happens: Callable[[], object]) -> None:
        super().__init__()
        self.happens = list(happens)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.happens:
            self.happens.pop(0)()


def for_log(service: Service, pattern: Any, *, clock: Clock | None = None, **more: Any) -> re.Match[str]:
    """Wait for a line of a service's log by a clock that nobody waits for."""
    clock = Clock() if clock is None else clock
    about = {"since": None, "timeout": None, **more}
    return wait_for_log(service.__foodtrucks__, pattern, clock=clock, sleep=clock.sleep, **about)


def for_end(service: Service, *, clock: Clock, timeout: float | None = None) -> int:
    """Wait for a service's end likewise."""
    return wait_for_end(service.__foodtrucks__, timeout=timeout, clock=clock, sleep=clock.sleep)


# a line of the log


def test_a_line_that_is_there_is_returned_as_the_match_of_the_pattern(web: Service, engine: FakeEngine) -> None:
    engine.log = "starting\nlistening on 8080\n"
    match = web.wait_for_log(r"listening on (\d+)$")
    assert (match.string, match[1]) == ("listening on 8080", "8080")


def test_a_line_that_comes_later_is_waited_for(web: Service, engine: FakeEngine) -> None:
    def log() -> None:
        engine.log += "done\n"

    assert for_log(web, re.compile("DONE", re.IGNORECASE), clock=Later(lambda: None, log)).string == "done"


@pytest.mark.parametrize("since", [WRITTEN + 1, datetime.fromtimestamp(WRITTEN + 1, UTC)])
def test_lines_from_before_a_moment_dont_count(web: Service, engine: FakeEngine, since: object) -> None:
    engine.log = "done 1\ndone 2\n"
    assert for_log(web, "done .", since=since).string == "done 2"
    with pytest.raises(NotInTime):
        for_log(web, "done 1", since=since)


def test_the_moment_is_by_this_machines_clock(web: Service, engine: FakeEngine) -> None:
    engine.log = "done 1\ndone 2\n"
    engine.clock_difference = 10.0
    assert for_log(web, "done", since=WRITTEN - 9).string == "done 2"
    assert web.logs(since=WRITTEN - 9) == "done 2\n"
    (line,) = web.log_lines(since=WRITTEN - 9)
    assert (line.time.timestamp(), line.stream, line.text) == (WRITTEN - 9, "stdout", "done 2")


def test_the_time_out_is_a_time_outs_error_with_the_last_lines(web: Service, engine: FakeEngine) -> None:
    engine.log = "still starting\n"
    clock = Clock()
    with pytest.raises(TimeoutError, match=r"of web matched 'ready' within 2 s\. Remedy: .*timeout=") as raised:
        for_log(web, "ready", timeout=2, clock=clock)
    assert isinstance(raised.value, NotInTime)
    assert raised.value.logs == "still starting\n"
    assert str(raised.value).endswith("Its last log lines:\n    still starting")
    assert sum(clock.sleeps) == pytest.approx(2)


def test_without_a_time_it_is_waited_as_long_as_the_start_may_take(web: Service) -> None:
    clock = Clock()
    with pytest.raises(NotInTime, match=" within 60 s"):
        for_log(web, "ready", clock=clock)
    assert sum(clock.sleeps) == pytest.approx(60)


def test_what_ended_isnt_waited_for_and_all_of_its_log_counts(web: Service, engine: FakeEngine) -> None:
    engine.log = "done\n"
    ended(engine, web, ExitCode=3)
    assert for_log(web, "done").string == "done"
    clock = Clock()
    with pytest.raises(NotInTime, match=r"matched 'ready', and it has ended: exited with exit code 3\. Remedy"):
        for_log(web, "ready", clock=clock)
    assert clock.sleeps == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"pattern": "("}, r"pattern='\(' can't be read"),
        ({"pattern": b"x"}, "pattern=b'x' is no text"),
        ({"pattern": re.compile(b"x")}, "pattern=.* is no text"),
        ({"since": "now"}, "since='now'. Remedy: give seconds"),
        ({"since": True}, "since=True. Remedy"),
        ({"since": float("nan")}, "since=nan. Remedy"),
        ({"since": datetime(2026, 1, 31)}, r"since=.* has no time zone\. Remedy"),  # noqa: DTZ001 - a wrong one
        ({"timeout": 0}, "timeout=0. Remedy"),
        ({"timeout": "5"}, "timeout='5'. Remedy"),
    ],
)
def test_what_cant_be_waited_for_is_refused(web: Service, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        web.wait_for_log(**{"pattern": "x", **wrong})


# the end


def test_a_containers_end_gives_its_exit_code(web: Service, engine: FakeEngine) -> None:
    assert for_end(web, clock=Later(lambda: ended(engine, web, ExitCode=3))) == 3
    assert web.wait() == 3


def test_what_doesnt_end_in_time_is_a_time_outs_error_that_says_so(web: Service) -> None:
    with pytest.raises(TimeoutError, match=r"^web hasn't ended within 2 s: it is running\. Remedy: ") as raised:
        for_end(web, clock=Clock(), timeout=2)
    assert getattr(raised.value, "logs", "") == "a line of the log\n"
    with pytest.raises(DefinitionError, match="timeout=-1"):
        web.wait(-1)


# a job


def done(service: Service, clock: Clock) -> None:
    """Wait for a job's end."""
    wait_until_done(service.__foodtrucks__, clock=clock, sleep=clock.sleep)


def test_a_job_is_done_when_it_has_ended_well(web: Service, engine: FakeEngine) -> None:
    clock = Later(lambda: None, lambda: ended(engine, web))
    done(web, clock)
    assert clock.happens == []


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"ExitCode": 3}, r"The job web failed: it exited with exit code 3\. Remedy: mend"),
        ({"OOMKilled": True}, r"exit code 0, killed because its memory was used up\. Remedy"),
    ],
)
def test_a_job_that_ended_badly_is_an_error_with_its_log(
    web: Service, engine: FakeEngine, about: dict[str, Any], words: str
) -> None:
    ended(engine, web, **about)
    with pytest.raises(StartError, match=words) as raised:
        done(web, Clock())
    assert raised.value.logs == "a line of the log\n"


def test_a_job_that_goes_on_is_an_error_with_its_log(web: Service) -> None:
    clock = Clock()
    with pytest.raises(NotReadyInTime, match=r"The job web hasn't ended within 60 s: it is running") as raised:
        done(web, clock)
    assert raised.value.logs == "a line of the log\n"
    assert sum(clock.sleeps) == pytest.approx(60)
