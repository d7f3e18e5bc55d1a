"""What sessions have on the engine, and the engine itself as a process."""

import socket
import struct
import time
from collections.abc import Collection
from typing import Final

from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.engine.labels import KINDS, OWNER_LABEL, Kind
from pytest_foodtrucks.sessions.owners import state_of

from . import proc

_LOOKS: Final = 20
_BETWEEN_LOOKS: Final = 0.5
_CREDENTIALS: Final = "3i"  # process, user and group, by unix(7)


def owned(engine: Engine, identities: Collection[str | None], *, kinds: Collection[Kind] = KINDS) -> set[str]:
    """Return the ids of what has an owner in one of some state folders; of containers also those that don't run.

    None is no state folder: a session that was killed before it had one owns nothing, and kept things name no state.
    """
    owners = {thing: owner for kind in kinds for thing, owner in engine.labels(kind, OWNER_LABEL).items()}
    return {thing for thing, owner in owners.items() if state_of(owner) in {*identities} - {None}}


def volumes(engine: Engine) -> set[str]:
    """Return the names of all its volumes."""
    return {volume["Name"] for volume in engine.api.volumes()["Volumes"] or ()}


def descriptors(engine: Engine) -> int | None:
    """Return how many descriptors the engine has open; None where that can't be read here.

    The fewest of some looks: a request that is on its way has a descriptor too.
    """
    daemon = _daemon(engine)
    if daemon is None:
        return None
    looks = []
    for _ in range(_LOOKS):
        try:
            looks.append(proc.descriptors(daemon))
        except PermissionError:
            return None
        time.sleep(_BETWEEN_LOOKS)
    return min(looks)


def _daemon(engine: Engine) -> int | None:
    """Return the process behind a unix socket; None where another one, such as systemd, made the socket for it."""
    if not engine.url.startswith("unix://"):
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(engine.url.removeprefix("unix://"))
        answer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(_CREDENTIALS))
    pid: int = struct.unpack(_CREDENTIALS, answer)[0]
    return pid if pid in proc.named("dockerd") else None
