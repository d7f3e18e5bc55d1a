"""The lines and bars while the engine pulls or builds."""

import io
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from fakes.machine import Clock
from pytest_foodtrucks.containers.progress import Documents, Layers, Progress


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def downloading(layer: str, current: int, total: int) -> Mapping[str, Any]:
    """Return an event of a layer that is arriving."""
    return {"id": layer, "status": "Downloading", "progressDetail": {"current": current, "total": total}}


def done(layer: str) -> Mapping[str, Any]:
    """Return an event of a layer that has arrived."""
    return {"id": layer, "status": "Download complete", "progressDetail": {}}


def added(events: Sequence[Mapping[str, Any]]) -> Layers:
    """Return layers after these events."""
    layers = Layers()
    for event in events:
        layers.add(event)
    return layers


# layers


@pytest.mark.parametrize(
    ("events", "sums"),
    [
        ([downloading("a", 1, 10)], (1, 10)),
        ([downloading("a", 1, 10), downloading("b", 2, 20)], (3, 30)),
        ([downloading("a", 1, 10), downloading("a", 7, 10)], (7, 10)),
        ([downloading("a", 1, 10), done("a")], (10, 10)),
        ([done("never seen")], (0, 0)),
        ([{"status": "Digest: sha256:1"}, {"status": "Status: done"}], (0, 0)),
        ([{"id": "a", "status": "Extracting", "progressDetail": {"current": 5, "total": 9}}], (0, 0)),
        ([{"id": "a", "status": "Downloading", "progressDetail": {"current": 5}}], (0, 0)),
        ([{"id": "a", "status": "Downloading", "progressDetail": None}], (0, 0)),
    ],
)
def test_the_bytes_of_all_layers_are_added_up(events: Sequence[Mapping[str, Any]], sums: tuple[int, int]) -> None:
    layers = added(events[:-1])
    assert layers.add(events[-1]) == sums


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([], ""),
        ([downloading("a", 2_000_000, 10_000_000)], "2 of 10 MB"),
        ([downloading("a", 2_000_000, 10_000_000), done("a")], "unpacking 10 MB"),
    ],
)
def test_the_amount_tells_how_far_it_is(events: Sequence[Mapping[str, Any]], words: str) -> None:
    assert added(events).amount == words


def test_documents_are_added_up() -> None:
    documents = Documents(100)
    assert documents.amount == ""
    assert documents.add({"documents": 1000, "bytes": 30}) == (30, 100)
    assert documents.add({"documents": 1000, "bytes": 20}) == (50, 100)
    assert documents.amount == "2,000 documents"


# lines


def test_lines_tell_the_amount_of_what_is_counted() -> None:
    stream, clock = io.StringIO(), Clock()
    with Progress(stream, clock=clock).working("filling es", Documents(100)) as update:
        clock.sleep(11)
        update({"documents": 1000, "bytes": 30})
    assert "foodtrucks: filling es: 1,000 documents" in stream.getvalue().splitlines()


def test_without_a_terminal_work_begins_with_a_line_and_ends_with_a_line() -> None:
    stream, clock = io.StringIO(), Clock()
    with Progress(stream, clock=clock).working("pulling es"):
        clock.now += 2.5
    assert stream.getvalue() == "foodtrucks: pulling es …\nfoodtrucks: pulling es: done in 2.5 s\n"


def test_control_characters_in_a_line_are_escaped() -> None:
    stream = io.StringIO()
    Progress(stream).say("pulling \x1b]0;owned\x07\r")
    assert stream.getvalue() == "foodtrucks: pulling \\x1b]0;owned\\x07\\r\n"


def test_a_line_comes_every_ten_seconds_however_many_events_there_are() -> None:
    stream, clock = io.StringIO(), Clock()
    with Progress(stream, clock=clock).working("pulling es") as update:
        for second in range(25):
            clock.now += 1
            update(downloading("a", second * 1_000_000, 100_000_000))
    assert stream.getvalue().splitlines()[1:-1] == [
        "foodtrucks: pulling es: 9 of 100 MB",
        "foodtrucks: pulling es: 19 of 100 MB",
    ]


def test_a_line_without_known_sizes_says_that_it_goes_on() -> None:
    stream, clock = io.StringIO(), Clock()
    with Progress(stream, clock=clock).working("pulling es") as update:
        clock.now += 10
        update({"status": "Pulling from library/es"})
    assert "foodtrucks: pulling es: still at it\n" in stream.getvalue()


def test_work_that_fails_isnt_called_done() -> None:
    stream = io.StringIO()
    with pytest.raises(ZeroDivisionError), Progress(stream).working("pulling es"):
        raise ZeroDivisionError
    assert stream.getvalue() == "foodtrucks: pulling es …\n"


def test_work_goes_on_where_nobody_reads_what_is_said() -> None:
    class Unread(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    with Progress(Unread()).working("pull es"):
        pass


def test_without_a_stream_nothing_is_shown() -> None:
    with Progress(None).working("pulling es") as update:
        update(downloading("a", 1, 10))


# bars


@pytest.fixture
def _capable_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")


@pytest.mark.usefixtures("_capable_terminal")
def test_on_a_terminal_a_bar_shows_name_and_amount() -> None:
    stream = Terminal()
    with Progress(stream).working("pulling es") as update:
        update(downloading("a", 2_000_000, 10_000_000))
    assert "pulling es" in stream.getvalue()
    assert "foodtrucks: pulling es: done in" in stream.getvalue()


@pytest.mark.usefixtures("_capable_terminal")
def test_pieces_of_work_at_the_same_time_share_one_display_which_ends_with_the_last() -> None:
    stream = Terminal()
    progress, all_begun = Progress(stream), Barrier(2)

    def work(name: str) -> None:
        with progress.working(name):
            all_begun.wait(5)

    with ThreadPoolExecutor() as pool:
        list(pool.map(work, ["pulling es", "pulling web"]))
    shown = stream.getvalue()
    assert "foodtrucks: pulling es: done in" in shown
    assert "foodtrucks: pulling web: done in" in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1  # the cursor, hidden once and shown again


@pytest.mark.usefixtures("_capable_terminal")
def test_a_process_that_shares_its_terminal_gets_lines() -> None:
    stream = Terminal()
    with Progress(stream, bars=False).working("pulling es"):
        pass
    assert stream.getvalue().startswith("foodtrucks: pulling es …\n")


@pytest.mark.parametrize("kind", ["dumb", "unknown"])
def test_a_terminal_that_cant_move_its_cursor_gets_lines(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", kind)
    stream = Terminal()
    with Progress(stream).working("pulling es"):
        pass
    assert stream.getvalue().startswith("foodtrucks: pulling es …\n")


def test_a_character_that_the_encoding_lacks_is_no_error() -> None:
    """LC_ALL=POSIX without Python's UTF-8 mode, or a Latin-1 terminal."""
    code = """
from pytest_foodtrucks.containers.progress import Progress, standard_error
with standard_error() as stream, Progress(stream).working("it"):
    pass
"""
    environ = {**os.environ, "LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    result = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert result.stderr.startswith("foodtrucks: it ?\n")
