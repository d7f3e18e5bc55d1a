"""A session's stack: its labels, its images, its removal."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from fakes.engine import FakeEngine
from fakes.session import dead, keep, new_session, new_stack, settings
from pytest_foodtrucks.containers.building import Build
from pytest_foodtrucks.containers.compose import ContainerSpec
from pytest_foodtrucks.containers.creation import Creation
from pytest_foodtrucks.containers.progress import Progress
from pytest_foodtrucks.engine.endpoints import Endpoint
from pytest_foodtrucks.errors import EngineError, FoodtrucksError, ImageError, NoAnswer
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.stacks.kept_stack import KeptStack
from pytest_foodtrucks.stacks.stack import PartLabel, Stack


class SlowEngine(FakeEngine):
    """An engine whose pulls wait until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.pulling = Event()
        self.go = Event()

    def pull(self, image: str, platform: str | None = None) -> Iterator[dict[str, Any]]:
        self.pulling.set()
        assert self.go.wait(5)
        yield from super().pull(image, platform)


class Builder(FakeEngine):
    """An engine that counts its builds."""

    builds = 0

    def build(self, folder: Path, **about: Any) -> Iterator[str]:
        del folder
        self.builds += 1
        self.named[about["tag"]] = "sha256:one"
        yield "Step 1\n"


def container(stack: Stack) -> str:
    """Create a container of the stack, and return its id."""
    made = Creation(
        stack.engine, ContainerSpec(), image="busybox", network="net", labels=stack.labels("victim"), title="victim"
    )
    return made.container.id


def test_labels_tell_session_owner_and_service() -> None:
    stack = new_stack()
    assert stack.labels("es") == {
        "pytest-foodtrucks": stack.session.id,
        "pytest-foodtrucks.owner": stack.session.owner_label,
        "pytest-foodtrucks.service": "es",
        "pytest-foodtrucks.part": "",
    }


def test_what_is_no_service_has_no_label_of_one() -> None:
    assert "pytest-foodtrucks.service" not in new_stack().labels()


def test_what_outlives_its_fixture_has_a_label_of_its_own_and_a_part_is_removed_by_it_alone() -> None:
    engine = FakeEngine()
    stack, other = new_stack(engine), new_stack(engine)
    assert (
        stack.labels("es", part=PartLabel("one"))["pytest-foodtrucks.part"]
        != stack.labels("es")["pytest-foodtrucks.part"]
        == ""
    )
    gone, *left = (
        Creation(engine, ContainerSpec(), image="busybox", network="net", labels=labels, title="es").container.id
        for labels in (
            stack.labels("es", part=PartLabel("one")),
            stack.labels("es", part=PartLabel("two")),
            other.labels("es", part=PartLabel("one")),
            stack.labels("es"),
        )
    )
    stack.remove_containers_of_part("one")
    assert gone not in engine.containers
    assert list(engine.containers) == left


def test_a_part_that_isnt_kept_is_the_sessions_and_one_that_was_kept_once_is_removed_too(tmp_path: Path) -> None:
    engine, session = FakeEngine(), Session.begin(tmp_path)
    kept = keep(session, engine)
    stack = Stack(engine, settings(), progress=Progress(None), session=session)
    own, lasting = (stack.labels("es", part=PartLabel("one", kept=kept)) for kept in (False, True))
    assert (own["pytest-foodtrucks"], lasting["pytest-foodtrucks"]) == (session.id, kept.id)
    assert own["pytest-foodtrucks.owner"] == session.owner_label
    for labels in (own, lasting):
        Creation(engine, ContainerSpec(), image="busybox", network="net", labels=labels, title="es")
    stack.remove_containers_of_part("one")
    assert engine.containers == {}


def test_an_image_has_the_mirror_before_its_name() -> None:
    engine = FakeEngine()
    engine.registry["mirror.example/busybox"] = []
    assert new_stack(engine, image_prefix="mirror.example").image("busybox") == "mirror.example/busybox"


def test_an_image_is_seen_to_once_per_session_even_if_it_is_always_pulled() -> None:
    engine = FakeEngine()
    stack = new_stack(engine, pull="always")
    for _ in range(3):
        stack.image("busybox")
    assert engine.events == ["pull busybox"]


def test_an_image_is_seen_to_once_for_each_platform() -> None:
    engine = FakeEngine()
    stack = new_stack(engine, pull="always")
    for platform in (None, "linux/arm64", "linux/arm64"):
        stack.image("busybox", platform=platform)
    assert engine.events == ["pull busybox", "pull busybox for linux/arm64"]


def test_threads_that_ask_for_the_same_image_wait_for_one_pull() -> None:
    engine = SlowEngine()
    stack = new_stack(engine)
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(stack.image, "busybox") for _ in range(4)]
        assert engine.pulling.wait(5)
        engine.go.set()
        assert [future.result(5) for future in waiting] == ["busybox"] * 4
    assert engine.events == ["pull busybox"]


def test_a_failed_pull_isnt_tried_again() -> None:
    engine = FakeEngine()
    stack = new_stack(engine)
    with pytest.raises(ImageError):
        stack.image("nope")
    engine.registry["nope"] = []
    with pytest.raises(ImageError):
        stack.image("nope")


def test_closing_removes_by_label_what_is_still_there_and_nothing_else() -> None:
    engine = FakeEngine()
    mine, other = new_stack(engine), new_stack(engine)
    gone, left = container(mine), container(other)
    network = engine.create_network("net", driver="bridge", internal=False, labels=mine.labels())
    engine.connect(network, gone)
    mine.close()
    assert list(engine.containers) == [left]
    assert engine.networks == {}
    assert engine.closed


def test_closing_ends_a_pull_that_goes_on_in_the_background() -> None:
    engine = SlowEngine()
    stack = new_stack(engine)
    future = stack.pool.submit(stack.image, "busybox")
    assert engine.pulling.wait(5)
    stack.close()
    engine.go.set()
    assert "the session ends" in str(future.exception(5))


def test_a_build_is_done_once_per_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # where there is no command line of the engine
    engine = Builder()
    stack = new_stack(engine)
    assert stack.built(Build(tmp_path)) == stack.built(Build(tmp_path)) == "sha256:one"
    assert engine.builds == 1


@pytest.mark.parametrize(("silent", "raises"), [(False, True), (True, False)])
def test_an_engine_that_went_away_is_told_by_the_first_removal_alone(*, silent: bool, raises: bool) -> None:
    engine = FakeEngine()
    engine.is_silent = silent

    def remove() -> None:
        raise NoAnswer("away")

    with pytest.raises(NoAnswer) if raises else nullcontext():
        new_stack(engine).undo(remove)


class Watched:
    """A watchdog that notes when it was looked at, and what was there by then."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.seen: list[int] = []

    def see(self, endpoint: Endpoint, kept: KeptStack | None) -> None:
        assert (endpoint, kept) == (self.engine.endpoint, None)
        self.seen.append(len(self.engine.containers))


def test_before_anything_is_created_somebody_watches() -> None:
    engine = FakeEngine()
    watched = Watched(engine)
    watching: Any = watched
    stack = Stack(engine, settings(), progress=Progress(None), session=new_session(), watching=watching)
    for _ in range(2):
        stack.created(lambda: container(stack), engine.remove_container)
    assert watched.seen == [0, 1]


def test_what_a_worker_creates_after_its_controllers_death_is_undone() -> None:
    engine, session = FakeEngine(), new_session()
    stack = Stack(
        engine, settings(), progress=Progress(None), session=Session(session.folder, dead(session.owner)), worker="gw0"
    )
    with pytest.raises(FoodtrucksError, match="The xdist controller has ended"):
        stack.created(lambda: container(stack), engine.remove_container)
    assert engine.containers == {}


def forked(work: Callable[[], object]) -> str:
    """Do something in a forked child, and return the words of the error that it raised; empty without one."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work()
        except FoodtrucksError as error:
            os.write(sender, str(error).encode())
        finally:
            os._exit(0)
    os.close(sender)
    with os.fdopen(receiver, "rb") as stream:
        said = stream.read().decode()
    os.waitpid(child, 0)
    return said


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_removes_and_creates_nothing(tmp_path: Path) -> None:
    stack = new_stack()

    def remove() -> None:
        (tmp_path / "removed").touch()

    assert forked(lambda: stack.undo(remove)) == ""
    assert not (tmp_path / "removed").exists()
    assert forked(stack.close) == ""
    assert stack.session.folder.exists()
    said = forked(lambda: stack.created(remove, lambda _: None))
    assert said.startswith("This process was forked from the session's, which alone starts services. Remedy: ")
    assert not (tmp_path / "removed").exists()
    stack.undo(remove)
    assert (tmp_path / "removed").exists(), "the control: in the session's process it is removed"


def test_a_refused_removal_is_told_whatever_came_before() -> None:
    engine = FakeEngine()
    engine.is_silent = True

    def remove() -> None:
        raise EngineError("device or resource busy", status=500)

    with pytest.raises(EngineError, match="busy"):
        new_stack(engine).undo(remove)
