"""Deeds that change what the session's process finds around it."""

import gc
import importlib.util
import os
import sys
from typing import Final

from .here import Here


def change_folder(_: Here) -> None:
    os.chdir("/")


def change_into_removed(here: Here) -> None:
    folder = here.new("removed")
    folder.mkdir()
    os.chdir(folder)
    folder.rmdir()
    sys.path.insert(0, "")


def mask(_: Here) -> None:
    os.umask(0o777)


def be_nobody(_: Here) -> None:
    os.setgid(65534)
    os.setuid(65534)


def change_root(here: Here) -> None:
    root = here.new("root")
    root.mkdir()
    os.chroot(root)


def scrub(_: Here) -> None:
    os.environ.clear()


def drop_modules(_: Here) -> None:
    gc.freeze()
    for name in [name for name in sys.modules if name.partition(".")[0] == "pytest_foodtrucks"]:
        sys.modules.pop(name)


_PLUGIN: Final = """
from pytest_foodtrucks import service
by_hand = service(image="unused", command=["sleep", "1"])
"""


def load_plugin(here: Here) -> None:
    exec(compile(_PLUGIN, "<string>", "exec"), {})  # noqa: S102 - it is the deed
    path = here.new("plugin").with_suffix(".py")
    path.write_text(_PLUGIN, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("by_hand", path)
    assert spec is not None  # noqa: S101 - for the type checker
    assert spec.loader is not None  # noqa: S101 - for the type checker
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
