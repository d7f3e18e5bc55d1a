"""Each thing that goes wrong ends with one clear message, in bounded time, with nothing left on the engine."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from lab import HEALTHY, PYTHON
from pytest_foodtrucks import Engine

from .conftest import Downstream

NEEDS_ES = """
def test_a(es_on_net): pass
def test_b(es_on_net): pass
"""


def _error(result: pytest.RunResult) -> str:
    """Return what the report says of the first test's set-up, and see that it says it once for each test."""
    text = result.stdout.str()
    assert "Traceback" not in text
    return text


@pytest.fixture
def image_with_entrypoint(foodtrucks_engine: Engine) -> Iterator[str]:
    """Return an image with Python whose entrypoint ends at once, whatever its command is."""
    api: Any = foodtrucks_engine.api
    repository, tag = "foodtrucks-tests-entrypoint", "1"
    container = api.create_container(PYTHON)["Id"]
    api.commit(container, repository, tag, changes='ENTRYPOINT ["sh", "-c", "exit 3"]')
    api.remove_container(container)
    yield f"{repository}:{tag}"
    api.remove_image(f"{repository}:{tag}", force=True)


def test_a_probe_image_with_an_entrypoint_is_as_good(downstream: Downstream, image_with_entrypoint: str) -> None:
    downstream.write(test_it="def test_it(net_probe): assert net_probe.resolve('nobody-at-all') == []")
    downstream.run(f"--foodtrucks-probe-image={image_with_entrypoint}").assert_outcomes(passed=1)


def test_an_image_that_does_not_exist(downstream: Downstream) -> None:
    downstream.write(test_it=NEEDS_ES)
    result = downstream.run(
        "--foodtrucks-es-image=foodtrucks-local/no-such-image:1.2.3", env={"FOODTRUCKS_ES_VERSION": None}
    )
    result.assert_outcomes(errors=2)
    assert "The image foodtrucks-local/no-such-image:1.2.3 can't be pulled" in _error(result)
    result.stdout.fnmatch_lines("*Remedy: *--foodtrucks-image-prefix*")
    assert "The service es can't start. The image" in result.stdout.str()


def test_a_misspelt_image_is_told_with_its_line_and_similar_ones(downstream: Downstream) -> None:
    downstream.write(
        conftest="""
        from pytest_foodtrucks import service

        cache = service(image="foodtrucks-local/busibox:latest")
        """,
        test_it="def test_it(cache): pass",
    )
    downstream.run("--foodtrucks-pull=never").stdout.fnmatch_lines(
        "conftest.py:3: The service cache can't start. The image foodtrucks-local/busibox:latest isn't on the engine, "
        "and pull is never. The engine has *busybox:latest*"
    )


def test_an_engine_that_was_set_and_is_not_there(downstream: Downstream) -> None:
    downstream.write(test_it=NEEDS_ES)
    result = downstream.run("--foodtrucks-engine=unix:///no/such.sock")
    result.assert_outcomes(errors=2)
    assert "No engine answers at unix:///no/such.sock, set by the option engine" in _error(result)


def test_an_unknown_context(downstream: Downstream) -> None:
    downstream.write(test_it=NEEDS_ES)
    result = downstream.run(env={"DOCKER_HOST": None, "DOCKER_CONTEXT": "no-such-context"})
    result.assert_outcomes(errors=2)
    assert "DOCKER_CONTEXT is 'no-such-context', and there is no such context" in _error(result)


def test_an_elasticsearch_that_dies_at_its_start(downstream: Downstream) -> None:
    downstream.write(
        conftest="""
        from pytest_foodtrucks import elasticsearch_service

        es_on_net = elasticsearch_service(environment={"ES_JAVA_OPTS": "-XX:+NoSuchFlag"})
        """,
        test_it=NEEDS_ES,
    )
    result = downstream.run()
    result.assert_outcomes(errors=2)
    text = _error(result)
    assert "es ended before it was ready" in text
    assert "exited with exit code" in text
    assert "Unrecognized VM option 'NoSuchFlag'" in text


def test_an_elasticsearch_without_the_time_it_needs(downstream: Downstream) -> None:
    downstream.write(test_it=NEEDS_ES)
    result = downstream.run("--foodtrucks-timeout=0.5")
    result.assert_outcomes(errors=2)
    assert re.search(r"es was not ready after \d+\.\d s", _error(result))
    result.stdout.fnmatch_lines("*tries: GET /_cluster/health*--foodtrucks-timeout*")


def test_an_app_that_never_gets_ready(downstream: Downstream) -> None:
    downstream.write(
        conftest="""
        import os
        from pytest_foodtrucks import ready, service

        web_on_net = service(
            image=os.environ["EXAMPLE_BUSYBOX_IMAGE"],
            command=["sh", "-c", "echo still thinking; sleep 600"],
            ports=[5000],
            ready=ready.http("/healthz"),
            timeout=2,
        )
        """,
        test_it="""
        def test_a(web_client): pass
        def test_b(web_on_net): pass
        """,
    )
    result = downstream.run()
    result.assert_outcomes(errors=2)
    text = _error(result)
    assert re.search(r"foodtrucks-web was not ready after \d+\.\d s", text)
    assert "tries: GET /healthz on port 5000" in text
    assert "still thinking" in text


def test_a_container_that_didnt_get_ready_is_there_at_the_debugger(downstream: Downstream) -> None:
    downstream.write(
        conftest="""
        import os
        from pytest_foodtrucks import ready, service

        slow = service(
            image=os.environ["EXAMPLE_BUSYBOX_IMAGE"], command="sleep 600", ready=ready.log("never"), timeout=1
        )
        """,
        pdbs="""
        import subprocess

        class Pdb:
            def __init__(self, *args, **kwargs): pass
            def reset(self): pass
            def interaction(self, frame, traceback):
                ours = ["docker", "ps", "--filter", "label=pytest-foodtrucks.service=slow", "--format", "{{.Names}}"]
                print("AT PDB", subprocess.run(ours, capture_output=True, text=True).stdout)
        """,
        test_it="def test_it(slow): pass",
    )
    result = downstream.run("--pdb", "--pdbcls=pdbs:Pdb", "-s")
    result.assert_outcomes(errors=1)
    told = re.search(r"the container (foodtrucks-slow-\S+) stays until this session ends", result.stderr.str())
    assert told is not None
    assert told[1] in result.stdout.str().partition("AT PDB ")[2], "others may have services of that name"


def test_a_seed_that_fails_hands_nothing_out_and_shows_its_own_lines_alone(downstream: Downstream) -> None:
    downstream.write(
        conftest=f"""
        import elasticsearch
        import pytest
        from pytest_foodtrucks import elasticsearch_service

        program = {f"print('begun', flush=True){HEALTHY}"!r}
        es_on_net = elasticsearch_service(image={PYTHON!r}, command=["python3", "-c", program], ports=[9200])

        @pytest.fixture(scope="session")
        def es_seed():
            return lambda es: elasticsearch.Elasticsearch(es.url).get(index="none", id="1")
        """,
        test_it=NEEDS_ES,
    )
    result = downstream.run()
    result.assert_outcomes(errors=2)
    result.stdout.re_match_lines([r"`es_seed` \(conftest\.py:10\) raised elasticsearch\.NotFoundError: .*"])
    text = result.stdout.str()
    assert "elastic_transport" not in text
    assert "begun" not in text, "what it logged before it was ready"
    assert text.partition("_ ERROR at setup of test_b _")[0].count("\n") < 30


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--foodtrucks-es-heap=1m"], "*--foodtrucks-es-heap on the command line is '1m'*at least 128m*"),
        (["--foodtrucks-es-image=a/b:1", "--foodtrucks-es-version=2"], "*'a/b:1', which has a version already*'2'*"),
        (["--foodtrucks-pull=sometimes"], "*is 'sometimes'*missing, always, never*"),
    ],
)
def test_an_impossible_option_ends_the_session_before_anything_starts(
    downstream: Downstream, args: list[str], words: str
) -> None:
    downstream.write(test_it=NEEDS_ES)
    result = downstream.run(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(words)
    assert "collected" not in result.stdout.str()


@pytest.mark.slow  # test_servers.py asks a server of 6.8 for a client, unit/test_es.py for the words
def test_a_client_that_does_not_fit_is_told_which_would(downstream: Downstream) -> None:
    downstream.write(
        test_it="""
        def test_plain(es_on_net): assert es_on_net.version == "8.8.2"
        def test_client(es_client): pass
        """
    )
    result = downstream.run("--foodtrucks-es-version=8.8.2")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines("*can't speak to the server 8.8.2*'elasticsearch>=8,<9'*")


def test_a_failed_test_shows_what_the_services_logged_meanwhile(downstream: Downstream) -> None:
    downstream.write(
        conftest="""
        import os
        from pytest_foodtrucks import ready, service

        SERVER = dict(
            image=os.environ["FOODTRUCKS_PROBE_IMAGE"],
            command=["python3", "-u", "-m", "http.server", "7000"],
            ports=[7000],
            ready=ready.http("/"),
        )
        first = service(**SERVER)
        second = service(**SERVER)
        """,
        test_it="""
        def test_before(first, second):
            first.client.get("/before")
            second.client.get("/before")

        def test_it(first, second):
            second.client.get("/trace-of-this-test")
            assert False
        """,
    )
    result = downstream.run()
    result.assert_outcomes(passed=1, failed=1)
    text = result.stdout.str()
    assert "foodtrucks log of second" in text
    assert "foodtrucks log of first" not in text, "it logged nothing meanwhile"
    assert '"GET /trace-of-this-test HTTP/1.1" 404' in text
    assert "GET /before" not in text
