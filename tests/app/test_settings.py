"""The app's settings, from its environment."""

import pytest

from pytest_foodtrucks.web_image.foodtrucks_web.settings import Settings, SettingsError


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings(host="es", port=9200, wait=60)


def test_each_variable_is_read() -> None:
    environment = {"ES_HOST": "search", "ES_PORT": "19200", "ES_WAIT": "2.5"}
    assert Settings.from_environment(environment) == Settings(host="search", port=19200, wait=2.5)


@pytest.mark.parametrize(
    ("host", "url"), [("es", "http://es:9200"), ("10.0.0.2", "http://10.0.0.2:9200"), ("::1", "http://[::1]:9200")]
)
def test_the_url_names_the_host_as_urls_do(host: str, url: str) -> None:
    assert Settings(host=host).url == url


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("ES_PORT", "http", "a whole number from 1 to 65535"),
        ("ES_PORT", "0", "from 1 to 65535"),
        ("ES_PORT", "9200.5", "a whole number"),
        ("ES_PORT", "", "a whole number"),
        ("ES_WAIT", "soon", "a number from 0 to 86400"),
        ("ES_WAIT", "nan", "a number from 0 to 86400"),
        ("ES_WAIT", "inf", "a number from 0 to 86400"),
        ("ES_WAIT", "-1", "a number from 0 to 86400"),
    ],
)
def test_an_impossible_number_is_named_with_its_variable(name: str, value: str, remedy: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}={value!r} is not .*{remedy}"):
        Settings.from_environment({name: value})


def test_an_empty_host_is_refused() -> None:
    with pytest.raises(SettingsError, match="ES_HOST is empty"):
        Settings.from_environment({"ES_HOST": ""})
