"""The time that no test can stop."""

import ast
import importlib.util
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any

import freezegun
import pytest
import time_machine

import pytest_foodtrucks
from pytest_foodtrucks import clock

PACKAGE = Path(pytest_foodtrucks.__file__).parent

Freeze = Callable[[], AbstractContextManager[Any]]

each_freezer = pytest.mark.parametrize(
    "freeze",
    [
        lambda: freezegun.freeze_time("2001-01-01"),
        lambda: time_machine.travel("2001-01-01T00:00:00+00:00", tick=False),
    ],
    ids=["freezegun", "time-machine"],
)


@each_freezer
@pytest.mark.parametrize("ours", [clock.monotonic, clock.wall])
def test_time_goes_on_where_python_has_none(freeze: Freeze, ours: Callable[[], float]) -> None:
    before = ours()
    with freeze():
        first = ours()
        clock.sleep(0.001)
        second = ours()
        assert time.time() == pytest.approx(978_307_200)
    assert before < first < second < ours()


@each_freezer
def test_a_first_look_in_frozen_time_sees_the_true_monotonic_clock(freeze: Freeze) -> None:
    with freeze():
        late = loaded_anew()
        assert clock.monotonic() <= late.monotonic() <= clock.monotonic()


def loaded_anew() -> ModuleType:
    """Return another copy of the module, imported now."""
    spec = importlib.util.spec_from_file_location("late_clock", clock.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_wall_clock_is_pythons_while_nothing_is_frozen() -> None:
    before = time.time()
    assert before - 1 <= clock.wall() <= time.time() + 1


def test_a_wait_waits_where_a_test_replaced_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    began = clock.monotonic()
    clock.sleep(0.02)
    assert clock.monotonic() - began >= 0.02


def test_without_the_systems_clocks_pythons_own_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where sessions without our fixtures run."""
    for name in ("CLOCK_MONOTONIC", "CLOCK_BOOTTIME"):
        monkeypatch.delattr(time, name, raising=False)
    assert time.monotonic() <= loaded_anew().monotonic() <= time.monotonic()


OTHER_PROCESSES = {"clock.py", "probes/agent/program.py", "stacks/watchdog.py"}
"""Beside the clock itself: what runs in a process that has no tests."""


@pytest.mark.parametrize("module", ["time", "random"])
def test_only_these_modules_ask_pythons_clock_and_its_shared_generator(module: str) -> None:
    files = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if "web_image" not in file.parts and module in imported(ast.parse(file.read_text(encoding="utf-8")))
    }
    own_generator = {"engine/subnets.py"}
    assert files == (OTHER_PROCESSES if module == "time" else own_generator)


def imported(tree: ast.Module) -> set[str]:
    """Return the names of the modules that a file imports."""
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
