"""Deeds with the session's state folder, and with sessions beside it."""

import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from .here import Here


def copied(here: Here) -> Path:
    copy = here.new("copy")
    with suppress(shutil.Error):  # files come and go there
        shutil.copytree(here.state, copy)
    return copy


_INNER: Final = """
from conftest import IMAGE
from pytest_foodtrucks import service
inner = service(image=IMAGE, command=["sleep", "600"])
def test_inner(inner):
    assert inner.container.ip
"""


def inner_suite(here: Here) -> list[str]:
    """Write a suite beside the session's, and return the arguments for it."""
    folder = here.new("inner")
    folder.mkdir()
    shutil.copy2(here.home / "conftest.py", folder)
    (folder / "test_inner.py").write_text(_INNER, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return ["-q", "-s", "-p", "no:cacheprovider", f"--rootdir={folder}", f"-c{folder}/pytest.ini", str(folder)]


def session_on_copy(here: Here) -> None:
    command = [sys.executable, "-m", "pytest", *inner_suite(here), f"--foodtrucks-state-dir={copied(here)}"]
    subprocess.run(command, cwd=here.home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def prune_on_copy(here: Here) -> None:
    command = [sys.executable, "-m", "pytest_foodtrucks", "prune", f"--state-dir={copied(here)}"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def linked(here: Here) -> Path:
    link = here.new("link")
    link.symlink_to(here.state)
    return link


def session_inside(here: Here) -> None:
    import pytest  # noqa: PLC0415 - the table of deeds is read where there is none

    code = pytest.main([*inner_suite(here), "-p", "no:xdist", f"--foodtrucks-state-dir={linked(here)}"])
    if code != 0:
        raise AssertionError(f"the inner session ended with {code!r}")


def prune_inside(here: Here) -> None:
    from pytest_foodtrucks import cli  # noqa: PLC0415 - the suites' own interpreter has it

    code = cli.main(["prune", f"--state-dir={linked(here)}"])
    if code != 0:
        raise AssertionError(f"prune ended with {code}")


def remove_runs(here: Here) -> None:
    shutil.rmtree(here.state / "runs", ignore_errors=True)


def remove_state(here: Here) -> None:
    shutil.rmtree(here.state, ignore_errors=True)


def replace_lease(here: Here) -> None:
    for lease in here.state.glob("runs/*/lease"):
        with suppress(OSError):  # its session ended
            shutil.copy2(lease, lease.with_name("copy"))
            lease.with_name("copy").replace(lease)


def shut_state(here: Here) -> None:
    here.state.chmod(0)


def commit(here: Here) -> None:
    """Run a container from an image of ours, which has our labels and isn't ours; it must live on."""
    api = here.stack.engine.api
    image = api.commit(here.store.container.id)["Id"]
    other = api.create_container(image, ["sleep", "600"])["Id"]
    api.start(other)
    here.note("foreign container", container=other, image=image)
