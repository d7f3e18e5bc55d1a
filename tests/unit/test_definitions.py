"""What the keywords of a service mean."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_foodtrucks.definitions import Build, ServiceDefinition, ServiceKeywords, check_keywords, define
from pytest_foodtrucks.errors import DefinitionError

COMPOSE = {
    "image",
    "build",
    "command",
    "entrypoint",
    "environment",
    "aliases",
    "ports",
    "volumes",
    "tmpfs",
    "mem_limit",
    "user",
    "cap_add",
    "healthcheck",
}


def defined(**keywords: Any) -> ServiceDefinition:
    """Return the definition of a fixture `victim` from the image busybox."""
    return define({"image": "busybox", **keywords}, alias="victim", folder=Path("/project"))


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """Return a folder with a Dockerfile."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


# keywords


def test_the_keywords_are_composes_and_two_of_ours() -> None:
    assert set(ServiceKeywords.__annotations__) == COMPOSE | {"timeout", "ready"}


@pytest.mark.parametrize(
    ("wrong", "right"), [("enviroment", "environment"), ("port", "ports"), ("alias", "aliases"), ("Image", "image")]
)
def test_an_unknown_keyword_is_named_with_the_nearest_that_there_is(wrong: str, right: str) -> None:
    with pytest.raises(DefinitionError, match=f"A service has no keyword '{wrong}'; did you mean '{right}'"):
        check_keywords({wrong: 1})


def test_an_unknown_keyword_like_no_other_is_named_with_all_that_there_are() -> None:
    with pytest.raises(DefinitionError) as raised:
        check_keywords({"zzz": 1})
    for keyword in ServiceKeywords.__annotations__:
        assert keyword in str(raised.value)


def test_none_counts_as_not_given() -> None:
    nothing = dict.fromkeys(ServiceKeywords.__annotations__)
    assert defined(**{**nothing, "image": "busybox"}) == defined()


# image, build


def test_neither_image_nor_build_is_an_error_that_names_the_service() -> None:
    with pytest.raises(DefinitionError, match="The service 'victim' has neither image= and build="):
        define({}, alias="victim", folder=Path("/project"))


def test_image_and_build_together_are_an_error(context: Path) -> None:
    with pytest.raises(DefinitionError, match="The service 'victim' has both image= and build="):
        defined(build=context)


def build(value: str | Path | Mapping[str, Any], folder: Path) -> Build | None:
    """Return what a service's `build` means in a folder."""
    return define({"build": value}, alias="victim", folder=folder).build


def test_build_is_a_folder_relative_to_the_defining_file(context: Path) -> None:
    assert build(".", context) == Build(context)
    assert build(f"../{context.name}", context) == Build(context)
    assert build(context, Path("/elsewhere")) == Build(context)


def test_build_may_be_composes_mapping(context: Path) -> None:
    (context / "Containerfile").write_text("FROM scratch\n")
    long = {"context": ".", "dockerfile": "Containerfile", "args": {"N": 1}, "target": "web"}
    assert build(long, context) == Build(context, "Containerfile", (("N", "1"),), "web")


def test_build_args_may_be_composes_list(context: Path) -> None:
    assert build({"context": ".", "args": ["N=1", "A=b=c"]}, context) == Build(context, args=(("N", "1"), ("A", "b=c")))


def test_a_build_without_its_dockerfile_is_an_error_that_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=f"there is no {tmp_path / 'web' / 'Dockerfile'}. Remedy: create it"):
        build("web", tmp_path)


@pytest.mark.parametrize("value", [{"dockerfile": "Dockerfile"}, {"context": ".", "cache_from": []}, 5, ["."]])
def test_a_build_of_another_form_is_an_error_that_says_which_would_do(value: Any, context: Path) -> None:
    with pytest.raises(DefinitionError, match="Remedy: give a folder, or a mapping with `context`"):
        build(value, context)


# environment


@pytest.mark.parametrize("environment", [{"A": "1", "B": "x=y", "C": ""}, ["A=1", "B=x=y", "C="]])
def test_environment_may_be_a_mapping_or_a_list(environment: object) -> None:
    assert defined(environment=environment).environment == {"A": "1", "B": "x=y", "C": ""}


def test_values_of_the_environment_may_be_numbers() -> None:
    assert defined(environment={"PORT": 5000}).environment == {"PORT": "5000"}


@pytest.mark.parametrize("environment", [{"TOKEN": None}, ["TOKEN"]])
def test_a_variable_without_a_value_is_an_error_that_names_it(environment: object) -> None:
    with pytest.raises(DefinitionError, match=r"environment has no value for 'TOKEN'\. Remedy: give one, or leave"):
        defined(environment=environment)


def test_an_environment_of_another_form_is_an_error() -> None:
    with pytest.raises(DefinitionError, match=r"environment=5 is no list of texts\. Remedy: "):
        defined(environment=5)


def test_without_environment_it_is_empty() -> None:
    assert defined().environment == {}


# aliases


def test_the_alias_is_the_given_name_unless_there_are_others() -> None:
    assert defined().aliases == ("victim",)
    assert defined(aliases=[]).aliases == ("victim",)
    assert defined(aliases=["es", "search"]).aliases == ("es", "search")


def test_the_first_of_the_aliases_is_the_alias() -> None:
    assert defined(aliases=["es", "search"]).alias == "es"


def test_an_alias_given_twice_stands_once() -> None:
    assert defined(aliases=["es", "search", "es"]).aliases == ("es", "search")


def test_aliases_as_a_text_are_an_error_that_shows_the_list() -> None:
    with pytest.raises(DefinitionError, match=r"aliases='es' is a text\. Remedy: give a list, such as \['es'\]"):
        defined(aliases="es")


@pytest.mark.parametrize("alias", ["", "-es", "es-", "e s", "es/1", "ä"])
def test_an_alias_that_is_no_host_name_is_an_error(alias: str) -> None:
    with pytest.raises(DefinitionError, match=f"The alias {alias!r} is no host name. Remedy: use letters"):
        defined(aliases=[alias])


# ports


def test_ports_are_those_of_the_container() -> None:
    assert defined(ports=[5000, 5001]).ports == (5000, 5001)


@pytest.mark.parametrize("port", ["5000", "8080:5000", 0, -1, 65536, True, 5000.0, None])
def test_a_port_that_is_none_is_an_error_with_what_would_do(port: object) -> None:
    with pytest.raises(DefinitionError) as raised:
        defined(ports=[port])
    assert f"ports has {port!r}. Remedy: give the container's ports as numbers, such as [5000]" in str(raised.value)


def test_one_port_may_stand_for_a_list() -> None:
    assert defined(ports=5000).ports == (5000,)


@pytest.mark.parametrize("ports", [{5000: 8080}, 5000.0])
def test_ports_of_another_form_are_an_error(ports: object) -> None:
    with pytest.raises(DefinitionError) as raised:
        defined(ports=ports)
    assert f"ports has {ports!r}. Remedy: " in str(raised.value)


def test_a_port_as_a_text_is_an_error_that_shows_the_whole_text() -> None:
    with pytest.raises(DefinitionError, match="ports has '8080:5000'"):
        defined(ports="8080:5000")


# the rest


@pytest.mark.parametrize("command", ["sleep 9", ["sleep", "9"]])
def test_commands_stay_as_they_were_written(command: object) -> None:
    assert defined(command=command, entrypoint=command).command == command


def test_one_entry_may_stand_for_a_list() -> None:
    one = defined(tmpfs="/tmp:size=1m", cap_add="NET_ADMIN", volumes="./data:/data")  # noqa: S108 - in a container
    assert one.tmpfs == ("/tmp:size=1m",)  # noqa: S108 - in a container
    assert one.cap_add == ("NET_ADMIN",)
    assert one.volumes == ("./data:/data",)


@pytest.mark.parametrize("keyword", ["volumes", "tmpfs", "cap_add"])
@pytest.mark.parametrize("value", [{"./data": "/data"}, 5, [5]])
def test_what_is_no_list_of_texts_is_an_error_that_names_the_keyword(keyword: str, value: object) -> None:
    with pytest.raises(DefinitionError) as raised:
        defined(**{keyword: value})
    assert str(raised.value).startswith(f"{keyword}={value!r} is no list of texts. Remedy: ")


@pytest.mark.parametrize("timeout", ["30", "30s", 0, -1, True, float("inf"), float("nan")])
def test_a_timeout_that_is_no_time_is_an_error_before_anything_starts(timeout: object) -> None:
    with pytest.raises(DefinitionError, match=r"timeout=.*Remedy: give seconds above 0"):
        defined(timeout=timeout)


@pytest.mark.parametrize("user", [1000, "1000"])
def test_a_user_may_be_a_number(user: object) -> None:
    assert defined(user=user).user == "1000"
