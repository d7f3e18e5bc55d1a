"""Plugins: an image that has them is derived from the server's, and made anew only where something changed."""

import os
import re
import shutil
import time
from pathlib import Path

import pytest

from pytest_foodtrucks import Engine
from pytest_foodtrucks.containers.deriving import Derivation, derived
from pytest_foodtrucks.containers.progress import Progress
from pytest_foodtrucks.engine.labels import IMAGE_LABEL, session_of_image_name

from .conftest import Downstream
from .es_plugin import plugin_zip
from .test_ways_out import gone

SESSION = f"session{os.getpid()}"
BASE = os.environ.get("EXAMPLE_BUSYBOX_IMAGE", "busybox")

CONFTEST = """
from pathlib import Path
from pytest_foodtrucks import elasticsearch_service

search = elasticsearch_service(version={version!r}, heap="256m", plugins=[Path("marking.zip")])
"""
SUITE = """
def test_it(search):
    asked = {"tokenizer": "standard", "filter": [{"type": "marking"}], "text": "hot taco"}
    answer = search.http.post("/_analyze", json=asked, timeout=60).raise_for_status().json()
    print("tokens", *[each["token"] for each in answer["tokens"]], "of", search.container.image)
"""


pytestmark = pytest.mark.usefixtures("derived_images_go")


@pytest.mark.parametrize(
    "version", ["9.5.0", *(pytest.param(each, marks=pytest.mark.slow) for each in ("8.8.2", "7.17.9", "6.8.23"))]
)
def test_a_plugin_of_ones_own_works_in_the_server(downstream: Downstream, tmp_path: Path, version: str) -> None:
    zipped = plugin_zip(tmp_path, version=version)
    zipped.rename(downstream.folder / "marking.zip")
    downstream.write(conftest=CONFTEST.format(version=version), test_it=SUITE)
    result = downstream.run("-s", "--foodtrucks-timeout=300", timeout=400)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*tokens hot! taco! of foodtrucks-build/elasticsearch-plugins:*"])
    result.stderr.fnmatch_lines(["foodtrucks: building Elasticsearch with marking.zip: done in *.? s"])


@pytest.mark.slow
def test_a_changed_zip_makes_a_kept_server_anew_and_an_unchanged_one_doesnt(pruned: Downstream, tmp_path: Path) -> None:
    pruned.write(
        conftest=CONFTEST.format(version="9.5.0"), test_it=SUITE + '    print("container", search.container.id)\n'
    )
    first, other = (plugin_zip(tmp_path / str(ord(mark)), version="9.5.0", mark=mark) for mark in "!?")
    told = []
    for zipped in (first, first, other):
        shutil.copy(zipped, pruned.folder)
        result = pruned.run("-s", "--foodtrucks-reuse", "--foodtrucks-timeout=300", timeout=400)
        result.assert_outcomes(passed=1)
        told.append(re.findall(r"(?:tokens|container) (\S+)", result.stdout.str()))
    assert told[0] == told[1]
    assert (told[1][0], told[2][0]) == ("hot!", "hot?")
    assert told[1][1] != told[2][1]


def test_what_cant_be_installed_is_told_in_the_plugin_managers_words(downstream: Downstream, tmp_path: Path) -> None:
    plugin_zip(tmp_path, version="9.4.0").rename(downstream.folder / "marking.zip")
    (downstream.folder / "empty.zip").write_bytes(b"PK\5\6" + bytes(18))
    downstream.write(
        conftest="""
        from pathlib import Path
        from pytest_foodtrucks import elasticsearch_service

        unknown = elasticsearch_service(version="9.5.0", plugins=["analysis-icuu"])
        other = elasticsearch_service(version="9.5.0", plugins=[Path("marking.zip")])
        empty = elasticsearch_service(version="9.5.0", plugins=["file://empty.zip"])
        """,
        test_it="""
        def test_unknown(unknown): pass
        def test_other(other): pass
        def test_empty(empty): pass
        """,
    )
    result = downstream.run()
    result.assert_outcomes(errors=3)
    told = " ".join(result.stdout.str().split())
    for words in (
        "The service unknown can't start. A plugin can't be installed: Unknown plugin analysis-icuu",
        "was built for Elasticsearch version 9.4.0 but version 9.5.0 is running. Remedy: give the zip for this",
        "is missing a descriptor properties file. Remedy: give the zip of a plugin: it has plugin-descriptor",
    ):
        assert words in told


# what is derived, from any image


@pytest.mark.parametrize("way", ["command line", "API"])
def test_an_image_is_derived_once_and_anew_where_a_file_changed(
    foodtrucks_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "API":
        monkeypatch.setenv("PATH", str(tmp_path))
    file, name = tmp_path / "answer", f"foodtrucks-build/derived-{os.getpid()}:1"
    added = Derivation(title="mine", slug="derived", steps=("COPY answer /",), files=(("answer", file),))

    def derive(content: str) -> str:
        file.write_text(content)
        return derived(foodtrucks_engine, BASE, added, name=name, session_id=SESSION, progress=Progress(None))

    first = derive("42")
    # Other tests of this machine prune meanwhile: what a container uses stays until it was looked for.
    used = foodtrucks_engine.api.create_container(first, "sleep 600")["Id"]
    try:
        assert derive("42") == first
        changed = derive("43")
        assert first in foodtrucks_engine.dangling_images(IMAGE_LABEL), "`foodtrucks prune` removes it"
    finally:
        foodtrucks_engine.api.remove_container(used)
    assert foodtrucks_engine.image_id(name) == changed != first
    assert foodtrucks_engine.image_facts(changed).labels[IMAGE_LABEL] == name
    assert not [each for each in foodtrucks_engine.image_names() if session_of_image_name(each) == SESSION]


def test_a_session_that_is_killed_while_it_derives_an_image_leaves_the_base_no_name(
    downstream: Downstream, tmp_path: Path, foodtrucks_engine: Engine
) -> None:
    plugin_zip(tmp_path, version="9.5.0").rename(downstream.folder / "marking.zip")
    downstream.write(conftest=CONFTEST.format(version="9.5.0"), test_it=SUITE)

    def names() -> list[str]:
        ours = {each.name for each in tmp_path.glob("state/runs/*")} | seen
        return [each for each in foodtrucks_engine.image_names() if session_of_image_name(each) in ours]

    seen: set[str] = set()
    with downstream.started(f"--foodtrucks-state-dir={tmp_path / 'state'}") as process:
        while not names():
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.02)
        seen = {each.name for each in tmp_path.glob("state/runs/*")}
        process.kill()
    assert gone(lambda: set(names()))
