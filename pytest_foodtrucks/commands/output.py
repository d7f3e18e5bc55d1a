"""What the command writes: lines for people, or one JSON document; errors apart; colours on a terminal alone."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, TextIO

from pytest_foodtrucks.errors import FoodtrucksError

Colour = Literal["red", "green", "yellow", "cyan", "grey"]
_CODES: Final[Mapping[Colour, int]] = {"red": 31, "green": 32, "yellow": 33, "cyan": 36, "grey": 90}


class WrongUse(FoodtrucksError):
    """A line that can't be read, or that names no program to run."""


class Output:
    """Where a command writes: with `as_json` only JSON goes to standard output.

    That is where it was when the command began: what fixtures print meanwhile goes elsewhere.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.stdout = sys.stdout

    def say(self, line: str) -> None:
        """Tell people."""
        if not self.as_json:
            write(self.stdout, line)

    def result(self, value: object) -> None:
        """Write a JSON document on a line of its own, if JSON is asked for."""
        if self.as_json:
            write(self.stdout, json.dumps(value))

    def error(self, error: FoodtrucksError) -> None:
        """Tell of an error on standard error."""
        if self.as_json:
            told = {"kind": type(error).__name__, "message": error.message, "logs": error.logs}
            write(sys.stderr, json.dumps({"error": told}))
        else:
            write(sys.stderr, f"foodtrucks: {error}")


def write(stream: TextIO, line: str) -> None:
    """Write a line; where nobody reads any longer, as behind `| head -1`, the work goes on in silence."""
    try:
        stream.write(f"{line}\n")
        stream.flush()
    except BrokenPipeError:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())  # what is still in the buffer goes there when Python ends


def coloured(text: str, colour: Colour, stream: TextIO) -> str:
    """Return a text in a colour, if its stream is a terminal that has colours and nobody set NO_COLOR."""
    plain = os.environ.get("NO_COLOR", "") != "" or os.environ.get("TERM") in {"dumb", "unknown"}
    return text if plain or not stream.isatty() else f"\x1b[{_CODES[colour]}m{text}\x1b[0m"


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return lines with the columns of a table one below the other."""
    listed = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in listed]


def counted(number: int) -> str:
    """Return a number of things of ours on the engine, in words."""
    return "1 container, network or volume" if number == 1 else f"{number} containers, networks and volumes"
