"""The plan of the kills, and what is said of their outcomes."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from soak import kill
from soak.kill import Kill, Outcome, planned

KILL = Kill("SIGKILL", "group", workers=0, elasticsearch=False, moment=0.5)
GOOD = Outcome(KILL, seconds=3.0, found=4, gone=0.7, watchdog=8.0, by_itself=False, files=[])


def chance(seed: int = 1) -> random.Random:
    """Return choices that are the same each time."""
    return random.Random(seed)  # noqa: S311 - no secret


def test_a_third_of_the_sessions_has_workers_and_each_target_is_hit() -> None:
    kills = planned("SIGKILL", 100, chance(), elasticsearch_every=10)
    assert Counter((one.workers, one.target) for one in kills) == {
        (0, "group"): 34,
        (0, "process"): 33,
        (3, "group"): 17,
        (3, "controller alone"): 16,
    }
    assert sum(one.elasticsearch for one in kills) == 10


def test_ctrl_c_reaches_the_group() -> None:
    kills = planned(kill.TWICE, 25, chance(), elasticsearch_every=0)
    assert {one.target for one in kills} == {"group"}
    assert not any(one.elasticsearch for one in kills)


def test_the_same_seed_makes_the_same_plan() -> None:
    plans = [planned("SIGTERM", 5, chance(seed), elasticsearch_every=0) for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [
        (GOOD, True),
        (replace(GOOD, gone=5.1), False),
        (replace(GOOD, gone=5.1, kill=replace(KILL, target="controller alone")), True),
        (replace(GOOD, gone=None), False),
        (replace(GOOD, watchdog=None), False),
    ],
)
def test_a_promise_is_kept_in_time_and_with_the_watchdogs_end(outcome: Outcome, *, kept: bool) -> None:
    assert outcome.promise_kept is kept
    assert ("BROKEN" not in kill.message(outcome)) is kept


def test_the_report_has_each_broken_promise_and_a_row_for_each_kind() -> None:
    term = replace(GOOD, kill=replace(KILL, way="SIGTERM"), gone=1.5)
    section = kill.reported([GOOD, term, replace(GOOD, gone=None)], {(0, False): 6.0}, side_by_side=2)
    assert len(section.broken) == 1
    assert "STILL THERE" in section.broken[0]
    assert "| SIGKILL | group | none | 2 | 2 | 1 | 5 s | 0.7, 0.7 s | 8.0, 8.0 s |" in section.body
    assert "| SIGTERM | group | none | 1 | 1 | 0 | 5 s | 1.5, 1.5 s | 8.0, 8.0 s |" in section.body
