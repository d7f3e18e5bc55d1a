"""One part for many workers: started once, taken over by the others, a failure told to each."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_foodtrucks import EngineError, FoodtrucksError, ImageError, NotReadyInTime, StartError, StateError
from pytest_foodtrucks.containers.building import Build
from pytest_foodtrucks.sessions.state_folder import write_json
from pytest_foodtrucks.sessions.state_key import keyed
from pytest_foodtrucks.stacks.sharing import fingerprints, shared


class Other(Exception):
    """What is there was started from other values."""


def refuse(words: Sequence[str]) -> None:
    """Be what refuses another one."""
    raise Other(*words)


def digest(text: str) -> str:
    """Be a state folder's digest."""
    return hashlib.sha256(f"a key {text}".encode()).hexdigest()


@dataclass
class Number:
    """A part that is only a number."""

    values: Mapping[str, object]
    key = "part"

    def dump(self, number: int) -> Mapping[str, Any]:
        return {"n": number}

    def load(self, about: Mapping[str, Any]) -> int:
        return int(about["n"])


def worker(
    folder: Path,
    start: Callable[[], int],
    *,
    on_other: Callable[[Sequence[str]], None] = refuse,
    **values: object,
) -> int:
    """Ask for a part as a worker does that has it defined by these values."""
    with shared(folder, Number(values), digest=digest, on_other=on_other, start=start) as value:
        return value


def test_the_first_worker_starts_and_the_others_take_over(tmp_path: Path) -> None:
    starts: list[int] = []

    def start() -> int:
        starts.append(7)
        return 7

    with ThreadPoolExecutor() as pool:
        assert set(pool.map(lambda _: worker(tmp_path, start), range(8))) == {7}
    assert starts == [7]


def test_one_that_was_started_from_other_values_is_refused_by_their_words(tmp_path: Path) -> None:
    worker(tmp_path, lambda: 1, image="a", user="me", words="mine")
    with pytest.raises(Other) as raised:
        worker(tmp_path, lambda: 2, image="b", user="me", words="theirs")
    assert raised.value.args == ("image", "words")
    assert worker(tmp_path, lambda: 2, image="a", user="me", words="mine") == 1
    assert not any("mine" in file.read_text() for file in tmp_path.iterdir())


def test_one_that_was_started_from_other_values_may_be_started_anew(tmp_path: Path) -> None:
    for number in (1, 2, 1):
        assert worker(tmp_path, lambda: number, on_other=lambda _: None, image=number) == number  # noqa: B023 - used at once


def test_a_start_that_failed_is_told_to_each_and_not_tried_again(tmp_path: Path) -> None:
    def fail() -> int:
        raise ImageError("no such image", logs="its words")

    for start in (fail, lambda: 1):
        with pytest.raises(ImageError, match="no such image") as raised:
            worker(tmp_path, start)
        assert raised.value.logs == "its words"


@pytest.mark.parametrize("kind", [EngineError, *EngineError.__subclasses__(), StartError, NotReadyInTime])
def test_errors_of_each_kind_are_told_as_what_they_are(tmp_path: Path, kind: type[FoodtrucksError]) -> None:
    def fail() -> int:
        raise kind("no", logs="its words")

    for start in (fail, lambda: 1):
        with pytest.raises(kind, match="no") as raised:
            worker(tmp_path, start)
        assert raised.value.logs == "its words"


def test_a_seed_that_failed_is_told_with_its_own_words(tmp_path: Path) -> None:
    def fail() -> int:
        raise RuntimeError("no seed today")

    with pytest.raises(RuntimeError, match="no seed today"):
        worker(tmp_path, fail)
    with pytest.raises(Exception, match="RuntimeError: no seed today"):
        worker(tmp_path, lambda: 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{half",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b'{"values": {}}',
        b'{"values": {}, "part": 7}',
        b'{"values": {}, "error": "NoSuchError"}',
        b'{"values": {}, "error": 7}',
    ],
)
def test_a_corrupt_state_file_is_told(tmp_path: Path, content: bytes) -> None:
    worker(tmp_path, lambda: 1)
    (state,) = tmp_path.glob("*.json")
    state.write_bytes(content)
    with pytest.raises(StateError, match=r"The state file .* is corrupt: .*Remedy: run again"):
        worker(tmp_path, lambda: 1)


def test_what_a_failed_seeds_error_had_with_it_is_told_too(tmp_path: Path) -> None:
    def fail() -> int:
        error = RuntimeError("no seed today")
        error.add_note("its last words")
        raise error

    with pytest.raises(RuntimeError):
        worker(tmp_path, fail)
    with pytest.raises(StartError, match="RuntimeError: no seed today\nits last words"):
        worker(tmp_path, lambda: 1)


def test_a_folder_that_cannot_be_written_is_told_and_hides_no_failure(tmp_path: Path) -> None:
    def fail() -> int:
        (tmp_path / "gone").rename(tmp_path / "elsewhere")
        raise ImageError("no such image")

    (tmp_path / "gone").mkdir()
    with pytest.raises(ImageError, match="no such image"):
        worker(tmp_path / "gone", fail)
    with pytest.raises(StateError, match=r"can't be used: No such file or directory. Remedy: make it writable"):
        write_json(tmp_path / "gone" / "part.json", {})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"A": "1", "B": "2"}, {"B": "2", "A": "1"}),
        ({"test": {"b": 1, "a": [2]}}, {"test": {"a": [2], "b": 1}}),
        ({1, 2, 3}, {3, 2, 1}),
        (("a", {"x": 1, "y": 2}), ["a", {"y": 2, "x": 1}]),
        (Build(Path("/a"), args=(("A", "1"),)), Build(Path("/a"), args=(("A", "1"),))),
    ],
)
def test_equal_values_are_equal_in_whatever_order_they_are_written(one: object, other: object) -> None:
    assert fingerprints({"it": one}, digest) == fingerprints({"it": other}, digest)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["a", "b"], ["b", "a"]),
        ({"A": "1"}, {"A": "2"}),
        (Build(Path("/a"), args=(("A", "1"),)), Build(Path("/a"), args=(("A", "2"),))),
        ("1", 1),
    ],
)
def test_other_values_have_other_fingerprints(one: object, other: object) -> None:
    assert fingerprints({"it": one}, digest) != fingerprints({"it": other}, digest)


def test_a_fingerprint_says_nothing_to_who_has_not_got_the_key(tmp_path: Path) -> None:
    one, other = (keyed(tmp_path / name) for name in ("one", "other"))
    assert fingerprints({"environment": "hunter2"}, one) == fingerprints({"environment": "hunter2"}, one)
    assert fingerprints({"environment": "hunter2"}, one) != fingerprints({"environment": "hunter2"}, other)
