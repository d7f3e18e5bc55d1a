"""What a seed depends on, as far as its code tells."""

import functools
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_foodtrucks.stacks.sources import depends_on, source

SEEDS = """
import pytest

WORDS = ["taco"]
OTHERS = ["taco"]

@pytest.fixture
def es_seed():
    dish = "taco"
    def seed(es):
        return dish, WORDS
    return seed

def other(): pass

class Sower:
    def __call__(self, es): return WORDS

sow = lambda es: None
"""


def module(path: Path, text: str) -> dict[str, Any]:
    """Run a file and return its names."""
    path.write_text(text)
    names: dict[str, Any] = {"__name__": "conftest"}
    exec(compile(text, path, "exec"), names)  # noqa: S102 - as pytest's import of a conftest
    return names


def seed_of(path: Path, text: str) -> Any:
    """Return the seed that the file's fixture gives."""
    names = module(path, text.replace("@pytest.fixture\n", ""))
    return names["es_seed"]()


def test_a_seeds_source_is_the_whole_fixture_around_it(tmp_path: Path) -> None:
    before = source(seed_of(tmp_path / "a.py", SEEDS))
    assert before.startswith("def es_seed():")
    assert before.endswith("return seed")


def test_decorators_belong_to_it(tmp_path: Path) -> None:
    names = module(tmp_path / "a.py", "def same(f): return f\n\n@same\ndef seed(es): pass\n")
    assert source(names["seed"]) == "@same\ndef seed(es): pass"
    assert depends_on(names["seed"]) == "@same\ndef seed(es): pass\ndef same(f): return f"


def test_callable_objects_and_partial_functions_have_a_source_too(tmp_path: Path) -> None:
    names = module(tmp_path / "a.py", SEEDS)
    assert source(names["Sower"]()).startswith("class Sower:")
    assert source(names["Sower"]().__call__).startswith("class Sower:")
    assert depends_on(names["Sower"]()).endswith("WORDS = ['taco']")
    assert depends_on(names["Sower"]().__call__).endswith("WORDS = ['taco']")
    assert depends_on(functools.partial(names["sow"], 1, b=2)) == "sow = lambda es: None\n0 = 1\nb = 2"
    assert depends_on(functools.partial(names["sow"], object())) == "sow = lambda es: None"
    assert source(print) == "<class 'builtin_function_or_method'>"
    assert depends_on(None) == ""


def test_a_function_without_a_file_is_told_by_its_code() -> None:
    one, other = (eval(f"lambda es: {number}") for number in (1, 2))  # noqa: S307 - our own text
    assert source(one) != source(other)


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        ('dish = "taco"', 'dish = "nacho"', True),
        ('\nWORDS = ["taco"]', '\nWORDS = ["nacho"]', True),
        ('OTHERS = ["taco"]', 'OTHERS = ["nacho"]', False),
        ("def other(): pass", "def other(): return 1", False),
        ("return dish, WORDS", "return WORDS, dish", True),
    ],
)
def test_it_depends_on_the_values_that_it_names_and_on_no_others(
    tmp_path: Path, before: str, after: str, *, differs: bool
) -> None:
    assert before in SEEDS
    one = depends_on(seed_of(tmp_path / "a.py", SEEDS))
    assert (depends_on(seed_of(tmp_path / "a.py", SEEDS.replace(before, after))) != one) is differs


USING = """
from dataclasses import dataclass
from pathlib import Path

@dataclass
class Menu:
    dish: str

MENU = Menu("taco")
FILE = Path("taco")
SET = {"taco", "nacho", "ramen"}
HANDLE = object()

def load(es):
    return MENU, SET, again(es)

def again(es):
    return load(es), FILE, HANDLE

def seed(es):
    return load(es)
"""


@pytest.mark.parametrize("change", ['Menu("taco")', 'Path("taco")', '"taco", "nacho"', "return MENU, "])
def test_it_depends_on_what_its_helpers_use(tmp_path: Path, change: str) -> None:
    one = depends_on(module(tmp_path / "a.py", USING)["seed"])
    other = USING.replace(change, change.replace("taco", "pho").replace("MENU, ", ""))
    assert other != USING
    assert depends_on(module(tmp_path / "a.py", other)["seed"]) != one


def test_the_same_code_depends_on_the_same_in_each_session(tmp_path: Path) -> None:
    one, again = (depends_on(module(tmp_path / "a.py", USING)["seed"]) for _ in range(2))
    assert one == again


def test_it_depends_on_a_module_of_the_users_and_on_none_that_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dishes = ModuleType("dishes")
    dishes.__file__ = str(tmp_path / "dishes.py")
    monkeypatch.setitem(sys.modules, "dishes", dishes)
    (tmp_path / "dishes.py").write_text("MENU = 1")
    text = "import json, pytest, dishes\ndef seed(es): return json, pytest, dishes.MENU\n"
    told = depends_on(module(tmp_path / "a.py", text)["seed"])
    assert told == "def seed(es): return json, pytest, dishes.MENU\ndishes = MENU = 1"


def test_it_depends_on_the_class_of_a_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    text = (
        "from dataclasses import dataclass\n@dataclass\nclass Menu:\n    dish: str\n    def words(self): return 1\n"
        "MENU = Menu('taco')\ndef seed(es): return MENU.words()\n"
    )
    told = []
    for number, version in enumerate((text, text.replace("return 1", "return 2"))):
        (tmp_path / f"seeds_{number}.py").write_text(version)
        told.append(depends_on(importlib.import_module(f"seeds_{number}").seed))
    assert "def words(self): return 1" in told[0]
    assert "def words(self): return 2" in told[1]
