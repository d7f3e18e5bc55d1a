"""What the tests on a real engine share."""

import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from pytest_foodtrucks import Engine, network
from pytest_foodtrucks.engine.labels import KINDS, MADE_FROM_LABEL, OWNER_LABEL, SESSION_LABEL
from pytest_foodtrucks.sessions.owners import state_of
from pytest_foodtrucks.sessions.state_key import identity

ROOT = Path(__file__).parents[2]

home = network()
abroad = network()
island = network(internal=True)


@pytest.fixture(scope="session", autouse=True)
def _signals_are_heard() -> None:
    """Hear again what a shell's `&` or nohup had ignored: the processes that tests start inherit that."""
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
        (signal.SIGTERM, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the state of these tests, and of the sessions that they start, apart from everybody else's."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder


@pytest.fixture
def only_unknown_things() -> Iterator[None]:
    """Let one test at a time have things of unknown owners on the engine, or remove all that are there."""
    with FileLock(Path(tempfile.gettempdir(), "pytest-foodtrucks-tests-unknown-things.lock")):
        yield


def identities_in(folder: Path) -> set[str]:
    """Return the identities of the state folders in a folder."""
    return {identity(file.parent) for file in folder.glob("*/key")}


def _labelled(engine: Engine, label: str, *, ours: Callable[[str], bool]) -> set[str]:
    """Return the ids of all containers, networks and volumes whose label has a value that is ours."""
    found = [each for kind in KINDS for each in engine.labels(kind, label).items()]
    return {thing for thing, value in found if ours(value)}


@pytest.fixture
def ours_on_engine(foodtrucks_engine: Engine, state_home: Path) -> Callable[[], set[str]]:
    """Ask for the ids of all containers, networks and volumes that have an owner in a state folder of these tests."""

    def ask() -> set[str]:
        identities = identities_in(state_home)
        return _labelled(foodtrucks_engine, OWNER_LABEL, ours=lambda owner: state_of(owner) in identities)

    return ask


@pytest.fixture
def kept_by_tests(foodtrucks_engine: Engine, state_home: Path) -> Callable[[], set[str]]:
    """Ask for the ids of all that belongs to a kept stack in a state folder of these tests."""

    def ask() -> set[str]:
        kept = {folder.name for folder in state_home.glob("*/kept/*/")}
        return _labelled(foodtrucks_engine, SESSION_LABEL, ours=lambda session: session in kept)

    return ask


@pytest.fixture
def derived_images_go(foodtrucks_engine: Engine) -> Iterator[None]:
    """Remove the images that a test derived from others; one test at a time: no image says which test made it."""
    labels = {"label": MADE_FROM_LABEL}
    with FileLock(Path(tempfile.gettempdir(), "pytest-foodtrucks-tests-derived-images.lock")):
        before = {image["Id"] for image in foodtrucks_engine.api.images(filters=labels)}
        yield
        for image in foodtrucks_engine.api.images(filters=labels):
            if image["Id"] not in before:
                foodtrucks_engine.remove_image(image["Id"])


@pytest.fixture
def nothing_left(ours_on_engine: Callable[[], set[str]], kept_by_tests: Callable[[], set[str]]) -> Iterator[None]:
    """See that a test left no container, no network and no volume on the engine, kept ones neither."""
    before = ours_on_engine() | kept_by_tests()
    yield
    assert (ours_on_engine() | kept_by_tests()) - before == set()


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Leave Hypothesis' plugin out of sessions that tests start: at the end of each it imports all of Hypothesis."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:anyio -p no:time_machine")
    return pytester


class Downstream:
    """A suite of somebody's own in a folder of its own, run by a pytest of its own."""

    def __init__(self, pytester: pytest.Pytester, folder: Path | None = None) -> None:
        """`folder` is where the suite lies, if not in the folder of pytester."""
        self.pytester = pytester
        self.folder = pytester.path if folder is None else folder

    def write(self, **files: str) -> None:
        """Write Python files: `conftest="…"` becomes conftest.py."""
        for stem, text in files.items():
            (self.folder / f"{stem}.py").write_text(f"{textwrap.dedent(text).strip()}\n")

    def run(self, *args: str, timeout: float = 120, env: Mapping[str, str | None] | None = None) -> pytest.RunResult:
        """Run its tests; `env` sets variables, and takes away those that are None."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name, value in (env if env is not None else {}).items():
                if value is None:
                    patch.delenv(name, raising=False)
                else:
                    patch.setenv(name, value)
            return self.pytester.runpytest_subprocess("-p", "no:cacheprovider", *args, timeout=timeout)

    @contextmanager
    def started(
        self, *args: str, new_session: bool = False, stderr: int | None = None
    ) -> Iterator["subprocess.Popen[str]"]:
        """Start its tests and go on; what still runs at the end of the block is killed."""
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args]
        with subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=new_session,
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def watchdog_of(state: Path) -> int:
    """Return the process id of the watchdog of a state folder."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes()
        except OSError:  # ended meanwhile
            continue
        if f"watchdog.py\0{state}/".encode() in words:
            return int(entry.parent.name)
    raise AssertionError("there is no watchdog")


def watchdogs_end(folder: Path) -> None:
    """See that the watchdogs of a state folder, or of those in it, end."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            watchdog_of(folder)
        except AssertionError:
            return
        time.sleep(0.1)
    raise AssertionError(f"a watchdog of {folder} doesn't end")


@pytest.fixture(scope="session")
def watched() -> Iterator[list[Path]]:
    """Collect state folders, and see once that all their watchdogs end: each looks again 6.5 s after its last work."""
    folders: list[Path] = []
    yield folders
    for folder in folders:
        watchdogs_end(folder)


@pytest.fixture
def state(state_home: Path, downstream: "Downstream", watched: list[Path]) -> Path:
    """Return the suite's own state folder, whose watchdogs have to end."""
    watched.append(state_home / downstream.folder.name)
    return watched[-1]


@pytest.fixture
def downstream(pytester: pytest.Pytester, nothing_left: None) -> Downstream:
    """Return a downstream suite that leaves nothing on the engine."""
    del nothing_left
    return Downstream(pytester)


@pytest.fixture
def pruned(downstream: Downstream, state_home: Path) -> Iterator[Downstream]:
    """Return a downstream suite, and prune after the test what its sessions with reuse kept in their state folder."""
    yield downstream
    command = [sys.executable, "-m", "pytest_foodtrucks", "prune", f"--state-dir={state_home / 'pytest-foodtrucks'}"]
    subprocess.run(command, check=True, timeout=100)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the package's wheel, made from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True)
    (made,) = folder.glob("*.whl")
    return made


def install(where: Sequence[str], *packages: str) -> None:
    """Install packages where options of pip say, `--python` or `--target`: by uv; by pip where that can't.

    uv doesn't read pip's configuration, which may name the only registry that answers.
    """
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", *where, *packages]
    if subprocess.run(uv, check=False, timeout=300).returncode != 0:
        before, after = ([], where) if where[0] == "--target" else (where, [])
        pip = [sys.executable, "-m", "pip", *before, "install", "--quiet", *after, *packages]
        subprocess.run(pip, check=True, timeout=300)
