"""Where a deed is done: in a session of the plugin, by its tests."""

import json
import os
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

LONG: Final = 15.0
"""Seconds for which children, threads and what was exec'd go on: longer than anything may be left."""
SHORT: Final = 2.0


@dataclass
class Here:
    """Where a deed is done.

    `stack` is the plugin's, `store` a service and `net` its network. `owner` is the process of the session that owns
    them, `home` the suite's folder. `foreign` are files of the test's own that must stay as they are.
    """

    stack: Any
    store: Any
    net: Any
    home: Path
    owner: int
    pid: int = field(default_factory=os.getpid)
    foreign: list[tuple[int, Path]] = field(default_factory=list)
    made: int = 0

    @property
    def state(self) -> Path:
        """The session's state folder."""
        return Path(self.stack.session.state_folder)

    @property
    def folder(self) -> Path:
        """The session's own folder in it."""
        return Path(self.stack.session.folder)

    def new(self, what: str) -> Path:
        """Return a path in the suite's folder that nothing has yet."""
        self.made += 1
        return self.home / f"{what}-{self.pid}-{self.made}"

    def note(self, kind: str, **about: object) -> None:
        """Write a line for the one who judges; nothing in a forked child, nor where the file can't be reached now."""
        if os.getpid() == self.pid:
            with suppress(OSError), (self.home / "notes.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps({"kind": kind, "owner": self.owner, **about}) + "\n")

    def note_needs(self) -> None:
        """Note that the session needs its things until now."""
        kept = None if self.stack.kept_stack is None else self.stack.kept_stack.id
        self.note("needs", network=self.net.id, containers=[self.store.container.id], until=time.time(), kept=kept)

    def check(self) -> None:
        """See that the store still answers, and that the test's own files are open and as they were written."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"{self.store.url}/menu", timeout=20) as answer:
            words = answer.read().split()
        if words != [b"taco"] * len(words) or not words:
            raise AssertionError(f"the store answered {words!r}")
        for descriptor, path in self.foreign:
            if not _is_open_as(descriptor, path):
                self.note("closed", path=str(path), descriptor=descriptor)


def _is_open_as(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


@contextmanager
def own_service(here: Here) -> Iterator[None]:
    """Have one more service of the test's own."""
    here.made += 1
    with here.net.service(
        image=here.store.container.image, command=["sleep", "600"], aliases=[f"own-{here.pid}-{here.made}"]
    ):
        yield
