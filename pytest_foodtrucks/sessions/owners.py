"""Owners: what a session's things say of whom they belong to, and whether that one lives."""

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from . import lease, processes
from .lease import LeaseFile, LeaseState
from .processes import Life, Process
from .state_folder import identity, keyed, session_folder

_MACHINE_FILE: Final = Path("/etc/machine-id")

ContainerStart = Callable[[str], str | None]
"""Tells when a container of the engine was started, in the engine's words; None where it doesn't run."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A session's token: who owns its things.

    `state` is the identity of its state folder. `machine` is a digest of the machine's id, empty where the machine has
    none or the engine is another machine's. `container` is the container of the same engine that the session is in, and
    `container_start` when that was started; empty where it is in none.
    """

    state: str
    session: str
    process: Process
    lease: LeaseFile
    machine: str = ""
    container: str = ""
    container_start: str = ""

    def text(self) -> str:
        """Return it as the label has it."""
        return json.dumps(asdict(self), separators=(",", ":"))


def read_owner(text: str) -> Owner | None:
    """Read a label; None for one that says something else, such as `kept`."""
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
    """Return what tells this machine from others, by machine-id(5): a digest with the state folder's own key."""
    try:
        text = _MACHINE_FILE.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    return keyed(state)(text) if text and text != "uninitialized" else ""


def lease_file(state: Path, session_id: str) -> Path:
    """Return the file of a session's lease."""
    return session_folder(state, session_id) / "lease"


def life(owner: Owner, state: Path, *, container_start: ContainerStart) -> Life:
    """Tell whether the owner of things lives, asked from the state folder `state`.

    Alive: its process lives, or somebody holds its lease. Dead: `process_life` says so, and its lease is there and
    free, so that a copied, removed or replaced state folder proves nothing; or the container that it was in has ended.
    """
    seen = process_life(owner, state, container_start=container_start)
    if seen is Life.ALIVE:
        return Life.ALIVE
    same_boot = owner.process.boot == processes.this_process().boot
    held = lease.state(lease_file(state, owner.session), owner.lease, same_boot=same_boot)
    if held is LeaseState.HELD:
        return Life.ALIVE
    proved = held is LeaseState.FREE or _is_container_ended(owner, container_start)
    return Life.DEAD if seen is Life.DEAD and proved else Life.UNKNOWN


def process_life(owner: Owner, state: Path, *, container_start: ContainerStart) -> Life:
    """Tell whether an owner's process lives, where its lease says nothing: of the holder of a kept stack.

    Dead: the process has certainly ended, the machine was started anew since, or the container that it was in has ended
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
    """Return this process as an owner for a moment, such as a command that removes a kept stack."""
    return Owner(
        state=identity(state), session=secrets.token_hex(6), process=processes.this_process(), lease=LeaseFile(0, 0)
    )
