"""A guest in suites whose tests replace what the plugin stands on: requests, sockets, the time, the random numbers."""

from pathlib import Path

import pytest

from .conftest import Downstream, watchdogs_end

CONFTEST = """
import os, random
import pytest
from pytest_foodtrucks import service

IMAGE = os.environ.get("EXAMPLE_BUSYBOX_IMAGE", "busybox")
talker = service(image=IMAGE, command=["tail", "-f", "/dev/null"])

@pytest.fixture
def say(talker):
    def say(line):
        talker.exec(["sh", "-c", f"echo {line} >/proc/1/fd/1"])
    return say

@pytest.fixture
def broken():
    def fail(*_, **__):
        raise RuntimeError("replaced by the test")
    return fail
"""

REPLACED = {
    "requests": "monkeypatch.setattr('requests.Session.send', broken)",
    "sockets": "monkeypatch.setattr('socket.socket', broken)",
    "requests' answers": "monkeypatch.setattr('requests.Session.send', lambda *_, **__: object())",
    "files": "monkeypatch.setattr('builtins.open', broken)",
}


def test_a_test_that_replaces_what_the_engine_is_asked_by_fails_with_its_own_error(downstream: Downstream) -> None:
    tests = (
        f"def test_{number}(say, monkeypatch, broken):\n    {replace}\n    assert 'mine' == 'yours'\n"
        for number, replace in enumerate(REPLACED.values())
    )
    downstream.write(conftest=CONFTEST, test_it="\n".join(tests) + "\ndef test_last(say): say('well')")
    result = downstream.run("-rA")
    result.assert_outcomes(failed=len(REPLACED), passed=1)
    assert result.outlines.count("E       AssertionError: assert 'mine' == 'yours'") == len(REPLACED)
    assert "INTERNALERROR" not in result.stdout.str()
    assert result.stdout.str().count("can't be shown") >= 2


FROZEN = {
    "freezegun": "@freezegun.freeze_time('2001-01-01')",
    "freezegun ticking": "@freezegun.freeze_time('2001-01-01', tick=True)",
    "time-machine": "@time_machine.travel('2001-01-01', tick=False)",
}
SLOW = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 1; done"
IN_FROZEN_TIME = f"""
import freezegun, pytest, time_machine
from conftest import IMAGE
from pytest_foodtrucks import ready

FROZEN
def test_in_frozen_time(say, talker, foodtrucks_net):
    say("in frozen time")
    with pytest.raises(TimeoutError):
        talker.container.exec(["sh", "-c", {SLOW!r}], timeout=2)
    up = ["sh", "-c", "sleep 1; echo up; exec tail -f /dev/null"]
    with foodtrucks_net.service(image=IMAGE, aliases=["late"], command=up, ready=ready.log("up")):
        assert "mine" == "yours"

def test_afterwards(say):
    say("afterwards")
    assert "mine" == "yours"
"""


@pytest.mark.parametrize("freezer", FROZEN)
def test_in_frozen_time_logs_are_shown_and_time_outs_are_kept(downstream: Downstream, freezer: str) -> None:
    downstream.write(conftest=CONFTEST, test_it=IN_FROZEN_TIME.replace("FROZEN", FROZEN[freezer]))
    result = downstream.run()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["E*assert 'mine' == 'yours'*", "-*log of talker*", "in frozen time", "E*assert*", "-*log of talker*"]
    )
    assert result.outlines.count("in frozen time") == 1  # and not again in the second test's report
    assert result.outlines.count("afterwards") == 1


@pytest.mark.parametrize("freezer", FROZEN)
def test_in_a_session_that_is_frozen_from_its_first_fixture_all_is_as_ever(
    downstream: Downstream, freezer: str
) -> None:
    frozen = f"""
@pytest.fixture(scope="session", autouse=True)
def frozen():
    import freezegun, time_machine
    with {FROZEN[freezer][1:]}:
        yield
"""
    downstream.write(
        conftest=CONFTEST + frozen, test_it="def test_it(say):\n    say('in frozen time')\n    assert False"
    )
    result = downstream.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["-*log of talker*", "in frozen time"])
    assert "clock" not in result.stderr.str()


def test_what_a_test_draws_from_its_seed_is_the_same_beside_a_service(downstream: Downstream) -> None:
    test = """
import random
from conftest import IMAGE

def test_it(foodtrucks_net, talker):
    random.seed(42)
    before = random.getstate()
    echo = ["nc", "-ll", "-p", "80", "-e", "cat"]
    with foodtrucks_net.service(image=IMAGE, aliases=["late"], command=echo, ports=[80]):
        assert random.getstate() == before
"""
    downstream.write(conftest=CONFTEST, test_it=test)
    downstream.run().assert_outcomes(passed=1)


def test_what_a_test_replaces_for_good_leaves_no_traceback_and_no_containers(
    downstream: Downstream, state: Path
) -> None:
    test = """
import requests

def broken(*_, **__):
    raise RuntimeError("replaced for good")

def test_it(talker):
    requests.Session.send = broken

def test_other():
    pass
"""
    downstream.write(conftest=CONFTEST, test_it=test)
    result = downstream.run(f"--foodtrucks-state-dir={state}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2, errors=1)
    assert "Traceback" not in result.stderr.str()
    result.stderr.fnmatch_lines(["*Containers may be left behind: RuntimeError: replaced for good"])
    watchdogs_end(state)
