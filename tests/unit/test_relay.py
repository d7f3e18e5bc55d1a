"""Both ends of a relay, one of them in a process of its own, with ports of this machine in place of a container's."""

import ast
import json
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from fakes.relay import ProcessStream, free_ports, relayed
from pytest_foodtrucks.engine.execs import ExecStream
from pytest_foodtrucks.errors import EngineError
from pytest_foodtrucks.probes.agent import forwarding as forwarding_module
from pytest_foodtrucks.probes.agent import relay
from pytest_foodtrucks.probes.agent.forwarding import Forwarding, forwarding
from pytest_foodtrucks.probes.agent.link import ARGV, NoReply

SOURCE = Path(relay.__file__).read_text(encoding="utf-8")
MEGABYTE = 1 << 20


def test_python_3_9_can_read_the_program() -> None:
    ast.parse(SOURCE, feature_version=(3, 9))


def test_it_imports_the_standard_library_alone() -> None:
    nodes = list(ast.walk(ast.parse(SOURCE)))
    imported = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


class Server:
    """A server of the test's on a port of its own: each connection is handled in a thread."""

    def __init__(self, handle: Callable[[socket.socket], object], address: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listening = socket.create_server((address, 0), family=family, backlog=200)
        self.port: int = self.listening.getsockname()[1]
        self._handle = handle
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                made, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(made,), daemon=True).start()

    def _one(self, made: socket.socket) -> None:
        with made, suppress(OSError):  # it was reset
            self._handle(made)

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()


def echo(made: socket.socket) -> None:
    while data := made.recv(65536):
        made.sendall(data)


def to_the_end(made: socket.socket) -> bytes:
    return b"".join(iter(lambda: made.recv(65536), b""))


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    """Start servers, and return the port of each."""
    with ExitStack() as undo:

        def start(handle: Callable[[socket.socket], object] = echo, address: str = "127.0.0.1") -> int:
            server = undo.enter_context(closing(Server(handle, address)))
            return server.port

        yield start


def connected(port: int, address: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((address, port), timeout=60)


def say_all(made: socket.socket, data: bytes) -> None:
    """Send data, and end that direction."""
    made.sendall(data)
    made.shutdown(socket.SHUT_WR)


def echoed(port: int, data: bytes) -> bytes:
    """Send data, end that direction, and return what came back."""
    with connected(port) as made:
        sending = threading.Thread(target=say_all, args=(made, data))
        sending.start()
        try:
            return to_the_end(made)
        finally:
            sending.join()


def test_ten_megabytes_come_back_as_they_went(serve: Callable[..., int]) -> None:
    data, (there,) = os.urandom(10 * MEGABYTE), free_ports(1)
    with relayed({there: serve()}):
        assert echoed(there, data) == data


def test_fifty_connections_at_once_have_each_its_own_bytes(serve: Callable[..., int]) -> None:
    (there,) = free_ports(1)
    texts = [os.urandom(300_000) for _ in range(50)]
    answers: dict[int, bytes] = {}
    with relayed({there: serve()}) as (found, _):
        threads = [
            threading.Thread(target=lambda number=number: answers.update({number: echoed(there, texts[number])}))
            for number in range(50)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (found.accepted[there], found.open) == (50, 0)
    assert [answers[number] == texts[number] for number in range(50)] == [True] * 50


def test_several_ports_lead_to_several_servers(serve: Callable[..., int]) -> None:
    one, two = free_ports(2)
    with relayed({one: serve(lambda made: made.sendall(b"one")), two: serve(lambda made: made.sendall(b"two"))}):
        assert (echoed(one, b""), echoed(two, b"")) == (b"one", b"two")


def test_the_end_of_one_direction_is_carried_and_the_other_goes_on(serve: Callable[..., int]) -> None:
    (there,) = free_ports(1)
    with relayed({there: serve(lambda made: made.sendall(to_the_end(made)[::-1]))}):
        assert echoed(there, b"abc") == b"cba"


def test_a_server_may_end_its_direction_first(serve: Callable[..., int]) -> None:
    (there,), heard = free_ports(1), Queue[bytes]()

    def speak_first(made: socket.socket) -> None:
        made.sendall(b"welcome")
        made.shutdown(socket.SHUT_WR)
        heard.put(to_the_end(made))

    with relayed({there: serve(speak_first)}), connected(there) as made:
        assert to_the_end(made) == b"welcome"
        made.sendall(b"thanks")
        made.shutdown(socket.SHUT_WR)
        assert heard.get(timeout=60) == b"thanks"


def test_a_reset_is_carried_from_either_end(serve: Callable[..., int]) -> None:
    (there,), ends = free_ports(1), Queue[str]()

    def wait(made: socket.socket) -> None:
        made.sendall(b"!")
        try:
            made.recv(1)
        except ConnectionResetError:
            ends.put("reset")
        else:
            ends.put("ended")

    with relayed({there: serve(wait)}), connected(there) as made:
        made.recv(1)
        reset(made)
        assert ends.get(timeout=60) == "reset"
    with relayed({there: serve(reset)}), pytest.raises(ConnectionResetError), connected(there) as made:
        made.recv(1)


def reset(made: socket.socket) -> None:
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    made.close()


@pytest.mark.parametrize("slow_end", ["server", "container"])
def test_a_slow_reader_fills_no_memory_and_holds_up_nobody(serve: Callable[..., int], slow_end: str) -> None:
    slow, quick = free_ports(2)
    data, servers, over = os.urandom(40 * MEGABYTE), Queue[socket.socket](), threading.Event()

    def hand_over(made: socket.socket) -> None:
        servers.put(made)
        over.wait(60)

    with relayed({slow: serve(hand_over), quick: serve()}) as (found, stream), connected(slow) as made:
        sender, reader = (made, servers.get()) if slow_end == "server" else (servers.get(), made)
        before = memory_of(stream.process.pid)
        sent = sent_without_reader(sender, data)
        assert sent < len(data)
        assert under_way(found) < 2 * MEGABYTE
        assert memory_of(stream.process.pid) - before < 8 * MEGABYTE
        assert echoed(quick, data[:MEGABYTE]) == data[:MEGABYTE]
        threading.Thread(target=say_all, args=(sender, data[sent:])).start()
        assert to_the_end(reader) == data
        over.set()


def sent_without_reader(made: socket.socket, data: bytes) -> int:
    """Send until nothing goes for a while, and return how many bytes went."""
    made.settimeout(1)
    sent = 0
    with suppress(TimeoutError):
        while sent < len(data):
            sent += made.send(data[sent : sent + 65536])
    made.settimeout(60)
    return sent


def under_way(found: Forwarding) -> int:
    """Return how many bytes this end keeps."""
    carried = found._relay  # noqa: SLF001 - nobody else needs to know
    return len(carried.out) + sum(len(each.arrived) for each in carried.connections.values())


def memory_of(process: int) -> int:
    """Return the bytes of memory that a process has."""
    words = Path(f"/proc/{process}/statm").read_text().split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_port_where_nothing_listens_resets_the_connection_and_is_told() -> None:
    there, closed = free_ports(2)
    told: list[Any] = []
    with relayed({there: closed}, lambda *words: told.append(words)) as (found, _):
        with pytest.raises(ConnectionResetError), connected(there) as made:
            made.recv(1)
        assert told == [(closed, "127.0.0.1", "Connection refused")]
        assert (found.accepted[there], found.refused[closed], found.open) == (1, 1, 0)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_server_is_reached_on_either_loopback(serve: Callable[..., int], address: str) -> None:
    (there,) = free_ports(1)
    with relayed({there: serve(address=address)}):
        assert echoed(there, b"abc") == b"abc"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_it_is_reached_by_either_version_of_ip(serve: Callable[..., int], address: str) -> None:
    (there,) = free_ports(1)
    with relayed({there: serve(lambda made: made.sendall(b"hello"))}), connected(there, address) as made:
        assert to_the_end(made) == b"hello"


def test_the_end_of_the_block_ends_all_connections(serve: Callable[..., int]) -> None:
    (there,), ends = free_ports(1), Queue[bytes]()
    with relayed({there: serve(lambda made: ends.put(to_the_end(made)))}) as (found, stream):
        made = connected(there)
        made.sendall(b"abc")
        while not found.open:
            pass
    with closing(made):
        assert made.recv(1) == b""
    assert ends.get(timeout=60) in {b"abc", b""}
    assert stream.process.returncode == 0
    assert found.trouble == ""
    with pytest.raises(ConnectionRefusedError):
        connected(there)


def test_what_a_server_has_answered_before_the_end_arrives(serve: Callable[..., int]) -> None:
    (there,), answered = free_ports(1), threading.Event()

    def answer(made: socket.socket) -> None:
        made.recv(1)
        made.sendall(b"x" * 50_000)
        answered.set()

    with relayed({there: serve(answer)}):
        made = connected(there)
        made.sendall(b"?")
        answered.wait(60)
    with closing(made):
        assert len(to_the_end(made)) == 50_000


def test_a_relay_that_dies_ends_the_connections_and_is_told(serve: Callable[..., int]) -> None:
    (there,), ends = free_ports(1), Queue[bytes]()

    def greet(made: socket.socket) -> None:
        made.sendall(b"!")
        ends.put(to_the_end(made))

    with relayed({there: serve(greet)}) as (found, stream), connected(there) as made:
        made.recv(1)
        stream.process.kill()
        assert ends.get(timeout=60) == b""
        found._thread.join(60)  # noqa: SLF001
    assert found.trouble == "it ended"


def test_where_this_process_may_open_no_socket_the_connection_is_reset_and_the_reason_told(
    serve: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (there,), told = free_ports(1), Queue[Any]()

    def no_socket(*_: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    with relayed({there: serve()}, lambda *words: told.put(words)), closing(socket.socket()) as made:
        monkeypatch.setattr(socket, "socket", no_socket)
        made.connect(("127.0.0.1", there))
        assert told.get(timeout=60)[2] == "[Errno 24] Too many open files"
        with pytest.raises(ConnectionResetError):
            made.recv(1)


def test_where_a_container_may_have_few_files_connections_wait_for_each_other(serve: Callable[..., int]) -> None:
    (there,), answers = free_ports(1), Queue[bytes]()
    limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (25, 25))"
    argv = (*ARGV[:-1], f"{limit}\n{ARGV[-1]}")
    with forwarding(lambda _: ProcessStream(argv), {there: serve()}, print) as found:
        threads = [
            threading.Thread(target=lambda: answers.put(echoed(there, b"x" * 200_000)), daemon=True) for _ in range(60)
        ]
        for thread in threads:
            thread.start()
        assert {answers.get(timeout=60) for _ in threads} == {b"x" * 200_000}
        assert found.accepted[there] == 60


class Stalled:
    """A stream that takes nothing until it is told to, and never says anything."""

    def __init__(self) -> None:
        self._ours, self.theirs = socket.socketpair()
        self.reading = self.writing = self._ours.fileno()
        self.stalls = True
        self.taken = bytearray()

    def read(self) -> bytes | None:
        return None

    def write(self, data: memoryview) -> int:
        if self.stalls:
            return 0
        self.taken += data
        return len(data)

    def close(self) -> None:
        self._ours.close()
        self.theirs.close()


def test_as_long_as_the_stream_takes_nothing_no_more_is_read_from_sockets() -> None:
    sent = 0
    with ExitStack() as undo:
        stream = undo.enter_context(closing(Stalled()))
        end = undo.enter_context(closing(relay.Relay(stream)))
        for number in range(20):
            ours, theirs = socket.socketpair()
            undo.enter_context(theirs)
            sent += filled(theirs)
            end.adopt(end.expect(number), ours)
        for _ in range(100):
            end.step(0)
        assert relay.FULL <= len(end.out) <= relay.FULL + relay.PIECE + 20 * relay.HEAD.size < sent
        stream.stalls = False
        while end.step(0) or end.out:
            pass
        data = len(stream.taken) - stream.taken.count(relay.DATA) * relay.HEAD.size
        assert data == sent


def filled(made: socket.socket) -> int:
    """Send zeros until a socket takes no more, and return how many."""
    made.settimeout(0)
    sent = 0
    with suppress(BlockingIOError):
        while True:
            sent += made.send(bytes(10_000))
    return sent


# the start


def no_start(*argv: str) -> str:
    """Return why a relay doesn't start where another program runs in place of Python's."""
    with pytest.raises(NoReply) as raised, forwarding(lambda _: ProcessStream(argv), {1: 1}, print):
        pass
    return str(raised.value)


def test_a_port_that_nothing_can_listen_on_is_told() -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NoReply, match=f"nothing can listen on port {port} there: .*in use"), relayed({port: 1}):
            pass


def test_what_comes_together_with_the_first_line_is_not_lost(
    serve: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding_module, "_END_SECONDS", 0.1)
    told, frame = Queue[str](), relay.HEAD.pack(relay.OPEN, 1, 6) + b"7 peer"
    program = f"import os, sys; os.write(1, {json.dumps({'listening': [7]}).encode()!r} + b'\\n' + {frame!r})"
    with forwarding(
        lambda _: ProcessStream(["", "-c", f"{program}; sys.stdin.buffer.read()"]),
        {7: serve(lambda _: told.put("connected"))},
        print,
    ):
        assert told.get(timeout=60) == "connected"


def test_a_program_that_is_no_relay_is_told() -> None:
    assert no_start("", "-c", "input(); print('hello')") == "no relay starts there; heard 'hello'"


def test_a_program_that_ends_is_told() -> None:
    assert "no relay starts there" in no_start("", "-c", "import sys; sys.stdin.read(10); print('exec failed', end='')")


def test_a_program_that_is_silent_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding_module, "_START_SECONDS", 0.1)
    assert "no relay starts there (TimeoutError" in no_start("", "-c", "import sys; sys.stdin.read()")


def test_an_engine_that_runs_nothing_is_told() -> None:
    def start(argv: Sequence[str]) -> ExecStream:
        raise EngineError(f"no {argv[0]}")

    with pytest.raises(NoReply, match="no python3"), forwarding(start, {1: 1}, print):
        pass


def test_what_is_no_frame_ends_it() -> None:
    one, two = socket.socketpair()

    class Garbage:
        reading = writing = one.fileno()

        def read(self) -> bytes | None:
            return one.recv(1000)

        def write(self, data: memoryview) -> int:
            return len(data)

    with one, two, closing(relay.Relay(Garbage())) as end:
        two.sendall(b"Traceback (most recent call last)")
        with pytest.raises(ValueError, match="no frame: b'Traceback"):
            end.step(5)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_that_ends_its_block_ends_nothing_of_its_parents(serve: Callable[..., int]) -> None:
    (there,) = free_ports(1)
    with relayed({there: serve()}) as (found, _):
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            found.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert echoed(there, b"abc") == b"abc"
