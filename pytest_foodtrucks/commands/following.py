"""The logs of several services as they come, each line with its service's alias."""

import json
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Final, Literal

from pytest_foodtrucks.errors import EngineError
from pytest_foodtrucks.excerpts import printable

from .found import FoundService
from .output import Colour, Output, coloured, write

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine
    from pytest_foodtrucks.engine.logs import LogLine

_COLOURS: Final[Sequence[Colour]] = ("cyan", "green", "yellow", "grey")


def follow(engine: "Engine", services: Sequence[FoundService], output: Output, *, tail: int | Literal["all"]) -> None:
    """Write the lines of services' logs as they come, until all of them have ended."""
    lines: SimpleQueue[tuple[FoundService, LogLine | None]] = SimpleQueue()
    for service in services:
        Thread(target=_read, args=(engine, service, tail, lines.put), daemon=True).start()
    shown, going = _writer(services, output), len(services)
    while going:
        service, line = lines.get()
        if line is None:
            going -= 1
        else:
            shown(service, line)


def _read(
    engine: "Engine",
    service: FoundService,
    tail: int | Literal["all"],
    put: "Callable[[tuple[FoundService, LogLine | None]], object]",
) -> None:
    """Hand over each line, and None at the end."""
    try:
        for line in engine.follow_log(service.container, tail=tail):
            put((service, line))
    except (EngineError, OSError):  # it has been removed, or the engine went away: there is no more
        pass
    finally:
        put((service, None))


def show_logs(
    engine: "Engine", services: Sequence[FoundService], output: Output, *, tail: int | Literal["all"]
) -> None:
    """Write what services have logged, in the order of time."""
    shown = _writer(services, output)
    found = [(service, line) for service in services for line in engine.log_lines(service.container, tail=tail)]
    for service, line in sorted(found, key=lambda each: each[1].time):
        shown(service, line)


def _writer(services: Sequence[FoundService], output: Output) -> "Callable[[FoundService, LogLine], None]":
    """Return what writes one line; the alias stands before it where there are several services."""
    width = max((len(service.alias) for service in services), default=0)
    colours = {service.alias: _COLOURS[number % len(_COLOURS)] for number, service in enumerate(services)}

    def show(service: FoundService, line: "LogLine") -> None:
        if output.as_json:
            about = {"service": service.alias, "time": line.time.isoformat(), "stream": line.stream, "text": line.text}
            write(output.stdout, json.dumps(about))
            return
        head = coloured(f"{service.alias.ljust(width)} |", colours[service.alias], output.stdout)
        write(output.stdout, f"{head} {printable(line.text)}" if len(services) > 1 else printable(line.text))

    return show
