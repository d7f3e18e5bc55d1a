"""The factories in sessions of their own, on a network that hands out definitions and starts nothing."""

from collections.abc import Callable
from typing import Any

import pytest

import pytest_foodtrucks
from pytest_foodtrucks.errors import DefinitionError

pytestmark = pytest.mark.usefixtures("factories_anywhere")

NETWORK = """
import pytest
from fakes.defining import DefiningNetwork
from pytest_foodtrucks import elasticsearch_service, job, network, service

@pytest.fixture(scope="session")
def foodtrucks_net():
    net = DefiningNetwork()
    yield net
    assert net.up == []
"""

WORKER = """
def pytest_configure(config):
    config.workerinput = {"workerid": "gw0"}
"""
"""What xdist gives to a worker's configuration."""

Session = Callable[..., pytest.RunResult]


@pytest.fixture
def session(pytester: pytest.Pytester) -> Session:
    """Return a function that runs a test, beside definitions in the conftest."""

    def run(definitions: str, test: str, *arguments: str) -> pytest.RunResult:
        (pytester.path / "conftest.py").write_text(NETWORK + definitions)
        (pytester.path / "test_it.py").write_text(test)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)

    return run


def passes(result: pytest.RunResult, count: int = 1) -> None:
    """Check that all of a session's tests passed."""
    result.assert_outcomes(passed=count)


# what a fixture is


def test_the_alias_is_the_fixtures_name(session: Session) -> None:
    passes(session("victim = service(image='busybox')", "def test(victim): assert victim.alias == 'victim'"))


def test_the_alias_is_the_name_that_the_fixture_has_and_not_its_variables(session: Session) -> None:
    definitions = "def make(): return service(image='busybox')\nfirst = make()\nsecond = make()"
    test = "def test(first, second): assert (first.alias, second.alias) == ('first', 'second')"
    passes(session(definitions, test))


def test_a_service_runs_until_its_scope_ends(session: Session) -> None:
    definitions = "long = service(image='a')\nshort = service(image='b', scope='function')"
    test = """
def test_first(long, short, foodtrucks_net): assert foodtrucks_net.up == ["long", "short"]
def test_second(long, foodtrucks_net): assert foodtrucks_net.up == ["long"]
"""
    passes(session(definitions, test), 2)


def test_it_may_live_on_another_network(session: Session) -> None:
    definitions = """
@pytest.fixture(scope="session")
def other_net():
    return DefiningNetwork()

victim = service(image="busybox", network="other_net")
"""
    test = """
def test(victim, other_net, foodtrucks_net):
    assert (other_net.up, foodtrucks_net.up) == (["victim"], [])
"""
    passes(session(definitions, test))


def test_what_is_required_is_up_first(session: Session) -> None:
    definitions = "web = service(image='web', requires=['db'])\ndb = service(image='db')"
    test = "def test(web, foodtrucks_net): assert foodtrucks_net.up == ['db', 'web']"
    passes(session(definitions, test))


def test_an_elasticsearch_is_defined_by_options_and_arguments(session: Session) -> None:
    definitions = "search = elasticsearch_service(heap='256m', environment=['node.name=me'])"
    test = """
from pytest_foodtrucks import ElasticsearchService

def test(search):
    assert search.service_type is ElasticsearchService
    assert search.definition.image == "team/es:8.8.2"
    assert "-Xmx256m" in search.definition.spec.environment["ES_JAVA_OPTS"]
    assert search.definition.spec.environment["node.name"] == "me"
"""
    passes(session(definitions, test, "--foodtrucks-es-image=team/es", "--foodtrucks-es-version=8.8.2"))


def test_version_and_image_may_be_functions_of_fixtures(session: Session) -> None:
    definitions = """
@pytest.fixture(scope="session", params=["7.17.9", "8.8.2"])
def line(request):
    return request.param

search = elasticsearch_service(version=lambda line: line)
"""
    test = "def test(search, line): assert search.definition.image == f'team/es:{line}'"
    passes(session(definitions, test, "--foodtrucks-es-image=team/es"), 2)


# jobs

MIGRATE = "migrate = job(image='busybox', command='up', requires=['db'], timeout=5)\ndb = service(image='db')\n"


def test_a_job_is_a_service_that_runs_once(session: Session) -> None:
    test = """
from pytest_foodtrucks import Job, Service

def test(migrate, db, foodtrucks_net):
    assert (migrate.service_type, db.service_type) == (Job, Service)
    assert (migrate.definition.runs_once, db.definition.runs_once) == (True, False)
    assert (migrate.alias, migrate.definition.timeout) == ("migrate", 5)
    assert foodtrucks_net.up == ["db", "migrate"]
"""
    passes(session(MIGRATE, test))


def test_what_requires_a_job_comes_after_it(session: Session) -> None:
    definitions = MIGRATE + "web = service(image='web', requires=['migrate'])"
    passes(session(definitions, "def test(web, foodtrucks_net): assert foodtrucks_net.up == ['db', 'migrate', 'web']"))


def test_a_jobs_values_may_be_functions_of_fixtures(session: Session) -> None:
    definitions = "db = service(image='db')\nmigrate = job(image='a', environment=lambda db: {'DB': db.alias})"
    passes(session(definitions, "def test(migrate): assert migrate.definition.spec.environment == {'DB': 'db'}"))


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"ports": [80]}, r"A job has no ports=: it has ended before anybody could reach it\. Remedy: leave that out"),
        ({"scheme": "redis"}, "A job has no scheme=: it has no URL"),
        ({"ready": lambda _: None}, "A job has no ready=: its end is what is waited for"),
        ({"healthcheck": {"test": "true"}}, "A job has no healthcheck=: its end is what is waited for"),
        ({"imag": "x"}, "A job has no keyword 'imag'; did you mean 'image'"),
        ({"seed": "es_seed"}, "A job has no keyword 'seed'"),
        ({"image": None}, "A job takes one of image= and build=, and this one has neither"),
        ({"timeout": 0}, "timeout=0. Remedy"),
        ({"shared": True, "scope": "module"}, "shared=True with scope='module'"),
    ],
)
def test_what_makes_no_sense_for_a_job_is_refused_at_its_definition(keywords: dict[str, Any], words: str) -> None:
    with pytest.raises(DefinitionError, match=rf"test_factories\.py:\d+: .*{words}"):
        pytest_foodtrucks.job(**{"image": "busybox", **keywords})


def test_a_job_in_the_place_of_the_app_is_refused(session: Session) -> None:
    result = session("web_on_net = job(image='busybox')", "def test(web_on_net): pass")
    result.stdout.fnmatch_lines(["*web_on_net is to be an app, and a job has ended before web_client could ask it.*"])


# values as functions


def test_a_value_may_be_a_function_whose_parameters_are_fixtures(session: Session) -> None:
    definitions = """
db = service(image="db")
web = service(image="web", environment=lambda db, tmp_path_factory: {"DB": db.alias, "N": 1})
"""
    test = "def test(web): assert web.definition.spec.environment == {'DB': 'db', 'N': '1'}"
    passes(session(definitions, test))


def test_a_parameter_with_a_default_is_no_fixture(session: Session) -> None:
    definitions = """
for name in ("one", "two"):
    globals()[name] = service(image="busybox", environment=lambda foodtrucks_net, name=name: {"NAME": name})
del name
"""
    test = """
def test(one, two):
    assert (one.definition.spec.environment["NAME"], two.definition.spec.environment["NAME"]) == ("one", "two")
"""
    passes(session(definitions, test))


def test_a_readiness_check_is_no_function_of_fixtures(session: Session) -> None:
    definitions = "def check(target): pass\nvictim = service(image='busybox', ready=check)"
    test = "def test(victim): assert victim.definition.ready.__name__ == 'check'"
    passes(session(definitions, test))


def test_a_function_may_ask_for_pytests_configuration(session: Session) -> None:
    definitions = "victim = service(image=lambda pytestconfig: pytestconfig.rootpath.name)"
    passes(session(definitions, "def test(victim, pytestconfig): assert victim.definition.image"))


def test_relative_paths_begin_at_the_defining_file(session: Session, pytester: pytest.Pytester) -> None:
    (pytester.path / "web").mkdir()
    (pytester.path / "web/Dockerfile").write_text("FROM scratch\n")
    test = """
from pathlib import Path

def test(victim):
    assert victim.definition.build.context == Path(__file__).parent / "web"
    assert victim.definition.folder == Path(__file__).parent
"""
    passes(session("victim = service(build='web')", test))


def test_a_wrong_value_of_a_function_is_an_error_of_the_one_test_that_asks(session: Session) -> None:
    definitions = "wrong = service(image='a', ports=lambda: ['80:http'])\nright = service(image='a')"
    result = session(definitions, "def test_wrong(wrong): pass\ndef test_right(right): pass")
    result.assert_outcomes(passed=1, errors=1)
    assert "ports has '80:http'" in result.stdout.str()


# mistakes that are told where they are written


def defined(name: str, **keywords: Any) -> None:
    """Call a factory."""
    getattr(pytest_foodtrucks, name)(**keywords)


@pytest.mark.parametrize("factory", ["service", "elasticsearch_service"])
def test_an_unknown_keyword_is_told_with_the_nearest_that_there_is(factory: str) -> None:
    with pytest.raises(DefinitionError, match="no keyword 'enviroment'; did you mean 'environment'"):
        defined(factory, image="a", enviroment={})


@pytest.mark.parametrize(
    ("wrong", "right"), [("vesion", "version"), ("scop", "scope"), ("requires_", "requires"), ("heaps", "heap")]
)
def test_the_nearest_may_be_a_keyword_of_the_factorys_own(wrong: str, right: str) -> None:
    with pytest.raises(DefinitionError, match=f"no keyword '{wrong}'; did you mean '{right}'"):
        defined("elasticsearch_service", **{wrong: "x"})


def test_what_only_elasticsearch_has_isnt_suggested_for_a_service() -> None:
    with pytest.raises(DefinitionError, match=r"no keyword 'version'; (?!did you mean 'version')"):
        defined("service", image="a", version="1")


def test_a_session_tells_of_the_mistake_at_collection(session: Session) -> None:
    result = session("victim = service(imag='busybox')", "def test(victim): pass")
    assert "did you mean 'image'" in result.stderr.str() + result.stdout.str()
    assert result.ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize("scope", ["function", "class", "module", "package"])
def test_sharing_what_ends_before_the_session_is_an_error(scope: str) -> None:
    with pytest.raises(DefinitionError, match=f"shared=True with scope='{scope}': .*Remedy: leave one of them out"):
        defined("service", image="a", scope=scope, shared=True)


def test_sharing_for_the_session_and_not_sharing_at_all_are_fine() -> None:
    defined("service", image="a", shared=True)
    defined("service", image="a", shared=False)
    defined("service", image="a", scope="function", shared=False)


def test_requirements_as_a_text_are_an_error_that_shows_the_list() -> None:
    with pytest.raises(DefinitionError, match=r"requires='db' is a text\. Remedy: give a list, such as \['db'\]"):
        defined("service", image="a", requires="db")


# the contract's aliases


@pytest.mark.parametrize(("fixture", "alias"), [("es_on_net", "es"), ("web_on_net", "foodtrucks-web")])
def test_a_service_of_the_contracts_name_has_the_contracts_alias(session: Session, fixture: str, alias: str) -> None:
    kind = {"es_on_net": "elasticsearch_service", "web_on_net": "service"}[fixture]
    definitions = f"{fixture} = {kind}(image='busybox')"
    passes(session(definitions, f"def test({fixture}): assert {fixture}.definition.spec.aliases == ('{alias}',)"))


@pytest.mark.parametrize(
    ("own", "all_of_them"),
    [("['search', 'db']", ("search", "db", "es")), ("['es', 'db']", ("es", "db"))],
)
def test_beside_aliases_of_its_own_it_has_that_one_too(
    session: Session, own: str, all_of_them: tuple[str, ...]
) -> None:
    definitions = f"es_on_net = elasticsearch_service(aliases={own})"
    passes(session(definitions, f"def test(es_on_net): assert es_on_net.definition.spec.aliases == {all_of_them}"))


def test_aliases_as_a_text_arent_taken_for_letters(session: Session) -> None:
    result = session("es_on_net = elasticsearch_service(aliases=lambda: 'search')", "def test(es_on_net): pass")
    result.assert_outcomes(errors=1)
    assert "aliases='search' is a text" in result.stdout.str()


def test_our_own_have_the_contracts_aliases(session: Session) -> None:
    test = """
def test(es_on_net, web_on_net):
    assert (es_on_net.alias, web_on_net.alias) == ("es", "foodtrucks-web")
    assert web_on_net.definition.spec.environment["ES_HOST"] == "es"
    assert web_on_net.definition.spec.ports == (5000,)
"""
    passes(session("", test))


# workers


@pytest.mark.parametrize(
    ("arguments", "alias"),
    [
        ("", "victim"),
        (", shared=True", "victim"),
        (", shared=False", "victim-gw0"),
        (", scope='function'", "victim-gw0"),
        (", scope='function', aliases=['mine']", "mine"),
    ],
)
def test_what_isnt_shared_has_the_workers_id_behind_its_default_alias(
    session: Session, arguments: str, alias: str
) -> None:
    definitions = f"{WORKER}\nvictim = service(image='busybox'{arguments})"
    passes(session(definitions, f"def test(victim): assert victim.alias == '{alias}'"))


def test_on_a_network_that_no_other_worker_has_it_keeps_its_name(session: Session) -> None:
    definitions = f"""{WORKER}
@pytest.fixture(scope="module")
def own_net():
    return DefiningNetwork(shared=False)

victim = service(image="busybox", scope="module", network="own_net")
es_on_net = elasticsearch_service(scope="module", network="own_net")
"""
    test = "def test(victim, es_on_net): assert (victim.alias, es_on_net.alias) == ('victim', 'es')"
    passes(session(definitions, test))


def test_without_workers_the_alias_is_the_name_alone(session: Session) -> None:
    definitions = "victim = service(image='busybox', shared=False)"
    passes(session(definitions, "def test(victim): assert victim.alias == 'victim'"))


def test_on_a_worker_our_own_shared_services_keep_their_aliases(session: Session) -> None:
    passes(session(WORKER, "def test(es_on_net): assert es_on_net.alias == 'es'"))


# the seed


SEED = """
@pytest.fixture(scope="session")
def fill():
    def seed(search):
        search.seeded += 1
        {then}
    return seed

search = elasticsearch_service(seed="fill")
"""


def test_the_seed_is_called_once_before_anyone_gets_the_service(session: Session) -> None:
    test = """
def test_first(search): assert search.seeded == 1
def test_second(search): assert search.seeded == 1
"""
    passes(session(SEED.format(then=""), test), 2)


def test_a_seed_that_is_no_function_is_told_before_anything_starts(session: Session) -> None:
    definitions = """
@pytest.fixture(scope="session")
def fill(): pass

search = elasticsearch_service(seed="fill")
"""
    result = session(
        definitions, "def test(search): pass\ndef test_none(foodtrucks_net): assert foodtrucks_net.up == []"
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["conftest.py:12: The fixture fill gave None, and it is to give a function *Remedy: return one*"]
    )


FILLING = """
import pathlib
HERE = pathlib.Path(__file__).parent
HERE.joinpath("b.ndjson").touch()
HERE.joinpath("seeds").mkdir()
HERE.joinpath("seeds/a.ndjson").touch()

class Noting(DefiningNetwork):
    def running(self, *args, seed, **more):
        noted = lambda search: vars(search).update(seeded=[file.path.name for file in seed.files])
        return super().running(*args, seed=noted, **more)

@pytest.fixture(scope="session")
def foodtrucks_net(): return Noting()
"""
"""A network that notes which files it would send to a service."""


@pytest.mark.parametrize("seed", ["'./seeds'", "pathlib.Path('seeds')", "HERE / 'seeds'", "iter(['seeds/a.ndjson'])"])
def test_a_seed_may_be_files_beside_the_definition(session: Session, seed: str) -> None:
    definitions = f"{FILLING}\nsearch = elasticsearch_service(seed={seed})"
    passes(session(definitions, "def test(search): assert search.seeded == ['a.ndjson']"))


@pytest.mark.parametrize("paths", ["'seeds'", "pathlib.Path('seeds')", "[HERE / 'seeds']", "seed_files('seeds')"])
def test_a_seeds_fixture_may_give_files_beside_it(session: Session, paths: str) -> None:
    definitions = f"""{FILLING}
from pytest_foodtrucks import seed_files
@pytest.fixture(scope="session")
def es_seed(): return {paths}
"""
    passes(session(definitions, "def test(es_on_net): assert es_on_net.seeded == ['a.ndjson']"))


def test_files_take_the_place_of_the_seeds_fixture(session: Session) -> None:
    definitions = f"{FILLING}\nes_on_net = elasticsearch_service(seed=['b.ndjson', './seeds'])"
    passes(session(definitions, "def test(es_on_net): assert es_on_net.seeded == ['b.ndjson', 'a.ndjson']"))


def test_files_that_a_seeds_fixture_gives_and_that_arent_there_are_told_before_anything_starts(
    session: Session,
) -> None:
    definitions = """
import pathlib
@pytest.fixture(scope="session")
def es_seed(): return ["none.ndjson"]
"""
    test = "def test(es_on_net): pass\ndef test_none(foodtrucks_net): assert foodtrucks_net.up == []"
    result = session(definitions, test)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["conftest.py:13: seed has 'none.ndjson', and there is no none.ndjson. Remedy: *"])


def test_a_seed_of_the_ready_made_elasticsearch_is_told_where_the_seeds_fixture_is(session: Session) -> None:
    definitions = """
@pytest.fixture(scope="session")
def es_seed(): return None
"""
    result = session(definitions, "def test(es_on_net): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["conftest.py:12: The fixture es_seed gave None, and it is to give a function *"])
    assert "plugin.py" not in result.stdout.str()


REFUSAL = """
import contextlib
from pytest_foodtrucks import errors

class Refusing(DefiningNetwork):
    @contextlib.contextmanager
    def running(self, definition, *args, **more):
        raise {error}
        yield

@pytest.fixture(scope="session")
def foodtrucks_net(): return Refusing()

victim = service(image='busybox')
"""


@pytest.mark.parametrize("error", ["ImageError('no such')", "StartError('no such')", "EngineError('no such')"])
def test_an_error_of_a_start_has_the_line_of_the_factorys_call(session: Session, error: str) -> None:
    result = session(REFUSAL.format(error=f"errors.{error}"), "def test(victim): pass")
    result.stdout.fnmatch_lines(["conftest.py:24: no such"])


def test_a_network_that_cant_be_created_is_told_with_the_line_of_the_factorys_call(session: Session) -> None:
    definitions = """
@pytest.fixture(scope="session")
def foodtrucks_engine(pytestconfig):
    from fakes.session import put_stack
    from pytest_foodtrucks.errors import EngineError
    engine = put_stack(pytestconfig)
    engine.network_errors = [EngineError("no such driver")]
    return engine

net = network(driver="macvlann")
"""
    result = session(definitions, "def test(net): pass")
    result.stdout.fnmatch_lines(["conftest.py:20: no such driver"])


def test_an_engine_that_gives_no_answer_is_no_matter_of_a_definition(session: Session) -> None:
    result = session(REFUSAL.format(error="errors.NoAnswer('away')"), "def test(victim): pass")
    result.stdout.fnmatch_lines(["away"])


def test_a_seed_that_fails_hands_out_nothing_and_the_service_goes(session: Session) -> None:
    result = session(
        SEED.format(then="raise ValueError('no trucks')"),
        """
def test_first(search): raise SystemExit("handed out")
def test_second(search): raise SystemExit("handed out")
def test_third(foodtrucks_net): assert foodtrucks_net.up == []
""",
    )
    result.assert_outcomes(passed=1, errors=2)
    assert "no trucks" in result.stdout.str()


# as pytest sees them


def test_a_fixture_of_a_factory_is_listed_with_its_meaning(session: Session) -> None:
    definitions = "victim = service(image='busybox')\nsearch = elasticsearch_service()\nmine = network()"
    text = session(definitions, "", "--fixtures").stdout.str()
    assert "A running Service." in text
    assert "A running ElasticsearchService." in text
    assert "A throwaway network." in text


def test_a_file_in_a_subfolder_is_the_defining_one(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(NETWORK)
    folder = pytester.path / "sub"
    folder.mkdir()
    (folder / "conftest.py").write_text("from pytest_foodtrucks import service\nvictim = service(image='busybox')")
    (folder / "test_it.py").write_text(
        "from pathlib import Path\ndef test(victim): assert victim.definition.folder == Path(__file__).parent"
    )
    passes(pytester.runpytest_inprocess())


# what is told when the fixture begins


def test_a_wrong_value_of_a_function_is_told_with_the_line_of_its_definition(session: Session) -> None:
    result = session("\nwrong = service(image=lambda: 5)", "def test(wrong): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["conftest.py:12: image=5 is no text. Remedy: give a text."])


def test_a_coroutine_as_a_value_is_refused_and_python_tells_nothing_of_it(session: Session) -> None:
    definitions = "async def name(): return 'a'\nwrong = service(image=lambda: name())"
    result = session(definitions, "def test(wrong): pass", "-Werror")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["conftest.py:12: image=<coroutine object name at *> is no text. Remedy: give a text."])


def test_a_fixture_that_gives_no_network_is_told(session: Session) -> None:
    result = session("wrong = service(image='a', network='tmp_path', scope='function')", "def test(wrong): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["conftest.py:11: The fixture tmp_path gave *Path(*), and it is to give a network. *"])


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("es_on_net = service(image='a')", "conftest.py:11: es_on_net is to be an Elasticsearch: *"),
        ("web_on_net = elasticsearch_service()", "conftest.py:11: web_on_net is to be an app: *"),
    ],
)
def test_a_service_of_another_kind_that_a_test_asks_for_while_it_runs_is_told(
    session: Session, definition: str, message: str
) -> None:
    name = definition.partition(" ")[0]
    result = session(definition, f"def test(request): request.getfixturevalue('{name}')")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{message}"])


@pytest.mark.parametrize(
    "seed",
    [
        "async def sow(es): pass",
        "def sow(es): yield",
        "async def sow(es): yield",
        "import functools\nasync def late(es, n): pass\nsow = functools.partial(late, n=1)",
        "class Sower:\n    async def __call__(self, es): pass\nsow = Sower()",
        "class Sower:\n    async def fill(self, es): pass\nsow = Sower().fill",
        "def sow(): pass",
    ],
)
def test_a_seed_that_would_only_begin_is_refused_before_anything_starts(session: Session, seed: str) -> None:
    definitions = (
        f"{seed}\n@pytest.fixture(scope='session')\ndef fill(): return sow\ndb = elasticsearch_service(seed='fill')"
    )
    result = session(definitions, "def test(db): pass\ndef test_none(foodtrucks_net): assert foodtrucks_net.up == []")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["conftest.py:*: The fixture fill gave *Remedy: return *"])
