"""Which file and line a definition was written in."""

import inspect
from pathlib import Path

import pytest

import pytest_foodtrucks
from pytest_foodtrucks import plugin
from pytest_foodtrucks.callers import Place, calling_place, place_in
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.fixtures.known import place_of

pytestmark = pytest.mark.usefixtures("factories_anywhere")


def test_the_calling_file_is_the_one_that_calls() -> None:
    assert calling_place().file == Path(__file__)


def test_frames_of_the_package_are_passed_over() -> None:
    factory = pytest_foodtrucks.service(image="busybox")
    assert inspect.unwrap(factory).recipe.file == Path(__file__)


def test_a_folder_that_only_begins_like_the_packages_is_no_part_of_it() -> None:
    package = Path(pytest_foodtrucks.__file__).parent
    neighbour = f"{package}_tests/conftest.py"
    code = compile(
        "from pytest_foodtrucks.callers import calling_place\nfile = calling_place().file", neighbour, "exec"
    )
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102 - how code gets a file's name without a file
    assert names["file"] == Path(neighbour)


def test_the_line_is_the_one_where_the_call_begins() -> None:
    factory = pytest_foodtrucks.service(
        image="busybox",
    )
    lines, first = inspect.getsourcelines(test_the_line_is_the_one_where_the_call_begins)
    assert inspect.unwrap(factory).recipe.place == Place(Path(__file__), first + 1)
    assert calling_place().line == first + len(lines) - 1


def test_a_ready_made_fixture_is_told_by_its_own_line() -> None:
    function = inspect.unwrap(plugin.web_on_net)
    place = place_of(function)
    assert place == Place(Path(plugin.__file__), function.__code__.co_firstlineno)
    assert place.is_ready_made()
    assert not Place(Path(__file__), 1).is_ready_made()


def test_a_place_is_shown_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path / "sub/conftest.py", 7)
    monkeypatch.chdir(tmp_path)
    assert str(place) == "sub/conftest.py:7"
    monkeypatch.chdir(Path(__file__).parent)
    assert str(place) == f"{tmp_path}/sub/conftest.py:7"


def test_an_error_is_placed_at_the_line_that_led_to_ours() -> None:
    with pytest.raises(DefinitionError) as raised:
        pytest_foodtrucks.ready.http("health")
    place = place_in(raised.tb)
    assert place is not None
    assert place.file == Path(__file__)
    assert 'ready.http("health")' in Path(__file__).read_text(encoding="utf-8").splitlines()[place.line - 1]
    assert place_in(None) is None


def test_code_of_another_file_keeps_its_own_in_whatever_module_it_runs(tmp_path: Path) -> None:
    """As doctests and templates do; only code with the name of its module is taken for that module's."""
    code = compile(
        "from pytest_foodtrucks.callers import calling_place\nfile = calling_place().file", "/base/other.py", "exec"
    )
    names: dict[str, object] = {"__file__": str(tmp_path / "conftest.py")}
    exec(code, names)  # noqa: S102 - how code gets into another module
    assert names["file"] == Path("/base/other.py")
