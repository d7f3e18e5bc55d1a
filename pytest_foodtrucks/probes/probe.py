"""Questions asked from inside a network: names, connections, HTTP; and their verdicts."""

import ipaddress
import re
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol, TypeVar
from urllib.parse import SplitResult, urlsplit

from pytest_foodtrucks.errors import DefinitionError, EngineError, ProbeError
from pytest_foodtrucks.hostnames import is_address, refuse_no_host_name, refuse_no_port, refuse_no_target

from . import verdicts
from .http_answers import HttpAnswer, Incomplete, read_answer
from .network_changes import DISTURBED, undisturbed
from .shell import ARGV, Shell
from .verdicts import Answer, Resolution, Resolver, Verdict, VerdictKind

if TYPE_CHECKING:
    from pytest_foodtrucks.containers.container import Container
    from pytest_foodtrucks.engine.execs import ExecResult
    from pytest_foodtrucks.stacks.stack import Stack

T = TypeVar("T")

_GLANCE: Final = 1
"""Seconds for the first try; enough for what answers, and too short for a verdict about what doesn't."""

_PATIENCE: Final = 3
"""A drop is told by silence only; with 1 s a busy machine's answers were taken for drops (kubernetes#136715)."""

_TRIES: Final = 3
"""Fresh connects that must all be unanswered before silence counts as dropped."""

_AT_ONCE: Final = 3.0
"""Seconds within which an answer that is none was no silence; nslookup and nc have their own patience with that."""

_LOOKUP_SECONDS: Final = 12.0
"""busybox' nslookup gives up after 5 s for each name server."""

_MARGIN: Final = 6.0
"""What a busy machine may take to start tools and carry their words."""

_HTTP: Final = """
exec 3>&1
ask='printf "GET %s HTTP/1.0\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n" "$0" "$1"; exec cat >&3'
timeout "$5" nc "$1" "$2" -e sh -c "$ask" "$3" "$4" </dev/null
"""
"""nc instead of wget, because Debian's static busybox crashes in wget (exit code 139); and a command behind -e instead
of a pipe, because a pipe's end half-closes the connection, and Elasticsearch then hangs up without an answer."""

_OUT_OF_TIME: Final = (124, 143)
"""Exit codes of `timeout` where it had to end its command: coreutils' and busybox' newer ones, busybox' older ones."""


@dataclass(frozen=True)
class Knock:
    """A connection to be tried: an address, a port, how many tries side by side, and how long each waits."""

    address: str
    port: int
    tries: int = _TRIES
    seconds: int = _PATIENCE

    @property
    def question(self) -> tuple[str, ...]:
        """What the shell is to do for one try."""
        return ("knock", self.address, str(self.port), str(self.seconds))


class Target(Protocol):
    """A service, as far as a probe asks for it."""

    @property
    def alias(self) -> str:
        """The name on the network by which it is asked for."""

    @property
    def container(self) -> "Container":
        """Whose addresses the name is to lead to."""

    @property
    def __foodtrucks__(self) -> "Ports":
        """What people needn't see."""


class Ports(Protocol):
    """The ports of a service."""

    @property
    def container_ports(self) -> Sequence[int]:
        """By their numbers in the container."""


class Probe:
    """A small container from whose place in a network questions are asked.

    No public constructor: the fixtures `net_probe` and `bridge_probe` yield one. `subject` is the container whose
    network namespace it is in; by default its own. `stack` is what beacons are started for.
    """

    def __init__(
        self,
        container: "Container",
        place: str,
        *,
        subject: "Container | None" = None,
        stack: "Stack | None" = None,
    ) -> None:
        self.container = container
        self.place = place
        self.subject = subject if subject is not None else container
        self.stack = stack
        self._shell = Shell(container.shell_starter(ARGV))
        self._finalizer = weakref.finalize(self, self._shell.close)  # nobody need close a probe

    def __repr__(self) -> str:
        return f"<Probe in {self.place}>"

    def close(self) -> None:
        """Hang up the kept shell; a question opens another one."""
        self._shell.close()

    def run(self, argv: Sequence[str]) -> "ExecResult":
        """Run a command and return `exit_code`, `stdout` and `stderr`."""
        return self.container.exec(argv)

    def resolve(self, name: str) -> list[str]:
        """Return the addresses that an application there gets for a name; none where the name doesn't exist.

        The hosts file counts, and so do search domains. Raises ProbeError where the name server fails, is silent, or
        the answer can't be read. What fails at once is asked again, once. Raises DefinitionError for what is no name.
        """
        refuse_no_host_name(name)
        found = self._looked_up(name)
        if found.failure is not None:
            raise ProbeError(
                f"{self.place}: whether the name {name!r} resolves can't be told; nslookup said: {found.words!r}. "
                "Remedy: see whether the engine's name server answers, and whether the probe image has nslookup."
            )
        return list(found.addresses)

    def _looked_up(self, name: str) -> Resolution:
        """Look a name up; once more where the name server failed at once, or its answer got lost on the way."""

        def look_up() -> Resolution:
            ((found,), _) = self.put([name], [])
            return found

        return _asked_again(look_up, lambda found: found.failure is not None)

    def connect(self, target: "Target | str", port: int | None = None) -> Verdict:
        """Open a TCP connection and say what became of it.

        `target` is a service (asked for by its alias), a name or an address; `port` defaults to the first of a
        service's ports. What doesn't answer within a second is asked again by several fresh connects side by side. What
        got through to another network is asked again, a few times at most, where the engine created or removed networks
        meanwhile: its isolation is away for a moment then. Raises DefinitionError for what is no target or no port.
        """
        name = name_of(target)
        port = _port(target, port)
        try:
            if is_address(name):
                return self._settled([name], port)
            return self._led(self._looked_up(name), port, None if isinstance(target, str) else target.container)
        except EngineError as error:
            return Verdict(VerdictKind.INCONCLUSIVE, None, port, 1, str(error))

    def _led(self, found: Resolution, port: int, target: "Container | None") -> Verdict:
        """Go where a name leads."""
        if found.failure is not None:
            return Verdict(found.failure, None, port, 1, found.words)
        if not found.addresses:
            return Verdict(VerdictKind.UNRESOLVED, None, port, 1, found.words)
        stranger = self.misled(found, target)
        if stranger:
            return Verdict(VerdictKind.MISRESOLVED, found.addresses[0], port, 1, stranger)
        if target is not None:  # whose addresses are on a network that the probe is on
            return self._connect(found.addresses, port)
        return self._settled(found.addresses, port)

    def _settled(self, addresses: Sequence[str], port: int) -> Verdict:
        """Ask addresses, and again where they may have been reached only because isolation was away for a moment."""
        engine = self.container.engine
        verdict, trusted = undisturbed(lambda: self._connect(addresses, port), engine, suspect=self._came_from_afar)
        return verdict if trusted else replace(verdict, evidence=f"{verdict.evidence}; {DISTURBED}")

    def _came_from_afar(self, verdict: Verdict) -> bool:
        """Tell whether something got through from an address that none of the networks has that the probe is on."""
        if not verdict.arrived or verdict.address is None or ipaddress.ip_address(verdict.address).is_loopback:
            return False
        return verdict.address not in self._neighbours()

    def _connect(self, addresses: Sequence[str], port: int) -> Verdict:
        """Ask a target's addresses side by side, as applications do; the first that connects counts."""
        glances = self.knock([Knock(address, port, 1, _GLANCE) for address in addresses])
        told = [verdict for verdict in glances if verdict.kind is VerdictKind.CONNECTED]
        if not told and any(verdict.kind is VerdictKind.DROPPED for verdict in glances):
            glances = self.knock([Knock(address, port) for address in addresses])
            told = [verdict for verdict in glances if verdict.arrived and verdict.kind is VerdictKind.CONNECTED]
        return [*told, *glances][0]

    def misled(self, found: Resolution, target: "Container | None") -> str:
        """Say whom a name leads to if not to the target alone; nothing where all is well.

        Without a target, which is what a name alone is, only several containers that answer to it are wrong.
        """
        if target is None:
            owners = self._neighbours()
            named = {owners[address] for address in found.addresses if address in owners}
            several = f"{found.name} leads to several containers: {', '.join(sorted(named))}"
            return several if len(named) > 1 else ""
        expected = self._shared_addresses(target)
        if set(found.addresses) <= set(expected):
            return ""
        has = ", ".join(expected) if expected else "no address on a network of the probe's"
        return f"{found.name} resolves to {', '.join(found.addresses)}, and the container has {has}"

    def _neighbours(self) -> dict[str, str]:
        """Return the names of the containers on the networks that it is on, by their addresses."""
        engine = self.container.engine
        networks = [attachment.network for attachment in self.subject.attachments if attachment.addresses]
        return {address: name for network in networks for address, name in engine.attached(network).items()}

    def _shared_addresses(self, target: "Container") -> list[str]:
        """Return the target's addresses on the networks that the probe is on too."""
        here = {attachment.network for attachment in self.subject.attachments}
        return [address for there in target.attachments if there.network in here for address in there.addresses]

    def listens(self, address: str, port: int) -> bool:
        """Tell whether something accepts connections there; ProbeError where that can't be told."""
        verdict = self._connect([address], port)
        if verdict.kind is VerdictKind.INCONCLUSIVE:
            raise ProbeError(
                f"{self.place}: whether {address} accepts on port {port} can't be told; the probe saw "
                f"{verdict.evidence!r}. Remedy: see that the probe image has sh and nc."
            )
        return verdict.kind is VerdictKind.CONNECTED

    def http(self, url: str, *, timeout: float = 5.0) -> HttpAnswer:
        """GET a URL and return `status`, `headers` and `text`.

        `timeout` is in seconds. Raises ProbeError where no complete answer comes, DefinitionError for a URL that can't
        be asked. What breaks off at once is asked again, once.
        """
        return self.beginning(url, timeout=timeout, most=None)

    def beginning(self, url: str, *, timeout: float, most: int | None) -> HttpAnswer:
        """GET a URL as `http` does; of an answer of more than `most` bytes the beginning is enough."""
        refuse_no_seconds(timeout)
        parts, host = _taken_apart(url)
        addresses = [host] if is_address(host) else self.resolve(host)
        if not addresses:
            raise ProbeError(f"{self.place}: {url} can't be asked: the name {host!r} doesn't resolve.")
        path = (parts.path if parts.path else "/") + (f"?{parts.query}" if parts.query else "")
        port = parts.port if parts.port is not None else 80
        within = max(1, round(timeout))
        argv = ["sh", "-c", _HTTP, "sh", addresses[0], str(port), path, parts.netloc, str(within)]

        def ask() -> HttpAnswer | str:
            try:
                heard = self.container.exec_bytes(argv, timeout=timeout + _MARGIN, most=most)
                return read_answer(*heard, most=most)
            except Incomplete as reason:
                return f"the answer didn't end within {within} s: {reason}" if heard[0] in _OUT_OF_TIME else str(reason)
            except TimeoutError:
                return f"nothing more came within {timeout + _MARGIN:g} s."

        answer = _asked_again(ask, lambda answer: isinstance(answer, str))
        if isinstance(answer, str):
            raise ProbeError(f"{self.place}: GET {url}: {answer}")
        return answer

    # many questions at once

    def put(self, names: Sequence[str], knocks: Sequence[Knock]) -> tuple[list[Resolution], list[Verdict]]:
        """Ask for names and connections side by side.

        Nothing is raised: what can't be answered is a failure or inconclusive, with what there was instead.
        """
        resolver, trouble = self._resolver() if names else (Resolver(), "")
        candidates = [[] if trouble else resolver.candidates(name) for name in names]
        lookups = [("nslookup", candidate) for each in candidates for candidate in each]
        tries = [knock.question for knock in knocks for _ in range(knock.tries)]
        longest = max([float(knock.seconds) for knock in knocks] + [_LOOKUP_SECONDS for _ in lookups[:1]], default=0.0)
        answers = iter(self._shell.ask([*lookups, *tries], within=longest + _MARGIN) if lookups or tries else [])
        found = [
            verdicts.read_lookup(name, resolver, [next(answers) for _ in each])
            if not trouble
            else Resolution(name, (), VerdictKind.INCONCLUSIVE, trouble)
            for name, each in zip(names, candidates, strict=True)
        ]
        said = [
            verdicts.of_attempts(knock.address, knock.port, [next(answers) for _ in range(knock.tries)])
            for knock in knocks
        ]
        return found, [self._told_apart(verdict, knock) for verdict, knock in zip(said, knocks, strict=True)]

    def knock(self, knocks: Sequence[Knock]) -> list[Verdict]:
        """Ask for connections alone."""
        return self.put([], knocks)[1]

    def _resolver(self) -> tuple[Resolver, str]:
        (answer,) = self._shell.ask([("settings",)], within=_MARGIN)
        resolver = verdicts.read_resolver(answer)
        return (resolver, "") if resolver is not None else (Resolver(), _shown_settings(answer))

    def _told_apart(self, verdict: Verdict, knock: Knock) -> Verdict:
        """Ask a refusal again, one try at a time, to tell a reset from an ICMP error; see whether IPv6 is there."""
        if verdicts.needs_interfaces(verdict):
            (interfaces,) = self._shell.ask([("interfaces",)], within=_MARGIN)
            return verdicts.after_interfaces(verdict, interfaces)
        if all(attempt.kind is not VerdictKind.REFUSED for attempt in verdict.attempts):
            return verdict
        counted: list[Answer] = []
        for _ in range(_TRIES):
            counted += self._shell.ask([("recount", *knock.question[1:])], within=knock.seconds + _MARGIN)
            if "Connection refused" in counted[-1].words and verdicts.after_recount(verdict, counted) == verdict:
                break
        return verdicts.after_recount(verdict, counted)


def _shown_settings(answer: Answer) -> str:
    return f"its resolv.conf and hosts file can't be read: {answer.words}"


def _asked_again(ask: Callable[[], T], failed: Callable[[T], bool]) -> T:
    """Return what comes of a question, or of asking it once more where it failed at once."""
    began = time.monotonic()
    answer = ask()
    return ask() if failed(answer) and time.monotonic() - began < _AT_ONCE else answer


def _taken_apart(url: str) -> tuple[SplitResult, str]:
    """Return a URL's parts, and the host in it."""
    shown = re.sub(r"//[^/]*@", "//…@", str(url))  # no password in a message
    try:
        parts = urlsplit(str(url))
        host = parts.hostname
        port = parts.port
    except ValueError as error:
        raise DefinitionError(f"The URL {shown!r} can't be read: {error}. Remedy: mend it.") from error
    if parts.scheme != "http" or host is None:
        raise ProbeError(f"The probe asks http:// URLs only, not {shown!r}.")
    if "@" in parts.netloc:
        raise DefinitionError(f"The URL {shown!r} has a user, and the probe sends none. Remedy: leave that out.")
    refuse_no_target(host, what="host")
    if port is not None:
        refuse_no_port(port)
    return parts, host


def refuse_no_seconds(timeout: object) -> None:
    """Raise DefinitionError for what is no time to wait."""
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not number or not 0 <= timeout < float("inf"):  # type: ignore[operator] # a number by then
        raise DefinitionError(f"timeout={timeout!r}. Remedy: give seconds as a number, such as 5.")


def name_of(target: "Target | str") -> str:
    """Return by what a target is asked for: a service's alias, or the name or address itself.

    Raises DefinitionError for what is no target.
    """
    name: object = getattr(target, "alias", target)
    refuse_no_target(name)
    return str(name)


def _port(target: "Target | str", port: int | None) -> int:
    if port is not None:
        refuse_no_port(port)
        return port
    if isinstance(target, str) or not target.__foodtrucks__.container_ports:
        raise ProbeError(f"Which port of {target} is to be asked? Remedy: give port=.")
    return target.__foodtrucks__.container_ports[0]
