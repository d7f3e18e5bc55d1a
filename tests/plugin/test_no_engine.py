"""A session without an engine: what needs one fails at set-up, and nothing else notices."""

import itertools
from hashlib import sha256
from pathlib import Path

import pytest

TESTS = """
    import pytest

    def test_network(foodtrucks_net): pass
    def test_search(es_client): pass
    def test_web(web_client): pass
    def test_index(es_index): pass
    def test_probe(bridge_probe): pass
    def test_without(): pass
"""


@pytest.fixture(autouse=True)
def _no_docker_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


def errors(result: pytest.RunResult) -> list[str]:
    """Return what stands right below the headlines of errors at set-up."""
    lines = result.outlines
    return [below for line, below in itertools.pairwise(lines) if line.startswith("___") and "ERROR at setup" in line]


def test_a_set_address_without_an_engine_fails_each_test_that_needs_one_with_the_same_words(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, errors=5)
    said = errors(result)
    assert len(said) == 5
    assert len(set(said)) == 1
    assert "No engine answers at unix:///nonexistent.sock, set by DOCKER_HOST: there is no such socket." in said[0]
    assert "Remedy: start the engine there, mend or unset that address" in said[0]
    assert "`-m 'not foodtrucks'` leaves these tests out." in said[0]


@pytest.mark.parametrize("url", ["tcp://user:hunter2@h:99999", "tcp://user:hunter2@[::1", "tcp://hunter2@127.0.0.1:9"])
def test_an_address_is_told_without_its_user_part_wherever_it_was_set(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    pytester.makepyfile(TESTS)
    monkeypatch.setenv("DOCKER_HOST", url)
    result = pytester.runpytest_subprocess("--showlocals")
    result.assert_outcomes(passed=1, errors=5)
    told = result.stdout.str() + result.stderr.str()
    assert f"tcp://{url.rpartition('@')[2]}" in told
    assert "set by DOCKER_HOST" in told
    assert "hunter2" not in told
    assert "Traceback" not in told


def test_a_url_in_the_option_where_no_engine_can_be_is_a_usage_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("--foodtrucks-engine=tcp://user:hunter2@h:99999")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        "*--foodtrucks-engine on the command line is 'tcp://h:99999'. Remedy: use an address with a port*"
    )
    assert "hunter2" not in result.stderr.str()


def test_there_is_no_traceback_through_the_plugin(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    pytester.makepyfile(TESTS)
    text = pytester.runpytest_inprocess().stdout.str()
    assert "discovery.py" not in text
    assert "find_engine" not in text
    assert "During handling" not in text


def test_full_trace_shows_it(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    pytester.makepyfile("def test_network(foodtrucks_net): pass")
    assert "find_engine" in pytester.runpytest_inprocess("--full-trace").stdout.str()


def test_the_option_is_named_where_it_chose_the_address(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess("--foodtrucks-engine=unix:///nonexistent.sock")
    result.assert_outcomes(passed=1, errors=5)
    assert "set by the option engine" in errors(result)[0]


def test_an_unknown_context_is_named_with_its_place(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "elsewhere")
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, errors=5)
    assert "DOCKER_CONTEXT is 'elsewhere', and there is no such context. Remedy: choose one" in errors(result)[0]


def test_a_wrong_login_in_the_environment_is_told_once_an_engine_is_needed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", "{")
    pytester.makepyfile("def test_network(foodtrucks_net): pass")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    assert "DOCKER_AUTH_CONFIG in the environment can't be read" in errors(result)[0]


def test_the_engine_is_looked_for_once(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{pytester.path}/engine.sock")
    pytester.makeconftest(
        """
        import socket

        import pytest

        @pytest.fixture(scope="session")
        def knocks():
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind("engine.sock")
                yield
        """
    )
    pytester.makepyfile(
        """
        def test_first(foodtrucks_engine): pass
        def test_a_socket_appears(knocks): pass
        def test_second(foodtrucks_engine): pass
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, errors=2)
    assert len(set(errors(result))) == 1


@pytest.mark.parametrize("arguments", [["--collect-only"], ["-m", "not foodtrucks"], ["--setup-plan"], ["--fixtures"]])
def test_without_a_need_nobody_looks_for_an_engine(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess(*arguments)
    assert result.ret == pytest.ExitCode.OK
    assert "No engine answers" not in result.stdout.str()


def test_a_context_that_docker_py_cannot_look_up_is_told_apart(pytester: pytest.Pytester) -> None:
    """Docker keeps contexts without a config.json; docker-py finds them only beside one."""
    meta = pytester.path / "docker/contexts/meta" / sha256(b"elsewhere").hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text('{"Name": "elsewhere", "Metadata": {}, "Endpoints": {}}', encoding="utf-8")
    pytester.makepyfile("def test_it(foodtrucks_net): pass")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DOCKER_HOST", raising=False)
        patch.setenv("DOCKER_CONTEXT", "elsewhere")
        patch.setenv("DOCKER_CONFIG", str(pytester.path / "docker"))
        result = pytester.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*`docker context use elsewhere`*"])
