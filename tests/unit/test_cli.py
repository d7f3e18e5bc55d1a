"""The command: what prune removes, what it leaves, what it says."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import pytest

from fakes.engine import FakeEngine
from fakes.session import dead, elsewhere, keep
from pytest_foodtrucks import EngineError, EngineNotFound, cli
from pytest_foodtrucks.commands import exit_codes
from pytest_foodtrucks.engine.labels import own_image_name
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.stacks.kept_stack import KeptStack


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Return the engine that the command finds."""
    found = FakeEngine()
    monkeypatch.setattr("pytest_foodtrucks.commands.working_folder.find_engine", lambda _, **__: found)
    return found


def container(engine: FakeEngine, session: str, owner: str) -> str:
    """Create a container with labels, and return its id."""
    labels = {"pytest-foodtrucks": session, "pytest-foodtrucks.owner": owner}
    return engine.create_container("c", {"Image": "busybox", "Labels": labels, "HostConfig": {"NetworkMode": "net"}})


def kept(engine: FakeEngine, state: Path, project: str) -> KeptStack:
    """Hold the kept stack of a project."""
    return keep(Session.begin(state), engine, project)


def prune(state: Path) -> int:
    """Run the command."""
    return cli.main(["prune", f"--state-dir={state}"])


def test_prune_removes_kept_and_orphaned_things(
    engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = kept(engine, tmp_path, "/app")
    container(engine, stack.id, "kept")
    container(engine, "0", dead(Session.begin(tmp_path).owner).text())
    stack.release()
    assert prune(tmp_path) == 0
    assert engine.containers == {}
    assert not stack.folder.exists()
    assert capsys.readouterr().out == (
        "removed: the kept stack of /app (1 container, network or volume)\n"
        "removed: 1 container, network or volume that dead sessions left\n"
    )
    assert engine.closed


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_prune_goes_on_where_nobody_reads_what_it_says(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    stack = kept(engine, tmp_path, "/app")
    container(engine, stack.id, "kept")
    stack.release()
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as unread:
        monkeypatch.setattr(sys, stream, unread)
        if stream == "stderr":
            monkeypatch.setattr(
                "pytest_foodtrucks.commands.working_folder.find_engine", Mock(side_effect=EngineError("away"))
            )
        assert prune(tmp_path) == (0 if stream == "stdout" else 1)
    assert engine.containers == {} or stream == "stderr"


def test_prune_leaves_what_others_have_and_says_so(
    engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack, living = kept(engine, tmp_path, "/app"), Session.begin(tmp_path)
    for session, owner in ((stack.id, "kept"), (living.id, living.owner_label), ("0", "kept"), ("1", "elsewhere/1")):
        container(engine, session, owner)
    assert prune(tmp_path) == 0
    assert len(engine.containers) == 4
    assert capsys.readouterr().out == (
        "left: the kept stack of /app, which a session uses\n"
        "removed: 0 containers, networks and volumes that dead sessions left\n"
        "left: 1 container, network or volume of living sessions\n"
        "left: 2 containers, networks and volumes of kept stacks\n"
        "left: 1 container, network or volume of which it can't be told here whether the session lives; "
        "`--older-than 24h` removes the older ones\n"
    )


@pytest.mark.parametrize(("age", "left"), [("1h", 1), ("3h", 2)])
def test_prune_removes_on_request_what_is_older_and_cannot_be_told_of(
    engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str], age: str, left: int
) -> None:
    living = Session.begin(tmp_path)
    engine.created_at = time.time() - 2 * 3600
    for owner in (living.owner_label, elsewhere(living.owner).text()):
        container(engine, "0", owner)
    assert cli.main(["prune", f"--state-dir={tmp_path}", f"--older-than={age}"]) == 0
    assert len(engine.containers) == left
    said = "removed: {} that dead sessions left, or that are older and nobody can tell of"
    things = "1 container, network or volume" if left == 1 else "0 containers, networks and volumes"
    assert said.format(things) in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "a day", "24", "-1h", "h"])
def test_an_age_that_is_none_is_told(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["prune", f"--older-than={text}"])
    assert ended.value.code == 2
    assert f"{text!r} is no duration: use Compose's form, such as 500ms or 1m30s" in capsys.readouterr().err


def test_prune_leaves_what_a_copied_folder_tells_of(
    engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = kept(engine, tmp_path / "state", "/app")
    container(engine, stack.id, "kept")
    stack.release()
    shutil.copytree(tmp_path / "state", tmp_path / "copy")
    assert prune(tmp_path / "copy") == 0
    assert len(engine.containers) == 1
    assert "left: the kept stack of /app, of which a copy of another state folder tells" in capsys.readouterr().out


def test_a_kept_stack_that_cannot_be_removed_is_told_and_the_rest_goes(
    engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sorted(
        (kept(engine, tmp_path, "/app"), kept(engine, tmp_path, "/other")), key=lambda each: each.folder
    )
    names = [each.project for each in (first, second)]
    stays = container(engine, first.id, "kept")
    container(engine, second.id, "kept")
    container(engine, "0", dead(Session.begin(tmp_path).owner).text())
    for each in (first, second):
        each.release()
    remove = engine.remove_container

    def refuse(container: str) -> None:
        if container == stays:
            raise EngineError("device or resource busy", status=500)
        remove(container)

    monkeypatch.setattr(engine, "remove_container", refuse)
    assert prune(tmp_path) == 1
    assert list(engine.containers) == [stays]
    assert (first.folder.exists(), second.folder.exists()) == (True, False)
    said = capsys.readouterr()
    assert said.err == "foodtrucks: device or resource busy\n"
    assert f"left: the kept stack of {names[0]}, which can't be removed\n" in said.out
    assert f"removed: the kept stack of {names[1]} (1 container, network or volume)\n" in said.out
    assert "removed: 1 container, network or volume that dead sessions left\n" in said.out


def test_prune_leaves_what_is_kept_on_another_engine_and_says_where_that_is(
    engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = kept(engine, tmp_path, "/app")
    stack.release()
    engine.identity = "another engine"
    assert prune(tmp_path) == 0
    assert stack.folder.exists()
    assert capsys.readouterr().out.startswith(
        "left: the kept stack of /app, which is on another engine: unix:///run/fake.sock\n"
    )


def test_without_an_engine_prune_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(_: str, **__: object) -> None:
        raise EngineNotFound("No engine answers. Remedy: start one.")

    monkeypatch.setattr("pytest_foodtrucks.commands.working_folder.find_engine", missing)
    assert prune(tmp_path) == exit_codes.NO_ENGINE
    assert capsys.readouterr().err == "foodtrucks: No engine answers. Remedy: start one.\n"


def test_a_wrong_option_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["prune", "--engine=ftp://x", f"--state-dir={tmp_path}"]) == exit_codes.WRONG_USE
    assert "ftp://x" in capsys.readouterr().err


def test_the_command_is_a_module_too() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest_foodtrucks", "prune", "--help"], capture_output=True, text=True, check=True
    )
    assert "kept stacks" in result.stdout


def test_without_a_command_the_usage_is_shown() -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    assert ended.value.code == 2


def test_prune_removes_images_that_a_later_build_replaced_and_that_nobody_uses(
    engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.dangling = {"one": False, "two": True}
    prune(tmp_path)
    assert engine.dangling == {"two": True}
    assert "removed: 1 image of earlier builds\n" in capsys.readouterr().out


@pytest.mark.parametrize("somebody_lives", [False, True])
def test_prune_takes_names_of_killed_builds_off_if_nobody_may_build(
    engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, somebody_lives: bool
) -> None:
    living, name = Session.begin(tmp_path), own_image_name("foodtrucks-build/base:98d2d4620e3a", "ab12")
    own = own_image_name("foodtrucks-build/base:98d2d4620e3a", living.id)
    for each in (name, own):
        engine.tag_image("sha256:base", each)
    if somebody_lives:
        container(engine, "0", living.owner_label)
    prune(tmp_path)
    assert set(engine.named) == ({name, own} if somebody_lives else {own})
    assert ("removed: 1 image name of killed builds\n" in capsys.readouterr().out) is not somebody_lives


@pytest.mark.parametrize("whose", ["living", "kept", "unknown"])
def test_prune_leaves_images_while_a_session_may_start_one_of_them(
    engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str], whose: str
) -> None:
    labels = {"living": Session.begin(tmp_path).owner_label, "kept": "kept", "unknown": "elsewhere/1"}
    container(engine, "0", labels[whose])
    engine.dangling = {"one": False, "two": False}
    prune(tmp_path)
    assert len(engine.dangling) == 2
    assert "left: 2 images of earlier builds, which a session may use\n" in capsys.readouterr().out
