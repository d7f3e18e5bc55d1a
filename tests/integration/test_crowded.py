"""An engine whose address pools are all used: a daemon of its own with tiny pools, in its own network namespace."""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp

import pytest

from pytest_foodtrucks import Engine, EngineNotFound
from pytest_foodtrucks.engine import find_engine

from .conftest import Downstream


@pytest.fixture
def crowded(foodtrucks_engine: Engine) -> Iterator[Engine]:
    """Start a daemon that has room for one network, and use that up."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.fail("This test starts a dockerd of its own. Remedy: run it as root where docker.io is installed.")
    ip = shutil.which("ip")
    if ip is None:
        pytest.fail("This test makes a network namespace. Remedy: apt-get install iproute2.")
    name = f"crowd{secrets.token_hex(3)}"
    folder = Path(mkdtemp(prefix="foodtrucks-crowd-"))  # short, because a socket's path may not be long
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        subprocess.run([ip, "netns", "add", name], check=True)
        undo.callback(subprocess.run, [ip, "netns", "delete", name], check=True)
        command = [
            *("nsenter", f"--net=/var/run/netns/{name}", "dockerd", f"--host=unix://{folder}/docker.sock"),
            *(f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid"),
            *(f"--containerd-namespace={name}", f"--containerd-plugins-namespace=p{name}"),
            *("--bip=10.99.0.1/24", "--default-address-pool=base=10.98.0.0/24,size=24"),
        ]
        log = undo.enter_context((folder / "log").open("wb"))
        daemon = undo.enter_context(subprocess.Popen(command, stdout=log, stderr=log))
        undo.callback(daemon.terminate)
        engine = _answering(f"unix://{folder}/docker.sock", folder / "log")
        undo.callback(engine.close)
        image = os.environ["FOODTRUCKS_PROBE_IMAGE"]
        content = b"".join(foodtrucks_engine.api.get_image(image))
        engine.api.load_image(content)  # type: ignore[no-untyped-call] # a gap of types-docker
        engine.create_network("neighbour", driver="bridge", internal=False, labels={})
        yield engine


def _answering(url: str, log: Path) -> Engine:
    deadline = time.monotonic() + 60
    while True:
        try:
            return find_engine(url)
        except EngineNotFound:
            if time.monotonic() > deadline:
                pytest.fail(f"The daemon doesn't answer: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)


def test_a_session_ends_well_on_a_subnet_that_was_free(downstream: Downstream, crowded: Engine) -> None:
    downstream.write(
        test_it="""
        def test_it(foodtrucks_net, net_probe):
            assert foodtrucks_net.subnet.startswith("10.")
            with foodtrucks_net.probe() as other:
                assert net_probe.resolve(other.container.name) == [other.container.ip]
        """
    )
    result = downstream.run(f"--foodtrucks-engine={crowded.url}")
    result.assert_outcomes(passed=1)
    result.stderr.fnmatch_lines("*the engine's address pools are used up; foodtrucks-net-* is on 10.*, which was free")
    assert crowded.labels("networks", "pytest-foodtrucks") == {}
