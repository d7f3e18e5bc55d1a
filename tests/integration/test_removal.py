"""What a session started is gone when it ends, whichever way it ends."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Downstream

CONFTEST = """
import os
import pytest
from pytest_foodtrucks import ready, service

echo = service(image=os.environ["EXAMPLE_BUSYBOX_IMAGE"], command="nc -ll -p 7000 -e cat", ports=[7000])
"""


def test_a_session_that_ends_well_leaves_nothing(downstream: Downstream) -> None:
    downstream.write(conftest=CONFTEST, test_it="def test_it(echo, net_probe, bridge_probe): pass")
    downstream.run().assert_outcomes(passed=1)


def test_a_failing_test_leaves_nothing(downstream: Downstream) -> None:
    downstream.write(conftest=CONFTEST, test_it="def test_it(echo): assert False")
    downstream.run("-x").assert_outcomes(failed=1)


def test_a_session_that_ends_after_so_many_failures_leaves_nothing(downstream: Downstream) -> None:
    downstream.write(
        conftest=CONFTEST,
        test_it="""
import pytest

@pytest.mark.parametrize("number", range(4))
def test_it(number, echo, net_probe): assert False
""",
    )
    downstream.run("--maxfail=2").assert_outcomes(failed=2)


def test_a_session_that_a_test_ends_leaves_nothing(downstream: Downstream) -> None:
    downstream.write(conftest=CONFTEST, test_it="import pytest\ndef test_it(echo): pytest.exit('enough', returncode=7)")
    assert downstream.run().ret == 7


def test_a_set_up_that_fails_after_ours_leaves_nothing(downstream: Downstream) -> None:
    downstream.write(
        conftest=CONFTEST
        + """
@pytest.fixture(scope="session")
def broken(echo):
    raise RuntimeError("broken")
""",
        test_it="def test_it(broken): pass",
    )
    downstream.run().assert_outcomes(errors=1)


def test_a_tear_down_that_fails_leaves_nothing(downstream: Downstream) -> None:
    downstream.write(
        conftest=CONFTEST
        + """
@pytest.fixture(scope="session")
def broken(echo):
    yield
    raise RuntimeError("broken")
""",
        test_it="def test_it(broken): pass",
    )
    downstream.run().assert_outcomes(passed=1, errors=1)


def test_a_container_that_somebody_removed_meanwhile_is_no_error(downstream: Downstream) -> None:
    downstream.write(
        conftest=CONFTEST,
        test_it="""
def test_it(echo):
    echo.__foodtrucks__.stack.engine.remove_container(echo.container.id)
""",
    )
    downstream.run().assert_outcomes(passed=1)


def test_strangers_that_a_test_attached_do_not_hold_the_network(downstream: Downstream) -> None:
    downstream.write(
        conftest=CONFTEST,
        test_it="""
def test_it(echo, foodtrucks_net, bridge_probe):
    foodtrucks_net.connect(bridge_probe, aliases=["stranger"])
    assert bridge_probe.resolve("echo") == [echo.container.ip]
""",
    )
    downstream.run().assert_outcomes(passed=1)


def test_what_was_made_beforehand_and_never_asked_for_goes_too(downstream: Downstream) -> None:
    downstream.write(
        conftest=CONFTEST,
        test_it="""
def test_first(foodtrucks_net): assert False
def test_second(web_on_net): pass
""",
    )
    downstream.run("-x").assert_outcomes(failed=1)


@pytest.mark.parametrize("moment", ["while a test runs", "while a service starts"])
def test_ctrl_c_leaves_nothing(
    downstream: Downstream, moment: str, tmp_path: Path, ours_on_engine: Callable[[], set[str]]
) -> None:
    reached = tmp_path / "reached"
    wait = f"open({str(reached)!r}, 'w').close(); time.sleep(60)"
    slow = f"""
import time
def never(target):
    {wait}
slow = service(image=os.environ["EXAMPLE_BUSYBOX_IMAGE"], command="sleep 600", ready=never)
"""
    body = f"import time\ndef test_it(echo):\n    {wait}\n"
    downstream.write(
        conftest=CONFTEST + slow, test_it=body if moment == "while a test runs" else "def test_it(echo, slow): pass"
    )
    before = ours_on_engine()
    with downstream.started() as process:
        while not reached.exists():
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.02)
        assert ours_on_engine() - before, "the control: there is something to remove"
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
