"""Files that are put into a service's container and got from it."""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from unittest.mock import Mock

import pytest

from fakes.engine import FakeEngine
from fakes.session import new_stack
from pytest_foodtrucks.engine.inspected import PathInfo
from pytest_foodtrucks.errors import DefinitionError, EngineError, NoAnswer
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.service import Service


class Recording(FakeEngine):
    """An engine that remembers what was put, with its headers."""

    def __init__(self) -> None:
        super().__init__()
        self.members: dict[str, tarfile.TarInfo] = {}
        self.folder = ""

    def put_archive(self, container: str, folder: str, archive: IO[bytes]) -> None:
        archive.seek(0)
        with tarfile.open(fileobj=archive) as tar:
            self.members = {member.name: member for member in tar}
        self.folder = folder
        super().put_archive(container, folder, archive)


@pytest.fixture
def engine() -> Recording:
    """Return an engine in memory."""
    return Recording()


@pytest.fixture
def service(engine: Recording) -> Iterator[Service]:
    """Return a service."""
    net = Network(new_stack(engine), "net", "bridge", internal=False)
    with net.service(
        image="busybox", aliases=["db"], tmpfs="/run", volumes=["data:/run/data"], ready=lambda _: None
    ) as db:
        yield db


def test_bytes_are_put_and_got(service: Service, engine: Recording) -> None:
    service.put(b"\x00\xff", "/etc/app.conf")
    assert service.get("/etc/app.conf") == b"\x00\xff"
    assert (engine.folder, list(engine.members)) == ("/etc", ["app.conf"])
    about = engine.members["app.conf"]
    assert (about.mode, about.uid, about.gid) == (0o644, 0, 0)
    service.put(b"", "/etc/app.conf", mode=0o600)
    assert engine.members["app.conf"].mode == 0o600
    service.put(b"", "/etc/app.conf", mode="0440")
    assert engine.members["app.conf"].mode == 0o440


def test_a_file_keeps_its_permissions_and_is_roots(service: Service, engine: Recording, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "a").chmod(0o640)
    service.put(tmp_path / "a", "/etc/b")
    about = engine.members["b"]
    assert (about.mode, about.uid, about.uname) == (0o640, 0, "")
    service.put(str(tmp_path / "a"), "/etc/")
    assert service.get("/etc/a") == b"a"


def test_a_relative_path_begins_at_the_calling_file(service: Service) -> None:
    service.put(Path(__file__).name, "/etc/test")
    assert service.get("/etc/test") == Path(__file__).read_bytes()


def test_folders_that_are_missing_there_are_made(service: Service, engine: Recording) -> None:
    service.put(b"a", "/etc/deep/er/a")
    assert (engine.folder, list(engine.members)) == ("/etc", ["deep/er/a"])
    service.put(b"a", "/new/a")
    assert (engine.folder, list(engine.members)) == ("/", ["new/a"])


def test_a_folder_is_put_whole(service: Service, engine: Recording, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/a").write_text("a")
    (folder / "link").symlink_to("sub/a")
    service.put(folder, "/new", mode=0o640)
    assert set(engine.members) == {"new", "new/sub", "new/sub/a", "new/link"}
    assert (engine.members["new/sub"].mode, engine.members["new/sub/a"].mode) == (0o750, 0o640)
    assert engine.members["new/link"].linkname == "sub/a"
    service.put(folder, "/etc/")
    assert service.get("/etc/folder/sub/a") == b"a"


def test_of_a_folder_that_is_there_only_the_content_is_put(service: Service, engine: Recording, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    service.put(tmp_path, "/etc")
    assert (engine.folder, list(engine.members)) == ("/etc", ["a"])


def test_a_socket_in_a_folder_is_left_out(service: Service, engine: Recording, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    service.put(tmp_path, "/new")
    assert set(engine.members) == {"new", "new/pipe"}


@pytest.mark.parametrize("place", ["", "etc", "/", "//", "/..", "./a", 5, b"/a", None, "/a\0", "/\ud800"])
def test_a_path_that_is_none_in_a_container_is_told(service: Service, place: Any) -> None:
    for call in (lambda: service.put(b"", place), lambda: service.get(place)):
        with pytest.raises(DefinitionError, match=r"Remedy: "):
            call()


@pytest.mark.parametrize("source", ["gone", 5, None, "a\0", bytearray(b"a"), ["a"]])
def test_what_cannot_be_put_is_told(service: Service, source: Any) -> None:
    with pytest.raises(DefinitionError, match=r"Remedy: "):
        service.put(source, "/etc/a")


def test_bytes_need_a_name(service: Service) -> None:
    with pytest.raises(DefinitionError, match=r"to='/etc/' is a folder, and bytes have no name\. Remedy: "):
        service.put(b"", "/etc/")


@pytest.mark.parametrize("mode", [644, "rw", -1, 1.5, True])
def test_a_mode_that_is_none_is_told(service: Service, mode: Any) -> None:
    with pytest.raises(DefinitionError, match=r"mode.*Remedy: give the octal number, such as 0o440"):
        service.put(b"", "/etc/a", mode=mode)


@pytest.mark.parametrize("place", ["/run/a", "/run", "/proc/self", "/dev/x/../y"])
def test_what_is_in_memory_is_told_because_the_engine_does_not_see_it(service: Service, place: str) -> None:
    for call in (lambda: service.put(b"", place), lambda: service.get(place)):
        with pytest.raises(DefinitionError, match=r" of foodtrucks-db-\w+ is on /\w+, which is in memory.* Remedy: "):
            call()


def test_a_volume_below_what_is_in_memory_is_seen(service: Service) -> None:
    service.put(b"a", "/run/data/a")
    service.put(b"b", "/running")
    assert (service.get("/run/data/a"), service.get("/running")) == (b"a", b"b")


def test_a_link_is_followed(service: Service, engine: Recording) -> None:
    service.put(b"a", "/etc/a")
    engine.links["/etc/link"] = "/etc/a"
    assert service.get("/etc/link") == b"a"


@pytest.mark.parametrize("links", [{"/var": "/run"}, {"/var/x": "/run"}, {"/var": "/etc", "/etc/x": "/proc/x"}])
def test_a_link_into_memory_is_told_too(service: Service, engine: Recording, links: dict[str, str]) -> None:
    service.put(b"a", "/var/x/a")
    engine.links.update(links)
    for call in (lambda: service.put(b"", "/var/x/a"), lambda: service.get("/var/x/a")):
        with pytest.raises(DefinitionError, match=r"/var/x/a of .* is on /(run|proc), which is in memory.* Remedy: "):
            call()


def test_a_link_that_is_put_at_is_replaced_wherever_it_leads(service: Service, engine: Recording) -> None:
    service.put(b"a", "/etc/a")
    engine.links["/etc/a"] = "/proc/a"
    service.put(b"b", "/etc/a")
    with pytest.raises(DefinitionError, match=r"/etc/a of .* is on /proc, which is in memory"):
        service.get("/etc/a")


@pytest.mark.parametrize(
    ("given", "name"), [("current", "current"), ("sub/../current", "current"), ("current/.", "current")]
)
def test_a_link_here_is_put_by_its_own_name(service: Service, tmp_path: Path, given: str, name: str) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1/a").write_text("a")
    (tmp_path / "current").symlink_to("v1")
    service.put(f"{tmp_path}/{given}", "/etc/")
    assert service.get(f"/etc/{name}/a") == b"a"


def test_what_is_neither_a_file_nor_a_folder_is_told(service: Service, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DefinitionError, match=r"pipe' is neither a file nor a folder\. Remedy: "):
        service.put(tmp_path / "pipe", "/etc/")


def test_a_file_that_cannot_be_read_is_told(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("a")

    def add(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "a"))

    monkeypatch.setattr(tarfile.TarFile, "add", add)
    with pytest.raises(DefinitionError, match=r"a' can't be read \(Permission denied\)\. Remedy: "):
        service.put(tmp_path, "/etc/")


def test_what_is_not_there_is_an_error_with_its_path(service: Service) -> None:
    with pytest.raises(EngineError) as raised:
        service.get("/etc/gone")
    name = service.container.name
    why = f"Could not find the file /etc/gone in container {name}"
    assert str(raised.value) == f"In {name} /etc/gone can't be read: {why}. Remedy: see what is at that path."
    assert raised.value.status == 404


def test_a_folder_is_not_got(service: Service) -> None:
    with pytest.raises(EngineError, match=r"/etc of foodtrucks-db-\w+ is a folder\. Remedy: "):
        service.get("/etc")


def test_what_is_no_regular_file_is_not_got(
    service: Service, engine: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tarfile.TarInfo("pipe")
    about.type = tarfile.FIFOTYPE
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(about)
    monkeypatch.setattr(
        engine, "get_archive", lambda _, __, take: take(PathInfo(0o644, ""), io.BytesIO(packed.getvalue()))
    )
    with pytest.raises(EngineError, match=r"/etc/pipe of .* is no regular file"):
        service.get("/etc/pipe")


def test_what_the_container_does_not_take_is_an_error_with_its_path(service: Service, engine: Recording) -> None:
    engine.put_error = EngineError("…", status=400, reason="container rootfs is marked read-only")
    with pytest.raises(EngineError, match=r"In foodtrucks-db-\w+ /etc/a can't be written: .* read-only\. Remedy: "):
        service.put(b"", "/etc/a")


def test_where_the_engine_cannot_look_it_says_why_when_it_is_to_write(
    service: Service, engine: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def path_info(*_: object) -> None:  # its answers to HEAD have no words
        raise EngineError("could not look at /etc/passwd/a: ", status=500, reason="")

    monkeypatch.setattr(engine, "path_info", path_info)
    engine.put_error = EngineError("…", status=500, reason="not a directory")
    with pytest.raises(EngineError, match=r"/etc/passwd/a can't be written: not a directory\. Remedy: "):
        service.put(b"", "/etc/passwd/a")


def test_an_engine_that_is_away_is_told_as_such(service: Service, engine: Recording) -> None:
    engine.put_error = NoAnswer(f"{service.container.id} is away")
    with pytest.raises(NoAnswer, match=f"^{service.container.name} is away$"):
        service.put(b"", "/etc/a")


def test_an_engine_that_is_away_when_a_path_is_looked_at_is_told_as_such(
    service: Service, engine: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "path_info", Mock(side_effect=NoAnswer(f"{service.container.id} is away")))
    with pytest.raises(NoAnswer, match=f"^{service.container.name} is away$"):
        service.put(b"", "/etc/a")
