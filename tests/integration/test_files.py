"""Secrets, configs, named volumes, fixed host ports, and files that are put into a container and got from it."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from fakes.session import keep, settings
from lab import IDLE, IMAGE
from pytest_foodtrucks import DefinitionError, Engine, EngineError, Network, Service, StartError, cli, service
from pytest_foodtrucks.containers.creation import free_port
from pytest_foodtrucks.containers.progress import Progress
from pytest_foodtrucks.engine.discovery import find_engine
from pytest_foodtrucks.engine.labels import OWNER_LABEL, SESSION_LABEL
from pytest_foodtrucks.services.definitions import define
from pytest_foodtrucks.services.network_part import throwaway_network
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.stacks.stack import Stack

from .conftest import Downstream
from .test_ways_out import gone

SECRET = "hunter" + "2"

keeper = service(
    **IDLE,
    network="home",
    user="1000",
    secrets=lambda secret_file: {
        "password": SECRET,
        "key": {"content": b"\x00\xff", "uid": 1000, "gid": 7, "mode": 0o400},
        "elsewhere": {"file": secret_file, "target": "/etc/keeper/token"},
    },
    configs={"keeper.conf": {"content": "colour = blue\n", "mode": "0440", "uid": "1000"}},
    volumes=["things:/var/lib/things", {"type": "tmpfs", "target": "/cache", "tmpfs": {"size": "1m", "mode": 0o700}}],
    tmpfs=[{"target": "/scratch", "size": "2m", "mode": 0o1777}],
)
reader = service(
    **IDLE,
    network="home",
    volumes=[{"type": "volume", "source": "things", "target": "/things", "read_only": True}],
)


@pytest.fixture(scope="session")
def secret_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file that a secret is in."""
    file = tmp_path_factory.mktemp("secret") / "token"
    file.write_text("from a file")
    return file


def out(service: Service, *argv: str) -> str:
    """Return what a command prints."""
    done = service.exec(argv)
    assert done.exit_code == 0, done
    return done.stdout.strip()


def refused(service: Service, script: str) -> str:
    """Return why a shell's command fails, even for root."""
    engine = service.__foodtrucks__.stack.engine
    started = engine.api.exec_create(service.container.id, ["sh", "-c", script], user="root")
    told: bytes = engine.api.exec_start(started["Id"])
    assert engine.api.exec_inspect(started["Id"])["ExitCode"] != 0
    return told.decode()


def test_secrets_and_configs_are_read_only_files_of_their_mode_at_their_places(keeper: Service) -> None:
    assert keeper.get("/run/secrets/password") == SECRET.encode()
    assert keeper.get("/run/secrets/key") == b"\x00\xff"
    assert keeper.get("/etc/keeper/token") == b"from a file"
    assert out(keeper, "cat", "/run/secrets/password", "/keeper.conf") == f"{SECRET}colour = blue"
    listed = out(keeper, "stat", "-c", "%a %u %g", "/run/secrets/password", "/run/secrets/key", "/keeper.conf")
    assert listed.splitlines() == ["444 0 0", "400 1000 7", "440 1000 0"]
    for path in ("/run/secrets/password", "/run/secrets/key", "/keeper.conf", "/etc/keeper/token"):
        assert "Read-only file system" in refused(keeper, f"echo x > {path}")


def test_nothing_shows_a_secret(keeper: Service) -> None:
    assert SECRET not in repr(keeper.container.inspect())
    state = keeper.__foodtrucks__.stack.session.state_folder
    files = [file.read_bytes() for file in state.rglob("*") if file.is_file()]
    assert files
    assert not any(SECRET.encode() in content for content in files)
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended, or isn't ours to read
            assert SECRET.encode() not in entry.read_bytes()


def test_a_named_volume_is_one_for_all_services_that_name_it_and_ours_at_once(keeper: Service, reader: Service) -> None:
    keeper.put(b"shared", "/var/lib/things/note")
    assert reader.get("/things/note") == b"shared"
    assert "Read-only file system" in refused(reader, "echo x > /things/note")
    engine, session = keeper.__foodtrucks__.stack.engine, keeper.__foodtrucks__.stack.session
    mounts = [mount for mount in keeper.container.inspect()["Mounts"] if mount["Type"] == "volume"]
    assert {mount["Destination"] for mount in mounts} >= {"/var/lib/things"}
    assert all(engine.labels("volumes", SESSION_LABEL)[mount["Name"]] == session.id for mount in mounts)


def test_file_systems_in_memory_have_their_size_and_mode(keeper: Service) -> None:
    assert out(keeper, "stat", "-c", "%a", "/scratch", "/cache").split() == ["1777", "700"]
    assert [line.split()[1] for line in out(keeper, "df", "-k", "/scratch", "/cache").splitlines()[1:]] == [
        "2048",
        "1024",
    ]
    for path in ("/scratch/a", "/cache/a", "/proc/version"):
        with pytest.raises(DefinitionError, match=rf"{path} of foodtrucks-keeper-\w+ is on .*, which is in memory"):
            keeper.put(b"", path)


def test_with_a_read_only_root_file_system_secrets_are_there_all_the_same(home: Network) -> None:
    about: dict[str, Any] = {**IDLE, "aliases": ["files-read-only"], "read_only": True}
    with home.service(**about, secrets={"password": SECRET}, volumes=["/data"]) as made:
        assert made.get("/run/secrets/password") == SECRET.encode()
        made.put(b"a", "/data/deep/er/a")
        assert made.get("/data/deep/er/a") == b"a"
        with pytest.raises(EngineError, match=r"/etc/a can't be written: .*read-only.* Remedy: "):
            made.put(b"a", "/etc/a")


def test_bytes_files_and_folders_go_there_and_back(keeper: Service, tmp_path: Path) -> None:
    keeper.put(b"\x00\xff", "/new/folders/bytes", mode=0o600)
    assert keeper.get("/new/folders/bytes") == b"\x00\xff"
    large = os.urandom(20_000_000)
    (tmp_path / "large").write_bytes(large)
    (tmp_path / "large").chmod(0o640)
    keeper.put(tmp_path / "large", "/new/folders/")
    assert keeper.get("/new/folders/large") == large
    listed = out(keeper, "stat", "-c", "%a %u", "/new/folders/bytes", "/new/folders/large")
    assert listed.splitlines() == ["600 0", "640 0"]
    folder = tmp_path / "folder"
    (folder / "sub/empty").mkdir(parents=True)
    (folder / "sub/a").write_text("a")
    (folder / "link").symlink_to("sub/a")
    keeper.put(str(folder), "/copy", mode=0o640)
    keeper.put(folder, "/var/lib/things/")
    assert keeper.get("/copy/link") == b"a"
    found = {
        line.removeprefix("/var/lib/things/folder") for line in out(keeper, "find", "/var/lib/things/folder").split()
    }
    assert found == {"", "/link", "/sub", "/sub/a", "/sub/empty"}
    assert out(keeper, "stat", "-c", "%a", "/copy", "/copy/sub").split() == ["750", "750"]


def test_a_folder_that_is_there_keeps_its_owner(keeper: Service, tmp_path: Path) -> None:
    assert refused(keeper, "mkdir /mine; chown 1000:7 /mine; chmod 711 /mine; false") == ""
    (tmp_path / "a").write_text("a")
    keeper.put(tmp_path, "/mine")
    assert out(keeper, "stat", "-c", "%a %u %g", "/mine") == "711 1000 7"
    assert keeper.get("/mine/a") == b"a"


def test_what_isnt_there_and_what_is_a_folder_is_told(keeper: Service) -> None:
    with pytest.raises(EngineError, match=r"/etc/gone can't be read: .*/etc/gone.* Remedy: ") as raised:
        keeper.get("/etc/gone")
    assert raised.value.status == 404
    with pytest.raises(EngineError, match=r"/etc of foodtrucks-keeper-\w+ is a folder\. Remedy: "):
        keeper.get("/etc")
    with pytest.raises(EngineError, match=r"/etc can't be written: .*director.* Remedy: "):
        keeper.put(b"a", "/etc")
    with pytest.raises(EngineError, match=r"/etc/passwd/a can't be written: .* Remedy: "):
        keeper.put(b"a", "/etc/passwd/a")
    assert keeper.exec(["test", "-f", "/etc/passwd"]).exit_code == 0


def test_nothing_is_put_or_got_by_way_of_a_link_into_memory(keeper: Service, tmp_path: Path) -> None:
    keeper.put(b"a", "/links/beside")
    assert refused(keeper, "ln -s /scratch /links/memory; ln -s /links /links/here; false") == ""
    for call in (lambda: keeper.put(b"a", "/links/memory/new/a"), lambda: keeper.get("/links/here/memory/a")):
        with pytest.raises(DefinitionError, match=r" is on /scratch, which is in memory"):
            call()
    keeper.put(b"b", "/links/here/here/beside")
    assert keeper.get("/links/here/beside") == b"b"
    (tmp_path / "current").symlink_to(Path(__file__))
    keeper.put(tmp_path / "current", "/links/")
    assert keeper.get("/links/current") == Path(__file__).read_bytes()
    with pytest.raises(EngineError, match=r"/etc/passwd/a/b can't be written: \S+.* Remedy: "):
        keeper.put(b"a", "/etc/passwd/a/b")


def test_a_stopped_service_has_its_files_still(reader: Service) -> None:
    with reader.stopped(timeout=0):
        reader.put(b"late", "/late")
        assert reader.get("/late") == b"late"
    assert out(reader, "cat", "/late") == "late"


def test_a_fixed_host_port_is_that_one_and_told_where_it_is_taken(home: Network, foodtrucks_engine: Engine) -> None:
    fixed, other = free_port(foodtrucks_engine), free_port(foodtrucks_engine)
    ports: list[Any] = [{"target": 7000, "published": fixed}, f"127.0.0.2:{other}:7001", 7002]
    script = "for port in 7000 7001 7002; do nc -ll -p $port -e cat & done; wait"
    command = ["sh", "-c", script]
    with home.service(image=IMAGE, command=command, aliases=["files-fixed"], ports=ports) as made:
        assert [made.address(port).port for port in (7000, 7001)] == [fixed, other]
        assert made.address(7001).host == "127.0.0.2"
        for port in (7000, 7001, 7002):
            with socket.create_connection(made.address(port), timeout=5) as connection:
                connection.sendall(b"hello")
                assert connection.recv(5) == b"hello"
        taken = rf"files-second can't be started: its port 80 is to be at port {fixed} of the host, and that is taken"
        second = home.service(**IDLE, aliases=["files-second"], ports=[f"{fixed}:80"])
        with pytest.raises(StartError, match=taken), second:
            pass


CONFTEST = """
import os
from pytest_foodtrucks import service

keeper = service(
    image=os.environ["EXAMPLE_BUSYBOX_IMAGE"],
    command=["sh", "-c", "trap exit TERM; tail -f /dev/null & wait"],
    volumes=["data:/data"],
    secrets={"password": "x"},
)
"""

HANGS = """
import pathlib, time

def test_it(keeper):
    keeper.put(b"1", "/data/one")
    pathlib.Path("reached").touch()
    time.sleep(60)
"""


def volumes_of(engine: Engine, things: set[str]) -> set[str]:
    """Return those of some things that are volumes."""
    return things & set(engine.labels("volumes", OWNER_LABEL))


def test_volumes_go_with_a_killed_session(
    downstream: Downstream, state: Path, ours_on_engine: Callable[[], set[str]], foodtrucks_engine: Engine
) -> None:
    downstream.write(conftest=CONFTEST, test_it=HANGS)
    before = ours_on_engine()
    with downstream.started(f"--foodtrucks-state-dir={state}") as process:
        while not (downstream.folder / "reached").exists():
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.02)
        assert len(volumes_of(foodtrucks_engine, ours_on_engine() - before)) == 2
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    assert gone(lambda: ours_on_engine() - before)


def one_kept_session(state: Path, secret: str) -> bytes:
    """Return what an earlier session left in the volume of a service that the project keeps, and leave something."""
    about = {**IDLE, "volumes": ["data:/data"], "secrets": {"password": secret}, "reset": lambda _: None}
    definition = define(about, alias="keeper", folder=Path(__file__).parent)
    session = Session.begin(state)
    with closing(find_engine()) as engine, ExitStack() as undo:
        undo.callback(keep(session, engine).release)
        stack = Stack(engine, settings(), progress=Progress(None), session=session)
        undo.callback(stack.close)
        with throwaway_network(stack, shared_as="home") as net, net.running(definition, shared=True) as service:
            assert service.get("/run/secrets/password") == secret.encode()
            found = service.get("/data/left") if service.exec(["test", "-e", "/data/left"]).exit_code == 0 else b""
            service.put(b"something", "/data/left")
            return found


@pytest.fixture
def kept_state(state_home: Path, nothing_left: None) -> Iterator[Path]:
    """Return a state folder whose kept stacks go after the test, however that ends."""
    del nothing_left
    yield state_home / "files-kept"
    assert cli.main(["prune", f"--state-dir={state_home / 'files-kept'}"]) == 0


def test_volumes_stay_with_a_kept_service_and_are_new_with_a_new_one(
    kept_state: Path, foodtrucks_engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    state = kept_state
    assert [one_kept_session(state, secret) for secret in ("x", "x", "y")] == [b"", b"something", b""]
    (kept,) = (folder.name for folder in state.glob("kept/*/"))
    assert len(foodtrucks_engine.labelled("volumes", SESSION_LABEL, kept)) == 2
    assert cli.main(["prune", f"--state-dir={state}"]) == 0
    assert "(4 containers, networks and volumes)" in capsys.readouterr().out
    assert foodtrucks_engine.labelled("volumes", SESSION_LABEL, kept) == []
