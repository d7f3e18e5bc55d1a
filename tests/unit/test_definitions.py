"""What the keywords of a service mean."""

import itertools
import traceback
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from keyword_examples import EXAMPLES
from pytest_foodtrucks.containers.building import Build
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.services.definitions import KEYWORDS, ServiceDefinition, ServiceKeywords, check_keywords, define


def defined(**keywords: Any) -> ServiceDefinition:
    """Return the definition of a fixture `victim` from the image busybox."""
    return define({"image": "busybox", **keywords}, alias="victim", folder=Path("/project"))


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """Return a folder with a Dockerfile."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


# keywords


@pytest.mark.parametrize(
    ("wrong", "right"), [("enviroment", "environment"), ("port", "ports"), ("alias", "aliases"), ("Image", "image")]
)
def test_an_unknown_keyword_is_named_with_the_most_similar_one(wrong: str, right: str) -> None:
    with pytest.raises(DefinitionError, match=f"A service has no keyword '{wrong}'; did you mean '{right}'"):
        check_keywords({wrong: 1})


def test_an_unknown_keyword_like_no_other_is_named_with_all_known_ones() -> None:
    with pytest.raises(DefinitionError) as raised:
        check_keywords({"zzz": 1})
    for keyword in ServiceKeywords.__annotations__:
        assert keyword in str(raised.value)


def test_none_counts_as_not_given() -> None:
    nothing = dict.fromkeys(ServiceKeywords.__annotations__)
    assert defined(**{**nothing, "image": "busybox"}) == defined()


# image, build


def test_neither_image_nor_build_is_an_error_that_names_the_service() -> None:
    with pytest.raises(DefinitionError, match="The service 'victim' has neither image= nor build="):
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
    assert build({"context": ".", "args": ["N=1", "A=b=c"]}, context) == Build(context, args=(("A", "b=c"), ("N", "1")))


def test_a_build_without_its_dockerfile_is_an_error_that_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=f"there is no '{tmp_path / 'web' / 'Dockerfile'}'. Remedy: create it"):
        build("web", tmp_path)


@pytest.mark.parametrize("value", [{"dockerfile": "Dockerfile"}, {"context": ".", "no_cache": True}, 5, ["."]])
def test_a_build_of_another_form_is_an_error_that_shows_the_right_form(value: Any, context: Path) -> None:
    with pytest.raises(DefinitionError, match="Remedy: give a folder, or a mapping with `context`"):
        build(value, context)


# environment


@pytest.mark.parametrize("environment", [{"A": "1", "B": "x=y", "C": ""}, ["A=1", "B=x=y", "C="]])
def test_environment_may_be_a_mapping_or_a_list(environment: object) -> None:
    assert defined(environment=environment).spec.environment == {"A": "1", "B": "x=y", "C": ""}


def test_values_of_the_environment_may_be_numbers() -> None:
    assert defined(environment={"PORT": 5000}).spec.environment == {"PORT": "5000"}


@pytest.mark.parametrize("environment", [{"TOKEN": None}, ["TOKEN"]])
def test_a_variable_without_a_value_is_an_error_that_names_it(environment: object) -> None:
    with pytest.raises(DefinitionError, match=r"environment has no value for 'TOKEN'\. Remedy: give one, or leave"):
        defined(environment=environment)


def test_an_environment_of_another_form_is_an_error() -> None:
    with pytest.raises(DefinitionError, match=r"environment, of type int, is neither a mapping nor a list\. Remedy: "):
        defined(environment=5)


def test_without_environment_it_is_empty() -> None:
    assert defined().spec.environment == {}


# aliases


def test_the_alias_is_the_given_name_unless_there_are_others() -> None:
    assert defined().spec.aliases == ("victim",)
    assert defined(aliases=[]).spec.aliases == ("victim",)
    assert defined(aliases=["es", "search"]).spec.aliases == ("es", "search")


def test_the_first_of_the_aliases_is_the_alias() -> None:
    assert defined(aliases=["es", "search"]).alias == "es"


def test_an_alias_that_is_given_twice_is_used_once() -> None:
    assert defined(aliases=["es", "search", "es"]).spec.aliases == ("es", "search")


def test_aliases_as_a_text_are_an_error_that_shows_the_list() -> None:
    with pytest.raises(DefinitionError, match=r"aliases='es' is a text\. Remedy: give a list, such as \['es'\]"):
        defined(aliases="es")


@pytest.mark.parametrize("alias", ["", "-es", "es-", "e s", "es/1", "ä"])
def test_an_alias_that_is_no_host_name_is_an_error(alias: str) -> None:
    with pytest.raises(DefinitionError, match=f"The alias {alias!r} is no host name: .*. Remedy: use letters"):
        defined(aliases=[alias])


# ports


def test_ports_are_those_of_the_container() -> None:
    assert defined(ports=[5000, 5001]).spec.ports == (5000, 5001)


@pytest.mark.parametrize("port", ["5000", "8080:http", 0, -1, 65536, True, 5000.0, None])
def test_a_wrong_port_is_an_error_with_a_remedy(port: object) -> None:
    with pytest.raises(DefinitionError) as raised:
        defined(ports=[port])
    assert f"ports has {port!r}. Remedy: give the container's ports as numbers, such as [5000]" in str(raised.value)


def test_one_port_means_a_list_of_that_one() -> None:
    assert defined(ports=5000).spec.ports == (5000,)


@pytest.mark.parametrize("ports", [{5000: 8080}, 5000.0])
def test_ports_of_another_form_are_an_error(ports: object) -> None:
    with pytest.raises(DefinitionError) as raised:
        defined(ports=ports)
    assert f"ports has {ports!r}. Remedy: " in str(raised.value)


def test_a_port_as_a_text_is_an_error_that_shows_the_whole_text() -> None:
    with pytest.raises(DefinitionError, match="ports has '8080:http'"):
        defined(ports="8080:http")


# the rest


@pytest.mark.parametrize("command", ["sh -c 'sleep 9'", ["sh", "-c", "sleep 9"]])
def test_a_command_may_be_a_text_or_a_list(command: object) -> None:
    both = defined(command=command, entrypoint=command)
    assert both.spec.command == both.spec.entrypoint == ("sh", "-c", "sleep 9")


def test_an_empty_entrypoint_is_one() -> None:
    assert defined(entrypoint=[]).spec.entrypoint == ()


def test_a_command_with_an_open_quote_is_an_error_with_a_remedy() -> None:
    with pytest.raises(DefinitionError, match=r"command=\"echo 'a\" can't be split.*Remedy: mend its quotes"):
        defined(command="echo 'a")


def test_one_text_means_a_list_of_that_one() -> None:
    one = defined(tmpfs="/tmp:size=1m", cap_add="NET_ADMIN", volumes="./data:/data")  # noqa: S108 - in a container
    assert one.spec.tmpfs == ("/tmp:size=1m",)  # noqa: S108 - in a container
    assert one.spec.cap_add == ("NET_ADMIN",)
    assert [(volume.source, volume.target) for volume in one.spec.volumes] == [("data", "/data")]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("volumes", {"./data": "/data"}), ("volumes", 5), ("tmpfs", 5), ("cap_add", {"./data": "/data"}), ("cap_add", 5)],
)
def test_anything_but_a_list_of_texts_is_an_error_that_names_the_keyword(keyword: str, value: object) -> None:
    with pytest.raises(DefinitionError) as raised:
        defined(**{keyword: value})
    assert str(raised.value).startswith(f"{keyword}={value!r} is no list of texts. Remedy: ")


def test_an_entry_that_is_no_text_is_told_with_its_place() -> None:
    with pytest.raises(DefinitionError, match=r"command=\['cat', PosixPath\('x'\)\] has at index 1 PosixPath\('x'\)"):
        defined(command=["cat", Path("x")])


@pytest.mark.parametrize("timeout", ["30", "30s", 0, -1, True, float("inf"), float("nan")])
def test_a_wrong_timeout_is_an_error_before_anything_starts(timeout: object) -> None:
    with pytest.raises(DefinitionError, match=r"timeout=.*Remedy: give seconds above 0"):
        defined(timeout=timeout)


@pytest.mark.parametrize("user", [1000, "1000"])
def test_a_user_may_be_a_number(user: object) -> None:
    assert defined(user=user).spec.user == "1000"


# health checks


def test_a_healthcheck_has_composes_durations_in_nanoseconds() -> None:
    check = {"test": ["CMD", "true"], "interval": "1m30s", "timeout": "500ms", "start_period": 2, "retries": "5"}
    assert defined(healthcheck=check).spec.healthcheck == {
        "Test": ["CMD", "true"],
        "Interval": 90 * 10**9,
        "Timeout": 5 * 10**8,
        "StartPeriod": 2 * 10**9,
        "Retries": 5,
    }


def test_a_healthcheck_as_a_text_is_run_by_a_shell() -> None:
    assert defined(healthcheck={"test": "wget localhost"}).spec.healthcheck == {"Test": ["CMD-SHELL", "wget localhost"]}


@pytest.mark.parametrize("off", [{"disable": True}, {"test": ["NONE"]}])
def test_a_healthcheck_can_be_switched_off(off: object) -> None:
    assert defined(healthcheck=off).spec.healthcheck == {"Test": ["NONE"]}


# wrong values


@pytest.mark.parametrize(
    ("keyword", "value"),
    [pytest.param(keyword, value, id=f"{keyword}-{number}") for keyword, example in EXAMPLES.items()
     for number, value in enumerate(example.wrong)],
)  # fmt: skip
def test_the_error_for_a_wrong_value_has_its_keyword_and_a_remedy(keyword: str, value: object, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    source = {} if keyword in {"image", "build"} else {"image": "busybox"}
    with pytest.raises(DefinitionError) as raised:
        define({**source, keyword: value}, alias="victim", folder=tmp_path)
    message = str(raised.value)
    word = {"aliases": "alias", "volumes": "volume"}.get(keyword, keyword)
    assert message.startswith((word, f"The {word}", f"For {word}"))
    assert ". Remedy: " in message
    assert "Remedy: give a plain value" not in message, "found by nobody's check"
    assert len(message) < 700


def test_each_keyword_has_a_check_and_a_type_and_is_tried_with_wrong_values() -> None:
    assert KEYWORDS.keys() == ServiceKeywords.__annotations__.keys() == EXAMPLES.keys()


@pytest.mark.parametrize("alias", ["127.0.0.1", "172.18.0.3", "1", "127.1", "::1", "a" * 64, "a." * 200, "x" * 10**6])
def test_a_name_that_resolvers_ask_no_name_server_for_is_refused_as_alias(alias: str) -> None:
    with pytest.raises(DefinitionError, match="Remedy: ") as raised:
        defined(aliases=[alias])
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("alias", ["localhost", "LocalHost", "es.localhost", "ip6-loopback"])
def test_a_name_that_means_each_container_itself_is_refused_as_alias(alias: str) -> None:
    with pytest.raises(DefinitionError, match=f"The alias '{alias}' means to each container itself. Remedy: "):
        defined(aliases=[alias])


def test_aliases_that_a_name_server_takes_for_one_are_used_once() -> None:
    assert defined(aliases=["Es", "es", "search"]).spec.aliases == ("Es", "search")


def test_a_default_alias_is_checked_too() -> None:
    with pytest.raises(DefinitionError, match="The alias 'gaststätte' is no host name"):
        define({"image": "busybox"}, alias="gaststätte", folder=Path("/project"))


@pytest.mark.parametrize(
    "environment", [{"A": 1, "B": 1.5}, {"A": Path("1"), "B": Decimal("1.5")}, {"A": UUID(int=1), "B": ""}]
)
def test_values_of_the_environment_may_have_any_type_that_defines_its_text(environment: dict[str, object]) -> None:
    assert defined(environment=environment).spec.environment == {
        name: str(value) for name, value in environment.items()
    }


SECRET = "hunter2"  # noqa: S105 - nobody's


@pytest.mark.parametrize(
    "keywords",
    [
        {"environment": [f"PASSWORD={SECRET}", 5]},
        {"environment": f"PASSWORD={SECRET}"},
        {"environment": {"PASSWORD": SECRET, "OTHER": None}},
        {"environment": {"PASSWORD": f"{SECRET}\0"}},
        {"environment": {"PASSWORD": [SECRET]}},
        {"environment": {SECRET.encode(): 1}},
        {"environment": [f"={SECRET}"]},
        {"build": {"context": ".", "arg": {"PASSWORD": SECRET}}},
        {"build": {"context": 5, "args": {"PASSWORD": SECRET}}},
        {"build": {"context": "gone", "args": {"PASSWORD": SECRET}}},
        {"build": {"context": ".", "args": [f"PASSWORD={SECRET}", 5]}},
        {"build": {"context": ".", "args": f"PASSWORD={SECRET}"}},
        {"build": {"context": ".", "secrets": {"token": {"content": SECRET}}}},
        {"build": {"context": ".", "secrets": f"token={SECRET}"}},
        {"logging": {"driver": "splunk", "options": {"splunk-token": SECRET}, "opts": {}}},
        {"logging": {"driver": "splunk", "options": {"splunk-token": [SECRET]}}},
        {"build": [{"args": {"PASSWORD": SECRET}}]},
        {"build": f"https://me:{SECRET}@git.example/app"},
        {"image": f"https://me:{SECRET}@registry.example/app"},
        {"image": f"https://me:{SECRET}@registry.example/" + "x" * 10**5},
        {"image": f"https://{'me' * 500}:{SECRET}@registry.example/"},
        {"command": {"curl": f"https://me:{SECRET}@api.example"}},
        {"volumes": [f"https://me:{SECRET}@x"]},
    ],
    ids=str,
)
def test_no_message_shows_a_secret(keywords: dict[str, Any]) -> None:
    source = {} if {"image", "build"} & keywords.keys() else {"image": "busybox"}
    with pytest.raises(DefinitionError) as raised:
        define({**source, **keywords}, alias="victim", folder=Path("/project"))
    assert SECRET not in str(raised.value)
    assert SECRET not in "".join(traceback.format_exception_only(raised.value))


def test_an_iterator_without_an_end_is_an_error() -> None:
    with pytest.raises(DefinitionError, match=r"ports=count\(.*\) has more than 10000 entries\. Remedy: "):
        defined(ports=itertools.count(1))


class Hostile:
    """A value that raises on every use, even when it is shown."""

    def __repr__(self) -> str:
        raise RuntimeError(SECRET)

    __str__ = __iter__ = __len__ = __eq__ = __hash__ = __bool__ = __fspath__ = __repr__  # type: ignore[assignment]


@pytest.mark.parametrize("keyword", sorted(ServiceKeywords.__annotations__))
def test_a_value_that_raises_on_every_use_is_named_by_its_type(keyword: str) -> None:
    source = {} if keyword in {"image", "build"} else {"image": "busybox"}
    with pytest.raises(DefinitionError) as raised:
        define({**source, keyword: Hostile()}, alias="victim", folder=Path("/project"))
    assert "Hostile" in str(raised.value)
    assert SECRET not in str(raised.value)
