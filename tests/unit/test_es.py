"""What Elasticsearch is: which version, which environment, which client, and when it is healthy."""

import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fakes.container import Target
from fakes.session import settings
from pytest_foodtrucks.errors import ClientMismatch, DefinitionError, NotReady
from pytest_foodtrucks.services.definitions import ServiceDefinition
from pytest_foodtrucks.services.elasticsearch import es, es_node

HEALTH = "/_cluster/health?wait_for_status=yellow&timeout=1s"


def define(*, options: Mapping[str, str] | None = None, **keywords: Any) -> ServiceDefinition:
    """Return the definition of a fixture named `search`."""
    options = options if options is not None else {"es_version": "9.5.0"}
    return es_node.definition(settings(**options), keywords, alias="search", folder=Path("/nowhere"))


# versions


@pytest.mark.parametrize(
    ("client", "server"),
    [
        ("6.8.2", "6.8.23"),
        ("7.17.13", "7.17.29"),
        ("8.0.0", "8.19.21"),
        ("8.19.3", "8.19.21"),
        ("9.0.0", "9.0.0"),
        ("9.5.1", "9.5.0"),
        ("9.10.2", "9.10.0"),
        ("10.1.0b1", "10.1.0"),
    ],
)
def test_the_server_fits_the_client(client: str, server: str) -> None:
    assert es_node.fitting_version(client) == server


def test_the_default_is_the_installed_clients_version() -> None:
    assert es_node.fitting_version() == es_node.fitting_version(importlib.metadata.version("elasticsearch"))


@pytest.mark.parametrize(
    ("client", "server"),
    [
        ("7.17.13", "6.8.23"),
        ("7.17.13", "7.17.9"),
        ("8.19.3", "7.17.9"),
        ("8.8.2", "8.19.21"),
        ("8.19.3", "9.5.0"),
        ("9.5.1", "9.0.0"),
        ("9.0.0", "9.5.0"),
    ],
)
def test_a_pair_that_works_is_no_error(client: str, server: str) -> None:
    es.check_pair(client, server)


@pytest.mark.parametrize(
    ("client", "server", "install", "run"),
    [
        ("9.5.1", "8.19.0", "'elasticsearch>=8,<9'", "--foodtrucks-es-version=9.5.0"),
        ("9.5.1", "7.17.9", "'elasticsearch>=7,<8'", "--foodtrucks-es-version=9.5.0"),
        ("8.19.3", "6.8.23", "'elasticsearch>=7,<8'", "--foodtrucks-es-version=8.19.21"),
        ("9.5.1", "6.8.23", "'elasticsearch>=7,<8'", "--foodtrucks-es-version=9.5.0"),
    ],
)
def test_a_pair_that_cannot_work_is_an_error_that_says_which_would(
    client: str, server: str, install: str, run: str
) -> None:
    with pytest.raises(ClientMismatch) as raised:
        es.check_pair(client, server)
    message = str(raised.value)
    assert f"elasticsearch {client} can't speak to the server {server}. Remedy: install {install}" in message
    assert run in message


# environment


def test_a_node_stands_alone_with_its_heap_capped_and_watermarks_off() -> None:
    assert es_node.environment((6, 8), heap_size="256m", fast_start=False) == {
        "discovery.type": "single-node",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "path.repo": es_node.REPOSITORIES,
        "ES_JAVA_OPTS": "-Xms256m -Xmx256m",
    }


def test_fast_start_uses_only_the_quick_compiler() -> None:
    variables = es_node.environment((7, 13), heap_size="512m", fast_start=True)
    assert variables["ES_JAVA_OPTS"] == "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1"
    assert "CLI_JAVA_OPTS" not in variables


@pytest.mark.parametrize("version", [(6, 8), (7, 13)])
def test_before_7_14_there_is_no_geoip_variable_because_the_node_would_refuse_it(version: tuple[int, int]) -> None:
    assert "ingest.geoip.downloader.enabled" not in es_node.environment(version, heap_size="1g", fast_start=True)


@pytest.mark.parametrize("version", [(7, 14), (7, 17), (8, 0), (9, 5)])
def test_since_7_14_geoip_isnt_downloaded(version: tuple[int, int]) -> None:
    assert es_node.environment(version, heap_size="1g", fast_start=True)["ingest.geoip.downloader.enabled"] == "false"


def test_before_8_there_is_no_security_variable() -> None:
    assert "xpack.security.enabled" not in es_node.environment((7, 17), heap_size="1g", fast_start=True)


@pytest.mark.parametrize("version", [(8, 0), (9, 5)])
def test_since_8_security_is_off_and_the_launcher_starts_fast_too(version: tuple[int, int]) -> None:
    variables = es_node.environment(version, heap_size="1g", fast_start=True)
    assert variables["xpack.security.enabled"] == "false"
    assert variables["CLI_JAVA_OPTS"] == "-XX:TieredStopAtLevel=1"


def test_without_fast_start_the_launcher_has_no_options() -> None:
    assert "CLI_JAVA_OPTS" not in es_node.environment((9, 5), heap_size="1g", fast_start=False)


# definition


def test_the_options_give_image_version_and_heap() -> None:
    defined = define(options={"es_image": "team/es", "es_version": "8.8.2", "es_heap": "256m"})
    assert defined.image == "team/es:8.8.2"
    assert "-Xmx256m" in defined.spec.environment["ES_JAVA_OPTS"]


def test_without_a_version_it_is_what_fits_the_installed_client() -> None:
    defined = es_node.definition(settings(), {}, alias="search", folder=Path("/nowhere"))
    assert defined.image == f"docker.elastic.co/elasticsearch/elasticsearch:{es_node.fitting_version()}"


def test_it_has_the_http_and_the_transport_port_and_is_ready_when_healthy() -> None:
    defined = define()
    assert defined.spec.ports == (9200, 9300)
    assert defined.ready is es_node.healthy


def test_none_counts_as_not_given() -> None:
    nothing = dict.fromkeys(("image", "build", "ports", "ready", "version", "heap", "security", "environment"))
    assert define(**nothing) == define()


def test_ports_and_readiness_can_be_given() -> None:
    defined = define(ports=[9200], ready=es_node.healthy)
    assert defined.spec.ports == (9200,)


def test_the_argument_version_beats_the_option() -> None:
    assert define(version="7.17.9").image == "docker.elastic.co/elasticsearch/elasticsearch:7.17.9"


@pytest.mark.parametrize("image", ["team/es:8.8.2", "team/es@sha256:" + "a" * 64])
def test_the_argument_version_beats_the_tag_or_digest_in_the_option_image(image: str) -> None:
    assert define(options={"es_image": image}, version="7.17.9").image == "team/es:7.17.9"


def test_the_argument_image_beats_the_option_and_takes_the_options_version() -> None:
    assert define(image="mine/es").image == "mine/es:9.5.0"


@pytest.mark.parametrize("image", ["mine/es:8.8.2", "mine/es@sha256:" + "a" * 64])
def test_the_argument_image_with_tag_or_digest_beats_the_options_version(image: str) -> None:
    assert define(image=image).image == image


def test_an_option_image_with_a_tag_is_used_unchanged() -> None:
    assert define(options={"es_image": "team/es:8.8.2"}).image == "team/es:8.8.2"


def test_an_argument_image_with_a_tag_beside_a_version_is_an_error_that_names_both() -> None:
    with pytest.raises(DefinitionError, match=r"image='mine/es:8\.8\.2'.*version='7\.17\.9'.*Remedy: give one"):
        define(image="mine/es:8.8.2", version="7.17.9")


def test_the_argument_heap_beats_the_option() -> None:
    assert "-Xms1g -Xmx1g" in define(heap="1G").spec.environment["ES_JAVA_OPTS"]


@pytest.mark.parametrize(("heap", "remedy"), [("1m", "at least 128m, better 512m"), ("lots", "a size with unit")])
def test_a_heap_that_cannot_work_is_an_error_with_a_remedy(heap: str, remedy: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        define(heap=heap)
    assert f"heap={heap!r}. Remedy: " in str(raised.value)
    assert remedy in str(raised.value)


def test_the_environment_is_that_of_the_images_version() -> None:
    assert "xpack.security.enabled" not in define(version="7.17.9").spec.environment
    assert "xpack.security.enabled" in define(version="8.8.2").spec.environment


@pytest.mark.parametrize("image", ["mine/es:nightly", "mine/es@sha256:" + "a" * 64])
def test_an_image_that_doesnt_tell_its_version_counts_as_the_newest(image: str) -> None:
    assert define(image=image).spec.environment["xpack.security.enabled"] == "false"


def test_a_version_before_a_digest_is_read() -> None:
    image = "mine/es:7.17.9@sha256:" + "a" * 64
    assert "xpack.security.enabled" not in define(image=image).spec.environment


def test_java_options_of_the_user_come_behind_ours() -> None:
    options = define(environment={"ES_JAVA_OPTS": "-Xmx2g -Dmine=1"}).spec.environment["ES_JAVA_OPTS"]
    assert options == "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1 -Xmx2g -Dmine=1"


def test_java_options_of_a_file_of_variables_come_behind_ours_too(tmp_path: Path) -> None:
    (tmp_path / "es.env").write_text("ES_JAVA_OPTS=-Dmine=1\n")
    options = define(env_file=tmp_path / "es.env").spec.environment["ES_JAVA_OPTS"]
    assert options == "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1 -Dmine=1"


def test_other_variables_of_the_user_beat_ours() -> None:
    environment = define(environment=["ingest.geoip.downloader.enabled=true", "node.name=me"]).spec.environment
    assert environment["ingest.geoip.downloader.enabled"] == "true"
    assert environment["node.name"] == "me"


def test_repositories_of_snapshots_are_where_the_user_says() -> None:
    assert define(environment={"path.repo": "/mine"}).spec.environment["path.repo"] == "/mine"


def test_the_jvm_mode_server_compiles_for_long_lives() -> None:
    assert "Tiered" not in str(define(options={"es_jvm": "server"}).spec.environment)


def test_an_image_may_be_built(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    defined = define(build=tmp_path)
    assert defined.image is None
    assert defined.build is not None
    assert defined.build.context == tmp_path


def test_beside_build_the_version_tells_which_environment_the_server_takes(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    assert "xpack.security.enabled" in define(build=tmp_path).spec.environment
    assert "xpack.security.enabled" not in define(build=tmp_path, version="7.17.9").spec.environment


def test_image_and_build_together_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(DefinitionError, match="both image= and build="):
        define(build=tmp_path, image="mine/es:1")


# health


def healthy(status: int, body: str) -> None:
    """Ask the check of a node that answers so."""
    es_node.healthy(Target(answers=[(status, body)]))


@pytest.mark.parametrize("colour", ["yellow", "green"])
def test_yellow_and_green_are_healthy(colour: str) -> None:
    healthy(200, json.dumps({"status": colour, "timed_out": False}))


def test_health_is_asked_on_the_http_port_whatever_the_order_of_ports() -> None:
    target = Target(answers=[(200, '{"status":"green"}')], container_ports=(9300, 9200))
    es_node.healthy(target)
    assert target.asked == [f"{HEALTH} on 9200 within 5.0"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, '{"status":"red"}'),
        (408, '{"status":"red","timed_out":true}'),
        (408, '{"status":"yellow","timed_out":true}'),
        (401, '{"error":{"type":"security_exception"},"status":401}'),
        (403, '{"status":"green"}'),
        (405, '{"error":"Incorrect HTTP method"}'),
        (503, '{"error":{"type":"master_not_discovered_exception"},"status":503}'),
        (503, "Service Unavailable"),
        (200, ""),
        (200, '{"status":"gre'),
        (200, "[]"),
        (200, "null"),
        (200, '"green"'),
        (200, "{}"),
        (200, "<html>a proxy</html>"),
        (302, '{"status":"green"}'),
    ],
)
def test_any_other_answer_isnt_healthy_and_is_shown_as_the_reason(status: int, body: str) -> None:
    with pytest.raises(NotReady) as raised:
        healthy(status, body)
    assert raised.value.message == f"GET {HEALTH} answered {status}: {body}"


def test_no_answer_isnt_healthy() -> None:
    with pytest.raises(NotReady, match="nobody answers"):
        es_node.healthy(Target())
