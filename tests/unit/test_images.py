"""Images: pulled or not, built, and the errors when neither works."""

import hashlib
import os
import re
import stat
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.engine import FakeEngine
from pytest_foodtrucks.containers import building, pulling
from pytest_foodtrucks.containers.building import Build
from pytest_foodtrucks.containers.progress import Progress
from pytest_foodtrucks.engine.endpoints import Endpoint
from pytest_foodtrucks.errors import EngineError, ImageError
from pytest_foodtrucks.sessions.state_key import keyed


class RefusingEngine(FakeEngine):
    """An engine whose pulls all fail."""

    def __init__(self, error: EngineError) -> None:
        super().__init__()
        self.error = error

    def pull(self, image: str, platform: str | None = None) -> Iterator[dict[str, Any]]:
        del image, platform
        yield {"status": "Pulling"}
        raise self.error


def pulled(engine: FakeEngine, image: str = "es:9", *, pull: str = "missing") -> None:
    """Make sure that the engine has an image."""
    pulling.pulled(engine, image, pull=pull, progress=Progress(None))


def refusal(reason: str, image: str = "es:9", *, status: int | None = 500) -> str:
    """Return the message when the engine can't pull for a reason."""
    engine = RefusingEngine(EngineError(f"The engine could not pull: {reason}", status=status, reason=reason))
    with pytest.raises(ImageError) as raised:
        pulled(engine, image)
    return str(raised.value)


@pytest.mark.parametrize(
    ("image", "prefix", "full"),
    [
        ("busybox", None, "busybox"),
        ("busybox", "mirror.example", "mirror.example/busybox"),
        ("docker.elastic.co/es/es:9", "localhost:5000/hub", "localhost:5000/hub/docker.elastic.co/es/es:9"),
    ],
)
def test_a_mirror_is_put_before_the_whole_name(image: str, prefix: str | None, full: str) -> None:
    assert pulling.prefixed(image, prefix) == full


# pulling


def test_missing_pulls_an_image_that_the_engine_doesnt_have() -> None:
    engine = FakeEngine()
    engine.registry["es:9"] = [{"status": "Downloading"}, {"status": "done"}]
    pulled(engine)
    assert "es:9" in engine.images


@pytest.mark.parametrize("pull", ["missing", "never"])
def test_missing_and_never_ask_no_registry_for_an_image_that_the_engine_has(pull: str) -> None:
    engine = FakeEngine()
    engine.images = {"es:9"}
    pulled(engine, pull=pull)
    assert engine.events == []


def test_always_pulls_an_image_that_the_engine_has() -> None:
    engine = FakeEngine()
    engine.images, engine.registry = {"es:9"}, {"es:9": []}
    pulled(engine, pull="always")
    assert engine.events == ["pull es:9"]


def test_an_image_for_another_platform_is_pulled_for_the_one_that_is_asked_for() -> None:
    engine = FakeEngine()
    engine.images, engine.platforms, engine.registry = {"es:9"}, {"es:9": "linux/amd64"}, {"es:9": []}
    for platform in ("linux/amd64", "linux/arm64"):
        pulling.pulled(engine, "es:9", pull="missing", progress=Progress(None), platform=platform)
    assert engine.events == ["pull es:9 for linux/arm64"]
    with pytest.raises(ImageError, match=r"es:9 isn't on the engine for linux/arm64, and .* It has it for another"):
        pulling.pulled(engine, "es:9", pull="never", progress=Progress(None), platform="linux/arm64")


def test_never_is_an_error_with_a_remedy_if_the_engine_doesnt_have_the_image() -> None:
    engine = FakeEngine()
    engine.registry["es:9"] = []
    with pytest.raises(ImageError) as raised:
        pulled(engine, pull="never")
    assert str(raised.value) == (
        "The image es:9 isn't on the engine, and pull is never. Remedy: pull or build it, or set "
        "--foodtrucks-pull=missing."
    )


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("unauthorized: authentication required", "log in to docker.io (docker login, or DOCKER_AUTH_CONFIG)"),
        ("no basic auth credentials", "log in to docker.io"),
        ("pull access denied for es, repository does not exist", "log in to docker.io"),
        ("toomanyrequests: rate limit", "log in to docker.io"),
        ("manifest unknown: manifest unknown", "look at its name and tag: docker.io doesn't have it"),
        ("manifest for es:9 not found", "look at its name and tag"),
        ("no matching manifest for linux/riscv64", "look at its name and tag"),
        ("dial tcp: lookup r.example: no such host", "see that docker.io runs and that the engine reaches it"),
        ("connection refused", "see that docker.io runs"),
    ],
)
def test_the_remedy_fits_the_engines_error(reason: str, remedy: str) -> None:
    message = refusal(reason)
    assert message.startswith("The image es:9 can't be pulled: ")
    assert remedy in message
    assert "or name a mirror that has it with --foodtrucks-image-prefix." in message


def test_a_reason_that_the_engine_says_twice_is_shown_once() -> None:
    assert "can't be pulled: manifest unknown. Remedy" in refusal("manifest unknown: manifest unknown")


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("es", "docker.io"),
        ("team/es", "docker.io"),
        ("localhost/es", "localhost"),
        ("localhost:5000/es", "localhost:5000"),
        ("r.example/team/es:9", "r.example"),
    ],
)
def test_the_registry_is_named_by_the_engines_own_rule(image: str, registry: str) -> None:
    assert f"see that {registry} runs" in refusal("connection refused", image)


def test_an_engine_that_gives_no_answer_isnt_taken_for_a_registry_in_trouble() -> None:
    message = refusal("The engine at unix:///x gave no answer", status=None)
    assert "--foodtrucks-image-prefix" not in message
    assert "gave no answer" in message


def test_an_image_named_with_a_user_part_is_refused_without_showing_it() -> None:
    with pytest.raises(ImageError) as raised:
        pulled(FakeEngine(), "user:hunter2@r.example/es:9")
    assert str(raised.value) == (
        "The image r.example/es:9 is named with a user part, which no registry takes. Remedy: leave that out; docker "
        "login, or DOCKER_AUTH_CONFIG, says who you are."
    )


def test_a_pull_ends_when_the_session_does() -> None:
    engine = FakeEngine()
    engine.registry["es:9"] = [{"status": "Downloading"}] * 3
    with pytest.raises(ImageError, match=r"The image es:9 can't be pulled: the session ends\."):
        pulling.pulled(engine, "es:9", pull="missing", progress=Progress(None), cancelled=lambda: True)


def test_a_pull_of_which_the_engine_reports_nothing_is_given_up() -> None:
    over = threading.Event()

    class SilentEngine(FakeEngine):
        def pull(self, image: str, platform: str | None = None) -> Iterator[dict[str, Any]]:
            yield {"status": f"Pulling {image} for {platform}"}
            over.wait()

    engine, seen = SilentEngine(), r"nothing came for 0 s\. The engine has es:8\. Remedy: see that"
    engine.images = {"es:8"}
    try:
        with pytest.raises(ImageError, match=f"es:9 can't be pulled: {seen}"):
            pulling.pulled(engine, "es:9", pull="missing", progress=Progress(None), silence=0.01)
    finally:
        over.set()


@pytest.mark.parametrize(
    ("image", "hint"),
    [
        ("redsi:8", " The engine has redis:8 and redis:7."),
        ("registry.example/redis:8", " The engine has redis:8 and redis:7."),
        ("foodtrucks-local/elasticserach:9", " The engine has foodtrucks-local/elasticsearch:9."),
        ("something-else", ""),
    ],
)
@pytest.mark.parametrize("pull", ["missing", "never"])
def test_an_image_that_isnt_to_be_had_is_told_with_similar_ones(image: str, hint: str, pull: str) -> None:
    engine = FakeEngine()
    engine.images = {"redis:8", "redis:7", "foodtrucks-local/elasticsearch:9"}
    with pytest.raises(ImageError) as raised:
        pulling.pulled(engine, image, pull=pull, progress=Progress(None))
    before, remedy, _ = raised.value.message.partition(" Remedy: ")
    assert remedy
    assert before.endswith(f".{hint}")
    assert hint or "The engine has" not in before


# building


COMMAND = """#!/bin/sh
if [ "$1" = buildx ]; then exit "$BUILDX"; fi
printf '%s\\n' "$@" "buildkit=$DOCKER_BUILDKIT" "host=$DOCKER_HOST" "base=$BASE" "path=$PATH" \\
  "attest=$BUILDX_NO_DEFAULT_ATTESTATIONS" > "$ASKED"
printf 'Step 1\\n\\nStep 2\\n'
exit "$RESULT"
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a `docker` that has buildx first on PATH, and return the file to which it writes its arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text(COMMAND)
    (folder / "docker").chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    monkeypatch.setenv("RESULT", "0")
    monkeypatch.setenv("BUILDX", "0")
    monkeypatch.delenv("DOCKER_BUILDKIT", raising=False)
    return tmp_path / "asked"


class CommandEngine(FakeEngine):
    """An engine that has the images that the command `docker` built."""

    def __init__(self, asked: Path) -> None:
        super().__init__()
        self._asked = asked

    def image_id(self, image: str) -> str | None:
        built = self._asked.exists() and image in self._asked.read_text().splitlines()
        return "sha256:built" if built else super().image_id(image)

    def untag_image(self, name: str) -> bool:
        self.events.append(f"untag {name}")
        return True


def built_image(engine: FakeEngine, build: Build, **more: Any) -> str:
    """Build an image, as a stack does."""
    digest = lambda text: hashlib.sha256(text.encode()).hexdigest()  # noqa: E731
    return building.built(engine, build, digest=digest, session_id="ab12", **more)


def test_a_lasting_name_tells_nothing_of_the_arguments_without_the_key(asked: Path, context: Path) -> None:
    build = Build(context, args=(("TOKEN", "hunter2"),))
    names: list[str] = []
    for key in ("one", "other"):
        engine = CommandEngine(asked)
        building.built(engine, build, digest=keyed(context.parent / key), session_id="ab12", progress=Progress(None))
        names += engine.named
    assert len(set(names)) == 2


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """Return a build context."""
    folder = tmp_path / "Trucks & Co"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    return folder


def test_a_build_uses_the_command_docker_if_there_is_one(asked: Path, context: Path) -> None:
    build = Build(context, args=(("BASE", "python"),), target="web")
    engine = CommandEngine(asked)
    built = built_image(engine, build, progress=Progress(None))
    told = asked.read_text().splitlines()
    (name,) = engine.named
    own = told[told.index("--tag") + 1]
    assert told[0] == "build"
    assert "host=unix:///run/fake.sock" in told
    assert re.fullmatch(rf"{name}-ab12-[0-9a-f]{{8}}", own)
    assert told[told.index("--label") + 1] == f"pytest-foodtrucks.image={name}"
    assert (built, engine.named, engine.events) == ("sha256:built", {name: built}, [f"untag {own}"])
    assert told[told.index("--build-arg") + 1] == "BASE"
    assert "base=python" in told
    assert told[told.index("--target") + 1] == "web"
    assert told[told.index("--file") + 1] == str(context / "Dockerfile")
    assert str(context) in told
    assert "buildkit=" in told


WHOLE: dict[str, Any] = {
    "cache_from": ("busybox", "type=local,src=/cache"),
    "network": "none",
    "platforms": ("linux/arm64", "linux/amd64"),
    "additional_contexts": (("base", "docker-image://busybox"),),
    "secrets": (("token", "env=TOKEN"), ("key", "src=/keys/a")),
    "ssh": ("default", "deploy=/keys/b"),
}
"""All keys of a build that are options of the command line."""


def test_all_keys_of_a_build_are_on_the_command_line(asked: Path, context: Path) -> None:
    built_image(CommandEngine(asked), Build(context, **WHOLE), progress=Progress(None))
    told = " ".join(asked.read_text().splitlines())
    for words in (
        "--cache-from busybox --cache-from type=local,src=/cache",
        "--network none",
        "--platform linux/arm64,linux/amd64",
        "--build-context base=docker-image://busybox",
        "--secret id=token,env=TOKEN --secret id=key,src=/keys/a",
        "--ssh default --ssh deploy=/keys/b",
    ):
        assert f" {words} " in told


def test_an_inline_dockerfile_is_the_commands_input(asked: Path, context: Path) -> None:
    (asked.parent / "bin/docker").write_text(
        '#!/bin/sh\n[ $1 = buildx ] && exit\n{ echo "$@"; cat; } > "$ASKED"\nexit 7'
    )
    with pytest.raises(ImageError, match=f"can't be built from dockerfile_inline in {re.escape(str(context))}: "):
        built_image(FakeEngine(), Build(context, dockerfile_inline="FROM scratch\n" * 20_000), progress=Progress(None))
    assert "--file - " in asked.read_text()
    assert asked.read_text().endswith("FROM scratch\n" * 20_000)


@pytest.mark.parametrize("key", ["additional_contexts", "secrets", "ssh", "platforms"])
def test_a_build_that_needs_buildkit_is_refused_without_it(
    asked: Path, context: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("BUILDX", "1")
    with pytest.raises(ImageError, match=rf"its {key} need BuildKit, .*Remedy: install docker-buildx"):
        built_image(CommandEngine(asked), Build(context, **{key: WHOLE[key]}), progress=Progress(None))
    assert not asked.exists()


def test_builds_that_differ_in_what_they_make_have_names_of_their_own(asked: Path, context: Path) -> None:
    names: set[str] = set()
    keys: tuple[dict[str, Any], ...] = (
        {},
        {"network": "none"},
        {"platforms": ("linux",)},
        {"dockerfile_inline": "FROM a"},
        {"ssh": ("a",)},
    )
    for more in keys:
        engine = CommandEngine(asked)
        built_image(engine, Build(context, **more), progress=Progress(None))
        names |= engine.named.keys()
    assert len(names) == 4, "how it gets at the files is no part of what it makes"


def test_no_other_process_sees_a_secret_of_a_build(asked: Path, context: Path) -> None:
    engine = CommandEngine(asked)
    engine.endpoint = Endpoint("tcp://hunter2@h:2375")
    built_image(engine, Build(context, args=(("BASE", "hunter2\nand more"),)), progress=Progress(None))
    *words, _ = asked.read_text().partition("buildkit=")
    assert "hunter2" not in "".join(words)
    assert "host=tcp://hunter2@h:2375\nbase=hunter2\nand more" in asked.read_text()


def test_a_build_argument_that_the_command_reads_for_itself_is_on_its_command_line(asked: Path, context: Path) -> None:
    path = os.environ["PATH"]
    build = Build(context, args=(("PATH", "/only"), ("DOCKER_HOST", "tcp://h:1"), ("https_proxy", "http://p")))
    built_image(CommandEngine(asked), build, progress=Progress(None))
    told = asked.read_text()
    for words in ("PATH=/only", "DOCKER_HOST=tcp://h:1", "https_proxy=http://p"):
        assert f"--build-arg\n{words}\n" in told
    assert f"path={path}\n" in told
    assert "host=unix:///run/fake.sock\n" in told


def test_a_build_argument_that_the_environment_has_already_isnt_on_the_command_line(asked: Path, context: Path) -> None:
    build = Build(context, args=(("PATH", os.environ["PATH"]),))
    built_image(CommandEngine(asked), build, progress=Progress(None))
    assert "--build-arg\nPATH\n" in asked.read_text()


def test_the_same_folder_has_the_same_name_and_other_arguments_have_another(asked: Path, context: Path) -> None:
    names: list[str] = []
    for build in (Build(context), Build(context), Build(context, target="web")):
        engine = CommandEngine(asked)
        built_image(engine, build, progress=Progress(None))
        names += engine.named
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("foodtrucks-build/trucks-co:")


def test_an_image_whose_lasting_name_another_job_took_keeps_its_own(asked: Path, context: Path) -> None:
    class BusyEngine(CommandEngine):
        def tag_image(self, image: str, name: str) -> None:
            super().tag_image(f"{image} by another job", name)

    engine = BusyEngine(asked)
    assert built_image(engine, Build(context), progress=Progress(None)) == "sha256:built"
    assert engine.events == []


def test_an_image_that_the_builder_keeps_for_itself_is_an_error_with_a_remedy(asked: Path, context: Path) -> None:
    with pytest.raises(ImageError, match=r"the engine hasn't got it\. Remedy: .*docker buildx use default"):
        built_image(FakeEngine(), Build(context), progress=Progress(None))
    assert asked.exists()


@pytest.mark.parametrize(("theirs", "told"), [(None, "attest=1"), ("0", "attest=0")])
def test_a_build_makes_no_attestations_which_give_an_unchanged_image_another_id(
    asked: Path, context: Path, monkeypatch: pytest.MonkeyPatch, theirs: str | None, told: str
) -> None:
    monkeypatch.delenv("BUILDX_NO_DEFAULT_ATTESTATIONS", raising=False)
    if theirs is not None:
        monkeypatch.setenv("BUILDX_NO_DEFAULT_ATTESTATIONS", theirs)
    built_image(CommandEngine(asked), Build(context), progress=Progress(None))
    assert told in asked.read_text().splitlines()


def test_without_buildx_the_old_builder_is_used(asked: Path, context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUILDX", "1")
    built_image(CommandEngine(asked), Build(context), progress=Progress(None))
    assert "buildkit=0" in asked.read_text()


def test_a_failed_build_shows_the_commands_last_lines(
    asked: Path, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del asked
    monkeypatch.setenv("RESULT", "7")
    with pytest.raises(ImageError, match=r"ended with exit code 7. Remedy: mend what the output shows") as raised:
        built_image(FakeEngine(), Build(context), progress=Progress(None))
    assert raised.value.logs == "Step 1\nStep 2"
    assert str(context / "Dockerfile") in str(raised.value)


DEPRECATED = """DEPRECATED: The legacy builder is deprecated and will be removed in a future release.
            BuildKit is currently disabled; enable it by removing the DOCKER_BUILDKIT=0
            environment-variable.

"""


def test_without_buildx_a_failed_build_says_what_to_install_and_shows_the_error_alone(
    asked: Path, context: Path
) -> None:
    says = f"cat <<'END'\n{DEPRECATED}Error response from daemon: unknown instruction: RUNN\nEND\nexit 1"
    (asked.parent / "bin/docker").write_text(f"#!/bin/sh\n[ $1 = buildx ] && exit 1\n{says}\n")
    with pytest.raises(ImageError, match=r"Remedy: mend what the output shows; or install docker-buildx") as raised:
        built_image(FakeEngine(), Build(context), progress=Progress(None))
    assert raised.value.logs == "Error response from daemon: unknown instruction: RUNN"


def test_a_build_ends_with_the_session(asked: Path, context: Path) -> None:
    (asked.parent / "bin/docker").write_text("#!/bin/sh\n[ $1 = buildx ] && exit\necho Step 1\nexec sleep 60\n")
    with pytest.raises(ImageError, match=r"can't be built from .*: the session ends"):
        built_image(FakeEngine(), Build(context), progress=Progress(None), cancelled=lambda: True)


def test_the_output_of_a_build_is_kept_in_bounded_memory(asked: Path, context: Path) -> None:
    loud = "i=0; while [ $i -lt 3000 ]; do printf '%01000d \\033]0;owned\\007 \\377\\n' $i; i=$((i+1)); done; exit 7"
    (asked.parent / "bin/docker").write_text(f"#!/bin/sh\n[ $1 = buildx ] && exit\n{loud}\n")
    tracemalloc.start()
    with pytest.raises(ImageError) as raised:
        built_image(FakeEngine(), Build(context), progress=Progress(None))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert raised.value.logs.endswith("2999 \\x1b]0;owned\\x07 \ufffd")
    assert len(raised.value.logs) < 20_000
    assert peak < 1_000_000


@pytest.mark.parametrize("value", ["x" * 200_000, "a\0b"])
def test_build_arguments_that_the_system_refuses_are_an_error(asked: Path, context: Path, value: str) -> None:
    del asked
    with pytest.raises(ImageError, match=r"docker can't be run: .*Remedy: look at the limits of this process"):
        built_image(FakeEngine(), Build(context, args=(("A", value),)), progress=Progress(None))


class BuildingEngine(FakeEngine):
    """An engine that builds through its API."""

    def __init__(self, error: EngineError | None = None) -> None:
        super().__init__()
        self.error = error
        self.told: dict[str, Any] = {}

    def build(self, folder: Path, **about: Any) -> Iterator[str]:
        self.told = {"folder": folder, **about}
        yield "Step 1\n"
        if self.error is not None:
            raise self.error
        self.named[about["tag"]] = "sha256:built"


@pytest.fixture
def _no_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("_no_command_line")
def test_without_the_command_docker_a_build_uses_the_api(context: Path) -> None:
    engine = BuildingEngine()
    built = built_image(engine, Build(context, args=(("A", "1"),)), progress=Progress(None))
    (name,) = engine.named
    assert engine.told["folder"] == context
    assert re.fullmatch(rf"{name}-ab12-[0-9a-f]{{8}}", engine.told["tag"])
    assert engine.told["args"] == {"A": "1"}
    assert engine.told["labels"] == {"pytest-foodtrucks.image": name}
    assert engine.named == {name: built}


@pytest.mark.usefixtures("_no_command_line")
def test_the_api_is_told_what_it_can_do_of_a_build(context: Path) -> None:
    engine = BuildingEngine()
    more: dict[str, Any] = {"cache_from": ("busybox",), "network": "none", "platforms": ("linux/arm64",)}
    built_image(engine, Build(context, **more), progress=Progress(None))
    told = {key: engine.told[key] for key in ("cache_from", "network_mode", "platform", "dockerfile")}
    assert told == {
        "cache_from": ["busybox"],
        "network_mode": "none",
        "platform": "linux/arm64",
        "dockerfile": "Dockerfile",
    }


@pytest.mark.usefixtures("_no_command_line")
def test_the_api_is_sent_an_inline_dockerfile_from_a_file_that_goes(context: Path) -> None:
    class ReadingEngine(BuildingEngine):
        def build(self, folder: Path, **about: Any) -> Iterator[str]:
            self.read = Path(about["dockerfile"]).read_text(encoding="utf-8")
            return super().build(folder, **about)

    engine = ReadingEngine()
    built_image(engine, Build(context, dockerfile_inline="FROM ä"), progress=Progress(None))
    assert engine.read == "FROM ä"
    assert not Path(engine.told["dockerfile"]).exists()


@pytest.mark.usefixtures("_no_command_line")
def test_the_api_refuses_what_needs_buildkit(context: Path) -> None:
    engine = BuildingEngine()
    with pytest.raises(ImageError, match=r"its secrets and ssh need BuildKit"):
        built_image(engine, Build(context, secrets=WHOLE["secrets"], ssh=WHOLE["ssh"]), progress=Progress(None))
    assert engine.told == {}


@pytest.mark.usefixtures("_no_command_line")
def test_a_build_that_fails_in_the_api_shows_its_last_lines(context: Path) -> None:
    engine = BuildingEngine(EngineError("The engine could not build", status=500, reason="it returned 7"))
    with pytest.raises(ImageError, match="it returned 7") as raised:
        built_image(engine, Build(context), progress=Progress(None))
    assert raised.value.logs == "Step 1"
