"""The agent: asks questions inside a network namespace, and answers with what the kernel said.

It is sent to a container's Python on standard input, and needs nothing but Python 3.9 or later. A question is a line of
JSON on standard input, an answer a line on standard output: `{"v": 1, "id": …, "ask": …}` is answered by `{"v": 1,
"id": …, "answer": …}`, or by `trouble` in place of `answer`. Questions are answered side by side. All times are in
seconds. It ends when its input does.
"""

from __future__ import annotations

import array
import base64
import errno
import json
import os
import re
import resource
import select
import socket
import struct
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

VERSION = 1

# What Python's socket module has no names for: linux/in.h, in6.h, socket.h, if_packet.h, if_ether.h, net/tcp_states.h.
IP_RECVERR, IPV6_RECVERR, MSG_ERRQUEUE = 11, 25, 0x2000
TCP_SYN_SENT, TCP_CLOSE, TCP_INFO_SEGMENTS = 2, 7, 136
SO_ATTACH_FILTER, SOL_PACKET, PACKET_STATISTICS, PACKET_OUTGOING, ETH_P_ALL = 26, 263, 6, 4, 3

SPARE_FILES = 64
MOST_PACKETS = 200_000


def main() -> None:
    """Answer until the input ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # each connection is an open file
    for line in sys.stdin.buffer:
        begin(line)
    os._exit(0)  # whatever threads still ask


def begin(line: bytes) -> None:
    """Begin to answer one question."""
    try:
        threading.Thread(target=answer, args=(line,), daemon=True).start()
    except RuntimeError as error:  # there may be no more threads
        message = json.loads(line)
        say(written({"v": message["v"], "id": message["id"], "trouble": shown(error)}))


def answer(line: bytes) -> None:
    """Answer one question."""
    message = json.loads(line)
    reply = {"v": message.pop("v"), "id": message.pop("id")}
    try:
        data = written({**reply, "answer": QUESTIONS[message.pop("ask")](**message)})
    except Exception as error:  # noqa: BLE001 - whatever it was, the one who asked must hear of it
        data = written({**reply, "trouble": shown(error)})
    say(data)


def written(reply: dict[str, Any]) -> bytes:
    """Return a reply as a line."""
    return json.dumps(reply).encode() + b"\n"


def shown(error: BaseException) -> str:
    """Return how a trouble shows an error."""
    return f"{type(error).__name__}: {error}"


SAYING = threading.Lock()


def say(data: bytes) -> None:
    """Write a whole line."""
    with SAYING:
        while data:
            data = data[os.write(1, data) :]


def readable(waiting: socket.socket, seconds: float) -> bool:
    """Wait until a socket has something to read; select() takes no descriptor above 1023."""
    poll = select.poll()
    poll.register(waiting, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))


def read(path: str) -> str:
    """Return a file's text; nothing where there is none that may be read, as for the C library (its res_init.c).

    Raises OSError for all else: a list of sockets that couldn't be read must not be an empty one.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # pathlib takes 20 ms to import
            return file.read()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return ""


def hello() -> dict[str, Any]:
    """Say who is there."""
    return {"python": ".".join(map(str, sys.version_info[:3])), "kernel": os.uname().release}


# connections


class Try:
    """One try of a connection or of a datagram, from its start to its outcome."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.udp = asked["protocol"] == "udp"
        self.outcome = no_outcome()
        self.began = time.monotonic()
        self.again = self.ends = self.began + asked["wait"]
        six = ":" in asked["address"]
        self.socket = socket.socket(
            socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM if self.udp else socket.SOCK_STREAM
        )
        self.socket.settimeout(0)
        level, option = (socket.IPPROTO_IPV6, IPV6_RECVERR) if six else (socket.IPPROTO_IP, IP_RECVERR)
        self.socket.setsockopt(level, option, 1)

    def start(self) -> bool:
        """Send the first packet; tell whether that is over already."""
        code = self.socket.connect_ex((self.asked["address"], self.asked["port"]))
        if code not in (0, errno.EINPROGRESS):
            return self.end(code)
        self.outcome["local"] = list(self.socket.getsockname()[:2])
        return self.send() if self.udp else False

    def send(self) -> bool:
        """Send the datagram, and again a second later if nothing has come by then."""
        self.again = time.monotonic() + 1
        try:
            self.socket.send(self.asked["text"].encode())
        except OSError as error:
            return self.end(error.errno)
        return False

    def look(self) -> bool:
        """See what became of it; tell whether it is over."""
        if not self.udp:
            return self.look_by_tcp()
        try:
            self.socket.recv(65536)
        except BlockingIOError:
            return False
        except OSError as error:
            return self.end(error.errno)
        return self.end(0)

    def look_by_tcp(self) -> bool:
        """See what became of a connection.

        The kernel wakes who waits when an ICMP error has come, and only then sets the error's number (tcp_v4_err).
        """
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        state = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        return False if code == 0 and state in (TCP_SYN_SENT, TCP_CLOSE) else self.end(code)

    def end(self, code: int | None) -> bool:
        """Write down the outcome: 0 for a connection or a reply, an error number, or None for silence."""
        if code == errno.EADDRNOTAVAIL and ":" in self.asked["address"] and not has_ipv6():
            code = errno.ENETUNREACH
        if code == 0 and self.is_itself():
            code = errno.ECONNREFUSED
        self.outcome["connected"] = code == 0
        self.outcome["error"] = errno.errorcode.get(code, str(code)) if code else None
        self.outcome["icmp"] = icmp_error(self.socket) if code else None
        self.outcome["segments"] = None if self.udp else segments(self.socket)
        self.outcome["seconds"] = round(time.monotonic() - self.began, 6)
        self.socket.close()
        return True

    def is_itself(self) -> bool:
        """Tell whether the socket reached itself: on one host the kernel may choose the target's port for its own."""
        try:
            return bool(self.socket.getsockname() == self.socket.getpeername())
        except OSError:  # the other end has closed it since
            return False


def no_outcome() -> dict[str, Any]:
    """Return what is known of a try that hasn't begun."""
    return {"connected": False, "error": None, "icmp": None, "local": None, "segments": None, "seconds": 0.0}


def segments(asking: socket.socket) -> list[int] | None:
    """Return how many TCP segments a socket sent, and how many came to it; None where the kernel doesn't count them.

    A reset is a segment, an ICMP error isn't: so they are told apart on kernels before 5.8 too, which don't show the
    ICMP error of a connection (it came with commit 45af29ca761c). The counters came with 4.2 (commit 2efd055c53c0;
    tcp_segs_in, __tcp_transmit_skb). Where they are 0 for a connection that was tried, it isn't Linux that counts.
    """
    told = asking.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return list(struct.unpack_from("=II", told, TCP_INFO_SEGMENTS)) if len(told) >= TCP_INFO_SEGMENTS + 8 else None


def icmp_error(asking: socket.socket) -> dict[str, Any] | None:
    """Return the ICMP error that a socket met, with its sender (ip(7), IP_RECVERR); None where there was none."""
    try:
        _, extras, _, _ = asking.recvmsg(512, 512, MSG_ERRQUEUE)
    except OSError:  # there is none, or the kernel has no such queue; `segments` tells then
        return None
    for _, _, data in extras:
        _, origin, kind, code = struct.unpack_from("=IBBB", data)
        if origin == 2:  # SO_EE_ORIGIN_ICMP; its sender is a sockaddr behind 16 bytes
            return {"version": 4, "type": kind, "code": code, "from": socket.inet_ntop(socket.AF_INET, data[20:24])}
        if origin == 3:  # SO_EE_ORIGIN_ICMP6
            return {"version": 6, "type": kind, "code": code, "from": socket.inet_ntop(socket.AF_INET6, data[24:40])}
    return None


def has_ipv6() -> bool:
    """Tell whether there is an IPv6 address beside loopback's."""
    return any(not line.endswith(" lo") for line in read("/proc/net/if_inet6").splitlines())


class Connections:
    """Connections that are tried side by side, each by several tries at once: those that can begin in so many seconds.

    There may be no room for others: each try is an open file until it is over.
    """

    def __init__(self, asked: list[dict[str, Any]], begin: float) -> None:
        self.ended: dict[str, list[dict[str, Any]]] = {each["key"]: [] for each in asked}
        self.due = [each for each in reversed(asked) for _ in range(each["tries"])]
        self.running: dict[int, Try] = {}
        self.poll = select.poll()
        self.most = max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES)
        self.last_begin = time.monotonic() + begin

    def ask(self) -> dict[str, list[dict[str, Any]]]:
        """Return the outcomes of each connection by its key; fewer than its tries, where not all could begin."""
        while self.running or self.may_begin():
            while self.may_begin() and len(self.running) < self.most and self.start(self.due[-1]):
                self.due.pop()
            for number, _ in self.poll.poll(self.pause()):
                if self.running[number].look():
                    self.over(number)
            self.expire()
        return self.ended

    def may_begin(self) -> bool:
        """Tell whether there is something that may begin yet."""
        return bool(self.due) and time.monotonic() < self.last_begin

    def start(self, asked: dict[str, Any]) -> bool:
        """Start a try; tell whether there was room for it."""
        try:
            each = Try(asked)
        except OSError as error:  # there is no IPv6, or no room for another open file
            no_room = error.errno in (errno.EMFILE, errno.ENFILE)
            if not no_room:
                word = errno.errorcode.get(error.errno or 0, str(error))
                self.ended[asked["key"]].append({**no_outcome(), "error": word})
            return not no_room
        if each.start():
            self.ended[asked["key"]].append(each.outcome)
        else:
            self.running[each.socket.fileno()] = each
            self.poll.register(each.socket, select.POLLIN if each.udp else select.POLLOUT)
        return True

    def pause(self) -> float:
        """Return for how long nothing is due, in milliseconds."""
        now = time.monotonic()
        moments = [min(each.ends, each.again) for each in self.running.values()]
        return max(0.0, min(moments, default=now + 0.02) - now) * 1000 + 1

    def over(self, number: int) -> None:
        """Put an ended try to the outcomes of its connection."""
        self.poll.unregister(number)
        each = self.running.pop(number)
        self.ended[each.asked["key"]].append(each.outcome)

    def expire(self) -> None:
        """End what is out of time, and send datagrams again that have no answer."""
        now = time.monotonic()
        for number, each in list(self.running.items()):
            out_of_time = now >= each.ends and each.end(None)
            if out_of_time or (each.udp and now >= each.again and each.send()):
                self.over(number)


def connect(connections: list[dict[str, Any]], begin: float) -> dict[str, Any]:
    """Try connections side by side; return the tries of each by its key, and how often own addresses changed.

    Each has key, protocol, address, port, text (a datagram's), tries (how many at once) and wait (for an answer).
    Tries for which there is no room within `begin` seconds aren't made, and are missing in the answer.
    """
    changes = AddressChanges()
    tries = Connections(connections, begin).ask()
    return {"tries": tries, "changes": changes.count()}


class AddressChanges:
    """Counts what changes of the namespace's addresses from now on (rtnetlink(7)); None where that isn't allowed."""

    NEW, GONE, LINK_GONE = 20, 21, 17
    GROUPS = 0x1 | 0x10 | 0x100  # links, addresses of IPv4 and of IPv6
    EVERYWHERE = 0  # a scope

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        try:
            self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            self.socket.bind((0, self.GROUPS))
        except OSError:  # it isn't allowed, or there is no room for another open file
            self.socket = None

    def count(self) -> int | None:
        """Return how many addresses came or went, and stop counting."""
        if self.socket is None:
            return None
        with self.socket:
            return sum(map(self.is_change, messages(self.socket)))

    def is_change(self, message: tuple[int, bytes]) -> bool:
        """Tell a change of an address from the rest; IPv6 addresses of one link alone come and go by themselves."""
        kind, body = message
        if kind == self.LINK_GONE:
            return True
        return kind in (self.NEW, self.GONE) and (body[0] == socket.AF_INET or body[3] == self.EVERYWHERE)


def messages(netlink: socket.socket) -> list[tuple[int, bytes]]:
    """Return kind and body of the messages that have come (netlink(7))."""
    found: list[tuple[int, bytes]] = []
    while True:
        try:
            data = netlink.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return found
        except OSError:  # more came than there was room for
            return [*found, (AddressChanges.LINK_GONE, b"")]
        while data:
            length, kind = struct.unpack_from("=IH", data)
            found.append((kind, data[16:length]))
            data = data[(length + 3) & ~3 :]


# who comes


VISITORS: dict[tuple[str, int], list[list[Any]]] = {}


def listen(protocol: str) -> dict[str, int]:
    """Listen on all addresses, and take whoever comes; return the port, the same each time."""
    with LISTENING:
        known = [port for each, port in VISITORS if each == protocol]
        return {"port": known[0] if known else begin_to_listen(protocol)}


LISTENING = threading.Lock()


def begin_to_listen(protocol: str) -> int:
    """Listen on a free port of all addresses, and return it."""
    six = socket.has_dualstack_ipv6()
    listening = socket.socket(
        socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    )
    if six:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listening.bind(("", 0))
    if protocol == "tcp":
        listening.listen(1024)
    port = listening.getsockname()[1]
    came = VISITORS[protocol, port] = []
    threading.Thread(target=receive, args=(listening, protocol, came), daemon=True).start()
    return int(port)


def receive(listening: socket.socket, protocol: str, came: list[list[Any]]) -> None:
    """Note who comes; send a datagram's text back."""
    while True:
        try:
            receive_one(listening, protocol, came)
        except OSError:  # noqa: PERF203 - a reply isn't allowed, or a visitor has gone: there may be others
            time.sleep(0.01)


def receive_one(listening: socket.socket, protocol: str, came: list[list[Any]]) -> None:
    """Note one visitor, before the reply, which may fail."""
    if protocol == "udp":
        data, peer = listening.recvfrom(65536)
    else:
        connection, peer = listening.accept()
        connection.close()
        data = b""
    came.append([peer[0].removeprefix("::ffff:"), peer[1], data[:200].decode("utf-8", "replace")])
    del came[:-10000]
    if protocol == "udp":
        listening.sendto(data, peer)


def visitors(protocol: str, port: int) -> list[list[Any]]:
    """Return who came to a port on which `listen` listens: address, port, and a datagram's text."""
    return VISITORS[protocol, port]


FIRST_PACKETS = (
    # A classic BPF program: operation, jump if true, if false, value. It takes UDP, and of TCP a SYN without ACK.
    (0x30, 0, 0, 0),
    (0x54, 0, 0, 0xF0),  # the version
    (0x15, 6, 0, 0x60),
    (0x30, 0, 0, 9),  # IPv4: the protocol
    (0x15, 10, 0, socket.IPPROTO_UDP),
    (0x15, 0, 10, socket.IPPROTO_TCP),
    (0xB1, 0, 0, 0),  # the header's length
    (0x50, 0, 0, 13),  # TCP's flags
    (0x05, 0, 0, 4),
    (0x30, 0, 0, 6),  # IPv6: the next header
    (0x15, 4, 0, socket.IPPROTO_UDP),
    (0x15, 0, 4, socket.IPPROTO_TCP),
    (0x30, 0, 0, 53),  # TCP's flags
    (0x54, 0, 0, 0x12),
    (0x15, 0, 1, 0x02),
    (0x06, 0, 0, 192),  # take so many bytes
    (0x06, 0, 0, 0),  # leave it
)


class Watch:
    """Notes what arrives in this namespace, before any firewall of its own, and what its listen queues refuse.

    Needs CAP_NET_RAW for the packets; without it only the counters are watched.
    """

    def __init__(self) -> None:
        self.before = counters()
        self.packets: list[list[Any]] = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.socket: socket.socket | None = None
        try:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        except OSError:  # it isn't allowed, or there is no room: `lost` tells that no packet was seen
            return
        program = array.array("B", b"".join(struct.pack("=HBBI", *line) for line in FIRST_PACKETS))
        pointer = struct.pack("HP", len(FIRST_PACKETS), program.buffer_info()[0])
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, pointer)
        while readable(self.socket, 0):  # what came before there was a filter
            self.socket.recv(1)
        self.thread.start()

    def read(self) -> None:
        """Read packets until it is stopped, and then what has come by that time."""
        assert self.socket is not None  # noqa: S101 - for the type checker
        while True:
            last = self.stopping.is_set()
            while readable(self.socket, 0 if last else 0.05):
                data, address = self.socket.recvfrom(256)
                if address[2] != PACKET_OUTGOING and len(self.packets) < MOST_PACKETS:
                    self.packets += first_packet(data)
            if last:
                return

    def stop(self) -> dict[str, Any]:
        """Return what was seen; `lost` is how many packets there was no room for, None where none could be seen."""
        lost = None
        if self.socket is not None:
            self.stopping.set()
            self.thread.join()
            lost = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
            lost += len(self.packets) >= MOST_PACKETS
            self.socket.close()
        return {"lost": lost, "packets": self.packets, "before": self.before, "after": counters()}


def first_packet(data: bytes) -> list[list[Any]]:
    """Return protocol, source, port, destination, port and a datagram's text, as a list of one."""
    try:
        if data[0] >> 4 == 6:  # IPv6
            family, ends, protocol, start = socket.AF_INET6, (data[8:24], data[24:40]), data[6], 40
        else:
            family, ends, protocol, start = socket.AF_INET, (data[12:16], data[16:20]), data[9], (data[0] & 15) * 4
        source, destination = (socket.inet_ntop(family, end) for end in ends)
        from_port, to_port = struct.unpack_from("!HH", data, start)
    except (IndexError, ValueError, struct.error):  # it is cut off
        return []
    if protocol == socket.IPPROTO_TCP:
        return [["tcp", source, from_port, destination, to_port, ""]]
    return [["udp", source, from_port, destination, to_port, data[start + 8 :].decode("latin-1")]]


def counters() -> dict[str, int]:
    """Return how often a listen queue was full, and how often a connection was dropped at it (see netstat -s)."""
    lines = [line.split() for line in read("/proc/net/netstat").splitlines() if line.startswith("TcpExt:")]
    named = dict(zip(lines[0], lines[1])) if len(lines) > 1 else {}  # strict= came with Python 3.10
    return {name: int(named.get(name, 0)) for name in ("ListenOverflows", "ListenDrops")}


WATCHES: dict[int, Watch] = {}


def watch() -> dict[str, int]:
    """Begin to watch what arrives; return the watch's number."""
    begun = Watch()
    WATCHES[id(begun)] = begun
    return {"watch": id(begun)}


def watched(watch: int) -> dict[str, Any]:
    """End a watch, and return what it saw."""
    return WATCHES.pop(watch).stop()


def listening() -> list[list[Any]]:
    """Return protocol, address and port of each socket that takes connections or datagrams (see proc(5))."""
    return [
        [protocol, socket.inet_ntop(family, address_of(words[1])), int(words[1].split(":")[1], 16)]
        for protocol, state in (("tcp", "0A"), ("udp", "07"))
        for suffix, family in (("", socket.AF_INET), ("6", socket.AF_INET6))
        for words in map(str.split, read(f"/proc/net/{protocol}{suffix}").splitlines()[1:])
        if words[3] == state
    ]


def address_of(text: str) -> bytes:
    """Return the bytes of an address as /proc has it: words of 32 bits in the machine's own order."""
    words = bytes.fromhex(text.split(":", maxsplit=1)[0])
    return b"".join(struct.pack("=I", *struct.unpack_from("!I", words, at)) for at in range(0, len(words), 4))


# names

NAMES_AT_ONCE = threading.Semaphore(4)
"""Name servers leave some of a burst unanswered: of 120 questions, 12 at once, 21 were; of 400, 40 at once, 136."""
NAME_WAITS = 0.05
"""Seconds after which the next name is asked for though the others have no answer yet: silence isn't waited for."""


def look_up(names: list[str], wait: float) -> dict[str, Any]:
    """Return for each name what an application gets, and what the name server says; `wait` seconds for each name."""
    looked_up = [LookUp(name, wait, in_turn=NAMES_AT_ONCE.acquire(timeout=NAME_WAITS)) for name in names]
    return {each.name: each.found() for each in looked_up}


class LookUp:
    """A name that is looked up in two ways: by the name server, and as applications do."""

    def __init__(self, name: str, wait: float, *, in_turn: bool) -> None:
        self.name = name
        self.in_turn = in_turn
        self.ends = time.monotonic() + wait
        self.hosts = [first for first, *others in host_lines() if same(name) in map(same, others)]
        self.queries: list[dict[str, Any]] = []
        self.application: dict[str, Any] = {"addresses": [], "error": "no answer"}
        self.failure: Exception | None = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        """Ask, and keep an error for who waits: without an answer it would look like a silent server."""
        try:
            self.ask()
        except Exception as error:  # noqa: BLE001 - raised by `found`
            self.failure = error
        finally:
            if self.in_turn:
                NAMES_AT_ONCE.release()

    def ask(self) -> None:
        """Ask the name server for each of the names that search domains make of it, until one is known."""
        for candidate in candidates(self.name, resolver()):
            both = [Query(candidate, kind, self.ends) for kind in KINDS]
            self.queries += [each.outcome for each in both]
            side_by_side([each.ask for each in both])
            if not all(each.absent() for each in both):
                break
        if self.hosts or not any(each["error"] for each in self.queries):
            self.as_application()  # which would wait long for a silent server

    def as_application(self) -> None:
        """Ask the C library, and again where it had no answer: each of its datagrams may have got lost."""
        self.application = from_library(self.name)
        if self.application["error"] == "EAI_AGAIN":
            self.application = from_library(self.name)

    def found(self) -> dict[str, Any]:
        """Return what is known when it is done, or out of time."""
        self.thread.join(max(0.0, self.ends - time.monotonic()))
        if self.failure is not None:
            raise self.failure
        return {"application": self.application, "hosts": self.hosts, "queries": self.queries}


def from_library(name: str) -> dict[str, Any]:
    """Ask the C library for a name: hosts file, search domains, name service switch."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:  # ValueError: it is no name
        code = getattr(error, "errno", None) or 0
        return {"addresses": [], "error": GAI_ERRORS.get(code, str(error))}
    return {"addresses": list(dict.fromkeys(each[4][0] for each in found)), "error": None}


def side_by_side(calls: list[Any]) -> None:
    """Call functions at the same time, and wait until all are done."""
    threads = [threading.Thread(target=call, daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


GAI_ERRORS = {getattr(socket, name): name for name in dir(socket) if name.startswith("EAI_")}


def same(name: str) -> str:
    """Return the form in which equal names are equal."""
    return name.lower().rstrip(".")


def host_lines() -> list[list[str]]:
    """Return the lines of the hosts file: address and names."""
    lines = (line.split("#")[0].split() for line in read("/etc/hosts").splitlines())
    return [words for words in lines if words]


def resolver() -> dict[str, Any]:
    """Return what resolv.conf says (resolv.conf(5))."""
    found: dict[str, Any] = {"servers": [], "search": [], "ndots": 1, "timeout": 5}
    for line in read("/etc/resolv.conf").splitlines():
        key, *values = re.split("[#;]", line)[0].split() or [""]
        if key == "nameserver":
            found["servers"] += values[:1]
        elif key in ("search", "domain"):
            found["search"] = values
        elif key == "options":
            numbers = (value.split(":") for value in values if re.fullmatch(r"(ndots|timeout):\d+", value))
            found.update((option, int(number)) for option, number in numbers)
    found["servers"] = found["servers"][:3] or ["127.0.0.1"]
    return found


def candidates(name: str, conf: dict[str, Any]) -> list[str]:
    """Return the absolute names that a look-up asks for, in their order."""
    if name.endswith("."):
        return [name]
    searched = [f"{name}.{domain.strip('.')}." for domain in conf["search"] if domain.strip(".")]
    return [f"{name}.", *searched] if name.count(".") >= conf["ndots"] else [*searched, f"{name}."]


KINDS = {"A": 1, "AAAA": 28}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
DNS_PORT = 53


class Query:
    """A question to the name servers for the addresses of one family, sent again until one of them answers."""

    def __init__(self, name: str, kind: str, ends: float) -> None:
        self.kind = kind
        self.ends = ends
        self.outcome: dict[str, Any] = {"name": name, "type": kind, "server": None, "rcode": None, "addresses": []}
        self.outcome.update(ttl=None, tcp=False, error="no answer")
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.strip(".").split("."))
        self.question = labels + b"\0" + struct.pack("!HH", KINDS[kind], 1)
        self.message = os.urandom(2) + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + self.question

    def absent(self) -> bool:
        """Tell whether the server said that there is no such address."""
        return self.outcome["rcode"] in ("NOERROR", "NXDOMAIN") and not self.outcome["addresses"]

    def ask(self) -> None:
        """Ask one server after the other, each for as long as resolv.conf has it, until one answers."""
        conf = resolver()
        for server in conf["servers"]:
            wait = min(max(1, conf["timeout"]), self.ends - time.monotonic())
            if wait <= 0:
                return
            try:
                if self.ask_server(server, wait):
                    return
            except OSError as error:
                self.outcome["error"] = errno.errorcode.get(error.errno or 0, str(error))

    def ask_server(self, server: str, wait: float) -> bool:
        """Ask one server; tell whether it answered."""
        self.outcome["server"] = server
        reply = self.by_udp(server, wait)
        self.outcome["tcp"] = reply is not None and bool(reply[2] & 2)  # the answer is truncated
        if self.outcome["tcp"]:
            reply = self.by_tcp(server, wait)
        if reply is not None:
            self.take(reply)
        return reply is not None

    def by_udp(self, server: str, wait: float) -> bytes | None:
        """Return the reply to this question, sent again each second; whatever else comes is none."""
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        ends = time.monotonic() + wait
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((server, DNS_PORT))
            while time.monotonic() < ends:
                asking.send(self.message)
                again = min(ends, time.monotonic() + 1)
                while readable(asking, again - time.monotonic()):
                    reply = asking.recv(65536)
                    if self.is_reply(reply):
                        return reply
        return None

    def by_tcp(self, server: str, wait: float) -> bytes | None:
        """Return the reply that was too long for a datagram."""
        with socket.create_connection((server, DNS_PORT), wait) as asking, asking.makefile("rb") as file:
            asking.sendall(struct.pack("!H", len(self.message)) + self.message)
            reply = file.read(int.from_bytes(file.read(2), "big"))
        return reply if self.is_reply(reply) else None

    def is_reply(self, reply: bytes) -> bool:
        """Tell whether a reply is the one to this question: by its id, and by the question that it repeats."""
        asked = reply[12 : 12 + len(self.question)].lower()
        return (
            reply[:2] == self.message[:2] and len(reply) > 12 and reply[2] >> 7 == 1 and asked == self.question.lower()
        )

    def take(self, reply: bytes) -> None:
        """Take the addresses from a reply, and the shortest time for which they may be kept."""
        try:
            records = list(self.records(reply))
        except (IndexError, ValueError, struct.error):
            self.outcome["error"] = "a reply that can't be read"
            return
        rcode = reply[3] & 15
        addresses = list(dict.fromkeys(address for address, _ in records))
        ttl = min((ttl for _, ttl in records), default=None)
        # At once: out of time, another thread reads it meanwhile.
        self.outcome.update(rcode=RCODES.get(rcode, str(rcode)), addresses=addresses, ttl=ttl, error=None)

    def records(self, reply: bytes) -> Iterator[tuple[str, int]]:
        """Yield address and time of each record of the kind that was asked for (RFC 1035, 4.1)."""
        at = 12 + len(self.question)
        for _ in range(int.from_bytes(reply[6:8], "big")):
            while 0 < reply[at] < 0xC0:
                at += reply[at] + 1
            at += 2 if reply[at] else 1
            kind, _, ttl, length = struct.unpack_from("!HHIH", reply, at)
            data = reply[at + 10 : at + 10 + length]
            at += 10 + length
            if len(data) != length:
                raise ValueError("the reply is cut off")
            if kind == KINDS[self.kind]:
                yield socket.inet_ntop(socket.AF_INET if self.kind == "A" else socket.AF_INET6, data), ttl


# HTTP


def http(**url: Any) -> dict[str, Any]:
    """GET a URL; see `Get`."""
    return Get(url).answer()


class Get:
    """A GET at the first of a URL's addresses that takes a connection. Redirects aren't followed.

    The URL has addresses, port, host, netloc, path, tls, ca, wait and most, and `authorization`, the header of that
    name, where one is to be sent: the certificate must be of the authority `ca`, if that is given, as PEM. Of a body of
    more than `most` bytes the beginning is enough. An answer that isn't complete within `wait` has a `trouble`.
    """

    def __init__(self, url: dict[str, Any]) -> None:
        self.url = url
        self.ends = time.monotonic() + url["wait"]
        self.said: dict[str, Any] = {"status": None, "headers": [], "body": "", "tls": None, "trouble": None}
        self.socket: Any = None
        self.late = False

    def answer(self) -> dict[str, Any]:
        """Return status, headers, body and certificate."""
        import http.client  # not every agent is asked for HTTP

        timer = threading.Timer(self.url["wait"], self.give_up)
        timer.daemon = True
        timer.start()
        try:
            self.open()
            client = http.client.HTTPConnection(self.url["host"], self.url["port"])
            client.sock = self.socket
            client.response_class = with_whole_head  # type: ignore[assignment]
            client.request("GET", self.url["path"], headers=self.headers())
            with client.getresponse() as response:
                self.take(response)
        except (OSError, http.client.HTTPException) as error:
            self.said["trouble"] = shown(error)
            self.late = self.late or isinstance(error, socket.timeout)
        finally:
            timer.cancel()
            if self.socket is not None:
                self.socket.close()
        if self.late:
            self.said["trouble"] = f"the answer didn't end within {self.url['wait']:g} s: {self.said['trouble']}"
        return self.said

    def headers(self) -> dict[str, str]:
        """Return what is sent before the body."""
        headers = {"Host": self.url["netloc"], "Connection": "close"}
        if "authorization" in self.url:
            headers["Authorization"] = self.url["authorization"]
        return headers

    def give_up(self) -> None:
        """Let whatever waits for the other end wait no longer."""
        self.late = True
        if self.socket is None:
            return  # it isn't connected yet, and that has a limit of its own
        try:
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)  # TLS' own shutdown would end under a reader
        except OSError:  # it isn't connected any more
            pass

    def open(self) -> None:
        """Connect to the first address that takes a connection; a silent one leaves the others their share of time."""
        trouble: OSError = OSError("no address")
        addresses = self.url["addresses"]
        for left, address in zip(range(len(addresses), 0, -1), addresses):
            try:
                wait = max(0.001, (self.ends - time.monotonic()) / left)
                self.socket = socket.create_connection((address, self.url["port"]), wait)
            except OSError as error:
                trouble = error
                continue
            self.socket.settimeout(max(0.001, self.ends - time.monotonic()))
            self.said["address"] = address
            return self.secure() if self.url["tls"] else None
        raise trouble

    def secure(self) -> None:
        """Begin TLS, and tell the certificate."""
        import ssl  # 20 ms

        ca = self.url["ca"]
        context = ssl.create_default_context(cadata=ca) if ca else ssl._create_unverified_context()  # noqa: S323, SLF001
        self.socket = context.wrap_socket(self.socket, server_hostname=self.url["host"], do_handshake_on_connect=False)
        self.socket.do_handshake()
        certificate = ssl.DER_cert_to_PEM_cert(self.socket.getpeercert(binary_form=True))
        self.said["tls"] = {"version": self.socket.version(), "certificate": certificate, "verified": bool(ca)}

    def take(self, response: Any) -> None:
        """Take an answer's status, headers and body; say what of them isn't as it should be."""
        self.said["status"] = response.status
        self.said["headers"] = [[name.lower(), value] for name, value in response.headers.items()]
        lengths = {part.strip() for each in response.headers.get_all("content-length", []) for part in each.split(",")}
        if not response.chunked and lengths and not re.fullmatch("[0-9]{1,18}", ", ".join(lengths)):
            words = ", ".join(sorted(lengths))[:50]
            self.said["trouble"] = f"the answer's Content-Length is {words!r}, which is no number of bytes."
            return
        length = response.length if response.chunked or not lengths or response.length == 0 else int(lengths.pop())
        most = self.url["most"]
        body, trouble = body_of(response, length, most)
        self.said["body"] = base64.b64encode(body).decode()
        broke_off = trouble is not None or (length is not None and len(body) < length)
        if broke_off and (most is None or len(body) < most):
            of = f" of {length}" if length is not None else ""
            self.said["trouble"] = f"the answer broke off after {len(body)}{of} bytes: {trouble or 'its end came'}"


def body_of(response: Any, length: int | None, most: int | None) -> tuple[bytes, str | None]:
    """Return an answer's body, of a long one the beginning, and what ended it before its end."""
    import http.client  # `answer` has imported it

    body = bytearray()
    try:
        while (most is None or len(body) < most) and (length is None or len(body) < length):
            more = response.read1(65536 if length is None else min(65536, length - len(body)))
            if not more:
                break
            body += more
    except (OSError, http.client.HTTPException) as error:
        return bytes(body), shown(error)
    return bytes(body), None


def with_whole_head(connection: Any, *values: Any, **named: Any) -> Any:
    """Return http.client's answer, whose head must end with an empty line: it takes a broken-off one for whole."""
    import http.client

    response = http.client.HTTPResponse(connection, *values, **named)
    response.fp = WholeLines(response.fp)  # type: ignore[assignment]
    return response


class WholeLines:
    """A file that raises where a line isn't whole."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def readline(self, most: int = -1) -> bytes:
        """Return a whole line, or `most` bytes of it."""
        line: bytes = self.file.readline(most)
        if not line.endswith(b"\n") and len(line) != most:
            raise ConnectionError("the answer broke off")
        return line


# the namespace itself


def about() -> dict[str, Any]:
    """Return the namespace's addresses, routes, neighbours and resolver, and the proxies of this environment."""
    return {
        "addresses": addresses(),
        "routes": [line.split() for line in read("/proc/net/route").splitlines()[1:]],
        "ipv6_routes": [line.split() for line in read("/proc/net/ipv6_route").splitlines()],
        "neighbours": [line.split() for line in read("/proc/net/arp").splitlines()[1:]],
        "resolver": resolver(),
        "proxies": {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")},
    }


def addresses() -> list[str]:
    """Return all addresses of the namespace, loopback's too."""
    four = re.findall(r"\|-- ([\d.]+)\n +/32 host LOCAL", read("/proc/net/fib_trie"))
    six = [
        socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line.split()[0]))
        for line in read("/proc/net/if_inet6").splitlines()
    ]
    return list(dict.fromkeys([*four, *six]))


QUESTIONS: dict[str, Any] = {
    "hello": hello,
    "connect": connect,
    "listen": listen,
    "visitors": visitors,
    "watch": watch,
    "watched": watched,
    "listening": listening,
    "look_up": look_up,
    "http": http,
    "about": about,
}

if __name__ == "__main__":
    main()
