"""What hostile tests do: copied into the suites of `./run soak hostile`, whose sessions do it in their own process."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from signal import SIGHUP, SIGKILL, SIGSEGV, SIGTERM
from typing import Final

from . import children, files, interpreter, signals, state
from .here import Here


@dataclass(frozen=True)
class Deed:
    """A deed, and what it implies.

    `codes` are the exit codes with that a session without workers may end after it. `last` tells that nothing comes
    after it there; `alone` that workers would break by it. `loses_lease` and `kills_watchdog` tell what can't be relied
    on any more, if the session is then killed. `mutes` tells that pytest itself can't write its report any more.
    """

    do: Callable[[Here], object]
    codes: tuple[int, ...] = (0,)
    last: bool = False
    alone: bool = False
    loses_lease: bool = False
    kills_watchdog: bool = False
    mutes: bool = False


DEEDS: Final = {
    "reads, locks and closes the state folder's files": Deed(files.read_state),
    "reads them on and on in a thread": Deed(files.read_state_on_and_on),
    "closes all descriptors, opens files of its own": Deed(files.close_range, alone=True),
    "opens files of its own": Deed(files.open_foreign),
    "closes the standard streams": Deed(files.close_streams, (0, 1, 2, 3, 120), alone=True, mutes=True),
    "opens /dev/null in place of the standard streams": Deed(files.close_streams_for_files, alone=True, mutes=True),
    "64 descriptors at most": Deed(files.few_descriptors),
    "no core file, one process at most": Deed(files.few_rights),
    "no byte may be written while a service starts": Deed(files.no_writing),
    "forks; the child goes on with pytest": Deed(children.fork_and_return, alone=True),
    "forks; the child closes all and exits": Deed(children.fork_and_exit),
    "forks; the child runs for long": Deed(children.fork_for_long),
    "forks a daemon": Deed(children.daemonise),
    "multiprocessing with fork": Deed(children.multiprocess),
    "starts a program that inherits all descriptors": Deed(children.inherit),
    "renames its process": Deed(children.rename),
    "has a thread that goes on": Deed(children.thread),
    "changes its folder": Deed(interpreter.change_folder),
    "changes into a removed folder": Deed(interpreter.change_into_removed),
    "umask 0777": Deed(interpreter.mask),
    "clears the environment": Deed(interpreter.scrub),
    "drops our modules": Deed(interpreter.drop_modules),
    "execs and loads a plugin by hand": Deed(interpreter.load_plugin),
    "is stopped for a while": Deed(signals.stop_for_a_while),
    "ignores SIGCHLD": Deed(signals.ignore_children),
    "SIGPIPE's default": Deed(signals.die_of_pipes),
    "kills the watchdog": Deed(signals.kill_watchdog, kills_watchdog=True),
    "runs a session with a copy of the state folder": Deed(state.session_on_copy),
    "prunes with a copy of the state folder": Deed(state.prune_on_copy),
    "runs a session in its process, by another path": Deed(state.session_inside),
    "prunes in its process, by another path": Deed(state.prune_inside),
    "removes the runs' folders": Deed(state.remove_runs, (0, 1), loses_lease=True),
    "removes the state folder": Deed(state.remove_state, (0, 1), loses_lease=True),
    "replaces the leases by copies": Deed(state.replace_lease, loses_lease=True),
    "chmod 000 of the state folder": Deed(state.shut_state),
    "runs an image made of our container": Deed(state.commit),
    "becomes nobody": Deed(interpreter.be_nobody, (0, 1), last=True),
    "changes its root": Deed(interpreter.change_root, (0, 1, 3), last=True, mutes=True),
    "execs another program": Deed(children.become_another, (0,), last=True),
    "os._exit": Deed(signals.exit_at_once, (7,), last=True),
    "crashes": Deed(signals.crash, (-SIGSEGV,), last=True),
    "SIGTERM": Deed(signals.send("SIGTERM"), (-SIGTERM,), last=True),
    "SIGHUP": Deed(signals.send("SIGHUP"), (-SIGHUP,), last=True),
    "Ctrl-C": Deed(signals.send("SIGINT"), (2,), last=True),
    "SIGKILL": Deed(signals.send("SIGKILL"), (-SIGKILL,), last=True),
    "kills the watchdog and itself": Deed(signals.kill_both, (-SIGKILL,), last=True, kills_watchdog=True),
}


def do(name: str, here: Here) -> None:
    """Do a deed, and note it; nothing in a forked child."""
    if os.getpid() == here.pid:
        here.note("did", deed=name)
        DEEDS[name].do(here)
