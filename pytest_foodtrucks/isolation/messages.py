"""What a message shows of one way from a source to a target, and the command that asks the same again."""

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_foodtrucks.probes.agent.client import Connection
    from pytest_foodtrucks.probes.probe import Probe
    from pytest_foodtrucks.probes.verdicts import Verdict

_USUAL_URLS: Final = frozenset({"unix:///var/run/docker.sock", "unix:///run/docker.sock"})
"""Where docker asks unless it is told otherwise."""


@dataclass(frozen=True)
class Finding:
    """One way from a source to a target: what was expected there, and what was seen.

    `isolated` and `reached` are both false where the way couldn't be judged.
    """

    way: str
    expected: str
    verdict: "Verdict"
    command: str
    isolated: bool
    reached: bool
    remark: str = ""


def described(probe: "Probe") -> str:
    """Return a source as messages name it."""
    return f"{probe.described_as} ({probe.subject.name})"


def block(source: str, finding: Finding, *, seen: str) -> str:
    """Return the lines that show a finding; `seen` is what became of it in a few words."""
    rows = (
        ("source", source),
        ("way", finding.way),
        ("expected", finding.expected),
        ("seen", seen),
        ("evidence", finding.verdict.evidence),
        ("again", while_it_runs(finding.command)),
    )
    return "\n".join(f"  {name:<10}{value}" for name, value in rows)


def while_it_runs(command: str) -> str:
    """Return a command that asks again, with a comment that says how long it can: what it names goes with the session.

    It is a comment to a shell too.
    """
    return f"{command}  # while this session runs, such as at --pdb" if command else ""


def again(probe: "Probe", code: str) -> str:
    """Return a command line that runs Python code in a probe's network namespace."""
    url = probe.container.engine.url
    docker = "docker" if url in _USUAL_URLS else f"docker -H {url}"
    stack = probe.stack
    image = "python:3.13-slim" if stack is None else stack.image(stack.settings.probe_image)
    return f"{docker} run --rm --network container:{probe.subject.name} {image} python3 -c {shlex.quote(code)}"


def connecting(connection: "Connection") -> str:
    """Return Python code that tries a connection as the probe does."""
    end = (connection.address, connection.port)
    if connection.protocol == "tcp":
        return f'import socket; socket.create_connection({_quoted(end)}, 3); print("connected")'
    family = "AF_INET6" if ":" in connection.address else "AF_INET"
    return (
        f"import socket; s = socket.socket(socket.{family}, socket.SOCK_DGRAM); s.settimeout(3); "
        f's.connect({_quoted(end)}); s.send(b"{connection.text or "hello"}"); print(s.recv(65535))'
    )


def looking_up(name: str) -> str:
    """Return Python code that looks a name up as applications do."""
    return f'import socket; print({{each[4][0] for each in socket.getaddrinfo("{name}", None)}})'


def _quoted(end: tuple[str, int]) -> str:
    return f'("{end[0]}", {end[1]})'
