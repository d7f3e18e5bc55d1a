"""Whole sessions on an engine in memory: what is fetched ahead, shown and removed."""

import re
from collections.abc import Callable

import pytest

from fakes.engine import FakeEngine
from pytest_foodtrucks.engine import discovery
from pytest_foodtrucks.engine.endpoints import Endpoint
from pytest_foodtrucks.sessions.session import Session

ENGINE = """
import pytest
from fakes.session import put_stack
from pytest_foodtrucks import NotReady, elasticsearch_service, network, service
from pytest_foodtrucks.fixtures.stash import STACK

ENGINES = []

@pytest.fixture(scope="session")
def foodtrucks_engine(pytestconfig):
    ENGINES.append(put_stack(pytestconfig))
    ENGINES[-1].registry.update(one=[], two=[])
    return ENGINES[-1]

@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    for engine in ENGINES:
        print("LEFT", len(engine.containers) + len(engine.networks))

"""

RunPytest = Callable[..., pytest.RunResult]


@pytest.fixture
def session(pytester: pytest.Pytester) -> RunPytest:
    """Return a function that runs a test on an engine in memory, beside definitions in the conftest."""

    def run(definitions: str, test: str, *arguments: str) -> pytest.RunResult:
        (pytester.path / "conftest.py").write_text(ENGINE + definitions)
        (pytester.path / "test_it.py").write_text(test)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments, no_reraise_ctrlc=True)

    return run


# images ahead


def fetched_ahead(result: pytest.RunResult) -> list[str]:
    """Return the images that were pulled when only `first` had been asked for."""
    line = next(line for line in result.outlines if "EVENTS" in line)
    return sorted(event for event in line.partition("EVENTS ")[2].split(",") if event.startswith("pull"))


SHOW = """
from pytest_foodtrucks.fixtures.stash import STACK

def test_show(first, foodtrucks_engine, pytestconfig):
    pytestconfig.stash[STACK].pool.shutdown()  # waits for what goes on in the background
    print("EVENTS " + ",".join(foodtrucks_engine.events))
"""


def test_images_of_the_session_are_fetched_before_anyone_asks_for_their_services(session: RunPytest) -> None:
    definitions = "first = service(image='one')\nsecond = service(image='two', requires=['first'])"
    result = session(definitions, SHOW + "def test_second(second): pass", "-s")
    result.assert_outcomes(passed=2)
    assert fetched_ahead(result) == ["pull one", "pull two"]


@pytest.mark.parametrize(
    "late",
    [
        "service(image='two', scope='function')",
        "service(image='two', environment=lambda first: {'A': first.alias})",
        "service(image='two', network='other')",
    ],
    ids=["narrow", "by a fixture", "elsewhere"],
)
def test_of_what_cant_be_known_beforehand_no_image_is_fetched_ahead(session: RunPytest, late: str) -> None:
    definitions = f"other = network()\nfirst = service(image='one')\nlate = {late}"
    result = session(definitions, SHOW + "def test_late(late): pass", "-s")
    assert fetched_ahead(result) == ["pull one"]


def test_of_what_no_test_asks_for_no_image_is_fetched(session: RunPytest) -> None:
    result = session("first = service(image='one')\nidle = service(image='two')", SHOW, "-s")
    assert fetched_ahead(result) == ["pull one"]


def test_a_definition_that_is_wrong_fails_its_own_tests_only(session: RunPytest) -> None:
    definitions = "first = service(image='busybox')\nwrong = service(image='busybox', ports=lambda: ['80/sctp'])"
    result = session(definitions, "def test_first(first): pass\ndef test_wrong(wrong): pass")
    result.assert_outcomes(passed=1, errors=1)
    assert "ports has '80/sctp'" in result.stdout.str()


def test_an_image_that_isnt_there_fails_its_own_tests_only(session: RunPytest) -> None:
    definitions = "first = service(image='busybox')\nwrong = service(image='nope')"
    result = session(definitions, "def test_first(first): pass\ndef test_wrong(wrong): pass")
    result.assert_outcomes(passed=1, errors=1)
    assert "The image nope can't be pulled: " in result.stdout.str()


def test_the_web_image_option_gives_the_app(session: RunPytest) -> None:
    definitions = """
@pytest.fixture(scope="session")
def es_on_net(): pass
"""
    result = session(definitions, "def test(web_on_net): pass", "--foodtrucks-web-image=team/web")
    assert "The image team/web can't be pulled" in result.stdout.str()


# removal


def left(result: pytest.RunResult) -> list[str]:
    """Return what was left at the end on each engine."""
    return [line for line in result.outlines if line.startswith("LEFT")]


@pytest.mark.parametrize(
    "test",
    [
        "def test(victim): pass",
        "def test(victim): assert False",
        "def test(victim): raise KeyboardInterrupt",
        "def test(victim): import pytest; pytest.exit('enough')",
        "def test(victim, net_probe, bridge_probe): pass",
    ],
    ids=["passed", "failed", "interrupted", "exit", "probes"],
)
def test_nothing_is_left_however_a_session_ends(session: RunPytest, test: str) -> None:
    result = session("victim = service(image='busybox')", test, "-s")
    assert left(result) == ["LEFT 0"]


def test_what_a_test_left_on_the_engine_goes_with_the_session(session: RunPytest) -> None:
    test = """
from pytest_foodtrucks.containers.compose import ContainerSpec
from pytest_foodtrucks.containers.creation import Creation
from pytest_foodtrucks.fixtures.stash import STACK

def test(foodtrucks_net, pytestconfig):
    stack = pytestconfig.stash[STACK]
    Creation(stack.engine, ContainerSpec(), image="busybox", network="x", labels=stack.labels(), title="leak")
"""
    result = session("", test, "-s")
    result.assert_outcomes(passed=1)
    assert left(result) == ["LEFT 0"]


def test_a_service_that_never_gets_ready_is_removed_and_named_once_for_each_test(session: RunPytest) -> None:
    definitions = """
def never(target):
    raise NotReady("still red")

victim = service(image="busybox", ready=never, timeout=0.000001)
"""
    result = session(definitions, "def test_first(victim): pass\ndef test_second(victim): pass", "-s")
    result.assert_outcomes(errors=2)
    text = result.stdout.str()
    assert text.count("victim was not ready after") >= 2
    assert "still red" in text
    assert "a line of the log" in text
    assert left(result) == ["LEFT 0"]


# what a failure shows


def test_a_failed_test_shows_a_section_per_service(session: RunPytest) -> None:
    definitions = "one = service(image='busybox')\ntwo = service(image='busybox')"
    text = session(definitions, "def test(one, two): assert False").stdout.str()
    for alias in ("one", "two"):
        assert f"- foodtrucks log of {alias} -" in text
    assert text.count("a line of the log") == 2


def test_a_passed_test_shows_none(session: RunPytest) -> None:
    text = session("one = service(image='busybox')", "def test(one): pass", "-rA").stdout.str()
    assert "foodtrucks log" not in text


def test_a_test_that_failed_without_services_shows_none(session: RunPytest) -> None:
    assert "foodtrucks log" not in session("", "def test(): assert False").stdout.str()


OWN = """
import pytest

def fail(): pytest.fail("no good")

def one(net):
    with net.service(image="busybox", aliases=["victim"]):
        {fails}

def test(foodtrucks_net): one(foodtrucks_net)
"""


@pytest.mark.parametrize("fails", ["assert False", "fail()", "1 / 0"])
def test_the_log_of_a_tests_own_service_is_shown_though_it_is_gone_by_then(session: RunPytest, fails: str) -> None:
    result = session("", OWN.format(fails=fails))
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert text.count("- foodtrucks log of victim -") == 1
    assert text.count("a line of the log") == 1
    assert "LEFT 0" in text


def test_a_tests_own_service_is_shown_with_no_other_test(session: RunPytest) -> None:
    swallowed = "\n    with pytest.raises(ZeroDivisionError): one(foodtrucks_net)"
    test = OWN.format(fails="1 / 0").replace(" one(foodtrucks_net)", swallowed)
    result = session("", test + "def test_later(): assert False")
    result.assert_outcomes(passed=1, failed=1)
    assert "foodtrucks log" not in result.stdout.str()


def test_a_service_that_the_test_doesnt_use_is_one_line_at_the_end(session: RunPytest) -> None:
    test = """
import pathlib, time

def test_first(one, two): pass

def test_second(two): assert False

def test_third(request):
    request.getfixturevalue("one")
    assert False
"""
    definitions = "one = service(image='busybox')\ntwo = service(image='busybox')"
    text = session(definitions, test).stdout.str()
    second, third = text.split("test_third ___")
    assert "- foodtrucks log of two -" in second
    assert "- foodtrucks log of one -" not in second
    assert "logged meanwhile: one (18 bytes, `docker logs foodtrucks-one-" in second
    assert "- foodtrucks log of one -" in third
    assert "logged meanwhile: two (18 bytes" in third


def test_twenty_tests_on_one_app_that_crashed_show_its_log_once(session: RunPytest) -> None:
    definitions = """
def never(target):
    raise NotReady("still red")

victim = service(image="busybox", ready=never, timeout=0.000001)
"""
    result = session(definitions, "import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test(victim, n): pass")
    result.assert_outcomes(errors=20)
    text = result.stdout.str()
    assert text.count("a line of the log") == 1
    assert text.count("(as above, with test_it.py::test[0])") == 19


SEED = """
def deep():
    {fails}

@pytest.fixture(scope="session")
def sown():
    def seed(es):
        deep()
    return seed

search = elasticsearch_service(image="busybox:1", seed="sown", ready=lambda _: None)
"""


@pytest.mark.parametrize("fails", ["raise RuntimeError('no seed')", "__import__('json').loads('{')"])
def test_a_seed_that_raises_is_told_by_its_name_and_the_readers_own_lines(session: RunPytest, fails: str) -> None:
    definitions = SEED.format(fails=fails) + "\n@pytest.fixture(autouse=True, scope='session')\ndef images"
    definitions += "(foodtrucks_engine):\n    foodtrucks_engine.registry['busybox:1'] = []\n"
    result = session(definitions, "def test_first(search): pass\ndef test_second(search): pass")
    result.assert_outcomes(errors=2)
    text = result.stdout.str()
    words = r"`sown` \(conftest\.py:\d+\) raised (RuntimeError: no seed|json\.decoder\.JSONDecodeError: .*)"
    assert re.search(rf"^{words}$", text, re.MULTILINE)
    assert re.search(rf"^ERROR test_it\.py::test_first - {words[:20]}", text, re.MULTILINE)
    assert "deep()" in text
    assert "starting.py" not in text
    assert "decoder.py" not in text
    assert text.count("a line of the log") == 1
    assert text.partition("_ ERROR at setup of test_second _")[0].count("\n") < 45


def test_a_check_that_raises_something_else_than_notready_is_named(session: RunPytest) -> None:
    definitions = "def accepts_writes(target):\n    return {}['answer']\n"
    definitions += "victim = service(image='busybox', ready=[lambda _: None, accepts_writes])"
    text = session(definitions, "def test(victim): pass").stdout.str()
    assert re.search(
        r"^The readiness check `accepts_writes` \(conftest\.py:\d+\) of victim raised KeyError: 'answer'$",
        text,
        re.MULTILINE,
    )
    assert "return {}['answer']" in text
    assert "ready.py" not in text


def test_a_value_s_function_that_raises_is_named_and_shown_by_the_readers_own_lines(session: RunPytest) -> None:
    definitions = "def variables(pytestconfig):\n    return {}['answer']\n"
    definitions += "victim = service(image='busybox', environment=variables)"
    text = session(definitions, "def test(victim): pass").stdout.str()
    assert re.search(
        r"^environment=`variables` \(conftest\.py:\d+\) of victim raised KeyError: 'answer'$", text, re.MULTILINE
    )
    assert "return {}['answer']" in text
    assert "bodies.py" not in text


def test_a_log_driver_that_cant_be_read_doesnt_replace_the_starts_own_error(session: RunPytest) -> None:
    definitions = """
from pytest_foodtrucks import EngineError

def never(target):
    raise NotReady("still red")

@pytest.fixture(scope="session")
def unreadable(foodtrucks_engine):
    foodtrucks_engine.log_error = EngineError("configured logging driver does not support reading")

victim = service(image="busybox", ready=never, timeout=0.000001, requires=["unreadable"])
"""
    text = session(definitions, "def test(victim): pass").stdout.str()
    assert "victim was not ready after" in text
    assert "(its log can't be read: configured logging driver does not support reading)" in text


def test_a_log_that_cant_be_read_leaves_the_failure_as_it_is(session: RunPytest) -> None:
    test = """
from pytest_foodtrucks import EngineError

def test(one, foodtrucks_engine):
    foodtrucks_engine.log_error = EngineError("gone")
    assert 1 + 1 == 3
"""
    text = session("one = service(image='busybox')", test).stdout.str()
    assert "assert (1 + 1) == 3" in text
    assert "(its log can't be read: gone)" in text


IN_A_TEST = """
def start(net):
    with net.service(image="nope", aliases=["victim"]):
        pass

def test(foodtrucks_net):
    start(foodtrucks_net)
"""


@pytest.mark.parametrize("style", ["auto", "long", "short"])
def test_an_error_of_ours_in_a_tests_own_body_shows_the_users_lines_alone(session: RunPytest, style: str) -> None:
    text = session("", IN_A_TEST, f"--tb={style}").stdout.str()
    assert "start(foodtrucks_net)" in text
    assert 'with net.service(image="nope", aliases=["victim"]):' in text
    assert "The image nope can't be pulled" in text
    assert "direct cause" not in text
    assert "network.py" not in text


@pytest.mark.parametrize("style", ["--full-trace", "--tb=native"])
def test_the_whole_traceback_of_an_error_of_ours_may_be_asked_for(session: RunPytest, style: str) -> None:
    text = session("", IN_A_TEST, style).stdout.str()
    assert "direct cause" in text
    assert "network.py" in text


@pytest.mark.parametrize("style", ["line", "no"])
def test_an_error_of_ours_is_short_where_that_is_asked_for(session: RunPytest, style: str) -> None:
    result = session("", IN_A_TEST, f"--tb={style}")
    result.assert_outcomes(failed=1)
    assert "network.py" not in result.stdout.str()


def test_a_second_owner_of_an_alias_is_told_with_both(session: RunPytest) -> None:
    definitions = "one = service(image='busybox', aliases=['db'])\n"
    definitions += "two = service(image='busybox', aliases=lambda: ['db'])"  # a function: not known before it is asked
    result = session(definitions, "def test(one, two): pass")
    result.assert_outcomes(errors=1)
    text = result.stdout.str()
    assert "the alias 'db' belongs to the service 'one' (conftest.py:" in text
    assert "already, and the service 'two' (conftest.py:" in text


@pytest.mark.parametrize("arguments", [[], ["-W", "error"]])
def test_what_cannot_be_removed_is_said_after_all(
    session: RunPytest, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    test = """
from pytest_foodtrucks.errors import EngineError

def test(foodtrucks_net, foodtrucks_engine):
    def refuse(*_):
        raise EngineError("The engine has had enough.")
    foodtrucks_engine.labelled = refuse
"""
    assert session("", test, *arguments).ret == pytest.ExitCode.OK
    said = capfd.readouterr().err
    assert "foodtrucks: Containers may be left behind: The engine has had enough.\nfoodtrucks: Remedy: " in said


def test_a_state_folder_that_cannot_be_read_any_more_keeps_nothing_from_being_removed(
    session: RunPytest, capfd: pytest.CaptureFixture[str]
) -> None:
    test = """
from pytest_foodtrucks.fixtures.stash import STACK
from pytest_foodtrucks.plugin import _SESSION

def test(one, pytestconfig):
    stack = pytestconfig.stash[STACK]
    session = pytestconfig.stash[_SESSION] = stack.session
    (session.folder / "kept.json").mkdir()  # which can't be read, as after another user has become the process's
    stack.engine.create_network("left to the end", driver="bridge", internal=False, labels=stack.labels())
"""
    result = session("one = service(image='busybox')", test)
    said = capfd.readouterr().err
    assert said == "", "nothing is left behind"
    assert "Traceback" not in result.stdout.str()
    assert "LEFT 0" in result.stdout.str()


def test_progress_lines_go_past_pytests_capture(session: RunPytest, capfd: pytest.CaptureFixture[str]) -> None:
    definitions = """
from pytest_foodtrucks.plugin import _progress

@pytest.fixture(scope="session")
def foodtrucks_engine(pytestconfig):
    from fakes.engine import FakeEngine
    from fakes.session import new_session
    from pytest_foodtrucks.fixtures.stash import settings_of
    from pytest_foodtrucks.stacks.stack import Stack

    engine = FakeEngine()
    stack = Stack(engine, settings_of(pytestconfig), progress=_progress(pytestconfig), session=new_session())
    pytestconfig.stash[STACK] = stack
    return engine
"""
    session(definitions + "one = service(image='busybox')", "def test(one): pass").assert_outcomes(passed=1)
    assert "foodtrucks: pulling busybox" in capfd.readouterr().err


def test_a_worker_goes_to_the_engine_of_the_one_that_was_quicker(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines: list[FakeEngine] = []

    def find(option: str = "auto", *, host: str | None = None, only: Endpoint | None = None) -> FakeEngine:
        del option, host
        engines.append(FakeEngine())
        engines[-1].endpoint = only if only is not None else Endpoint("unix:///mine.sock")
        return engines[-1]

    def opened_by_another(session: Session, first: object) -> None:
        del first
        session.record_engine(Endpoint("unix:///yours.sock"))

    monkeypatch.setattr(discovery, "find_engine", find)
    monkeypatch.setattr(Session, "go_to_engine", opened_by_another)
    pytester.makepyfile("def test_it(foodtrucks_engine): assert foodtrucks_engine.endpoint.url == 'unix:///yours.sock'")
    state = f"--foodtrucks-state-dir={pytester.path / 'state'}"
    pytester.runpytest_inprocess("-p", "no:cacheprovider", state).assert_outcomes(passed=1)
    assert [engine.closed for engine in engines] == [True, True]
