"""The engine: found, and spoken to, by way of a small HTTP server that answers as a daemon does."""

import base64
import errno
import functools
import hashlib
import http.server
import io
import json
import os
import re
import socket
import socketserver
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, BinaryIO
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest
import requests
from urllib3.exceptions import ProtocolError

from fakes.machine import Clock, Names
from fakes.serving import serving
from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.engine import engine as engine_module
from pytest_foodtrucks.engine.discovery import _not_found_error, find_engine
from pytest_foodtrucks.engine.endpoints import Endpoint
from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.engine.execs import ExecResult, ExecStream
from pytest_foodtrucks.engine.inspected import PathInfo
from pytest_foodtrucks.engine.own_container import possible_containers
from pytest_foodtrucks.engine.patience import Patience
from pytest_foodtrucks.errors import DefinitionError, EngineError, EngineNotFound, NoAnswer, SettingsError

VERSION = {"Version": "27.1", "ApiVersion": "1.41", "Components": [{"Name": "Engine"}]}
MISSING = (404, {"message": "no such thing"})


class Daemon:
    """What a daemon answers, by method and path, and what it was asked.

    `first` holds what it answers before that. A list is sent as a stream of JSON lines; None hangs up without an
    answer, and where it `hangs` none comes either; a function goes on with the connection.
    """

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any] | None] = {"GET /version": (200, VERSION)}
        self.first: dict[str, list[tuple[int, Any] | None]] = {}
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.more_headers: Mapping[str, str] = {}
        self.bodies: list[bytes] = []
        self.hangs = False
        self.url = ""

    def answer(self, request: str) -> tuple[int, Any] | None:
        plain = re.sub(r" /v1\.\d+/", " /", request)
        self.asked.append(plain)
        request = plain.partition("?")[0]
        first = self.first.get(request)
        return first.pop(0) if first else self.answers.get(request, MISSING)

    def times(self, request: str) -> int:
        """Count how often it was asked something."""
        return sum(asked.partition("?")[0] == request for asked in self.asked)


def handler(daemon: Daemon) -> type[http.server.BaseHTTPRequestHandler]:
    """Return the class that answers a connection for a daemon."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            daemon.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            if daemon.hangs:
                self.rfile.read()  # until whoever asks has gone
            daemon.headers.append(dict(self.headers))
            answer = daemon.answer(f"{self.command} {self.path}")
            self.close_connection = True
            if answer is None:
                return
            status, body = answer
            self.send_response(status)
            self.send_header("Connection", "close")
            if callable(body):
                self.end_headers()
                body(self.rfile, self.wfile)
                return
            if isinstance(body, list):
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for line in (*(f"{json.dumps(event)}\r\n" for event in body), ""):
                    self.wfile.write(f"{len(line):x}\r\n{line}\r\n".encode())
                return
            content = b"" if status == 204 else body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            for name, value in daemon.more_headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the base class's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


class UnixServer(socketserver.ThreadingUnixStreamServer):
    """A server on a socket file."""

    daemon_threads = True


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Return a daemon on a socket file."""
    daemon = Daemon()
    daemon.url = f"unix://{tmp_path}/docker.sock"
    with serving(UnixServer(f"{tmp_path}/docker.sock", handler(daemon))):
        yield daemon


@pytest.fixture
def remote() -> Iterator[Daemon]:
    """Return a daemon on a TCP port."""
    daemon = Daemon()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(daemon))
    daemon.url = f"tcp://127.0.0.1:{server.server_port}"
    with serving(server):
        yield daemon


@pytest.fixture(autouse=True)
def _no_docker_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))


@pytest.fixture
def find() -> Iterator[Callable[..., Engine]]:
    """Return `find_engine`, whose engines are closed afterwards, and whose patience takes no time."""
    with ExitStack() as undo:

        def find(
            option: str = "auto", *, host: str | None = None, only: Endpoint | None = None, **environ: str
        ) -> Engine:
            clock = Clock()
            patience = Patience(clock=clock, sleep=clock.sleep)
            engine = find_engine(option, environ, host=host, only=only, patience=patience)
            undo.callback(engine.close)
            return engine

        yield find


@pytest.fixture
def engine(daemon: Daemon, find: Callable[..., Engine]) -> Engine:
    """Return an engine that is the daemon."""
    return find(daemon.url)


def test_an_engine_tells_its_identity_and_is_asked_once(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /info"] = (200, {"ID": "b7c0"})
    assert (engine.identity, engine.identity) == ("b7c0", "b7c0")
    assert daemon.times("GET /info") == 1


# finding


def test_an_engine_tells_kind_version_and_url(daemon: Daemon, engine: Engine) -> None:
    assert (engine.kind, engine.version, engine.url) == ("docker", "27.1", daemon.url)
    assert repr(engine) == f"<Engine docker 27.1 at {daemon.url}>"


def test_docker_host_leads_to_the_engine(daemon: Daemon, find: Callable[..., Engine]) -> None:
    assert find(DOCKER_HOST=daemon.url).url == daemon.url


def test_the_option_beats_docker_host(daemon: Daemon, find: Callable[..., Engine]) -> None:
    assert find(daemon.url, DOCKER_HOST="unix:///nonexistent.sock").url == daemon.url


def context(tmp_path: Path, name: str, url: str) -> None:
    """Write a context of the Docker client."""
    folder = tmp_path / "config/contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    about = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": url, "SkipTLSVerify": False}}}
    (tmp_path / "config/config.json").write_text("{}")
    (folder / "meta.json").write_text(json.dumps(about))


def test_docker_context_leads_to_the_engine(daemon: Daemon, find: Callable[..., Engine], tmp_path: Path) -> None:
    context(tmp_path, "mine", daemon.url)
    engine = find(DOCKER_CONTEXT="mine")
    assert (engine.url, engine.endpoint.context) == (daemon.url, "mine")


def test_the_clients_current_context_leads_to_the_engine(
    daemon: Daemon, find: Callable[..., Engine], tmp_path: Path
) -> None:
    context(tmp_path, "mine", daemon.url)
    (tmp_path / "config/config.json").write_text('{"currentContext": "mine"}')
    assert find().url == daemon.url


def test_an_unknown_context_is_an_error_and_no_other_engine_is_taken(
    daemon: Daemon, find: Callable[..., Engine], tmp_path: Path
) -> None:
    context(tmp_path, "mine", daemon.url)
    with pytest.raises(EngineNotFound, match="DOCKER_CONTEXT is 'yours', and there is no such context"):
        find(DOCKER_CONTEXT="yours")
    assert daemon.asked == []


def test_where_a_run_has_its_stack_no_other_engine_is_looked_for(
    daemon: Daemon, remote: Daemon, find: Callable[..., Engine], tmp_path: Path
) -> None:
    context(tmp_path, "yours", remote.url)
    (tmp_path / "config/config.json").write_text('{"currentContext": "yours"}')
    assert find(only=Endpoint(daemon.url)).url == daemon.url
    assert find(DOCKER_HOST=remote.url, only=Endpoint(daemon.url)).url == daemon.url
    assert remote.asked == []


def test_a_message_says_that_the_sessions_engine_is_away(find: Callable[..., Engine], daemon: Daemon) -> None:
    with pytest.raises(EngineNotFound, match=r"No engine answers at unix:///nobody.sock, where this session has its"):
        find(daemon.url, only=Endpoint("unix:///nobody.sock"))


def test_a_runs_engine_is_found_by_its_context(daemon: Daemon, find: Callable[..., Engine], tmp_path: Path) -> None:
    context(tmp_path, "mine", daemon.url)
    assert find(only=Endpoint(daemon.url, context="mine")).endpoint.context == "mine"


def test_a_runs_engine_is_found_though_its_context_is_gone(daemon: Daemon, find: Callable[..., Engine]) -> None:
    assert find(only=Endpoint(daemon.url, context="removed")).url == daemon.url


def test_a_set_address_without_an_engine_is_named_with_who_set_it_and_a_remedy(find: Callable[..., Engine]) -> None:
    with pytest.raises(EngineNotFound) as raised:
        find(DOCKER_HOST="unix:///nonexistent.sock")
    message = str(raised.value)
    assert "No engine answers at unix:///nonexistent.sock, set by DOCKER_HOST: there is no such socket." in message
    assert "Nothing else was tried, because that address was set. Remedy: start the engine there, mend" in message
    assert "-m 'not foodtrucks'" in message
    assert raised.value.set_by == "DOCKER_HOST"


def test_a_socket_where_nobody_listens_is_no_engine(find: Callable[..., Engine], tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(f"{tmp_path}/stale.sock")
    with pytest.raises(EngineNotFound, match=r"set by the option engine: .*Connection refused"):
        find(f"unix://{tmp_path}/stale.sock")


def test_what_hangs_up_is_no_engine(daemon: Daemon, find: Callable[..., Engine]) -> None:
    daemon.answers["GET /version"] = None
    with pytest.raises(EngineNotFound, match="No engine answers at"):
        find(daemon.url)


@pytest.mark.parametrize("answer", [(500, {"message": "broken"}), (200, b"<html>"), (200, {}), (404, b"not here")])
def test_what_answers_nonsense_is_no_engine(
    daemon: Daemon, find: Callable[..., Engine], answer: tuple[int, Any]
) -> None:
    daemon.answers["GET /version"] = answer
    with pytest.raises(EngineError):
        find(daemon.url)


def test_when_nothing_is_set_all_that_was_tried_is_listed() -> None:
    tried = [
        (Endpoint("unix:///var/run/docker.sock"), ConnectionRefusedError("refused")),
        (Endpoint("unix:///home/me/.colima/default/docker.sock"), FileNotFoundError("there is no such socket")),
    ]
    error = _not_found_error(tried)
    assert error.set_by is None
    assert str(error).startswith(
        "No engine answers; DOCKER_HOST and DOCKER_CONTEXT aren't set, and these were tried: "
        "unix:///var/run/docker.sock, unix:///home/me/.colima/default/docker.sock (the first: refused). "
        "Remedy: install and start Docker "
    )


@pytest.mark.parametrize("set_by", [None, "DOCKER_HOST"])
def test_a_socket_that_this_user_may_not_open_has_a_remedy_of_its_own(set_by: str | None) -> None:
    tried = [(Endpoint("unix:///var/run/docker.sock", set_by), PermissionError("denied"))]
    assert "Remedy: let this user open unix:///var/run/docker.sock (for Docker on Linux: join" in str(
        _not_found_error(tried)
    )


def test_podman_is_refused_with_a_remedy(daemon: Daemon, find: Callable[..., Engine]) -> None:
    daemon.answers["GET /version"] = (200, {**VERSION, "Version": "5.4", "Components": [{"Name": "Podman Engine"}]})
    with pytest.raises(EngineError, match=r"is Podman 5\.4, and this version .* Docker only\. Remedy: name a Docker"):
        find(daemon.url)


@pytest.mark.parametrize("config", ["{", "[]", "{}", '{"auths": 7}', '{"auths": {"r.example": {"auth": "%"}}}'])
def test_logins_that_cant_be_read_are_an_error_that_hides_their_secrets(
    daemon: Daemon, find: Callable[..., Engine], config: str
) -> None:
    with pytest.raises(SettingsError, match=r"DOCKER_AUTH_CONFIG in the environment can't be read. Remedy: ") as raised:
        find(daemon.url, DOCKER_AUTH_CONFIG=config)
    assert "%" not in str(raised.value)


# its clock


@pytest.mark.parametrize("ahead", [0.0, 90.0, -7200.0])
def test_the_engines_clock_is_compared_with_this_machines_once(daemon: Daemon, engine: Engine, ahead: float) -> None:
    engine_time = datetime.fromtimestamp(time.time() + ahead, tz=timezone(timedelta(hours=2)))
    daemon.answers["GET /info"] = (200, {"SystemTime": engine_time.isoformat().replace("+", "123+")})  # in nanoseconds
    assert engine.clock_difference == pytest.approx(ahead, abs=30)
    del daemon.answers["GET /info"]
    assert engine.clock_difference == pytest.approx(ahead, abs=30)


def test_an_answer_that_takes_long_is_no_difference_of_the_clocks(
    daemon: Daemon, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([100.0, 110.0])
    monkeypatch.setattr(engine_module, "wall", lambda: next(moments))
    daemon.answers["GET /info"] = (200, {"SystemTime": "1970-01-01T00:01:41.5Z"})
    assert engine.clock_difference == 0


# where published ports are


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Return what this machine's look-up has, instead of a name server."""
    names = Names()
    monkeypatch.setattr("pytest_foodtrucks.engine.hostnames.getaddrinfo", names)
    return names


def test_an_engine_at_a_socket_publishes_on_this_machines_loopback(engine: Engine) -> None:
    assert (engine.local, engine.host, engine.publish_on) == (True, "127.0.0.1", "127.0.0.1")


def test_a_remote_engines_ports_are_at_its_own_address(remote: Daemon, find: Callable[..., Engine]) -> None:
    engine = find(remote.url.replace("127.0.0.1", "localhost"))
    assert (engine.local, engine.host) == (False, "localhost")


@pytest.mark.parametrize(
    ("host", "publish_on"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.1.1", "127.0.1.1"),
        ("::1", "::1"),
        ("localhost", "127.0.0.1"),
        ("LOCALHOST", "127.0.0.1"),
        ("ip6-localhost", "::1"),
        ("this-machine", "127.0.1.1"),
        ("172.17.0.1", "172.17.0.1"),
        ("fd00::1", "fd00::1"),
        ("0.0.0.0", "0.0.0.0"),  # noqa: S104 - nothing listens here
        ("this-machine-too", "0.0.0.0"),  # noqa: S104
        ("host.docker.internal", "0.0.0.0"),  # noqa: S104
        ("unknown", "0.0.0.0"),  # noqa: S104
    ],
)
def test_the_option_host_says_where_ports_are_reached_and_so_published(
    daemon: Daemon, find: Callable[..., Engine], names: Names, host: str, publish_on: str
) -> None:
    names |= {
        "localhost": ("::1", "127.0.0.1"),
        "ip6-localhost": ("::1",),
        "this-machine": ("127.0.1.1",),
        "this-machine-too": ("127.0.1.1", "10.0.0.5"),
        "host.docker.internal": ("172.17.0.1",),
    }
    engine = find(daemon.url, host=host)
    assert (engine.host, engine.publish_on) == (host, publish_on)


def test_a_remote_engine_publishes_on_all_of_its_addresses(remote: Daemon, find: Callable[..., Engine]) -> None:
    assert find(remote.url, host="10.0.0.7").publish_on == "0.0.0.0"  # noqa: S104 - nothing listens here
    assert find(remote.url, host="fd00::7").publish_on == "::"
    assert find(remote.url, host="127.0.0.1").publish_on == "127.0.0.1"


def container_of_ours(mode: str, gateway: str) -> tuple[int, Any]:
    """Return what a daemon tells of the container that pytest runs in."""
    networks = {"one": {"Gateway": gateway}, "two": {"Gateway": ""}}
    return 200, {"HostConfig": {"NetworkMode": mode}, "NetworkSettings": {"Networks": networks}}


def test_a_message_to_pytest_in_a_container_beside_says_which_host_would_do(daemon: Daemon, engine: Engine) -> None:
    daemon.answers[f"GET /containers/{socket.gethostname()}/json"] = container_of_ours("bridge", "172.17.0.1")
    with pytest.raises(EngineError, match=r"set --foodtrucks-host to an address of the engine's .* here 172\.17\.0\.1"):
        engine._refuse_from_sibling()  # noqa: SLF001 - only within a container is it asked by itself


def test_a_container_with_a_host_name_of_its_own_is_found_by_what_is_mounted_in_it(
    daemon: Daemon, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "runner")
    monkeypatch.setattr("pytest_foodtrucks.engine.engine.possible_containers", lambda: iter(["a" * 64, "b" * 64]))
    daemon.answers[f"GET /containers/{'b' * 64}/json"] = container_of_ours("bridge", "172.17.0.1")
    with pytest.raises(EngineError, match=r"has only the engine's socket.* here 172\.17\.0\.1"):
        engine._refuse_from_sibling()  # noqa: SLF001 - likewise


def test_the_ids_of_containers_that_this_process_may_be_in_are_read_from_its_mounts(tmp_path: Path) -> None:
    mounts = [
        f"1 2 254:1 /var/lib/docker/containers/{'a' * 64}/hostname /etc/hostname rw - ext4 /dev/vda1 rw",
        f"1 2 254:1 /var/lib/docker/containers/{'c' * 64}/x /elsewhere rw - ext4 /dev/vda1 rw",
    ]
    (tmp_path / "mountinfo").write_text("\n".join(mounts))
    (tmp_path / "cgroup").write_text(f"1:name=systemd:/docker/{'b' * 64}\n")
    found = list(possible_containers(tmp_path))
    assert found[:2] == ["a" * 64, "b" * 64]
    assert "c" * 64 not in found


def test_a_host_without_an_address_here_is_refused(find: Callable[..., Engine], daemon: Daemon, names: Names) -> None:
    names["here.test"] = ("127.0.0.1",)
    find(daemon.url, host="here.test").refuse_unknown_host()
    with pytest.raises(EngineError, match=r"reached at elsewhere\.test, .* doesn't resolve here .*--foodtrucks-host"):
        find(daemon.url, host="elsewhere.test").refuse_unknown_host()


def test_pytest_in_a_container_on_the_hosts_network_reaches_its_loopback(daemon: Daemon, engine: Engine) -> None:
    daemon.answers[f"GET /containers/{socket.gethostname()}/json"] = container_of_ours("host", "")
    engine._refuse_from_sibling()  # noqa: SLF001 - likewise


def test_pytest_in_a_container_with_an_engine_of_its_own_reaches_its_loopback(engine: Engine) -> None:
    engine._refuse_from_sibling()  # noqa: SLF001 - likewise


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_engine_on_loopback_is_asked_without_a_proxy(
    remote: Daemon, find: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert find(remote.url.replace("127.0.0.1", host)).version == "27.1"


# images


@pytest.mark.parametrize("filters", ["error", "ignore"])
def test_a_missing_credential_helper_is_told_when_an_image_is_built(
    daemon: Daemon, find: Callable[..., Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: Any
) -> None:
    (tmp_path / "config.json").write_text('{"credsStore": "no-such-helper"}')
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr("docker.api.build.utils.tar", lambda *_, **__: None)  # which docker-py leaves open then
    warnings.simplefilter(filters)
    with pytest.raises(EngineError, match=r"no-such-helper not installed .*Remedy: .*credential helpers"):
        list(find(daemon.url).build(tmp_path, dockerfile="Dockerfile", args={}))


def test_an_image_is_there_or_not(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /images/busybox/json"] = (200, {"Id": "1"})
    assert engine.image_exists("busybox")
    assert not engine.image_exists("nope")


def test_an_engine_in_trouble_isnt_taken_for_a_missing_image(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /images/busybox/json"] = (500, {"message": "disk on fire."})
    with pytest.raises(EngineError, match=r"could not look for the image busybox: disk on fire$") as raised:
        engine.image_exists("busybox")
    assert raised.value.status == 500
    assert raised.value.reason == "disk on fire"


def test_an_engine_that_hangs_up_is_named_with_a_remedy(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /images/busybox/json"] = None
    with pytest.raises(EngineError, match=r"gave no answer when asked to look for the image busybox: .*Remedy: see"):
        engine.image_exists("busybox")


@pytest.mark.parametrize(
    ("image", "asked"),
    [
        ("busybox", "tag=latest&fromImage=busybox"),
        ("localhost:5000/es:9.5.0", "tag=9.5.0&fromImage=localhost%3A5000%2Fes"),
    ],
)
def test_a_pull_yields_the_engines_events(daemon: Daemon, engine: Engine, image: str, asked: str) -> None:
    events = [{"status": "Downloading", "id": "a"}, {"status": "Status: done"}]
    daemon.answers["POST /images/create"] = (200, events)
    assert list(engine.pull(image)) == events
    assert sorted(daemon.asked[-1].partition("?")[2].split("&")) == sorted(asked.split("&"))


def test_an_error_as_the_last_event_of_a_pull_is_an_error(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /images/create"] = (200, [{"status": "Pulling"}, {"error": "connection reset.\n"}])
    with pytest.raises(EngineError, match=r"The engine could not pull busybox: connection reset$") as raised:
        list(engine.pull("busybox"))
    assert raised.value.reason == "connection reset"


def test_a_missing_image_is_the_engines_error(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /images/create"] = (404, {"message": "manifest unknown"})
    with pytest.raises(EngineError, match="could not pull busybox: manifest unknown") as raised:
        list(engine.pull("busybox"))
    assert raised.value.status == 404


def test_a_login_of_the_environment_goes_with_the_pull(daemon: Daemon, find: Callable[..., Engine]) -> None:
    secret = base64.b64encode(b"me:secret").decode()
    engine = find(daemon.url, DOCKER_AUTH_CONFIG=json.dumps({"auths": {"r.example": {"auth": secret}}}))
    daemon.answers["POST /images/create"] = (200, [])
    list(engine.pull("r.example/es"))
    login = json.loads(base64.urlsafe_b64decode(daemon.headers[-1]["X-Registry-Auth"]))
    assert (login["username"], login["password"]) == ("me", "secret")


def test_a_build_yields_its_lines(daemon: Daemon, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    daemon.answers["POST /build"] = (200, [{"stream": "Step 1\n"}, {"aux": {"ID": "1"}}, {"stream": "done\n"}])
    lines = engine.build(tmp_path, dockerfile="Dockerfile", args={}, tag="t", labels={}, target=None)
    assert list(lines) == ["Step 1\n", "done\n"]


def test_a_failed_step_of_a_build_is_an_error(daemon: Daemon, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    daemon.answers["POST /build"] = (200, [{"stream": "Step 1\n"}, {"error": "it returned 7"}])
    with pytest.raises(EngineError, match="it returned 7"):
        list(engine.build(tmp_path, dockerfile="Dockerfile", args={}))


def test_an_image_is_given_a_name(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /images/sha256:1/tag"] = (201, "")
    engine.tag_image("sha256:1", "localhost:5000/app:2")
    assert sorted(daemon.asked[-1].partition("?")[2].split("&")) == ["force=0", "repo=localhost%3A5000%2Fapp", "tag=2"]


@pytest.mark.parametrize("status", [200, 404, 409])
def test_a_name_is_taken_off_an_image_if_it_can_be(daemon: Daemon, engine: Engine, status: int) -> None:
    daemon.answers["DELETE /images/app:2"] = (status, {"message": "so"})
    engine.untag_image("app:2")
    assert "DELETE /images/app:2" in daemon.asked[-1]


def test_a_name_that_the_engine_fails_to_take_off_is_an_error(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["DELETE /images/app:2"] = (403, {"message": "not allowed"})
    with pytest.raises(EngineError, match="could not take the name app:2 off: not allowed"):
        engine.untag_image("app:2")


# networks and containers


def test_a_network_is_created_with_its_labels(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /networks/create"] = (201, {"Id": "n1"})
    assert engine.create_network("net", driver="bridge", internal=False, labels={"l": "v"}) == "n1"


def test_a_network_is_created_with_its_subnets_ipv6_and_driver_options(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /networks/create"] = (201, {"Id": "n1"})
    engine.create_network(
        "net",
        driver="bridge",
        internal=False,
        labels={},
        subnets={"10.20.0.0/24": "10.20.0.9", "fd00::/64": "fd00::1"},
        ipv6=True,
        driver_opts={"mtu": "1300"},
    )
    body = json.loads(daemon.bodies[-1])
    pools = [(pool["Subnet"], pool["Gateway"]) for pool in body["IPAM"]["Config"]]
    assert pools == [("10.20.0.0/24", "10.20.0.9"), ("fd00::/64", "fd00::1")]
    assert (body["EnableIPv6"], body["Options"]) == (True, {"mtu": "1300"})


def test_a_container_is_created_from_the_engines_own_body(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /containers/create"] = (201, {"Id": "c1"})
    assert engine.create_container("victim", {"Image": "busybox", "Labels": {"l": "v"}}) == "c1"
    assert daemon.asked[-1] == "POST /containers/create?name=victim"
    assert json.loads(daemon.bodies[-1])["Labels"] == {"l": "v", "pytest-foodtrucks.name": "victim"}


def test_a_container_is_created_for_a_platform(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /containers/create"] = (201, {"Id": "c1"})
    engine.create_container("victim", {"Image": "busybox", "Labels": {}}, platform="linux/arm64")
    assert daemon.asked[-1] == "POST /containers/create?name=victim&platform=linux%2Farm64"


@pytest.mark.parametrize(
    ("platform", "there"),
    [
        (None, True),
        ("linux", True),
        ("linux/arm64", True),
        ("linux/aarch64", True),
        ("linux/arm64/v8", True),
        ("linux/amd64", False),
        ("windows", False),
    ],
)
def test_an_image_is_there_if_it_is_for_the_platform(
    daemon: Daemon, engine: Engine, platform: str | None, *, there: bool
) -> None:
    image = {"Id": "sha256:i", "Os": "linux", "Architecture": "arm64", "Variant": "v8"}
    daemon.answers["GET /images/busybox/json"] = (200, image)
    assert engine.image_exists("busybox", platform) is there


def test_a_refused_container_is_named_with_its_image(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /containers/create"] = (404, {"message": "No such image: busybox"})
    with pytest.raises(EngineError, match="could not create the container victim from busybox: No such image"):
        engine.create_container("victim", {"Image": "busybox", "Labels": {"l": "v"}})


def test_a_log_is_text_even_where_it_isnt_utf8(daemon: Daemon, engine: Engine) -> None:
    line = b"caf\xe9\n"
    frame = b"\x01\x00\x00\x00" + len(line).to_bytes(4, "big") + line
    daemon.answers["GET /containers/c1/json"] = (200, {"Config": {"Tty": False}})
    daemon.answers["GET /containers/c1/logs"] = (200, frame)
    assert engine.logs("c1", since=1_700_000_000.5, tail=30) == "caf\ufffd\n"
    asked = next(request for request in daemon.asked if "logs" in request)
    assert "tail=30" in asked
    assert "since=1700000000.5" in asked


def test_a_log_may_be_read_since_the_beginning_of_time(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /containers/c1/json"] = (200, {"Config": {"Tty": False}})
    daemon.answers["GET /containers/c1/logs"] = (200, frames(b"one\n"))
    assert engine.logs("c1", since=0.0) == "one\n"


def frames(*contents: bytes) -> bytes:
    """Return what the engine sends of a log."""
    return b"".join(b"\x01\x00\x00\x00" + len(content).to_bytes(4, "big") + content for content in contents)


def test_a_log_is_read_in_pieces_from_the_start_where_the_connection_broke(daemon: Daemon, engine: Engine) -> None:
    daemon.first["GET /containers/c1/logs"] = [None, (500, {"message": "device or resource busy"})]
    daemon.answers["GET /containers/c1/logs"] = (200, frames(b"one\n", b"two\n"))
    read = engine.read_log("c1", list, since=1_700_000_000.5, tail=30)
    assert read == [b"one\n", b"two\n"]
    asked = next(request for request in daemon.asked if "logs" in request)
    assert daemon.times("GET /containers/c1/logs") == 3
    for words in ("stdout=1", "stderr=1", "timestamps=0", "since=1700000000.5", "tail=30"):
        assert words in asked
    assert "follow" not in asked


def test_a_log_of_a_container_that_is_gone_is_refused(engine: Engine) -> None:
    with pytest.raises(EngineError, match=r"could not read the log of c1: no such thing") as raised:
        engine.read_log("c1", list)
    assert raised.value.status == 404


def test_a_log_that_falls_silent_is_given_up(daemon: Daemon, engine: Engine) -> None:
    def silence(incoming: BinaryIO, outgoing: BinaryIO) -> None:
        outgoing.write(frames(b"one\n"))
        incoming.read()

    daemon.answers["GET /containers/c1/json"] = RESET
    with pytest.raises(NoAnswer):
        engine.inspect_container("c1")  # so that the next answer is awaited once: this is about real seconds
    daemon.answers["GET /containers/c1/logs"] = (200, silence)
    engine.api.timeout = 0.05  # type: ignore[assignment] # seconds may be a fraction
    with pytest.raises(NoAnswer, match="when asked to read the log of c1"):
        engine.read_log("c1", list)


NO_FILES = OSError(errno.EMFILE, "Too many open files")
LIMIT = rf"This process may open no more than {os.sysconf('SC_OPEN_MAX')} files\. Remedy: allow it more"


def test_an_engine_that_cant_be_asked_for_want_of_files_isnt_away(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = requests.ConnectionError(ProtocolError("Connection aborted.", NO_FILES))
    monkeypatch.setattr(engine.api, "inspect_container", Mock(side_effect=broken))
    with pytest.raises(NoAnswer, match=rf"could not be asked to inspect the container c1\. {LIMIT}"):
        engine.inspect_container("c1")


def test_an_engine_that_cant_be_looked_for_for_want_of_files_isnt_missing(
    daemon: Daemon, find: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "socket", Mock(side_effect=NO_FILES))
    with pytest.raises(EngineNotFound, match=rf"The engine at {daemon.url} can't be asked\. {LIMIT}"):
        find(daemon.url)


def test_what_is_gone_counts_as_removed(engine: Engine) -> None:
    engine.remove_container("gone")
    engine.remove_network("gone")
    engine.clear_network("gone")


def test_what_somebody_else_is_removing_counts_as_removed(daemon: Daemon, engine: Engine) -> None:
    message = "removal of container c1 is already in progress"
    daemon.answers["DELETE /containers/c1"] = (409, {"message": message})
    engine.remove_container("c1")


def test_a_network_in_use_isnt_taken_for_removed(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["DELETE /networks/n1"] = (403, {"message": "network n1 has active endpoints"})
    with pytest.raises(EngineError, match="could not remove the network n1: network n1 has active endpoints"):
        engine.remove_network("n1")


@pytest.mark.parametrize(
    ("begin", "asked"),
    [
        (Engine.kill_container, "POST /containers/c1/kill"),
        (Engine.pause_container, "POST /containers/c1/pause"),
        (Engine.unpause_container, "POST /containers/c1/unpause"),
        (functools.partial(Engine.stop_container, timeout=3), "POST /containers/c1/stop?t=3"),
    ],
)
def test_a_containers_life_is_changed_by_requests_and_a_refusal_is_an_error(
    daemon: Daemon, engine: Engine, begin: Callable[[Engine, str], None], asked: str
) -> None:
    daemon.answers[asked.partition("?")[0]] = (204, {})
    begin(engine, "c1")
    assert daemon.asked[-1] == asked
    daemon.answers[asked.partition("?")[0]] = (409, {"message": "c1 is not running"})
    with pytest.raises(EngineError, match=r"could not \w+ the container c1: c1 is not running"):
        begin(engine, "c1")


def test_a_container_that_the_kernel_couldnt_freeze_is_paused_again(daemon: Daemon, engine: Engine) -> None:
    daemon.first["POST /containers/c1/pause"] = [(500, {"message": "OCI runtime pause failed: unable to freeze"})]
    daemon.answers["POST /containers/c1/pause"] = (204, {})
    engine.pause_container("c1")
    assert daemon.times("POST /containers/c1/pause") == 2


def test_a_container_is_killed_and_removed_with_its_anonymous_volumes(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["DELETE /containers/c1"] = (204, {})
    engine.remove_container("c1")
    assert "force=True" in daemon.asked[-1]
    assert "v=True" in daemon.asked[-1]


def test_clearing_a_network_detaches_by_force_whatever_is_there(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /networks/n1"] = (200, {"Containers": {"c1": {}, "c2": {}}})
    daemon.answers["POST /networks/n1/disconnect"] = (200, {})
    engine.clear_network("n1")
    assert daemon.asked.count("POST /networks/n1/disconnect") == 2


def test_containers_are_attached_with_aliases(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /networks/n1/connect"] = (200, {})
    engine.connect("n1", "c1", aliases=["es"], ipv4_address="10.20.0.5", mac_address="02:42:ac:11:00:05")
    assert daemon.asked[-1] == "POST /networks/n1/connect"
    assert json.loads(daemon.bodies[-1])["EndpointConfig"] == {
        "Aliases": ["es"],
        "IPAMConfig": {"IPv4Address": "10.20.0.5"},
        "MacAddress": "02:42:ac:11:00:05",
    }


@pytest.mark.parametrize(("version", "each"), [("1.41", False), ("1.43", False), ("1.44", True), ("1.100", True)])
def test_engines_create_containers_on_several_networks_since_one_version_of_their_api(
    engine: Engine, version: str, *, each: bool
) -> None:
    engine.api_version = version
    assert engine.attaches_at_creation is each


def listed(thing: str, name: str, **labels: str) -> dict[str, Any]:
    """Return what a listing has of a container or network that says to be called `victim`."""
    about = {"Labels": {"pytest-foodtrucks.name": "victim", **labels}, "Created": 1_700_000_000}
    return {"Id": thing, "Names": [f"/{name}"], "Name": name, **about}


def test_the_machines_addresses_on_networks_are_their_gateways(daemon: Daemon, engine: Engine) -> None:
    nets = [
        {"IPAM": {"Config": [{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}, {"Subnet": "10.55.0.0/24"}]}},
        {"IPAM": {"Config": None}},
        {},
    ]
    daemon.answers["GET /networks"] = (200, json.dumps(nets).encode())
    assert engine.gateways() == {"172.18.0.1", "10.55.0.1"}


def test_the_engines_own_proxies_are_told(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /info"] = (200, {"HttpProxy": "http://10.0.0.1:3128", "HttpsProxy": ""})
    assert engine.proxies() == {"HttpProxy": "http://10.0.0.1:3128"}


def test_labels_are_read_again_where_an_engine_ignores_the_filter(daemon: Daemon, engine: Engine) -> None:
    things = [listed("mine", "victim", l="v"), listed("theirs", "victim", l="w"), {"Id": "bare"}]
    daemon.answers["GET /containers/json"] = (200, json.dumps(things).encode())
    daemon.answers["GET /networks"] = (200, json.dumps([*things, {"Id": "none", "Labels": None}]).encode())
    assert engine.labelled("containers", "l", "v") == engine.labelled("networks", "l", "v") == ["mine"]


def test_what_is_called_otherwise_than_its_label_says_is_not_ours(daemon: Daemon, engine: Engine) -> None:
    things = [listed("ours", "victim", l="v"), listed("of an image made of ours", "nice_name", l="v")]
    things.append({"Id": "without", "Names": ["/victim"], "Labels": {"l": "v"}})
    daemon.answers["GET /containers/json"] = (200, json.dumps(things).encode())
    assert engine.labels("containers", "l") == {"ours": "v"}


def test_things_tell_when_they_were_created(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /containers/json"] = (200, json.dumps([listed("c1", "victim", l="v")]).encode())
    net = {**listed("n1", "victim", l="v"), "Created": "2023-11-14T22:13:20.123456789Z"}
    daemon.answers["GET /networks"] = (200, json.dumps([net]).encode())
    assert engine.created("containers", "l") == {"c1": 1_700_000_000}
    assert engine.created("networks", "l") == {"n1": pytest.approx(1_700_000_000.123456)}


@pytest.mark.parametrize(("status", "since"), [("running", "then"), ("paused", "then"), ("exited", None)])
def test_a_container_tells_since_when_it_runs(daemon: Daemon, engine: Engine, status: str, since: str | None) -> None:
    daemon.answers["GET /containers/c1/json"] = (200, {"State": {"Status": status, "StartedAt": "then"}})
    assert engine.running_since("c1") == since
    assert engine.running_since("gone") is None


def test_a_container_tells_what_runs_in_it(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /containers/c1/top"] = (200, {"Processes": [["1", "sleep 5"], ["2", "python x"]]})
    daemon.answers["GET /containers/c2/top"] = (409, {"message": "it isn't running"})
    daemon.answers["GET /containers/c3/top"] = (500, {"message": "no ps"})
    assert engine.command_lines("c1") == ["1 sleep 5", "2 python x"]
    assert engine.command_lines("c2") == engine.command_lines("gone") == []
    with pytest.raises(EngineError, match="no ps"):
        engine.command_lines("c3")


def test_volumes_are_listed_by_their_names(daemon: Daemon, engine: Engine) -> None:
    labels = {"pytest-foodtrucks.name": "victim", "l": "v"}
    volume = {"Name": "victim", "CreatedAt": "2023-11-14T22:13:20Z", "Labels": labels}
    copies = [volume, {**volume, "Name": "nice_name"}, {"Name": "bare", "Labels": None}]
    daemon.answers["GET /volumes"] = (200, {"Volumes": copies})
    assert engine.labels("volumes", "l") == {"victim": "v"}
    assert engine.created("volumes", "l") == {"victim": 1_700_000_000}
    daemon.answers["GET /volumes"] = (200, {"Volumes": None})
    assert engine.labels("volumes", "l") == {}


def test_a_volume_is_removed_once_nobody_has_it(daemon: Daemon, engine: Engine) -> None:
    in_use = (409, {"message": "remove v1: volume is in use - [c1]"})
    daemon.first["DELETE /volumes/v1"] = [in_use, in_use]
    daemon.answers["DELETE /volumes/v1"] = (204, {})
    engine.remove_volume("v1")
    assert daemon.times("DELETE /volumes/v1") == 3
    engine.remove_volume("gone")


def test_a_volume_that_somebody_has_is_left_where_that_is_asked(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["DELETE /volumes/v1"] = (409, {"message": "remove v1: volume is in use - [c1]"})
    engine.remove_unused_volume("v1")
    assert daemon.times("DELETE /volumes/v1") == 1
    engine.remove_unused_volume("gone")
    daemon.answers["DELETE /volumes/v1"] = (400, {"message": "no volume's name"})
    with pytest.raises(EngineError, match="could not remove the volume v1: no volume's name"):
        engine.remove_unused_volume("v1")


def test_a_volume_tells_where_its_files_are(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /volumes/v1"] = (200, {"Name": "v1", "Mountpoint": "/var/lib/docker/volumes/v1/_data"})
    assert engine.mountpoint("v1") == "/var/lib/docker/volumes/v1/_data"


@pytest.mark.parametrize(("version", "mounts"), [("1.41", False), ("1.44", False), ("1.45", True), ("1.50", True)])
def test_an_engine_mounts_single_files_of_volumes_since_docker_26(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, version: str, *, mounts: bool
) -> None:
    monkeypatch.setattr(engine.api, "_version", version)
    assert engine.mounts_subpaths is mounts


# files of containers


def test_files_are_put_where_they_replace_no_folder(daemon: Daemon, engine: Engine) -> None:
    daemon.first["PUT /containers/c1/archive"] = [None]
    daemon.answers["PUT /containers/c1/archive"] = (200, {})
    engine.put_archive("c1", "/data", io.BytesIO(b"packed"))
    assert daemon.bodies[-2:] == [b"packed", b"packed"], "all of it is sent again where the answer got lost"
    assert urlsplit(daemon.asked[-1]).query == "path=%2Fdata&noOverwriteDirNonDir=true"


def test_what_cannot_be_put_is_tried_once(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["PUT /containers/c1/archive"] = (500, {"message": "cannot overwrite directory with non-directory"})
    with pytest.raises(EngineError, match="could not put files into /etc of the container c1: cannot overwrite"):
        engine.put_archive("c1", "/etc", io.BytesIO(b"packed"))
    assert daemon.times("PUT /containers/c1/archive") == 1


def stat(mode: int, target: str = "") -> dict[str, str]:
    """Return the header in which the engine tells of a path."""
    about = json.dumps({"name": "a", "size": 1, "mode": mode, "linkTarget": target})
    return {"X-Docker-Container-Path-Stat": base64.b64encode(about.encode()).decode()}


def test_a_file_is_got_as_a_stream_with_what_it_is(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /containers/c1/archive"] = (200, b"packed")
    daemon.more_headers = stat(0o644)
    about, content = engine.get_archive("c1", "/a", lambda about, stream: (about, stream.read()))
    assert (about, content) == (PathInfo(0o644, ""), b"packed")
    assert daemon.headers[-1]["Accept-Encoding"] == "identity"
    daemon.more_headers = stat(1 << 27 | 0o777, "/b")
    link, _ = engine.get_archive("c1", "/a", lambda about, stream: (about, stream.read()))
    assert (link.is_link, link.is_folder, link.target) == (True, False, "/b")
    daemon.more_headers = stat(1 << 31 | 0o755)
    folder, _ = engine.get_archive("c1", "/a", lambda about, stream: (about, stream.read()))
    assert folder.is_folder


def test_what_there_is_at_a_path_is_told(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["HEAD /containers/c1/archive"] = (200, b"")
    daemon.more_headers = stat(1 << 27 | 0o777, "/b")
    assert engine.path_info("c1", "/a") == PathInfo(1 << 27 | 0o777, "/b")
    assert engine.path_info("c2", "/a") is None


# under load


RESET = None
LOADED = (500, {"message": "iptables failed: Another app is currently holding the xtables lock"})
BROKEN = (500, {"message": "disk on fire"})
LABELS = {"pytest-foodtrucks": "me"}


def named(name: str, **more: str) -> dict[str, str]:
    """Return the labels of what was created under a name."""
    return {**LABELS, "pytest-foodtrucks.name": name, **more}


VICTIM = {"Image": "busybox", "Labels": LABELS}
TAKEN = (409, {"message": "Conflict. The container name is already in use"})


@pytest.mark.parametrize("trouble", [RESET, BROKEN], ids=["hangs up", "500"])
def test_a_question_is_asked_again(daemon: Daemon, engine: Engine, trouble: tuple[int, Any] | None) -> None:
    daemon.first = {
        "GET /containers/c1/json": [trouble, trouble],
        "GET /networks/n1": [trouble],
        "GET /containers/json": [trouble],
        "GET /networks": [trouble],
    }
    daemon.answers |= {
        "GET /containers/c1/json": (200, {"Id": "c1"}),
        "GET /networks/n1": (200, {"Id": "n1"}),
        "GET /containers/json": (200, b"[]"),
        "GET /networks": (200, b"[]"),
    }
    assert engine.inspect_container("c1") == {"Id": "c1"}
    assert engine.inspect_network("n1") == {"Id": "n1"}
    assert engine.labels("containers", "l") == engine.labels("networks", "l") == {}


def test_what_is_missing_is_asked_for_once(daemon: Daemon, engine: Engine) -> None:
    with pytest.raises(EngineError, match="no such thing"):
        engine.inspect_container("c1")
    assert daemon.times("GET /containers/c1/json") == 1


@pytest.mark.parametrize("status", [500, 409])
def test_a_removal_is_asked_for_again(daemon: Daemon, engine: Engine, status: int) -> None:
    daemon.first["DELETE /containers/c1"] = [(status, {"message": "device or resource busy"}), RESET]
    daemon.answers["DELETE /containers/c1"] = (204, {})
    engine.remove_container("c1")
    assert daemon.times("DELETE /containers/c1") == 3


def test_a_network_that_seems_to_be_in_use_for_a_moment_is_removed(daemon: Daemon, engine: Engine) -> None:
    daemon.first["DELETE /networks/n1"] = [(403, {"message": "network n1 has active endpoints"})] * 2
    daemon.answers["DELETE /networks/n1"] = (204, {})
    engine.remove_network("n1")
    assert daemon.times("DELETE /networks/n1") == 3


def test_what_a_container_that_is_gone_left_on_a_network_goes_by_its_name(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /networks/n1"] = (200, {"Containers": {"ep-123": {"Name": "foodtrucks-es"}}})
    daemon.answers["POST /networks/n1/disconnect"] = (200, {})
    engine.clear_network("n1")
    assert json.loads(daemon.bodies[-1]) == {"Container": "foodtrucks-es", "Force": True}


@pytest.mark.parametrize("trouble", [RESET, LOADED], ids=["hangs up", "500"])
def test_what_was_not_made_is_made_at_the_next_try(
    daemon: Daemon, engine: Engine, trouble: tuple[int, Any] | None
) -> None:
    daemon.first = {"POST /containers/create": [trouble], "POST /networks/create": [trouble]}
    daemon.answers |= {"POST /containers/create": (201, {"Id": "c1"}), "POST /networks/create": (201, {"Id": "n1"})}
    assert engine.create_container("victim", VICTIM) == "c1"
    assert engine.create_network("net", driver="bridge", internal=False, labels=LABELS) == "n1"


def test_what_was_made_although_the_answer_got_lost_isnt_made_twice(daemon: Daemon, engine: Engine) -> None:
    daemon.first = {
        "POST /containers/create": [RESET],
        "POST /networks/create": [RESET],
        "GET /containers/victim/json": [MISSING],  # it is still being made
    }
    daemon.answers |= {
        "POST /containers/create": TAKEN,
        "POST /networks/create": TAKEN,
        "GET /containers/victim/json": (200, {"Id": "c1", "Config": {"Labels": named("victim", the="image's")}}),
        "GET /networks/net": (200, {"Id": "n1", "Labels": named("net")}),
    }
    assert engine.create_container("victim", VICTIM) == "c1"
    assert engine.create_network("net", driver="bridge", internal=False, labels=LABELS) == "n1"


def test_a_name_that_a_stranger_has_is_a_conflict(daemon: Daemon, engine: Engine) -> None:
    daemon.answers |= {
        "POST /containers/create": TAKEN,
        "GET /containers/victim/json": (200, {"Id": "c1", "Config": {"Labels": {}}}),
    }
    with pytest.raises(EngineError, match="already in use"):
        engine.create_container("victim", VICTIM)
    assert daemon.times("POST /containers/create") == 1
    daemon.first["POST /containers/create"] = [RESET]
    with pytest.raises(EngineError, match="already in use"):
        engine.create_container("victim", VICTIM)


def test_a_failure_that_isnt_the_loads_is_an_error_at_once(daemon: Daemon, engine: Engine) -> None:
    daemon.answers |= {"POST /containers/create": BROKEN, "POST /containers/c1/start": BROKEN}
    daemon.answers["GET /containers/c1/json"] = (200, {"State": {"StartedAt": ""}})
    with pytest.raises(EngineError, match="disk on fire"):
        engine.create_container("victim", VICTIM)
    with pytest.raises(EngineError, match="disk on fire"):
        engine.start_container("c1")
    assert daemon.times("POST /containers/create") == daemon.times("POST /containers/c1/start") == 1


@pytest.mark.parametrize(("since", "starts"), [("0001-01-01T00:00:00Z", 2), ("2026-11-24T12:34:39.25Z", 1)])
def test_a_container_whose_starts_answer_got_lost_is_started_once(
    daemon: Daemon, engine: Engine, since: str, starts: int
) -> None:
    daemon.first["POST /containers/c1/start"] = [RESET]
    daemon.answers["POST /containers/c1/start"] = (204, {})
    daemon.first["GET /containers/c1/json"] = [(200, {"State": {"StartedAt": "0001-01-01T00:00:00Z"}})]
    daemon.answers["GET /containers/c1/json"] = (200, {"State": {"StartedAt": since}})
    engine.start_container("c1")
    assert daemon.times("POST /containers/c1/start") == starts


@pytest.mark.parametrize("trouble", [RESET, LOADED, TAKEN], ids=["hangs up", "500", "409"])
def test_a_command_is_never_run_twice(daemon: Daemon, engine: Engine, trouble: tuple[int, Any] | None) -> None:
    daemon.answers["POST /containers/c1/exec"] = trouble
    with pytest.raises(EngineError, match="run 'ls' in the container c1"):
        engine.exec("c1", ["ls"])
    assert daemon.times("POST /containers/c1/exec") == 1


def test_an_engine_that_was_silent_is_asked_once_and_briefly_until_it_answers(daemon: Daemon, engine: Engine) -> None:
    request = "GET /containers/c1/json"
    daemon.answers[request] = RESET
    with pytest.raises(NoAnswer):
        engine.inspect_container("c1")
    tries = daemon.times(request)
    assert tries > 5
    assert engine.silent
    usual, brief = 30, engine.api.timeout
    assert brief < usual
    with pytest.raises(NoAnswer):
        engine.inspect_container("c1")
    assert daemon.times(request) == tries + 1
    daemon.answers[request] = (200, {})
    engine.inspect_container("c1")
    assert not engine.silent
    assert engine.api.timeout == usual


def test_an_engine_that_is_too_slow_is_told_from_one_that_hangs_up(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /containers/c1/json"] = RESET
    with pytest.raises(NoAnswer) as raised:
        engine.inspect_container("c1")
    assert not raised.value.late
    daemon.hangs = True
    engine.api.timeout = 0.1  # type: ignore[assignment] # docker-py hands it to requests, which takes fractions
    with pytest.raises(NoAnswer, match=r"gave no answer when asked to inspect the container c1: .*timed out") as raised:
        engine.inspect_container("c1")
    assert raised.value.late


def frame(stream: int, words: bytes) -> bytes:
    """Return output as an engine frames it."""
    return bytes([stream, 0, 0, 0]) + len(words).to_bytes(4, "big") + words


@pytest.mark.parametrize("where", ["daemon", "remote"])
def test_a_command_that_goes_on_is_written_to_and_read_from(
    where: str, find: Callable[..., Engine], request: pytest.FixtureRequest
) -> None:
    """On a socket file and over TCP; frames may come in any pieces."""

    def echo(heard: BinaryIO, said: BinaryIO) -> None:
        line = heard.readline()
        whole = frame(1, b"out ") + frame(2, b"err ") + frame(1, line)
        said.write(whole[:5])
        said.flush()
        said.write(whole[5:])

    daemon: Daemon = request.getfixturevalue(where)
    daemon.answers["POST /containers/c1/exec"] = (201, {"Id": "e1"})
    daemon.answers["POST /exec/e1/start"] = (200, echo)
    stream = find(daemon.url).open_exec("c1", ["sh"])
    stream.send(b"hello\n")
    assert [stream.receive(5) for _ in range(4)] == [b"out ", b"err ", b"hello\n", b""]
    stream.close()


def test_a_commands_outputs_are_kept_apart(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /containers/c1/exec"] = (201, {"Id": "e1"})
    daemon.answers["GET /exec/e1/json"] = (200, {"ExitCode": 3})

    def talk(_: BinaryIO, said: BinaryIO) -> None:
        said.write(frame(1, b"out") + frame(2, b"err") + frame(1, b"put"))

    daemon.answers["POST /exec/e1/start"] = (200, talk)
    assert engine.exec("c1", ["sh"]) == ExecResult(3, "output", "err")


def asked(daemon: Daemon, request: str) -> dict[str, Any]:
    """Return the body of a request that the daemon got."""
    requests = [each.partition("?")[0] for each in daemon.asked]
    content: dict[str, Any] = json.loads(daemon.bodies[requests.index(request)])
    return content


def test_a_command_has_its_variables_its_user_and_its_folder(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /containers/c1/exec"] = (201, {"Id": "e1"})
    daemon.answers["GET /exec/e1/json"] = (200, {"ExitCode": 0})
    daemon.answers["POST /exec/e1/start"] = (200, lambda *_: None)
    engine.exec("c1", "ls -l 'a b'", env={"A": "1"}, user="1000:1000", workdir="/app")
    body = asked(daemon, "POST /containers/c1/exec")
    assert (body["Cmd"], body["Env"]) == (["ls", "-l", "a b"], ["A=1"])
    assert (body["User"], body["WorkingDir"], body["AttachStdin"]) == ("1000:1000", "/app", False)


FED = bytes(range(256)) * 20_480
"""5 MB: more than sockets hold, so that who sends it all before it reads waits without end."""


@pytest.mark.parametrize("where", ["daemon", "remote"])
@pytest.mark.parametrize("data", [FED, b"", b"short"], ids=["5 MB", "nothing", "little"])
def test_a_commands_input_is_sent_whole_and_closed_while_its_output_is_read(
    where: str, data: bytes, find: Callable[..., Engine], request: pytest.FixtureRequest
) -> None:
    def echo(heard: BinaryIO, said: BinaryIO) -> None:
        while piece := heard.read(65_536):  # until its end
            said.write(frame(1, piece))
        said.write(frame(2, b"over"))

    daemon: Daemon = request.getfixturevalue(where)
    daemon.answers["POST /containers/c1/exec"] = (201, {"Id": "e1"})
    daemon.answers["GET /exec/e1/json"] = (200, {"ExitCode": 0})
    daemon.answers["POST /exec/e1/start"] = (200, echo)
    assert find(daemon.url).exec_bytes("c1", ["cat"], input=data, timeout=60) == (0, data, b"over")
    assert asked(daemon, "POST /containers/c1/exec")["AttachStdin"] is True


def test_a_command_may_end_without_reading_its_input(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /containers/c1/exec"] = (201, {"Id": "e1"})
    daemon.answers["GET /exec/e1/json"] = (200, {"ExitCode": 3})

    def end(heard: BinaryIO, said: BinaryIO) -> None:
        heard.read(1)
        said.write(frame(2, b"no, thanks"))

    daemon.answers["POST /exec/e1/start"] = (200, end)
    assert engine.exec("c1", ["sh"], input=FED, timeout=60) == ExecResult(3, "", "no, thanks")


def test_a_command_that_takes_no_input_is_awaited_for_so_long(daemon: Daemon, engine: Engine) -> None:
    over = threading.Event()
    daemon.answers["POST /containers/c1/exec"] = (201, {"Id": "e1"})
    daemon.answers["POST /exec/e1/start"] = (200, lambda *_: over.wait(60))
    with pytest.raises(TimeoutError):
        engine.exec("c1", ["sh"], input=FED, timeout=0.05)
    over.set()


def test_a_command_that_closed_its_outputs_is_awaited_all_the_same(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /containers/c1/exec"] = (201, {"Id": "e1"})
    daemon.first["GET /exec/e1/json"] = [(200, {"ExitCode": None, "Running": True})]
    daemon.answers["GET /exec/e1/json"] = (200, {"ExitCode": 3, "Running": False})
    daemon.answers["POST /exec/e1/start"] = (200, lambda *_: None)
    assert engine.exec("c1", ["sh"]).exit_code == 3
    daemon.answers["GET /exec/e1/json"] = (200, {"ExitCode": None, "Running": True})
    with pytest.raises(TimeoutError):
        engine.exec("c1", ["sh"], timeout=0.01)


def test_by_tls_no_input_can_be_sent_and_nothing_is_run(
    daemon: Daemon, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.api, "base_url", "https://engine:2376")
    with pytest.raises(EngineError, match=r"asked by TLS, where a command's input can't be closed.*Remedy: "):
        engine.exec("c1", ["cat"], input=b"x")
    assert daemon.times("POST /containers/c1/exec") == 0


def test_after_so_many_bytes_a_command_isnt_listened_to(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /containers/c1/exec"] = (201, {"Id": "e1"})
    daemon.answers["GET /exec/e1/json"] = (200, {"ExitCode": None})

    def talk(heard: BinaryIO, said: BinaryIO) -> None:
        said.write(frame(1, b"1234") + frame(2, b"5678"))
        said.flush()
        heard.read()

    daemon.answers["POST /exec/e1/start"] = (200, talk)
    assert engine.exec_bytes("c1", ["sh"], timeout=5, most=8) == (None, b"1234", b"5678")


def test_an_engine_that_goes_away_while_a_command_runs_gave_no_answer(
    daemon: Daemon, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.answers["POST /containers/c1/exec"] = (201, {"Id": "e1"})
    daemon.answers["POST /exec/e1/start"] = (200, lambda *_: None)
    monkeypatch.setattr("pytest_foodtrucks.engine.execs.ExecStream.outputs", Mock(side_effect=ConnectionResetError))
    with pytest.raises(NoAnswer, match="gave no answer when asked to run 'sh' in the container c1"):
        engine.exec("c1", ["sh"])


def test_a_command_that_doesnt_end_is_awaited_for_so_long(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /containers/c1/exec"] = (201, {"Id": "e1"})
    daemon.answers["POST /exec/e1/start"] = (200, lambda heard, _: heard.readline())
    with pytest.raises(TimeoutError):
        engine.exec("c1", ["sh"], timeout=0.01)


class Chatter(ExecStream):
    """A command that says something whenever it is listened to, and ends only after a million words."""

    def __init__(self) -> None:
        self.words = 0

    def _frame(self, seconds: float | None) -> bytes:
        assert seconds is not None
        self.words += 1
        return frame(1, b"y") if self.words < 1_000_000 else b""


def test_a_command_that_goes_on_saying_something_is_awaited_for_so_long_too() -> None:
    with pytest.raises(TimeoutError):
        Chatter().outputs(0.01)


def test_a_silent_command_is_a_time_out(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["POST /containers/c1/exec"] = (201, {"Id": "e1"})
    daemon.answers["POST /exec/e1/start"] = (200, lambda heard, _: heard.readline())
    stream = engine.open_exec("c1", ["sh"])
    with pytest.raises(TimeoutError):
        stream.receive(0.01)
    stream.send(b"\n")
    stream.close()


def test_a_command_in_a_container_that_isnt_there_is_refused(engine: Engine) -> None:
    with pytest.raises(EngineError, match="could not run 'sh' in the container c1: no such thing"):
        engine.open_exec("c1", ["sh"])


def test_the_names_on_a_network_are_listed_by_addresses_of_both_families(daemon: Daemon, engine: Engine) -> None:
    about = {"Name": "es-1", "IPv4Address": "172.18.0.2/16", "IPv6Address": "fd00::2/64"}
    other = {"Name": "web-1", "IPv4Address": "172.18.0.3/16", "IPv6Address": ""}
    daemon.answers["GET /networks/n1"] = (200, {"Containers": {"c1": about, "c2": other}})
    assert engine.attached("n1") == {"172.18.0.2": "es-1", "fd00::2": "es-1", "172.18.0.3": "web-1"}


@pytest.mark.parametrize("events", [[], [{"Type": "network", "Action": "create"}]])
def test_whether_networks_changed_goes_by_the_engines_clock(
    daemon: Daemon, engine: Engine, events: list[object]
) -> None:
    daemon.answers["GET /info"] = (200, {"SystemTime": "2026-11-24T13:00:05.123456789Z"})
    daemon.answers["GET /events"] = (200, events)
    assert engine.networks_changed(4.5) is (events != [])
    since, until = (float(value) for value in re.findall(r"(?:since|until)=([\d.]+)", daemon.asked[-1]))
    assert since <= 1795525200.63
    assert until == pytest.approx(1795525206.123456, abs=0.001)


@pytest.mark.parametrize("argv", ["ls 'x", b"ls", "", [], [""], None, 5, [5], ["ls", 5], [None], {"ls": 1}, ["l\0s"]])
def test_a_command_that_is_no_list_of_words_is_refused_before_it_runs(
    daemon: Daemon, engine: Engine, argv: Any
) -> None:
    asked = len(daemon.asked)
    with pytest.raises(DefinitionError, match=r"argv=.*Remedy: "):
        Container(engine, "c1", "web", "net").exec(argv)
    assert len(daemon.asked) == asked
