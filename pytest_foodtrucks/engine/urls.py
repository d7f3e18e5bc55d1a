"""Addresses as somebody wrote them: what of them may be shown, and whether an engine can be there."""

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pytest_foodtrucks.engine.hostnames import is_address

_USER: Final = re.compile(r"\A([a-z0-9+.-]+://)?.*@(?!sha\d+:)", re.DOTALL | re.IGNORECASE)
"""What comes before a host: all until the last @, since passwords may have any character; a digest's @ is another."""

_SOCKETS: Final = ("unix", "http+unix")
_HOSTS: Final = ("tcp", "http", "https", "ssh")
_EXAMPLES: Final = "unix:///var/run/docker.sock or tcp://10.0.0.1:2376"


def without_user(text: str) -> str:
    """Return a URL, or an image's or a registry's name, without its user part: that may be a password."""
    if text.lower().startswith(("unix://", "http+unix://", "npipe://")):
        return text
    return _USER.sub(r"\1", text)


def is_on_loopback(url: str) -> bool:
    """Tell whether an engine's URL leads to this machine's loopback."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def check_engine_url(url: str) -> None:
    """Raise ValueError, which says what would do, for a URL where no engine can be."""
    scheme, separator, rest = url.partition("://")
    if not url.isprintable() or url != url.strip() or (" " in url and scheme not in _SOCKETS):
        raise ValueError("use a URL without blanks and control characters")
    if not separator or scheme not in {*_SOCKETS, *_HOSTS, "npipe"}:
        raise ValueError("use a URL that begins with unix://, tcp://, http://, https:// or ssh://")
    if scheme in _SOCKETS and not rest.strip("/"):
        raise ValueError(f"name the socket with its whole path, such as {_EXAMPLES}")
    if scheme in _SOCKETS and not rest.startswith("/"):
        raise ValueError(f"begin the socket's path with a slash: {scheme}:///{rest}")
    if scheme in _HOSTS:
        _check_host(url)


def _check_host(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:  # an address in brackets, or a port that is none
        raise ValueError(f"use an address with a port between 1 and 65535, such as {_EXAMPLES}") from error
    if not parts.hostname or port == 0 or (port is None and parts.scheme != "ssh"):
        raise ValueError(f"name the host and a port between 1 and 65535, such as {_EXAMPLES}")
    _refuse_more(parts)


def _refuse_more(parts: SplitResult) -> None:
    if parts.password is not None:
        raise ValueError("leave the password out: docker-py takes none in a URL")
    if parts.query or parts.fragment or (parts.scheme == "ssh" and parts.path.strip("/")):
        raise ValueError("leave out what comes after host and port")
