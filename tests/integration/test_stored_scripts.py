"""Stored scripts that tests leave or change, on servers with a language for them: they are deleted, or put back."""

from pathlib import Path

import pytest

from .conftest import Downstream
from .es_plugin import scripts_zip

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("derived_images_go")]

CONFTEST = """
from pathlib import Path

import pytest
from pytest_foodtrucks import elasticsearch_service

es_on_net = elasticsearch_service(version={version!r}, heap="256m", plugins=[Path("unspoken.zip")])


def put(es, name, source):
    body = {{"script": {{"lang": "unspoken", "source": source}}}}
    es.http.put(f"/_scripts/{{name}}", json=body).raise_for_status()


def stored(es):
    found = es.http.get("/_cluster/state/metadata").raise_for_status().json()["metadata"].get("stored_scripts", {{}})
    return {{name: about["source"] for name, about in found.items()}}


@pytest.fixture(scope="session")
def es_seed():
    return lambda es: [put(es, name, "seeded") for name in ("kept", "changed", "gone", "with.a.dot")]
"""

SUITE = """
from conftest import put, stored

SEEDED = dict.fromkeys(("kept", "changed", "gone", "with.a.dot"), "seeded")


def test_it_begins_with_what_was_seeded(es_on_net):
    print("container", es_on_net.container.id)
    assert stored(es_on_net) == SEEDED


def test_it_leaves_scripts_under_its_name(es_on_net, es_index):
    for tail in ("", "-more", ".v1", "%2Fa%20b", "%2541"):
        put(es_on_net, f"{es_index}{tail}", "mine")
    assert {name for name in stored(es_on_net) if name not in SEEDED} == {
        f"{es_index}{tail}" for tail in ("", "-more", ".v1", "/a b", "%41")
    }


def test_they_are_gone(es_on_net):
    assert stored(es_on_net) == SEEDED


def test_it_changes_what_was_seeded(es_pristine):
    es = es_pristine.service
    put(es, "changed", "another")
    put(es, "with.a.dot", "another")
    put(es, "came", "new")
    es.http.delete("/_scripts/gone").raise_for_status()


def test_it_is_put_back_and_one_is_left_for_the_next_session(es_on_net):
    assert stored(es_on_net) == SEEDED
    put(es_on_net, "left", "mine")
    put(es_on_net, "left.v1", "mine")
"""


@pytest.mark.parametrize("version", ["9.5.0", "8.8.2"])
def test_stored_scripts_are_deleted_and_put_back(pruned: Downstream, tmp_path: Path, version: str) -> None:
    scripts_zip(tmp_path, version=version).rename(pruned.folder / "unspoken.zip")
    pruned.write(conftest=CONFTEST.format(version=version), test_it=SUITE)
    containers = []
    for _ in range(2):
        result = pruned.run("-s", "--foodtrucks-timeout=300", "--foodtrucks-reuse", timeout=500)
        result.assert_outcomes(passed=5)
        containers += [line.split()[-1] for line in result.outlines if "container " in line]
    assert containers[0] == containers[1]
