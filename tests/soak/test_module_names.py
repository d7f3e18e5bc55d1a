"""The names of the modules that aren't shipped."""

from pathlib import Path

from soak.machine import ROOT


def modules(folder: Path) -> set[str]:
    """Return the names of the modules and rooms in a folder, but for those that Python gives."""
    names = {file.stem for file in folder.rglob("*.py")}
    rooms = {file.parent.name for file in folder.rglob("__init__.py")} - {folder.name}
    return {name for name in names | rooms if not name.startswith("__")}


def test_no_module_of_set_up_or_of_the_soak_runs_is_named_as_one_of_the_package() -> None:
    shipped = modules(ROOT / "pytest_foodtrucks")
    assert "watchdog" in shipped
    assert (modules(ROOT / "bootstrap") | modules(ROOT / "soak")) & shipped == set()
