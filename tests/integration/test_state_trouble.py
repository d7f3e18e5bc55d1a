"""A state folder that is full or corrupt, a clock that is wrong: one clear message, and nothing of others goes."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.session import dead
from pytest_foodtrucks import Engine
from pytest_foodtrucks.sessions.session import Session

from .conftest import Downstream
from .test_removal import CONFTEST

TEST = "def test_a(echo): pass\ndef test_b(echo): pass"


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a small disk of its own."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False).returncode != 0:
        pytest.fail("This test mounts a tmpfs. Remedy: run it as root.")
    yield folder
    subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Use up the room on a folder's disk."""
    with (folder / "filling").open("wb", buffering=0) as file:
        while shutil.disk_usage(folder).free:
            file.write(b"x" * 512)


def test_a_full_disk_is_one_clear_message(downstream: Downstream, tiny: Path) -> None:
    fill(tiny)
    downstream.write(conftest=CONFTEST, test_it=TEST)
    result = downstream.run(f"--foodtrucks-state-dir={tiny}/state")
    result.assert_outcomes(errors=2)
    assert "Traceback" not in result.stdout.str()
    result.stdout.fnmatch_lines(
        f"*The state folder {tiny}/state can't be used: No space left on device. Remedy: make room there*"
    )


def test_a_disk_that_gets_full_is_one_clear_message_to_each_worker(downstream: Downstream, tiny: Path) -> None:
    Session.begin(tiny / "state").end()
    fill(tiny)
    downstream.write(conftest=CONFTEST, test_it=TEST)
    result = downstream.run("-n2", f"--foodtrucks-state-dir={tiny}/state")
    result.assert_outcomes(errors=2)
    assert "Traceback" not in result.stdout.str()
    result.stdout.fnmatch_lines("*The state folder * can't be used: No space left on device. Remedy: make room there*")


@pytest.mark.usefixtures("only_unknown_things")
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"two words"])
def test_a_corrupt_state_folder_is_one_clear_message_and_nothing_of_others_goes(
    downstream: Downstream, tmp_path: Path, foodtrucks_engine: Engine, content: bytes
) -> None:
    owner = dead(Session.begin(tmp_path / "state").owner)
    labels = {"pytest-foodtrucks": owner.session, "pytest-foodtrucks.owner": owner.text()}
    decoy = foodtrucks_engine.create_network("foodtrucks-decoy", driver="bridge", internal=False, labels=labels)
    try:
        (tmp_path / "state/key").write_bytes(content)
        downstream.write(conftest=CONFTEST, test_it=TEST)
        result = downstream.run(f"--foodtrucks-state-dir={tmp_path}/state")
        result.assert_outcomes(errors=2)
        assert "Traceback" not in result.stdout.str()
        result.stdout.fnmatch_lines("*The state file */state/key is corrupt: *Remedy: remove it, *")
        assert decoy in foodtrucks_engine.labels("networks", "pytest-foodtrucks")
    finally:
        foodtrucks_engine.remove_network(decoy)


@pytest.mark.usefixtures("only_unknown_things")
@pytest.mark.parametrize(("fake", "told"), [("-90s", "[89]? s ahead of"), ("+1d", "864?? s behind")])
def test_a_wrong_clock_is_told_and_allowed_for(
    downstream: Downstream, tmp_path: Path, foodtrucks_engine: Engine, fake: str, told: str
) -> None:
    libraries = list(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if shutil.which("faketime") is None or not libraries:
        pytest.fail("This test fakes the clock of a session. Remedy: ./run setup, or apt-get install faketime.")
    living = Session.begin(tmp_path / "state")
    labels = {"pytest-foodtrucks": living.id, "pytest-foodtrucks.owner": living.owner_label}
    decoy = foodtrucks_engine.create_network("foodtrucks-decoy", driver="bridge", internal=False, labels=labels)
    downstream.write(
        conftest=CONFTEST,
        test_it="""
        import time

        def test_before(echo):
            echo.exec(["sh", "-c", "echo said before > /proc/1/fd/1"])
            time.sleep(1)

        def test_it(echo):
            echo.exec(["sh", "-c", "echo said meanwhile > /proc/1/fd/1"])
            assert False
        """,
    )
    wrong = {
        "LD_PRELOAD": str(libraries[0]),
        "FAKETIME": fake,
        "NO_FAKE_STAT": "1",
    }
    try:
        result = downstream.run(f"--foodtrucks-state-dir={tmp_path}/state", env=wrong)
        result.assert_outcomes(passed=1, failed=1)
        assert decoy in foodtrucks_engine.labels("networks", "pytest-foodtrucks")
    finally:
        foodtrucks_engine.remove_network(decoy)
        living.end()
    result.stderr.fnmatch_lines(f"*the engine's clock is {told} this machine's*Remedy: set the one*")
    assert result.stderr.str().count("clock") == 1
    result.stdout.fnmatch_lines("said meanwhile")
    assert "said before" not in result.stdout.str().partition("foodtrucks log of echo")[2]
