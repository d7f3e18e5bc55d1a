"""Another engine is chosen while a session runs: what it started goes from the engine that it used."""

import json
import signal
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from pytest_foodtrucks import Engine

from .conftest import Downstream
from .test_ways_out import Hang, gone, hang
from .test_xdist import CASTAWAY

__all__ = ["hang"]

Use = Callable[[str], None]


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foodtrucks_engine: Engine) -> Use:
    """Return what does as `docker context use`: `here` is the engine of these tests, at `staging` nobody answers."""
    config = tmp_path / "docker"
    for name, url in (("here", foodtrucks_engine.url), ("staging", f"unix://{tmp_path}/nobody.sock")):
        folder = config / "contexts/meta" / sha256(name.encode()).hexdigest()
        folder.mkdir(parents=True)
        about = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": url, "SkipTLSVerify": False}}}
        (folder / "meta.json").write_text(json.dumps(about))

    def use(name: str) -> None:
        (config / "config.json").write_text(json.dumps({"currentContext": name}))

    monkeypatch.setenv("DOCKER_CONFIG", str(config))
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "FOODTRUCKS_ENGINE"):
        monkeypatch.delenv(name, raising=False)
    use("here")
    return use


@pytest.mark.usefixtures("use")
def test_the_controller_of_workers_removes_their_stack_where_it_is(
    downstream: Downstream, state: Path, ours_on_engine: Callable[[], set[str]]
) -> None:
    other = '{"currentContext": "staging"}'
    downstream.write(
        conftest=CASTAWAY,
        test_it=f"""
        import os
        from pathlib import Path

        def test_it(castaway):
            Path(os.environ["DOCKER_CONFIG"], "config.json").write_text({other!r})
        """,
    )
    before = ours_on_engine()
    result = downstream.run("-n2", f"--foodtrucks-state-dir={state}")
    result.assert_outcomes(passed=1)
    assert ours_on_engine() - before == set()
    assert "left behind" not in result.stderr.str()


def test_the_watchdog_removes_what_a_killed_session_left_where_it_is(hang: Hang, use: Use) -> None:
    with hang() as session:
        use("staging")
        session.send(signal.SIGKILL)
        assert session.all_gone()


@pytest.mark.usefixtures("use")
def test_a_worker_that_comes_later_goes_to_the_engine_of_the_others(
    downstream: Downstream, state: Path, ours_on_engine: Callable[[], set[str]]
) -> None:
    downstream.write(
        conftest=CASTAWAY,
        test_it="""
        import os
        from pathlib import Path

        def test_0(castaway):
            Path(os.environ["DOCKER_CONFIG"], "config.json").write_text('{"currentContext": "staging"}')
            os._exit(3)

        def test_1(castaway):
            assert castaway.container.status == "running"
        """,
    )
    before = ours_on_engine()
    result = downstream.run("-n1", f"--foodtrucks-state-dir={state}")
    result.assert_outcomes(passed=1, failed=1)
    assert gone(lambda: ours_on_engine() - before)
