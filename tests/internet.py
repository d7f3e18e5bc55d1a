"""A small internet in a network namespace of this machine, which notes what reaches it.

    with internet() as outside:
        ...  # a container connects to outside.address at port 443
        assert Arrival("tcp", outside.machine, outside.address, 443) in outside.arrived()

The machine gets routes to the internet's addresses, and nothing else of it is changed: no setting, no firewall rule.
An engine's own rules let its containers go out to it as to any other place. It has

- TCP 80 and 443: the same HTTP answer to whatever is said,
- UDP and TCP 53: a name server (tests/name_server.py),
- UDP 9999: sends back what it gets.

As a program this file is what runs in the namespace.
"""

import json
import os
import secrets
import selectors
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from filelock import FileLock, Timeout

from as_root import kill_in_namespace, root, sudo
from name_server import Names, NameServer, Question, answer, from_json, to_json

_PREFIX: Final = "foodtrucks-internet-"
_ADDRESSES: Final = ("192.0.2.10", "198.51.100.10", "203.0.113.10")
"""For documentation, RFC 5737; and for IPv6, RFC 3849."""
_ADDRESS6: Final = "2001:db8::10"
_MACHINE, _GATEWAY = "198.18.77.1", "198.18.77.2"
"""The two ends of the line; of the block for benchmarks, RFC 2544."""
_MACHINE6, _GATEWAY6 = "2001:db8:0:77::1", "2001:db8:0:77::2"
_DEVICE: Final = "machine"
"""The namespace's end of the line."""

TCP_PORTS: Final = (80, 443)
ECHO_PORT: Final = 9999
BODY: Final = b"You reached the internet.\n"
_HTTP: Final = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Arrival(NamedTuple):
    """What reached the internet; the packets are seen before any firewall.

    A DNS question arrives twice: as its packet, and as "dns" when the name server read it. Not noted: what belongs to
    a connection after its SYN, later fragments, and IPv6 packets with extension headers.
    """

    kind: str
    """"tcp" for a SYN, each try of it; "udp" for a datagram; "icmp" for an echo request; "dns" for a question."""
    source: str
    """The machine's address where it masquerades, as for containers by IPv4."""
    destination: str
    port: int
    """The destination's; 0 for "icmp"."""
    name: str = ""
    """The name that is asked for, and the type as "AAAA"; both for "dns" alone."""
    type: str = ""


@dataclass(frozen=True)
class Internet:
    """The running internet; get one by `internet()`."""

    addresses: tuple[str, ...]
    """Those of IPv4."""
    address6: str | None
    """None where this machine has no IPv6. The engine's default networks don't lead there."""
    machine: str
    """The source address of what the machine sends itself, or masquerades."""
    namespace: str
    _process: "subprocess.Popen[str]"
    _one_at_a_time: threading.Lock

    @property
    def address(self) -> str:
        """The first of the addresses."""
        return self.addresses[0]

    def arrived(self) -> list[Arrival]:
        """Return all that arrived until now; what was answered before the call is in it."""
        told = self._ask("arrived")
        if told["lost"]:
            raise RuntimeError(f"{told['lost']} packets came too fast to be noted.")
        return [Arrival(*words) for words in told["arrivals"]]

    def forget(self) -> None:
        """Forget what arrived until now."""
        self._ask("forget")

    def _ask(self, word: str) -> dict[str, Any]:
        if self._process.poll() is not None:
            raise RuntimeError(f"The process in the namespace {self.namespace} has ended.")
        requests, answers = _pipes(self._process)
        with self._one_at_a_time:
            print(word, file=requests, flush=True)
            told: dict[str, Any] = json.loads(answers.readline())
        return told


@contextmanager
def internet(names: Names | None = None) -> Iterator[Internet]:
    """Make the internet, and remove it at the end, with what an earlier one left that was ended by force.

    One at a time on a machine: a second process waits for the first. `names` are what its name server answers, by
    default the first address for every name. RuntimeError where something is missing here.
    """
    with ExitStack() as undo:
        undo.enter_context(_alone(seconds=300))
        for left in _namespaces():
            _remove(left)
        addresses = tuple(address for address in _ADDRESSES if not _is_near(address))
        address6 = _ADDRESS6 if _has_ipv6() and not _is_near(_ADDRESS6) else None
        namespace = f"{_PREFIX}{secrets.token_hex(4)}"
        undo.callback(_remove, namespace)
        _connect(namespace, addresses, address6)
        names = {"*": answer(*addresses[:1])} if names is None else names
        served = addresses if address6 is None else (*addresses, address6)
        process = undo.enter_context(_serving(namespace, served, names))
        yield Internet(addresses, address6, _MACHINE, namespace, process, threading.Lock())


_LOCK: Final = FileLock(Path(tempfile.gettempdir(), f"{_PREFIX}lock"), thread_local=False)


@contextmanager
def _alone(*, seconds: float) -> Iterator[None]:
    """Wait until nobody else on this machine has an internet, in a network namespace of its own either."""
    if _LOCK.is_locked:
        raise RuntimeError("This process has an internet already. Remedy: use that one, or end it first.")
    try:
        _LOCK.acquire(timeout=seconds)
    except Timeout as error:
        raise RuntimeError(f"Another process has had an internet here for {seconds:g} s.") from error
    try:
        yield
    finally:
        _LOCK.release()


def _is_near(address: str) -> bool:
    """Tell whether the machine's own networks have that address: it is left to them."""
    family = "-6" if ":" in address else "-4"
    routes = json.loads(root("ip", family, "-json", "route", "show", "match", address) or "[]")
    return any(route["dst"] != "default" for route in routes)


def _has_ipv6() -> bool:
    setting = Path("/proc/sys/net/ipv6/conf/all/disable_ipv6")
    return setting.exists() and setting.read_text() == "0\n"


def _namespaces() -> list[str]:
    names = [line.split()[0] for line in root("ip", "netns", "list").splitlines()]
    return [name for name in names if name.startswith(_PREFIX)]


def _line(namespace: str) -> str:
    """Return the name of the machine's end of the line; a device's name has 15 characters at most."""
    return f"fti-{namespace.removeprefix(_PREFIX)}"


def _remove(namespace: str) -> None:
    """Remove a namespace, whatever is there of it."""
    kill_in_namespace(namespace)
    root("ip", "link", "delete", _line(namespace), check=False)
    if namespace in _namespaces():
        root("ip", "netns", "delete", namespace)


def _connect(namespace: str, addresses: Sequence[str], address6: str | None) -> None:
    """Make the namespace with its addresses, the line to it, and the routes in both directions."""
    line, inside = _line(namespace), ("ip", "-n", namespace)
    root("ip", "netns", "add", namespace)
    root("ip", "link", "add", line, "type", "veth", "peer", "name", _DEVICE, "netns", namespace)
    root(*inside, "link", "set", "lo", "up")
    root(*inside, "link", "set", _DEVICE, "up")
    root("ip", "link", "set", line, "up")
    root("ip", "address", "add", f"{_MACHINE}/30", "dev", line)
    root(*inside, "address", "add", f"{_GATEWAY}/30", "dev", _DEVICE)
    root(*inside, "route", "add", "default", "via", _MACHINE)
    for address in addresses:
        root(*inside, "address", "add", address, "dev", "lo")
        root("ip", "route", "add", address, "via", _GATEWAY, "dev", line)
    if address6 is not None:
        _connect6(namespace, address6)


def _connect6(namespace: str, address: str) -> None:
    line, inside = _line(namespace), ("ip", "-n", namespace, "-6")
    root("ip", "-6", "address", "add", f"{_MACHINE6}/64", "dev", line, "nodad")
    root(*inside, "address", "add", f"{_GATEWAY6}/64", "dev", _DEVICE, "nodad")
    root(*inside, "address", "add", address, "dev", "lo")
    root(*inside, "route", "add", "default", "via", _MACHINE6)
    root("ip", "-6", "route", "add", address, "via", _GATEWAY6, "dev", line)


def _pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


@contextmanager
def _serving(namespace: str, addresses: Sequence[str], names: Names) -> Iterator["subprocess.Popen[str]"]:
    """Run this file in the namespace; it ends with its standard input, so also when this process is killed."""
    command = [*sudo(), "ip", "netns", "exec", namespace, sys.executable, "-B", __file__, to_json(names), *addresses]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        try:
            if _pipes(process)[1].readline() != "ready\n":
                raise RuntimeError(f"The process in the namespace {namespace} doesn't start; standard error says why.")
            yield process
        finally:
            _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    """End the process by the end of its input; by force where it is stopped or hangs."""
    _pipes(process)[0].close()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        root("kill", "-KILL", str(process.pid))


class _Arrivals:
    """What arrived, in the namespace's process: packets as the device got them, and questions."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrivals: list[Arrival] = []
        self._lost = 0
        self.packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self.packets.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 16 << 20)
        self.packets.bind((_DEVICE, _ETH_P_ALL))
        self.packets.setblocking(False)  # noqa: FBT003 - the standard library's

    def read(self) -> None:
        """Note the packets that wait in the socket."""
        with self._lock, suppress(BlockingIOError):  # none waits any more
            while True:
                packet, (_, protocol, kind, *_) = self.packets.recvfrom(128)
                arrival = _arrival(protocol, packet) if kind == socket.PACKET_HOST else None
                if arrival is not None:
                    self._arrivals.append(arrival)

    def note(self, destination: str, question: Question) -> None:
        """Note a question, after its packet."""
        self.read()
        with self._lock:
            self._arrivals.append(Arrival("dns", question.client, destination, 53, question.name, question.type))

    def told(self) -> str:
        """Return all of them and the number of packets that the socket had no room for."""
        self.read()
        with self._lock:
            statistics = self.packets.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
            self._lost += struct.unpack("=II", statistics)[1]  # the kernel counts from 0 after each call
            return json.dumps({"arrivals": self._arrivals, "lost": self._lost})

    def forget(self) -> None:
        self.told()
        with self._lock:
            self._arrivals.clear()
            self._lost = 0


_ETH_P_ALL: Final = 3
_SO_RCVBUFFORCE: Final = 33
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_PROTOCOLS: Final = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmp"}


def _arrival(protocol: int, packet: bytes) -> Arrival | None:
    """Read a packet, which begins with its IP header; None for what isn't noted."""
    if protocol == 0x0800 and not int.from_bytes(packet[6:8], "big") & 0x1FFF:
        header, number, source, destination = 4 * (packet[0] & 15), packet[9], packet[12:16], packet[16:20]
    elif protocol == 0x86DD:
        header, number, source, destination = 40, packet[6], packet[8:24], packet[24:40]
    else:
        return None
    kind, content = _PROTOCOLS.get(number, ""), packet[header:]
    if not _begins(kind, content):
        return None
    port = 0 if kind == "icmp" else int.from_bytes(content[2:4], "big")
    return Arrival(kind, str(ip_address(source)), str(ip_address(destination)), port)


def _begins(kind: str, content: bytes) -> bool:
    """Tell a SYN, a datagram and an echo request from all else."""
    if kind == "tcp":
        return content[13] & 0x12 == 0x02
    return kind == "udp" or (kind == "icmp" and content[0] in {8, 128})


class _HttpHandler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.settimeout(1)
        with suppress(OSError):  # the client says nothing, or has gone
            self.request.recv(65536)
        with suppress(OSError):
            self.request.sendall(_HTTP)


class _EchoHandler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        content, connection = self.request
        connection.sendto(content, self.client_address)


class _Http(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


class _Http6(_Http):
    address_family = socket.AF_INET6


class _Echo(socketserver.UDPServer):
    pass


class _Echo6(_Echo):
    address_family = socket.AF_INET6


def _serve_at(address: str, names: Names, arrivals: _Arrivals) -> None:
    """Serve at an address until the process ends; each has its own sockets, so that it is what an answer comes from."""
    http, echo = (_Http6, _Echo6) if ":" in address else (_Http, _Echo)
    servers = [*(http((address, port), _HttpHandler) for port in TCP_PORTS), echo((address, ECHO_PORT), _EchoHandler)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    NameServer(names, address=address, port=53, on_question=lambda asked: arrivals.note(address, asked)).__enter__()


def _run(names: Names, addresses: Sequence[str]) -> None:
    """Serve, and answer the words on the standard input, until that ends."""
    arrivals = _Arrivals()
    for address in addresses:
        _serve_at(address, names, arrivals)
    print("ready", flush=True)  # noqa: T201 - the other process waits for it
    with selectors.DefaultSelector() as selector:
        selector.register(arrivals.packets, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            arrivals.read()
            if sys.stdin in ready and not _answered(sys.stdin.readline().strip(), arrivals):
                return


def _answered(word: str, arrivals: _Arrivals) -> bool:
    """Answer a word; False at the end of the input."""
    if word == "forget":
        arrivals.forget()
    if word:
        print(arrivals.told(), flush=True)  # noqa: T201 - the other process reads it
    return bool(word)


if __name__ == "__main__":
    _run(from_json(sys.argv[1]), sys.argv[2:])
    os._exit(0)  # without waiting for the threads
