"""The variables of a node that depend on its image and on the machine."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from fakes.engine import FakeEngine
from fakes.session import settings
from pytest_foodtrucks.engine.images import ImageFacts
from pytest_foodtrucks.services.elasticsearch import es_environment, es_node

MMAP, ML = "node.store.allow_mmap", "xpack.ml.enabled"
DEFAULT, OSS = {"org.label-schema.license": "Elastic-License"}, {"org.label-schema.license": "Apache-2.0"}


@pytest.fixture
def few_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let this machine allow 65,530 memory maps; the file says so."""
    file = tmp_path / "max_map_count"
    file.write_text("65530\n")
    monkeypatch.setattr(es_environment, "_MAX_MAP_COUNT", file)
    return file


@pytest.fixture(autouse=True)
def many_maps(few_maps: Path) -> None:
    """Let this machine allow as many as the server asks for, unless a test says otherwise."""
    few_maps.write_text("262144\n")


def variables(
    version: str = "9.5.0",
    *,
    labels: Mapping[str, str] | None = None,
    architecture: str = "amd64",
    given: Mapping[str, str] | None = None,
    local: bool = True,
    **options: str,
) -> Mapping[str, str]:
    """Return the environment of a server's container, whose image has labels and is for an architecture."""
    engine = FakeEngine(local=local)
    engine.facts["es"] = ImageFacts(labels or {}, architecture)
    keywords = {"image": f"es:{version}", "environment": given or {}}
    defined = es_node.definition(settings(**options), keywords, alias="es", folder=Path("/nowhere"))
    assert defined.surroundings is not None
    return defined.surroundings(engine, "es", defined.spec).environment


# memory maps


def test_where_the_machine_allows_enough_memory_maps_nothing_is_said_of_them() -> None:
    assert MMAP not in variables()


@pytest.mark.parametrize("version", ["6.8.23", "7.17.9", "8.8.2", "9.5.0"])
def test_where_it_allows_few_the_server_reads_its_files(few_maps: Path, version: str) -> None:
    few_maps.write_text("262143\n")
    assert variables(version)[MMAP] == "false"


def test_of_another_machine_nobody_can_tell(few_maps: Path) -> None:
    few_maps.write_text("1\n")
    assert MMAP not in variables(local=False)


@pytest.mark.parametrize("content", [None, "", "many"])
def test_where_it_cant_be_read_nothing_is_set(few_maps: Path, content: str | None) -> None:
    if content is None:
        few_maps.unlink()
    else:
        few_maps.write_text(content)
    assert MMAP not in variables()


@pytest.mark.parametrize("name", [MMAP, "ES_SETTING_NODE_STORE_ALLOW__MMAP"])
def test_the_users_word_on_memory_maps_counts(few_maps: Path, name: str) -> None:
    few_maps.write_text("1\n")
    found = variables(given={name: "true"})
    assert found[name] == "true"
    assert found.get(MMAP, "true") == "true"


# machine learning


@pytest.mark.parametrize("version", ["8.0.0", "8.8.2", "9.5.0", "nightly"])
def test_since_8_machine_learning_is_off(version: str) -> None:
    assert variables(version)[ML] == "false"


@pytest.mark.parametrize(("labels", "is_off"), [(DEFAULT, True), (OSS, False), ({}, False)])
@pytest.mark.parametrize("version", ["6.8.23", "7.17.9"])
def test_before_that_it_is_off_where_the_image_tells_that_it_has_it(
    version: str, labels: Mapping[str, str], *, is_off: bool
) -> None:
    assert (variables(version, labels=labels).get(ML) == "false") is is_off


def test_the_option_lets_the_server_have_it() -> None:
    assert ML not in variables(es_ml="on")


@pytest.mark.parametrize("name", [ML, "ES_SETTING_XPACK_ML_ENABLED"])
def test_the_users_word_on_machine_learning_counts(name: str) -> None:
    found = variables(given={name: "true"})
    assert found[name] == "true"
    assert found.get(ML, "true") == "true"


# arm64


@pytest.mark.parametrize(
    ("version", "needs_it"),
    [("6.8.23", False), ("7.16.3", False), ("7.17.9", True), ("8.19.21", True), ("9.0.0", False)],
)
def test_on_arm64_the_jvms_of_some_servers_are_told_not_to_use_sve(version: str, *, needs_it: bool) -> None:
    assert ("-XX:UseSVE=0" in variables(version, architecture="arm64")["ES_JAVA_OPTS"]) is needs_it
    assert "-XX:UseSVE=0" not in variables(version)["ES_JAVA_OPTS"], "an x86 JVM refuses the flag"


def test_the_flag_is_before_what_was_given_for_the_server_and_its_launcher() -> None:
    given = {"ES_JAVA_OPTS": "-XX:UseSVE=1", "CLI_JAVA_OPTS": "-Dmine=1"}
    found = variables("8.8.2", architecture="arm64", given=given)
    assert found["ES_JAVA_OPTS"].startswith("-XX:UseSVE=0 -Xms512m")
    assert found["ES_JAVA_OPTS"].endswith(" -XX:UseSVE=1")
    assert found["CLI_JAVA_OPTS"] == "-XX:UseSVE=0 -Dmine=1"


# both ways in which a setting is written


def test_a_setting_that_is_given_in_the_images_other_way_takes_the_place_of_ours() -> None:
    found = variables(given={"ES_SETTING_PATH_REPO": "/mine", "ES_SETTING_INGEST_GEOIP_DOWNLOADER_ENABLED": "true"})
    assert {"path.repo", "ingest.geoip.downloader.enabled"}.isdisjoint(found)


def test_a_variable_that_only_looks_like_a_setting_changes_nothing() -> None:
    assert variables(given={"PATH_REPO": "/mine"})["path.repo"] == es_node.REPOSITORIES
