"""What the other soak runs count, from made-up sessions: each must be able to see its promise broken."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.session import dead
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.sessions.state_key import identity
from soak import crowd, cycles, decoys, watchdog_cost, workers
from soak.cycles import Cycle, Sample
from soak.decoys import Owners, Pair
from soak.events import Event, Made
from soak.proc import Use
from soak.pytest_sessions import Ended, Suite

from .test_events import OURS, container, network

ENDED = Ended(0, 12.0, "12 passed")
STACK = [
    network("create", "n1"),
    container("create", "c1", alias="store"),
    network("connect", "n1", attached="c1"),
    container("destroy", "c1", at=9.0),
    network("destroy", "n1", at=9.0),
]
NOTE: dict[str, Any] = {"network": "n1", "containers": ["c1"], "counted": [["all", 20, 20]], "until": 8.0}


def counted(heard: list[Event], *notes: dict[str, Any], ended: Ended = ENDED) -> crowd.Counted:
    """Count a round of one checkout."""
    total = crowd.Counted()
    crowd.counted_round(
        total, "round 1", heard, identities={OURS}, notes=notes, ends={"checkout 0": ended}, shared={"store": 1}
    )
    return total


def test_a_good_round_of_a_crowd_breaks_nothing() -> None:
    good = counted(STACK, NOTE)
    assert good.broken() == []
    assert (good.sessions, good.tests, good.documents, good.networks, good.containers) == (1, 1, 1, 1, {"store": 1})


def test_a_crowds_wrong_count_is_seen() -> None:
    assert counted(STACK, {**NOTE, "counted": [["all", 27, 20]]}).wrong_counts == ["round 1: all: 27 in place of 20"]


def test_a_crowds_cross_removal_is_seen() -> None:
    assert len(counted(STACK, {**NOTE, "until": 9.5}).cross_removals) == 2


def test_a_crowds_second_service_is_a_collision() -> None:
    second = [container("create", "c2", alias="store"), container("destroy", "c2")]
    assert counted([*STACK, *second], NOTE).collisions == ["round 1: a session made 1 networks and {'store': 2}"]


def test_a_crowds_refused_name_is_a_collision_and_a_failure() -> None:
    refused = Ended(1, 3.0, "the port is already allocated")
    bad = counted(STACK, NOTE, ended=refused)
    assert (len(bad.collisions), len(bad.failed)) == (1, 1)


def test_what_a_crowd_leaves_is_seen() -> None:
    assert counted(STACK[:-1], NOTE).left == ["round 1: 1 things were never destroyed"]


REST = Sample(0, 0, 0, 0, files=[], descriptors=80, everybodys="")


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (REST, []),
        (replace(REST, descriptors=85), []),
        (replace(REST, descriptors=90), ["descriptors of the engine: 10 more"]),
        (replace(REST, descriptors=None), []),
        (replace(REST, volumes=2), ["volumes: 2 in place of 0"]),
        (replace(REST, containers=1, networks=1), ["containers: 1 in place of 0", "networks: 1 in place of 0"]),
        (replace(REST, processes=1), ["processes: 1 in place of 0"]),
        (replace(REST, files=["runs/1/lease"]), ["files in the state folder: runs/1/lease"]),
    ],
)
def test_what_grows_with_the_sessions_is_seen(after: Sample, words: list[str]) -> None:
    assert cycles.grown(REST, after) == words


def test_a_session_that_fails_is_a_flake() -> None:
    section = cycles.reported([Cycle("small", ENDED), Cycle("small", Ended(1, 3.0, "oh no"))], REST, REST, volumes=2)
    assert len(section.broken) == 1
    assert section.broken[0].startswith("session 2: small, 3.0 s: FAILED with exit code 1: 'oh no'")


def test_a_decoy_that_is_ended_is_seen() -> None:
    pair = Pair("kept", "c1", "n1")
    heard = [container("die", "c1"), container("die", "c2"), network("destroy", "n1"), container("create", "c1")]
    assert len(decoys.disturbed(heard, [pair])) == 2


def test_no_decoy_has_the_labels_of_a_true_orphan(tmp_path: Path) -> None:
    one, other = Session.begin(tmp_path).owner, Session.begin(tmp_path).owner
    owners = Owners(dead(one), other, dead(other), one, "held", "fresh", "others")
    labels = [kind.get("pytest-foodtrucks.owner") for kind in decoys.decoys(owners).values()]
    assert owners.dead.text() not in labels
    assert owners.living.text() in labels


def use(rss: int, ticks: int) -> Use:
    """Return what a process uses."""
    return Use(rss=rss, pss=rss // 2, ticks=ticks, switches=3, descriptors=4)


@pytest.mark.parametrize(("rss", "ticks", "broken"), [(16_000, 5, 0), (21_000, 5, 1), (16_000, 6, 1)])
def test_a_watchdog_that_is_big_or_busy_is_seen(rss: int, ticks: int, broken: int) -> None:
    section = watchdog_cost.reported((use(rss, 5), use(rss, ticks)), use(8_000, 1), 60.0)
    assert len(section.broken) == broken


def test_a_second_elasticsearch_for_the_workers_is_seen() -> None:
    one = Made({"n1"}, Counter({"es": 1, "foodtrucks-web": 1, "probe": 4}), {"c1"})
    two = Made({"n1"}, Counter({"es": 2, "foodtrucks-web": 1}), {"c1"})
    good, bad = workers.Counted("load", ENDED, [one]), workers.Counted("each", ENDED, [two])
    assert good.broken() == []
    section = workers.reported([good, bad, workers.Counted("worksteal", ENDED, [])], 4)
    assert len(section.broken) == 2
    assert "| `--dist=load` | 1 | 1 | 1 | 4 |" in section.body


def test_a_suite_finds_its_notes_its_owners_and_its_files(tmp_path: Path) -> None:
    suite = Suite.write(tmp_path / "suite", conftest="")
    assert (suite.notes(), suite.identity(), suite.files()) == ([], None, [])
    (suite.folder / "notes.jsonl").write_text('{"until": 1.5}\n')
    (suite.state / "runs/1").mkdir(parents=True)
    (suite.state / "runs/1/lease").touch()
    ours = identity(suite.state)
    assert (suite.notes(), suite.identity(), suite.files()) == ([{"until": 1.5}], ours, ["runs/1/lease"])
