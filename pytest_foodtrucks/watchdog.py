"""The watchdog: waits in a process of its own for its owner's death, and removes what that left."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import lease

if TYPE_CHECKING:
    from .endpoints import Endpoint
    from .runs import Run

_PAUSE: Final = 0.5
_CALM: Final = 6.5
"""Seconds between two empty looks: when only the xdist controller is killed, its workers go on for up to 5."""
_PATIENCE: Final = 600.0
"""Seconds that the engine may be away; what is left then goes with the next session's sweep."""

_START: Final = """
import os, sys
sys.path[:] = sys.argv[1].split(os.pathsep)
from pytest_foodtrucks import watchdog
watchdog.main()
"""


def start(run: "Run", endpoint: "Endpoint") -> None:
    """Start the watchdog of a run on an engine.

    Detached: in a session of its own, with no stream and no folder of the owner's. A shell starts it in the background,
    so that it is nobody's child and no Ctrl-C reaches it.
    """
    import subprocess  # noqa: PLC0415 - needs memory, which the watchdog itself is to have little of

    paths = os.pathsep.join(map(os.path.abspath, sys.path))  # it doesn't live in this folder
    context = "" if endpoint.context is None else endpoint.context
    command = [sys.executable, "-S", "-c", _START, paths, str(run.folder), endpoint.url, context]
    environment = {name: value for name, value in os.environ.items() if name != "RUNNER_TRACKING_ID"}
    subprocess.run(
        ["/bin/sh", "-c", '"$@" &', "sh", *command],
        cwd="/",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=True,
    )


def main() -> None:
    """Wait for the owner's death, and clean up unless the owner did."""
    from .runs import ENDED, Run  # noqa: PLC0415 - as little as possible while it waits

    run, url, context = Run(Path(sys.argv[2])), *sys.argv[3:]  # not by the run's folder: somebody may remove that
    if not run.lease_file.exists() or lease.wait_until_free(run.lease_file) == ENDED:
        return  # the owner ended well, before this process began or later

    from .discovery import find_engine  # noqa: PLC0415 - imports docker: not while it waits
    from .endpoints import Endpoint  # noqa: PLC0415 - likewise
    from .removal import remove_after  # noqa: PLC0415 - likewise

    used = Endpoint(url, context=None if context == "" else context)

    def remove() -> int:
        with closing(find_engine(only=used, host="127.0.0.1")) as engine:  # of whose ports none is asked here
            return remove_after(engine, run)

    clean_up(run, remove)


def clean_up(
    run: "Run",
    remove: Callable[[], int],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Remove the run's things until two looks a while apart find none; `remove` returns how many it found."""
    from .errors import EngineError  # noqa: PLC0415 - as above

    empty_since: float | None = None
    give_up = clock() + _PATIENCE
    while clock() < give_up:
        try:
            found = remove()
        except EngineError:  # away, or busy with the same things: asked again
            found = 1
        if found:
            empty_since = None
        elif empty_since is None:
            empty_since = clock()
        elif clock() - empty_since >= _CALM:
            run.forget()
            return
        sleep(_PAUSE)
