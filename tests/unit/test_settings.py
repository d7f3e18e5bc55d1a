"""Options: four places, one table, and what is no value."""

from collections.abc import Mapping

import pytest

from fakes.machine import Names
from option_examples import DEFAULTS, VALUES, WRONG
from pytest_foodtrucks.errors import SettingsError
from pytest_foodtrucks.options import ELASTICSEARCH_IMAGE, OPTIONS, Option
from pytest_foodtrucks.settings import PARSERS, Settings, is_pinned, read_settings, split_tag

KNOWN = {"engine": ("10.0.0.5",), "engine.example": ("10.0.0.6",), "host_1": ("10.0.0.7",), "localhost": ("127.0.0.1",)}


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Return what this machine's look-up has, in the place of a name server."""
    names = Names()
    names |= KNOWN
    monkeypatch.setattr("pytest_foodtrucks.engine.hostnames.getaddrinfo", names)
    return names


each_option = pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)


def read(
    line: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    ini: Mapping[str, object] | None = None,
) -> Settings:
    """Read settings where only the given is set."""
    return read_settings(
        (line if line is not None else {}).get,
        environ if environ is not None else {},
        (ini if ini is not None else {}).get,
    )


def test_without_any_word_each_option_has_its_default() -> None:
    assert read() == DEFAULTS


def test_the_settings_are_the_options_and_nothing_else() -> None:
    fields = [option.field for option in OPTIONS]
    assert list(Settings._fields) == fields
    assert list(PARSERS) == fields


def test_these_tests_know_two_values_for_each_option() -> None:
    assert VALUES.keys() == {option.name for option in OPTIONS}


@each_option
def test_an_option_has_one_name_in_four_places(option: Option) -> None:
    assert option.flag == f"--foodtrucks-{option.name}"
    assert option.variable == option.flag[2:].replace("-", "_").upper()
    assert option.ini == option.variable.lower()


@each_option
def test_the_configuration_file_beats_the_default(option: Option) -> None:
    text, _, value, _ = VALUES[option.name]
    assert getattr(read(ini={option.ini: text}), option.field) == value


@each_option
def test_the_environment_beats_the_configuration_file(option: Option) -> None:
    text, other, value, _ = VALUES[option.name]
    read_ = read(environ={option.variable: text}, ini={option.ini: other})
    assert getattr(read_, option.field) == value


@each_option
def test_the_command_line_beats_the_environment(option: Option) -> None:
    text, other, value, _ = VALUES[option.name]
    read_ = read({option.field: text}, {option.variable: other}, {option.ini: other})
    assert getattr(read_, option.field) == value


@each_option
def test_the_second_value_is_read_as_well(option: Option) -> None:
    _, text, _, value = VALUES[option.name]
    assert getattr(read({option.field: text}), option.field) == value


@each_option
def test_an_empty_environment_variable_counts_as_not_set(option: Option) -> None:
    text, _, value, _ = VALUES[option.name]
    assert getattr(read(environ={option.variable: ""}, ini={option.ini: text}), option.field) == value


@each_option
def test_an_empty_word_on_the_command_line_is_an_error_and_hides_nothing(option: Option) -> None:
    with pytest.raises(SettingsError, match=f"{option.flag} on the command line is ''. Remedy: "):
        read({option.field: ""}, {option.variable: VALUES[option.name][0]})


def test_blanks_around_a_value_are_no_part_of_it() -> None:
    assert read(environ={"FOODTRUCKS_PULL": " never\n"}).pull == "never"


@pytest.mark.parametrize(("number", "seconds"), [(180, 180.0), (0.5, 0.5), ("180", 180.0)])
def test_a_configuration_file_may_give_seconds_as_a_number(number: object, seconds: float) -> None:
    assert read(ini={"foodtrucks_timeout": number}).timeout == seconds


def test_a_version_that_toml_took_for_a_number_is_a_tag() -> None:
    assert read(ini={"foodtrucks_es_version": 9.5}).es_version == "9.5"


@pytest.mark.parametrize("value", [True, ["120"], {"seconds": 120}])
def test_a_value_of_another_toml_type_is_an_error(value: object) -> None:
    with pytest.raises(SettingsError, match="which is no text or number") as raised:
        read(ini={"foodtrucks_timeout": value})
    assert str(value) in str(raised.value)
    assert "foodtrucks_timeout in pytest's configuration file" in str(raised.value)


@pytest.mark.parametrize(("name", "text", "remedy"), WRONG, ids=[f"{name}={text}" for name, text, _ in WRONG])
def test_a_wrong_value_is_named_with_its_place_and_a_remedy(name: str, text: str, remedy: str) -> None:
    option = next(option for option in OPTIONS if option.name == name)
    for place, where in (
        ({"line": {option.field: text}}, f"{option.flag} on the command line"),
        ({"environ": {option.variable: text}}, f"{option.variable} in the environment"),
        ({"ini": {option.ini: text}}, f"{option.ini} in pytest's configuration file"),
    ):
        with pytest.raises(SettingsError) as raised:
            read(**place)
        assert str(raised.value).startswith(f"{where} is {text!r}")
        assert remedy in str(raised.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("engine", "tcp://user:hunter2@h:2375"),
        ("engine", "ftp://user:hunter2@h"),
        ("image-prefix", "user:hunter2@mirror.example"),
        ("image-prefix", "https://hunter2@mirror.example"),
        ("es-image", "user:hunter2@mirror.example/es"),
        ("host", "hunter2@host"),
    ],
)
def test_a_wrong_value_is_shown_without_a_user_part(name: str, text: str) -> None:
    option = next(option for option in OPTIONS if option.name == name)
    for value in (text, [text]):
        with pytest.raises(SettingsError) as raised:
            read(ini={option.ini: value})
        assert "hunter2" not in str(raised.value)
        assert text.rpartition("@")[2] in str(raised.value)


def test_each_option_has_a_wrong_value_here() -> None:
    assert {name for name, _, _ in WRONG} == VALUES.keys()


@pytest.mark.parametrize(
    "image",
    [
        "busybox",
        "busybox:1.36",
        "foodtrucks-local/elasticsearch:9.5.0",
        "localhost:5000/es",
        "registry.example:5000/team/es:8.8.2",
        "docker.elastic.co/elasticsearch/elasticsearch",
        "a__b/c--d/e.f_g:V1.0-rc_1",
        "es@sha256:" + "a1" * 32,
        "registry.example/es:8.8.2@sha256:" + "0" * 64,
    ],
)
def test_an_image_name_of_the_engines_grammar_is_taken_as_it_is(image: str) -> None:
    assert read({"probe_image": image}).probe_image == image


@pytest.mark.parametrize(
    ("text", "heap"), [("512M", "512m"), ("512mb", "512m"), ("1GB", "1g"), ("134217728", "134217728")]
)
def test_a_heap_is_handed_on_in_the_form_that_the_jvm_reads(text: str, heap: str) -> None:
    assert read({"es_heap": text}).es_heap == heap


@pytest.mark.parametrize("image", ["team/es:8.8.2", "team/es@sha256:" + "a" * 64])
def test_an_image_with_a_version_beside_a_version_is_an_error_that_names_both_and_their_places(image: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read({"es_image": image}, {"FOODTRUCKS_ES_VERSION": "9.5.0"})
    message = str(raised.value)
    assert f"--foodtrucks-es-image on the command line is {image!r}" in message
    assert "FOODTRUCKS_ES_VERSION in the environment is '9.5.0'" in message
    assert "Remedy: set the image without its tag, or leave the version out." in message


def test_a_registrys_port_is_no_version() -> None:
    assert read({"es_image": "localhost:5000/es", "es_version": "9.5.0"}).es_version == "9.5.0"


def test_an_image_with_a_tag_alone_is_fine() -> None:
    assert read({"es_image": "team/es:8.8.2"}).es_version is None


def test_testcontainers_host_override_gives_the_host_where_nothing_else_does() -> None:
    assert read(environ={"TESTCONTAINERS_HOST_OVERRIDE": "172.17.0.1"}).host == "172.17.0.1"


def test_the_option_host_beats_testcontainers_host_override() -> None:
    assert read({"host": "10.0.0.9"}, {"TESTCONTAINERS_HOST_OVERRIDE": "172.17.0.1"}).host == "10.0.0.9"


def test_our_own_variable_beats_testcontainers_host_override() -> None:
    both = {"FOODTRUCKS_HOST": "10.0.0.9", "TESTCONTAINERS_HOST_OVERRIDE": "172.17.0.1"}
    assert read(environ=both).host == "10.0.0.9"


def test_an_explicit_auto_beats_testcontainers_host_override() -> None:
    assert read({"host": "auto"}, {"TESTCONTAINERS_HOST_OVERRIDE": "172.17.0.1"}).host is None


def test_an_empty_testcontainers_host_override_counts_as_not_set() -> None:
    assert read(environ={"TESTCONTAINERS_HOST_OVERRIDE": ""}).host is None


def test_a_wrong_testcontainers_host_override_is_named_like_any_other_value() -> None:
    with pytest.raises(SettingsError, match=r"TESTCONTAINERS_HOST_OVERRIDE in the environment is 'tcp://x'\. Remedy: "):
        read(environ={"TESTCONTAINERS_HOST_OVERRIDE": "tcp://x"})


@pytest.mark.parametrize("host", ["engine", "engine.example", "10.0.0.1", "::1", "fd00::1", "host_1"])
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert read({"host": host}).host == host


def test_a_host_is_looked_up_without_its_final_dot(names: Names) -> None:
    assert read({"host": "localhost."}).host == "localhost"
    assert names.asked == ["localhost"]


def test_only_a_name_that_somebody_set_is_looked_up(names: Names) -> None:
    for given in ({}, {"host": "auto"}, {"host": "10.0.0.1"}, {"host": "::1"}):
        read(given)
    assert names.asked == []


def test_host_auto_asks_the_engines_url() -> None:
    assert read({"host": "auto"}).host is None


@pytest.mark.parametrize(
    ("image", "repository", "tag"),
    [
        ("es", "es", None),
        ("es:9", "es", "9"),
        ("localhost:5000/es", "localhost:5000/es", None),
        ("localhost:5000/team/es:9", "localhost:5000/team/es", "9"),
        (ELASTICSEARCH_IMAGE, ELASTICSEARCH_IMAGE, None),
    ],
)
def test_a_tag_is_split_off_behind_the_last_slash(image: str, repository: str, tag: str | None) -> None:
    assert split_tag(image) == (repository, tag)


@pytest.mark.parametrize(
    ("image", "pinned"),
    [("es", False), ("localhost:5000/es", False), ("es:9", True), ("es@sha256:" + "0" * 64, True)],
)
def test_a_tag_or_a_digest_pins_an_image(image: str, pinned: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_pinned(image) is pinned
