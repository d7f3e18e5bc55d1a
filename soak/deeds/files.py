"""Deeds with files, descriptors and limits."""

import os
import resource
import shutil
import threading
import time
from contextlib import suppress

from .here import LONG, Here, own_service


def read_state(here: Here) -> None:
    import fcntl  # noqa: PLC0415 - one deed's own

    link = here.new("link")
    link.symlink_to(here.state)
    for folder in (here.state, link):
        with suppress(shutil.Error, OSError):  # files come and go there
            shutil.copytree(folder, here.new("read"))
        for path in folder.rglob("*"):
            with suppress(OSError), path.open("rb+") as file:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                file.read()


def read_state_on_and_on(here: Here) -> None:
    def read() -> None:
        until = time.monotonic() + LONG / 2
        while time.monotonic() < until:
            for path in here.state.rglob("*"):
                with suppress(OSError):
                    path.read_bytes()
            time.sleep(0.1)

    threading.Thread(target=read).start()


def close_range(here: Here) -> None:
    os.closerange(3, 1000)
    open_foreign(here)


def open_foreign(here: Here) -> None:
    folder = here.home / "foreign"
    folder.mkdir(exist_ok=True)
    for _ in range(30):
        path = folder / here.new("file").name
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.write(descriptor, path.name.encode())  # which is all that may ever be in it
        here.foreign.append((descriptor, path))


def close_streams(_: Here) -> None:
    for descriptor in range(3):
        with suppress(OSError):
            os.close(descriptor)


def close_streams_for_files(here: Here) -> None:
    close_streams(here)
    for _ in range(3):
        os.open(os.devnull, os.O_RDWR)


def few_descriptors(_: Here) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def few_rights(_: Here) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))


def no_writing(here: Here) -> None:
    """Let nothing be written while a service starts and stops."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        with suppress(RuntimeError, OSError), own_service(here):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
