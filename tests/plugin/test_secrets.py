"""What must stay secret: values of environments and build arguments, also where pytest shows local variables."""

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_foodtrucks.containers.archives import Packed
from pytest_foodtrucks.containers.building import Build
from pytest_foodtrucks.containers.compose import ContainerSpec
from pytest_foodtrucks.containers.mounted_files import checked_secrets
from pytest_foodtrucks.fixtures.factories import service
from pytest_foodtrucks.services.definitions import define
from pytest_foodtrucks.settings import read_settings

pytestmark = pytest.mark.usefixtures("factories_anywhere")

CONFTEST = """
import pytest
from fakes.session import put_stack
from pytest_foodtrucks import elasticsearch_service, service

def bad(target): raise RuntimeError("a check that fails")

@pytest.fixture(scope="session")
def foodtrucks_engine(pytestconfig):
    engine = put_stack(pytestconfig)
    engine.image_id = lambda image: image
    return engine

@pytest.fixture(scope="session")
def bad_seed():
    def seed(es): raise RuntimeError("a seed that fails")
    return seed

PASSWORD = dict.fromkeys(["PASSWORD"], "hunter" + "2")
FILES = {"secrets": PASSWORD, "configs": {"app.conf": {"content": PASSWORD["PASSWORD"]}}}
checked = service(image="busybox", environment=PASSWORD, ready=bad, **FILES)
wrong = service(image="busybox", environment=PASSWORD, ports=lambda foodtrucks_net: 1 / 0, **FILES)
from_file = service(image="busybox", env_file="app.env", ready=bad)
from_wrong_file = service(image="busybox", env_file="wrong.env")
logged = service(image="busybox", logging={"driver": "splunk", "options": PASSWORD}, ready=bad)
seeded = elasticsearch_service(environment=PASSWORD, seed="bad_seed", ready=lambda target: None)
"""

TESTS = """
import conftest
from pytest_foodtrucks import EngineError

def test_checked(checked): pass
def test_wrong(wrong): pass
def test_seeded(seeded): pass
def test_from_file(from_file): pass
def test_from_wrong_file(from_wrong_file): pass
def test_logged(logged): pass
def test_within(foodtrucks_net):
    with foodtrucks_net.service(image="busybox", environment=conftest.PASSWORD, aliases=["a"], ready=conftest.bad):
        pass
def test_refused(foodtrucks_net):
    with foodtrucks_net.service(image="busybox", environment=conftest.PASSWORD, aliases=["a"], mem_limit="much"):
        pass
def test_undefined(foodtrucks_net):
    with foodtrucks_net.service(image="busybox", environment=conftest.PASSWORD, aliases=["a"], ports=["http"]):
        pass
def test_misnamed(foodtrucks_net):
    with foodtrucks_net.service(image="busybox", secrets={"a": [conftest.PASSWORD]}, aliases=["a"]):
        pass
def test_refused_by_the_engine(foodtrucks_net, foodtrucks_engine):
    foodtrucks_engine.put_error = EngineError("full", status=500, reason="the disk is full")
    with foodtrucks_net.service(image="busybox", aliases=["a"], **conftest.FILES):
        pass
"""


@pytest.mark.parametrize("arguments", [[], ["-l"], ["-l", "--tb=long"], ["-l", "--tb=native"]])
def test_no_report_shows_a_value_of_an_environment(pytester: pytest.Pytester, arguments: list[str]) -> None:
    pytester.makepyfile(conftest=CONFTEST, test_it=TESTS)
    pytester.path.joinpath("app.env").write_text("PASSWORD=hunter2")
    pytester.path.joinpath("wrong.env").write_text("OTHER=hunter2\nPASSWORD='hunter2")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)
    result.assert_outcomes(errors=6, failed=5)
    text = result.stdout.str()
    words_of_all = ("a check that fails", "a seed that fails", "division by zero", "much", "line 2 has a quote")
    for words in (*words_of_all, "the disk is full"):
        assert words in text
    assert "hunter2" not in text


SECRET = {"PASSWORD": "hunter2"}


@pytest.mark.parametrize(
    "made",
    [
        lambda: Build(Path("/app"), args=(("PASSWORD", "hunter2"),)),
        lambda: define({"image": "busybox", "environment": SECRET}, alias="es", folder=Path("/project")),
        lambda: ContainerSpec(environment=SECRET),
        lambda: define({"image": "busybox", "secrets": SECRET, "configs": SECRET}, alias="es", folder=Path("/project")),
        lambda: checked_secrets(SECRET),
        lambda: Packed("a", b"hunter2", mode=0o400),
        lambda: ContainerSpec(logging={"Type": "splunk", "Config": SECRET}),
        lambda: inspect.unwrap(service(image="busybox", environment=SECRET)).recipe,
        lambda: read_settings({"engine": "tcp://hunter2@h:1"}.get, {}, lambda _: None),
    ],
)
def test_nothing_of_ours_shows_a_secret_as_one_of_its_fields(made: Callable[[], object]) -> None:
    assert "hunter2" not in repr(made())
