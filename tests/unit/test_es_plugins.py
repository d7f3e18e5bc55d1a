"""The plugins of an Elasticsearch: what can be given, which steps install them, and what a failure says."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fakes.session import settings
from pytest_foodtrucks.errors import DefinitionError, ImageError
from pytest_foodtrucks.services.elasticsearch import es_node, es_plugins


def define(plugins: Any, folder: Path = Path("/nowhere"), **keywords: Any) -> Any:
    """Return the derivation of an Elasticsearch with plugins."""
    keywords = {"version": "9.5.0", **keywords, "plugins": plugins}
    return es_node.definition(settings(), keywords, alias="es", folder=folder).derivation


def installed(plugins: Any, folder: Path = Path("/nowhere"), **keywords: Any) -> list[list[str]]:
    """Return what each step that runs something runs."""
    steps = define(plugins, folder, **keywords).steps
    return [json.loads(step.removeprefix("RUN "))[2:] for step in steps if step.startswith("RUN ")]


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    """Return a plugin's zip."""
    (tmp_path / "my plugin.zip").write_bytes(b"one")
    return tmp_path / "my plugin.zip"


@pytest.mark.parametrize("nothing", [None, [], ()])
def test_without_plugins_the_image_is_the_servers_own(nothing: Any) -> None:
    assert define(nothing) is None


def test_names_and_urls_are_the_plugin_managers() -> None:
    given = ["analysis-icu", "org.example:mine:1.2", "https://mirror.example/mine.zip"]
    assert installed(given) == [[each, ""] for each in given]


@pytest.mark.parametrize("form", ["path", "relative", "url", "relative url"])
def test_a_zip_of_this_machine_is_copied_into_the_image(zipped: Path, form: str) -> None:
    given = {
        "path": zipped,
        "relative": Path(zipped.name),
        "url": zipped.as_uri(),
        "relative url": f"file://{zipped.name}",
    }[form]
    added = define([given], zipped.parent)
    assert added.files == (("plugin0.zip", zipped),)
    assert "COPY plugin0.zip /tmp/foodtrucks-plugins/" in added.steps
    assert installed([given], zipped.parent) == [["file:///tmp/foodtrucks-plugins/plugin0.zip", ""]]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("analysis-icu", "plugins='analysis-icu' is no list. Remedy: give a list"),
        ({"a", "b"}, "has no order"),
        ([3], "Remedy: give a text"),
        (["--help"], "has '--help'. Remedy: give an official plugin's name"),
        (["two words"], "has 'two words'"),
        (["mine.zip"], "has 'mine.zip'. Remedy: give an official plugin's name, such as 'analysis-icu', a Path"),
        (["ftp://mirror.example/mine.zip"], "has 'ftp://mirror.example/mine.zip'"),
        ([""], "has ''"),
        (["https://me:hunter2@mirror.example/mine.zip"], "['https://…@mirror.example/mine.zip'] has a URL with a user"),
    ],
)
def test_what_is_no_plugin_is_refused(wrong: Any, words: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        define(wrong)
    assert words in str(raised.value)


def test_a_zip_that_isnt_there_is_told_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"plugins= has '/.*/mine\.zip', and there is no such file\. Remedy: "):
        define([Path("mine.zip")], tmp_path)


def test_beside_build_they_are_added_to_what_is_built(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    defined = es_node.definition(
        settings(), {"build": tmp_path, "plugins": ["analysis-icu"]}, alias="es", folder=tmp_path
    )
    assert defined.build is not None
    assert defined.derivation is not None


# the script that installs one


def run(tmp_path: Path, command: str, **environment: str) -> tuple[int, str]:
    """Run the script with a plugin manager of ours, and return its exit code and output."""
    for name, lines in {"elasticsearch-plugin": command, "uname": "echo aarch64"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{lines}\n")
        (tmp_path / name).chmod(0o755)
    (script,) = [text for _, text in define(["a"]).texts]
    words = ["sh", "-c", script, "sh", "analysis-icu", "-XX:UseSVE=0"]
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(words, env={"PATH": path, **environment}, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout


def test_proxies_and_what_arm64_needs_are_told_to_its_jvm(tmp_path: Path) -> None:
    show = 'echo "$@"; echo "$ES_JAVA_OPTS"; echo "$CLI_JAVA_OPTS"; exit 1'
    proxies = {"https_proxy": "http://me:secret@proxy.example:3128/", "HTTP_PROXY": "proxy.example"}
    code, output = run(tmp_path, show, **proxies, CLI_JAVA_OPTS="-Dmine=1")
    options = (
        "-XX:UseSVE=0 -Dhttp.proxyHost=proxy.example -Dhttp.proxyPort=80 "
        "-Dhttps.proxyHost=proxy.example -Dhttps.proxyPort=3128"
    )
    assert code == 1
    assert [line.strip() for line in output.splitlines()] == [
        "install --batch analysis-icu",
        options,
        f"-Dmine=1 {options}",
    ]


def test_without_a_proxy_it_is_told_none(tmp_path: Path) -> None:
    _, output = run(tmp_path, 'echo "$CLI_JAVA_OPTS"; exit 1')
    assert output.strip() == "-XX:UseSVE=0"


@pytest.mark.parametrize(
    "words",
    [
        "ERROR: Unknown plugin x",
        "java.lang.IllegalStateException: no such thing",
        'Exception in thread "main" java.io.IOException: it broke',
    ],
)
def test_a_failure_ends_with_why(tmp_path: Path, words: str) -> None:
    said = f"echo '-> Installing x'; echo '{words}'; echo '\tat java.base/a.IOException.b'; exit 64"
    code, output = run(tmp_path, said)
    assert code == 1
    assert output.splitlines()[-1] == f"why: {words}"


def test_what_works_is_silent(tmp_path: Path) -> None:
    assert run(tmp_path, "echo 'ERROR: it was nothing'") == (0, "")


# what a failure says

MISMATCH = "Plugin [x] was built for Elasticsearch version 9.4.0 but version 9.5.0 is running"


@pytest.mark.parametrize(
    ("words", "told", "remedy"),
    [
        (
            "ERROR: Unknown plugin analysis-icuu, did you mean [analysis-icu]?, with exit code 64",
            "Unknown plugin analysis-icuu, did you mean [analysis-icu]?",
            "name one that `elasticsearch-plugin install --help` lists",
        ),
        (
            f'Exception in thread "main" java.lang.IllegalArgumentException: {MISMATCH}',
            f"IllegalArgumentException: {MISMATCH}",
            "give the zip for this server's version",
        ),
        (
            'Exception in thread "main" java.net.UnknownHostException: artifacts.elastic.co',
            "UnknownHostException: artifacts.elastic.co",
            "see that the engine's builds reach artifacts.elastic.co, if need be by a proxy",
        ),
        (
            "ERROR: plugin directory [/x] already exists; if you need to update the plugin, uninstall it first",
            "plugin directory [/x] already exists; if you need to update the plugin, uninstall it first",
            "leave it out of plugins=",
        ),
        (
            "java.lang.IllegalStateException: Plugin [.installing-1] is missing a descriptor properties file.",
            "IllegalStateException: Plugin [.installing-1] is missing a descriptor properties file",
            "give the zip of a plugin",
        ),
        (
            'Exception in thread "main" java.nio.file.NoSuchFileException: /x/plugin-descriptor.properties',
            "NoSuchFileException: /x/plugin-descriptor.properties",
            "give the zip of a plugin",
        ),
        ("ERROR: something else.", "something else", "mend what the output shows"),
    ],
)
def test_the_plugin_managers_words_are_told_with_a_remedy(words: str, told: str, remedy: str) -> None:
    logs = f"#7 1.02 -> Installing x\n#7 1.21 why: {words}\n------\n1.21 why: {words}\n------"
    error = es_plugins.explained(ImageError("The image can't be built", logs=logs))
    assert error.message.startswith(f"A plugin can't be installed: {told}. Remedy: {remedy}")
    assert error.logs == logs


def test_another_error_of_the_build_stays_as_it_is() -> None:
    error = ImageError("The image can't be built", logs="no space left on device")
    assert es_plugins.explained(error) is error
