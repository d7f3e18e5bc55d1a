"""Live lines on standard error while long work goes on: the engine pulls or builds, documents are sent."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

from pytest_foodtrucks.clock import monotonic
from pytest_foodtrucks.engine.descriptors import output_to
from pytest_foodtrucks.engine.fork_lock import ForkLock
from pytest_foodtrucks.excerpts import printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

_SECONDS_BETWEEN_LINES: Final = 10.0
_BAR_WIDTH: Final = 20
_NAME_WIDTH: Final = 40
"""Characters; so a line of 80 has room for a bar, its amount and its name."""


class Counted(Protocol):
    """Adds up what the events of a piece of work tell."""

    def add(self, event: Mapping[str, Any], /) -> tuple[int, int]:
        """Count an event in, and return how much is done, and of how much."""

    @property
    def amount(self) -> str:
        """The same for a message; empty as long as nothing is known."""


class Progress:
    """Shows that long work goes on: a bar on a terminal, else lines at its begin, each 10 seconds, and at its end.

    Pieces of work that go on at the same time, in several threads, share one display. It is written to `stream`, or
    nowhere if that is None. `bars=False` is for a process that shares its terminal with others: it writes lines.
    """

    def __init__(self, stream: IO[str] | None, *, bars: bool = True, clock: Callable[[], float] = monotonic) -> None:
        self._stream = stream
        self._bars = bars
        self._clock = clock
        self._lock = ForkLock()
        self._display: Bars | None = None
        self._at_work = 0

    @contextmanager
    def working(self, what: str, counted: Counted | None = None) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        """Show a piece of work; yield a function that takes its events: the engine's, or those of `counted`."""
        began = self._clock()
        with self._shown(what, counted if counted is not None else Layers()) as update:
            yield update
            self.say(f"{what}: done in {self._clock() - began:.1f} s")

    @contextmanager
    def _shown(self, what: str, counted: Counted) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        if self._stream is None:
            yield lambda _: None
        elif self._bars and self._stream.isatty() and os.environ.get("TERM") not in {"dumb", "unknown"}:
            with self._bar(what, counted) as update:
                yield update
        else:
            self.say(f"{what} …")
            yield self._lines(what, counted)

    @contextmanager
    def _bar(self, what: str, counted: Counted) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        with self._lock:
            if self._display is None:
                self._display = self._started_display()
            self._at_work += 1
            display = self._display
        task = display.add_task(_shortened(what), total=None, amount="")

        def update(event: Mapping[str, Any]) -> None:
            done, total = counted.add(event)
            display.update(task, completed=done, total=total if total else None, amount=counted.amount)

        try:
            yield update
        finally:
            with self._lock:
                display.remove_task(task)
                self._at_work -= 1
                if self._at_work == 0:
                    display.stop()
                    self._display = None

    def _started_display(self) -> "Bars":
        from rich.console import Console  # noqa: PLC0415 - only sessions that pull or build pay for it
        from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415 - likewise

        display = Progress(
            BarColumn(_BAR_WIDTH),
            TextColumn("{task.fields[amount]}", markup=False),
            TextColumn("{task.description}", markup=False),
            console=Console(file=self._stream, force_terminal=True),
            transient=True,
            # pytest captures what tests print meanwhile.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        display.console.line()  # pytest has begun a line with the test file's name
        display.start()
        return display

    def _lines(self, what: str, counted: Counted) -> Callable[[Mapping[str, Any]], None]:
        said = self._clock()

        def update(event: Mapping[str, Any]) -> None:
            nonlocal said
            counted.add(event)
            if self._clock() - said >= _SECONDS_BETWEEN_LINES:
                said = self._clock()
                self.say(f"{what}: {counted.amount if counted.amount else 'still at it'}")

        return update

    def say(self, line: str) -> None:
        """Write a line. Unprintable characters are escaped: it may contain text from outside."""
        line = printable(line)
        with self._lock:
            if self._display is not None:
                self._display.console.print(f"foodtrucks: {line}", markup=False, highlight=False, soft_wrap=True)
            elif self._stream is not None:
                with suppress(OSError):  # nobody reads it any longer, or there is no room: the tests go on
                    self._stream.write(f"foodtrucks: {line}\n")
                    self._stream.flush()


def _shortened(what: str) -> str:
    """Return a line without the beginning of a long image name; the end says more."""
    if len(what) <= _NAME_WIDTH:
        return what
    verb, _, name = what.partition(" ")
    return f"{verb} …{name[len(verb) + 2 - _NAME_WIDTH :]}"


class Layers:
    """Adds up the bytes of an image's layers from the engine's pull events."""

    def __init__(self) -> None:
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._retrying = False

    def add(self, event: Mapping[str, Any]) -> tuple[int, int]:
        """Count an event in, and return two sums in bytes: what has arrived, and the size of all known layers."""
        layer, detail = event.get("id"), event.get("progressDetail") or {}
        self._retrying = str(event.get("status")).startswith("Retrying")
        if layer is not None and event.get("status") == "Downloading" and "total" in detail:
            self._total[layer] = detail["total"]
            self._done[layer] = detail.get("current", 0)
        elif layer in self._total and event.get("status") in {"Download complete", "Pull complete"}:
            self._done[layer] = self._total[layer]
        return sum(self._done.values()), sum(self._total.values())

    @property
    def amount(self) -> str:
        """Return for a message how much has arrived; empty as long as no layer's size is known."""
        done, total = sum(self._done.values()), sum(self._total.values())
        if not total:
            return ""
        if done == total:
            return f"unpacking {total / 1e6:.0f} MB"
        return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB{', trying again' if self._retrying else ''}"


class Documents:
    """Adds up documents that were sent, and their bytes; `total` is in bytes."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._bytes = 0
        self._documents = 0

    def add(self, event: Mapping[str, Any]) -> tuple[int, int]:
        """Count in how many `documents` came, and their `bytes`."""
        self._bytes += event["bytes"]
        self._documents += event["documents"]
        return self._bytes, self._total

    @property
    def amount(self) -> str:
        """Return for a message how many there are."""
        return f"{self._documents:,} documents" if self._documents else ""


def standard_error() -> IO[str] | None:
    """Return a stream to the current standard error, opened before pytest captures it; None if that is closed."""
    try:
        return output_to(2)
    except OSError:
        return None
