"""A client that asks a secured service wrongly: what its error means, told in a sentence."""

import http.server
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError

import httpx2
import pytest
import requests
from elasticsearch import Elasticsearch

from fakes.serving import serving
from pytest_foodtrucks.errors import FoodtrucksError
from pytest_foodtrucks.fixtures.client_errors import explained
from pytest_foodtrucks.services.access import OPEN, Access
from pytest_foodtrucks.services.elasticsearch.es_certificates import certified


class Closed(http.server.BaseHTTPRequestHandler):
    """Knows nobody."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class TlsServer(http.server.ThreadingHTTPServer):
    """Speaks HTTPS only; a handshake that fails is the client's business."""

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    """Return the file of the authority."""
    return tmp_path / "ca.pem"


@pytest.fixture
def https(tmp_path: Path, ca: Path) -> Iterator[int]:
    """Return the port of a server that speaks HTTPS."""
    made = certified(["es"])
    ca.write_bytes(made.ca)
    (tmp_path / "server.pem").write_bytes(made.key + made.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    server = TlsServer(("127.0.0.1", 0), Closed)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with serving(server) as running:
        yield running.server_port


@pytest.fixture
def plain() -> Iterator[int]:
    """Return the port of a server that speaks plain HTTP."""
    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Closed)) as server:
        yield server.server_port


def service(access: Access, port: int = 0) -> Any:
    """Return a service that one gets into so, at a port of loopback."""
    inside = SimpleNamespace(access=access)
    return SimpleNamespace(alias="es", container=None, endpoint=f"127.0.0.1:{port}", __foodtrucks__=inside)


def error_of(ask: Callable[[], object]) -> Exception:
    """Return the error that asking ends with."""
    try:
        ask()
    except Exception as error:  # noqa: BLE001 - each library has its own
        return error
    raise AssertionError("it was answered")


def by_httpx(url: str, **keywords: Any) -> None:
    """Ask as httpx2 does."""
    httpx2.get(url, trust_env=False, **keywords).raise_for_status()


def by_urllib(url: str, **keywords: Any) -> None:
    """Ask as the standard library does."""
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5, **keywords)
    except HTTPError as error:
        error.close()
        raise


@pytest.mark.parametrize("ask", [by_httpx, by_urllib])
def test_a_client_without_the_authority(ask: Callable[[str], None], https: int, ca: Path) -> None:
    error = error_of(lambda: ask(f"https://127.0.0.1:{https}/"))
    said = explained(error, [service(Access(("me", "x"), ca), https)])
    assert said.startswith("es has a certificate of an authority of its own: give the client that one's file")


@pytest.mark.parametrize("ask", [by_httpx, by_urllib])
def test_plain_http_where_https_is_spoken(ask: Callable[[str], None], https: int, ca: Path) -> None:
    error = error_of(lambda: ask(f"http://127.0.0.1:{https}/"))
    assert explained(error, [service(Access(("me", "x"), ca), https)]).startswith("es speaks HTTPS only")


@pytest.mark.parametrize("ask", [by_httpx, by_urllib])
def test_https_where_plain_http_is_spoken(ask: Callable[[str], None], plain: int) -> None:
    error = error_of(lambda: ask(f"https://127.0.0.1:{plain}/"))
    assert explained(error, [service(OPEN, plain)]).startswith("es speaks plain HTTP")


def test_another_password(plain: int) -> None:
    error = error_of(lambda: by_httpx(f"http://127.0.0.1:{plain}/", auth=("me", "wrong")))
    said = explained(error, [service(Access(("me", "x")), plain)])
    assert said == "es knows no such user, or another password, which each stack has anew: take its auth."


def by_requests(url: str, **keywords: Any) -> None:
    """Ask as requests does."""
    requests.get(url, timeout=5, **keywords).raise_for_status()


def by_elasticsearch(url: str, **keywords: Any) -> None:
    """Ask as Elasticsearch's client does."""
    Elasticsearch(url, **keywords).info()


TELLS_THE_NODE = pytest.param(by_elasticsearch, marks=pytest.mark.needs("elasticsearch>=8"))
"""Errors of older clients have no address in them."""


@pytest.mark.parametrize("ask", [by_httpx, by_requests, by_urllib, TELLS_THE_NODE])
def test_a_401_of_somebody_elses_app_isnt_explained(ask: Callable[[str], None], plain: int) -> None:
    error = error_of(lambda: ask(f"http://127.0.0.1:{plain}/"))
    assert explained(error, [service(Access(("me", "x")), plain)])
    assert not explained(error, [service(Access(("me", "x")), plain + 1)])


@pytest.mark.parametrize("ask", [by_httpx, by_requests])
def test_a_certificate_of_somebody_elses_app_isnt_explained(ask: Callable[[str], None], https: int, ca: Path) -> None:
    error = error_of(lambda: ask(f"https://127.0.0.1:{https}/"))
    assert explained(error, [service(Access(("me", "x"), ca), https)])
    assert not explained(error, [service(Access(("me", "x"), ca), https + 1)])


class Refused(Exception):
    """An error of a client that isn't here: what it tells is where that client has it."""

    def __init__(self, **told: object) -> None:
        super().__init__("401, Unauthorized")
        vars(self).update(told)


@pytest.mark.parametrize(
    "tell",
    [
        lambda url: Refused(response=SimpleNamespace(status_code=401, url=url)),
        lambda url: Refused(status=401, request_info=SimpleNamespace(url=url)),
    ],
    ids=["as with a response alone", "as aiohttp"],
)
@pytest.mark.parametrize(
    ("url", "port"), [("http://localhost:9200/", 9200), ("http://localhost/", 80), ("https://localhost/", 443)]
)
def test_the_port_that_was_asked_is_found_in_errors_of_other_clients(
    tell: Callable[[str], Exception], url: str, port: int
) -> None:
    assert explained(tell(url), [service(Access(("me", "x")), port)])
    assert not explained(tell(url), [service(Access(("me", "x")), port + 1)])


class Gone:
    """A service whose container is gone."""

    alias, container = "es", None
    __foodtrucks__ = SimpleNamespace(access=Access(("me", "x")))

    @property
    def endpoint(self) -> str:
        """Say that nobody knows."""
        raise FoodtrucksError("es is gone.")


def test_an_error_of_a_service_that_is_gone_may_be_its_own(plain: int) -> None:
    gone: Any = Gone()
    error = error_of(lambda: by_httpx(f"http://127.0.0.1:{plain}/"))
    assert explained(error, [gone]).startswith("es knows no such user")


def test_an_error_that_another_one_lists_is_seen(https: int, ca: Path) -> None:
    inner = error_of(lambda: by_httpx(f"https://127.0.0.1:{https}/"))
    outer = RuntimeError("no node answers")
    outer.errors = (inner,)  # type: ignore[attr-defined] # as elastic-transport's have
    assert "authority of its own" in explained(outer, [service(Access(("me", "x"), ca), https)])


class Unreadable(Exception):
    """Fails to show itself."""

    def __str__(self) -> str:
        raise RuntimeError

    @property
    def status_code(self) -> int:
        """Fail likewise."""
        raise RuntimeError


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("certificate"), Unreadable(), AssertionError("assert 401 == 200"), KeyError(401)]
)
def test_other_errors_are_none_of_its_business(error: Exception) -> None:
    tls = service(Access(("me", "x"), Path("/ca.pem")))
    assert not explained(error, [tls, service(OPEN), SimpleNamespace(alias="other")])
