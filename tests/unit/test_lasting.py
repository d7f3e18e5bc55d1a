"""Services that outlive their fixture: whom a start leaves alone, and in which state they are taken over."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.engine import FakeEngine
from fakes.session import keep, new_session, new_stack, settings
from pytest_foodtrucks.containers.compose import ContainerSpec
from pytest_foodtrucks.containers.endpoint_settings import EndpointSettings
from pytest_foodtrucks.containers.progress import Progress
from pytest_foodtrucks.engine.labels import SERVICE_LABEL
from pytest_foodtrucks.errors import DefinitionError, StartError
from pytest_foodtrucks.probes.beacons import running_probe
from pytest_foodtrucks.services.contents import contents, restore
from pytest_foodtrucks.services.definitions import ServiceDefinition, define
from pytest_foodtrucks.services.elasticsearch.es_seed import SeedFiles, seed_files_in
from pytest_foodtrucks.services.job import Job
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.network_part import throwaway_network
from pytest_foodtrucks.services.service import Service
from pytest_foodtrucks.services.service_part import ServicePart
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.stacks.stack import Stack


class Mortal(FakeEngine):
    """An engine that removes nothing as long as its asker is dead.

    `started` are the aliases of what was started. What is in `ends` ends at once, with that exit code, after what is in
    `on_start` happened.
    """

    dead = False

    def __init__(self) -> None:
        super().__init__()
        self.started: list[str] = []
        self.ends: dict[str, int] = {}
        self.on_start: dict[str, Callable[[], object]] = {}

    def start_container(self, container: str) -> None:
        super().start_container(container)
        alias = self.containers[container]["Config"]["Labels"][SERVICE_LABEL]
        self.started.append(alias)
        if alias in self.ends:
            self.on_start.get(alias, lambda: None)()
            self.containers[container]["State"].update(Status="exited", ExitCode=self.ends[alias])

    def remove_container(self, container: str) -> None:
        if not self.dead:
            super().remove_container(container)


def defined(alias: str = "db", **keywords: Any) -> ServiceDefinition:
    """Return a definition that is ready when it runs, and keeps nothing."""
    return define({"image": "busybox", "reset": content, **keywords}, alias=alias, folder=Path("/project"))


TABLES: set[str] = set()
"""What is in the stores of these tests."""


class Store(Service):
    """A service whose contents can be listed and deleted."""


@contents.register
def _tables(service: Store) -> set[str]:
    del service
    return {*TABLES}


@restore.register
def _drop(service: Store, had: Iterable[str]) -> None:
    del service
    if gone := {*had} - TABLES:
        raise StartError(f"{gone} is gone")
    TABLES.intersection_update(had)


def content(_: object) -> None:
    """Be content with any service."""


def fail(_: object) -> None:
    """Be a check or a seed that fails."""
    raise RuntimeError("no")


@contextmanager
def running_job(network: Network, definition: ServiceDefinition, *, requires: Sequence[Any] = ()) -> Iterator[Job]:
    """Yield a job that workers or sessions share, as its fixture does."""
    kind: Any = Job
    running: AbstractContextManager[Any] = network.running(definition, kind, shared=True, requires=requires)
    with running as job:
        yield job


@pytest.fixture
def engine() -> Mortal:
    """Return an engine in memory."""
    return Mortal()


def test_a_part_is_made_from_all_that_its_definition_hides(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").touch()
    stack = new_stack()
    network = Network(stack, "net", "bridge", internal=False)
    parts = [
        ServicePart(
            stack=stack,
            networks=[network.ref],
            definition=define(keywords, alias="db", folder=tmp_path),
            service_type=Service,
            seed=None,
            requires=[],
        )
        for secret in ("hunter2", "hunter3")
        for keywords in (
            {"build": {"context": ".", "args": {"SECRET": secret}}},
            {"image": "busybox", "environment": {"SECRET": secret}},
        )
    ]
    assert len({repr(part.values) for part in parts}) == 4


def test_a_part_is_made_from_what_its_variables_depend_on() -> None:
    def answer(value: str) -> Callable[..., ContainerSpec]:
        return lambda engine, image, spec: replace(spec, environment={"SEEN": f"{value} of {image} at {engine.host}"})

    network = Network(new_stack(), "net", "bridge", internal=False)
    made_from = [
        ServicePart(
            stack=network.stack,
            networks=[network.ref],
            definition=replace(defined(), surroundings=answer(value)),
            service_type=Service,
            seed=None,
            requires=(),
        ).made_from()
        for value in ("one", "one", "another")
    ]
    assert made_from[0] == made_from[1] != made_from[2]
    assert made_from[0]["environment"] == {"SEEN": "one of busybox at 127.0.0.1"}


def test_a_part_is_made_from_what_it_has_on_each_of_its_networks() -> None:
    stack = new_stack()
    refs = [Network(stack, name, "bridge", internal=False).ref for name in ("front", "back")]
    lists = [
        [replace(refs[0], settings=EndpointSettings(aliases=aliases)), *further]
        for aliases in ([], ["other"])
        for further in ([], refs[1:])
    ]
    parts = [
        ServicePart(
            stack=stack,
            networks=networks,
            definition=define({"image": "busybox"}, alias="db", folder=Path()),
            service_type=Service,
            seed=None,
            requires=[],
        )
        for networks in lists
    ]
    assert len({part.name for part in parts}) == 1
    assert len({repr(part.values["networks"]) for part in parts}) == 4
    assert len({repr(part.made_from()["networks"]) for part in parts}) == 4


def migrate(alias: str = "migrate", **keywords: Any) -> ServiceDefinition:
    """Return the definition of a job."""
    definition = define({"image": "busybox", **keywords}, alias=alias, folder=Path("/project"))
    return replace(definition, runs_once=True)


# xdist workers

Worker = Callable[[str], AbstractContextManager[Network]]


@pytest.fixture
def worker(engine: Mortal) -> Worker:
    """Return what yields the network that the workers of one session share, as one of them has it."""
    session = new_session()

    def network(name: str) -> AbstractContextManager[Network]:
        stack = Stack(engine, settings(), progress=Progress(None), session=session, worker=name)
        return throwaway_network(stack, shared_as="foodtrucks_net")

    return network


def test_workers_share_one_service(engine: Mortal, worker: Worker) -> None:
    with (
        worker("gw0") as here,
        worker("gw1") as there,
        here.running(defined(), shared=True) as first,
        there.running(defined(), shared=True) as second,
    ):
        assert first.container.id == second.container.id
    assert len(engine.containers) == 1


def test_what_another_worker_defines_otherwise_is_refused_and_the_running_one_stays(
    engine: Mortal, worker: Worker
) -> None:
    with worker("gw0") as here, here.running(defined(volumes=["/a"], command="sleep"), shared=True) as first:
        with worker("gw1") as there:
            other = there.running(defined(volumes=["/b"], command="sleep"), shared=True)
            with pytest.raises(DefinitionError, match=r"'db' .*with: volumes\. Remedy: .*shared=False"), other:
                pass
        assert list(engine.containers) == [first.container.id]


def test_a_definition_that_failed_says_nothing_of_another_one(engine: Mortal, worker: Worker) -> None:
    with worker("gw0") as here, pytest.raises(RuntimeError), here.running(defined(), shared=True, seed=fail):
        pass
    with worker("gw1") as there, there.running(defined(command="sleep"), shared=True) as second:
        assert list(engine.containers) == [second.container.id]


def test_equal_mappings_in_another_order_are_equal(worker: Worker) -> None:
    def about(*order: str) -> dict[str, Any]:
        check: dict[str, object] = {"test": "true", "retries": 1, "interval": "1s", "timeout": 2, "start_period": 3}
        return {
            "environment": {name: name for name in order},
            "healthcheck": {key: check[key] for key in sorted(check, reverse=order[0] == "A")},
        }

    with worker("gw0") as here, here.running(defined(ready=content, **about("A", "B")), shared=True) as first:
        pass
    with worker("gw1") as there, there.running(defined(ready=content, **about("B", "A")), shared=True) as second:
        assert second.container.id == first.container.id


def test_a_tests_own_service_of_the_same_name_stays(engine: Mortal, worker: Worker) -> None:
    with (
        worker("gw0") as here,
        worker("gw1") as there,
        throwaway_network(here.stack) as beside,  # on one network no two have the name
        beside.service(image="busybox", aliases=["db"]) as own,
    ):
        shared = there.running(defined(), shared=True)
        with shared:
            assert own.container.id in engine.containers


def test_probes_stay_whatever_a_shared_service_is_called(engine: Mortal, worker: Worker) -> None:
    with worker("gw0") as here, worker("gw1") as there, running_probe(here.stack, here.name, "a network") as probe:
        shared = there.running(defined("probe"), shared=True)
        with shared:
            assert probe.container.id in engine.containers


def test_what_a_worker_left_that_died_while_it_started_the_same_is_removed(engine: Mortal, worker: Worker) -> None:
    with worker("gw0") as here:
        engine.dead = True
        with pytest.raises(RuntimeError), here.running(defined(), shared=True, seed=fail):
            pass
        engine.dead = False
        for file in here.stack.session.folder.glob("*.json"):
            if "no" in file.read_text():
                file.unlink()
        [left] = engine.containers
        with worker("gw1") as there, there.running(defined(), shared=True) as service:
            assert list(engine.containers) == [service.container.id] != [left]


def test_workers_run_a_job_once_and_the_others_read_that_it_succeeded(engine: Mortal, worker: Worker) -> None:
    engine.ends["migrate"] = 0
    with worker("gw0") as here, running_job(here, migrate()) as first:
        assert (first.alias, first.exit_code, first.logs()) == ("migrate", 0, "a line of the log\n")
        assert here.stack.ready_at(first) == 0, "reports show all of its log"
        with worker("gw1") as there, running_job(there, migrate()) as second:
            assert second.container.id == first.container.id
            assert repr(second) == f"<Job migrate on {there.name}>"
            assert [line.text for line in second.log_lines()] == ["a line of the log"]
    assert engine.started == ["migrate"]


def test_workers_are_all_told_that_a_job_failed_and_it_is_run_once(engine: Mortal, worker: Worker) -> None:
    engine.ends["migrate"] = 3
    for name in ("gw0", "gw1"):
        with (
            worker(name) as network,
            pytest.raises(StartError, match="The job migrate failed: it exited with exit code 3") as raised,
            running_job(network, migrate()),
        ):
            pass
        assert raised.value.logs == "a line of the log\n"
    assert engine.started == ["migrate"]
    assert engine.containers == {}


# kept stacks


class Sessions:
    """Sessions of one project, one after the other, that keep their stack; `said` is what the last one said."""

    def __init__(self, engine: Mortal, state: Path) -> None:
        self.engine = engine
        self.state = state
        self.said = ""

    @contextmanager
    def network(self) -> Iterator[Network]:
        """Yield a session's network."""
        session, words = Session.begin(self.state), io.StringIO()
        kept = keep(session, self.engine)
        stack = Stack(self.engine, settings(), progress=Progress(words), session=session)
        with ExitStack() as undo:
            undo.callback(kept.release)
            undo.callback(stack.close)
            yield undo.enter_context(throwaway_network(stack, shared_as="foodtrucks_net"))
        self.said = words.getvalue()

    def run(self, definition: ServiceDefinition, use: Callable[[Network, Service], object] = lambda *_: None) -> str:
        """Return the id of the container that a session has its service in."""
        with self.network() as net, net.running(definition, shared=True) as service:
            use(net, service)
            return service.container.id


@pytest.fixture
def sessions(engine: Mortal, tmp_path: Path) -> Sessions:
    """Return sessions that keep their stack."""
    return Sessions(engine, tmp_path)


def test_a_kept_service_is_taken_over_as_it_was_made(sessions: Sessions) -> None:
    assert sessions.run(defined()) == sessions.run(defined())
    assert "db is taken over" in sessions.said


def test_names_that_the_engine_adds_are_none_of_a_tests(sessions: Sessions) -> None:
    def named(_: Network, service: Service) -> None:
        [endpoint] = service.container.inspect()["NetworkSettings"]["Networks"].values()
        endpoint["Aliases"] += [service.container.id[:12], service.container.name]

    assert sessions.run(defined(), named) == sessions.run(defined())


def test_a_kept_service_that_a_test_left_on_another_network_is_replaced(sessions: Sessions, engine: Mortal) -> None:
    other = engine.create_network("other", driver="bridge", internal=False, labels={})
    before = sessions.run(defined(), lambda _, service: engine.connect(other, service.container.id))
    assert sessions.run(defined()) != before
    assert "db of the kept stack is replaced: a test left it on the network other too" in sessions.said


@pytest.mark.parametrize("aliases", [[], ["db", "search"]])
def test_a_kept_service_that_a_test_left_with_other_names_is_replaced(sessions: Sessions, aliases: list[str]) -> None:
    def renamed(net: Network, service: Service) -> None:
        net.disconnect(service)
        net.connect(service, aliases=aliases)

    before = sessions.run(defined(), renamed)
    assert sessions.run(defined()) != before
    words = ", ".join(aliases) if aliases else "no name"
    assert f"db of the kept stack is replaced: a test left it with {words} instead of db" in sessions.said


def test_a_kept_service_is_the_same_whether_its_name_on_a_network_is_said_again_or_not(sessions: Sessions) -> None:
    """Without workers a fixture says it again for each network, and under workers it doesn't."""
    started = []
    for aliases in ([], ["db"], ["db", "other"]):
        with (
            sessions.network() as net,
            net.running(defined(), shared=True, networks={net: EndpointSettings(aliases=aliases)}) as service,
        ):
            started.append(service.container.id)
    assert started[0] == started[1] != started[2]


def test_a_parametrised_service_is_replaced_from_one_parameter_to_the_next(sessions: Sessions, engine: Mortal) -> None:
    with sessions.network() as net:
        for words in ("one", "two", "one"):
            with net.running(defined(command=words), shared=True) as service:
                assert service.container.inspect()["Config"]["Cmd"] == [words]
                assert list(engine.containers) == [service.container.id]


def test_what_a_killed_session_had_half_started_is_removed_whatever_its_settings(
    sessions: Sessions, engine: Mortal
) -> None:
    def start() -> None:
        with sessions.network() as net, net.running(defined(command="other"), shared=True, seed=fail):
            pass

    engine.dead = True
    with pytest.raises(RuntimeError):
        start()
    engine.dead = False
    assert len(engine.containers) == 1
    assert list(engine.containers) != [sessions.run(defined())]
    assert len(engine.containers) == 1


def test_what_an_earlier_version_kept_without_a_label_of_its_own_is_replaced_too(
    sessions: Sessions, engine: Mortal
) -> None:
    before = sessions.run(defined())
    engine.containers[before]["Config"]["Labels"].pop("pytest-foodtrucks.part", None)
    assert list(engine.containers) != [sessions.run(defined(command="other"))]
    assert len(engine.containers) == 1


def test_a_service_that_nobody_puts_back_is_each_sessions_own(sessions: Sessions, engine: Mortal) -> None:
    first = sessions.run(defined(reset=None))
    assert "db isn't kept for the next session: it has no reset=, which would put it back" in sessions.said
    assert engine.containers == {}
    assert sessions.run(defined(reset=None)) != first


def test_a_kept_service_is_put_back_before_it_is_handed_on(sessions: Sessions) -> None:
    reset: list[str] = []
    definition = defined(reset=lambda service: reset.append(service.alias))
    sessions.run(definition)
    assert reset == []
    sessions.run(definition, lambda *_: reset.append("used"))
    assert reset == ["db", "used"]


def test_a_service_whose_reset_fails_is_made_anew_and_the_reason_said(sessions: Sessions) -> None:
    before = sessions.run(defined())
    assert sessions.run(defined(reset=fail)) != before
    assert "db of the kept stack is replaced: its reset raised RuntimeError: no" in sessions.said


async def only_begins(_: object) -> None:
    """Be a reset that would only begin."""


def begin(service: object) -> object:
    """Be a plain function that returns what would only begin."""
    return only_begins(service)


def test_a_reset_that_only_begins_is_refused(sessions: Sessions) -> None:
    sessions.run(defined())
    with pytest.raises(DefinitionError, match=r"The reset of db returned .*Remedy: do all within a plain function"):
        sessions.run(defined(reset=begin))


# kept jobs


@contextmanager
def jobs_session(
    sessions: Sessions, *, job: ServiceDefinition | None = None, store: type[Service] = Store, **of_store: Any
) -> Iterator[tuple[Service, Job]]:
    """Yield a session's store, and the job that fills it; the store is put back by `restore` unless it has a reset."""
    definition = define({"image": "busybox", **of_store}, alias="db", folder=Path("/project"))
    with (
        sessions.network() as net,
        net.running(definition, store, shared=True) as db,
        running_job(net, migrate() if job is None else job, requires=[db]) as done,
    ):
        yield db, done


@pytest.fixture
def filling(engine: Mortal) -> Mortal:
    """Return the engine, on which each run of the job puts a table into the store."""
    engine.ends["migrate"] = 0
    engine.on_start["migrate"] = lambda: TABLES.add("table")
    TABLES.clear()
    return engine


def test_a_kept_job_isnt_run_again_and_what_it_put_there_stays(sessions: Sessions, filling: Mortal) -> None:
    with jobs_session(sessions) as (_, first):
        pass
    TABLES.add("of a test")
    with jobs_session(sessions) as (_, second):
        assert sorted(TABLES) == ["table"]
    assert first.container.id == second.container.id
    assert filling.started == ["db", "migrate"]
    assert "migrate is taken over from the kept stack" in sessions.said


def test_a_kept_job_is_run_again_where_its_own_values_changed(sessions: Sessions, filling: Mortal) -> None:
    with jobs_session(sessions):
        pass
    with jobs_session(sessions, job=migrate(command="up 2")):
        pass
    assert filling.started == ["db", "migrate", "migrate"]
    assert "migrate of the kept stack is replaced: its command changed" in sessions.said


def test_a_kept_job_is_run_again_where_what_it_requires_is_made_anew(sessions: Sessions, filling: Mortal) -> None:
    with jobs_session(sessions):
        pass
    TABLES.clear()  # so that the store can't be put back
    with jobs_session(sessions):
        pass
    assert filling.started == ["db", "migrate", "db", "migrate"]
    assert "migrate of the kept stack is replaced: its required services changed" in sessions.said


def test_a_kept_job_is_run_again_where_a_reset_took_away_what_it_put_there(sessions: Sessions, filling: Mortal) -> None:
    for _ in range(2):
        with jobs_session(sessions, reset=lambda _: TABLES.clear()):
            assert sorted(TABLES) == ["table"]
    assert filling.started == ["db", "migrate", "migrate"]
    assert "migrate of the kept stack is replaced: what it put into db is gone: table" in sessions.said


@pytest.mark.parametrize("about", [{"Status": "running"}, {"ExitCode": 3}])
def test_a_kept_job_that_somebody_started_again_is_run_again(
    sessions: Sessions, filling: Mortal, about: dict[str, Any]
) -> None:
    with jobs_session(sessions) as (_, first):
        filling.containers[first.container.id]["State"].update(about)
    with jobs_session(sessions):
        pass
    assert filling.started == ["db", "migrate", "migrate"]


def test_a_job_that_did_nobody_knows_what_is_run_in_each_session(sessions: Sessions, filling: Mortal) -> None:
    for _ in range(2):
        with jobs_session(sessions, store=Service, reset=content):
            pass
    assert filling.started == ["db", "migrate", "migrate"]
    words = (
        "migrate isn't kept for the next session: nothing tells whether what it did to db is still there; reset= may"
    )
    assert words in sessions.said


def test_a_job_that_fills_a_named_volume_is_run_in_each_session(sessions: Sessions, filling: Mortal) -> None:
    for _ in range(2):
        with jobs_session(sessions, job=migrate(volumes=["data:/data"])):
            pass
    assert filling.started == ["db", "migrate", "migrate"]
    assert "nothing tells whether what it did to the volume data is still there; reset= may" in sessions.said


def test_a_job_that_requires_nothing_is_run_in_each_session(sessions: Sessions, filling: Mortal) -> None:
    for _ in range(2):
        with sessions.network() as net, running_job(net, migrate()):
            pass
    assert filling.started == ["migrate", "migrate"]
    assert "nothing tells whether what it did is still there; reset= may" in sessions.said


def test_a_jobs_reset_tells_whether_it_is_to_be_run_again(sessions: Sessions, filling: Mortal) -> None:
    for reset in (content, content, fail):
        with jobs_session(sessions, job=migrate(reset=reset), store=Service, reset=content):
            pass
    assert filling.started == ["db", "migrate", "migrate"]
    assert "migrate of the kept stack is replaced: its reset raised RuntimeError: no" in sessions.said


def test_a_service_that_requires_a_job_is_made_anew_where_that_is_run_again(
    sessions: Sessions, filling: Mortal
) -> None:
    for command in ("up 1", "up 1", "up 2"):
        job = migrate(command=command)
        with (
            sessions.network() as net,
            net.running(define({"image": "busybox"}, alias="db", folder=Path("/project")), Store, shared=True) as db,
            running_job(net, job, requires=[db]) as done,
            net.running(defined("web"), shared=True, requires=[done]),
        ):
            pass
    assert filling.started == ["db", "migrate", "web", "migrate", "web"]


def test_a_service_in_the_place_of_a_job_is_no_job(sessions: Sessions, filling: Mortal) -> None:
    with jobs_session(sessions):
        pass
    filling.ends.clear()
    with sessions.network() as net, net.running(defined("migrate"), shared=True) as service:
        assert service.container.status == "running"
    assert "migrate of the kept stack is replaced" in sessions.said


def test_a_service_behind_whose_volumes_a_file_changed_is_made_anew(sessions: Sessions, tmp_path: Path) -> None:
    file = tmp_path / "redis.conf"
    file.write_text("one")
    definition = defined(volumes=[f"{file}:/etc/redis.conf:ro", "/data"])
    first = sessions.run(definition)
    assert sessions.run(definition) == first
    file.write_text("two")
    assert sessions.run(definition) != first
    assert "db of the kept stack is replaced: its files behind volumes changed" in sessions.said


def test_a_service_whose_file_of_variables_changed_is_made_anew(sessions: Sessions, tmp_path: Path) -> None:
    file = tmp_path / "app.env"
    file.write_text("A=one")
    first = sessions.run(defined(env_file=file))
    file.write_text("# the same\nA='one'")
    assert sessions.run(defined(env_file=file)) == first
    file.write_text("A=two")
    assert sessions.run(defined(env_file=file)) != first
    assert "db of the kept stack is replaced: its environment changed" in sessions.said


@pytest.mark.parametrize(
    "changed", [{"hostname": "other"}, {"ulimits": {"nofile": 7}}, {"labels": ["a=b"]}, {"platform": "linux/arm64"}]
)
def test_a_service_whose_keyword_changed_is_made_anew(sessions: Sessions, changed: dict[str, Any]) -> None:
    first = sessions.run(defined())
    assert sessions.run(defined(**changed)) != first
    assert f"db of the kept stack is replaced: its {next(iter(changed))} changed" in sessions.said


class Unsent(SeedFiles):
    """A seed from files that sends nothing."""

    def __call__(self, service: object) -> None:
        """Read none of them."""


def test_a_service_whose_seed_files_changed_is_made_anew(sessions: Sessions, tmp_path: Path) -> None:
    def run() -> str:
        seed = Unsent(seed_files_in(tmp_path, ["."]).files)
        with sessions.network() as net, net.running(defined(), shared=True, seed=seed) as service:
            return service.container.id

    file, other = tmp_path / "menu.ndjson", tmp_path / "more.ndjson"
    file.write_text("{}")
    first = run()
    assert run() == first
    file.write_text("{} ")
    changed = run()
    other.touch()
    added = run()
    assert run() == added
    other.unlink()
    assert len({first, changed, added, run()}) == 4
    assert "db of the kept stack is replaced: its seed changed" in sessions.said


def test_a_service_of_whose_seed_a_file_changed_is_made_anew(sessions: Sessions, tmp_path: Path) -> None:
    file = tmp_path / "menu.json"
    file.write_text("taco")

    def run() -> str:
        with sessions.network() as net:
            running = net.running(defined(), shared=True, seed=lambda _: file.read_text())
            with running as service:
                return service.container.id

    first = run()
    assert run() == first
    file.write_text("nacho")
    assert run() != first
    assert f"db of the kept stack is replaced: its seed read {file}, which changed" in sessions.said
