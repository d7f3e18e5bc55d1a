"""Suites that use another plugin beside a service of ours, and what is to be seen of each."""

from dataclasses import dataclass, field

CONFTEST = """
import os
import pytest
from pytest_foodtrucks import service

IMAGE = os.environ.get("EXAMPLE_BUSYBOX_IMAGE", "busybox")
IDLE = {"image": IMAGE, "command": ["tail", "-f", "/dev/null"]}

talker = service(
    image=IMAGE,
    command=["sh", "-c", "mkdir /www; echo hello >/www/index.html; exec httpd -f -p 80 -h /www"],
    ports=[80],
)

@pytest.fixture
def say(talker):
    def say(line):
        talker.exec(["sh", "-c", f"echo {line} >/proc/1/fd/1"])
    return say
"""

FAILS = """
    say("a line of the log")
    assert "mine" == "yours"
"""


@dataclass(frozen=True)
class Neighbour:
    """Another plugin's suite: the packages that it needs, its files, how it is run and how it ends.

    `lines` are in its output in this order, as glob patterns.
    """

    packages: tuple[str, ...]
    test: str
    outcomes: dict[str, int]
    arguments: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    code: int = 0


LOG = ("-* log of talker *-", "a line of the log")

NEIGHBOURS = {
    "pytest-asyncio": Neighbour(
        ("pytest-asyncio",),
        """
import asyncio, pytest

@pytest.mark.asyncio
async def test_it(talker):
    reader, writer = await asyncio.open_connection(*talker.address(80))
    writer.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
    assert (await reader.read()).endswith(b"hello\\n")
    writer.close()

@pytest.mark.asyncio
async def test_fails(say):"""
        + FAILS,
        {"passed": 1, "failed": 1},
        lines=LOG,
        code=1,
    ),
    "anyio": Neighbour(
        ("anyio",),
        """
import anyio, pytest

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_it(talker):
    async with await anyio.connect_tcp(*talker.address(80)) as stream:
        await stream.send(b"GET / HTTP/1.0\\r\\n\\r\\n")
        assert b"200 OK" in await stream.receive()

@pytest.mark.anyio
async def test_fails(say):"""
        + FAILS,
        {"passed": 1, "failed": 1},
        lines=LOG,
        code=1,
    ),
    "pytest-randomly": Neighbour(
        ("pytest-randomly",),
        """
import random, pytest
from pytest_foodtrucks import service
from conftest import IDLE

idle = service(**IDLE, ports=[80], ready=lambda _: None, scope="function")

@pytest.mark.parametrize("number", range(4))
def test_a_service_draws_nothing(request, number):
    before = random.getstate()
    request.getfixturevalue("idle")
    assert random.getstate() == before
""",
        {"passed": 4},
        arguments=("-p", "randomly", "-p", "no:xdist"),
        lines=("Using --randomly-seed=*",),
    ),
    "pytest-rerunfailures": Neighbour(
        ("pytest-rerunfailures",),
        """
TRIES = []

def test_flaky(say):
    TRIES.append(1)
    say(f"try {len(TRIES)}")
    assert len(TRIES) == 3

def test_fails(say):"""
        + FAILS,
        {"passed": 1, "failed": 1, "rerun": 4},
        arguments=("--reruns=2", "-rR"),
        lines=LOG,
        code=1,
    ),
    "pytest-timeout, by signal": Neighbour(
        ("pytest-timeout",),
        """
import time

def test_fails(say):
    say("a line of the log")
    time.sleep(60)

def test_next(talker):
    assert talker.client.get("/").text == "hello\\n"
""",
        {"passed": 1, "failed": 1},
        arguments=("--timeout=3", "--timeout-method=signal", "-o", "timeout_func_only=true"),
        lines=("E*Timeout*", *LOG),
        code=1,
    ),
    "pytest-timeout, by thread": Neighbour(
        ("pytest-timeout",),
        """
import time

def test_fails(say):
    say("a line of the log")
    time.sleep(60)
""",
        {},
        arguments=("--timeout=3", "--timeout-method=thread", "-o", "timeout_func_only=true"),
        code=1,
    ),
    "pytest-cov": Neighbour(
        ("pytest-cov", "pytest-xdist"),
        "import app\n\ndef test_it(talker):\n    assert app.greeting(talker) == 'hello\\n'\n\n"
        "def test_other(talker): pass",
        {"passed": 2},
        arguments=("--cov=app", "--cov-report=term", "-n", "2"),
        lines=("app.py * 100%*",),
        files={"app.py": "def greeting(talker):\n    return talker.client.get('/').text\n"},
    ),
    "pytest-html": Neighbour(
        ("pytest-html",),
        "def test_fails(say):" + FAILS,
        {"failed": 1},
        arguments=("--html=report.html", "--self-contained-html"),
        lines=LOG,
        code=1,
    ),
    "pytest-bdd": Neighbour(
        ("pytest-bdd",),
        """
from pytest_bdd import given, scenarios, then

scenarios("greeting.feature")

@given("the talker", target_fixture="answer")
def _(talker):
    return talker.client.get("/").text

@then("it says hello")
def _(answer):
    assert answer == "hello\\n"

@then("it says goodbye")
def _(answer, say):"""
        + FAILS,
        {"passed": 1, "failed": 1},
        lines=LOG,
        files={
            "greeting.feature": """
Feature: Greeting
  @foodtrucks
  Scenario: Hello
    Given the talker
    Then it says hello

  Scenario: Goodbye
    Given the talker
    Then it says goodbye
"""
        },
        code=1,
    ),
    "pytest-sugar": Neighbour(
        ("pytest-sugar",),
        "def test_it(talker): pass\n\ndef test_fails(say):" + FAILS,
        {"passed": 1, "failed": 1},
        arguments=("--force-sugar",),
        lines=LOG,
        code=1,
    ),
    "pytest-socket": Neighbour(
        ("pytest-socket",),
        "def test_it(talker):\n    assert talker.client.get('/').text == 'hello\\n'\n\ndef test_fails(say):" + FAILS,
        {"passed": 1, "failed": 1},
        arguments=("--disable-socket", "--allow-unix-socket", "--allow-hosts=127.0.0.1"),
        lines=LOG,
        code=1,
    ),
    "pytest-socket, nothing allowed": Neighbour(
        ("pytest-socket",),
        "def test_ours(talker): pass\n\ndef test_theirs(): pass",
        {"passed": 1, "errors": 1},
        arguments=("--disable-socket",),
        lines=("*SocketBlockedError*",),
        code=1,
    ),
    "pytest-subtests": Neighbour(
        ("pytest-subtests", "pytest<9"),
        """
def test_it(subtests, say):
    for number in range(3):
        with subtests.test(number=number):
            say("a line of the log")
            assert number != 1
""",
        {"passed": 1, "failed": 1, "subtests": 2},
        lines=LOG,
        code=1,
    ),
    "pytest-repeat": Neighbour(
        ("pytest-repeat",),
        "def test_it(talker):\n    assert talker.client.get('/').text == 'hello\\n'",
        {"passed": 3},
        arguments=("--count=3",),
    ),
    "pytest-mock": Neighbour(
        ("pytest-mock",),
        """
def test_fails(say, mocker):
    mocker.patch("requests.Session.send", side_effect=RuntimeError)
"""
        + FAILS.replace('    say("a line of the log")\n', ""),
        {"failed": 1},
        lines=(
            "E*assert 'mine' == 'yours'*",
            "-* foodtrucks -*",
            "(what the services logged can't be shown: RuntimeError)",
        ),
        code=1,
    ),
    "requests-mock": Neighbour(
        ("requests-mock",),
        "def test_fails(talker, requests_mock):\n    assert 'mine' == 'yours'\n\n"
        "def test_next(talker):\n    assert talker.client.get('/').text == 'hello\\n'",
        {"passed": 1, "failed": 1},
        lines=(
            "E*assert 'mine' == 'yours'*",
            "-* foodtrucks -*",
            "(what the services logged can't be shown: *No mock address*",
        ),
        code=1,
    ),
    "responses": Neighbour(
        ("responses",),
        "import responses\n\n@responses.activate\ndef test_fails(talker):\n    assert 'mine' == 'yours'\n\n"
        "@responses.activate\ndef test_within(talker):\n    talker.exec(['true'])\n\n"
        "def test_next(talker):\n    assert talker.client.get('/').text == 'hello\\n'",
        {"passed": 1, "failed": 2},
        lines=("E*assert 'mine' == 'yours'*",),
        code=1,
    ),
    "respx and pytest-httpx": Neighbour(
        ("respx", "pytest-httpx", "pytest-httpserver"),
        """
import httpx, respx

@respx.mock
def test_respx(talker):
    respx.get("https://example.org/").mock(return_value=httpx.Response(204))
    assert httpx.get("https://example.org/").status_code == 204
    assert talker.client.get("/").text == "hello\\n"

def test_httpx(talker, httpx_mock):
    httpx_mock.add_response(text="mocked")
    assert httpx.get("https://example.org/").text == "mocked"
    assert talker.client.get("/").text == "hello\\n"

def test_httpserver(talker, httpserver):
    httpserver.expect_request("/").respond_with_data("mine")
    assert httpx.get(httpserver.url_for("/")).text == "mine"
""",
        {"passed": 3},
    ),
    "freezegun and pytest-freezer": Neighbour(
        ("freezegun", "pytest-freezer"),
        "import pytest\n\n@pytest.mark.freeze_time('2001-01-01')\ndef test_fails(say, freezer):" + FAILS,
        {"failed": 1},
        lines=LOG,
        code=1,
    ),
    "time-machine": Neighbour(
        ("time-machine",),
        "def test_fails(say, time_machine):\n    time_machine.move_to('2001-01-01', tick=False)" + FAILS,
        {"failed": 1},
        lines=LOG,
        code=1,
    ),
    "pyfakefs": Neighbour(
        ("pyfakefs",),
        """
from pathlib import Path
import pytest
from conftest import IDLE

@pytest.fixture
def greeting(talker):
    return talker.client.get("/").text

def test_it(talker, greeting, fs):
    Path("/mine").write_text("in memory")
    assert talker.client.get("/").text == greeting

def test_a_service_within(talker, foodtrucks_net, fs):
    with foodtrucks_net.service(**IDLE, aliases=["late"]) as late:
        assert late.exec(["echo", "well"]).stdout == "well\\n"

def test_fails(talker, fs, say):"""
        + FAILS,
        {"passed": 2, "failed": 1},
        lines=LOG,
        code=1,
    ),
    "pytest-playwright": Neighbour(
        ("pytest-playwright",),
        """
import pytest

@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": "CHROMIUM", "args": ["--no-sandbox", "--disable-gpu"]}

def test_it(page, talker):
    page.goto(talker.url)
    assert page.inner_text("body") == "hello"

def test_fails(page, say):"""
        + FAILS,
        {"passed": 1, "failed": 1},
        lines=LOG,
        code=1,
    ),
    "pytest-django": Neighbour(
        ("django", "pytest-django"),
        """
import pytest
from django.contrib.auth.models import User

@pytest.mark.django_db
def test_it(talker):
    User.objects.create(username=talker.client.get("/").text.strip())
    assert User.objects.get().username == "hello"

@pytest.mark.django_db
def test_fails(say, client, settings):"""
        + FAILS,
        {"passed": 1, "failed": 1},
        lines=LOG,
        files={
            "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = own_settings\npythonpath = .\n",
            "own_settings.py": """
SECRET_KEY = "none"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
""",
        },
        code=1,
    ),
}

UNUSED = {
    "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = own_settings\npythonpath = .\nasyncio_mode = auto\n"
    "asyncio_default_fixture_loop_scope = function\n",
    "own_settings.py": NEIGHBOURS["pytest-django"].files["own_settings.py"],
    "greeting.feature": "Feature: Greeting\n  Scenario: Hello\n    Given a number\n    Then it is one\n",
    "app.py": 'def one():\n    """Return one.\n\n    >>> one()\n    1\n    """\n    return 1\n',
    "test_all.py": """
import os, random, socket, time, unittest
from pathlib import Path

import httpx, pytest, requests, responses, respx
from freezegun import freeze_time
from pytest_bdd import given, scenarios, then

scenarios("greeting.feature")

@given("a number", target_fixture="number")
def _():
    return 1

@then("it is one")
def _(number):
    assert number == 1

async def test_async():
    assert True

async def test_async_fails():
    assert False

@pytest.mark.anyio
async def test_anyio(anyio_backend): pass

def test_fails(): assert "mine" == "yours"

@pytest.mark.skip
def test_skipped(): pass

@pytest.mark.xfail
def test_expected(): assert False

@pytest.fixture
def broken(): raise RuntimeError("set-up")

def test_error(broken): pass

@pytest.fixture
def ends_badly():
    yield
    raise RuntimeError("tear-down")

def test_ends_badly(ends_badly): pass

class TestCase(unittest.TestCase):
    def test_case(self):
        with self.subTest("one"):
            self.assertEqual(1, 2)

def test_subtests(subtests):
    for number in range(2):
        with subtests.test(number=number):
            assert number == 0

def test_mocked(mocker):
    mocker.patch("requests.Session.send", side_effect=RuntimeError)
    assert False

def test_requests_mock(requests_mock):
    requests_mock.get("https://example.org", text="mocked")
    assert requests.get("https://example.org").text == "yours"

@responses.activate
def test_responses(): assert requests.get("https://example.org").text == "yours"

@respx.mock
def test_respx(): assert httpx.get("https://example.org/").text == "yours"

def test_httpserver(httpserver): assert httpserver.url_for("/") == "yours"

@freeze_time("2001-01-01")
def test_frozen(): assert time.time() == 0

def test_travelled(time_machine):
    time_machine.move_to("2001-01-01", tick=False)
    assert time.time() == 0

def test_files(fs):
    Path("/mine").write_text("in memory")
    assert Path("/mine").read_text() == "yours"

@pytest.mark.disable_socket
def test_socket(): socket.socket()

@pytest.mark.timeout(1)
def test_late(): time.sleep(5)

@pytest.mark.flaky(reruns=1)
def test_flaky(): assert False

@pytest.mark.repeat(2)
def test_repeated(): pass

def test_drawn(): assert random.random() == 0

@pytest.mark.django_db
def test_django(django_user_model): assert django_user_model.objects.count() == 1

def test_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    assert False

def test_environment(monkeypatch):
    for name in list(os.environ):
        monkeypatch.delenv(name)
    assert False
""",
}
"""A suite that uses all of them, and nothing of ours: it fails in many ways."""
