"""A secured Elasticsearch: its clients with verification on, its users, and its password, which nobody sees."""

import asyncio
import base64
import json
import re
import shutil
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import elasticsearch
import httpx2
import pytest
from elasticsearch import Elasticsearch

from lab import PYTHON
from pytest_foodtrucks import (
    ElasticsearchService,
    Engine,
    FoodtrucksError,
    Job,
    Network,
    elasticsearch_service,
    job,
    network,
)

from .conftest import Downstream

safe_net = network()
es_tls = elasticsearch_service(network="safe_net", security="tls", heap="256m")

ASK = """
import base64, json, os, ssl, urllib.request
user, password = os.environ["ES_USER"], open("/run/secrets/es").read()
request = urllib.request.Request(os.environ["ES_URL"] + "/_security/_authenticate")
request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
trusting = ssl.create_default_context(cafile=os.environ["CA"])
print(json.load(urllib.request.urlopen(request, context=trusting))["username"])
"""

app = job(
    network="safe_net",
    image=PYTHON,
    command=["python3", "-c", ASK],
    environment=lambda es_tls: {"ES_URL": es_tls.internal_url, "ES_USER": es_tls.auth[0], "CA": "/etc/ssl/es.pem"},
    configs=lambda es_tls: {"ca": {"file": es_tls.ca_file, "target": "/etc/ssl/es.pem"}},
    secrets=lambda es_tls: {"es": es_tls.auth[1]},
)


@pytest.fixture(scope="session")
def curl_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the build context of an image that has this machine's curl, its libraries, and nothing else."""
    curl, ldd = shutil.which("curl"), shutil.which("ldd")
    if curl is None or ldd is None:
        pytest.fail("There is no curl or ldd. Remedy: install it (Debian, Ubuntu: curl, libc-bin).", pytrace=False)
    folder = tmp_path_factory.mktemp("curl")
    needed = subprocess.run([ldd, curl], check=True, capture_output=True, text=True, timeout=60).stdout
    for file in (curl, *re.findall(r"(/\S+) \(0x", needed)):
        there = folder / "root" / file.removeprefix("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, there)
    folder.joinpath("Dockerfile").write_text(f'FROM scratch\nCOPY root /\nENTRYPOINT ["{curl}"]\n')
    return str(folder)


curl = job(
    network="safe_net",
    build=lambda curl_folder: curl_folder,
    command=lambda es_tls: ["-sS", "--cacert", "/es.pem", "--netrc-file", "/run/secrets/netrc", who_am_i(es_tls)],
    configs=lambda es_tls: {"ca": {"file": es_tls.ca_file, "target": "/es.pem"}},
    secrets=lambda es_tls: {"netrc": f"machine es-tls login {es_tls.auth[0]} password {es_tls.auth[1]}"},
)


def who_am_i(es: ElasticsearchService) -> str:
    """Return the URL by which a container asks who it is taken for."""
    return f"{es.internal_url}/_security/_authenticate"


@pytest.fixture(scope="module")
def password(es_tls: ElasticsearchService) -> str:
    """Return the password, as a plain text."""
    assert es_tls.auth is not None
    return str.__str__(es_tls.auth[1])


@pytest.fixture(scope="module")
def forms(es_tls: ElasticsearchService, password: str) -> list[bytes]:
    """Return the password, and what a request's header has in its place."""
    assert es_tls.auth is not None
    return [password.encode(), base64.b64encode(f"{es_tls.auth[0]}:{password}".encode())]


# clients, with verification on


def test_each_client_speaks_https_to_it_and_verifies_its_certificate(es_tls: ElasticsearchService) -> None:
    assert es_tls.url.startswith("https://")
    assert es_tls.client.cluster.health()["status"] in {"yellow", "green"}
    assert es_tls.http.get("/_security/_authenticate").json()["username"] == "foodtrucks"

    async def ask() -> Any:
        async with es_tls.async_client() as client:
            return await client.security.authenticate()

    assert asyncio.run(ask())["roles"] == ["superuser"]


def test_a_client_of_ones_own_takes_url_authority_and_user(es_tls: ElasticsearchService) -> None:
    assert es_tls.auth is not None
    with Elasticsearch(es_tls.url, ca_certs=str(es_tls.ca_file), basic_auth=es_tls.auth) as client:
        patient = client.options(request_timeout=120)  # the machine may be busy
        patient.index(index="menu", id="1", document={"dish": "taco"}, refresh=True)
        assert client.count(index="menu")["count"] == 1
    trusting = ssl.create_default_context(cafile=es_tls.ca_file)
    with httpx2.Client(verify=trusting, auth=es_tls.auth) as plain:
        assert plain.get(f"https://localhost:{es_tls.port}/_cluster/health").status_code == 200


def test_a_probe_and_an_app_on_the_network_ask_it_by_name(
    es_tls: ElasticsearchService, safe_net: Network, app: Job
) -> None:
    with safe_net.probe() as probe:
        answer = probe.http(f"{es_tls.internal_url}/_cluster/health", ca_file=es_tls.ca_file)
    assert answer.status == 401
    assert answer.tls is not None
    assert answer.tls.verified
    assert app.logs().strip() == "foodtrucks"


def test_curl_in_a_container_gets_in_with_the_authority_and_the_user(curl: Job) -> None:
    assert json.loads(curl.logs())["username"] == "foodtrucks"


@pytest.mark.parametrize(
    ("url", "keywords", "error"),
    [
        ("https", {}, elasticsearch.SSLError),
        ("http", {}, elasticsearch.ConnectionError),
        ("https", {"ca": True, "basic_auth": ("foodtrucks", "wrong")}, elasticsearch.AuthenticationException),
    ],
)
def test_a_client_that_asks_wrongly_is_refused(
    es_tls: ElasticsearchService, url: str, keywords: dict[str, Any], error: type[Exception]
) -> None:
    ca: dict[str, Any] = {"ca_certs": str(es_tls.ca_file)} if keywords.pop("ca", False) else {}
    with Elasticsearch(f"{url}://{es_tls.endpoint}", **ca, **keywords, max_retries=0) as client, pytest.raises(error):
        client.cluster.health()


# users and keys


def modules_of(es: ElasticsearchService) -> set[str]:
    """Return the names of a server's modules: the local images' servers have few of them."""
    (node,) = (
        es.http.get("/_nodes/plugins?filter_path=nodes.*.modules.name").raise_for_status().json()["nodes"].values()
    )
    return {module["name"] for module in node["modules"]}


def test_a_key_may_do_what_it_is_given(es_tls: ElasticsearchService) -> None:
    if "analysis-common" not in modules_of(es_tls):
        with pytest.raises(FoodtrucksError, match="Remedy: take an image whose server has the module analysis-common"):
            es_tls.api_key()
        return
    may = {"reader": {"cluster": ["monitor"], "index": [{"names": ["menu"], "privileges": ["read"]}]}}
    key = es_tls.api_key(role_descriptors=may, expiration="1h")
    with Elasticsearch(es_tls.url, ca_certs=str(es_tls.ca_file), api_key=key) as client:
        assert client.cluster.health()["status"] in {"yellow", "green"}
        with pytest.raises(elasticsearch.AuthorizationException):
            client.indices.create(index="forbidden")


def test_a_user_has_its_roles_and_is_gone_afterwards(es_tls: ElasticsearchService) -> None:
    with es_tls.as_user(roles=["monitoring_user"]) as client:
        about = client.security.authenticate()
        assert about["roles"] == ["monitoring_user"]
        with pytest.raises(elasticsearch.AuthorizationException):
            client.indices.create(index="forbidden")
    assert es_tls.exec(["cat", "config/users"]).stdout.count(":") == 1


# its password


def test_the_engine_shows_no_password_and_the_container_has_none(
    es_tls: ElasticsearchService, forms: list[bytes], app: Job
) -> None:
    del app
    shown = json.dumps(es_tls.container.inspect()).encode() + es_tls.logs().encode()
    inside = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ; cat config/users config/users_roles config/*.yml"
    held = es_tls.exec(["sh", "-c", f"cd /usr/share/elasticsearch; {inside}"]).stdout.encode()
    assert b"{PBKDF2}" in held, "what is looked through is there"
    assert b"discovery.type" in held
    for form in forms:
        assert form not in shown
        assert form not in held
        assert es_tls.exec(["grep", "-rlF", form.decode(), "/usr/share/elasticsearch/config"]).exit_code == 1


def test_no_process_of_this_machine_shows_it_and_no_file_that_others_may_read(
    es_tls: ElasticsearchService, forms: list[bytes], state_home: Path
) -> None:
    del es_tls
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # ended meanwhile
            words = process.read_bytes()
            assert not [form for form in forms if form in words]
    holding = [file for file in state_home.rglob("*") if file.is_file() and forms[0] in file.read_bytes()]
    assert holding, "the session's own record of it is found"
    for file in holding:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


# its life


def test_it_is_itself_again_after_a_restart(es_tls: ElasticsearchService) -> None:
    es_tls.client.options(request_timeout=120).index(index="lasting", id="1", document={"dish": "soup"}, refresh=True)
    es_tls.restart()
    assert es_tls.client.count(index="lasting")["count"] == 1


# sessions of workers, kept stacks and failures

CONFTEST = """
from pathlib import Path
import pytest

@pytest.fixture(scope="session")
def es_seed():
    return Path("seeds")
"""
SEEDS = {
    "menu.index.json": '{"mappings": {"properties": {"dish": {"type": "keyword"}}}}',
    "menu.ndjson": '{"index": {"_id": "1"}}\n{"dish": "taco"}\n',
}

TESTS = """
import os
import elasticsearch, pytest
from elasticsearch import Elasticsearch

def note(es):
    with open(os.environ["NOTES"], "a") as file:
        file.write(f"{es.auth[1]}\\n")

@pytest.mark.parametrize("number", range(4))
def test_each_worker_asks(es_on_net, es_client, es_index, number):
    note(es_on_net)
    assert es_client.count(index="menu")["count"] == 1
    es_client.options(request_timeout=120).index(index=es_index, document={"n": number}, refresh=True)

def test_values(es_on_net):
    auth = es_on_net.auth
    assert es_on_net.auth is None

def test_no_authority(es_on_net):
    Elasticsearch(es_on_net.url, basic_auth=es_on_net.auth, max_retries=0).info()

def test_no_scheme(es_on_net):
    Elasticsearch(f"http://{es_on_net.endpoint}", basic_auth=es_on_net.auth, max_retries=0).info()

def test_no_password(es_on_net):
    Elasticsearch(es_on_net.url, ca_certs=str(es_on_net.ca_file), basic_auth=("foodtrucks", "wrong")).info()

def test_own_error(es_on_net):
    with es_on_net.as_user(roles=["viewer"]) as client:
        client.indices.create(index="forbidden")
"""


@pytest.fixture
def keeping(downstream: Downstream, state_home: Path, foodtrucks_engine: Engine) -> Iterator[Downstream]:
    """Return a suite of workers whose stack is kept, and is pruned after the test."""
    del foodtrucks_engine
    downstream.write(conftest=CONFTEST, test_it=TESTS)
    folder = downstream.folder / "seeds"
    folder.mkdir()
    for name, text in SEEDS.items():
        (folder / name).write_text(text)
    yield downstream
    state = state_home / f"{downstream.folder.name}-kept"
    command = [sys.executable, "-m", "pytest_foodtrucks", "prune", "--state-dir", str(state)]
    subprocess.run(command, check=True, timeout=60)


@pytest.mark.needs("pytest-xdist")
def test_workers_share_it_the_next_session_has_it_too_and_no_report_shows_the_password(
    keeping: Downstream, state_home: Path, tmp_path: Path
) -> None:
    state, notes = state_home / f"{keeping.folder.name}-kept", tmp_path / "passwords"
    options = ["--foodtrucks-reuse", f"--foodtrucks-state-dir={state}", "--foodtrucks-es-security=tls", "-n2"]
    options += ["--foodtrucks-es-heap=256m", "--junitxml=report.xml", "-rA", "-vv"]
    said = ""
    for _ in range(2):
        result = keeping.run(*options, env={"NOTES": str(notes)}, timeout=600)
        result.assert_outcomes(passed=4, failed=5)
        said = result.stdout.str() + result.stderr.str()
        report = keeping.folder.joinpath("report.xml").read_text(encoding="utf-8")
        for password in notes.read_text(encoding="utf-8").split():
            assert password not in said + report
    assert "es is taken over from the kept stack" in said
    assert "es has a certificate of an authority of its own" in said
    assert "es speaks HTTPS only" in said
    assert "es knows no such user, or another password" in said
    assert len(set(notes.read_text(encoding="utf-8").split())) == 1
    holding = [file for file in state.rglob("*") if file.is_file() and password.encode() in file.read_bytes()]
    assert [stat.S_IMODE(file.stat().st_mode) for file in holding] == [0o600]


# every server

SERVERS = ["6.8.23", "7.17.9", "8.8.2", "9.5.0"]
EACH = """
import pytest
from pytest_foodtrucks import FoodtrucksError, elasticsearch_service, network
from pytest_foodtrucks.services.elasticsearch import es_users

inner = network(internal=True)
es_in = elasticsearch_service(network="inner", heap="256m")

def test_it(es_on_net, net_probe):
    assert es_on_net.http.get("/_cluster/health").status_code == 200
    assert es_on_net.http.get("/_cluster/health", auth=("foodtrucks", "wrong")).status_code == 401
    assert net_probe.http(f"{es_on_net.internal_url}/_cluster/health", ca_file=es_on_net.ca_file).status == 401

def test_key(es_on_net):
    (node,) = es_on_net.http.get("/_nodes/plugins").raise_for_status().json()["nodes"].values()
    if "analysis-common" in {module["name"] for module in node["modules"]}:
        key = es_on_net.api_key(expiration="1h")
        answer = es_on_net.http.get("/_cluster/health", auth=None, headers={"Authorization": f"ApiKey {key}"})
        assert answer.status_code == 200
    else:
        with pytest.raises(FoodtrucksError, match="analysis-common"):
            es_on_net.api_key()

def test_user(es_on_net):
    with es_users.user(es_on_net, ["monitoring_user"]) as auth:
        answer = es_on_net.http.get("/_security/_authenticate", auth=auth)
        assert (answer.status_code, answer.json()["roles"]) == (200, ["monitoring_user"])
        assert es_on_net.http.put("/forbidden", auth=auth).status_code == 403
    assert es_on_net.http.get("/_cluster/health", auth=auth).status_code == 401

def test_index(es_on_net, es_index):
    assert es_on_net.http.put(f"/{es_index}").is_success

def test_an_internal_network(es_in):
    assert es_in.container.status == "running"

def test_own(own_stack):
    assert own_stack.es.http.get("/_cluster/health").is_success
    with own_stack.es.killed():
        pass
    assert own_stack.es.http.get("/_cluster/health").is_success
"""


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["basic", "tls"])
@pytest.mark.parametrize("server", SERVERS)
def test_each_server_is_secured_or_says_what_it_lacks(downstream: Downstream, server: str, mode: str) -> None:
    downstream.write(test_it=EACH)
    options = [f"--foodtrucks-es-version={server}", f"--foodtrucks-es-security={mode}", "--foodtrucks-es-heap=256m"]
    result = downstream.run(*options, timeout=300)
    if server == "6.8.23":  # its local image has a server without x-pack
        result.assert_outcomes(errors=5, failed=1)
        result.stdout.fnmatch_lines("*es isn't secured: *Remedy: take an image that has it*")
    else:
        result.assert_outcomes(passed=6)
