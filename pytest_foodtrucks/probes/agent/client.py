"""What an agent is asked, and its answers with types: one that isn't as it should be is no answer."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .link import Link, NoReply

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.execs import ExecStream

_MARGIN: Final = 6.0
"""Seconds that a busy machine may take to carry a question and its answer."""

_BEGIN_SECONDS: Final = 2.0
"""Within which an agent begins its tries; those for which it has no room then are asked for again."""

_LOOK_UP_SECONDS: Final = 12.0
"""For which name servers may be silent: resolv.conf's usual 5 s for each of two, and a little."""

_NAMES_IN_A_QUESTION: Final = 60
"""The agent asks for some at a time, and begins with each within 50 ms."""


@dataclass(frozen=True)
class Connection:
    """A connection, or a datagram, that is to be tried: how often at once, and for how many seconds each."""

    address: str
    port: int
    protocol: str = "tcp"
    tries: int = 3
    wait: float = 3.0
    text: str = ""
    """What a datagram says: no other datagram should say the same."""


@dataclass(frozen=True)
class IcmpError:
    """An ICMP error that came in answer to a packet."""

    version: int
    type: int
    code: int
    sender: str


@dataclass(frozen=True)
class Outcome:
    """What became of one try; without `error`, and not connected, it is silence."""

    connected: bool
    error: str | None
    icmp: IcmpError | None
    local: tuple[str, int] | None
    """From where it was sent: address and port."""
    seconds: float
    segments: tuple[int, int] | None
    """How many TCP segments were sent, and how many came; None where the source's kernel doesn't tell."""


@dataclass(frozen=True)
class Query:
    """A question to a name server, and its reply; without a reply `error` says why."""

    name: str
    type: str
    server: str | None
    rcode: str | None
    addresses: tuple[str, ...]
    ttl: int | None
    tcp: bool
    error: str | None


@dataclass(frozen=True)
class NameFound:
    """What an application gets for a name, what the hosts file has, and what the name server said."""

    addresses: tuple[str, ...]
    error: str | None
    hosts: tuple[str, ...]
    queries: tuple[Query, ...]


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection, or a datagram, that arrived."""

    protocol: str
    source: str
    source_port: int
    destination: str
    port: int
    text: str


@dataclass(frozen=True)
class Arrivals:
    """What arrived in a network namespace while it was watched."""

    packets: tuple[Packet, ...]
    complete: bool
    """Whether each packet was seen: not where raw sockets aren't allowed, or where there were too many."""
    overflows: int
    """How often a listen queue had no room for a connection."""


@dataclass(frozen=True)
class HttpReply:
    """An HTTP answer, or what there was instead: `trouble`."""

    status: int | None
    headers: tuple[tuple[str, str], ...]
    body: str
    """Base64."""
    tls: Mapping[str, Any] | None
    trouble: str | None


class Agent:
    """A program in a container that is asked there, and is started when it is first asked.

    Each method raises NoReply where there is no answer that can be read.
    """

    def __init__(self, start: "Callable[[Sequence[str]], ExecStream]") -> None:
        self._link = Link(start)
        self.close = self._link.close

    def connect(self, connections: Sequence[Connection]) -> tuple[dict[Connection, tuple[Outcome, ...]], bool]:
        """Try connections side by side; return their tries, and whether addresses of the source changed meanwhile.

        The agent makes as many tries at once as it may have files open; the others it is asked for again.
        """
        found: dict[Connection, tuple[Outcome, ...]] = dict.fromkeys(connections, ())
        changed = False
        while left := {each: each.tries - len(tries) for each, tries in found.items() if len(tries) < each.tries}:
            more, changed_now = self._connect(left)
            found.update({each: found[each] + tries for each, tries in more.items()})
            changed = changed or changed_now
        return found, changed

    def _connect(self, left: Mapping[Connection, int]) -> tuple[dict[Connection, tuple[Outcome, ...]], bool]:
        """Ask for so many tries of each connection; return those that were made, at least one."""
        within = max(each.wait for each in left) + _BEGIN_SECONDS + _MARGIN
        asked = [{**vars(each), "key": str(key), "tries": left[each]} for key, each in enumerate(left)]
        answer = self._link.ask("connect", within=within, connections=asked, begin=_BEGIN_SECONDS)
        with _reading(answer):
            tries = {each: tuple(map(_outcome, answer["tries"][str(key)])) for key, each in enumerate(left)}
            if any(len(outcomes) > left[each] for each, outcomes in tries.items()):
                raise ValueError("it has more tries than it was asked for")
            changed = bool(answer["changes"])
        if not any(tries.values()):
            raise NoReply("the agent makes no try: it may have no more files open")
        return tries, changed

    def look_up(self, names: Iterable[str]) -> dict[str, NameFound]:
        """Look names up side by side."""
        listed, found = list(dict.fromkeys(names)), {}
        for first in range(0, len(listed), _NAMES_IN_A_QUESTION):
            some = listed[first : first + _NAMES_IN_A_QUESTION]
            answer = self._link.ask("look_up", within=_LOOK_UP_SECONDS + _MARGIN, names=some, wait=_LOOK_UP_SECONDS)
            with _reading(answer):
                found.update({name: _name_found(answer[name]) for name in some})
        return found

    @contextmanager
    def watching(self) -> Iterator[Callable[[], Arrivals]]:
        """Watch what arrives in the namespace during a block; the function, called at its end, returns it."""
        watch = self._link.ask("watch", within=_MARGIN)
        yield lambda: _arrivals(self._link.ask("watched", within=_MARGIN, **watch))

    def listening(self) -> frozenset[tuple[str, str, int]]:
        """Return protocol, address and port of each socket in the namespace that takes connections or datagrams."""
        answer = self._link.ask("listening", within=_MARGIN)
        with _reading(answer):
            return frozenset((str(protocol), str(address), int(port)) for protocol, address, port in answer)

    def listen(self, protocol: str) -> int:
        """Listen on all addresses of the namespace until the agent ends; return the port."""
        answer = self._link.ask("listen", within=_MARGIN, protocol=protocol)
        with _reading(answer):
            return int(answer["port"])

    def http(self, **url: Any) -> HttpReply:
        """GET a URL: addresses, port, host, netloc, path, tls, ca, wait, most…; see the program's `Get`."""
        answer = self._link.ask("http", within=url["wait"] + _MARGIN, **url)
        with _reading(answer):
            headers = tuple((str(name), str(value)) for name, value in answer["headers"])
            return HttpReply(answer["status"], headers, answer["body"], answer["tls"], answer["trouble"])

    def about(self) -> Mapping[str, Any]:
        """Return the namespace's addresses, routes, neighbours and resolver, and the environment's proxies."""
        answer = self._link.ask("about", within=_MARGIN)
        with _reading(answer):
            return dict(answer)


@contextmanager
def _reading(answer: object) -> Iterator[None]:
    """Take what isn't as it should be for no answer."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise NoReply(f"the agent's answer can't be read ({error}): {answer!r:.300}") from error


def _outcome(told: Mapping[str, Any]) -> Outcome:
    icmp = (
        None if told["icmp"] is None else IcmpError(*(told["icmp"][key] for key in ("version", "type", "code", "from")))
    )
    local = None if told["local"] is None else (str(told["local"][0]), int(told["local"][1]))
    outcome = Outcome(
        told["connected"], told["error"], icmp, local, float(told["seconds"]), _segments(told["segments"])
    )
    if not isinstance(outcome.connected, bool) or (outcome.error is None and icmp is not None):
        raise ValueError("it contradicts itself")
    if not isinstance(outcome.error, str | None) or (outcome.connected and outcome.error is not None):
        raise ValueError("it contradicts itself")
    return outcome


def _segments(told: Sequence[Any] | None) -> tuple[int, int] | None:
    if told is None:
        return None
    sent, came = told
    _numbers(sent, came)
    return sent, came


def _name_found(told: Mapping[str, Any]) -> NameFound:
    queries = tuple(Query(**{**query, "addresses": _texts(query["addresses"])}) for query in told["queries"])
    application = told["application"]
    found = NameFound(_texts(application["addresses"]), application["error"], _texts(told["hosts"]), queries)
    if (found.addresses and found.error is not None) or any(
        (query.rcode is None) == (query.error is None) for query in queries
    ):
        raise ValueError("it contradicts itself")
    return found


def _texts(told: object) -> tuple[str, ...]:
    if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
        raise TypeError("it has no list of texts")
    return tuple(told)


def _arrivals(told: Any) -> Arrivals:
    with _reading(told):
        packets = tuple(map(_packet, told["packets"]))
        overflows = told["after"]["ListenOverflows"] - told["before"]["ListenOverflows"]
        return Arrivals(packets, told["lost"] == 0, overflows)


def _packet(told: Sequence[Any]) -> Packet:
    packet = Packet(*told)
    _texts([packet.protocol, packet.source, packet.destination, packet.text])
    _numbers(packet.source_port, packet.port)
    return packet


def _numbers(*told: object) -> None:
    if not all(isinstance(each, int) for each in told):
        raise TypeError("it has texts in place of numbers")
