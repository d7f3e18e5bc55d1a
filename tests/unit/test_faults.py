"""Faults: what begins them, what heals them, and what is said where they can't be healed."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from fakes.engine import FakeEngine
from fakes.logs import WRITTEN
from fakes.machine import Clock
from fakes.session import new_stack
from pytest_foodtrucks import ready
from pytest_foodtrucks.errors import (
    DefinitionError,
    EngineError,
    FaultError,
    NotReady,
    NotReadyInTime,
    StartError,
)
from pytest_foodtrucks.services import faults
from pytest_foodtrucks.services.definitions import ServiceDefinition, define
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.network_part import throwaway_network
from pytest_foodtrucks.services.service import Service

TAKEN = EngineError("Bind for 127.0.0.1:20001 failed: port is already allocated", status=500)

Fault = Callable[[Service], AbstractContextManager[None]]

KINDS: dict[str, Fault] = {
    "paused": Service.paused,
    "stopped": Service.stopped,
    "killed": Service.killed,
    "disconnected": Service.disconnected,
}
each_kind = pytest.mark.parametrize("kind", KINDS)


class Checked:
    """A readiness check that counts, and says no as often as it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.refusals = 0

    def __call__(self, _: object) -> None:
        self.asked += 1
        if self.refusals > 0:
            self.refusals -= 1
            raise NotReady("not yet")


@pytest.fixture
def engine() -> FakeEngine:
    """Return an engine in memory."""
    return FakeEngine()


@pytest.fixture
def network(engine: FakeEngine) -> Iterator[Network]:
    """Return a network on it."""
    with throwaway_network(new_stack(engine, timeout="0.000001")) as network:
        yield network


@pytest.fixture
def check() -> Checked:
    """Return the service's readiness check."""
    return Checked()


def defined(check: Checked, **keywords: Any) -> ServiceDefinition:
    """Return the definition of a service `web` with that check."""
    return define({"image": "busybox", "ready": check, **keywords}, alias="web", folder=Path("/project"))


@pytest.fixture
def web(network: Network, check: Checked) -> Iterator[Service]:
    """Return a service with two names and a port."""
    with network.running(defined(check, aliases=["web", "www"], ports=[80])) as service:
        yield service


def is_up(service: Service) -> bool:
    """Tell whether it runs and has an address."""
    return service.container.status == "running" and service.container.ip != ""


# the length of a block


@pytest.mark.parametrize(
    ("kind", "status"), [("paused", "paused"), ("stopped", "exited"), ("killed", "exited"), ("disconnected", "running")]
)
def test_a_fault_lasts_for_its_block(web: Service, kind: str, status: str) -> None:
    with KINDS[kind](web):
        assert web.container.status == status
        assert (web.container.ip == "") is (kind == "disconnected")
    assert is_up(web)


@each_kind
def test_a_fault_is_healed_when_the_checks_of_the_definition_pass_again(
    web: Service, check: Checked, kind: str
) -> None:
    before = check.asked
    with KINDS[kind](web):
        assert check.asked == before
    assert check.asked == before + 1


def test_checks_that_were_given_as_an_iterator_are_asked_again(network: Network, check: Checked) -> None:
    definition = define({"image": "busybox", "ready": iter([check])}, alias="web", folder=Path("/project"))
    with network.running(definition) as service, service.paused():
        pass
    assert check.asked == 2


@each_kind
def test_a_service_that_does_not_get_ready_again_is_told_in_its_own_time(
    web: Service, check: Checked, kind: str
) -> None:
    check.refusals = 1
    with pytest.raises(NotReadyInTime, match=r"web was not ready after .*: not yet"), KINDS[kind](web):
        pass


@each_kind
def test_a_fault_is_healed_when_its_block_fails(web: Service, kind: str) -> None:
    with pytest.raises(ZeroDivisionError) as raised, KINDS[kind](web):
        raise ZeroDivisionError
    assert is_up(web)
    assert not hasattr(raised.value, "__notes__")


@each_kind
def test_a_fault_that_only_half_began_is_healed(
    web: Service, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    method = {"stopped": "stop_container", "killed": "kill_container", "paused": "pause_container"}.get(
        kind, "disconnect"
    )
    begin = getattr(engine, method)

    def interrupted(*args: Any, **keywords: Any) -> None:
        begin(*args, **keywords)
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, method, interrupted)
    with pytest.raises(KeyboardInterrupt), KINDS[kind](web):
        pass
    assert is_up(web)


@each_kind
def test_what_a_block_healed_by_itself_is_fine(web: Service, engine: FakeEngine, network: Network, kind: str) -> None:
    with KINDS[kind](web):
        if kind == "disconnected":
            network.connect(web, aliases=web.__foodtrucks__.aliases)
        else:
            engine.unpause_container(web.container.id)
    assert is_up(web)


def test_whatever_is_amiss_at_the_end_is_mended(web: Service, engine: FakeEngine, network: Network) -> None:
    with web.paused():
        engine.kill_container(web.container.id)
        network.disconnect(web)
    assert is_up(web)


def test_a_service_has_its_names_again_and_other_networks_stay(
    web: Service, engine: FakeEngine, network: Network
) -> None:
    with throwaway_network(network.stack) as other:
        with web.disconnected():
            other.connect(web, aliases=["guest"])
            networks = engine.containers[web.container.id]["NetworkSettings"]["Networks"]
            assert networks.keys() == {other.name}
        assert networks[network.name]["Aliases"] == ["web", "www"]
        assert networks[other.name]["Aliases"] == ["guest"]


def test_a_stop_gives_the_process_some_seconds(web: Service, engine: FakeEngine) -> None:
    with web.stopped():
        assert engine.events[-1] == "stop within 10 foodtrucks-web"
    with web.stopped(timeout=0):
        assert engine.events[-1] == "stop within 0 foodtrucks-web"


def test_a_stop_takes_the_services_own_grace_period(engine: FakeEngine) -> None:
    with (
        throwaway_network(new_stack(engine)) as network,
        network.service(image="busybox", aliases=["slow"], stop_grace_period="1m30s", ready=ready.running()) as slow,
    ):
        with slow.stopped():
            assert engine.events[-1] == "stop within 90 foodtrucks-slow"
        slow.restart()
        assert engine.events[-2:] == ["stop within 90 foodtrucks-slow", "start foodtrucks-slow"]
        slow.restart(timeout=3)
        assert engine.events[-2:] == ["stop within 3 foodtrucks-slow", "start foodtrucks-slow"]


@pytest.mark.parametrize("timeout", [-1, 0.5, True])
def test_a_stop_that_could_last_for_ever_is_an_error(web: Service, timeout: Any) -> None:
    with pytest.raises(DefinitionError, match=r"timeout=.*\. Remedy: give the seconds"):
        web.stopped(timeout=timeout)
    with pytest.raises(DefinitionError, match="timeout="):
        web.restart(timeout=timeout)


# restart


def test_a_restart_stops_and_starts_and_waits(web: Service, engine: FakeEngine, check: Checked) -> None:
    web.restart(timeout=3)
    assert engine.events[-2:] == ["stop within 3 foodtrucks-web", "start foodtrucks-web"]
    assert check.asked == 2


def test_a_restart_starts_what_ended_by_itself(web: Service, engine: FakeEngine) -> None:
    engine.kill_container(web.container.id)
    web.restart()
    assert is_up(web)


# refusals


@each_kind
def test_a_fault_within_another_is_refused_and_the_first_goes_on(web: Service, kind: str) -> None:
    with web.paused():
        with (
            pytest.raises(FaultError, match=rf"web can't be {kind}: it is paused already\. Remedy: "),
            KINDS[kind](web),
        ):
            pass
        assert web.container.status == "paused"
    with web.disconnected():
        with (
            pytest.raises(FaultError, match=rf"web can't be {kind}: it is disconnected from foodtrucks-net-\w+\. "),
            KINDS[kind](web),
        ):
            pass
        with pytest.raises(FaultError, match=r"web can't be restarted: it is disconnected from"):
            web.restart()
        assert web.container.ip == ""


def test_what_could_not_be_healed_is_by_a_restart_later(web: Service) -> None:
    web.__foodtrucks__.stack.engine.disconnect(web.__foodtrucks__.network.id, web.container.id)
    web.restart()
    assert web.container.ip != ""
    assert web.container.status == "running"


def test_an_error_of_the_tests_own_is_kept_whatever_its_own_check_raises(
    web: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.__foodtrucks__, "wait_until_ready", Mock(side_effect=KeyError("status")))
    with pytest.raises(ValueError, match="the test's own") as raised, web.paused():
        raise ValueError("the test's own")
    assert raised.value.__notes__ == ["pytest-foodtrucks: web was paused and can't be healed: KeyError('status')"]


@each_kind
def test_a_fault_of_what_has_ended_is_refused_with_its_log(web: Service, engine: FakeEngine, kind: str) -> None:
    engine.kill_container(web.container.id)
    with (
        pytest.raises(FaultError, match=rf"web can't be {kind}: its container doesn't run, exited with") as raised,
        KINDS[kind](web),
    ):
        pass
    assert "its restart() starts what ended by itself" in str(raised.value)
    assert raised.value.logs == "a line of the log\n"


@each_kind
def test_what_other_workers_share_has_no_faults(web: Service, kind: str) -> None:
    web.__foodtrucks__.shared = True
    with (
        pytest.raises(
            FaultError,
            match=rf"web can't be {kind}: it is one for all xdist workers, .*\. Remedy: .*shared=False.*mine",
        ),
        KINDS[kind](web),
    ):
        pass
    with pytest.raises(FaultError, match="web can't be restarted: it is one for all xdist workers"):
        web.restart()
    assert is_up(web)


# what can't be healed


@each_kind
def test_a_container_that_was_removed_is_named_at_the_end(web: Service, engine: FakeEngine, kind: str) -> None:
    name = web.container.name
    with (
        pytest.raises(
            FaultError, match=rf"web was {kind} and can't be healed: its container {name} was removed\. Remedy: "
        ),
        KINDS[kind](web),
    ):
        engine.remove_container(web.container.id)


@each_kind
def test_a_container_that_was_removed_before_is_named_at_once(web: Service, engine: FakeEngine, kind: str) -> None:
    engine.remove_container(web.container.id)
    with pytest.raises(FaultError, match=rf"web can't be {kind}: its container .* was removed"), KINDS[kind](web):
        pytest.fail("the block ran")


def test_an_engine_that_gives_no_answer_beforehand_is_told_as_that(
    web: Service, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_: str) -> Any:
        raise EngineError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(engine, "inspect_container", silent)
        with pytest.raises(EngineError, match="no answer"), web.paused():
            pass


@each_kind
def test_the_blocks_own_error_stays_and_has_a_note(web: Service, engine: FakeEngine, kind: str) -> None:
    def fail() -> None:
        engine.remove_container(web.container.id)
        pytest.fail("as the test says")

    with pytest.raises(pytest.fail.Exception, match="as the test says") as raised, KINDS[kind](web):
        fail()
    [note] = raised.value.__notes__
    assert note.startswith(f"pytest-foodtrucks: web was {kind} and can't be healed: its container")


def test_a_container_that_cannot_run_again_is_told_with_the_engines_words(web: Service, engine: FakeEngine) -> None:
    engine.start_errors = [EngineError("no space left on device", status=500)]
    with (
        pytest.raises(FaultError, match=r"web was stopped and can't be healed: no space left on device\. Remedy: "),
        web.stopped(),
    ):
        pass
    web.restart()
    assert is_up(web)


def test_an_engine_that_gives_no_answer_any_more_is_told_with_its_own_remedy(web: Service, engine: FakeEngine) -> None:
    engine.start_errors = [EngineError("The engine gave no answer. Remedy: start it again.")]
    with (
        pytest.raises(FaultError, match=r"can't be healed: The engine gave no answer\. Remedy: start it again\.$"),
        web.stopped(),
    ):
        pass


def test_an_engine_that_refuses_a_fault_is_told_with_the_containers_name(
    web: Service, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = Mock(side_effect=EngineError(f"could not change {web.container.id}", status=500))
    monkeypatch.setattr(engine, "pause_container", refuse)
    with pytest.raises(EngineError, match=f"^could not change {web.container.name}$"), web.paused():
        pass
    monkeypatch.setattr(engine, "stop_container", refuse)
    with pytest.raises(EngineError, match=f"^could not change {web.container.name}$"):
        web.restart()
    engine.start_errors = [EngineError(f"could not start {web.container.id}", status=500)]
    with (
        pytest.raises(FaultError, match=f"can't be healed: could not start {web.container.name}\\. Remedy"),
        web.killed(),
    ):
        pass


def test_a_container_that_ends_at_once_is_told_with_its_log(
    web: Service, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "start_container", lambda _: None)
    with pytest.raises(StartError, match=r"web ended before it was ready") as raised, web.killed():
        pass
    assert raised.value.logs == "a line of the log\n"


# host ports


@pytest.mark.parametrize("kind", ["stopped", "killed", "disconnected"])
def test_a_host_port_that_was_taken_is_tried_again(web: Service, engine: FakeEngine, kind: str) -> None:
    clock = Clock()
    with KINDS[kind](web):
        engine.start_errors = [TAKEN] * 3
        faults.heal(web.__foodtrucks__, kind, clock=clock, sleep=clock.sleep)
        assert is_up(web)
        assert len(clock.sleeps) == 3


def test_a_host_port_that_stays_taken_ends_in_an_error_that_names_it(web: Service) -> None:
    port = web.container.ports[80]
    clock = Clock()
    with web.stopped():
        with socket.socket() as somebody:
            somebody.bind(("127.0.0.1", port))
            somebody.listen()
            with pytest.raises(FaultError, match=rf"its host port {port} was taken meanwhile") as raised:
                faults.heal(web.__foodtrucks__, "stopped", clock=clock, sleep=clock.sleep)
        assert "its restart() tries again" in str(raised.value)
        assert 10 <= clock.now - 1000 < 11
    assert is_up(web)


def test_a_host_port_that_is_published_by_way_of_another_network_is_its_own(web: Service, engine: FakeEngine) -> None:
    with socket.socket() as its_own:
        with web.disconnected():
            engine.containers[web.container.id]["NetworkSettings"]["Ports"] = {"80/tcp": [{"HostPort": "20001"}]}
            its_own.bind(("127.0.0.1", web.container.ports[80]))
            its_own.listen()
        assert is_up(web)


def test_where_nothing_is_published_no_host_port_is_looked_at(engine: FakeEngine, check: Checked) -> None:
    with (
        throwaway_network(new_stack(engine), internal=True) as network,
        network.running(defined(check, ports=[80])) as service,
        socket.socket() as somebody,
    ):
        with service.stopped():
            somebody.bind(("127.0.0.1", service.container.ports[80]))
            somebody.listen()
        assert is_up(service)


# what belonged to the life before


def test_the_probe_beside_it_is_made_anew_in_its_new_life(web: Service, engine: FakeEngine) -> None:
    assert web.__foodtrucks__.listens(80)
    beside = set(engine.containers) - {web.container.id}
    with web.paused():
        pass
    assert web.__foodtrucks__.listens(80)
    assert set(engine.containers) - {web.container.id} == beside
    with web.stopped():
        pass
    assert web.__foodtrucks__.listens(80)
    assert (set(engine.containers) - {web.container.id}).isdisjoint(beside)
    assert len(engine.containers) == 2


def seen(service: Service, pattern: re.Pattern[str], *, since: float | None = None) -> tuple[bool, float | None]:
    """Search a service's log; return whether a line matches, and the moment of the last line that was read."""
    search = service.__foodtrucks__.search_log(pattern, since=since)
    return search.found, search.moment


def test_the_log_of_its_life_begins_after_the_one_before(web: Service, engine: FakeEngine) -> None:
    first, second = (re.compile(words) for words in ("first", "second"))
    engine.log = "first line\nsecond line\n"
    assert seen(web, first) == (True, WRITTEN)
    assert seen(web, second) == (True, WRITTEN + 1)
    assert seen(web, first, since=WRITTEN + 1) == (False, WRITTEN + 1)
    web.restart()  # it ended half a second after the first line
    assert seen(web, first, since=WRITTEN - 1) == (False, WRITTEN + 1)
    assert web.__foodtrucks__.search_log(second).found
