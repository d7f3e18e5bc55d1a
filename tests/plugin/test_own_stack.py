"""The fixture own_stack in sessions of their own, on an engine in memory."""

from collections.abc import Callable
from fnmatch import fnmatch

import pytest

from pytest_foodtrucks.fixtures import ready_made

Session = Callable[..., pytest.RunResult]

ENGINE = """
import pytest
from fakes.session import put_stack
from pytest_foodtrucks import elasticsearch_service, network, service

@pytest.fixture(scope="session")
def foodtrucks_engine(pytestconfig):
    engine = put_stack(pytestconfig)
    engine.images.update(["app", "db", "own/es:9.5.0"])
    yield engine
    left = {about["Config"]["Image"] for about in engine.containers.values()}
    assert left == set(), left

def ready(_): pass

"""

OVERRIDES = """
FILLED = []
es_on_net = elasticsearch_service(image="own/es:9.5.0", ready=ready)
db = service(image="db", ready=ready)
web_on_net = service(
    image="app",
    environment=lambda es_on_net, word: {"ES_URL": es_on_net.internal_url, "ES_ID": es_on_net.container.id, "A": word},
    requires=["db"],
    ports=[8000],
    ready=ready,
)

@pytest.fixture(scope="session")
def word(): return "word"

@pytest.fixture(scope="session")
def es_seed(): return FILLED.append

@pytest.fixture
def environment(foodtrucks_engine):
    def environment(service):
        entries = foodtrucks_engine.containers[service.container.id]["Config"]["Env"]
        return dict(entry.split("=", 1) for entry in entries)
    return environment
"""

SHARED = """
def test_shared(es_on_net, web_on_net, db): pass
"""


@pytest.fixture
def session(pytester: pytest.Pytester) -> Session:
    """Return a function that runs tests of one module, or of several, beside definitions in the conftest."""

    def run(definitions: str, test: str, *arguments: str, **files: str) -> pytest.RunResult:
        (pytester.path / "conftest.py").write_text(ENGINE + definitions)
        for name, text in {"test_it": test, **files}.items():
            path = pytester.path / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)

    return run


def passes(result: pytest.RunResult, count: int = 1) -> None:
    """Check that all of a session's tests passed."""
    result.assert_outcomes(passed=count)


def test_its_services_are_defined_as_the_overrides_and_stand_on_a_network_of_their_own(session: Session) -> None:
    test = """
    from conftest import FILLED

    def test_it(own_stack, es_on_net, web_on_net, db, environment):
        web, es = own_stack.web, own_stack.es
        assert (es.alias, web.alias, own_stack["db"].alias) == ("es", "foodtrucks-web", "db")
        assert web.container.image == "app"
        mine, shared = environment(web), environment(web_on_net)
        assert mine["ES_URL"] == shared["ES_URL"] == "http://es:9200"
        assert (mine["ES_ID"], shared["ES_ID"]) == (es.container.id, es_on_net.container.id)
        assert mine["A"] == "word"
        assert FILLED == [es_on_net, es]

        def networks(*services):
            return {each.network for service in services for each in service.container.attachments}

        assert networks(web, es, own_stack["db"]) == {own_stack.net.name}
        assert networks(web_on_net, es_on_net, db).isdisjoint({own_stack.net.name})
    """
    passes(session(OVERRIDES, _dedented(test)))


def test_a_service_on_several_networks_is_on_as_many_of_the_modules_own(session: Session) -> None:
    definitions = """
back = network()
web_on_net = service(image="app", ready=ready, networks={"foodtrucks_net": None, "back": {"aliases": ["inner"]}})
"""
    test = """
    def test_it(own_stack, web_on_net, back):
        mine = {each.network: each.aliases for each in own_stack.web.container.attachments}
        assert mine == {own_stack.net.name: ("foodtrucks-web",), own_stack["back"].name: ("foodtrucks-web", "inner")}
        assert own_stack["back"].name != back.name
    """
    passes(session(definitions, _dedented(test)))


def test_only_what_is_asked_for_is_started_once_and_goes_with_the_module(session: Session) -> None:
    test = """
    def running(engine):
        return sorted(about["Config"]["Image"] for about in engine.containers.values())

    def test_nothing(own_stack, foodtrucks_engine):
        assert (running(foodtrucks_engine), foodtrucks_engine.networks) == ([], {})

    def test_es(own_stack, foodtrucks_engine):
        assert own_stack.es is own_stack.es is own_stack["es_on_net"]
        assert running(foodtrucks_engine) == ["own/es:9.5.0"]

    def test_web(own_stack, foodtrucks_engine):
        assert own_stack.web.container
        assert running(foodtrucks_engine) == ["app", "db", "own/es:9.5.0"]
    """
    after = """
    def test_after(foodtrucks_engine):
        assert (foodtrucks_engine.containers, foodtrucks_engine.networks) == ({}, {})
    """
    passes(session(OVERRIDES, _dedented(test), "test_it.py", "test_z.py", test_z=_dedented(after)), 4)


def test_without_overrides_it_is_the_plugins_own_app(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ready_made.WEB, "ready", lambda _: None)
    test = """
    def test_it(own_stack, environment):
        assert own_stack.web.container.image == "app"
        assert environment(own_stack.web)["ES_HOST"] == "es"
    """
    definitions = OVERRIDES.partition("db = ")[0] + "@pytest.fixture" + OVERRIDES.rpartition("@pytest.fixture")[2]
    passes(session(definitions, _dedented(test), "--foodtrucks-web-image=app"))


def test_a_module_gets_what_it_sees_itself(session: Session) -> None:
    in_folder = "import pytest\nfrom conftest import FILLED\n\n" + _dedented("""
    @pytest.fixture(scope="session")
    def es_seed(): return lambda es: FILLED.append("folder's")

    def test_folder(own_stack):
        assert own_stack.es.alias == "es"
        assert FILLED[-1] == "folder's"
    """)
    test = """
    from conftest import FILLED

    def test_it(own_stack, es_on_net):
        assert own_stack.es and FILLED[-1] is own_stack.es
    """
    result = session(OVERRIDES, _dedented(test), "test_folder.py", "test_it.py", test_folder=in_folder)
    passes(result, 2)


def test_a_seed_that_an_own_stack_asked_for_first_is_in_use_once_the_shared_elasticsearch_has_it(
    session: Session,
) -> None:
    other = 'import pytest\n\n@pytest.fixture(scope="session")\ndef es_seed(): return print\n\n'
    result = session(
        OVERRIDES,
        "def test_own(own_stack): assert own_stack.es\ndef test_shared(request): request.getfixturevalue('es_on_net')",
        "test_it.py",
        "sub",
        sub__conftest=other,
        sub__test_sub="def test_sub(es_on_net): pass",
    )
    result.assert_outcomes(passed=2, errors=1)
    assert "The fixture es_seed has two definitions: " in result.stdout.str()


def test_a_network_that_people_define_is_made_a_second_time_as_they_defined_it(session: Session) -> None:
    definitions = (
        OVERRIDES.replace("requires=", 'network="back_net", requires=') + "\nback_net = network(internal=True)"
    )
    test = """
    def test_it(own_stack, back_net, web_on_net):
        (mine,) = own_stack.web.container.attachments
        assert mine.network == own_stack["back_net"].name not in {back_net.name, own_stack.net.name}
        assert own_stack["back_net"].internal
    """
    passes(session(definitions, _dedented(test)))


def test_on_a_worker_its_services_keep_their_names_and_are_nobody_elses(session: Session) -> None:
    worker = "def pytest_configure(config): config.workerinput = {'workerid': 'gw0'}\n"
    test = """
    def test_it(own_stack):
        assert (own_stack.web.alias, own_stack["db"].alias) == ("foodtrucks-web", "db")
        assert not any(own_stack[name].__foodtrucks__.shared for name in ("es_on_net", "db", "web_on_net"))
        with own_stack.es.paused(): pass
    """
    passes(session(worker + OVERRIDES, _dedented(test)))


def test_a_start_that_failed_is_told_each_test_and_not_tried_again(session: Session) -> None:
    definitions = OVERRIDES.replace("FILLED.append", "fail") + _dedented("""
    def fail(es):
        FILLED.append(es)
        raise RuntimeError("no data")
    """)
    test = """
    import pytest
    from conftest import FILLED

    @pytest.mark.parametrize("part", ["es", "web", "es", "web"])
    def test_it(own_stack, part):
        with pytest.raises(RuntimeError, match="no data"):
            getattr(own_stack, part)
        assert len(FILLED) == 1
    """
    passes(session(definitions, _dedented(test)), 4)


def test_a_failed_test_shows_what_its_own_services_logged(session: Session) -> None:
    result = session(OVERRIDES, "def test_it(own_stack, foodtrucks_engine):\n    own_stack['db']\n    assert 1 == 2")
    result.assert_outcomes(failed=1)
    assert "foodtrucks log of db" in result.stdout.str()
    assert "doesn't use" not in result.stdout.str()


def test_an_index_isnt_made_a_second_time(session: Session) -> None:
    definitions = f"{OVERRIDES}\nfrom pytest_foodtrucks import index_fixture\nmenu = index_fixture()"
    result = session(definitions, "def test_it(own_stack):\n    own_stack['menu']")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*own_stack can't make menu (conf*) a second time: it is an index. Remedy: put *"])


# what can't be made a second time

PLAIN = """
@pytest.fixture(scope="{scope}")
def {name}({asks}): return {value}
"""

CANT = [
    (
        PLAIN.format(scope="session", name="es_on_net", asks="", value="1"),
        "es",
        (
            "own_stack can't make es_on_net (conf*) a second time: it is no factory's fixture. Remedy: make it by "
            "elasticsearch_service(…)."
        ),
    ),
    (
        PLAIN.format(scope="session", name="foodtrucks_net", asks="", value="1"),
        "es",
        (
            "own_stack can't make foodtrucks_net (conf*) a second time: it is no factory's fixture. Remedy: make "
            "it by network(…)."
        ),
    ),
    (
        PLAIN.format(scope="session", name="word", asks="db", value="db.alias"),
        "web",
        (
            "own_stack can't start web_on_net (conf*): it asks for word (conf*), which asks for db, and so "
            "would get the one that other tests have. Remedy: let web_on_net ask for db itself: *"
        ),
    ),
    (
        PLAIN.format(scope="session", name="url", asks="db", value="1")
        + PLAIN.format(scope="session", name="word", asks="url", value="url"),
        "web",
        "own_stack can't start web_on_net (conf*): it asks for word (conf*), which asks for db, *",
    ),
    (
        PLAIN.format(scope="function", name="word", asks="", value="1"),
        "web",
        (
            "own_stack lasts for a module, and web_on_net (conf*) asks for word (conf*), which has the "
            "narrower scope 'function'. Remedy: give word scope='module', or a wider one."
        ),
    ),
    (
        "web_on_net = service(image='app', requires=['nobody'])",
        "web",
        (
            "own_stack can't start web_on_net (conf*): it asks for 'nobody', and this module sees no such fixture. "
            "Remedy: *"
        ),
    ),
    (
        "foodtrucks_net = network(subnet='10.99.0.0/24')",
        "net",
        (
            "own_stack can't make foodtrucks_net (conf*) a second time: two networks can't have the same subnet=. "
            "Remedy: leave it out, and each gets a free one."
        ),
    ),
    (
        "web_on_net = service(image='app', ports=['18080:80'])",
        "web",
        (
            "own_stack can't start web_on_net (conf*) a second time: port 18080 of the host can belong to one service "
            "only. Remedy: write ports=[[]80[]], and each gets a free one."
        ),
    ),
    (
        "db = service(image='db', requires=['web_on_net'])",
        "web",
        "own_stack can't start web_on_net (conf*): web_on_net asks for db asks for web_on_net. Remedy: *",
    ),
]


@pytest.mark.parametrize(("definitions", "part", "message"), CANT)
def test_what_cant_be_made_a_second_time_is_told_with_the_way_out_before_anything_starts(
    session: Session, definitions: str, part: str, message: str
) -> None:
    test = f"""
    import pytest
    from pytest_foodtrucks import DefinitionError

    def test_it(own_stack, foodtrucks_engine):
        with pytest.raises(DefinitionError) as caught:
            own_stack.{part}
        print("TOLD", caught.value)
        assert foodtrucks_engine.containers == foodtrucks_engine.networks == {{}}
    """
    result = session(OVERRIDES + definitions, _dedented(test), "-s")
    passes(result)
    (told,) = [line.partition("TOLD ")[2] for line in result.outlines if "TOLD " in line]
    assert fnmatch(told, message)


def test_what_needs_a_service_in_a_fault_is_not_started_meanwhile_and_used_if_it_runs_already(session: Session) -> None:
    test = """
    import pytest
    from pytest_foodtrucks import FaultError

    def test_it(own_stack):
        with own_stack.es.paused():
            with pytest.raises(FaultError, match=r"it asks for es_on_net, .* own_stack\\.web before"):
                own_stack.web
            assert own_stack["db"]
        web = own_stack.web
        with own_stack.es.paused():
            assert own_stack.web is web
    """
    passes(session(OVERRIDES, _dedented(test)))


def test_an_override_that_cant_be_followed_leaves_the_other_parts(session: Session) -> None:
    plain = PLAIN.format(scope="session", name="web_on_net", asks="", value="1")
    passes(session(OVERRIDES + plain, "def test_it(own_stack): assert own_stack.es.alias == 'es'"))


def test_an_unknown_name_is_told(session: Session) -> None:
    test = """
    import pytest
    from pytest_foodtrucks import DefinitionError

    def test_it(own_stack):
        with pytest.raises(DefinitionError, match="own_stack has no 'nobody': this module sees no such fixture. Rem"):
            own_stack["nobody"]
    """
    passes(session(OVERRIDES, _dedented(test)))


def _dedented(text: str) -> str:
    lines = text.splitlines()
    return "\n".join(line[4:] for line in lines)


def test_a_job_that_its_services_require_is_run_a_second_time(session: Session) -> None:
    definitions = """
from pytest_foodtrucks import job

migrate = job(image="db")
web_on_net = service(image="app", requires=["migrate"], ready=ready)

@pytest.fixture(scope="session", autouse=True)
def _jobs_end(foodtrucks_engine):
    start = foodtrucks_engine.start_container

    def started(container):
        start(container)
        about = foodtrucks_engine.containers[container]
        if about["Config"]["Image"] == "db":
            about["State"].update(Status="exited")

    foodtrucks_engine.start_container = started
"""
    test = """
from pytest_foodtrucks import Job

def test_it(own_stack, migrate):
    assert own_stack.web.alias == "foodtrucks-web"
    own = own_stack["migrate"]
    assert isinstance(own, Job)
    assert own.exit_code == 0
    assert own.container.id != migrate.container.id
"""
    passes(session(definitions, test))
