"""Users, roles and keys that a secured Elasticsearch keeps in its own index: made, and put back after a test."""

import os
from pathlib import Path

import pytest

from .conftest import Downstream
from .es_plugin import analysis_zip

pytestmark = pytest.mark.usefixtures("derived_images_go")

CONFTEST = """
from pathlib import Path

import pytest
from pytest_foodtrucks import elasticsearch_service

es_on_net = elasticsearch_service(version={version!r}, security="basic", heap="256m", plugins={plugins})

SEEDED = {{
    "role/cook": {{"cluster": ["monitor"], "indices": [{{"names": ["menu"], "privileges": ["read"]}}]}},
    "user/ann": {{"password": "ann's own", "roles": ["cook"], "full_name": "Ann"}},
    "user/bob": {{"password": "bob's own", "roles": ["cook"]}},
    "role_mapping/cooks": {{"enabled": True, "roles": ["cook"], "rules": {{"field": {{"username": "ann"}}}}}},
}}


@pytest.fixture(scope="session")
def es_seed():
    def seed(es):
        for path, body in SEEDED.items():
            es.http.put(f"/_security/{{path}}", json=body, timeout=120).raise_for_status()

    return seed
"""

SUITE = """
import pytest


def told(es):
    return {kind: es.http.get(f"/_security/{kind}").raise_for_status().json() for kind in
            ("user", "role", "role_mapping")}


def logs_in(es, user, password):
    return es.http.get("/_security/_authenticate", auth=(user, password)).status_code == 200


def put(es, path, body=None):
    es.http.put(f"/_security/{path}", json=body, timeout=60).raise_for_status()


def delete(es, path):
    es.http.delete(f"/_security/{path}", timeout=60).raise_for_status()


@pytest.fixture(scope="session")
def before(es_on_net):
    return told(es_on_net)


def test_a_key_may_do_what_it_is_given(es_on_net):
    key = es_on_net.api_key(role_descriptors={"watcher": {"cluster": ["monitor"]}}, expiration="1h")
    headers = {"Authorization": f"ApiKey {key}"}
    assert es_on_net.http.get("/_cluster/health", auth=None, headers=headers).status_code == 200
    assert es_on_net.http.put("/forbidden", auth=None, headers=headers).status_code == 403


CHANGES = {
    "a password": lambda es: put(es, "user/ann/_password", {"password": "another"}),
    "a user is disabled": lambda es: put(es, "user/ann/_disable"),
    "other roles": lambda es: put(es, "user/ann", {"roles": ["superuser"]}),
    "a user is gone": lambda es: delete(es, "user/bob"),
    "users came": lambda es: [put(es, f"user/{name}", {"password": "eve's own", "roles": ["cook"]})
                              for name in ("eve", "e v+e")],
    "a role": lambda es: put(es, "role/cook", {"cluster": ["all"]}),
    "a role is gone": lambda es: delete(es, "role/cook"),
    "a role came": lambda es: put(es, "role/thief", {"cluster": ["all"]}),
    "a mapping": lambda es: put(es, "role_mapping/cooks", {"enabled": False, "roles": ["cook"],
                                                          "rules": {"field": {"username": "eve"}}}),
    "a mapping is gone": lambda es: delete(es, "role_mapping/cooks"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_changes(before, es_pristine, change):
    es = es_pristine.service
    assert told(es) == before
    assert logs_in(es, "ann", "ann's own")
    assert logs_in(es, "bob", "bob's own")
    assert not logs_in(es, "eve", "eve's own")
    CHANGES[change](es)
    assert told(es) != before or not logs_in(es, "ann", "ann's own")


def test_all_is_as_it_was_and_one_is_left_for_the_next_session(before, es_on_net):
    print("container", es_on_net.container.id)
    assert told(es_on_net) == before
    assert {*before["user"]} >= {"ann", "bob"}
    assert "left" not in before["user"]
    assert logs_in(es_on_net, "ann", "ann's own")
    assert logs_in(es_on_net, "bob", "bob's own")
    put(es_on_net, "user/left", {"password": "left's own", "roles": ["cook"]})
"""

LOCAL = "foodtrucks-local" in os.environ.get("FOODTRUCKS_ES_IMAGE", "")
"""Whether the servers lack the module analysis-common, so that a plugin has to stand in for it."""


@pytest.mark.slow
@pytest.mark.parametrize("version", ["9.5.0", "8.8.2", "7.17.9"])
def test_users_and_roles_are_put_back(pruned: Downstream, tmp_path: Path, version: str) -> None:
    analysis_zip(tmp_path, version=version).rename(pruned.folder / "standingin.zip")
    plugins = '[Path("standingin.zip")]' if LOCAL else "[]"
    pruned.write(conftest=CONFTEST.format(version=version, plugins=plugins), test_it=SUITE)
    containers = []
    for _ in range(2):
        result = pruned.run("-s", "--foodtrucks-timeout=300", "--foodtrucks-reuse", timeout=500)
        result.assert_outcomes(passed=12)
        containers += [line.split()[-1] for line in result.outlines if "container " in line]
    assert containers[0] == containers[1]
