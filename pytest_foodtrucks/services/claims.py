"""Who has an alias on a network that xdist's workers share: one at a time, the others wait."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pytest_foodtrucks.engine.hostnames import may_be_name, same_name
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.sessions.state_folder import read_json, usable, write_json


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A worker's wish for a service's names, and its fixed addresses, on a network: both are in `aliases`.

    `part` is the name by which all workers know a shared service, else None. `who` is the service in a message's words,
    and `remedy` what to do where somebody else has one of its names. `what` says what they are, if they are none;
    `service` is the service's first alias then.
    """

    network: str
    aliases: Sequence[str]
    who: str
    worker: str
    part: str | None = None
    remedy: str = (
        "give one of them other aliases=; for a round robin on purpose, attach the second one with "
        "foodtrucks_net.connect(…, aliases=[…])."
    )
    what: str = ""
    service: str = ""

    def taken_error(self, alias: str, by: str, *, waited: str = "") -> DefinitionError:
        """Return the error that says who has an alias, or an address, already."""
        what, remedy = "address", "give one of them another."
        if self.what or may_be_name(alias):
            what, remedy = self.what if self.what else "alias", self.remedy
        return DefinitionError(
            f"On {self.network} the {what} {alias!r} belongs to {by} already{waited}, and {self.who} wants it too. "
            f"Remedy: {remedy}"
        )


@contextmanager
def claimed(folder: Path, claim: Claim, *, seconds: float, clear: Callable[[str], object]) -> Iterator[None]:
    """Have a service's aliases for the length of a block, or, as a part that workers share, for the whole run.

    Waits for those that another worker's block has, for so many seconds at most; DefinitionError says who has one
    then. `clear` gets a service's first alias, and removes what a dead worker left under it.
    """
    with ExitStack() as held:
        for alias in sorted(claim.aliases, key=same_name):  # in one order, so that no two wait for each other
            held.enter_context(_one(folder, claim, alias, seconds=seconds, clear=clear))
        yield


@contextmanager
def _one(folder: Path, claim: Claim, alias: str, *, seconds: float, clear: Callable[[str], object]) -> Iterator[None]:
    from filelock import FileLock  # noqa: PLC0415 - only xdist workers pay for it

    name = sha256(f"{claim.network} {same_name(alias)}".encode()).hexdigest()[:16]
    note = folder / f"alias-{name}.json"
    lock = FileLock(folder / f"alias-{name}.lock")
    if not _acquired(lock, folder, seconds):
        raise claim.taken_error(alias, _holder(note), waited=f", and wasn't free within {seconds:g} s")
    try:
        before = _read(note)
        if before is not None and before["part"] is not None and before["part"] != claim.part:
            raise claim.taken_error(alias, before["who"])
        if before is not None and before["part"] is None:  # a worker that lives removes its note
            clear(before["service"])
        service = claim.service if claim.service else claim.aliases[0]
        write_json(note, {"who": claim.who, "worker": claim.worker, "part": claim.part, "service": service})
        if claim.part is not None:
            lock.release()
        try:
            yield
        finally:
            if claim.part is None:
                note.unlink(missing_ok=True)
    finally:
        lock.release()


def _acquired(lock: Any, folder: Path, seconds: float) -> bool:
    from filelock import Timeout  # noqa: PLC0415 - as above

    with usable(folder):
        try:
            lock.acquire(timeout=seconds)
        except Timeout:
            return False
    return True


def _holder(note: Path) -> str:
    about = _read(note)
    return "another worker's service" if about is None else f"{about['who']} of the worker {about['worker']}"


def _read(note: Path) -> Mapping[str, Any] | None:
    try:
        return read_json(note)
    except FileNotFoundError:
        return None
