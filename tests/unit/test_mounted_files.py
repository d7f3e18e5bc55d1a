"""Secrets and configs: what they are, and how a container gets them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fakes.engine import FakeEngine
from pytest_foodtrucks.containers.compose import ContainerSpec
from pytest_foodtrucks.containers.creation import Creation
from pytest_foodtrucks.containers.mounted_files import MountedFile, checked_configs, checked_secrets
from pytest_foodtrucks.errors import DefinitionError, EngineError, StartError
from pytest_foodtrucks.services.definitions import define

SECRET = "hunter2"  # noqa: S105 - nobody's


def creation(engine: FakeEngine, **keywords: Any) -> Creation:
    """Create a container with secrets."""
    labels = {"pytest-foodtrucks": "me", "pytest-foodtrucks.part": "db"}
    files = checked_secrets(keywords.pop("secrets", {"password": SECRET}))
    about: dict[str, Any] = {"image": "busybox", "network": "net", "title": "db", "labels": labels, "files": files}
    return Creation(engine, ContainerSpec(), **{**about, **keywords})


def mounts(made: Creation) -> list[dict[str, Any]]:
    """Return what a container was created with."""
    found: list[dict[str, Any]] = made.container.inspect()["HostConfig"]["Mounts"]
    return found


# what they are


def test_a_secret_is_by_default_a_file_that_all_in_the_container_may_read() -> None:
    assert checked_secrets({"password": SECRET}) == (
        MountedFile(target="/run/secrets/password", content=SECRET.encode(), uid=0, gid=0, mode=0o444),
    )
    assert checked_configs({"app.conf": b"a"}) == (MountedFile(target="/app.conf", content=b"a"),)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"content": "a", "target": "pw"}, MountedFile(target="/run/secrets/pw", content=b"a")),
        ({"content": "a", "target": "/etc/pw"}, MountedFile(target="/etc/pw", content=b"a")),
        ({"content": b"", "mode": "0400"}, MountedFile(target="/run/secrets/x", content=b"", mode=0o400)),
        ({"content": "a", "uid": "7", "gid": 8}, MountedFile(target="/run/secrets/x", content=b"a", uid=7, gid=8)),
        ({"file": "./a", "target": None}, MountedFile(target="/run/secrets/x", file=Path("a"))),
    ],
)
def test_the_long_form_is_composes(given: Mapping[str, object], made: MountedFile) -> None:
    assert checked_secrets({"x": given}) == checked_secrets([{"source": "x", **given}]) == (made,)


def test_a_secret_may_be_a_variable_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", SECRET)
    (made,) = checked_secrets({"token": {"environment": "A_TOKEN"}})
    assert made.content == SECRET.encode()


def test_a_file_begins_at_the_defining_folder_and_has_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(SECRET)
    given = {"image": "busybox", "secrets": {"a": Path("token")}, "configs": {"b": {"file": "gone"}}}
    with pytest.raises(DefinitionError, match=rf"configs has the file '{tmp_path}/gone', and none .* Remedy: create"):
        define(given, alias="db", folder=tmp_path)
    made = define({**given, "configs": {}}, alias="db", folder=tmp_path)
    assert made.secrets == (MountedFile(target="/run/secrets/a", file=tmp_path / "token"),)


def test_no_content_is_shown() -> None:
    made = define({"image": "busybox", "secrets": {"a": SECRET}, "configs": {"a": SECRET}}, alias="db", folder=Path())
    assert SECRET not in repr(made)
    assert "/run/secrets/a" in repr(made)


# how a container gets them


def test_a_container_gets_its_secrets_by_a_volume_that_a_helper_fills() -> None:
    engine = FakeEngine()
    made = creation(engine, secrets={"a": SECRET, "b": {"content": b"\0", "uid": 7, "gid": 8, "mode": 0o400}})
    assert list(engine.containers) == [made.container.id], "the helper is gone"
    assert engine.events == ["create foodtrucks-db", "remove", "create foodtrucks-db"], "and was never started"
    (volume,) = engine.volumes
    assert engine.volumes[volume]["pytest-foodtrucks.name"] == volume
    packed = engine.contents[volume]
    assert [(packed[name].size, packed[name].mode, packed[name].uid, packed[name].gid) for name in ("0", "1")] == [
        (len(SECRET), 0o444, 0, 0),
        (1, 0o400, 7, 8),
    ]
    assert SECRET not in repr(engine.containers)


def test_the_volume_of_a_service_with_a_long_alias_has_a_name_that_a_folder_may_have() -> None:
    engine = FakeEngine()
    creation(engine, title="a" * 253)
    assert all(len(volume) <= 255 for volume in engine.volumes)


def test_an_engine_that_mounts_a_single_file_of_a_volume_does() -> None:
    engine = FakeEngine()
    engine.subpaths = True
    (mount,) = mounts(creation(engine))
    (volume,) = engine.volumes
    assert mount == {
        "Type": "volume",
        "Source": volume,
        "Target": "/run/secrets/password",
        "ReadOnly": True,
        "VolumeOptions": {"NoCopy": True, "Subpath": "0"},
    }


def test_an_older_engine_mounts_it_by_its_own_path() -> None:
    engine = FakeEngine()
    (mount,) = mounts(creation(engine))
    (volume,) = engine.volumes
    source = f"/var/lib/engine/{volume}/0"
    assert mount == {"Type": "bind", "Source": source, "Target": "/run/secrets/password", "ReadOnly": True}


def test_volume_and_labels_are_the_containers_and_go_with_it() -> None:
    engine = FakeEngine()
    made = creation(engine)
    (volume,) = engine.volumes
    assert engine.labels("volumes", "pytest-foodtrucks.part") == {volume: "db"}
    assert volume.startswith("foodtrucks-db-")
    made.remove()
    assert engine.volumes == engine.containers == {}


def test_a_container_without_secrets_has_no_volume() -> None:
    engine = FakeEngine()
    creation(engine, secrets={})
    assert (engine.volumes, len(engine.containers)) == ({}, 1)


def test_what_cannot_be_filled_leaves_nothing() -> None:
    engine = FakeEngine()
    engine.put_error = EngineError("no", status=500, reason="no space left on device")
    with pytest.raises(StartError, match=r"of db \(busybox\) can't be given its secrets and configs: no space left on"):
        creation(engine)
    assert engine.volumes == engine.containers == {}


def test_a_container_that_cannot_be_created_leaves_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, create = FakeEngine(), FakeEngine.create_container

    def refuse_second(self: FakeEngine, name: str, config: Mapping[str, Any], *, platform: str | None = None) -> str:
        if config["HostConfig"]["NetworkMode"] == "net":
            raise EngineError("no", status=400, reason="unknown capability")
        return create(self, name, config, platform=platform)

    monkeypatch.setattr(FakeEngine, "create_container", refuse_second)
    with pytest.raises(StartError, match="unknown capability"):
        creation(engine)
    assert engine.volumes == engine.containers == {}
