"""pytest's hooks and the ready-made fixtures: wiring, no logic.

pytest imports this in every session, also in those that use nothing of ours. So what only a session with a fixture of
ours needs is imported by the fixture or the hook that needs it.
"""

import os
import sys
import traceback
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

import pytest

from .clock import wall
from .fixtures.stash import (
    BORROWS,
    GIVEN,
    STACK,
    STACK_NAME,
    fulltrace,
    ini_value,
    settings_of,
    uses_ours,
    uses_watched,
    worker_id,
)
from .options import OPTIONS, given

if TYPE_CHECKING:
    import httpx2
    from elasticsearch import Elasticsearch

    from .containers.progress import Progress
    from .engine.engine import Engine
    from .fixtures.own_stack import OwnStack
    from .probes.probe import Probe
    from .services.elasticsearch.es import ElasticsearchService
    from .services.elasticsearch.es_pristine import PristineElasticsearch
    from .services.network import Network
    from .services.port_forward import PortForward
    from .services.service import Service
    from .sessions.session import Session

_PROGRESS: "Final[pytest.StashKey[Progress]]" = pytest.StashKey()
_SESSION: "Final[pytest.StashKey[Session]]" = pytest.StashKey()
_MISTAKEN: Final = pytest.StashKey[bool]()
_BEGAN: Final = pytest.StashKey[float]()


# fixtures


@pytest.fixture(scope="session")
def foodtrucks_engine(pytestconfig: pytest.Config) -> "Engine":
    """The container engine that answers."""
    from .stacks.kept_choice import project_of
    from .stacks.opening import opened_stack

    stack = pytestconfig.stash[STACK] = opened_stack(
        settings_of(pytestconfig),
        _our_session(pytestconfig),
        project=project_of(pytestconfig.rootpath, pytestconfig.stash.get(STACK_NAME, None)),
        worker=worker_id(pytestconfig),
        progress=_progress(pytestconfig),
        fresh=pytestconfig.option.foodtrucks_fresh,
        borrows=pytestconfig.stash.get(BORROWS, os.environ.get("FOODTRUCKS_STACK", "")),
    )
    stack.keeps_failed = bool(pytestconfig.getoption("usepdb", default=False))
    return stack.engine


@pytest.fixture(scope="session")
def es_seed() -> "Callable[[ElasticsearchService], object]":
    """What fills Elasticsearch before anyone gets it, a function or paths; override it in the root conftest."""
    return lambda _: None


@pytest.fixture(scope="session")
def foodtrucks_net(foodtrucks_engine: object, request: pytest.FixtureRequest) -> "Generator[Network, None, None]":
    """A throwaway network."""
    from .fixtures.bodies import ready_made_network

    del foodtrucks_engine  # asked for so that the engine is there
    with ready_made_network(foodtrucks_net, request) as network:
        yield network


@pytest.fixture(scope="session")
def es_on_net(
    foodtrucks_net: object, es_seed: object, request: pytest.FixtureRequest
) -> "Generator[ElasticsearchService, None, None]":
    """A running ElasticsearchService."""
    from .fixtures.bodies import ready_made_service

    with ready_made_service(es_on_net, request, foodtrucks_net=foodtrucks_net, es_seed=es_seed) as service:
        yield service


@pytest.fixture(scope="session")
def web_on_net(
    foodtrucks_net: object, es_on_net: object, pytestconfig: object, request: pytest.FixtureRequest
) -> "Generator[Service, None, None]":
    """A running Service."""
    from .fixtures.bodies import ready_made_service

    fixtures = {"foodtrucks_net": foodtrucks_net, "es_on_net": es_on_net, "pytestconfig": pytestconfig}
    with ready_made_service(web_on_net, request, **fixtures) as service:
        yield service


@pytest.fixture(scope="session")
def es_client(es_on_net: "ElasticsearchService") -> "Elasticsearch":
    """A client of `es_on_net`."""
    return es_on_net.client


@pytest.fixture(scope="session")
def web_client(web_on_net: "Service") -> "httpx2.Client":
    """A client with the URL of `web_on_net` as its base."""
    client: httpx2.Client = web_on_net.client
    return client


@pytest.fixture
def es_index(es_on_net: "ElasticsearchService", request: pytest.FixtureRequest) -> Generator[str, None, None]:
    """An index name of the test's own; what lives under it is gone after the test.

    The marker `es_index(mappings=…, settings=…, kind=…)` says what is to be there before; without it nothing is.
    """
    from .fixtures.own_index import index_of_marker
    from .services.elasticsearch.es_index import private_index

    with private_index(es_on_net, index_of_marker(request.node)) as name:
        yield name


@pytest.fixture
def es_pristine(
    es_on_net: "ElasticsearchService", request: pytest.FixtureRequest
) -> "Generator[PristineElasticsearch, None, None]":
    """An Elasticsearch whose seeded data the test may change: it is put back afterwards."""
    from .fixtures.pristine import pristine

    with pristine(request, es_on_net) as service:
        yield service


@pytest.fixture(scope="module")
def own_stack(foodtrucks_engine: object, request: pytest.FixtureRequest) -> "Generator[OwnStack, None, None]":
    """A network, an Elasticsearch and an app of the test module's own, each started when it is first asked for."""
    from .fixtures.own_stack import own_stack_of

    del foodtrucks_engine  # asked for so that the engine is there
    with own_stack_of(request) as stack:
        yield stack


@pytest.fixture(scope="session")
def reach_me(foodtrucks_net: "Network") -> "Callable[..., AbstractContextManager[PortForward]]":
    """`foodtrucks_net.reach_me`: containers on that network reach a server of the test."""
    return foodtrucks_net.reach_me


@pytest.fixture(scope="session")
def net_probe(foodtrucks_net: "Network") -> "Generator[Probe, None, None]":
    """A probe on `foodtrucks_net`."""
    with foodtrucks_net.probe() as probe:
        yield probe


@pytest.fixture(scope="session")
def bridge_probe(foodtrucks_engine: object, pytestconfig: pytest.Config) -> "Generator[Probe, None, None]":
    """A probe on the engine's default bridge, where strangers are."""
    from .probes.beacons import probe_on_default_bridge

    del foodtrucks_engine  # asked for so that the engine is there
    with probe_on_default_bridge(pytestconfig.stash[STACK]) as probe:
        yield probe


# hooks


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register each option on the command line and for the configuration file."""
    group = parser.getgroup("foodtrucks", "container network (pytest-foodtrucks)")
    for option in OPTIONS:
        name = f"foodtrucks_{option.field}"
        text = option.shown_help
        if option.switch:
            group.addoption(option.flag, dest=name, default=None, action="store_const", const="on", help=text)
            group.addoption(option.off_flag, dest=name, action="store_const", const="off", help=option.off_help)
        else:
            group.addoption(option.flag, dest=name, default=None, metavar=option.metavar, help=text)
        parser.addini(option.ini, text, default=None)
    group.addoption(
        "--foodtrucks-fresh",
        action="store_true",
        help="make anew what the last session kept (with --foodtrucks-reuse; only here, on the command line)",
    )


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Show a factory's mistake in the root conftest by its message alone."""
    try:
        return (yield)
    except Exception as error:
        options, message = early_config.known_args_namespace, _import_message(error)
        if message is None or fulltrace(options) or options.help or options.version:
            raise
        raise pytest.UsageError(message) from error


def pytest_configure(config: pytest.Config) -> None:
    """Note what was set; a wrong value ends the session before any container starts."""
    config.addinivalue_line("markers", "foodtrucks: uses a fixture of pytest-foodtrucks (set by the plugin)")
    config.addinivalue_line(
        "markers",
        "es_index(mappings=None, settings=None, kind='index'): what the fixture es_index is to make under its name; "
        "'data_stream' and 'alias' are the other kinds",
    )
    config.stash[GIVEN] = given(
        lambda field: config.getoption(f"foodtrucks_{field}"), os.environ, lambda name: ini_value(config, name)
    )
    if config.stash[GIVEN]:
        _check_settings(config)


def _check_settings(config: pytest.Config) -> None:
    from .errors import SettingsError

    try:
        settings_of(config)
    except SettingsError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests that use a fixture of ours."""
    if uses_ours(item):
        item.add_marker("foodtrucks")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Show a factory's mistake in a test module, or in a conftest of a subfolder, by its message alone."""
    report = yield
    call = getattr(report, "call", None)
    if call is None or call.excinfo is None:
        return report
    message = _import_message(call.excinfo.value)
    if message is not None:
        collector.config.stash[_MISTAKEN] = True
        if not fulltrace(collector.config.option):
            report.longrepr = message  # a text: xdist shows equal texts of all workers once
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Report the factories' mistakes that concern a selected test, as errors of the collection: nothing runs then.

    Without workers pytest itself stops after such errors; to xdist's controller a worker offers no tests.
    """
    config = session.config
    if any(uses_ours(item) or uses_watched(item) for item in session.items):
        from .fixtures.examination import report_mistakes

        if report_mistakes(session, lambda: _progress(config)):
            config.stash[_MISTAKEN] = True
    if _MISTAKEN in config.stash and worker_id(config) is not None and not config.option.continue_on_collection_errors:
        session.items.clear()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note when the test began. pytest notes it by a clock that tests may freeze."""
    item.stash[_BEGAN] = wall()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the services logged since the test began, and an error of ours without our frames."""
    report = yield
    if report.failed or (call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception)):
        _amend(report, call, item)
    return report


def _amend(report: pytest.TestReport, call: "pytest.CallInfo[None]", item: pytest.Item) -> None:
    """Add to a report what is known of the services; what goes wrong with that is a line in it.

    The test may have replaced anything that Python has, and a time-out of its may strike here.
    """
    if not _errors_loaded():
        return
    try:
        from .fixtures.report import amend_report

        amend_report(report, call, item.config, began=item.stash.get(_BEGAN, wall()), item=item)
    except pytest.exit.Exception:
        raise
    except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - the test's own failure must be told
        words = " ".join("".join(traceback.format_exception_only(error)).split())
        report.sections.append(("foodtrucks", f"(what the services logged can't be shown: {words})"))


def _import_message(error: Exception) -> str | None:
    """Return what to tell of an import that an error of ours ended; None for other errors."""
    if not _errors_loaded():
        return None
    from .fixtures.report import import_message

    return import_message(error)


def _errors_loaded() -> bool:
    """Tell whether there can be an error of ours: none of them is loaded in a session that uses nothing of ours."""
    return f"{__package__}.errors" in sys.modules


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give an xdist worker the session that it shares; called in the controller, which owns it."""
    from .stacks.opening import input_for_worker

    node.workerinput.update(input_for_worker(lambda: _our_session(node.config)))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what the fixtures could not, and what the workers shared."""
    stack, ours = config.stash.get(STACK, None), config.stash.get(_SESSION, None)
    if stack is not None or ours is not None:
        from .stacks.opening import end_session

        folder = None if config.rootpath == config.invocation_params.dir else config.rootpath
        name = config.stash.get(STACK_NAME, None)
        end_session(stack, ours, settings_of(config), lambda: _progress(config), folder=folder, name=name)


def _our_session(config: pytest.Config) -> "Session":
    """Return the session that this process owns, or as an xdist worker shares."""
    from .stacks.opening import session_of

    if _SESSION not in config.stash:
        config.stash[_SESSION] = session_of(getattr(config, "workerinput", {}), settings_of(config))
    return config.stash[_SESSION]


def _progress(config: pytest.Config) -> "Progress":
    """Return what shows long work on standard error, past pytest's capture."""
    from .containers.progress import Progress, standard_error

    if _PROGRESS not in config.stash:
        capture = config.pluginmanager.getplugin("capturemanager")
        with nullcontext() if capture is None else capture.global_and_fixture_disabled():
            stream = standard_error()
        if stream is not None:
            config.add_cleanup(stream.close)
        config.stash[_PROGRESS] = Progress(stream, bars=worker_id(config) is None)
    return config.stash[_PROGRESS]


def __dir__() -> list[str]:
    """Name what pytest looks for here in each session, twice: looking at each import too takes it longer."""
    return [name for name, thing in globals().items() if name.startswith("pytest_") or type(thing) is type(es_seed)]
