"""Removal by label: a session's own, and what certainly dead owners left."""

import os
import shutil
import time
from pathlib import Path

import pytest

from fakes.engine import FakeEngine
from fakes.session import dead, elsewhere, keep
from pytest_foodtrucks.engine.labels import own_image_name
from pytest_foodtrucks.errors import EngineError, NoAnswer
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.stacks.bulk_removal import remove_network
from pytest_foodtrucks.stacks.kept_choice import chosen_kept_stack
from pytest_foodtrucks.stacks.kept_stack import UNUSED_HOURS, KeptStack
from pytest_foodtrucks.stacks.removal import (
    remove_by_session_label,
    remove_kept_stack,
    remove_things_of_dead_sessions,
    remove_things_of_ending_session,
    remove_things_of_watched_session,
    sweep_at_session_start,
)


def network(engine: FakeEngine, session: str, owner: str) -> str:
    """Create a network with labels, and return its id."""
    labels = {"pytest-foodtrucks": session, "pytest-foodtrucks.owner": owner}
    return engine.create_network("net", driver="bridge", internal=False, labels=labels)


def container(engine: FakeEngine, session: str, owner: str, name: str = "c") -> str:
    """Create a container with labels, and return its id."""
    labels = {"pytest-foodtrucks": session, "pytest-foodtrucks.owner": owner}
    return engine.create_container(name, {"Image": "busybox", "Labels": labels, "HostConfig": {"NetworkMode": "net"}})


def test_a_session_removes_its_own_and_nothing_else() -> None:
    engine = FakeEngine()
    network(engine, "mine", "x/mine")
    container(engine, "mine", "x/mine")
    other = container(engine, "yours", "x/yours")
    assert remove_by_session_label(engine, "mine") == 2
    assert list(engine.containers) == [other]
    assert engine.networks == {}
    assert remove_by_session_label(engine, "mine") == 0


def test_a_sweep_removes_only_what_dead_owners_left(tmp_path: Path) -> None:
    engine, session = FakeEngine(), Session.begin(tmp_path)
    gone = dead(Session.begin(tmp_path).owner).text()
    container(engine, "s", gone)
    network(engine, "s", gone)
    others = (session.owner_label, elsewhere(session.owner).text(), "kept", "elsewhere/0123", "", gone[:-1])
    left = [container(engine, "s", owner) for owner in others]
    assert sweep_at_session_start(engine, session) == 2
    assert list(engine.containers) == left


@pytest.mark.parametrize(("created", "found"), [(99.0, 2), (101.0, 1)])
def test_what_is_older_goes_too_if_nobody_can_tell_of_its_owner(tmp_path: Path, created: float, found: int) -> None:
    engine, session = FakeEngine(), Session.begin(tmp_path)
    engine.created_at = created
    container(engine, "s", dead(Session.begin(tmp_path).owner).text())
    unknown = container(engine, "s", elsewhere(session.owner).text())
    left = [container(engine, "s", owner) for owner in (session.owner_label, "kept")]
    assert remove_things_of_dead_sessions(engine, tmp_path, unknown_before=100.0) == found
    assert list(engine.containers) == ([unknown] if found == 1 else []) + left


class Stubborn(FakeEngine):
    """An engine that can't remove its first container."""

    def remove_container(self, container: str) -> None:
        if container == next(iter(self.containers)):
            raise EngineError("device or resource busy", status=500)
        super().remove_container(container)


BASE = "foodtrucks-build/base:98d2d4620e3a"


def named(engine: FakeEngine, *sessions: str) -> list[str]:
    """Give images the names that they have while these sessions build."""
    names = [own_image_name(BASE, each) for each in sessions]
    for name in names:
        engine.tag_image("sha256:base", name)
    return names


@pytest.mark.parametrize("end", ["its own", "its watchdog's"])
def test_the_names_that_images_have_for_a_sessions_builds_go_with_it(tmp_path: Path, end: str) -> None:
    engine, session = FakeEngine(), Session.begin(tmp_path)
    _, others = named(engine, session.id, Session.begin(tmp_path).id)
    lasting = ["foodtrucks-build/reviews:d5b168f40736", "base:1"]
    for name in lasting:
        engine.tag_image("sha256:base", name)
    if end == "its own":
        assert remove_things_of_ending_session(engine, session.id, None) == 1
    else:
        assert remove_things_of_watched_session(engine, session.owner, None) == 1
    assert engine.image_names() == sorted([*lasting, others])


def test_a_sweep_takes_the_names_off_that_builds_of_dead_sessions_left(tmp_path: Path) -> None:
    engine, session, gone = FakeEngine(), Session.begin(tmp_path), Session.begin(tmp_path)
    _, living, of_another_folder = named(engine, gone.id, session.id, "ab12")
    gone.end(watchdog_knows=False)
    assert sweep_at_session_start(engine, session) == 1
    assert engine.image_names() == sorted([living, of_another_folder])


def test_an_engine_that_tells_no_image_names_keeps_no_orphan_from_going(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, session = FakeEngine(), Session.begin(tmp_path)
    container(engine, "s", dead(Session.begin(tmp_path).owner).text())

    def fails() -> list[str]:
        raise EngineError("no list", status=500)

    monkeypatch.setattr(engine, "image_names", fails)
    with pytest.raises(EngineError, match="no list"):
        sweep_at_session_start(engine, session)
    assert engine.containers == {}


def test_a_name_that_stays_counts_as_nothing_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the watchdog would go on for as long as it may."""
    engine, session = FakeEngine(), Session.begin(tmp_path)
    named(engine, session.id)
    monkeypatch.setattr(engine, "untag_image", lambda _: False)
    assert remove_things_of_watched_session(engine, session.owner, None) == 0


def test_what_cannot_be_removed_keeps_nothing_else_from_going() -> None:
    engine = Stubborn()
    stays = container(engine, "mine", "x/mine")
    container(engine, "mine", "x/mine")
    network(engine, "mine", "x/mine")
    with pytest.raises(EngineError, match="device or resource busy"):
        remove_by_session_label(engine, "mine")
    assert list(engine.containers) == [stays]
    assert engine.networks == {}


def kept_stack(engine: FakeEngine, state: Path, session: Session | None = None, project: str = "/app") -> KeptStack:
    """Hold a kept stack with a network and a container that are finished, and a container that was half started."""
    kept = keep(session if session is not None else Session.begin(state), engine, project)
    for part in (network(engine, kept.id, "kept"), container(engine, kept.id, "kept")):
        kept.write(part, {"value": {"id": part}})
    container(engine, kept.id, "kept")
    return kept


def test_a_session_that_ends_leaves_of_its_kept_stack_what_is_finished(tmp_path: Path) -> None:
    engine = FakeEngine()
    session = Session.begin(tmp_path)
    kept = kept_stack(engine, tmp_path, session)
    container(engine, session.id, session.owner_label)
    assert remove_things_of_ending_session(engine, session.id, kept) == 2
    assert len(engine.containers) == 1
    assert len(engine.networks) == 1


def test_a_kept_stack_whose_records_a_test_removed_goes_with_its_session(tmp_path: Path) -> None:
    engine, session = FakeEngine(), Session.begin(tmp_path)
    kept = kept_stack(engine, tmp_path, session)
    shutil.rmtree(tmp_path)
    assert remove_things_of_ending_session(engine, session.id, kept) == 3
    assert engine.containers == engine.networks == {}


def unused(kept: KeptStack, hours: float) -> None:
    """Leave a kept stack, as if that had been some hours ago."""
    kept.release()
    moment = time.time() - hours * 3600
    os.utime(kept.folder / "used", (moment, moment))


def test_a_sweep_takes_a_kept_stack_that_nobody_used_for_long(tmp_path: Path) -> None:
    engine = FakeEngine()
    kept = kept_stack(engine, tmp_path)
    unused(kept, UNUSED_HOURS + 1)
    assert sweep_at_session_start(engine, Session.begin(tmp_path)) == 3
    assert engine.containers == engine.networks == {}
    assert not kept.folder.exists()


def test_a_sweep_leaves_a_kept_stack_of_another_engine_though_nobody_used_it_for_long(tmp_path: Path) -> None:
    engine, other = FakeEngine(), FakeEngine()
    other.identity = "another engine"
    kept = kept_stack(engine, tmp_path)
    unused(kept, UNUSED_HOURS + 1)
    assert sweep_at_session_start(other, Session.begin(tmp_path)) == 0
    assert kept.folder.exists()
    assert sweep_at_session_start(engine, Session.begin(tmp_path)) == 3, "its own engine's sweep still can"


def test_a_sweep_leaves_a_kept_stack_whose_time_is_not_over(tmp_path: Path) -> None:
    engine = FakeEngine()
    unused(kept_stack(engine, tmp_path), UNUSED_HOURS - 1)
    assert sweep_at_session_start(engine, Session.begin(tmp_path)) == 0


def test_a_sweep_leaves_a_kept_stack_that_a_session_holds(tmp_path: Path) -> None:
    engine = FakeEngine()
    kept = kept_stack(engine, tmp_path)
    os.utime(kept.folder / "used", (0, 0))
    assert sweep_at_session_start(engine, Session.begin(tmp_path)) == 0


@pytest.mark.parametrize("ahead", [-7 * 86400.0, 7 * 86400.0])
def test_with_a_wrong_clock_no_kept_stacks_time_is_over(tmp_path: Path, ahead: float) -> None:
    engine = FakeEngine()
    engine.clock_difference = ahead
    unused(kept_stack(engine, tmp_path), UNUSED_HOURS + 1)
    assert sweep_at_session_start(engine, Session.begin(tmp_path)) == 0


def test_a_kept_stack_that_cannot_be_removed_is_not_forgotten(tmp_path: Path) -> None:
    engine = Stubborn()
    kept = kept_stack(engine, tmp_path)
    kept.release()
    with pytest.raises(EngineError, match="device or resource busy"):
        remove_kept_stack(engine, kept, Session.begin(tmp_path).owner)
    assert kept.folder.exists()
    assert kept.try_to_hold(Session.begin(tmp_path).owner, engine.running_since)


def test_a_kept_stack_of_which_a_copied_folder_tells_is_left(tmp_path: Path) -> None:
    engine = FakeEngine()
    kept = kept_stack(engine, tmp_path / "state")
    unused(kept, UNUSED_HOURS + 1)
    shutil.copytree(tmp_path / "state", tmp_path / "copy")
    copy, session = KeptStack(tmp_path / "copy/kept" / kept.id), Session.begin(tmp_path / "copy")
    assert copy.unused_for() > UNUSED_HOURS * 3600
    assert sweep_at_session_start(engine, session) == 0
    assert remove_kept_stack(engine, copy, session.owner, unknown=True) == 0
    assert len(engine.containers) == 2


def test_a_kept_stack_whose_holder_nobody_can_tell_of_goes_only_when_that_is_asked(tmp_path: Path) -> None:
    engine = FakeEngine()
    kept, session = kept_stack(engine, tmp_path), Session.begin(tmp_path)
    kept.release()
    assert kept.try_to_hold(elsewhere(Session.begin(tmp_path).owner), engine.running_since)
    assert remove_kept_stack(engine, kept, session.owner) == 0
    assert remove_kept_stack(engine, kept, session.owner, unknown=True) == 3


class Choosy(FakeEngine):
    """An engine that can't remove what has a name."""

    def remove_container(self, container: str) -> None:
        if self.containers[container]["Name"] == "stays":
            raise EngineError(f"{container}: device or resource busy", status=500)
        super().remove_container(container)


def test_an_orphan_that_cannot_be_removed_keeps_no_kept_stack_and_no_dead_run_from_going(tmp_path: Path) -> None:
    engine, session = Choosy(), Session.begin(tmp_path)
    gone = dead(Session.begin(tmp_path).owner).text()
    stays = container(engine, "s", gone, name="stays")
    container(engine, "s", gone)
    kept = kept_stack(engine, tmp_path)
    unused(kept, UNUSED_HOURS + 1)
    (tmp_path / "runs/0123").mkdir()
    os.utime(tmp_path / "runs/0123", (0, 0))
    with pytest.raises(EngineError, match=f"{stays}: device or resource busy"):
        sweep_at_session_start(engine, session)
    assert list(engine.containers) == [stays]
    assert not kept.folder.exists()
    assert not (tmp_path / "runs/0123").exists()


def test_a_kept_stack_that_cannot_be_removed_keeps_no_other_from_going(tmp_path: Path) -> None:
    engine = Choosy()
    stacks = [kept_stack(engine, tmp_path, project=project) for project in ("/app", "/other")]
    for each in stacks:
        unused(each, UNUSED_HOURS + 1)
    first, second = sorted(stacks, key=lambda each: each.folder)
    stays = container(engine, first.id, "kept", name="stays")
    with pytest.raises(EngineError, match="device or resource busy"):
        sweep_at_session_start(engine, Session.begin(tmp_path))
    assert list(engine.containers) == [stays]
    assert (first.folder.exists(), second.folder.exists()) == (True, False)


def test_a_removal_that_failed_is_no_use_of_a_kept_stack(tmp_path: Path) -> None:
    engine = Choosy()
    kept = kept_stack(engine, tmp_path)
    container(engine, kept.id, "kept", name="stays")
    unused(kept, UNUSED_HOURS + 1)
    with pytest.raises(EngineError, match="device or resource busy"):
        sweep_at_session_start(engine, Session.begin(tmp_path))
    assert kept.unused_for() > UNUSED_HOURS * 3600


def test_what_a_watchdog_does_is_no_use_of_a_kept_stack(tmp_path: Path) -> None:
    engine, session = FakeEngine(), Session.begin(tmp_path)
    kept = kept_stack(engine, tmp_path, session)
    unused(kept, UNUSED_HOURS + 1)
    assert remove_things_of_watched_session(engine, session.owner, chosen_kept_stack(session)) == 1
    assert kept.unused_for() > UNUSED_HOURS * 3600


def test_after_an_owners_death_what_it_had_begun_for_its_kept_stack_goes(tmp_path: Path) -> None:
    engine, session = FakeEngine(), Session.begin(tmp_path)
    kept = kept_stack(engine, tmp_path, session)
    container(engine, session.id, session.owner_label)
    kept.release()  # as its death does
    assert remove_things_of_watched_session(engine, session.owner, chosen_kept_stack(session)) == 2
    assert (len(engine.containers), len(engine.networks)) == (1, 1)
    assert remove_things_of_watched_session(engine, session.owner, chosen_kept_stack(session)) == 0


def test_what_the_next_session_begins_for_the_kept_stack_is_left_to_it(tmp_path: Path) -> None:
    engine, session = FakeEngine(), Session.begin(tmp_path)
    kept = kept_stack(engine, tmp_path, session)
    kept.release()
    assert kept.try_to_hold(Session.begin(tmp_path).owner, engine.running_since)
    assert remove_things_of_watched_session(engine, session.owner, chosen_kept_stack(session)) == 0


def test_a_state_folder_that_cannot_be_used_any_more_keeps_no_watchdog_from_its_work(tmp_path: Path) -> None:
    engine, session = FakeEngine(), Session.begin(tmp_path)
    stack = kept_stack(engine, tmp_path, session)
    container(engine, session.id, session.owner_label)
    shutil.rmtree(tmp_path / "kept")
    (tmp_path / "kept").touch()  # no folder can be made there
    assert remove_things_of_watched_session(engine, session.owner, stack) == 1


class Departed(FakeEngine):
    """An engine that goes away when something is to be removed."""

    def remove_container(self, container: str) -> None:
        self.events.append(f"asked to remove {container}")
        raise NoAnswer("away")


def test_an_engine_that_is_away_is_told_once_however_much_there_is_to_remove() -> None:
    engine = Departed()
    container(engine, "mine", "x/mine")
    container(engine, "mine", "x/mine")
    engine.events.clear()
    with pytest.raises(NoAnswer, match=r"^away$"):
        remove_by_session_label(engine, "mine")
    assert len(engine.events) == 1


def test_a_network_that_stays_in_use_is_cleared_by_force() -> None:
    engine = FakeEngine()
    net = network(engine, "mine", "x/mine")
    engine.connect(net, "stranger")
    remove_network(engine, net)
    assert engine.events == ["disconnect stranger by force"]
    assert engine.networks == {}


def test_a_network_that_cannot_be_removed_is_an_error() -> None:
    class Refusing(FakeEngine):
        def remove_network(self, network: str) -> None:
            raise EngineError(f"{network} is a predefined network", status=403)

    with pytest.raises(EngineError, match="predefined"):
        remove_network(Refusing(), "bridge")
