"""The names of the modules that aren't shipped."""

from pathlib import Path

from soak.machine import ROOT


def modules(folder: Path) -> set[str]:
    """Return the names of the modules in a folder, but for those that Python gives."""
    return {file.stem for file in folder.rglob("*.py") if not file.stem.startswith("__")}


def test_no_module_of_set_up_or_of_the_soak_runs_is_named_as_one_of_the_package() -> None:
    shipped = modules(ROOT / "pytest_foodtrucks")
    assert "watchdog" in shipped
    assert (modules(ROOT / "bootstrap") | modules(ROOT / "soak")) & shipped == set()


def test_each_module_that_isnt_shipped_has_a_line_in_contributing() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## The modules that aren't shipped")[2]
    names = modules(ROOT / "bootstrap") | modules(ROOT / "soak") | modules(ROOT / "tools")
    assert {name for name in names if f"{name}.py" not in text} == set()
