"""The stack that the command asks for: what a folder's own options and conftests say of it, on an engine in memory."""

import sys
from pathlib import Path

import pytest

ENGINE = """
import pytest
from fakes.session import put_stack
from pytest_foodtrucks import elasticsearch_service, network, service
from pytest_foodtrucks.services import service_part

service_part.contents = lambda _: set()  # there is nobody to ask

@pytest.fixture(scope="session")
def foodtrucks_engine(pytestconfig):
    engine = put_stack(pytestconfig)
    engine.images.update(["app", "db", "own/es:9.5.0"])
    return engine

def ready(_): pass

web_on_net = service(image="app", ports=[8000], ready=ready)
es_on_net = elasticsearch_service(image="own/es:9.5.0", ready=ready)
"""

SCRIPT = """
import sys
from pathlib import Path
from pytest_foodtrucks.errors import FoodtrucksError
from pytest_foodtrucks.fixtures.stack_session import Wanted, with_stack

def work(standing):
    for name, value in sorted(standing.values.items()):
        print(name, getattr(value, "alias", ""), getattr(getattr(value, "container", None), "image", ""))
    print("of", standing.project, standing.stack.settings.es_heap)

try:
    with_stack(Wanted({wanted}), work)
except (FoodtrucksError, KeyboardInterrupt) as error:
    print(type(error).__name__, error)
"""


class Folder:
    """A folder with a suite, and what the command would start there."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        (self.path / "pytest.ini").write_text("[pytest]\n")

    def start(self, wanted: str = "") -> str:
        """Return what the script saw of the stack."""
        script = self.path / "script.py"
        script.write_text(SCRIPT.replace("{wanted}", wanted))
        result = self.pytester.run(sys.executable, script)
        return result.stdout.str() + result.stderr.str()


@pytest.fixture
def folder(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Return a folder whose sessions have an engine in memory."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    (pytester.path / "conftest.py").write_text(ENGINE)
    return Folder(pytester)


def test_what_the_root_conftest_defines_is_started(folder: Folder) -> None:
    with (folder.path / "conftest.py").open("a") as conftest:
        conftest.write("back_net = network()\ndb = service(image='db', network='back_net', ready=ready)\n")
        conftest.write("passing = service(image='db', scope='function', ready=ready)\n")
    said = folder.start()
    for line in (
        "web_on_net foodtrucks-web app",
        "es_on_net es own/es:9.5.0",
        "db db db",
        "back_net",
        "foodtrucks_net",
    ):
        assert line in said
    assert "passing" not in said
    assert f"of {folder.path} 512m" in said


def test_a_conftest_of_the_tests_own_folder_counts(folder: Folder) -> None:
    tests = folder.path / "tests"
    tests.mkdir()
    (tests / "conftest.py").write_text(
        "from pytest_foodtrucks import service\nweb_on_net = service(image='db', ready=lambda _: None)\n"
    )
    assert "web_on_net foodtrucks-web db" in folder.start()


def test_of_several_folders_of_tests_one_is_named(folder: Folder) -> None:
    for name, image in (("tests_one", "app"), ("tests_two", "db")):
        (folder.path / name).mkdir()
        (folder.path / name / "conftest.py").write_text(
            f"from pytest_foodtrucks import service\nextra = service(image='{image}', ready=lambda _: None)\n"
        )
    assert "extra" not in folder.start()
    assert "extra extra db" in folder.start("tests=Path('tests_two')")


@pytest.mark.parametrize("asked", ["es", "es_on_net"])
def test_only_what_is_asked_for_is_started(folder: Folder, asked: str) -> None:
    said = folder.start(f"services=['{asked}']")
    assert "es_on_net es" in said
    assert "web_on_net" not in said


def test_an_unknown_service_is_told_with_those_that_there_are(folder: Folder) -> None:
    assert (
        "DefinitionError There is no service 'nosuch' here, only foodtrucks_net, es, foodtrucks-web."
        in folder.start("services=['nosuch']")
    )


def test_the_options_of_the_configuration_file_count(folder: Folder) -> None:
    (folder.path / "pytest.ini").write_text(
        "[pytest]\nfoodtrucks_es_heap = 600m\naddopts = -q --strict-markers\nfilterwarnings = error\n"
    )
    assert " 600m" in folder.start()
    assert " 700m" in folder.start("options=['--foodtrucks-es-heap=700m']")


def test_what_addopts_has_for_the_tests_alone_does_not(folder: Folder) -> None:
    """Neither workers nor a file of results."""
    pytest.importorskip("xdist")
    (folder.path / "pytest.ini").write_text("[pytest]\naddopts = -n 2 --junitxml=results.xml -k nothing -x\n")
    assert "web_on_net foodtrucks-web app" in folder.start()
    assert not (folder.path / "results.xml").exists()


def test_a_name_makes_it_another_stack(folder: Folder) -> None:
    assert f"of {folder.path} (other) " in folder.start("name='other'")


def test_the_tests_themselves_are_not_imported(folder: Folder) -> None:
    (folder.path / "test_it.py").write_text("raise SystemExit('imported')\n")
    assert "web_on_net foodtrucks-web app" in folder.start()


def test_what_fixtures_print_goes_to_standard_error(folder: Folder) -> None:
    with (folder.path / "conftest.py").open("a") as conftest:
        conftest.write("@pytest.fixture(scope='session', autouse=True)\ndef loud():\n    print('loud')\n")
    script = folder.path / "script.py"
    script.write_text(SCRIPT.replace("{wanted}", "").replace("def work", "def work(standing): pass\ndef unused"))
    result = folder.pytester.run(sys.executable, script)
    assert result.stdout.str() == ""
    assert "loud" in result.stderr.str()


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("raise ValueError('no luck')", "SettingsError"),
        ("@pytest.fixture(scope='session')\ndef es_on_net():\n    raise ValueError('no luck')", "FoodtrucksError"),
        ("es_on_net = service(image='db', ready=ready, nonsense=1)", "SettingsError"),
        ("a = service(image='db', requires=['b'])\nb = service(image='db', requires=['a'])", "DefinitionError"),
        ("@pytest.fixture(scope='session')\ndef es_on_net():\n    raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("@pytest.fixture(scope='session')\ndef es_on_net():\n    pytest.skip('no luck')", "FoodtrucksError"),
    ],
)
def test_an_error_of_a_conftest_is_told(folder: Folder, written: str, told: str) -> None:
    with (folder.path / "conftest.py").open("a") as conftest:
        conftest.write(f"{written}\n")
    said = folder.start()
    assert said.startswith(told), said
    if "luck" in written:
        assert "no luck" in said
    if told == "FoodtrucksError" and "ValueError" in written:
        assert f"{folder.path}/conftest.py:" in said


def test_what_pytest_refuses_is_told_once(folder: Folder) -> None:
    (folder.path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    said = folder.start()
    assert said.startswith("SettingsError ")
    assert said.count("--no-such-option") == 1
