"""Mistakes in factories: told with file and line when they are defined or collected, before anything starts."""

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import pytest

from pytest_foodtrucks import DefinitionError

Session = Callable[..., pytest.RunResult]

IMPORTS = (
    "import pytest\nfrom pytest_foodtrucks import elasticsearch_service, index_fixture, network, ready, service\n\n"
)
"""Before each conftest's own lines, which so begin at the fourth."""

SHARED = "workers can share only what lasts for the session. Remedy: leave one of them out."
NARROW = "@pytest.fixture\ndef narrow(): pass\n"

TWO_WORKERS = pytest.param(["-n2"], marks=pytest.mark.needs("pytest-xdist"))
TWO_WORKERS_BY_GROUP = pytest.param(["-n2", "--dist=loadgroup"], marks=pytest.mark.needs("pytest-xdist"))


@pytest.fixture
def session(pytester: pytest.Pytester) -> Session:
    """Return a function that runs tests, beside definitions in the conftest, where no engine answers."""

    def run(definitions: str, tests: str, *arguments: str) -> pytest.RunResult:
        (pytester.path / "conftest.py").write_text(IMPORTS + definitions)
        (pytester.path / "test_it.py").write_text(tests)
        no_engine = "--foodtrucks-engine=unix:///no/such.sock"
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", no_engine, *arguments)

    return run


def told(result: pytest.RunResult) -> list[str]:
    """Return the mistakes that a session told, and see that it ran no test and showed no traceback."""
    text = result.stdout.str() + result.stderr.str()
    assert result.ret != pytest.ExitCode.OK
    assert "Traceback" not in text
    assert "in <module>" not in text
    assert not {"passed", "failed"} & set(result.parseoutcomes() if result.stdout.str() else {})
    lines = [line.removeprefix("ERROR: ") for line in text.splitlines() if ".py:" in line]
    return [line for line in lines if not line.startswith("ERROR ")]


# told when they are defined


AT_DEFINITION = {
    "service(imag='a')": "A service has no keyword 'imag'; did you mean 'image'?",
    "elasticsearch_service(vesion='9')": "A service has no keyword 'vesion'; did you mean 'version'?",
    "network(intern=True)": "A network has no keyword 'intern'; did you mean 'internal'?",
    "service(image='a', shared=True, scope='module')": f"shared=True with scope='module': {SHARED}",
    "service(image='a', scope='sesion')": "scope='sesion' is none of pytest's. Remedy: use one of session, *",
    "network(scope='sesion')": "scope='sesion' is none of pytest's. Remedy: *",
    "service(image='a', ready=ready.http('/up'))": "ready=ready.http('/up') asks a TCP port *, and it has none. *",
    "service(image='a', ready=[ready.tcp()], ports=[])": "ready=ready.tcp() asks a TCP port of the service, *",
    "elasticsearch_service(ready=ready.http('/'), ports=[])": "ready=ready.http('/') asks a TCP port of the service, *",
    "service(image='a', ready=ready.http('up'))": "ready.http('up') is no path. Remedy: begin it with a slash, *",
    "service(image='a', ready=ready.http)": "ready=<function http at *> is no readiness check. Remedy: *",
    "service(image='a', mem_limit='64m', mem_reservation='1g')": "mem_reservation is * bytes, more than mem_limit *",
    "service(image='a', volumes=['/run'], tmpfs='/run/')": "volumes and tmpfs have '/run' in the container twice, *",
    "service(image='a', tmpfs=['/a', '/a:size=1m'])": "tmpfs has '/a' in the container twice, *",
    "service(image='a', secrets={'a': {'content': 'a', 'target': '/b'}}, configs={'b': ''})": "secrets and configs *",
    "service(image='a', requires='db')": "requires='db' is a text. Remedy: give a list, such as *",
    "service(image='a', requires=[pytest])": "requires has <module 'pytest' *takes fixtures by name. Remedy: *",
    "service(image='a', requires=5)": "requires=5 is no list. Remedy: give a list, such as *",
    "service(image='a', requires=[None])": "requires has None, and takes fixtures by name. Remedy: *",
    "service(image='a', requires=['class'])": "requires has 'class', and takes fixtures by name. Remedy: *",
    "service(image='a', mac_address='01:00:00:00:00:00')": "mac_address=* is that of a group, or of none. Remedy: *",
    "service(image='a', network=5)": "network has 5, and takes fixtures by name. Remedy: *",
    "service(image='a', networks='n')": "networks='n' is a text. Remedy: give a list, such as ['n'], or network='n'.",
    "service(image='a', networks=[])": "networks=* is empty. Remedy: name one network's fixture at least*",
    "service(image='a', networks={'n': {'ip_address': 1}})": "*no keyword 'ip_address'; did you mean 'ipv?_address'?",
    "service(image='a', network='n', networks=['m'])": "network='n' and networks=* both say *Remedy: *",
    "network(subnet='10.0.0.1/24')": "subnet='10.0.0.1/24' is an address within a subnet. Remedy: *'10.0.0.0/24'.",
    "network(subnet='10.0.0.0/24', gateway='10.0.1.1')": "gateway='10.0.1.1' is no address of a machine in *Remedy: *",
    "network(gateway='10.0.1.1')": "gateway='10.0.1.1' has no subnet of its family. Remedy: give subnet= too*",
    "network(subnet='fd00::/64')": "subnet has 'fd00::/64', and the network has no IPv6. Remedy: give ipv6=True too.",
    "elasticsearch_service(seed=print)": "seed=<built-in function print> is neither the name of a fixture nor a path*",
    "elasticsearch_service(seed='my-seed')": "seed='my-seed' is neither * a text is one if it has a suffix or a slash*",
    "elasticsearch_service(seed='./none')": "seed has 'none', and there is no none. Remedy: mend the path; *",
    "elasticsearch_service(seed=['es_seed'])": "seed=* has 'es_seed', which could be a fixture or a path. Remedy: *",
    "elasticsearch_service(seed=[])": "seed=* is empty. Remedy: name a file or a folder.",
    "index_fixture(mappings=5)": "mappings=5 is no mapping. Remedy: give a mapping, as the server's API takes it.",
    "index_fixture(mappings={'a': {1}})": "mappings=* can't be written as JSON: *",
    "index_fixture(kind='stream')": "kind='stream'. Remedy: use 'index', 'data_stream' or 'alias'.",
    "index_fixture(mapping={})": "A test's index has no keyword 'mapping'; did you mean 'mappings'?",
    "index_fixture(service=5)": "service has 5, and takes fixtures by name. Remedy: *",
    "index_fixture(scope='test')": "scope='test' is none of pytest's. Remedy: *",
    "service(image='a', scope=5)": "scope=5 is none of pytest's. Remedy: *",
    "service(image='a', scope=int)": "scope=<class 'int'> is none of pytest's. Remedy: *",
    "service(image='a', shared='no')": "shared='no'. Remedy: give True or False.",
    "network(internal='no')": "internal='no'. Remedy: give True or False.",
    "network(driver='')": "driver=''. Remedy: give a driver that makes networks, such as 'bridge'.",
    "network(driver='host')": "driver='host'. Remedy: *",
    "network(driver=5)": "driver=5 is no text. Remedy: *",
    "service(image='a', aliases=5)": "aliases=5 is no list of texts. Remedy: *",
    "service(image='a', ports=['80'], requires=['es_on_net'])": "ports has '80'. Remedy: give the container's ports *",
    "service(image='a', command=['cat', pytest])": "command=*has at index 1 <module *, which is no text. *",
    "service(image='a', aliases=[None])": "aliases=[[]None[]] has at index 0 None, which is no text. Remedy: *",
    "service(image='a', aliases='db')": "aliases='db' is a text. Remedy: give a list, such as *",
    "service(image='a', aliases=['127.0.0.1'])": "The alias '127.0.0.1' is no host name: it is an address. Remedy: *",
    "service(image='a', command=5)": "command=5 is no list of texts. Remedy: *",
    "service(image='a', healthcheck={'test': 5})": "healthcheck={'test': 5} has the test 5. Remedy: *",
    "service(image='a', volumes=['~nouser/x:/x'])": "The volume '~nouser/x:/x' begins at the home of a user *",
    "service(image='a', volumes=['./data'])": "The volume './data' doesn't say where in the container it goes. *",
    "service(image='a', timeout=float('nan'))": "timeout=nan. Remedy: give seconds above 0 as a number, such as 120.",
    "service(build=5)": "build, of type int, can't be built. Remedy: *",
    "service(build='a\\0')": "build=* has a NUL in it. Remedy: *",
    "service(image=int)": "image=<class 'int'> is a class. Remedy: give a value, or a function whose parameters are *",
    "service(image=lambda *names: 'a')": "image=<function * has parameters that can't be given by name. Remedy: *",
    "service()": "A service takes one of image= and build=, and this one has neither. Remedy: give one.",
    "service(image='a', build='.')": "A service takes one of image= and build=, and this one has both. Remedy: *",
    "elasticsearch_service(heap=512)": "heap=512 is no text. Remedy: *",
    "elasticsearch_service(heap='1m')": "heap='1m'. Remedy: Elasticsearch cannot start with so little: *",
    "elasticsearch_service(version=9.5)": "version=9.5 is no text. Remedy: *",
    "service(image='a', ready=ready.http(5))": "ready.http(5) is no path. Remedy: begin it with a slash, *",
    "service(image='a', ready=ready.http('/', port='80'))": "ready.http has port='80'. Remedy: give a whole number *",
    "service(image='a', ready=ready.http('/', timeout=float('nan')))": "ready.http has timeout=nan. Remedy: *",
    "service(image='a', ready=ready.tcp(True))": "ready.tcp has port=True. Remedy: give a whole number from 1 to *",
    "service(image='a', ready=ready.log('('))": "ready.log has pattern='(' can't be read: *. Remedy: mend it, *",
    "service(image='a', ready=ready.log(b'x'))": "ready.log has pattern=b'x' is no text. Remedy: *",
    "service(image='a', ready=ready.exec(5))": "ready.exec has argv=5 is neither a list nor a text. Remedy: *",
    "service(image='a', ready=ready.exec([]))": "ready.exec has argv=* names no command. Remedy: *",
    "service(image='a', ready=ready.exec(['a'], timeout=True))": "ready.exec has timeout=True. Remedy: give seconds *",
    "service(image='a', ready=[])": "ready=* has no check. Remedy: leave it out, or give ready.running().",
    "service(image='a', ready=int)": "ready=<class 'int'> is no readiness check. Remedy: *",
    "service(image='a', ready=5, ports=lambda: [80])": "ready=5 is no readiness check. Remedy: *",
    "service(image='a', network='my-net')": "network has 'my-net', and takes fixtures by name. Remedy: *",
}


def is_like(text: str, pattern: str) -> bool:
    return text == pattern or fnmatch(text, pattern)


@pytest.mark.parametrize(("call", "message"), AT_DEFINITION.items())
def test_a_mistake_that_shows_by_itself_is_told_with_the_line_of_the_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DefinitionError) as raised:
        exec(compile(f"{IMPORTS}\nvictim = {call}", str(tmp_path / "conftest.py"), "exec"), {})  # noqa: S102 - ours
    place = "" if message.startswith("ready.") else "conftest.py:5: "  # a check alone knows no place; the session does
    assert is_like(str(raised.value), place + message)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [row for number, row in enumerate(AT_DEFINITION.items()) if number % 40 == 0 or row[1].startswith("ready.")],
)
def test_such_a_mistake_ends_the_session_as_a_usage_error(session: Session, call: str, message: str) -> None:
    result = session(f"\nvictim = {call}", "def test(): pass")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert len(result.stderr.str().strip().splitlines()) == 1
    result.stderr.fnmatch_lines([f"ERROR: conftest.py:5: {message}"])


@pytest.mark.parametrize(
    "call",
    [
        "service(image='a', ready=ready.http('/up', port=80))",
        "service(image='a', ready=ready.tcp(80))",
        "service(image='a', ready=ready.http('/up'), ports=lambda: [80])",
        "service(image='a', ready=ready.http('/up'), ports=[80])",
        "elasticsearch_service(ready=ready.http('/'))",
        "elasticsearch_service(ready=ready.http('/'), ports=None)",
        "service(image='a', ready=(check for check in [ready.tcp(80)]))",
    ],
)
def test_a_check_that_has_a_port_or_may_get_one_is_fine(session: Session, call: str) -> None:
    assert session(f"victim = {call}", "def test(victim): pass", "--collect-only").ret == pytest.ExitCode.OK


def test_the_mistakes_of_one_call_are_told_together(session: Session) -> None:
    definitions = "victim = service(\n    imag='a',\n    port=[80],\n    shared=True,\n    scope='class',\n)"
    keywords, sharing = told(session(definitions, "def test(): pass"))
    assert keywords == (
        "conftest.py:4: A service has no keyword 'imag'; did you mean 'image'? A service has no keyword 'port'; did "
        "you mean 'ports'?"
    )
    assert sharing == f"conftest.py:4: shared=True with scope='class': {SHARED}"


def test_a_mistake_in_a_module_that_the_conftest_imports_is_told_with_that_file(
    session: Session, pytester: pytest.Pytester
) -> None:
    (pytester.path / "services.py").write_text(f"{IMPORTS}victim = service(imag='a')")
    pytester.syspathinsert()
    result = session("from services import victim", "def test(): pass")
    assert told(result) == ["services.py:4: A service has no keyword 'imag'; did you mean 'image'?"]


@pytest.mark.parametrize("workers", [[], TWO_WORKERS])
@pytest.mark.parametrize("file", ["test_wrong.py", "sub/conftest.py"])
def test_a_mistake_in_a_test_module_or_a_subfolder_is_told_once_and_nothing_runs(
    session: Session, pytester: pytest.Pytester, file: str, workers: list[str]
) -> None:
    (pytester.path / "sub").mkdir()
    (pytester.path / "sub/test_sub.py").write_text("def test_sub(): pass")
    (pytester.path / file).write_text(f"{IMPORTS}victim = service(imag='a')\ndef test_wrong(victim): pass")
    result = session("", "def test(): pass", *workers)
    assert told(result) == [f"{file}:4: A service has no keyword 'imag'; did you mean 'image'?"]
    assert result.parseoutcomes() == {"errors": 1}


def test_the_whole_traceback_may_be_asked_for(session: Session, pytester: pytest.Pytester) -> None:
    (pytester.path / "test_wrong.py").write_text(f"{IMPORTS}victim = service(imag='a')")
    assert "factories.py" in session("", "", "--full-trace").stdout.str()
    assert "factories.py" in session("victim = service(imag='a')", "", "--full-trace").stderr.str()


def test_pytest_s_help_is_to_be_had_beside_a_mistake(session: Session) -> None:
    assert session("victim = service(imag='a')", "", "--help").ret == pytest.ExitCode.OK


def test_other_errors_of_an_import_are_shown_as_pytest_shows_them(session: Session, pytester: pytest.Pytester) -> None:
    (pytester.path / "test_wrong.py").write_text("raise ValueError('own')")
    assert "in <module>" in session("", "").stdout.str()
    assert "in <module>" in session("raise ValueError('own')", "").stderr.str()


# told when tests are collected


AT_COLLECTION = {
    "\nweb = service(image='a', requires=['reddis'])\nredis = service(image='a')": (
        "conftest.py:5: The service web asks for 'reddis' by requires=['reddis'], and its tests see no such fixture; "
        "did you mean 'redis'? Remedy: mend the name, or"
    ),
    "redis = service(image='a')\nweb = service(image='a', network='island')": (
        "conftest.py:5: The service web asks for 'island' by network='island', and its tests see no such fixture."
    ),
    "redis = elasticsearch_service()\nweb = elasticsearch_service(seed='sow')": (
        "conftest.py:5: The service web asks for 'sow' by seed='sow', and its tests see no such fixture."
    ),
    "redis = service(image='a')\nweb = service(image='a', environment=lambda db: {})": (
        "conftest.py:5: The service web asks for 'db' by environment=, a function, and its tests see no such fixture."
    ),
    f"{NARROW}redis = service(image='a')\nweb = service(image='a', requires=['narrow'])": (
        "conftest.py:7: The service web asks for 'narrow' by requires=['narrow'], which has the narrower scope "
        "'function': the service's is 'session'. Remedy: give narrow scope='session', or the service scope='function'."
    ),
    f"{NARROW}redis = service(image='a')\nweb = service(image='a', user=lambda narrow: 1, scope='class')": (
        "conftest.py:7: The service web asks for 'narrow' by user=, a function, which has the narrower scope "
        "'function': the service's is 'class'."
    ),
    "redis = service(image='a')\nnet = network(scope='module')\nweb = service(image='a', network='net')": (
        "conftest.py:6: The service web asks for 'net' by network='net', which has the narrower scope 'module'"
    ),
    "redis = service(image='a', aliases=['db'])\nweb = service(image='a', aliases=['web', 'db'])": (
        "conftest.py:5: On foodtrucks_net the alias 'db' would belong to two services: web, and redis (conftest.py:4). "
        "Remedy: give one of them other aliases=; for a round robin on purpose, attach the second one with "
        "foodtrucks_net.connect(…, aliases=[…])."
    ),
    "redis = service(image='a')\nweb = service(image='a', aliases=['redis'], scope='function')": (
        "conftest.py:5: On foodtrucks_net the alias 'redis' would belong to two services: web, and redis"
    ),
    "redis = service(image='a')\nweb = service(image='a')\nweb_on_net = service(image='a', aliases=['web'])\n"
    "@pytest.fixture(autouse=True)\ndef _too(web_on_net): pass": (
        "conftest.py:6: On foodtrucks_net the alias 'web' would belong to two services: web_on_net, and web"
    ),
}


def test_a_folder_that_is_written_as_a_fixture_is_told(session: Session, pytester: pytest.Pytester) -> None:
    (pytester.path / "sow").mkdir()
    result = session("web = elasticsearch_service(seed='sow')", "def test(web): pass")
    assert (
        "conftest.py:4: The service web asks for 'sow' by seed='sow', and its tests see no such fixture. Remedy: "
        in (result.stdout.str())
    )
    assert "write seed='./sow' for the folder or file of that name." in result.stdout.str()


@pytest.mark.parametrize(("definitions", "message"), AT_COLLECTION.items(), ids=range(len(AT_COLLECTION)))
@pytest.mark.parametrize("arguments", [[], ["--collect-only"]])
def test_a_mistake_among_fixtures_is_told_at_collection(
    session: Session, definitions: str, message: str, arguments: list[str]
) -> None:
    result = session(definitions, "def test(web, redis): pass\ndef test_other(web): pass", *arguments)
    (line,) = told(result)
    assert line.startswith(message)
    assert result.ret == pytest.ExitCode.INTERRUPTED


SEVERAL = """
@pytest.fixture
def narrow(): pass
one = service(image='a', requires=['narrow', 'missing'])
two = service(image='a', aliases=['one'])
"""


@pytest.mark.parametrize("workers", [[], TWO_WORKERS, TWO_WORKERS_BY_GROUP])
def test_several_mistakes_are_told_together_and_once_however_many_tests_and_workers_there_are(
    session: Session, workers: list[str]
) -> None:
    tests = (
        "@pytest.mark.parametrize('n', range(9))\ndef test_one(one, n): pass\ndef test_two(two): pass\ndef test(): pass"
    )
    result = session(SEVERAL, f"import pytest\n{tests}", *workers)
    assert [line.partition(": ")[2].partition(" by ")[0].partition(":")[0] for line in told(result)] == [
        "The service one asks for 'missing'",
        "The service one asks for 'narrow'",
        "On foodtrucks_net the alias 'one' would belong to two services",
    ]
    assert result.parseoutcomes() == {"errors": 1}


def test_mistakes_of_two_files_are_told_in_one_session(session: Session, pytester: pytest.Pytester) -> None:
    (pytester.path / "sub").mkdir()
    (pytester.path / "sub/conftest.py").write_text(f"{IMPORTS}two = service(image='a', requires=['missing'])")
    (pytester.path / "sub/test_sub.py").write_text("def test_sub(two): pass")
    result = session("one = service(image='a', requires=['missing'])", "def test(one): pass")
    assert [line.partition(": ")[0] for line in told(result)] == ["conftest.py:4", "sub/conftest.py:4"]


@pytest.mark.parametrize("workers", [[], TWO_WORKERS])
@pytest.mark.parametrize("selection", [["-k", "theirs"], ["-m", "not foodtrucks"], ["test_it.py::test_theirs"]])
def test_a_mistake_that_concerns_no_selected_test_is_no_ones_business(
    session: Session, selection: list[str], workers: list[str]
) -> None:
    tests = "def test_ours(one): pass\ndef test_two(two): pass\ndef test_theirs(): pass"
    result = session(SEVERAL, tests, *selection, *workers)
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes()["passed"] == 1


@pytest.mark.parametrize("workers", [[], TWO_WORKERS])
def test_who_wants_to_go_on_after_errors_of_the_collection_does(session: Session, workers: list[str]) -> None:
    tests = "def test_ours(one): pass\ndef test_theirs(): pass"
    result = session(SEVERAL, tests, "--continue-on-collection-errors", *workers)
    result.assert_outcomes(passed=1, errors=2)


def test_a_narrow_seed_is_told_where_it_is_defined(session: Session) -> None:
    result = session("@pytest.fixture\ndef es_seed(): return print", "def test(es_client): pass")
    (line,) = told(result)
    assert line == (
        "conftest.py:4: The service es_on_net asks for 'es_seed' by seed='es_seed', which has the narrower scope "
        "'function': the service's is 'session'. Remedy: give es_seed scope='session'."
    )


def test_a_narrow_seed_of_an_overridden_elasticsearch_is_told(session: Session) -> None:
    definitions = "es_on_net = elasticsearch_service()\n@pytest.fixture\ndef es_seed(): return print"
    (line,) = told(session(definitions, "def test(es_client): pass"))
    assert line == (
        "conftest.py:4: The service es_on_net asks for 'es_seed' by its name, without seed=, which has the narrower "
        "scope 'function': the service's is 'session'. Remedy: give es_seed scope='session', or the service "
        "scope='function'."
    )


def test_a_narrow_override_is_told_where_it_is_defined(session: Session) -> None:
    result = session("\nes_on_net = elasticsearch_service(scope='module')", "def test(web_client): pass")
    assert any("conftest.py:5: The service web_on_net asks for 'es_on_net'" in line for line in told(result))


@pytest.mark.parametrize(
    "tests", ["def test(mine, es_on_net): pass", "def test(mine): pass\ndef test_es(es_on_net): pass"]
)
def test_of_a_clash_with_a_ready_made_service_the_users_own_line_is_told(session: Session, tests: str) -> None:
    (line,) = told(session("mine = service(image='a', aliases=['es'])", tests))
    assert line.startswith(
        "conftest.py:4: On foodtrucks_net the alias 'es' would belong to two services: mine, and es_on"
    )
    assert "es_on_net (ready-made). Remedy: " in line


def test_an_override_that_asks_for_what_it_overrides_is_fine_where_there_is_one(session: Session) -> None:
    definitions = "es_on_net = elasticsearch_service(aliases=['own'], environment=lambda es_on_net: {})"
    assert session(definitions, "def test(es_on_net): pass", "--collect-only").ret == pytest.ExitCode.OK


TWO = "one = service(image='a', aliases=['db']{one})\ntwo = service(image='a', aliases=['db']{two})\n"
APART = "def test_one(one): pass\ndef test_two(two): pass"


@pytest.mark.parametrize(
    ("definitions", "tests"),
    [
        (TWO.format(one=", scope='function'", two=", scope='function'"), APART),
        (TWO.format(one=", scope='module'", two=""), APART),
        (TWO.format(one="", two=", network='net'") + "net = network()", "def test(one, two): pass"),
        (TWO.format(one="", two=""), "def test(one): pass"),
        ("a = b = network()\n" + TWO.format(one=", network='a'", two=", network='b'"), "def test(one, two): pass"),
        (TWO.replace("['db']{two}", "lambda: ['db']").format(one=""), "def test(one, two): pass"),
        (TWO.format(one="", two=""), APART.replace("def test_two", "@pytest.mark.skipif('True')\ndef test_two")),
        (TWO.format(one="", two=""), "@pytest.mark.xfail\ndef test(one, two): pass"),
        (
            "@pytest.fixture(scope='session', params=[1, 2])\ndef line(request): return request.param\n"
            + TWO.format(one=", requires=['line']", two=", requires=['line']"),
            APART,
        ),
        ("web_on_net = service(image='a')\n@pytest.fixture\ndef both(web_on_net): pass", "def test(both): pass"),
        ("es_on_net = elasticsearch_service()", "def test(es_on_net, web_on_net): pass"),
        ("web = service(image='a', user=lambda request: 1)", "def test(web): pass"),
        (
            "web = service(image='a', requires=['missing'])",
            "@pytest.mark.parametrize('web', [1])\ndef test(web): pass",
        ),
        (
            "web = service(image='a', requires=['given'])",
            "@pytest.mark.parametrize('given', [1], scope='session')\ndef test(web, given): pass",
        ),
        (
            "web = service(image='a', requires=['missing'])",
            "def test(request):\n    if 0: request.getfixturevalue('web')",
        ),
    ],
)
def test_what_may_be_right_is_not_told(session: Session, definitions: str, tests: str) -> None:
    result = session(definitions, f"import pytest\n{tests}", "--collect-only")
    assert result.ret == pytest.ExitCode.OK, result.stdout.str()


IN_THE_SUBFOLDER = "def test_sub(db): pass"


def test_a_name_that_two_conftests_define_is_told_with_both_places(session: Session, pytester: pytest.Pytester) -> None:
    (pytester.path / "sub").mkdir()
    (pytester.path / "sub/conftest.py").write_text(f"{IMPORTS}db = service(image='b')")
    (pytester.path / "sub/test_sub.py").write_text(IN_THE_SUBFOLDER)
    (line,) = told(session("db = service(image='a')", "def test(db): pass"))
    assert line.startswith(
        "sub/conftest.py:4: The fixture db is defined twice: once here, and once at conftest.py:4. So two services "
        "would have the alias 'db' on foodtrucks_net at once. Remedy: define it once, in the conftest.py of a folder "
        "above all its tests"
    )


def test_a_service_that_two_modules_import_is_told_with_both_modules(
    session: Session, pytester: pytest.Pytester
) -> None:
    (pytester.path / "shared_services.py").write_text(f"{IMPORTS}db = service(image='b')")
    importing = "from shared_services import db\ndef test(db): pass"
    (pytester.path / "test_other.py").write_text(importing)
    (line,) = told(session("", importing))
    assert line.startswith(
        "shared_services.py:4: The fixture db is defined twice: test_it.py and test_other.py both import it, and each "
        "has it for itself. So two"
    )


@pytest.mark.parametrize("more", [", scope='module'", ", aliases=['other']"])
def test_an_override_of_the_same_name_in_a_subfolder_that_is_no_clash(
    session: Session, pytester: pytest.Pytester, more: str
) -> None:
    (pytester.path / "sub").mkdir()
    (pytester.path / "sub/conftest.py").write_text(f"{IMPORTS}db = service(image='b'{more})")
    (pytester.path / "sub/test_sub.py").write_text(IN_THE_SUBFOLDER)
    scope = ", scope='module'" if "scope" in more else ""
    result = session(f"db = service(image='a'{scope})", "def test(db): pass", "--collect-only")
    assert result.ret == pytest.ExitCode.OK


def test_services_that_ask_for_each_other_are_told(session: Session) -> None:
    definitions = """
one = service(image='a', requires=['two'])
two = service(image='a', requires=['between'])
@pytest.fixture(scope='session')
def between(one): pass
"""
    (line,) = told(session(definitions, "def test(two): pass\ndef test_other(between): pass"))
    assert line.startswith(
        "conftest.py:5: These fixtures ask for each other, so that none can be the first: one (conftest.py:5) asks for "
        "two, two (conftest.py:6) asks for between, between (conftest.py:7) asks for one. Remedy: take one out of "
    )


def test_a_service_that_asks_for_itself_is_told(session: Session) -> None:
    (line,) = told(session("db = service(image='a', requires=['db'])", "def test(db): pass"))
    assert line.startswith("conftest.py:4: The service db asks for itself by requires=['db'], and overrides no other")


IN_A_FUNCTION = {
    "@pytest.fixture\ndef db(): return {call}\ndef test(db): pass": "db",
    "def test():\n    with {call}: pass": "test",
    "def helper(): return {call}\ndef test(): helper()": "test",
}


@pytest.mark.parametrize("factory", ["service", "network"])
@pytest.mark.parametrize(("tests", "function"), IN_A_FUNCTION.items())
def test_a_factory_in_a_function_is_refused_plainly(session: Session, factory: str, tests: str, function: str) -> None:
    call = "service(image='a')" if factory == "service" else "network()"
    result = session("", IMPORTS + tests.format(call=call))
    result.stdout.fnmatch_lines([f"*test_it.py:*: {factory}() is called while {function} runs, and makes a fixture, *"])


def test_a_factory_in_a_class_body_is_refused_plainly(session: Session) -> None:
    (line,) = told(session("", f"{IMPORTS}class TestIt:\n    db = service(image='a')\n    def test(self, db): pass"))
    assert line.startswith(
        "test_it.py:5: service() is called in the class TestIt, and makes a fixture of a module. Remedy: write it above"
    )


def test_a_factory_in_a_function_that_an_import_calls_makes_a_fixture(session: Session) -> None:
    definitions = "def made(**more): return service(image='a', **more)\ndb = made(ports=[80])"
    assert session(definitions, "def test(db): pass", "--collect-only").ret == pytest.ExitCode.OK


# the contract's aliases under xdist


@pytest.mark.needs("pytest-xdist")
@pytest.mark.parametrize(
    ("name", "how", "alias"),
    [
        ("es_on_net", "shared=False", "es"),
        ("es_on_net", "shared=False, aliases=['es']", "es"),
        ("web_on_net", "scope='module'", "foodtrucks-web"),
    ],
)
def test_a_service_of_the_contracts_name_that_workers_do_not_share_is_told_to_them(
    session: Session, name: str, how: str, alias: str
) -> None:
    kind = {"es_on_net": "elasticsearch_service", "web_on_net": "service"}[name]
    definitions, tests = f"{name} = {kind}(image='a', {how})", f"def test({name}): pass"
    (line,) = told(session(definitions, tests, "-n1"))
    assert line == (
        f"conftest.py:4: Under xdist each worker would have a {name} of its own, and on one network only one container "
        f"can be {alias!r}. Remedy: leave shared= and scope= out, give it a network= of a narrower scope, define it "
        "under another name, or run without -n."
    )
    assert session(definitions, tests, "--collect-only").ret == pytest.ExitCode.OK


# the contract's names


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (
            "es_on_net = service(image='a')",
            "es_on_net is to be an Elasticsearch: of another service es_seed would never be called, and es_client *",
        ),
        (
            "web_on_net = elasticsearch_service()",
            "web_on_net is to be an app: as an Elasticsearch it would make web_client a client of that. Remedy: use *",
        ),
    ],
)
@pytest.mark.parametrize("workers", [[], TWO_WORKERS])
def test_a_service_of_another_kind_under_the_contracts_name_is_told(
    session: Session, definition: str, message: str, workers: list[str]
) -> None:
    name = definition.partition(" ")[0]
    (line,) = told(session(definition, f"def test({name}): pass", *workers))
    assert fnmatch(line, f"conftest.py:4: {message}")


# what workers would have differently

WORKER = "def pytest_configure(config): config.workerinput = {'workerid': 'gw0'}\n"
"""What xdist gives to a worker's configuration, as the first line of a conftest's own."""


@pytest.mark.needs("pytest-xdist")
@pytest.mark.parametrize("scope", ["session", "function"])
@pytest.mark.parametrize("aliases", ["['db']", "lambda: ['db']"])
def test_a_name_that_each_worker_would_give_to_a_service_of_its_own_is_told_to_workers(
    session: Session, scope: str, aliases: str
) -> None:
    definitions = f"db = service(image='a', shared=False, aliases={aliases}, scope={scope!r})"
    (line,) = told(session(definitions, "def test(db): pass", "-n1"))
    assert line == (
        "conftest.py:4: Under xdist each worker would have a db of its own, and on one network its aliases= can belong "
        "to only one container. Remedy: leave aliases= out, and it gets the worker's id behind its name; or leave "
        "shared= out, and all workers have one."
    )
    assert session(definitions, "def test(db): pass", "--collect-only").ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    "definitions",
    [
        "db = service(image='a', shared=False)",
        "db = service(image='a', shared=False, aliases=[])",
        "db = service(image='a', scope='module', aliases=['d'])",
        "n = network(scope='class')\ndb = service(image='a', scope='class', shared=False, aliases=['d'], network='n')",
        (
            "n = network(scope='module')\nes_on_net = elasticsearch_service(scope='module', network='n')\n"
            "db = service(image='a', scope='module', network='n', requires=['es_on_net'])"
        ),
    ],
)
def test_a_name_that_workers_can_have_beside_each_other_or_in_turn_is_not_told(
    session: Session, definitions: str
) -> None:
    result = session(f"{WORKER}{definitions}", "def test_db(db): pass", "--collect-only")
    assert result.ret == pytest.ExitCode.OK, result.stdout.str()


ADDRESS = "networks={'n': {'ipv4_address': '10.20.0.5'}}"
TWICE = f"db = service(image='a', {ADDRESS})\nweb = service(image='a', {ADDRESS})"
SAME_ALIAS = """\
db = service(image='a', networks={'n': {'aliases': ['x']}, 'foodtrucks_net': None})
web = service(image='a', networks=['foodtrucks_net', 'n'], aliases=['x'])"""


@pytest.mark.needs("pytest-xdist")
@pytest.mark.parametrize(
    ("definitions", "message"),
    [
        (
            f"n = network(subnet='10.20.0.0/24')\ndb = service(image='a', shared=False, {ADDRESS})",
            "conftest.py:5: Under xdist each worker would have a db of its own, and what networks= gives it on n can *",
        ),
        (
            "n = network(subnet='10.20.0.0/24', scope='module')\ndb = service(image='a', scope='module', network='n')",
            "conftest.py:4: Under xdist each worker would make a network n of its own, because of its scope *",
        ),
    ],
)
def test_an_address_that_workers_cant_have_at_the_same_time_is_told_to_them(
    session: Session, definitions: str, message: str
) -> None:
    (line,) = told(session(definitions, "def test(db): pass", "-n1"))
    assert fnmatch(line, message)
    assert session(definitions, "def test(db): pass", "--collect-only").ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    ("definitions", "message"),
    [
        (
            f"n = network(subnet='10.30.0.0/24')\ndb = service(image='a', {ADDRESS})",
            "conftest.py:5: The service db is to have the address 10.20.0.5 on n, which has subnet=10.30.0.0/24. *",
        ),
        (
            f"n = network()\ndb = service(image='a', {ADDRESS})",
            "conftest.py:5: The service db is to have the address 10.20.0.5 on n, which gets any free subnet*",
        ),
        (
            f"n = network(subnet='10.20.0.0/24')\n{TWICE}",
            "conftest.py:6: On n the address '10.20.0.5' would belong to two services: web, and db *",
        ),
        (
            (
                "n = network(subnet='10.20.0.0/16')\nm = network(subnet='10.20.7.0/24')\n"
                "db = service(image='a', networks=['m', 'n'])"
            ),
            "conftest.py:5: The network m is to have subnet=10.20.7.0/24, and n (conftest.py:4) has 10.20.0.0/16: *",
        ),
        (
            f"n = network()\n{SAME_ALIAS}",
            "conftest.py:6: On n the alias 'x' would belong to two services: web, and db (conftest.py:5). *",
        ),
        (
            (
                "db = service(image='a', mac_address='02-42-AC-11-00-05')\nweb = service(image='a', networks={"
                "'foodtrucks_net': {'mac_address': '02:42:ac:11:00:05'}})"
            ),
            "conftest.py:5: On foodtrucks_net the address '02:42:ac:11:00:05' would belong to two services: web, and *",
        ),
        (
            "db = service(image='a', ports=['8080:80'])\nweb = service(image='a', ports=[1, '8080:81'])",
            (
                "conftest.py:5: Port 8080 of the host would belong to two services: web, and db (conftest.py:4). "
                "Remedy: write ports=[[]81[]], for a free one."
            ),
        ),
        (
            "db = service(image='a', networks=['foodtrucks_net', 'm'])\nweb = service(image='a')",
            "conftest.py:4: The service db asks for 'm' by networks=*, and its tests see no such fixture*",
        ),
    ],
)
def test_what_a_service_cant_have_on_one_of_its_networks_is_told(
    session: Session, definitions: str, message: str
) -> None:
    asked = "db, web" if "web" in definitions else "db"
    (line,) = told(session(definitions, f"def test({asked}): pass"))
    assert fnmatch(line, message)


@pytest.mark.parametrize(
    "between",
    ["", "@pytest.fixture(scope='session')\ndef url(own): pass\n", "url = service(image='b', requires=['own'])\n"],
)
@pytest.mark.parametrize("tests", ["def test(web): pass", "def test(web): pass\ndef test_own(own): pass"])
def test_a_shared_service_that_asks_for_one_of_each_workers_own_is_told(
    session: Session, between: str, tests: str
) -> None:
    definitions = f"own = service(image='a', shared=False)\n{between}"
    asked = "url" if between else "own"
    web = f"web = service(image='a', requires=[{asked!r}])"
    mistakes = told(session(WORKER + definitions + web, tests))
    line = (WORKER + definitions).count("\n") + 4
    assert mistakes[-1] == (
        f"conftest.py:{line}: The service web is one for all xdist workers, and it asks for own, which each worker has "
        "for itself: whether that is the right one depends on the worker. Remedy: give web shared=False, or let own be "
        "shared."
    )
    assert session(definitions + web, tests, "--collect-only").ret == pytest.ExitCode.OK


@pytest.mark.parametrize("name", ["dienst_ä", "localhost", "x" * 64])
def test_a_fixture_s_name_that_no_host_can_have_is_told_unless_the_service_has_others(
    session: Session, name: str
) -> None:
    (line,) = told(session(f"{name} = service(image='a')", f"def test({name}): pass"))
    assert line.startswith(f"conftest.py:4: A service's name on the network is that of its fixture, {name}. The alias ")
    assert line.endswith(
        "Remedy: give it aliases=['NAME'], or name the fixture by letters, digits and underscores of ASCII."
    )
    result = session(f"{name} = service(image='a', aliases=['b'])", f"def test({name}): pass", "--collect-only")
    assert result.ret == pytest.ExitCode.OK


def test_an_object_that_can_t_be_looked_at_ends_no_session(session: Session, capfd: pytest.CaptureFixture[str]) -> None:
    definitions = (
        "class Odd(list):\n    def __bool__(self): raise RuntimeError('no truth here')\n"
        "db = service(image='a', aliases=Odd(['db']))"
    )
    result = session(definitions, "def test(): pass\ndef test_db(db): pass")
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    result.assert_outcomes(passed=1, errors=1)
    assert (
        "definitions fit each other can't be told before they start: RuntimeError: no truth" in capfd.readouterr().err
    )


def test_aliases_that_a_name_server_takes_for_one_clash(session: Session) -> None:
    definitions = "one = service(image='a', aliases=['DB'])\ntwo = service(image='a', aliases=['db'])"
    (line,) = told(session(definitions, "def test(one, two): pass"))
    assert line.startswith("conftest.py:5: On foodtrucks_net the alias 'db' would belong to two services: two, and one")


@pytest.mark.needs("pytest-xdist")
@pytest.mark.parametrize("ports", ["['8080:80']", "[443, {'target': 80, 'published': 8080}]"])
def test_a_port_of_the_host_that_each_worker_would_give_to_a_service_of_its_own_is_told_to_workers(
    session: Session, ports: str
) -> None:
    definitions = f"db = service(image='a', shared=False, ports={ports})"
    (line,) = told(session(definitions, "def test(db): pass", "-n1"))
    assert line == (
        "conftest.py:4: Under xdist each worker would have a db of its own, and port 8080 of the host can belong to "
        "only one. Remedy: write ports=[80], for a free one, or leave shared= out, and all workers have one service."
    )


@pytest.mark.needs("pytest-xdist")
def test_a_mac_address_that_each_worker_would_give_to_a_service_of_its_own_is_told_to_workers(session: Session) -> None:
    definitions = "db = service(image='a', shared=False, mac_address='02:42:ac:11:00:05')"
    (line,) = told(session(definitions, "def test(db): pass", "-n1"))
    assert line == (
        "conftest.py:4: Under xdist each worker would have a db of its own, and on foodtrucks_net its mac_address= can "
        "belong to only one container. Remedy: leave that out; or leave shared= out, and all workers have one."
    )
    assert session(definitions, "def test(db): pass", "--collect-only").ret == pytest.ExitCode.OK


def test_two_services_may_have_one_port_at_different_addresses_of_the_host(session: Session) -> None:
    definitions = (
        "db = service(image='a', ports=['127.0.0.1:80:1'])\nweb = service(image='a', ports=['127.0.0.2:80:1'])"
    )
    assert session(definitions, "def test(db, web): pass", "--collect-only").ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    ("how", "options"),
    [
        ("shared=False, ports=['8080:80']", []),
        pytest.param("ports=['8080:80']", ["-n1"], marks=pytest.mark.needs("pytest-xdist")),
        pytest.param("shared=False, ports=[80]", ["-n1"], marks=pytest.mark.needs("pytest-xdist")),
        pytest.param("shared=False, ports=lambda: [80]", ["-n1"], marks=pytest.mark.needs("pytest-xdist")),
    ],
)
def test_a_port_of_the_host_that_one_service_has_is_not_told(session: Session, how: str, options: list[str]) -> None:
    result = session(f"db = service(image='a', {how})", "def test(db): pass", "--collect-only", *options)
    assert result.ret == pytest.ExitCode.OK
