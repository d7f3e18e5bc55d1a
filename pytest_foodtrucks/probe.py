"""Questions asked from inside a network: names, connections, HTTP; and their verdicts."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from .errors import ProbeError

if TYPE_CHECKING:
    from .containers import Container
    from .engine import ExecResult
    from .services import Service

_CONNECT_SECONDS: Final = 3
"""A drop is told by silence only; with 1 s a busy machine's answers were taken for drops (kubernetes#136715)."""

_CONNECT: Final = """
exec 3>&1
words=$(nc -w "$3" "$1" "$2" -e sh -c 'echo open >&3' 2>&1 </dev/null)
echo "end $? $words"
"""
"""busybox' nc runs the command behind -e once it is connected, in both of its builds."""

_HTTP: Final = """
exec 3>&1
ask='printf "GET %s HTTP/1.0\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n" "$0" "$1"; exec cat >&3'
timeout "$5" nc "$1" "$2" -e sh -c "$ask" "$3" "$4" </dev/null
"""
"""nc instead of wget, because Debian's static busybox crashes in wget (exit code 139); and a command behind -e instead
of a pipe, because a pipe's end half-closes the connection, and Elasticsearch then hangs up without an answer."""


class VerdictKind(StrEnum):
    """What became of a connection."""

    CONNECTED = "connected"
    REFUSED = "refused"
    """The packet arrived; nothing listens, or the answer was a reset."""
    UNREACHABLE = "unreachable"
    """An ICMP error, or no route."""
    DROPPED = "dropped"
    """No answer."""
    UNRESOLVED = "unresolved"
    """The name doesn't exist."""
    MISRESOLVED = "misresolved"
    """Not the target's address on a network that they share, or several containers answer to the name."""
    DNS_FAILED = "dns_failed"
    """The name server failed or was silent."""
    INCONCLUSIVE = "inconclusive"
    """The question could not be answered."""


@dataclass(frozen=True)
class Verdict:
    """An answered question: what became of it, for which address and port, and the tool's own words."""

    kind: VerdictKind
    address: str | None
    port: int
    tries: int
    evidence: str


@dataclass(frozen=True)
class HttpAnswer:
    """An HTTP answer as the probe read it."""

    status: int
    headers: dict[str, str]
    text: str


class Probe:
    """A small container from whose place in a network questions are asked.

    No public constructor: the fixtures `net_probe` and `bridge_probe` yield one.
    """

    def __init__(self, container: "Container", place: str) -> None:
        self.container = container
        self.place = place

    def __repr__(self) -> str:
        return f"<Probe in {self.place}>"

    def run(self, argv: Sequence[str]) -> "ExecResult":
        """Run a command and return `exit_code`, `stdout` and `stderr`."""
        return self.container.exec(argv)

    def resolve(self, name: str) -> list[str]:
        """Return the addresses that the place's name server gives; none where the name doesn't exist.

        Raises ProbeError where the name server fails, is silent, or the answer can't be read.
        """
        result = self.run(["nslookup", name])
        answer = result.stdout + result.stderr
        addresses = re.findall(r"^Address(?: \d+)?:\s+([0-9a-fA-F.:]+)", _after_server(answer), re.MULTILINE)
        if addresses:
            return list(dict.fromkeys(addresses))
        if "NXDOMAIN" in answer or "No answer" in answer:
            return []
        raise ProbeError(
            f"{self.place}: whether the name {name!r} resolves can't be told; nslookup said: {answer.strip()!r}. "
            "Remedy: see whether the engine's name server answers, and whether the probe image has nslookup."
        )

    def connect(self, target: "Service | str", port: int | None = None) -> Verdict:
        """Open a TCP connection and say what became of it.

        `target` is a service (asked for by its alias), a name or an address; `port` defaults to the first of a
        service's ports.
        """
        name = target if isinstance(target, str) else target.alias
        port = _port(target, port)
        if _is_address(name):
            return self._connect(name, port)
        try:
            addresses = self.resolve(name)
        except ProbeError as error:
            return Verdict(VerdictKind.DNS_FAILED, None, port, 1, str(error))
        if not addresses:
            return Verdict(VerdictKind.UNRESOLVED, None, port, 1, f"{name}: NXDOMAIN")
        expected = addresses if isinstance(target, str) else self._shared_addresses(target.container)
        if len(addresses) > len(expected) or not set(addresses) <= set(expected):
            has = ", ".join(expected) if expected else "no address on a network of the probe's"
            evidence = f"{name} resolves to {', '.join(addresses)}, and the container has {has}"
            return Verdict(VerdictKind.MISRESOLVED, addresses[0], port, 1, evidence)
        return self._connect(addresses[0], port)

    def _shared_addresses(self, target: "Container") -> list[str]:
        """Return the target's addresses on the networks that the probe is on too."""
        here = self.container.addresses
        return [address for network, address in target.addresses.items() if network in here]

    def listens(self, address: str, port: int) -> bool:
        """Tell whether something accepts connections there; ProbeError where that can't be told."""
        verdict = self._connect(address, port)
        if verdict.kind is VerdictKind.INCONCLUSIVE:
            raise ProbeError(
                f"{self.place}: whether {address} accepts on port {port} can't be told; the probe saw "
                f"{verdict.evidence!r}. Remedy: see that the probe image has sh and nc."
            )
        return verdict.kind is VerdictKind.CONNECTED

    def http(self, url: str, *, timeout: float = 5.0) -> HttpAnswer:
        """GET a URL and return `status`, `headers` and `text`.

        `timeout` is in seconds. Raises ProbeError where no complete answer comes.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            raise ProbeError(f"The probe asks http:// URLs only, not {url!r}.")
        addresses = [parts.hostname] if _is_address(parts.hostname) else self.resolve(parts.hostname)
        if not addresses:
            raise ProbeError(f"{self.place}: {url} can't be asked: the name {parts.hostname!r} doesn't resolve.")
        path = (parts.path if parts.path else "/") + (f"?{parts.query}" if parts.query else "")
        port = parts.port if parts.port is not None else 80
        argv = [addresses[0], str(port), path, parts.netloc, str(max(1, round(timeout)))]
        result = self.run(["sh", "-c", _HTTP, "sh", *argv])
        return _http_answer(result, f"{self.place}: GET {url}")

    def _connect(self, address: str, port: int) -> Verdict:
        result = self.run(["sh", "-c", _CONNECT, "sh", address, str(port), str(_CONNECT_SECONDS)])
        return Verdict(read_connect(result.stdout), address, port, 1, result.stdout.strip())


def read_connect(output: str) -> VerdictKind:
    """Read the probe's own words about a connection; anything short of a complete line is inconclusive."""
    end = re.search(r"^end (\d+) ?(.*)\n\Z", output, re.MULTILINE | re.DOTALL)
    if end is None:
        return VerdictKind.INCONCLUSIVE
    if output.startswith("open\n") and end[1] == "0":
        return VerdictKind.CONNECTED
    for words, kind in (
        ("Connection refused", VerdictKind.REFUSED),
        ("reset by peer", VerdictKind.REFUSED),
        ("No route to host", VerdictKind.UNREACHABLE),
        ("unreachable", VerdictKind.UNREACHABLE),
        ("timed out", VerdictKind.DROPPED),
    ):
        if words in end[2]:
            return kind
    return VerdictKind.INCONCLUSIVE


def _http_answer(result: "ExecResult", question: str) -> HttpAnswer:
    head, blank, text = result.stdout.partition("\r\n\r\n")
    status = re.match(r"HTTP/1\.[01] (\d{3})", head)
    if status is None or not blank:
        raise ProbeError(f"{question}: no complete answer; the probe saw {(result.stdout + result.stderr)!r}.")
    fields = (line.partition(":") for line in head.split("\r\n")[1:])
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    if len(text.encode()) < int(headers.get("content-length", 0)):
        raise ProbeError(f"{question}: the answer broke off after {len(text)} of {headers['content-length']} bytes.")
    return HttpAnswer(int(status[1]), headers, text)


def _after_server(answer: str) -> str:
    """Cut off the lines that name the name server itself."""
    return re.sub(r"\AServer:.*\nAddress(?: \d+)?:.*\n", "", answer)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _port(target: "Service | str", port: int | None) -> int:
    if port is not None:
        return port
    if isinstance(target, str) or not target.container_ports:
        raise ProbeError(f"Which port of {target} is to be asked? Remedy: give port=.")
    return target.container_ports[0]
