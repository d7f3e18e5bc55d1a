"""The files that a seed reads: which they are, and whether they changed."""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_foodtrucks.stacks.reading import Reading, content_of, fingerprint


def plain(text: str) -> str:
    """Be a digest that shows what it was given."""
    return text


def files_of(read: Callable[[], object]) -> dict[str, str]:
    """Return what is recorded while something reads."""
    reading = Reading()
    with reading.going_on():
        read()
    return reading.fingerprints(plain)


@pytest.fixture
def menu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file in the current folder."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "data/menu.json"
    file.parent.mkdir()
    file.write_text("taco")
    return file


@pytest.mark.parametrize(
    "read",
    [
        lambda: Path("data/menu.json").read_text(),
        lambda: Path("data", "menu.json").resolve().read_bytes(),
        lambda: os.close(os.open("data/menu.json", os.O_RDONLY)),
        lambda: os.close(os.open(b"data/menu.json", os.O_RDONLY)),
    ],
)
def test_a_file_that_is_read_is_recorded_and_its_change_seen(menu: Path, read: Callable[[], object]) -> None:
    files = files_of(read)
    assert list(files) == [str(menu)]
    assert fingerprint(str(menu), plain) == files[str(menu)]
    menu.write_text("nacho")
    assert fingerprint(str(menu), plain) != files[str(menu)]
    menu.unlink()
    assert fingerprint(str(menu), plain) != files[str(menu)]


@pytest.mark.parametrize(
    "look",
    [lambda: list(Path("data").glob("*.json")), lambda: os.listdir("data"), lambda: list(os.walk("data"))],  # noqa: PTH208
)
def test_a_file_that_comes_into_a_folder_that_was_listed_is_seen(menu: Path, look: Callable[[], object]) -> None:
    files = files_of(look)
    assert list(files) == [str(menu.parent)]
    (menu.parent / ".hidden").touch()
    assert fingerprint(str(menu.parent), plain) == files[str(menu.parent)]
    (menu.parent / "more.json").touch()
    assert fingerprint(str(menu.parent), plain) != files[str(menu.parent)]


def test_what_is_written_or_gone_afterwards_or_belongs_to_the_system_is_no_source(menu: Path) -> None:
    def read() -> None:
        Path("made").write_text("made")
        Path("made").read_text()
        menu.read_text()
        menu.unlink()
        Path("/etc/hostname").read_text()
        Path("/proc/self/stat").read_text()
        Path(pytest.__file__).read_text()
        Path("no such file").exists()

    assert files_of(read) == {}


def test_what_is_read_before_or_after_isnt_recorded(menu: Path) -> None:
    menu.read_text()
    reading = Reading()
    with reading.going_on():
        pass
    menu.read_text()
    assert reading.fingerprints(plain) == {}


def test_a_module_that_is_first_imported_meanwhile_is_recorded_by_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "dishes_of_seed.py"
    file.write_text("MENU = 1")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for _ in range(2):  # the second time from its compiled file
        assert list(files_of(lambda: importlib.import_module("dishes_of_seed"))) == [str(file)]
        del sys.modules["dishes_of_seed"]


def test_a_folder_changes_with_any_file_in_it(menu: Path) -> None:
    folder = menu.parents[1]
    before = content_of(folder)
    assert content_of(folder) == before
    menu.write_text("nacho")
    changed = content_of(folder)
    assert changed != before
    (menu.parent / "more").touch()
    assert content_of(folder) not in {before, changed}


def test_of_a_large_file_the_size_is_enough(menu: Path) -> None:
    menu.write_bytes(b"x" * 1_000_001)
    assert content_of(menu).startswith("1000001 bytes, ")


def test_what_isnt_there_or_is_no_file_has_no_content(tmp_path: Path) -> None:
    assert content_of(tmp_path / "nothing") == ""
    assert content_of(Path(os.devnull)) == ""
