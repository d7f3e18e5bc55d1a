"""HTTP and HTTPS, asked from inside a network."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from pytest_foodtrucks.engine.hostnames import refuse_no_port, refuse_no_target
from pytest_foodtrucks.errors import DefinitionError, ProbeError

from .agent.client import Agent, HttpReply
from .agent.link import NoReply

_PORTS: Final = {"http": 80, "https": 443}

LONGEST_ANSWER: Final = 32 << 20
"""Bytes of a body that are taken; a longer one is an error."""


@dataclass(frozen=True)
class TlsDetails:
    """What was seen of an HTTPS server: protocol, certificate as PEM, and whether that was verified."""

    version: str
    certificate: str
    verified: bool


@dataclass(frozen=True)
class HttpAnswer:
    """An HTTP answer as the probe read it; `tls` is None where the URL was http."""

    status: int
    headers: dict[str, str]
    text: str
    tls: TlsDetails | None = None


def taken_apart(url: str) -> tuple[SplitResult, str]:
    """Return a URL's parts, and the host in it; DefinitionError for one that can't be asked."""
    shown = re.sub(r"//[^/]*@", "//…@", str(url))  # no password in a message
    try:
        parts = urlsplit(str(url))
        host = parts.hostname
        port = parts.port
    except ValueError as error:
        raise DefinitionError(f"The URL {shown!r} can't be read: {error}. Remedy: mend it.") from error
    if parts.scheme not in _PORTS or host is None:
        raise ProbeError(f"The probe asks http:// and https:// URLs only, not {shown!r}.")
    if "@" in parts.netloc:
        raise DefinitionError(f"The URL {shown!r} has a user, and the probe sends none. Remedy: leave that out.")
    refuse_no_target(host, what="host")
    if port is not None:
        refuse_no_port(port)
    return parts, host


def get(
    agent: Agent,
    parts: SplitResult,
    addresses: Sequence[str],
    *,
    timeout: float,
    ca: str | None,
    most: int | None,
    auth: tuple[str, str] | None = None,
) -> HttpAnswer:
    """GET a URL at the first of its host's addresses that takes a connection; NoReply where none is complete.

    Of an answer of more than `most` bytes the beginning is enough. `auth` are user and password.
    """
    tls = parts.scheme == "https"
    reply = agent.http(
        addresses=list(addresses),
        port=parts.port if parts.port is not None else _PORTS[parts.scheme],
        host=parts.hostname,
        netloc=parts.netloc,
        path=(parts.path if parts.path else "/") + (f"?{parts.query}" if parts.query else ""),
        tls=tls,
        ca=ca,
        wait=timeout,
        most=LONGEST_ANSWER if most is None else most,
        **({} if auth is None else {"authorization": _basic(*auth)}),
    )
    if reply.trouble is not None or reply.status is None:
        raise NoReply(_shown(reply))
    body = base64.b64decode(reply.body)
    if most is None and len(body) >= LONGEST_ANSWER:
        raise NoReply(f"the answer is longer than {LONGEST_ANSWER >> 20} MB")
    details = TlsDetails(**reply.tls) if reply.tls is not None else None
    return HttpAnswer(reply.status, dict(reply.headers), body[:most].decode(errors="replace"), details)


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _shown(reply: HttpReply) -> str:
    status = f" (its status is {reply.status})" if reply.status is not None else ""
    return f"no complete answer{status}: {reply.trouble}"


def certificate(ca_file: Any) -> str | None:
    """Return the text of a certificate's file; DefinitionError where it can't be read."""
    if ca_file is None:
        return None
    try:
        return Path(ca_file).read_text(encoding="ascii")
    except (OSError, TypeError, ValueError) as error:
        raise DefinitionError(
            f"ca_file={ca_file!r} can't be read: {error}. Remedy: give the path of a certificate as PEM."
        ) from error
