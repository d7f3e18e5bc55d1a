"""The state folder: found, safe, its files written whole, its key kept."""

import errno
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_foodtrucks import StateError
from pytest_foodtrucks.sessions.state_folder import (
    is_there,
    make_folder,
    prepare,
    read_json,
    state_folder,
    usable,
    write_file,
    write_json,
)
from pytest_foodtrucks.sessions.state_key import identity, keyed

NOBODY = 65534


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room there"),
        (errno.EDQUOT, "make room there"),
        (errno.EACCES, "make it writable"),
        (errno.EROFS, "make it writable"),
    ],
)
def test_the_remedy_fits_the_trouble(number: int, remedy: str) -> None:
    words = f"The state folder /state can't be used: {os.strerror(number)}. Remedy: {remedy}, or choose another with"
    with pytest.raises(StateError, match=words), usable(Path("/state")):
        raise OSError(number, os.strerror(number))


def test_a_limit_of_the_system_has_a_remedy_of_its_own() -> None:
    with (
        pytest.raises(StateError, match=r"can't be used\. This process may open no more than .*ulimit"),
        usable(Path("/state")),
    ):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_the_folder_is_the_users_state_by_the_xdg_specification() -> None:
    assert state_folder(None, {"XDG_STATE_HOME": "/state"}) == Path("/state/pytest-foodtrucks")
    assert state_folder(None, {}) == Path.home() / ".local/state/pytest-foodtrucks"
    assert state_folder("~/mine", {"XDG_STATE_HOME": "/state"}) == Path.home() / "mine"


def test_a_relative_folder_is_none_by_that_specification() -> None:
    assert state_folder(None, {"XDG_STATE_HOME": "state"}) == Path.home() / ".local/state/pytest-foodtrucks"


def test_a_home_that_nobody_knows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StateError, match=r"No state folder can be found: .*Remedy: name one with"):
        state_folder("~no-such-user/state", {})
    monkeypatch.setattr(Path, "home", lambda: Path("~no-such-user").expanduser())
    with pytest.raises(StateError, match="No state folder can be found"):
        state_folder(None, {})


@pytest.fixture
def umask() -> Iterator[None]:
    """Set a umask by which nobody may do anything with a new file."""
    before = os.umask(0o777)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_what_is_made_is_its_users_alone_whatever_the_umask_is(tmp_path: Path) -> None:
    make_folder(tmp_path / "folder")
    write_file(tmp_path / "folder/file", b"text")
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "folder/file").stat().st_mode & 0o777 == 0o600
    prepare(tmp_path / "state")
    identity(tmp_path / "state")
    assert (tmp_path / "state/key").stat().st_mode & 0o777 == 0o600


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"n": 1})
    write_json(tmp_path / "a.json", {"n": 2})
    assert read_json(tmp_path / "a.json") == {"n": 2}
    (tmp_path / "folder").mkdir()
    with pytest.raises(StateError, match="can't be used: Is a directory"):
        write_json(tmp_path / "folder", {})
    assert {file.name for file in tmp_path.iterdir()} == {"a.json", "folder"}


def test_a_file_that_cannot_be_read_is_told_and_one_that_is_missing_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(StateError, match="can't be used: Is a directory"):
        read_json(tmp_path / "a.json")
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none.json")


def test_whether_a_file_is_there_is_told_or_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert is_there(tmp_path / "file")
    assert not is_there(tmp_path / "none")
    with pytest.raises(StateError, match="can't be used: Not a directory"):  # as where a folder can't be entered
        is_there(tmp_path / "file" / "below")


def test_a_folder_that_others_can_write_in_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    with pytest.raises(StateError, match=r"isn't safe: other users can write in it\. Remedy: choose one of your own"):
        prepare(tmp_path / "state")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o777, "it is left as it was"


def give_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Make a file or link somebody else's, and return whose; who isn't root becomes somebody else instead."""
    mine = os.geteuid()
    if mine != 0:
        monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
        return mine
    os.lchown(path, NOBODY, NOBODY)
    return NOBODY


def test_a_folder_of_somebody_elses_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").mkdir()
    owner = give_away(tmp_path / "state", monkeypatch)
    with pytest.raises(StateError, match=f"it belongs to the user {owner}, and this is {os.geteuid()}"):
        prepare(tmp_path / "state")


def test_a_way_through_somebody_elses_link_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    prepare(tmp_path / "link/state")
    owner = give_away(tmp_path / "link", monkeypatch)
    with pytest.raises(StateError, match=f"link is a link that the user {owner} made"):
        prepare(tmp_path / "link/state")


def test_a_folder_keeps_its_identity_and_no_copy_has_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    own = identity(state)
    assert identity(state) == own
    shutil.copytree(state, tmp_path / "copy")
    assert identity(tmp_path / "copy") != own
    (tmp_path / "link").symlink_to(state)
    assert identity(tmp_path / "link") == own, "the same folder, spelt another way"


def test_many_that_come_first_make_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: identity(tmp_path / "state"), range(40)))) == 1


def test_digests_differ_by_folder(tmp_path: Path) -> None:
    one, other = keyed(tmp_path / "one"), keyed(tmp_path / "other")
    assert one("hunter2") == one("hunter2") == keyed(tmp_path / "one")("hunter2")
    assert one("hunter2") != other("hunter2")
    assert one("\ud800") != one("\ud801")


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_corrupt_key_is_told(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(StateError, match=rf"The state file .*/key is corrupt: it has {len(content)} bytes, not 32"):
        identity(tmp_path)


def test_a_key_behind_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"x" * 32)
    (tmp_path / "key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="can't be used: Too many levels of symbolic links"):
        identity(tmp_path)
