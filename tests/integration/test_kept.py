"""Kept stacks: taken over by the next session, replaced for a reason that is said, held by one session at a time."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import HEALTHY
from pytest_foodtrucks import Engine
from pytest_foodtrucks.engine.labels import KINDS, SESSION_LABEL

from .conftest import ROOT, Downstream
from .test_ways_out import PATIENCE, gone, reached

SEEDED = """
import os
import pytest
from pytest_foodtrucks import service

GREETING = {greeting!r}

@pytest.fixture(scope="session")
def es_seed():
    def seed(es):
        es.client.index(index="menu", id="1", document={{"dish": "taco"}}, refresh=True)
        es.http.put(f"/_snapshot/{{es.snapshot_repository}}/seeded?wait_for_completion=true", timeout=60)
    return seed

echo = service(
    image=os.environ["EXAMPLE_BUSYBOX_IMAGE"],
    command=["sh", "-c", "trap exit TERM; nc -ll -p 7000 -e cat & wait"],
    environment={{"GREETING": GREETING}},
    ports=[7000],
    reset=lambda _: None,
)
"""

SHOWING = """
import pathlib

def test_it(echo):
    pathlib.Path("ids").open("a").write(echo.container.id + "\\n")
"""


class Keeping:
    """A suite whose stack is kept."""

    downstream: Downstream

    def __init__(self, folder: Path, state: Path, engine: Engine) -> None:
        self.folder = folder
        self.options = ["--foodtrucks-reuse", f"--foodtrucks-state-dir={state}"]
        self.state = state
        self.is_default = False
        self._engine = engine
        self._stacks: set[str] = set()

    def write(self, *, greeting: str = "hello", tests: str = SHOWING) -> None:
        self.downstream.write(conftest=SEEDED.format(greeting=greeting), test_it=tests)

    def write_tests(self, tests: str) -> None:
        """Write other tests beside the conftest that is there."""
        self.downstream.write(test_it=tests)

    def run(self, *args: str, passed: int = 1) -> str:
        """Run the tests, and return what was said about the stack."""
        self.is_default = False
        result = self.downstream.run(*self.options, *args, timeout=240)
        result.assert_outcomes(passed=passed)
        conftest = (self.folder / "conftest.py").read_text().strip()
        self.is_default = not args and conftest == SEEDED.format(greeting="hello").strip()
        return result.stderr.str()

    def prune(self) -> str:
        """Run the command prune, and return what it said."""
        command = [sys.executable, "-m", "pytest_foodtrucks", "prune", f"--state-dir={self.state}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def ids(self) -> list[str]:
        """Return the container's id in each session so far."""
        return (self.folder / "ids").read_text().split()

    def parts(self) -> int:
        """Count the containers, networks and volumes of its kept stacks on the engine, forgotten ones too."""
        self._stacks |= {folder.name for folder in self.state.glob("kept/*/")}
        found = [each for kind in KINDS for each in self._engine.labels(kind, SESSION_LABEL).values()]
        return sum(session in self._stacks for session in found)

    def end(self) -> None:
        """Prune, and see that nothing is left."""
        self.parts()
        self.prune()
        assert self.parts() == 0, "the suite's own kept stack is gone"


@pytest.fixture
def keeping(downstream: Downstream, state_home: Path, foodtrucks_engine: Engine) -> Iterator[Keeping]:
    """Return a suite whose stack is kept, and is pruned after the test."""
    folder = downstream.folder
    suite = Keeping(folder, state_home / f"{folder.name}-kept", foodtrucks_engine)
    suite.downstream = downstream
    suite.write()
    yield suite
    suite.end()


@pytest.fixture(scope="module")
def lasting_suite(
    tmp_path_factory: pytest.TempPathFactory, state_home: Path, foodtrucks_engine: Engine
) -> Iterator[Keeping]:
    """Return the suite of `lasting`."""
    suite = Keeping(tmp_path_factory.mktemp("lasting"), state_home / "lasting-kept", foodtrucks_engine)
    yield suite
    suite.end()


@pytest.fixture
def lasting(
    lasting_suite: Keeping, pytester: pytest.Pytester, ours_on_engine: Callable[[], set[str]]
) -> Iterator[Keeping]:
    """Return a suite whose stack is kept already: by the test before, or else by a session now."""
    before = ours_on_engine()
    lasting_suite.downstream = Downstream(pytester, lasting_suite.folder)
    lasting_suite.write()
    if not lasting_suite.is_default:
        lasting_suite.run()
    yield lasting_suite
    assert ours_on_engine() == before, "no session left anything of its own"


def test_the_stack_stays_and_the_next_session_takes_it_over(keeping: Keeping) -> None:
    first = keeping.run()
    assert "the stack stays for the next session" in first
    assert f"`foodtrucks down --state-dir={keeping.state}` removes it" in first
    assert "taken over" not in first
    assert keeping.parts() == 2
    second = keeping.run()
    assert "foodtrucks_net is taken over from the kept stack" in second
    assert "echo is taken over from the kept stack" in second
    assert len(set(keeping.ids())) == 1
    assert keeping.parts() == 2
    assert "removed: the kept stack of" in keeping.prune()
    assert keeping.parts() == 0


def test_a_session_without_reuse_leaves_a_kept_stack_alone(lasting: Keeping) -> None:
    assert "kept stack" not in lasting.run("--no-foodtrucks-reuse")
    assert "echo is taken over" in lasting.run()
    first, own, third = lasting.ids()[-3:]
    assert first == third != own


def test_a_service_of_other_settings_is_replaced_and_the_rest_taken_over(lasting: Keeping) -> None:
    lasting.write(greeting="good day")
    said = lasting.run()
    assert "echo of the kept stack is replaced: its environment changed" in said
    assert "foodtrucks_net is taken over" in said
    first, second = lasting.ids()[-2:]
    assert first != second


def test_a_kept_services_alias_is_taken_even_if_no_test_asks_for_it(lasting: Keeping) -> None:
    lasting.write(
        tests="""
        import os
        import pytest
        from pytest_foodtrucks import DefinitionError

        def test_it(foodtrucks_net):
            other = foodtrucks_net.service(image=os.environ["EXAMPLE_BUSYBOX_IMAGE"], aliases=["other", "echo"])
            with pytest.raises(DefinitionError, match="'echo' belongs to the service 'echo' of the kept stack"), other:
                pass
        """
    )
    lasting.run()


def test_a_service_that_ended_meanwhile_is_replaced(lasting: Keeping, foodtrucks_engine: Engine) -> None:
    foodtrucks_engine.api.kill(lasting.ids()[-1])
    assert "echo of the kept stack is replaced: it is exited" in lasting.run()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(  # compared likewise, and the words are in tests/unit/test_kept.py
            *("other_net.connect(echo, aliases=['search'])", r"a test left it on the network foodtrucks-net-\w+ too"),
            marks=pytest.mark.slow,
        ),
        (
            "foodtrucks_net.disconnect(echo); foodtrucks_net.connect(echo)",
            "a test left it with no name instead of echo",
        ),
    ],
)
def test_what_a_test_left_with_other_networks_or_names_is_replaced(lasting: Keeping, change: str, told: str) -> None:
    with (lasting.downstream.folder / "conftest.py").open("a") as file:
        file.write("\nfrom pytest_foodtrucks import network\nother_net = network()\n")
    lasting.write_tests(f"def test_it(echo, foodtrucks_net, other_net): {change}")
    lasting.run()
    lasting.write_tests("def test_it(echo): pass")
    assert re.search(f"echo of the kept stack is replaced: {told}", lasting.run())
    assert "echo is taken over" in lasting.run()


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("paused", "it is paused"),
        # Told as in test_a_service_that_ended_meanwhile_is_replaced.
        pytest.param("stopped", "it is exited", marks=pytest.mark.slow),
        ("disconnected", "it is disconnected from its network"),
    ],
)
def test_what_a_killed_session_left_within_a_fault_is_replaced(lasting: Keeping, kind: str, told: str) -> None:
    lasting.write(
        tests=f"""
        import os, signal

        def test_it(echo):
            with echo.{kind}():
                os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert lasting.downstream.run(*lasting.options).ret == -signal.SIGKILL
    lasting.write()
    assert f"echo of the kept stack is replaced: {told}" in lasting.run()


def test_a_fault_leaves_a_kept_service_fit_for_the_next_session(lasting: Keeping) -> None:
    lasting.write(tests=SHOWING + "    with echo.killed(): pass\n    with echo.disconnected(): pass\n")
    lasting.run()
    assert "echo is taken over from the kept stack" in lasting.run()


def test_a_network_that_is_gone_is_replaced_with_all_that_was_on_it(
    lasting: Keeping, foodtrucks_engine: Engine
) -> None:
    foodtrucks_engine.remove_container(lasting.ids()[-1])
    [kept] = lasting.state.glob("kept/*/")
    for network, session in foodtrucks_engine.labels("networks", SESSION_LABEL).items():
        if session == kept.name:
            foodtrucks_engine.remove_network(network)
    assert "foodtrucks_net of the kept stack is replaced: The engine could not inspect the network" in lasting.run()


def test_a_record_that_is_corrupt_makes_the_part_new(lasting: Keeping) -> None:
    for file in lasting.state.glob("kept/*/*.json"):
        file.write_text("{")
    lasting.run()
    first, second = lasting.ids()[-2:]
    assert first != second


def test_one_session_at_a_time_holds_it_and_another_gets_its_own(lasting: Keeping) -> None:
    lasting.write(
        tests="""
        import pathlib, time

        def test_0(echo):
            pathlib.Path("test_0-reached").touch()
            while not pathlib.Path("done").exists():
                time.sleep(0.1)
        """
    )
    with lasting.downstream.started(*lasting.options) as first:
        reached(lasting.downstream, first)
        lasting.write()
        assert "another session holds this project's kept stack; this one gets a stack of its own" in lasting.run()
        assert "left: the kept stack of" in lasting.prune()
        (lasting.downstream.folder / "done").touch()
        assert first.wait(timeout=60) == 0
    kept, own = lasting.ids()[-2:]
    assert kept != own
    assert "echo is taken over" in lasting.run()
    assert lasting.ids()[-1] == kept


def test_workers_take_it_over_together(keeping: Keeping) -> None:
    keeping.write(
        tests=SHOWING.replace("def test_it(echo)", "def test_it(echo, number)").replace(
            "import pathlib", "import pathlib, pytest\npytestmark = pytest.mark.parametrize('number', range(6))"
        )
    )
    keeping.run("-n2", passed=6)
    said = keeping.run("-n2", passed=6)
    assert said.count("echo is taken over") == 1
    assert len(set(keeping.ids())) == 1


def test_workers_that_use_nothing_of_ours_hear_nothing_of_it(lasting: Keeping) -> None:
    lasting.write(tests="def test_it(): pass")
    assert "stack" not in lasting.run("-n2")


def test_a_killed_session_leaves_the_kept_stack_and_nothing_that_was_half_done(
    keeping: Keeping,
    ours_on_engine: Callable[[], set[str]],
) -> None:
    before = ours_on_engine()
    keeping.write(
        tests="""
        import pathlib, pytest

        @pytest.fixture(scope="session")
        def probe_first(net_probe): return net_probe

        def test_0(probe_first, echo, never_ready): pass
        """
    )
    with (keeping.downstream.folder / "conftest.py").open("a") as file:
        file.write(
            """
def hang(target):
    import pathlib, time
    pathlib.Path("test_0-reached").touch()
    time.sleep(60)

never_ready = service(image=os.environ["EXAMPLE_BUSYBOX_IMAGE"], command="sleep 600", ready=hang, reset=print)
"""
        )
    with keeping.downstream.started(*keeping.options) as process:
        reached(keeping.downstream, process)
        assert keeping.parts() == 3
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        assert gone(lambda: ours_on_engine() - before), "the probe is the session's own"
        deadline = time.monotonic() + PATIENCE
        while keeping.parts() != 2 and time.monotonic() < deadline:
            time.sleep(0.1)
    assert keeping.parts() == 2
    keeping.write()
    assert "echo is taken over" in keeping.run()


def test_nobodys_stack_goes_after_its_time(lasting: Keeping) -> None:
    [used] = lasting.state.glob("kept/*/used")
    os.utime(used, (time.time() - 9 * 3600,) * 2)
    assert lasting.parts() == 2
    lasting.run("--no-foodtrucks-reuse")
    assert lasting.parts() == 0


LEAVING = """
import pathlib

def test_it(es_client, web_client, es_on_net):
    pathlib.Path("ids").open("a").write(es_on_net.container.id + "\\n")
    assert es_client.count(index="menu")["count"] == 1
    assert web_client.get("/search?q=taco").json()["hits"] > 0
    assert "left" not in es_on_net.http.get("/_cluster/state/metadata?filter_path=-metadata.index-graveyard").text
    assert es_on_net.http.get("/_cluster/settings").json()["persistent"] == {}
    snapshots = f"/_snapshot/{es_on_net.snapshot_repository}"
    assert [each["snapshot"] for each in es_on_net.http.get(f"{snapshots}/_all").json()["snapshots"]] == ["seeded"]
    assert es_on_net.http.put(f"{snapshots}/left?wait_for_completion=true", timeout=60).is_success
    es_client.indices.put_alias(index="menu", name="left-alias")
    es_client.indices.put_index_template(name="left-template", index_patterns=["left-*"])
    es_client.indices.put_template(name="left-old", index_patterns=["older-*"])
    es_client.ingest.put_pipeline(id="left-%", processors=[])
    es_client.index(index="left", document={"dish": "nacho"})
    for index in ("left", "menu"):
        es_client.indices.put_settings(index=index, settings={"index.blocks.read_only": True})
    es_client.cluster.put_settings(persistent={"action.auto_create_index": "false"})
"""
DELETING = f"""{LEAVING}
    es_client.indices.put_settings(index="menu", settings={{"index.blocks.read_only": None}})
    es_client.indices.delete(index="menu")
"""


def test_elasticsearch_is_taken_over_as_its_seed_left_it_and_replaced_where_something_of_it_is_gone(
    keeping: Keeping,
) -> None:
    keeping.write(tests=LEAVING)
    keeping.run()
    keeping.write_tests(DELETING)
    said = keeping.run()
    assert "es is taken over" in said
    assert "foodtrucks-web is taken over" in said
    keeping.write_tests(LEAVING)
    assert "es of the kept stack is replaced: a test deleted or changed menu" in keeping.run()
    first, second, third = keeping.ids()
    assert first == second != third


SEEDED_FROM_FILES = (
    f"HEALTHY = {HEALTHY!r}"
    """
import os
import pathlib
import pytest
from pytest_foodtrucks import elasticsearch_service, service

DISH = "taco"
HERE = pathlib.Path(__file__).parent

@pytest.fixture(scope="session")
def sown():
    return lambda es: es.http.put("/menu/_doc/1", json={"dish": DISH, "text": (HERE / "menu.txt").read_text()})

cellar = elasticsearch_service(
    image=os.environ["EXAMPLE_PYTHON_IMAGE"], command=["python3", "-c", HEALTHY], ports=[9200], seed="sown"
)
conf = service(
    image=os.environ["EXAMPLE_BUSYBOX_IMAGE"],
    command=["sleep", "600"],
    volumes=["./conf:/conf:ro"],
    reset=lambda _: None,
)
"""
)


def test_what_can_be_seen_to_have_changed_makes_a_kept_service_new(keeping: Keeping) -> None:
    folder = keeping.downstream.folder
    (folder / "menu.txt").write_text("good")
    (folder / "conf").mkdir()
    keeping.downstream.write(conftest=SEEDED_FROM_FILES, test_it="def test_it(cellar, conf): pass")
    keeping.run()
    said = keeping.run()
    assert "cellar is taken over" in said
    assert "conf is taken over" in said
    (folder / "menu.txt").write_text("better")
    (folder / "conf/new").touch()
    said = keeping.run()
    assert f"cellar of the kept stack is replaced: its seed read {folder}/menu.txt, which changed" in said
    assert "conf of the kept stack is replaced: its files behind volumes changed" in said
    keeping.downstream.write(conftest=SEEDED_FROM_FILES.replace('DISH = "taco"', 'DISH = "nacho"'))
    assert "cellar of the kept stack is replaced: its seed changed" in keeping.run()


def test_all_is_made_anew_where_the_command_line_says_so(lasting: Keeping) -> None:
    said = lasting.run("--foodtrucks-fresh")
    assert "what was kept is made anew, as --foodtrucks-fresh says" in said
    assert "taken over" not in said
    assert lasting.parts() == 2
    assert "echo is taken over" in lasting.run()
    first, second, third = lasting.ids()[-3:]
    assert first != second == third


def test_a_service_without_reset_is_each_sessions_own_and_goes_with_it(
    keeping: Keeping, ours_on_engine: Callable[[], set[str]]
) -> None:
    before = ours_on_engine()
    conftest = SEEDED.replace("    reset=lambda _: None,\n", "").format(greeting="hello")
    keeping.downstream.write(conftest=conftest, test_it=SHOWING)
    for options in ([], [], ["-n2"]):
        said = keeping.run(*options)
        assert said.count("echo isn't kept for the next session: it has no reset=") == 1
        assert keeping.parts() == 1, "the network alone"
        assert ours_on_engine() == before
    assert len(set(keeping.ids())) == 3


@pytest.mark.slow  # unit/test_lasting.py sees reset= called; test_examples.py runs the example, once
def test_the_example_with_its_counters_runs_again_and_again(keeping: Keeping) -> None:
    shutil.copytree(ROOT / "examples/own_service", keeping.downstream.folder, dirs_exist_ok=True)
    (keeping.downstream.folder / "test_it.py").unlink()
    for _ in range(2):
        keeping.run("tests", passed=5)
