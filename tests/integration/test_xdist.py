"""One stack for all xdist workers, counted from the engine's own events."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pytest_foodtrucks import Engine
from soak.events import heard, made

from .conftest import Downstream, identities_in
from .test_removal import CONFTEST

CASTAWAY = """
import os
from pytest_foodtrucks import service

castaway = service(image=os.environ["EXAMPLE_BUSYBOX_IMAGE"], command="sleep 600")
"""

SEED = """
import pathlib
import pytest

@pytest.fixture(scope="session")
def es_seed():
    def seed(es):
        with open({path!r}, "a") as file:
            file.write("seeded\\n")
        es.client.index(index="menu", document={{"dish": "taco"}}, refresh=True)
    return seed
"""

MANY = """
import pytest

@pytest.mark.parametrize("number", range(12))
def test_it(number, es_client, web_client, foodtrucks_net, es_index):
    assert es_client.count(index="menu")["count"] == 1
    assert web_client.get("/search?q=taco").json()["hits"] > 0
    es_client.index(index=es_index, document={"number": number}, refresh=True)
    assert es_client.count(index=es_index)["count"] == 1
"""

INDICES = """
import pathlib, time
import pytest

def under(es, name):
    http = es.http
    indices = [index["index"] for index in http.get(f"/_cat/indices/{name}*?format=json").json()]
    aliases = http.get(f"/_cat/aliases/{name}*?format=json").json()
    templates = http.get(f"/_cat/templates/{name}*?format=json").json()
    return len(indices), len(aliases), len(templates)

@pytest.mark.parametrize("number", range(8))
def test_it(number, es_client, es_on_net, es_index, worker_id):
    earlier = pathlib.Path(f"names-of-{worker_id}")
    names = earlier.read_text().split() if earlier.exists() else []
    assert es_index not in names
    assert [under(es_on_net, name) for name in names] == [(0, 0, 0)] * len(names)
    es_client.indices.put_index_template(name=f"{es_index}-template", index_patterns=[f"{es_index}-2*"])
    es_client.index(index=es_index, document={"number": number}, refresh=True)
    es_client.index(index=f"{es_index}-2", document={"number": number}, refresh=True)
    es_client.indices.put_alias(index=es_index, name=f"{es_index}-alias")
    time.sleep(0.2)
    assert under(es_on_net, es_index) == (2, 1, 1)
    assert es_client.count(index=f"{es_index}-alias")["count"] == 1
    earlier.write_text(" ".join([*names, es_index]))
"""


_LIKE_LOAD = ("load", "loadfile", "loadscope", "worksteal")
"""`load` is the default of `-n`, which most tests here have; the others deal out the same tests in another order.
`loadgroup` gives them other names besides.
"""


@pytest.fixture
def created(foodtrucks_engine: Engine, state_home: Path) -> Iterator[Callable[[], Counter[str]]]:
    """Count what the engine created since the test began: networks, and containers by their alias."""
    with ExitStack() as listening:
        events = listening.enter_context(heard(foodtrucks_engine))

        def count() -> Counter[str]:
            listening.close()
            counted: Counter[str] = Counter()
            for session in made(events, identities_in(state_home)).values():
                counted.update(session.containers)
                counted["network"] += len(session.networks)
            return counted

        yield count


def test_workers_share_one_stack_and_have_indices_of_their_own(
    downstream: Downstream, created: Callable[[], Counter[str]]
) -> None:
    seeds = downstream.folder / "seeds"
    downstream.write(conftest=SEED.format(path=str(seeds)), test_it=MANY, test_indices=INDICES)
    downstream.run("-n4", timeout=300).assert_outcomes(passed=20)
    assert len(list(downstream.folder.glob("names-of-*"))) > 1, "the control: several workers had a part of it"
    assert seeds.read_text(encoding="utf-8") == "seeded\n"
    assert created() == {"network": 1, "es": 1, "foodtrucks-web": 1}


@pytest.mark.parametrize(
    "dist", ["each", "loadgroup", *(pytest.param(dist, marks=pytest.mark.slow) for dist in _LIKE_LOAD)]
)
def test_workers_share_one_stack_however_tests_are_dealt_out(
    downstream: Downstream, created: Callable[[], Counter[str]], dist: str
) -> None:
    grouped = """
    import pytest

    @pytest.mark.xdist_group("{group}")
    class Test{group}:
        @pytest.mark.parametrize("number", range(3))
        def test_it(self, number, castaway, foodtrucks_net):
            assert castaway.container.status == "running"
    """
    downstream.write(
        conftest=CASTAWAY,
        test_one=grouped.format(group="One"),
        test_two=grouped.format(group="Two"),
        test_three=grouped.format(group="Three"),
    )
    downstream.run("-n2", f"--dist={dist}").assert_outcomes(passed=9 * (2 if dist == "each" else 1))
    assert created() == {"network": 1, "castaway": 1}


def test_a_session_without_xdist_has_a_stack_of_its_own(
    downstream: Downstream, created: Callable[[], Counter[str]]
) -> None:
    downstream.write(conftest=CASTAWAY, test_it="def test_it(castaway): assert castaway.alias == 'castaway'")
    downstream.run("-p", "no:xdist").assert_outcomes(passed=1)
    assert created() == {"network": 1, "castaway": 1}


def test_nothing_needs_xdist_to_be_installed(downstream: Downstream, created: Callable[[], Counter[str]]) -> None:
    downstream.write(
        without_xdist="import sys\nsys.modules['xdist'] = None",
        conftest=CASTAWAY,
        test_it="""
        import pytest

        def test_control():
            with pytest.raises(ImportError):
                import xdist

        def test_it(castaway): pass
        """,
    )
    path = os.pathsep.join([str(downstream.folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    result = downstream.run(
        *("-p", "without_xdist", "-p", "pytest_foodtrucks.plugin"),
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": path},
    )
    result.assert_outcomes(passed=2)
    assert created() == {"network": 1, "castaway": 1}


@pytest.mark.parametrize(
    "end",
    [
        "os._exit(1)",
        # The next test's worker dies by _exit, too; to the controller both are a broken connection.
        pytest.param("os.kill(os.getpid(), signal.SIGKILL)", marks=pytest.mark.slow),
    ],
)
def test_the_stack_outlives_the_worker_that_started_it(
    downstream: Downstream, created: Callable[[], Counter[str]], end: str
) -> None:
    downstream.write(
        conftest=CONFTEST,
        test_it=f"""
        import os, signal
        import pytest

        def test_crash(echo): {end}

        @pytest.mark.parametrize("number", range(6))
        def test_it(number, echo, foodtrucks_net):
            assert echo.container.status == "running"
            assert echo.__foodtrucks__.listens(7000)
        """,
    )
    downstream.run("-n2", timeout=180).assert_outcomes(passed=6, failed=1)
    counted = created()
    assert counted["network"] == 1
    assert counted["echo"] == 1


def test_a_worker_that_dies_while_it_starts_a_service_leaves_no_second_one(downstream: Downstream) -> None:
    marker = downstream.folder / "crashed"
    downstream.write(
        conftest=f"""
        import os, pathlib
        from pytest_foodtrucks import service

        def crash_once(target):
            marker = pathlib.Path({str(marker)!r})
            if not marker.exists():
                marker.touch()
                os._exit(1)

        echo = service(image=os.environ["EXAMPLE_BUSYBOX_IMAGE"], command="sleep 600", ready=crash_once)
        """,
        test_it="""
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_it(number, echo, net_probe):
            assert net_probe.resolve("echo") == [echo.container.ip]
        """,
    )
    downstream.run("-n2", timeout=180).assert_outcomes(passed=5, failed=1)


def test_a_failed_start_is_told_to_each_worker_and_tried_once(
    downstream: Downstream, created: Callable[[], Counter[str]]
) -> None:
    downstream.write(
        conftest="""
        import os
        from pytest_foodtrucks import ready, service

        broken = service(
            image=os.environ["EXAMPLE_BUSYBOX_IMAGE"],
            command=["sh", "-c", "echo oh no; exit 7"],
            ready=ready.log("oh yes"),
        )
        """,
        test_it="""
        import pytest

        @pytest.mark.parametrize("number", range(8))
        def test_it(number, broken): pass
        """,
    )
    result = downstream.run("-n4")
    result.assert_outcomes(errors=8)
    assert result.stdout.str().count("exited with exit code 7") >= 8
    assert created()["broken"] == 1


AFTER = """
import os, pathlib, time
import pytest
from pytest_foodtrucks import DefinitionError

one, other = (pytest.mark.xdist_group(name) for name in ("one", "other"))

def after(name):
    deadline = time.monotonic() + 60
    while not pathlib.Path(name).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert pathlib.Path(name).exists()
"""


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("volumes", "lambda tmp_path_factory: [str(tmp_path_factory.mktemp('d')) + ':/data']"),
        ("user", "lambda line: line"),
    ],
)
def test_a_shared_service_that_another_worker_defines_otherwise_is_refused_and_nobody_is_harmed(
    downstream: Downstream, keyword: str, value: str
) -> None:
    downstream.write(
        conftest=f"""
        import os
        import pytest
        from pytest_foodtrucks import service

        @pytest.fixture(scope="session", params=[1, 2])
        def line(request): return request.param

        cache = service(image=os.environ["EXAMPLE_BUSYBOX_IMAGE"], command="sleep 600", {keyword}={value})
        """,
        test_it=f"""{AFTER}
@one
@pytest.mark.parametrize("line", [1], indirect=True)
def test_first(line, cache):
    pathlib.Path("up").touch()
    after("refused")
    assert cache.container.status == "running"

@other
@pytest.mark.parametrize("line", [2], indirect=True)
def test_second(line, request):
    after("up")
    with pytest.raises(DefinitionError, match="'cache' .*started with: {keyword}. Remedy: .*shared=False"):
        request.getfixturevalue("cache")
    pathlib.Path("refused").touch()
""",
    )
    downstream.run("-n2", "--dist=loadgroup").assert_outcomes(passed=2)


def test_a_shared_service_that_starts_leaves_what_others_have_under_its_name_on_another_network(
    downstream: Downstream,
) -> None:
    downstream.write(
        conftest="""
        import os
        from pytest_foodtrucks import network, service

        net = network()
        db = service(image=os.environ["EXAMPLE_BUSYBOX_IMAGE"], command="sleep 600")
        probe = service(image=os.environ["EXAMPLE_BUSYBOX_IMAGE"], command="sleep 600")
        """,
        test_it=f"""{AFTER}
@one
def test_first(net, net_probe):
    image = os.environ["EXAMPLE_BUSYBOX_IMAGE"]
    with net.service(image=image, command="sleep 600", aliases=["db"]) as own:
        pathlib.Path("up").touch()
        after("started")
        assert own.container.status == "running"
        assert net_probe.container.status == "running"

@other
def test_second(request):
    after("up")
    request.getfixturevalue("db")
    request.getfixturevalue("probe")
    pathlib.Path("started").touch()
""",
    )
    downstream.run("-n2", "--dist=loadgroup").assert_outcomes(passed=2)


def test_one_worker_at_a_time_has_an_alias_in_a_block(downstream: Downstream) -> None:
    downstream.write(
        test_it="""
        import os
        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_it(number, foodtrucks_net, net_probe):
            image = os.environ["EXAMPLE_BUSYBOX_IMAGE"]
            with foodtrucks_net.service(image=image, command="sleep 600", aliases=["v"]) as own:
                for _ in range(5):
                    assert net_probe.resolve("v") == [own.container.ip]
        """,
    )
    downstream.run("-n2").assert_outcomes(passed=4)


def test_what_is_not_shared_has_its_workers_name(downstream: Downstream) -> None:
    downstream.write(
        conftest="""
        import os
        from pytest_foodtrucks import service

        own = service(image=os.environ["EXAMPLE_BUSYBOX_IMAGE"], command="sleep 600", shared=False)
        passing = service(image=os.environ["EXAMPLE_BUSYBOX_IMAGE"], command="sleep 600", scope="function")
        """,
        test_it="""
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_it(number, own, passing, worker_id, net_probe):
            assert own.alias == f"own-{worker_id}"
            assert passing.alias == f"passing-{worker_id}"
            assert net_probe.resolve(own.alias) == [own.container.ip]
        """,
    )
    downstream.run("-n2").assert_outcomes(passed=6)


def test_workers_start_only_what_their_tests_need(downstream: Downstream, created: Callable[[], Counter[str]]) -> None:
    downstream.write(conftest=CONFTEST, test_it="def test_it(net_probe): pass\ndef test_none(): pass")
    downstream.run("-n2").assert_outcomes(passed=2)
    assert created() == {"network": 1, "probe": 1}
