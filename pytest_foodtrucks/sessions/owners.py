"""What an owner label says: the session that a thing belongs to; and whether that session lives."""

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from . import lease, processes
from .lease import LeaseFile, LeaseState
from .processes import Life, Process
from .state_folder import session_folder
from .state_key import identity, keyed

_MACHINE_FILE: Final = Path("/etc/machine-id")

ContainerStart = Callable[[str], str | None]
"""Returns when a container of the engine was started, as the engine writes it; None where it doesn't run."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A session, as the owner label of its things tells of it: enough to find out whether it lives.

    `state` is the identity of its state folder, `session` its id, `process` the process that began it. `machine` is a
    digest of the machine's id, empty where the machine has none or the engine is on another machine. `container` is the
    engine's container in which the session runs, and `container_start` the time of that container's start; empty where
    it runs in none.
    """

    state: str
    session: str
    process: Process
    lease: LeaseFile
    machine: str = ""
    container: str = ""
    container_start: str = ""

    def text(self) -> str:
        """Return the text of the label."""
        return json.dumps(asdict(self), separators=(",", ":"))


def read_owner(text: str) -> Owner | None:
    """Read a label; None for any other text, such as `kept`."""
    try:
        about: dict[str, Any] = json.loads(text)
        known = {**about, "process": Process(**about["process"]), "lease": LeaseFile(*map(int, about["lease"]))}
        owner = Owner(**known)
    except (ValueError, TypeError, KeyError):
        return None
    texts = (owner.state, owner.session, owner.machine, owner.container, owner.container_start)
    well = all(isinstance(each, str) for each in texts) and owner.session.isalnum()
    return owner if well and isinstance(owner.process.pid, int) else None


def state_of(text: str) -> str | None:
    """Return the identity of the state folder that a label names; None where it names none."""
    owner = read_owner(text)
    return None if owner is None else owner.state


def machine_in(state: Path) -> str:
    """Return what tells this machine from others: a digest of machine-id(5), with the state folder's own key."""
    try:
        text = _MACHINE_FILE.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    return keyed(state)(text) if text and text != "uninitialized" else ""


def lease_file(state: Path, session_id: str) -> Path:
    """Return the file of a session's lease."""
    return session_folder(state, session_id) / "lease"


def life(owner: Owner, state: Path, *, container_start: ContainerStart) -> Life:
    """Tell whether a session lives, by its process and its lease in the state folder `state`.

    It is alive if its process lives, or if its watchdog holds its lease. It is dead if `process_life`
    says so and one of these is true: its lease is there and free; its container has ended. So a state folder that was
    copied, removed or replaced proves nothing.
    """
    process = process_life(owner, state, container_start=container_start)
    if process is Life.ALIVE:
        return Life.ALIVE
    same_boot = owner.process.boot == processes.this_process().boot
    seen = lease.look_at(lease_file(state, owner.session), owner.lease, same_boot=same_boot)
    if seen is LeaseState.HELD:
        return Life.ALIVE
    proved = seen is LeaseState.FREE or _is_container_ended(owner, container_start)
    return Life.DEAD if process is Life.DEAD and proved else Life.UNKNOWN


def process_life(owner: Owner, state: Path, *, container_start: ContainerStart) -> Life:
    """Tell whether a session's process lives, without its lease. For the holder of a kept stack that is enough.

    It is dead if the process has certainly ended, if the machine was started anew since, or if its container has ended
    or was started anew.
    """
    seen = processes.life(owner.process)
    if seen is Life.UNKNOWN and (_is_of_an_earlier_boot(owner, state) or _is_container_ended(owner, container_start)):
        return Life.DEAD
    return seen


def _is_of_an_earlier_boot(owner: Owner, state: Path) -> bool:
    here = processes.this_process().boot
    if "" in {owner.machine, owner.process.boot, here}:
        return False
    return owner.process.boot != here and owner.machine == machine_in(state)


def _is_container_ended(owner: Owner, container_start: ContainerStart) -> bool:
    return owner.container != "" and container_start(owner.container) != owner.container_start


def this_process_as_owner(state: Path) -> Owner:
    """Return an owner for a process without a session: the command, which holds a kept stack while it removes it."""
    return Owner(
        state=identity(state), session=secrets.token_hex(6), process=processes.this_process(), lease=LeaseFile(0, 0)
    )
