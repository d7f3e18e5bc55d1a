"""The parts of set-up that need neither network nor engine."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap import daemon, debian, downloads, environment
from bootstrap.checks import Outcome, ending_hung_tests, parts, side_by_side, summed_up
from bootstrap.environment import Images
from bootstrap.images.recipes import Recipe
from bootstrap.images.servers import SHA256
from bootstrap.setup_error import SetupError
from bootstrap.steps import step

ROOT = Path(__file__).parents[2]
GOOD = b"a server"
GOOD_SHA256 = hashlib.sha256(GOOD).hexdigest()
IMAGES = Images("mirror.example/es", "9.5.0", "team/web:1 2", "busybox")


class Source:
    """Answers each download with the next of its contents."""

    def __init__(self, path: Path, *contents: bytes) -> None:
        self.path = path
        self.contents = list(contents)

    def __call__(self) -> None:
        """Download."""
        self.path.write_bytes(self.contents.pop(0))


def test_a_right_file_is_not_downloaded_again(tmp_path: Path) -> None:
    """A file with the pinned checksum is used as it is."""
    path = tmp_path / "server.zip"
    path.write_bytes(GOOD)
    assert downloads.pinned(path, GOOD_SHA256, Source(path)) == path


def test_a_wrong_file_is_downloaded_once_more(tmp_path: Path) -> None:
    """What is damaged, in the cache or on the way, is replaced."""
    path = tmp_path / "server.zip"
    path.write_bytes(b"half a ser")
    source = Source(path, b"damaged", GOOD)
    downloads.pinned(path, GOOD_SHA256, source)
    assert path.read_bytes() == GOOD


def test_a_file_that_is_wrong_twice_is_deleted_and_named(tmp_path: Path) -> None:
    """The error names the file and both checksums, and nothing wrong stays in the cache."""
    path = tmp_path / "server.zip"
    with pytest.raises(SetupError, match=rf"server\.zip was downloaded twice.*instead of {GOOD_SHA256}"):
        downloads.pinned(path, GOOD_SHA256, Source(path, b"wrong", b"wrong"))
    assert not path.exists()


def writer(content: bytes) -> Callable[[Path], None]:
    """Return a maker of files with the content."""

    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def interrupted(path: Path) -> None:
    """Write a part, and be stopped."""
    path.write_bytes(b"half a ba")
    raise KeyboardInterrupt


def forbidden(path: Path) -> None:
    """Fail, because what is there is right."""
    pytest.fail(f"{path} was made again")


def test_a_file_is_made_once(tmp_path: Path) -> None:
    """A second call uses what the first made."""
    path = downloads.made_once(tmp_path / "cache" / "base.tar", writer(b"base"))
    assert downloads.made_once(path, forbidden).read_bytes() == b"base"


def test_an_interrupted_file_is_made_again(tmp_path: Path) -> None:
    """A half-written file never has the final name, and doesn't hinder the next try."""
    path = tmp_path / "base.tar"
    with pytest.raises(KeyboardInterrupt):
        downloads.made_once(path, interrupted)
    assert not path.exists()
    assert downloads.made_once(path, writer(b"base")).read_bytes() == b"base"


def test_an_altered_file_is_made_again(tmp_path: Path) -> None:
    """The checksum beside the file tells when it was cut short since."""
    path = downloads.made_once(tmp_path / "base.tar", writer(b"base"))
    path.write_bytes(b"bas")
    assert downloads.made_once(path, writer(b"base")).read_bytes() == b"base"


def test_the_cache_is_where_xdg_says(tmp_path: Path) -> None:
    """XDG_CACHE_HOME moves the cache; empty counts as not set."""
    assert downloads.cache_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "pytest-foodtrucks"
    assert downloads.cache_folder({"XDG_CACHE_HOME": ""}) == Path.home() / ".cache" / "pytest-foodtrucks"


def recipe(context: Path, *, image: str = "local/app:1", version: str = "1", checksum: str = "abc") -> Recipe:
    """Return a recipe that differs in what the test says."""
    return Recipe(image, context, (("VERSION", version),), (checksum,))


def test_a_recipe_changes_with_each_of_its_parts(tmp_path: Path) -> None:
    """Another name, argument, checksum, file or content means another image; the same means the same."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    hashes = [recipe(tmp_path).hash]
    assert recipe(tmp_path).hash == hashes[0]
    hashes += [recipe(tmp_path, image="local/app:2").hash, recipe(tmp_path, version="2").hash]
    hashes += [recipe(tmp_path, checksum="abd").hash]
    (tmp_path / "entry.sh").write_text("true\n")
    hashes.append(recipe(tmp_path).hash)
    (tmp_path / "entry.sh").write_text("false\n")
    hashes.append(recipe(tmp_path).hash)
    assert len(set(hashes)) == len(hashes)


def test_compiled_files_are_no_part_of_a_recipe(tmp_path: Path) -> None:
    """Importing the app doesn't make its image out of date."""
    before = recipe(tmp_path).hash
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "app.cpython-313.pyc").write_bytes(b"")
    assert recipe(tmp_path).hash == before


@pytest.mark.parametrize("version", SHA256)
def test_each_server_has_a_whole_checksum(version: str) -> None:
    """A pinned SHA-256 has 64 hexadecimal digits."""
    assert len(bytes.fromhex(SHA256[version])) == 32


def test_the_environment_can_be_read_by_a_shell() -> None:
    """Values are quoted, and DOCKER_HOST is left out where the plugin finds the engine by itself."""
    text = environment.as_shell(environment.variables(IMAGES, docker_host=None))
    assert text == (
        "export FOODTRUCKS_ES_IMAGE=mirror.example/es\n"
        "export FOODTRUCKS_ES_VERSION=9.5.0\n"
        "export FOODTRUCKS_WEB_IMAGE='team/web:1 2'\n"
        "export FOODTRUCKS_PROBE_IMAGE=busybox\n"
    )


def test_the_environment_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Reading gives what was written, with DOCKER_HOST where the engine is elsewhere, and no part is left."""
    path = tmp_path / ".foodtrucks.env"
    chosen = environment.variables(IMAGES, docker_host="unix:///run/user/1000/docker.sock")
    environment.write(path, chosen)
    assert environment.read(path) == chosen
    assert list(tmp_path.iterdir()) == [path]


def test_no_environment_file_means_no_choice(tmp_path: Path) -> None:
    """Before the first set-up nothing was chosen."""
    assert environment.read(tmp_path / ".foodtrucks.env") == {}


@pytest.mark.parametrize(
    ("os_release", "expected"),
    [
        ('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n', True),
        ('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n', True),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', True),
        ('ID="fedora"\nNAME="not debian"\n', False),
        ("ID=arch\n\n# a comment\n", False),
        ("", False),
    ],
)
def test_debian_and_its_kin_are_known(os_release: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """What decides is the distribution's ID and what it is like, not its other words."""
    assert debian.is_debian_like(os_release) is expected


@pytest.mark.parametrize(("name", "expected"), [(None, True), ("bash", True), ("dockerd", False)])
def test_a_pid_file_is_stale_unless_it_names_a_living_daemon(
    tmp_path: Path,
    name: str | None,
    expected: bool,  # noqa: FBT001 - a table's column
) -> None:
    """A number that is free, or has gone to another program, tells of a killed daemon."""
    pid_file = tmp_path / "docker.pid"
    pid_file.write_text("4711\n")
    assert daemon.is_stale(pid_file, "dockerd", {"4711": name}.get) is expected


def test_no_pid_file_is_not_stale(tmp_path: Path) -> None:
    """There is nothing to remove where no daemon ran."""
    assert not daemon.is_stale(tmp_path / "docker.pid", "dockerd", lambda _: None)


def test_a_step_tells_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    """What takes long is announced, and each step ends with what it said and its time."""
    with step("base", "making it") as say:
        say("debian")
    first, second = capsys.readouterr().out.splitlines()
    assert first == "[setup] base: making it ..."
    assert second.startswith("[setup] base: debian (0.0 s")


def test_one_failed_part_fails_all(capsys: pytest.CaptureFixture[str]) -> None:
    """The summary repeats each part's closing line, and its exit code is that of the worst."""
    outcomes = [Outcome("types", ok=False, closing="Found 1 error"), Outcome("tests", ok=True, closing="1 passed")]
    assert summed_up(outcomes, began=0.0) == 1
    assert summed_up(outcomes[1:], began=0.0) == 0
    out = capsys.readouterr().out
    assert "[types] FAILED: Found 1 error" in out
    assert "[tests] ok: 1 passed" in out


def test_parts_run_side_by_side_and_each_one_s_output_is_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first one ends only when the second has run, and a third one runs although the second failed."""
    waiting = "while not os.path.exists('done'): time.sleep(0.01)"
    (tmp_path / "first.py").write_text(f"import os, time\nprint('begun')\n{waiting}\nprint('ended')")
    (tmp_path / "second.py").write_text("open('done', 'w').close()\nprint('no')\nraise SystemExit(1)")
    (tmp_path / "third.py").write_text("import os\nprint(os.environ['WORD'])")
    modules = [(name, (name,)) for name in ("first", "second", "third")]
    assert side_by_side(modules, folder=tmp_path, environ={"WORD": "well"}) == [
        Outcome("first", ok=True, closing="ended"),
        Outcome("second", ok=False, closing="no"),
        Outcome("third", ok=True, closing="well"),
    ]
    assert "[first] first\nbegun\nended\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "everything", "ok"),
    [("3 deselected in 0.28s", "", True), ("3 deselected in 0.28s", "1", False), ("no tests ran in 0.01s", "", False)],
)
def test_a_part_whose_tests_are_all_slow_is_well_where_they_arent_asked_for(
    tmp_path: Path, words: str, everything: str, *, ok: bool
) -> None:
    """It ends with exit code 5 then."""
    (tmp_path / "slow.py").write_text(f"print({words!r})\nraise SystemExit(5)")
    (outcome,) = side_by_side([("slow", ("slow",))], folder=tmp_path, environ={"FOODTRUCKS_TEST_ALL": everything})
    assert outcome == Outcome("slow", ok=ok, closing=words)


def test_a_test_that_hangs_ends_its_part_and_shows_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The other parts go on."""
    (tmp_path / "test_hung.py").write_text("import time\ndef test_it():\n    time.sleep(600)\n")
    hung = ("hung", ("pytest", *ending_hung_tests(0.2), "-p", "no:foodtrucks", "test_hung.py"))
    (tmp_path / "well.py").write_text("print('well')")
    outcomes = side_by_side([hung, ("other", ("well",))], folder=tmp_path, environ={})
    assert [outcome.ok for outcome in outcomes] == [False, True]
    assert 'test_hung.py", line 3 in test_it' in capsys.readouterr().out


def test_each_part_ends_a_test_that_hangs() -> None:
    """Those of tox run tests without an engine alone, with a pytest that can't."""
    parts_of_tests = [argv for _, argv in parts(ROOT) if argv[0] == "pytest"]
    assert parts_of_tests
    assert all(argv[1:5] == ending_hung_tests(900) for argv in parts_of_tests)


def test_each_test_file_is_in_one_part() -> None:
    """Only the README's picture is made by a command of its own; tox runs some once more."""
    words = [word for _, argv in parts(ROOT) if "tox" not in argv for word in argv]
    for file in (ROOT / "tests").rglob("test_*.py"):
        path = file.relative_to(ROOT)
        found = [word for word in words if path.is_relative_to(word)]
        assert len(found) == (0 if "screenshot" in path.parts else 1), path


def test_each_part_is_measured_where_coverage_is_asked_for() -> None:
    """It takes long, so that an ordinary run does without; tox measures nothing."""
    measured = [argv[:2] for _, argv in parts(ROOT, coverage=True) if "pytest" in argv]
    assert set(measured) == {("coverage", "run")}
    assert all("coverage" not in argv for _, argv in parts(ROOT))


def test_a_failing_command_shows_its_last_words() -> None:
    """The error has the command, its exit code, its output and the remedy."""
    with pytest.raises(SetupError, match=r"exit code 3; see why\. Its last words:\nsorry"):
        debian.checked(["sh", "-c", "echo sorry >&2; exit 3"], remedy="see why")
