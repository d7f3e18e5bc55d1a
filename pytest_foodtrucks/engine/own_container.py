"""Which container of the engine this process may be in, by what the kernel tells of it."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ID: Final = re.compile("[0-9a-f]{64}")
_MOUNTED: Final = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"})
"""Files that an engine mounts into a container from a folder with its id."""


def possible_containers(proc: Path = Path("/proc/self")) -> Iterator[str]:
    """Yield the ids of containers that this process may be in.

    What these files say may be another container's, whose network this one has. A host name is an id only where nobody
    gave another.
    """
    try:
        mounts = (proc / "mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        groups = (proc / "cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    mine = "\n".join(line for line in mounts if line.split()[4] in _MOUNTED)
    yield from _ID.findall(f"{mine}\n{groups}")
    if re.fullmatch("[0-9a-f]{12}", socket.gethostname()):
        yield socket.gethostname()
