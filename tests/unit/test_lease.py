"""A lease: held, free, or not the one that it was."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from pytest_foodtrucks.sessions.lease import LeaseFile, LeaseState, create, look_at


def test_a_lease_is_held_as_long_as_somebody_has_the_lock(tmp_path: Path) -> None:
    file = create(tmp_path / "lease")
    assert look_at(tmp_path / "lease", file) is LeaseState.FREE
    with (tmp_path / "lease").open() as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert look_at(tmp_path / "lease", file) is LeaseState.HELD
        (tmp_path / "lease").read_bytes()  # opens and closes it in the same process
        assert look_at(tmp_path / "lease", file) is LeaseState.HELD
    assert look_at(tmp_path / "lease", file) is LeaseState.FREE


def test_its_file_is_its_users_alone(tmp_path: Path) -> None:
    create(tmp_path / "lease")
    assert (tmp_path / "lease").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        create(tmp_path / "lease")


def test_a_copy_a_link_and_whatever_took_its_place_prove_nothing(tmp_path: Path) -> None:
    lease = tmp_path / "lease"
    file = create(lease)
    shutil.copy2(lease, tmp_path / "copy")
    (tmp_path / "link").symlink_to(lease)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for name in ("copy", "link", "fifo", "folder", "gone"):
        assert look_at(tmp_path / name, file) is LeaseState.LOST
    (tmp_path / "copy").replace(lease)
    assert look_at(lease, file) is LeaseState.LOST


def test_after_another_boot_the_number_of_the_device_counts_no_more(tmp_path: Path) -> None:
    file = create(tmp_path / "lease")
    elsewhere = LeaseFile(file.device + 1, file.inode)
    assert look_at(tmp_path / "lease", elsewhere) is LeaseState.LOST
    assert look_at(tmp_path / "lease", elsewhere, same_boot=False) is LeaseState.FREE
