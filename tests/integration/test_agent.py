"""The agent's program as it runs in containers: in network namespaces whose firewalls, routes and limits tests set."""

import base64
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

import name_server
from as_root import root
from bootstrap.images.debian_base import install_tools
from lab import IDLE, IDLE_COMMAND, PYTHON
from name_server import answer, to_json
from namespaces import Namespace, joined
from pytest_foodtrucks import Service, ready, service
from pytest_foodtrucks.probes.agent import client as client_module
from pytest_foodtrucks.probes.agent import link as link_module
from pytest_foodtrucks.probes.agent import program
from pytest_foodtrucks.probes.agent.client import Agent, Connection, IcmpError, NameFound, Outcome
from pytest_foodtrucks.probes.agent.link import Link, NoReply
from pytest_foodtrucks.probes.verdicts import verdict_of

SERVERS: Final = """
import socket, socketserver, ssl, sys, threading

class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        text, asked = self.request
        asked.sendto(text, self.client_address)

class Http(socketserver.BaseRequestHandler):
    def handle(self):
        asked, long = b"", b"x" * (1 << 20)
        while not asked.endswith(b"\\r\\n\\r\\n"):
            more = self.request.recv(1000)
            if not more:
                return
            asked += more
        if b"GET /long " in asked:
            self.request.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
            for _ in range(1000):
                self.request.sendall(long)
        else:
            self.request.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")

class Six(socketserver.ThreadingTCPServer):
    address_family, daemon_threads, allow_reuse_address = socket.AF_INET6, True, True
    handle_error = lambda *_: None

https = Six(("::", 8443), Http)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
https.socket = context.wrap_socket(https.socket, server_side=True)
echo, silent = socketserver.ThreadingUDPServer(("", 9000), Echo), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("", 9001))
full = socket.socket()
full.bind(("", 7001))
full.listen(0)
for server in (Six(("::", 8000), Http), https, echo):
    threading.Thread(target=server.serve_forever).start()
print("ready", flush=True)
"""
OPEN, TLS, ECHO, SILENT, FULL, CLOSED = 8000, 8443, 9000, 9001, 7001, 8001

NAMES: Final = {"es.test": answer("192.0.2.7", "2001:db8::7", ttl=60), "broken.test": name_server.SERVFAIL}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a server's key and certificate, which is its own authority, in one file."""
    folder = tmp_path_factory.mktemp("certificate")
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=es.test -addext subjectAltName=DNS:es.test"
    subprocess.run([*words.split(), "-keyout", folder / "key", "-out", folder / "pem"], check=True, capture_output=True)
    whole = folder / "whole"
    whole.write_text((folder / "key").read_text() + (folder / "pem").read_text())
    return whole


@pytest.fixture(scope="module")
def both(certificate: Path) -> Iterator[tuple[Namespace, Namespace]]:
    """Make two namespaces; in the second are servers, among them the name server of the first."""
    with joined() as (here, there):
        here.files(
            resolv_conf=f"nameserver {there.address}\noptions timeout:1\n",
            hosts="127.0.0.1 localhost\n192.0.2.9 host.test\n",
        )
        names = Path(name_server.__file__).read_text(encoding="utf-8")
        with there.serving(SERVERS, str(certificate)), there.serving(names, "--json", to_json(NAMES)):
            yield here, there


@pytest.fixture(scope="module")
def here(both: tuple[Namespace, Namespace]) -> Namespace:
    return both[0]


@pytest.fixture(scope="module")
def there(both: tuple[Namespace, Namespace]) -> Namespace:
    return both[1]


@pytest.fixture(scope="module")
def agent(here: Namespace) -> Iterator[Agent]:
    """Start an agent that many tests ask."""
    asked = here.agent()
    yield asked
    asked.close()


def tried(agent: Agent, address: str, port: int, protocol: str = "tcp", wait: float = 5.0) -> Outcome:
    """Try a connection once, and return the outcome."""
    connection = Connection(address, port, protocol, tries=1, wait=wait, text="hello")
    (outcome,) = agent.connect([connection])[0][connection]
    return outcome


def seen(outcome: Outcome) -> tuple[bool, str | None, tuple[int, ...] | None]:
    """Return what of an outcome is the same each time."""
    icmp = outcome.icmp
    return outcome.connected, outcome.error, None if icmp is None else (icmp.version, icmp.type, icmp.code)


# what the kernel says


@pytest.mark.parametrize(
    ("answer_of", "told"),
    [
        ("icmp-net-unreachable", ("ENETUNREACH", (4, 3, 0))),
        ("icmp-host-unreachable", ("EHOSTUNREACH", (4, 3, 1))),
        ("icmp-proto-unreachable", ("ENOPROTOOPT", (4, 3, 2))),
        ("icmp-port-unreachable", ("ECONNREFUSED", (4, 3, 3))),
        ("icmp-net-prohibited", ("ENETUNREACH", (4, 3, 9))),
        ("icmp-host-prohibited", ("EHOSTUNREACH", (4, 3, 10))),
        ("icmp-admin-prohibited", ("EHOSTUNREACH", (4, 3, 13))),
        ("icmp6-no-route", ("ENETUNREACH", (6, 1, 0))),
        ("icmp6-adm-prohibited", ("EACCES", (6, 1, 1))),
        ("icmp6-addr-unreachable", ("EHOSTUNREACH", (6, 1, 3))),
        ("icmp6-port-unreachable", ("ECONNREFUSED", (6, 1, 4))),
        ("icmp6-policy-fail", ("EACCES", (6, 1, 5))),
        ("icmp6-reject-route", ("EACCES", (6, 1, 6))),
    ],
)
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_an_icmp_error_is_told_with_its_sender(
    agent: Agent, there: Namespace, answer_of: str, told: tuple[str, tuple[int, int, int]], protocol: str
) -> None:
    error, icmp = told
    six = icmp[0] == 6
    address, port = there.address6 if six else there.address, OPEN if protocol == "tcp" else ECHO
    with there.firewall("INPUT", "-p", protocol, "-j", "REJECT", "--reject-with", answer_of, six=six):
        outcome = tried(agent, address, port, protocol)
    assert (outcome.connected, outcome.error, outcome.icmp) == (False, error, IcmpError(*icmp, address))


@pytest.mark.parametrize("six", [False, True])
def test_a_reset_by_a_firewall_has_no_icmp_error(agent: Agent, there: Namespace, *, six: bool) -> None:
    address = there.address6 if six else there.address
    with there.firewall("INPUT", "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset", six=six):
        assert seen(tried(agent, address, OPEN)) == (False, "ECONNREFUSED", None)
    assert seen(tried(agent, address, OPEN)) == (True, None, None)


def test_a_kernel_that_shows_no_icmp_error_of_a_connection_tells_it_from_a_reset(
    here: Namespace, there: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = b"IP_RECVERR, IPV6_RECVERR, MSG_ERRQUEUE = 11, 25, 0x2000"
    asked_for_nothing = numbers.replace(b"25", b"26")  # IPV6_V6ONLY: by IPv6 the kernel shows what it is asked for
    source = link_module.program_named("program.py").replace(numbers, asked_for_nothing)
    assert asked_for_nothing in source
    monkeypatch.setattr(link_module, "program_named", lambda _: source)
    agent, connection = here.agent(), Connection(there.address6, OPEN, tries=1)
    told = {}
    for answer_of in ("icmp6-port-unreachable", "icmp6-adm-prohibited", "tcp-reset"):
        with there.firewall("INPUT", "-p", "tcp", "-j", "REJECT", "--reject-with", answer_of, six=True):
            outcomes = agent.connect([connection])[0][connection]
        told[answer_of] = (outcomes[0].error, outcomes[0].icmp, verdict_of(connection, outcomes).kind)
    agent.close()
    assert told == {
        "icmp6-port-unreachable": ("ECONNREFUSED", None, "unreachable"),
        "icmp6-adm-prohibited": ("EACCES", None, "unreachable"),
        "tcp-reset": ("ECONNREFUSED", None, "refused"),
    }


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_what_the_targets_firewall_drops_is_silence(
    agent: Agent, there: Namespace, protocol: str, *, six: bool
) -> None:
    with there.firewall("INPUT", "-p", protocol, "-j", "DROP", six=six):
        address = there.address6 if six else there.address
        assert seen(tried(agent, address, OPEN, protocol, wait=0.5)) == (False, None, None)


def test_of_many_tries_that_are_rejected_at_once_none_connects(agent: Agent, there: Namespace) -> None:
    connection = Connection(there.address, OPEN, tries=500)
    with there.firewall("INPUT", "-p", "tcp", "-j", "REJECT", "--reject-with", "icmp-admin-prohibited"):
        outcomes = agent.connect([connection])[0][connection]
    assert {outcome.connected for outcome in outcomes} == {False}


def test_more_silent_connections_than_there_may_be_open_files_have_an_answer_each(
    here: Namespace, there: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_MARGIN", 3.0)
    few_files = here.agent(before=("prlimit", f"--nofile={program.SPARE_FILES + 10}"))
    silent = [Connection(there.address, port, wait=1.0) for port in range(9100, 9130)]
    connections = [*silent, Connection(there.address, OPEN), Connection(there.address, CLOSED)]
    with there.firewall("INPUT", "-p", "tcp", "--dport", "9100:9129", "-j", "DROP"):
        outcomes = few_files.connect(connections)[0]
    few_files.close()
    told = [{(outcome.connected, outcome.error) for outcome in outcomes[each]} for each in connections]
    assert told == [*[{(False, None)}] * 30, {(True, None)}, {(False, "ECONNREFUSED")}]
    assert {len(outcomes[each]) for each in connections} == {3}


def test_what_the_sources_own_firewall_forbids_is_its_own_error(
    agent: Agent, here: Namespace, there: Namespace
) -> None:
    with here.firewall("OUTPUT", "-p", "udp", "--dport", str(ECHO), "-j", "DROP"):
        assert seen(tried(agent, there.address, ECHO, "udp")) == (False, "EPERM", None)


@pytest.mark.parametrize("kind", [("unreachable", "EHOSTUNREACH"), ("prohibit", "EACCES"), ("blackhole", "EINVAL")])
@pytest.mark.parametrize("address", ["198.51.100.7", "2001:db8:7::7"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_route_of_the_source_that_leads_nowhere_is_its_own_error(
    agent: Agent, here: Namespace, kind: tuple[str, str], address: str, protocol: str
) -> None:
    route, error = kind
    with here.route(route, address):
        assert seen(tried(agent, address, OPEN, protocol)) == (False, error, None)


@pytest.mark.parametrize("address", ["198.51.100.7", "2001:db8:7::7"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_no_route_is_no_network(agent: Agent, address: str, protocol: str) -> None:
    assert seen(tried(agent, address, OPEN, protocol)) == (False, "ENETUNREACH", None)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_for_an_address_that_nobody_has_the_source_itself_sends_the_icmp_error(
    agent: Agent, here: Namespace, protocol: str
) -> None:
    four = tried(agent, "192.0.2.200", OPEN, protocol, wait=20)
    six = tried(agent, "2001:db8::200", OPEN, protocol, wait=20)
    assert (four.connected, four.error, four.icmp) == (False, "EHOSTUNREACH", IcmpError(4, 3, 1, here.address))
    assert (six.connected, six.error, six.icmp) == (False, "EHOSTUNREACH", IcmpError(6, 1, 3, here.address6))


# who watches


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_watch_sees_a_packet_that_the_own_firewall_drops(
    agent: Agent, here: Namespace, there: Namespace, protocol: str, *, six: bool
) -> None:
    source, target = (each.address6 if six else each.address for each in (here, there))
    watching = there.agent()
    with there.firewall("INPUT", "-p", protocol, "-j", "DROP", six=six), watching.watching() as arrived:
        outcome = tried(agent, target, OPEN, protocol, wait=0.5)
        arrivals = arrived()
    watching.close()
    assert outcome.local is not None
    text = "hello" if protocol == "udp" else ""
    packets = [vars(packet) for packet in arrivals.packets if packet.port == OPEN]
    told = {"protocol": protocol, "source": source, "source_port": outcome.local[1]}
    assert packets == [{**told, "destination": target, "port": OPEN, "text": text}]
    assert arrivals.complete


def test_a_watch_does_not_see_a_packet_that_the_source_drops(agent: Agent, here: Namespace, there: Namespace) -> None:
    watching = there.agent()
    with here.firewall("OUTPUT", "-p", "tcp", "-j", "DROP"), watching.watching() as arrived:
        assert seen(tried(agent, there.address, OPEN, wait=0.5)) == (False, None, None)
        arrivals = arrived()
    watching.close()
    assert [packet for packet in arrivals.packets if packet.port == OPEN] == []
    assert arrivals.complete


def test_a_watch_counts_a_full_listen_queue(agent: Agent, there: Namespace) -> None:
    watching = there.agent()
    with watching.watching() as arrived:
        connection = Connection(there.address, FULL, tries=5, wait=0.5)
        outcomes = agent.connect([connection])[0][connection]
        arrivals = arrived()
    watching.close()
    assert (False, None, None) in map(seen, outcomes)
    assert arrivals.overflows > 0


NO_RAW: Final = ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw")


def test_without_raw_sockets_it_asks_and_does_not_claim_to_see_all(agent: Agent, there: Namespace) -> None:
    watching = there.agent(before=NO_RAW)
    assert seen(tried(watching, there.address, OPEN)) == (True, None, None)
    with watching.watching() as arrived:
        tried(agent, there.address, OPEN)
        arrivals = arrived()
    watching.close()
    assert (arrivals.packets, arrivals.complete) == ((), False)


# addresses that change


def changed_while(agent: Agent, target: str, here: Namespace, *change: str) -> bool:
    """Make a change again and again while a silent connection is tried; return whether the agent saw any."""
    over = threading.Event()

    def make() -> None:
        while not over.wait(0.1):
            here.exec("ip", "address", "replace", *change)
            here.exec("ip", "address", "delete", *change)

    making = threading.Thread(target=make)
    making.start()
    try:
        return agent.connect([Connection(target, OPEN, tries=1, wait=1.0)])[1]
    finally:
        over.set()
        making.join()


@pytest.mark.parametrize(
    ("address", "counts"), [("192.0.2.77/32", True), ("2001:db8::77/128", True), ("fe80::77/64", False)]
)
def test_addresses_that_come_and_go_meanwhile_are_told(
    agent: Agent, here: Namespace, there: Namespace, address: str, *, counts: bool
) -> None:
    with there.firewall("INPUT", "-p", "tcp", "-j", "DROP"):
        assert agent.connect([Connection(there.address, OPEN, tries=1, wait=0.3)])[1] is False
        assert changed_while(agent, there.address, here, address, "dev", "line") is counts


# agents in trouble


def test_a_stopped_agent_has_no_answer_and_is_replaced(here: Namespace) -> None:
    link = Link(here.starter())
    link.ask("about", within=20)
    stopped = here.streams[-1].process
    os.kill(stopped.pid, signal.SIGSTOP)
    with pytest.raises(NoReply, match="silent"):
        link.ask("about", within=0.5)
    assert link.ask("hello", within=20)["python"]
    stopped.kill()
    link.close()


def test_an_agent_that_is_killed_while_it_asks_has_no_answer_and_is_replaced(here: Namespace, there: Namespace) -> None:
    asked = here.agent()
    asked.about()
    process = here.streams[-1].process
    with there.firewall("INPUT", "-p", "tcp", "-j", "DROP"):
        killing = threading.Timer(0.5, process.kill)
        killing.start()
        with pytest.raises(NoReply, match="the agent ended"):
            tried(asked, there.address, OPEN, wait=60)
    assert seen(tried(asked, there.address, OPEN)) == (True, None, None)
    asked.close()


def test_an_agent_without_the_memory_for_an_answer_says_so_and_goes_on(here: Namespace, there: Namespace) -> None:
    asked = here.agent(before=("prlimit", f"--as={400 << 20}"))
    with pytest.raises(NoReply, match="MemoryError"):
        asked.http(**url(there, "/long", most=None, wait=60))
    assert asked.http(**url(there)).status == 200
    asked.close()


def test_an_agent_ends_with_its_input(here: Namespace) -> None:
    asked = here.agent()
    asked.about()
    process = here.streams[-1].process
    asked.close()
    assert process.wait(20) == 0


ENDLESS: Final = """
import socket
server = socket.create_server(("", 7000))
print("ready", flush=True)
while True:
    connection, _ = server.accept()
    try:
        connection.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
        while True:
            connection.sendall(b"x" * 65536)
    except OSError:
        connection.close()
"""

endless = service(
    image=PYTHON, command=["python3", "-u", "-c", ENDLESS], ports=[7000], network="home", ready=ready.log("ready")
)
small = service(image=PYTHON, command=IDLE_COMMAND, mem_limit="64m", network="home")
bare = service(**IDLE, network="home")


def test_an_agent_that_the_kernel_kills_for_its_memory_has_no_answer_and_is_replaced(
    endless: Service, small: Service
) -> None:
    agent = Agent(small.container.opener())
    address = endless.container.ip
    with pytest.raises(NoReply, match=r"the agent ended|MemoryError"):
        agent.http(
            addresses=[address], port=7000, host="a", netloc="a", path="/", tls=False, ca=None, wait=60, most=None
        )
    assert seen(tried(agent, address, 7000)) == (True, None, None)
    assert small.container.status == "running"
    agent.close()


def test_in_an_image_without_python_no_agent_starts(bare: Service) -> None:
    with pytest.raises(NoReply, match=r"(?s)no agent starts there .*python3.*Remedy: give --foodtrucks-probe-image"):
        Agent(bare.container.opener()).about()


# each Python


def url(there: Namespace, path: str = "/", **values: Any) -> dict[str, Any]:
    told = {"addresses": [there.address], "port": OPEN, "host": "es.test", "netloc": "es.test", "path": path}
    return {**told, "tls": False, "ca": None, "wait": 20, "most": 1000, **values}


def names_of(found: NameFound) -> tuple[Any, ...]:
    """Return what of a name is the same each time."""
    queries = [(query.name, query.type, query.rcode, query.addresses, query.server) for query in found.queries]
    return sorted(found.addresses), found.error, found.hosts, queries


def query(name: str, rcode: str, server: str, four: Sequence[str] = (), six: Sequence[str] = ()) -> list[Any]:
    return [(name, "A", rcode, tuple(four), server), (name, "AAAA", rcode, tuple(six), server)]


@contextmanager
def rules(there: Namespace) -> Iterator[None]:
    """Let the target reject one port and drop another, by both families."""
    prohibited = ("-p", "tcp", "--dport", "4000", "-j", "REJECT", "--reject-with")
    dropped = ("INPUT", "-p", "tcp", "--dport", "5000", "-j", "DROP")
    with (
        there.firewall("INPUT", *prohibited, "icmp-admin-prohibited"),
        there.firewall("INPUT", *prohibited, "icmp6-adm-prohibited", six=True),
        there.firewall(*dropped),
        there.firewall(*dropped, six=True),
    ):
        yield


CONNECTIONS: Final = {
    (4, OPEN, "tcp"): (True, None, None),
    (4, CLOSED, "tcp"): (False, "ECONNREFUSED", None),
    (4, 4000, "tcp"): (False, "EHOSTUNREACH", (4, 3, 13)),
    (4, 5000, "tcp"): (False, None, None),
    (4, ECHO, "udp"): (True, None, None),
    (4, CLOSED, "udp"): (False, "ECONNREFUSED", (4, 3, 3)),
    (4, SILENT, "udp"): (False, None, None),
    (6, OPEN, "tcp"): (True, None, None),
    (6, CLOSED, "tcp"): (False, "ECONNREFUSED", None),
    (6, 4000, "tcp"): (False, "EACCES", (6, 1, 1)),
    (6, 5000, "tcp"): (False, None, None),
    (6, CLOSED, "udp"): (False, "ECONNREFUSED", (6, 1, 4)),
}


def check_connections(agent: Agent, there: Namespace) -> None:
    addresses = {4: there.address, 6: there.address6}
    asked = {
        key: Connection(addresses[key[0]], *key[1:], tries=2, wait=1.0, text="hello")  # two of each, side by side
        for key in CONNECTIONS
    }
    with rules(there):
        tries, changed = agent.connect(list(asked.values()))
    assert {key: list(map(seen, tries[each])) for key, each in asked.items()} == {
        key: [told] * 2 for key, told in CONNECTIONS.items()
    }
    assert changed is False


def check_names(agent: Agent, server: str) -> None:
    found = agent.look_up(["es.test", "ES.Test.", "no.test", "broken.test", "host.test"])
    four, six = ["192.0.2.7"], ["2001:db8::7"]
    assert {name: names_of(each) for name, each in found.items()} == {
        "es.test": ([*four, *six], None, (), query("es.test.", "NOERROR", server, four, six)),
        "ES.Test.": ([*four, *six], None, (), query("ES.Test.", "NOERROR", server, four, six)),
        "no.test": ([], "EAI_NONAME", (), query("no.test.", "NXDOMAIN", server)),
        "broken.test": ([], "EAI_AGAIN", (), query("broken.test.", "SERVFAIL", server)),
        "host.test": (["192.0.2.9"], None, ("192.0.2.9",), query("host.test.", "NXDOMAIN", server)),
    }


def check_http(agent: Agent, there: Namespace, certificate: Path) -> None:
    plain = agent.http(**url(there))
    assert (plain.status, base64.b64decode(plain.body), plain.trouble) == (200, b"ok", None)
    secure = agent.http(**url(there, port=TLS, tls=True, ca=certificate.read_text()))
    assert (secure.status, secure.trouble) == (200, None)
    assert secure.tls is not None
    assert secure.tls["verified"]
    other = agent.http(**url(there, port=TLS, tls=True, ca=certificate.read_text(), host="web.test"))
    assert "CERTIFICATE_VERIFY_FAILED" in (other.trouble or "")
    assert "ConnectionRefused" in (agent.http(**url(there, port=CLOSED)).trouble or "")


def check_arrivals(agent: Agent, here: Namespace, there: Namespace) -> None:
    port = agent.listen("tcp")
    assert port in {each for protocol, _, each in agent.listening() if protocol == "tcp"}
    assert {here.address, here.address6, "127.0.0.1"} <= set(agent.about()["addresses"])
    other = there.agent()
    with agent.watching() as arrived:
        assert seen(tried(other, here.address, port)) == (True, None, None)
        assert seen(tried(other, here.address6, port)) == (True, None, None)
        arrivals = arrived()
    other.close()
    assert {packet.source for packet in arrivals.packets if packet.port == port} == {there.address, there.address6}
    assert arrivals.complete


def check_all(agent: Agent, here: Namespace, there: Namespace, certificate: Path) -> None:
    check_connections(agent, there)
    check_names(agent, there.address)
    check_http(agent, there, certificate)
    check_arrivals(agent, here, there)
    agent.close()


def pythons() -> dict[str, str]:
    """Return the Pythons of this machine that the program is for, by their versions: those on the path, and pyenv's."""
    listed = [sys.executable, *(f"python3.{minor}" for minor in range(9, 20))]
    listed += map(str, sorted(Path.home().glob(".pyenv/versions/3.*/bin/python3")))
    found: dict[str, str] = {}
    for each in listed:
        command = [each, "-c", "import sys; print(*sys.version_info[:2], sys.executable)"]
        try:
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):  # there is none, or a stand-in that has none
            continue
        major, minor, path = told.split(maxsplit=2)
        if int(minor) >= 9:
            found.setdefault(f"{major}.{minor}", path.strip())
    return found


@pytest.mark.parametrize("python", (found := pythons()).values(), ids=found)
def test_each_python_of_this_machine_gives_the_same_answers(
    here: Namespace, there: Namespace, certificate: Path, python: str
) -> None:
    check_all(here.agent(python), here, there, certificate)


IN_FOLDER: Final = """
mkdir -p "$0/proc"
mount --bind /proc "$0/proc"
for file in hosts resolv.conf; do touch "$0/etc/$file"; mount --bind "/etc/$file" "$0/etc/$file"; done
exec chroot "$0" "$@"
"""
"""Runs a command in the folder that has a whole system, with the namespace's files in /etc."""


@pytest.fixture
def oldest(tmp_path: Path) -> Iterator[Path]:
    """Make a folder with the oldest Debian that has Python 3.9, from the distribution's packages."""
    install_tools()
    tar, folder = tmp_path / "debian.tar", tmp_path / "debian"
    made = ("mmdebstrap", "--mode=auto", "--variant=extract", "--include=python3", "--format=tar")
    root("unshare", "--mount", *made, "bullseye", str(tar))
    folder.mkdir()
    root("tar", "-C", str(folder), "--exclude=./dev/*", "-xf", str(tar))
    root("cp", "/etc/nsswitch.conf", str(folder / "etc/nsswitch.conf"))  # base-files makes it when it is set up
    yield folder
    root("rm", "-r", "--one-file-system", str(folder))


@pytest.mark.slow
def test_debian_11s_python_gives_the_same_answers(
    here: Namespace, there: Namespace, certificate: Path, oldest: Path
) -> None:
    agent = here.agent("python3", ("unshare", "--mount", "sh", "-ec", IN_FOLDER, str(oldest)))
    check_all(agent, here, there, certificate)
