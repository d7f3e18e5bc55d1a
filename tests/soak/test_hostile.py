"""The plan of the hostile sessions, and what is said of what came of them."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from soak import hostile
from soak.deeds import DEEDS
from soak.events import Event
from soak.hostile import Counted
from soak.hostile_session import Happened, Planned, broken, planned

PLAN = Planned([[]], workers=0, reuse=False, state="state")
GOOD = Happened(PLAN, 0, 0.5, "1 passed")
KILLED = replace(GOOD, code=-9, done=["kills the watchdog and itself"], gone=None, removed_by="a sweep")


def chance(seed: int = 1) -> random.Random:
    """Return choices that are the same each time."""
    return random.Random(seed)  # noqa: S311 - no secret


def test_each_deed_comes_about_as_often_as_its_like_and_what_breaks_workers_never_with_them() -> None:
    plan = planned(300, chance())
    deeds = [(name, one.workers) for one in plan for test in one.tests for _, name in test]
    times = Counter(name for name, _ in deeds)
    assert times.keys() == DEEDS.keys()
    assert min(times.values()) >= 9
    assert not [name for name, workers in deeds if workers and DEEDS[name].alone]


def test_nothing_comes_after_a_last_deed() -> None:
    for one in planned(100, chance()):
        names = [name for test in one.tests for _, name in test]
        assert not any(DEEDS[name].last for name in names[:-1])


def test_state_folders_are_shared_copied_and_own_ones() -> None:
    plan = planned(300, chance())
    assert {one.state for one in plan} == {"state", "state-1", "state-2", "copy-1", "copy-2"}
    assert all((one.copied_from == "state") is one.state.startswith("copy") for one in plan)


def test_the_same_seed_makes_the_same_plan() -> None:
    plans = [planned(9, chance(seed)) for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]


@pytest.mark.parametrize(
    ("happened", "words"),
    [
        (GOOD, None),
        (replace(GOOD, code=1), "exit code 1"),
        (replace(GOOD, code=None), "hung"),
        (replace(GOOD, code=-15, done=["SIGTERM"]), None),
        (replace(GOOD, code=0, done=["SIGTERM"]), "exit code 0"),
        (replace(GOOD, code=1, done=["crashes"], planned=replace(PLAN, workers=2)), None),
        (replace(GOOD, code=1, around=["removes the state folder"]), None),
        (replace(GOOD, gone=None, removed_by="a sweep"), "was left"),
        (KILLED, None),
        (replace(KILLED, removed_by="nobody"), "was left"),
        (replace(KILLED, removed_by="prune --older-than"), "was left"),
        (replace(KILLED, removed_by="prune --older-than", around=["removes the state folder"]), None),
        (replace(KILLED, done=["SIGKILL"]), "was left"),
        (replace(GOOD, output="pytest_foodtrucks/stacks/kept.py:3: KeyError"), "traceback of ours"),
        (replace(GOOD, written=["file-1"]), "the test's own file file-1"),
    ],
)
def test_a_broken_promise_is_reported(happened: Happened, words: str | None) -> None:
    said = broken(happened)
    assert len(said) == (0 if words is None else 1)
    assert words is None or words in said[0]


def test_an_end_of_what_a_living_session_needed_is_reported() -> None:
    counted = Counted()
    heard = [Event(2.0, "container", "die", "c1", {}), Event(5.0, "network", "destroy", "n1", {})]
    note = {"kind": "needs", "network": "n1", "containers": ["c1"], "until": 4.0, "owner": 7}
    hostile.add_notes(counted, "group 1", heard, [note], {7: 9.0})
    assert counted.broken == ["group 1: container c1: die while its session needed it"]


def test_what_workers_need_after_their_controllers_death_is_nobodys() -> None:
    counted = Counted()
    note = {"kind": "needs", "network": "n1", "containers": ["c1"], "until": 4.0, "owner": 7}
    hostile.add_notes(counted, "group 1", [Event(2.0, "container", "die", "c1", {})], [note], {7: 2.0})
    assert counted.broken == []


def test_another_byte_in_a_tests_own_file_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "foreign"
    folder.mkdir()
    (folder / "good").write_text("good")
    (folder / "bad").write_text("badended\n")
    assert hostile.written(tmp_path) == ["bad"]


def test_the_report_has_a_row_for_each_deed_and_each_broken_promise() -> None:
    counted = Counted()
    hostile.add(counted, "group 1", replace(GOOD, done=["crashes"], code=-11))
    hostile.add(counted, "group 1", KILLED)
    hostile.add(counted, "group 1", replace(GOOD, code=5))
    section = hostile.reported(counted)
    assert "| crashes | 1 |" in section.body
    assert "1 by a sweep" in section.body
    assert len(section.broken) == 1
    assert "exit code 5" in section.broken[0]
