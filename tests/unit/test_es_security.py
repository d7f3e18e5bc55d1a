"""A secured Elasticsearch: its settings, its certificate, its user, and where what opens it is kept."""

import base64
import hashlib
import importlib.util
import json
import os
import socket
import ssl
import stat
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest

from fakes.container import Target
from fakes.engine import FakeEngine
from fakes.session import keep, new_stack, settings
from pytest_foodtrucks.errors import DefinitionError, EngineError, FoodtrucksError, NotInTime, NotReady, StartError
from pytest_foodtrucks.services.access import OPEN, AccessFolder, Keys, Password
from pytest_foodtrucks.services.definitions import ServiceDefinition
from pytest_foodtrucks.services.elasticsearch import es, es_certificates, es_node, es_security, es_users
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.stacks.stack import PartLabel

HEALTHY = (200, '{"status":"green"}')
CONFIG = "/usr/share/elasticsearch/config"


def define(*, options: Mapping[str, str] | None = None, **keywords: Any) -> ServiceDefinition:
    """Return the definition of a fixture named `search`."""
    options = {"es_version": "9.5.0", **(options if options is not None else {})}
    return es_node.definition(settings(**options), keywords, alias="search", folder=Path("/nowhere"))


# its settings


@pytest.mark.parametrize("version", ["6.8.23", "7.17.9", "8.8.2", "9.5.0"])
@pytest.mark.parametrize("mode", ["basic", "tls"])
def test_a_secured_node_is_told_so_and_tls_has_key_and_certificate(version: str, mode: str) -> None:
    defined = define(version=version, security=mode)
    told = {name: value for name, value in defined.spec.environment.items() if name.startswith("xpack.")}
    assert told["xpack.security.enabled"] == "true"
    assert ("xpack.security.http.ssl.key" in told) is (mode == "tls")
    assert ("xpack.security.authc.api_key.enabled" in told) is (version < "8")
    assert ("xpack.security.autoconfiguration.enabled" in told) is (version >= "8")
    assert defined.scheme == {"basic": "http", "tls": "https"}[mode]
    assert defined.ready is es_node.secured


def test_the_argument_beats_the_option() -> None:
    assert define(options={"es_security": "tls"}).scheme == "https"
    assert define(options={"es_security": "tls"}, security="off").security is None


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"security": "on"}, r"security='on'. Remedy: use one of: off, basic, tls\."),
        (
            {"environment": {"xpack.security.enabled": "true"}},
            r"xpack\.security\.enabled='true', and security='off' .* give security='basic' or security='tls'\.",
        ),
        (
            {"environment": {"ES_SETTING_XPACK_SECURITY_ENABLED": "true"}},
            r"environment has ES_SETTING_XPACK_SECURITY_ENABLED='true', and security='off' says another",
        ),
        (
            {"environment": {"xpack.security.http.ssl.enabled": "true"}, "security": "basic"},
            r"xpack\.security\.http\.ssl\.enabled='true', and security='basic' .* give security='tls'\.",
        ),
        (
            {"environment": {"xpack.security.enabled": "false"}, "security": "tls"},
            r"xpack\.security\.enabled='false', and security='tls' .* give security='off'\.",
        ),
        ({"scheme": "http", "security": "tls"}, r"scheme='http', and security='tls' makes it https"),
    ],
)
def test_what_contradicts_itself_is_an_error_before_anything_starts(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        define(**keywords)


def test_what_says_the_same_is_none_and_who_judges_readiness_may_secure_a_node_himself() -> None:
    assert define(environment={"xpack.security.enabled": "false"}).security is None
    own = define(environment={"xpack.security.enabled": "true"}, ready=lambda _: None)
    assert own.spec.environment["xpack.security.enabled"] == "true"


def test_without_its_extra_tls_is_an_error_and_basic_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(DefinitionError, match=r"cryptography, which isn't installed.*pytest-foodtrucks\[tls\]"):
        define(security="tls")
    assert define(security="basic").security is not None


# its certificate


def handshake(host: str, made: es_certificates.Certified, ca: bytes, folder: Path) -> None:
    """Connect by TLS to a server with a certificate, as a host, with every strictness that Python has."""
    folder.joinpath("server.pem").write_bytes(made.key + made.certificate)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cadata=ca.decode())
    server.load_cert_chain(folder / "server.pem")
    client.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    here, there = socket.socketpair()

    def answer() -> None:
        try:
            server.wrap_socket(there, server_side=True).close()
        except OSError:
            there.close()

    answering = Thread(target=answer)
    answering.start()
    try:
        with here, client.wrap_socket(here, server_hostname=host):
            pass
    finally:
        here.close()
        answering.join()


@pytest.mark.parametrize("host", ["es", "es_old", "localhost", "127.0.0.1", "::1", "172.17.0.1"])
def test_a_certificate_is_for_each_name_and_for_the_loopback(host: str, tmp_path: Path) -> None:
    made = es_certificates.certified(["es", "es_old", "172.17.0.1"])
    handshake(host, made, made.ca, tmp_path)


def test_it_is_for_no_other_name_and_of_no_other_authority(tmp_path: Path) -> None:
    made = es_certificates.certified(["es"])
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake("other", made, made.ca, tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"unable to get|signature|self.signed"):
        handshake("es", made, es_certificates.certified(["es"]).ca, tmp_path)


def test_a_key_isnt_shown() -> None:
    assert "PRIVATE" not in repr(es_certificates.certified(["es"]))


# its user


def test_the_nodes_files_have_the_users_hash_and_never_the_password() -> None:
    password = es_users.new_password()
    users, roles = es_users.files("me", password)
    name, _, stored = users.content.decode().strip().partition(":")
    prefix, salt, key = stored.split("$")
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt), 1000, 32)
    assert (name, prefix, base64.b64decode(key)) == ("me", "{PBKDF2}1000", made)
    assert len(base64.b64decode(salt)) == 32
    assert roles.content == b"superuser:me\n"
    assert password.encode() not in users.content


def test_a_password_reads_as_stars_and_is_a_text_all_the_same() -> None:
    password = Password("hunter2")
    assert repr(("me", password)) == "('me', '***')"
    assert f"{password}" == "hunter2"
    assert "hunter2" not in repr(Keys("me", password))


# where its keys are


def test_keys_are_kept_where_only_their_owner_reads_them_and_the_certificate_is_for_all() -> None:
    folder = AccessFolder(new_stack(), None)
    access = folder.write(Keys("me", Password("hunter2"), b"PEM"))
    assert access == folder.read()
    assert access.auth == ("me", "hunter2")
    assert repr(access.auth) == "('me', '***')"
    assert access.ca_file is not None
    assert access.ca_file.read_bytes() == b"PEM"
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.folder.iterdir()}
    assert modes == {"auth": 0o600, "ca.pem": 0o644}
    assert stat.S_IMODE(folder.folder.stat().st_mode) == 0o700
    folder.remove()
    assert not folder.folder.exists()


def test_a_part_is_found_again_by_other_workers_and_a_kept_one_by_the_next_session() -> None:
    stack = new_stack()
    AccessFolder(stack, PartLabel("es")).write(Keys("me", Password("hunter2")))
    assert AccessFolder(stack, PartLabel("es")).read().auth == ("me", "hunter2")
    stack.kept_stack = keep(stack.session, stack.engine)
    stack.kept_stack.begin("/app", "here")
    folder = AccessFolder(stack, PartLabel("es"))
    assert folder.folder.parent == stack.kept_stack.folder
    assert AccessFolder(stack, PartLabel("es", kept=False)).folder.parent == stack.session.folder
    folder.write(Keys("me", Password("hunter2")))
    assert list(stack.kept_stack.records()) == []


@pytest.mark.parametrize("content", [None, b"{", b"[]", b'{"password": "hunter2"}', b'{"tls": true}'])
def test_keys_that_cant_be_read_are_told_and_never_shown(content: bytes | None) -> None:
    folder = AccessFolder(new_stack(), None)
    folder.write(Keys("me", Password("hunter2")))
    file = folder.folder / "auth"
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(StartError) as raised:
        folder.read()
    assert "hunter2" not in str(raised.value)
    assert "can't be read" in str(raised.value)


# its start


def running(engine: FakeEngine, **keywords: Any) -> Any:
    """Run a secured service on an engine in memory."""
    engine.images = {"mine/es:9.5.0"}
    network = Network(new_stack(engine), "net", "bridge", internal=False)
    definition = define(image="mine/es", ready=lambda _: None, **keywords)
    return network.running(definition, es.ElasticsearchService)


def test_a_secured_service_has_its_files_before_it_starts_and_its_keys_go_with_it() -> None:
    engine = FakeEngine()
    with running(engine, security="tls") as service:
        (files,) = engine.files.values()
        names = ("users", "users_roles", "foodtrucks.crt", "foodtrucks.key")
        assert sorted(files) == sorted(f"{CONFIG}/{name}" for name in names)
        assert service.url.startswith("https://")
        assert service.internal_url == "https://search:9200"
        user, password = service.auth
        assert user == "foodtrucks"
        assert str(password) not in str(engine.containers)
        assert str(password).encode() not in b"".join(files.values())
        ca_file = service.ca_file
        assert ca_file.is_file()
    assert not ca_file.exists()


def test_with_tls_a_name_without_underscores_is_added_since_java_refuses_others() -> None:
    engine = FakeEngine()
    with running(engine, security="tls", aliases=["es_old", "es", "es__old_"]) as service:
        assert service.internal_url == "https://es-old:9200"
        assert service.alias == "es_old"
        names = engine.aliases_on(service.container.id, "net")
        assert {*names} >= {"es_old", "es", "es__old_", "es-old", "es--old"}
    with running(engine, security="basic", aliases=["es_old"]) as service:
        assert service.internal_url == "http://es_old:9200"
        assert "es-old" not in engine.aliases_on(service.container.id, "net")


def test_basic_has_users_and_no_certificate() -> None:
    with running(FakeEngine(), security="basic") as service:
        assert service.ca_file is None
        assert service.auth is not None
        assert service.url.startswith("http://")


def test_an_image_without_that_folder_is_a_start_error_and_leaves_nothing() -> None:
    engine = FakeEngine()
    engine.put_error = EngineError("no", status=404, reason=f"could not find the file {CONFIG}")
    with pytest.raises(StartError, match=f"can't be given its files in {CONFIG}"), running(engine, security="basic"):
        pass
    assert engine.containers == {}


def test_a_node_elsewhere_configured_gets_its_files_there() -> None:
    engine = FakeEngine()
    with running(engine, security="basic", environment={"ES_PATH_CONF": "/etc/es"}):
        (files,) = engine.files.values()
        assert set(files) == {"/etc/es/users", "/etc/es/users_roles"}


def test_an_open_service_has_neither_keys_nor_files_and_says_how_to_get_users() -> None:
    engine = FakeEngine()
    with running(engine) as service:
        assert (service.auth, service.ca_file, engine.files) == (None, None, {})
        assert service.__foodtrucks__.access is OPEN
        with pytest.raises(DefinitionError, match=r"api_key\(\) can't be had. Remedy: .*security='basic'"):
            service.api_key()
        with pytest.raises(DefinitionError, match=r"as_user\(\) can't be had"), service.as_user(["viewer"]):
            pass


# its readiness

KNOWN = (200, '{"username":"foodtrucks","roles":["superuser"]}')


def test_it_is_ready_when_it_knows_the_tests_user() -> None:
    target = Target(answers=[HEALTHY, KNOWN])
    es_node.secured(target)
    assert target.asked[-1] == "/_security/_authenticate on 9200 within 5.0"


@pytest.mark.parametrize("status", [400, 404, 405])
def test_the_6_line_is_asked_by_its_own_path(status: int) -> None:
    target = Target(answers=[HEALTHY, (status, "{}"), KNOWN])
    es_node.secured(target)
    assert target.asked[-1] == "/_xpack/security/_authenticate on 9200 within 5.0"


@pytest.mark.parametrize(
    "answers",
    [
        [(401, '{"error":{"type":"security_exception"}}')],
        [HEALTHY, (401, "{}")],
        [HEALTHY, (503, "{}")],
        [HEALTHY, (200, '{"username":"_anonymous"}')],
        [],
    ],
)
def test_a_half_made_security_isnt_ready(answers: list[tuple[int, str]]) -> None:
    with pytest.raises(NotReady):
        es_node.secured(Target(answers=answers))


@pytest.mark.parametrize("status", [400, 404, 405])
def test_a_server_without_the_module_ends_the_wait_at_once(status: int) -> None:
    with pytest.raises(StartError, match=rf"es isn't secured: it answers {status} to GET .*Remedy: take an image"):
        es_node.secured(Target(answers=[HEALTHY, (status, "{}"), (status, "{}")]))


def test_a_server_that_speaks_plain_http_does_too(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target()

    def fetch(*_: object, **__: object) -> tuple[int, str]:
        raise NotReady("GET / on port 9200: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1)")

    monkeypatch.setattr(target, "fetch", fetch)
    with pytest.raises(StartError, match="es isn't secured: it speaks plain HTTP"):
        es_node.secured(target)


def test_the_check_of_the_keyword_knows_the_options_values() -> None:
    assert [es_security.mode(value) for value in ("off", "basic", "tls")] == ["off", "basic", "tls"]


# users and keys by the server's interface


class Api:
    """What a server was asked, and what it answers: 200 and this body, unless a status is given by its method."""

    def __init__(self, body: object = None, **statuses: int | Exception) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.body, self.statuses, self.reason = body, statuses, "not you"
        self.http = httpx2.Client(base_url="http://es", transport=httpx2.MockTransport(self.answer))

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request."""
        self.asked.append((request.method, request.url.path, json.loads(request.content) if request.content else None))
        status = self.statuses.get(request.method, 200)
        if isinstance(status, Exception):
            raise status
        return httpx2.Response(status, json=self.body if status == 200 else {"error": {"reason": self.reason}})


def test_a_key_is_as_clients_take_it() -> None:
    api = Api({"id": "one", "api_key": "two"})
    assert base64.b64decode(es_users.api_key(api, role_descriptors=None, expiration=None)) == b"one:two"
    es_users.api_key(api, role_descriptors={"r": {}}, expiration="1h")
    (_, path, plain), (_, _, full) = api.asked
    assert (path, plain.keys()) == ("/_security/api_key", {"name"})
    assert (full["role_descriptors"], full["expiration"]) == ({"r": {}}, "1h")


class Realm(Api):
    """A node whose files of users are here, changed by the very scripts; it knows whom it read there last."""

    alias = "es"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.deaf, self.slow = folder, False, 0
        for file in es_users.files("foodtrucks", "x"):
            (folder / file.name).write_bytes(file.content)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """Say whether somebody is known, and with which roles; of these it hears `slow` answers later."""
        name = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode().partition(":")[0]
        if self.deaf or f"{name}:" not in (self.folder / "users").read_text():
            return httpx2.Response(401)
        self.slow -= 1
        known = [] if self.slow >= 0 else [line.partition(":")[0] for line in self.roles if line.endswith(f":{name}")]
        return httpx2.Response(200, json={"username": name, "roles": known})

    def exec(self, argv: Sequence[str], *, input: str, check: bool) -> object:  # noqa: A002 - as a service has it
        """Run a script here."""
        environment = {**os.environ, "ES_PATH_CONF": str(self.folder)}
        return subprocess.run(argv, input=input, text=True, check=check, env=environment, timeout=10)

    @property
    def roles(self) -> list[str]:
        """What its file says of roles."""
        return (self.folder / "users_roles").read_text().split()


def test_a_user_is_in_the_nodes_files_for_the_block_also_where_that_fails(tmp_path: Path) -> None:
    node = Realm(tmp_path)

    def fail() -> None:
        with es_users.user(node, ["viewer", "monitoring_user"]) as (name, password):
            assert node.roles == ["superuser:foodtrucks", f"viewer:{name}", f"monitoring_user:{name}"]
            assert str(password) not in (tmp_path / "users").read_text()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert node.roles == ["superuser:foodtrucks"]
    assert len((tmp_path / "users").read_text().split()) == 1
    assert {file.name for file in tmp_path.iterdir()} == {"users", "users_roles"}


def test_a_user_is_there_when_the_node_has_read_the_roles_too(tmp_path: Path) -> None:
    node = Realm(tmp_path)
    node.slow = 3
    with es_users.user(node, ["viewer"], sleep=lambda _: None):
        assert node.slow == -1


def test_users_are_made_at_once_by_several(tmp_path: Path) -> None:
    node = Realm(tmp_path)

    def one(number: int) -> None:
        with es_users.user(node, [f"role{number}"]):
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(12)))
    assert node.roles == ["superuser:foodtrucks"]


def test_a_node_that_doesnt_look_at_its_files_is_told(tmp_path: Path) -> None:
    node, moments = Realm(tmp_path), iter([0.0, 31.0, 0.0])
    node.deaf = True
    made = es_users.user(node, ["viewer"], clock=lambda: next(moments), sleep=lambda _: None)
    with pytest.raises(NotInTime, match="es answers 401 to a user of the roles viewer that was made 30 s ago"), made:
        pass
    assert node.roles == ["superuser:foodtrucks"]


@pytest.mark.parametrize("names", ["viewer", [1], ["a:b"], ["a,b"], ["a\nb"], [""], ["#a"]])
def test_what_is_no_roles_name_is_refused(names: Any) -> None:
    with running(FakeEngine(), security="basic") as service, pytest.raises(DefinitionError, match=r"^roles"):
        service.as_user(names).__enter__()


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (403, "403: not you. Remedy: mend what it says."),
        (httpx2.ConnectError("nobody is there"), "nobody is there. Remedy: see why it is away."),
    ],
)
def test_why_there_is_no_key_is_told(why: Any, words: str) -> None:
    with pytest.raises(FoodtrucksError) as raised:
        es_users.api_key(Api({}, POST=why), role_descriptors=None, expiration=None)
    assert str(raised.value) == f"In Elasticsearch an API key can't be made: {words}"


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("Unknown filter type [pattern_capture] for [email]", "take an image whose server has the module analysis-c"),
        ("current license is non-compliant for [api keys]", "its licence has no keys: give env"),
    ],
)
def test_a_server_that_can_make_no_key_is_told_with_what_it_lacks(reason: str, remedy: str) -> None:
    api = Api(None, POST=400)
    api.reason = reason
    with pytest.raises(FoodtrucksError, match=f"Remedy: {remedy}"):
        es_users.api_key(api, role_descriptors=None, expiration=None)
