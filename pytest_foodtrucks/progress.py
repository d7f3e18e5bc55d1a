"""Live lines on standard error while the engine pulls or builds."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

_SECONDS_BETWEEN_LINES: Final = 10.0


class Progress:
    """Shows long work: bars on a terminal, else a line when it begins, now and then, and when it ends.

    Writes to `stream`; with None it is silent.
    """

    def __init__(self, stream: IO[str] | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock

    @contextmanager
    def working(self, what: str) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        """Show a piece of work; yield a function that takes the engine's progress events."""
        if self._stream is None:
            yield lambda _: None
            return
        began = self._clock()
        shown = self._bar(what) if self._stream.isatty() else self._lines(what)
        with shown as update:
            yield update
        self._say(f"{what}: done in {self._clock() - began:.1f} s")

    @contextmanager
    def _bar(self, what: str) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        from rich.console import Console  # noqa: PLC0415 - only sessions that pull or build pay for it
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn  # noqa: PLC0415 - likewise

        self._say("")
        columns = (TextColumn("foodtrucks: {task.description}"), BarColumn(), DownloadColumn())
        bars: Bars = Progress(*columns, console=Console(file=self._stream), transient=True)
        with bars:
            task = bars.add_task(what, total=None)
            layers = Layers()

            def update(event: Mapping[str, Any]) -> None:
                done, total = layers.add(event)
                bars.update(task, completed=done, total=total if total else None)

            yield update

    @contextmanager
    def _lines(self, what: str) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        self._say(f"{what} …")
        layers = Layers()
        said = self._clock()

        def update(event: Mapping[str, Any]) -> None:
            nonlocal said
            done, total = layers.add(event)
            if self._clock() - said >= _SECONDS_BETWEEN_LINES:
                said = self._clock()
                amount = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total else "still at it"
                self._say(f"{what}: {amount}")

        yield update

    def _say(self, line: str) -> None:
        if self._stream is not None:
            self._stream.write(f"foodtrucks: {line}\n" if line else "\n")
            self._stream.flush()


class Layers:
    """Adds up the bytes of an image's layers from the engine's pull events."""

    def __init__(self) -> None:
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}

    def add(self, event: Mapping[str, Any]) -> tuple[int, int]:
        """Take an event, and return the bytes that are here and the bytes of all known layers."""
        layer, detail = event.get("id"), event.get("progressDetail") or {}
        if layer is not None and event.get("status") == "Downloading" and "total" in detail:
            self._total[layer] = detail["total"]
            self._done[layer] = detail.get("current", 0)
        elif layer in self._total and event.get("status") in {"Download complete", "Pull complete"}:
            self._done[layer] = self._total[layer]
        return sum(self._done.values()), sum(self._total.values())


def standard_error() -> IO[str] | None:
    """Return a stream to where standard error leads now, before pytest captures it; None where it is closed."""
    try:
        return os.fdopen(os.dup(2), "w")
    except OSError:
        return None
