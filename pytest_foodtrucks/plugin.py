"""pytest's hooks and the ready-made fixtures: wiring, no logic."""

import os
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from . import ready
from .containers.progress import Progress, standard_error
from .errors import EngineError, SettingsError, StateError
from .fixtures.factories import (
    SETTINGS,
    STACK,
    elasticsearch_service,
    fixture_definitions,
    fixture_functions,
    network,
    service,
    worker_id,
)
from .fixtures.mistakes import told_by_file
from .fixtures.overrides import InUse
from .fixtures.report import import_message, left_behind, log_sections, message_alone, own_frames, stays
from .probes.beacons import probe_on_default_bridge
from .services import es, web
from .sessions.session import Session
from .sessions.state_folder import state_folder
from .settings import OPTIONS, read_settings
from .stacks.kept_choice import chosen_kept_stack, engine_words
from .stacks.opening import begin_on_engine, end_of_controller, leave_kept
from .stacks.stack import Stack
from .stacks.watching import Watching

if TYPE_CHECKING:
    import httpx2
    from elasticsearch import Elasticsearch

    from .engine.engine import Engine
    from .probes.probe import Probe
    from .services.es import ElasticsearchService
    from .services.network import Network
    from .services.service import Service

_PROGRESS: Final = pytest.StashKey[Progress]()
_IN_USE: Final = pytest.StashKey[InUse]()
_MISTAKEN: Final = pytest.StashKey[bool]()
_BEGAN: Final = pytest.StashKey[float]()
_SESSION: Final = pytest.StashKey[Session]()
_SESSION_FOLDER: Final = "foodtrucks_session"
_SESSION_OWNER: Final = "foodtrucks_session_owner"
_SESSION_ERROR: Final = "foodtrucks_session_error"


# fixtures


@pytest.fixture(scope="session")
def foodtrucks_engine(pytestconfig: pytest.Config) -> "Engine":
    """The container engine that answers."""
    from .engine.discovery import find_engine  # noqa: PLC0415 - imports docker, which only sessions with an engine pay for

    settings = pytestconfig.stash[SETTINGS]
    ours, progress = _our_session(pytestconfig), pytestconfig.stash[_PROGRESS]
    watching = Watching(ours, progress.say)
    project = _project(pytestconfig) if settings.reuse else None
    engine = find_engine(settings.engine, host=settings.host, only=ours.endpoint())
    ours.go_to_engine(lambda: begin_on_engine(engine, ours, watching, project=project, say=progress.say))
    used = ours.endpoint()
    if used not in {None, engine.endpoint}:  # another worker was first, and found another one
        engine.close()
        engine = find_engine(host=settings.host, only=used)
    pytestconfig.stash[STACK] = Stack(
        engine, settings, progress=progress, session=ours, worker=worker_id(pytestconfig), watching=watching
    )
    return engine


foodtrucks_net = network()


@pytest.fixture(scope="session")
def es_seed() -> "Callable[[ElasticsearchService], object]":
    """What fills Elasticsearch before anyone gets it; override it in the root conftest."""
    return lambda _: None


es_on_net = elasticsearch_service(seed="es_seed")

web_on_net = service(
    image=lambda pytestconfig: pytestconfig.stash[SETTINGS].web_image,
    build=lambda pytestconfig: web.build(pytestconfig.stash[SETTINGS]),
    environment={"ES_HOST": "es"},
    ports=[web.PORT],
    requires=["es_on_net"],
    ready=ready.http("/healthz"),
)


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
def es_index(es_on_net: "ElasticsearchService") -> Iterator[str]:
    """An index name of the test's own; what lives under it is gone after the test."""
    with es.private_index(es_on_net) as name:
        yield name


@pytest.fixture(scope="session")
def net_probe(foodtrucks_net: "Network") -> "Iterator[Probe]":
    """A probe on `foodtrucks_net`."""
    with foodtrucks_net.probe() as probe:
        yield probe


@pytest.fixture(scope="session")
def bridge_probe(foodtrucks_engine: object, pytestconfig: pytest.Config) -> "Iterator[Probe]":
    """A probe on the engine's default bridge, where strangers are."""
    del foodtrucks_engine  # asked for so that the engine is there
    with probe_on_default_bridge(pytestconfig.stash[STACK]) as probe:
        yield probe


# hooks


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register each option on the command line and for the configuration file."""
    group = parser.getgroup("foodtrucks", "container network (pytest-foodtrucks)")
    for option in OPTIONS:
        name = f"foodtrucks_{option.field}"
        text = option.help if option.default is None or option.switch else f"{option.help} (default: {option.default})"
        if option.switch:
            group.addoption(option.flag, dest=name, default=None, action="store_const", const="on", help=text)
            group.addoption(option.off_flag, dest=name, action="store_const", const="off", help="don't")
        else:
            group.addoption(option.flag, dest=name, default=None, metavar="VALUE", help=text)
        parser.addini(option.ini, text, default=None)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Tell a factory's mistake in the root conftest by its message alone."""
    try:
        return (yield)
    except Exception as error:
        options, told = early_config.known_args_namespace, import_message(error)
        if told is None or options.fulltrace or options.help or options.version:
            raise
        raise pytest.UsageError(told) from error


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings, so that a wrong one ends the session before any container starts."""
    config.addinivalue_line("markers", "foodtrucks: uses a fixture of pytest-foodtrucks (set by the plugin)")
    try:
        config.stash[SETTINGS] = read_settings(
            lambda field: config.getoption(f"foodtrucks_{field}"), os.environ, lambda name: _ini(config, name)
        )
    except SettingsError as error:
        raise pytest.UsageError(str(error)) from error
    stream = standard_error()
    if stream is not None:
        config.add_cleanup(stream.close)
    config.stash[_PROGRESS] = Progress(stream, bars=worker_id(config) is None)
    config.stash[_IN_USE] = InUse()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests that use a fixture of ours."""
    if any(_is_ours(function) for function in fixture_functions(item).values()):
        item.add_marker("foodtrucks")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Tell a factory's mistake in a test module, or in a conftest of a subfolder, by its message alone."""
    report = yield
    call = getattr(report, "call", None)
    told = None if call is None or call.excinfo is None else import_message(call.excinfo.value)
    if told is not None:
        collector.config.stash[_MISTAKEN] = True
        if not collector.config.option.fulltrace:
            report.longrepr = told  # a text: xdist tells equal texts of all workers once
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Tell the factories' mistakes that concern a selected test, as errors of the collection: nothing runs then.

    Without workers pytest itself stops after such errors; to xdist's controller a worker offers no tests.
    """
    config = session.config
    for nodeid, told in told_by_file(session.items, worker_id(config), config.rootpath):
        session.ihook.pytest_collectreport(report=pytest.CollectReport(nodeid, "failed", told, []))
        config.stash[_MISTAKEN] = True
    if _MISTAKEN in config.stash and worker_id(config) is not None and not config.option.continue_on_collection_errors:
        session.items.clear()


def pytest_fixture_setup(fixturedef: "pytest.FixtureDef[Any]", request: pytest.FixtureRequest) -> None:
    """Note which definition of a watched fixture is in use."""
    request.config.stash[_IN_USE].set_up(fixturedef.argname, fixturedef.func)


def pytest_fixture_post_finalizer(fixturedef: "pytest.FixtureDef[Any]", request: pytest.FixtureRequest) -> None:
    """Note that a definition is in use no more."""
    request.config.stash[_IN_USE].finished(fixturedef.argname, fixturedef.func)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note when the test began; refuse it where it would silently get another test's definition."""
    item.stash[_BEGAN] = time.time()
    conflict = item.config.stash[_IN_USE].conflict(fixture_definitions(item))
    if conflict is not None:
        pytest.fail(conflict, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the services logged since the test began.

    An error of ours outside the test's own body is its message alone: the frames above it are none of the reader's.
    """
    report = yield
    if call.excinfo is not None and not item.config.option.fulltrace:
        ours = own_frames(call.excinfo, item.config) if call.when == "call" else message_alone(call.excinfo)
        report.longrepr = ours if ours is not None else report.longrepr
    stack = item.config.stash.get(STACK, None)
    if report.failed and stack is not None and _BEGAN in item.stash:
        error = None if call.excinfo is None else call.excinfo.value
        report.sections.extend(log_sections(stack, item.stash[_BEGAN], error))
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker whose stack it shares; called in the controller, which owns it."""
    try:
        ours = _our_session(node.config)
    except StateError as error:
        node.workerinput[_SESSION_ERROR] = error.message
    else:
        node.workerinput.update({_SESSION_FOLDER: str(ours.folder), _SESSION_OWNER: ours.owner.text()})


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what the fixtures could not, and what the workers shared.

    What can't be removed now is left to the watchdog, which wakes when this process ends.
    """
    stack, ours = config.stash.get(STACK, None), config.stash.get(_SESSION, None)
    owned = ours if ours is not None and ours.ends_here else None
    used = None
    with suppress(StateError):  # its own process's end leaves the kept stack too
        used = chosen_kept_stack(owned) if owned is not None else None
    with _telling():
        if stack is not None:
            stack.close()
        elif owned is not None:
            end_of_controller(owned)
    with _telling():
        if used is not None and leave_kept(used):
            config.stash[_PROGRESS].say(stays(config.stash[SETTINGS]))


@contextmanager
def _telling() -> Iterator[None]:
    """Tell of what can't be removed at the end, in two lines: no warning, for pytest has shown those by now."""
    try:
        yield
    except (EngineError, StateError) as error:
        sys.stderr.write(f"foodtrucks: Containers may be left behind: {error}\nfoodtrucks: {left_behind(error)}\n")


def _our_session(config: pytest.Config) -> Session:
    """Return our own session: this process's, or in an xdist worker the controller's."""
    if _SESSION not in config.stash:
        workerinput = getattr(config, "workerinput", {})
        if _SESSION_ERROR in workerinput:
            raise StateError(workerinput[_SESSION_ERROR])
        folder = workerinput.get(_SESSION_FOLDER)
        config.stash[_SESSION] = (
            Session.begin(state_folder(config.stash[SETTINGS].state_dir, os.environ))
            if folder is None
            else Session.of_controller(Path(folder), workerinput[_SESSION_OWNER])
        )
    return config.stash[_SESSION]


def _project(config: pytest.Config) -> str:
    """Return what a kept stack belongs to."""
    return f"{config.rootpath} {engine_words(config.stash[SETTINGS].engine, os.environ)}".strip()


def _ini(config: pytest.Config, name: str) -> object:
    """Return an ini value as it was written; None where there is none.

    In [tool.pytest] pytest refuses a number for an option that is a text (since 9.0); then the file's own value counts.
    """
    try:
        return config.getini(name)
    except (TypeError, pytest.UsageError):
        return getattr(config, "_inicfg")[name].value  # noqa: B009 - private: there is no public way to the raw value


def _is_ours(function: Callable[..., Any]) -> bool:
    return hasattr(function, "recipe") or function.__module__.partition(".")[0] == "pytest_foodtrucks"
