"""Named volumes: whose they are, who shares them, and when they go."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fakes.engine import FakeEngine
from fakes.session import dead, keep, new_session, new_stack, settings
from pytest_foodtrucks.containers.progress import Progress
from pytest_foodtrucks.services.definitions import ServiceDefinition, define
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.network_part import throwaway_network
from pytest_foodtrucks.services.service import Service
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.stacks.removal import (
    remove_by_session_label,
    remove_things_of_dead_sessions,
    remove_things_of_ending_session,
    remove_unfinished_parts,
)
from pytest_foodtrucks.stacks.stack import Stack
from pytest_foodtrucks.stacks.volumes import named_volume


def content(_: object) -> None:
    """Be content with any service."""


def defined(alias: str = "db", **keywords: Any) -> ServiceDefinition:
    """Return a definition with a named volume, which is kept."""
    about = {"image": "busybox", "reset": content, "volumes": ["data:/data"], **keywords}
    return define(about, alias=alias, folder=Path("/project"))


def volume_of(service: Service) -> str:
    """Return the name on the engine of a service's first volume."""
    return str(service.container.inspect()["HostConfig"]["Mounts"][0]["Source"])


@pytest.fixture
def engine() -> FakeEngine:
    """Return an engine in memory."""
    return FakeEngine()


# whose they are


def test_services_of_a_session_share_a_volume_by_its_name(engine: FakeEngine) -> None:
    stack = new_stack(engine)
    with throwaway_network(stack, shared_as="home") as home, throwaway_network(stack, shared_as="abroad") as abroad:
        with home.running(defined()) as one, abroad.running(defined("other", volumes=["data:/a", "logs:/b"])) as two:
            assert volume_of(one) == volume_of(two)
            assert len(engine.volumes) == 2
        assert len(engine.volumes) == 2, "they go with the stack"


def test_a_volume_has_the_stacks_labels_and_no_parts(engine: FakeEngine) -> None:
    stack = new_stack(engine)
    volume = named_volume(stack, "data", owner="")
    assert volume.labels == {**stack.labels(), "pytest-foodtrucks.name": volume.name}
    assert volume.name.startswith("foodtrucks-data-")


def test_sessions_and_names_have_volumes_of_their_own(engine: FakeEngine) -> None:
    one, other = new_stack(engine), new_stack(engine)
    names = [named_volume(stack, name, owner="").name for stack in (one, other) for name in ("data", "logs")]
    assert len({*names, named_volume(one, "data", owner="").name}) == 4


def test_a_network_of_a_tests_own_has_volumes_of_its_own(engine: FakeEngine) -> None:
    stack = new_stack(engine)
    with (
        throwaway_network(stack, shared_as="home") as home,
        throwaway_network(stack) as own,
        home.running(defined()) as one,
        own.running(defined()) as two,
        own.running(defined("other")) as three,
    ):
        assert volume_of(one) != volume_of(two) == volume_of(three)


def test_workers_share_the_volumes_of_what_they_share_and_have_others_for_what_each_has_for_itself(
    engine: FakeEngine,
) -> None:
    session, found = new_session(), []
    for worker in ("gw0", "gw1"):
        stack = Stack(engine, settings(), progress=Progress(None), session=session, worker=worker)
        with (
            throwaway_network(stack, shared_as="home") as net,
            net.running(defined(), shared=True) as shared,
            net.running(defined("second"), shared=True) as second,
            net.running(defined(f"own-{worker}")) as own,
        ):
            found.append((volume_of(shared), volume_of(second), volume_of(own)))
    assert found[0][0] == found[0][1] == found[1][0] == found[1][1]
    assert len({found[0][0], found[0][2], found[1][2]}) == 3


# when they go


def test_volumes_go_after_containers_with_their_session(engine: FakeEngine) -> None:
    stack, other = new_stack(engine), new_stack(engine)
    with ExitStack() as running:
        for each in (stack, other):
            network = Network(each, "net", "bridge", internal=False)
            running.enter_context(network.running(defined(secrets={"a": "b"})))
        assert remove_by_session_label(engine, stack.session.id) == 3
        assert set(engine.labels("volumes", "pytest-foodtrucks").values()) == {other.session.id}


def test_volumes_of_dead_sessions_go_and_those_of_living_ones_stay(engine: FakeEngine, tmp_path: Path) -> None:
    living = Session.begin(tmp_path)
    for owner in (living.owner.text(), dead(Session.begin(tmp_path).owner).text()):
        labels = {"pytest-foodtrucks": "s", "pytest-foodtrucks.owner": owner, "pytest-foodtrucks.name": owner}
        engine.volumes[owner] = labels
    assert remove_things_of_dead_sessions(engine, tmp_path) == 1
    assert list(engine.volumes) == [living.owner.text()]


class Sessions:
    """Sessions of one project, one after the other, that keep their stack."""

    def __init__(self, engine: FakeEngine, state: Path) -> None:
        self.engine = engine
        self.state = state
        self.driver = "bridge"

    @contextmanager
    def network(self) -> Iterator[Network]:
        """Yield a session's network."""
        session = Session.begin(self.state)
        kept = keep(session, self.engine)
        remove_unfinished_parts(self.engine, kept)
        stack = Stack(self.engine, settings(), progress=Progress(io.StringIO()), session=session)
        try:
            with throwaway_network(stack, driver=self.driver, shared_as="home") as net:
                yield net
        finally:
            remove_things_of_ending_session(self.engine, session.id, kept)
            stack.close()
            kept.release()

    def run(
        self,
        *definitions: ServiceDefinition,
        use: Callable[[Network], object] = lambda _: None,
        chained: bool = False,
    ) -> None:
        """Have services in a session, one after the other; if chained, each requires the one before."""
        with self.network() as net, ExitStack() as up:
            requires: list[Service] = []
            for definition in definitions:
                service = up.enter_context(net.running(definition, shared=True, requires=requires))
                requires = [service] if chained else []
            up.close()
            use(net)

    def fill(self) -> None:
        """Mark all volumes that are there."""
        for volume in self.engine.volumes:
            self.engine.contents[volume]["mark"] = None  # type: ignore[assignment] # nothing reads it

    def filled(self) -> list[str]:
        """Return the names of the volumes that have the mark, without their random end."""
        marked = [volume for volume in self.engine.volumes if "mark" in self.engine.contents[volume]]
        return sorted(volume.rpartition("-")[0] for volume in marked)


@pytest.fixture
def sessions(engine: FakeEngine, tmp_path: Path) -> Sessions:
    """Return sessions that keep their stack."""
    return Sessions(engine, tmp_path)


def test_a_kept_services_volumes_stay_with_it(sessions: Sessions) -> None:
    sessions.run(defined(secrets={"a": "b"}))
    sessions.fill()
    sessions.run(defined(secrets={"a": "b"}))
    assert sessions.filled() == ["foodtrucks-data", "foodtrucks-db"]


@pytest.mark.parametrize("changed", [{"command": "other"}, {"secrets": {"a": "c"}}])
def test_a_service_that_is_made_anew_has_new_volumes(sessions: Sessions, changed: dict[str, Any]) -> None:
    sessions.run(defined(secrets={"a": "b"}))
    sessions.fill()
    sessions.run(defined(**{"secrets": {"a": "b"}, **changed}))
    assert sessions.filled() == []
    assert len(sessions.engine.volumes) == 2


def test_a_volume_that_another_kept_service_has_stays_where_one_is_made_anew(sessions: Sessions) -> None:
    sessions.run(defined(), defined("second"))
    sessions.fill()
    sessions.run(defined(command="other"))
    assert sessions.filled() == ["foodtrucks-data"]
    sessions.run(defined("second", command="other"), defined(command="other"))
    assert sessions.filled() == ["foodtrucks-data"], "db has it still"


def test_a_volume_that_only_those_have_who_require_a_service_is_new_with_that_one(sessions: Sessions) -> None:
    services = [defined("migrate"), defined("app"), defined("browser", volumes=["other:/data"])]
    sessions.run(defined(), *services, chained=True)
    sessions.fill()
    sessions.run(defined(), *services, chained=True)
    assert sessions.filled() == ["foodtrucks-data", "foodtrucks-other"]
    sessions.run(defined(command="other"), *services, chained=True)
    assert sessions.filled() == []
    assert len(sessions.engine.containers) == 4


def test_a_volume_that_no_definition_names_any_longer_goes(sessions: Sessions) -> None:
    sessions.run(defined())
    sessions.run(defined(volumes=["other:/data"]))
    assert [name.rpartition("-")[0] for name in sessions.engine.volumes] == ["foodtrucks-other"]


def test_volumes_of_what_is_not_kept_go_with_their_session(sessions: Sessions) -> None:
    def use(net: Network) -> None:
        with net.running(defined("brief", volumes=["brief:/data"])):
            pass

    sessions.run(defined(reset=None), use=use)
    assert sessions.engine.volumes == {}


def test_volumes_go_with_a_network_that_is_made_anew(sessions: Sessions) -> None:
    sessions.run(defined(secrets={"a": "b"}))
    sessions.fill()
    sessions.driver = "another"
    sessions.run(defined(secrets={"a": "b"}))
    assert sessions.filled() == []


def test_a_start_under_a_workers_own_steps_leaves_a_volume_that_another_service_filled(engine: FakeEngine) -> None:
    stack = Stack(engine, settings(), progress=Progress(None), session=new_session(), worker="gw0")
    with throwaway_network(stack, shared_as="home") as net:
        with net.running(defined("filler"), shared=True) as filler:
            volume = volume_of(filler)
            engine.remove_container(filler.container.id)  # a job is gone once it has ended
        engine.contents[volume]["mark"] = None  # type: ignore[assignment] # nothing reads it
        with net.running(defined(), shared=True) as db:
            assert volume_of(db) == volume
            assert "mark" in engine.contents[volume]
