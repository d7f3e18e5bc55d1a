"""What the keys of `build` mean."""

from pathlib import Path
from typing import Any

import pytest

from pytest_foodtrucks.containers.building import Build
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.services.definitions import define


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """Return a folder with a Dockerfile."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def build(folder: Path, *, platform: str | None = None, **keys: Any) -> Build:
    """Return what a service's `build` of a folder means."""
    keywords = {"build": {"context": ".", **keys}, "platform": platform}
    made = define(keywords, alias="victim", folder=folder).build
    assert made is not None
    return made


def test_a_dockerfile_may_be_written_inline(tmp_path: Path) -> None:
    made = build(tmp_path, dockerfile_inline="FROM scratch\n")
    assert (made.dockerfile_inline, made.context) == ("FROM scratch\n", tmp_path)
    assert made.source == f"dockerfile_inline in {tmp_path}"


def test_an_inline_dockerfile_needs_its_folder_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"For build= there is no '.*/gone'\. Remedy: "):
        define({"build": {"context": "gone", "dockerfile_inline": "FROM a"}}, alias="victim", folder=tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "plain"),
    [
        ("cache_from", "busybox", ("busybox",)),
        ("cache_from", ["a:1", "type=local,src=c"], ("a:1", "type=local,src=c")),
        ("network", "host", "host"),
        ("platforms", ["linux/arm64", "linux/arm64"], ("linux/arm64",)),
        ("additional_contexts", ["base=docker-image://busybox"], (("base", "docker-image://busybox"),)),
        ("additional_contexts", {"git": "https://git.example/a.git"}, (("git", "https://git.example/a.git"),)),
        ("ssh", "default", ("default",)),
        ("ssh", {"default": None}, ("default",)),
    ],
)
def test_a_key_may_have_composes_forms(context: Path, key: str, value: Any, plain: Any) -> None:
    assert getattr(build(context, **{key: value}), key) == plain


def test_paths_of_contexts_secrets_and_keys_begin_at_the_defining_file(context: Path) -> None:
    for name in ("base", "token.txt", "id"):
        (context / name).mkdir()
    made = build(
        context,
        additional_contexts={"base": "./base"},
        secrets={"token": "token.txt", "other": {"file": "./token.txt"}},
        ssh=["deploy=id"],
    )
    assert made.additional_contexts == (("base", f"{context}/base"),)
    assert made.secrets == (("token", f"src={context}/token.txt"), ("other", f"src={context}/token.txt"))
    assert made.ssh == (f"deploy={context}/id",)


def test_a_secret_may_be_a_variable_of_the_environment(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    made = build(context, secrets={"token": {"environment": "TOKEN"}})
    assert made.secrets == (("token", "env=TOKEN"),)
    assert "hunter2" not in repr(made)


def test_an_image_is_built_for_the_services_platform(context: Path) -> None:
    assert build(context, platform="linux/arm64").platforms == ("linux/arm64",)
    both = ["linux/arm64", "linux/amd64"]
    assert build(context, platform="linux/amd64", platforms=both).platforms == tuple(both)
    with pytest.raises(
        DefinitionError, match=r"platform='linux/s390x' isn't among the platforms of build=, linux/arm64"
    ):
        build(context, platform="linux/s390x", platforms=both)


def test_what_needs_buildkit_is_known(context: Path) -> None:
    assert build(context, platforms=["linux"], cache_from="a", network="none").needs_buildkit == []
    made = build(context, platforms=["linux/arm64", "linux/amd64"], ssh="default")
    assert made.needs_buildkit == ["ssh", "platforms"]


def test_an_unknown_key_is_named_with_all_that_there_are(context: Path) -> None:
    with pytest.raises(DefinitionError, match=r"build, .* has the key 'no_cache'\. Remedy: .*`cache_from`, .*`ssh`"):
        build(context, no_cache=True)
