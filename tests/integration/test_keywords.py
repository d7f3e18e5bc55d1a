"""What each keyword of a service does on a real engine, by the table in keyword_effects.py."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from docker.errors import ImageNotFound

from lab import IDLE, IDLE_COMMAND, IMAGE
from pytest_foodtrucks import Engine, ImageError, Network, Service, StartError, ready
from pytest_foodtrucks.containers.compose import newer_keywords
from pytest_foodtrucks.containers.creation import Creation
from pytest_foodtrucks.engine.labels import IMAGE_LABEL, SESSION_LABEL
from pytest_foodtrucks.services.definitions import KEYWORDS, ServiceDefinition, define

from .keyword_effects import CREATED, EFFECTS, FILES, FIRST, SECOND, THIRD, WITHOUT_CONTAINER, Effect

PLAIN = "plain"
"""A container without any keyword of the table."""
MARK = "~~~"
"""Ends what one of several commands wrote."""


def keywords_of(container: str) -> dict[str, Any]:
    """Return the keywords whose effect is seen in one of the table's containers."""
    return {keyword: effect.value for keyword, effect in EFFECTS.items() if effect.within == container}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the files that the table names."""
    folder = tmp_path_factory.mktemp("effects")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    for made in (folder, folder.parent):
        made.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def _images_go(foodtrucks_engine: Engine) -> Iterator[None]:
    """Remove the images that were built here."""
    yield
    for image in foodtrucks_engine.api.images(filters={"label": IMAGE_LABEL}):
        if "/effects-build:" in image["Labels"][IMAGE_LABEL]:
            with suppress(ImageNotFound):  # another test's prune was quicker
                foodtrucks_engine.api.remove_image(image["Id"], force=True)


def defined(folder: Path, **keywords: Any) -> ServiceDefinition:
    """Return a definition; one that says nothing of its image and its command idles."""
    source = {} if "build" in keywords else {"image": IMAGE}
    idle = {} if "entrypoint" in keywords else {"command": IDLE_COMMAND}
    return define({**source, **idle, **keywords}, alias="effects", folder=folder)


@pytest.fixture(scope="module")
def running(foodtrucks_net: Network, folder: Path, _images_go: None) -> Iterator[dict[str, Service]]:
    """Run the table's containers."""
    extra: dict[str, dict[str, Any]] = {
        FIRST: {"ready": ready.running()},
        SECOND: {"aliases": ["effects-b"]},
        THIRD: {},
        PLAIN: {"aliases": ["effects-d"], "command": ["sleep", "600"]},
    }
    with ExitStack() as undo:
        yield {
            each: undo.enter_context(foodtrucks_net.running(defined(folder, **keywords_of(each), **more)))
            for each, more in extra.items()
        }


@pytest.fixture(scope="module")
def created(foodtrucks_net: Network, folder: Path) -> Iterator[dict[str, Any]]:
    """Create the container that is never started, and return what the engine tells of it."""
    stack, keywords = foodtrucks_net.stack, keywords_of(CREATED)
    spec = defined(folder, **keywords).spec
    for unknown in newer_keywords(spec, stack.engine.api_version):
        keywords.pop(unknown)
    spec = defined(folder, **keywords).spec
    made = Creation(
        stack.engine, spec, image=IMAGE, network=foodtrucks_net.name, title="effects", labels=stack.labels("effects")
    )
    yield made.container.inspect()
    made.remove()


def told(about: Any, way: str) -> Any:
    """Return what stands at the end of a way through the engine's JSON; a label's name has dots of its own."""
    first, _, rest = way.partition(".")
    if not isinstance(about, dict) or way in about or not rest:
        return about.get(way)
    return told(about[first], rest)


# the table


def test_each_keyword_has_a_row() -> None:
    assert KEYWORDS.keys() == EFFECTS.keys() | WITHOUT_CONTAINER.keys()


@pytest.mark.parametrize("keyword", EFFECTS)
def test_a_row_says_where_its_effect_is_seen(keyword: str) -> None:
    effect = EFFECTS[keyword]
    assert bool(effect.command) != bool(effect.at)
    assert bool(effect.at) == bool(effect.why)


COMMANDS = {keyword: effect for keyword, effect in EFFECTS.items() if effect.command}


@pytest.fixture(scope="module")
def said(running: dict[str, Service]) -> dict[tuple[str, str], str]:
    """Run the commands in the containers, one after the other, and return what each wrote in which container."""
    found: dict[tuple[str, str], str] = {}
    for container, service in running.items():
        chosen = [keyword for keyword, effect in COMMANDS.items() if container in {effect.within, PLAIN}]
        lines = [f"(\n{COMMANDS[keyword].command}\n); echo {MARK}" for keyword in chosen]
        outputs = service.exec(["sh", "-c", "\n".join(lines)]).stdout.replace("\r\n", "\n").split(f"{MARK}\n")
        found |= {(container, keyword): text.rstrip("\n") for keyword, text in zip(chosen, outputs[:-1], strict=True)}
    return found


@pytest.mark.parametrize("keyword", COMMANDS)
def test_a_keywords_effect_is_seen_in_the_container(keyword: str, said: dict[tuple[str, str], str]) -> None:
    effect = EFFECTS[keyword]
    assert re.fullmatch(effect.shows, said[effect.within, keyword])
    if not effect.everywhere:
        assert not re.fullmatch(effect.shows, said[PLAIN, keyword]), "it is the same without the keyword"


@pytest.mark.parametrize("keyword", [keyword for keyword, effect in EFFECTS.items() if effect.at])
def test_what_cant_be_seen_in_the_container_is_told_by_the_engine(
    keyword: str, request: pytest.FixtureRequest, foodtrucks_net: Network, folder: Path
) -> None:
    effect = EFFECTS[keyword]
    if keyword in newer_keywords(
        defined(folder, **{keyword: effect.value}).spec, foodtrucks_net.stack.engine.api_version
    ):
        refused(foodtrucks_net, folder, keyword, effect)
        return
    if effect.within == CREATED:
        about = request.getfixturevalue("created")
    else:
        about = request.getfixturevalue("running")[effect.within].container.inspect()
    assert told(about, effect.at) == effect.shows


def refused(net: Network, folder: Path, keyword: str, effect: Effect) -> None:
    """See that an engine that doesn't know a keyword is told, and that nothing is created."""
    before = of_this_session(net)
    with (
        pytest.raises(
            StartError, match=rf"{keyword}= needs an engine whose API has version .*Remedy: leave {keyword}="
        ),
        net.running(defined(folder, aliases=["older"], **{keyword: effect.value})),
    ):
        pass
    assert of_this_session(net) == before


def of_this_session(net: Network) -> set[str]:
    """Return the ids of this session's containers: others start and remove theirs meanwhile."""
    return set(net.stack.engine.labelled("containers", SESSION_LABEL, net.stack.session.id))


# what the table's containers can't show


def test_a_service_ends_by_its_signal_and_the_log_of_its_terminal_is_read_line_by_line(
    foodtrucks_net: Network,
) -> None:
    says = "trap 'echo asked; exit 7' USR1; trap '' TERM; echo one; echo two; while :; do sleep 0.1; done"
    checks = [ready.log("^one$"), ready.log("^two$")]
    with foodtrucks_net.service(
        image=IMAGE, command=["sh", "-c", says], aliases=["signalled"], tty=True, stop_signal="USR1", ready=checks
    ) as signalled:
        assert signalled.logs().splitlines() == ["one", "two"]
        with signalled.stopped():
            assert signalled.container.state().exit_code == 7
            assert str(signalled.container.log_excerpt()).splitlines() == ["one", "two", "asked"]
            assert signalled.__foodtrucks__.last_words(lines=1) == "asked\n"


def test_a_service_is_killed_after_its_grace_period_and_works_without_a_log(foodtrucks_net: Network) -> None:
    slow = "trap 'sleep 2; exit 7' TERM; touch /up; while :; do sleep 0.1; done"
    with (
        foodtrucks_net.service(
            image=IMAGE,
            command=["sh", "-c", slow],
            aliases=["slow"],
            stop_grace_period=0,
            logging={"driver": "none"},
            ready=ready.exec(["test", "-e", "/up"]),
        ) as service,
        service.stopped(),
    ):
        assert service.container.state().exit_code == 137
        assert "its log can't be read" in service.__foodtrucks__.last_words(lines=1)


def test_an_image_that_isnt_for_the_platform_is_an_error_that_names_it(foodtrucks_net: Network) -> None:
    with (
        pytest.raises((ImageError, StartError), match=r"Remedy: ") as raised,
        foodtrucks_net.service(**IDLE, aliases=["foreign"], platform="linux/s390x"),
    ):
        pass
    assert IMAGE.split(":")[0] in str(raised.value)


def test_a_build_that_needs_buildkit_says_so_where_there_is_none(
    foodtrucks_net: Network, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    inline = {"context": "effects-build", "dockerfile_inline": f"FROM {IMAGE}\n"}
    with (
        pytest.raises(ImageError, match=r"its secrets need BuildKit, .*Remedy: install docker-buildx"),
        foodtrucks_net.running(
            defined(folder, build={**inline, "secrets": {"token": "app.env"}}, aliases=["secretive"])
        ),
    ):
        pass


@pytest.mark.usefixtures("_images_go")
def test_a_build_by_the_api_has_the_same_keys(
    foodtrucks_net: Network, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder))  # where there is no docker
    effect = EFFECTS["build"]
    build = {**effect.value, "args": {"WHO": "api"}}
    with foodtrucks_net.running(defined(folder, build=build, aliases=["by-api"])) as made:
        assert made.exec(["sh", "-c", effect.command]).stdout == "42api\n"
