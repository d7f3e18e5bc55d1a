"""How a test gets into a secured service: as which user, and by whose certificate; and where that is kept."""

import secrets
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from pytest_foodtrucks.errors import StartError, StateError
from pytest_foodtrucks.sessions.state_folder import make_folder, read_json, usable, write_file, write_json
from pytest_foodtrucks.stacks.stack import part_label

if TYPE_CHECKING:
    import ssl

    from pytest_foodtrucks.containers.archives import PlacedFiles
    from pytest_foodtrucks.stacks.stack import PartLabel, Stack

_AUTH: Final = "auth"
_CA: Final = "ca.pem"
_READABLE: Final = 0o644
"""A certificate is no secret, and whoever is handed the file in a container may be any user."""


class Password(str):
    """A password, which reads as stars where pytest shows a value; it is a text in all else."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


@dataclass(frozen=True)
class Access:
    """User and password, if a service has users; the certificate of its authority, if it speaks TLS."""

    auth: tuple[str, str] | None = None
    ca_file: Path | None = None

    @property
    def scheme(self) -> str:
        """What its URLs begin with."""
        return "http" if self.ca_file is None else "https"

    def verification(self) -> "ssl.SSLContext | bool":
        """Return what verifies the service's certificate: this authority alone, and for the host's name."""
        if self.ca_file is None:
            return True
        import ssl  # noqa: PLC0415 - only tests of a secured service pay for it

        return ssl.create_default_context(cafile=str(self.ca_file))


OPEN: Final = Access()
"""Anybody gets in, over plain HTTP."""


@dataclass(frozen=True)
class Keys:
    """What opens a service: user, password, and its authority's certificate as PEM, if it speaks TLS."""

    user: str
    password: Password
    ca: bytes | None = None


def tls_name(alias: str) -> str:
    """Return the name by which a service of TLS is asked for: a server of Java's refuses one with an underscore."""
    return alias.replace("_", "-").strip("-")


class Security(Protocol):
    """What makes a service a secured one."""

    @property
    def tls(self) -> bool:
        """Whether it speaks TLS."""

    def made(self, names: Sequence[str]) -> "tuple[Keys, PlacedFiles]":
        """Return new keys, and the files that its container needs; `names` are all by which it is reached."""


class AccessFolder:
    """The folder of a service's keys, which only this user can open: its session's, or its kept stack's."""

    def __init__(self, stack: "Stack", part: "PartLabel | None") -> None:
        """`part` is what the service is, if it outlives its fixture: so other workers and sessions find it again."""
        self.folder = (
            stack.folder_of(part) / f"access-{secrets.token_hex(8) if part is None else part_label(part.name)}"
        )

    def write(self, keys: Keys) -> Access:
        """Keep new keys, and return how one gets in; StateError where they can't be written."""
        with usable(self.folder):
            make_folder(self.folder)
            if keys.ca is not None:
                write_file(self.folder / _CA, keys.ca)
                (self.folder / _CA).chmod(_READABLE)
        write_json(self.folder / _AUTH, {"user": keys.user, "password": keys.password, "tls": keys.ca is not None})
        return self.read()

    def read(self) -> Access:
        """Return how one gets in; StartError where that can't be read, which never shows what is there."""
        with suppress(OSError, StateError, LookupError):
            content = read_json(self.folder / _AUTH)
            ca_file = self.folder / _CA if content["tls"] else None
            if ca_file is None or ca_file.is_file():
                return Access((str(content["user"]), Password(content["password"])), ca_file)
        raise StartError(
            f"its password and its certificate can't be read in {self.folder}. Remedy: run with "
            "--no-foodtrucks-reuse, or `foodtrucks prune`, and it is made anew."
        )

    def remove(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder, ignore_errors=True)  # it goes with its session's folder in any case
