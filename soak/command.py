"""What all soak runs have in common: options, progress, the section in the document, and the exit code."""

import argparse
import os
import random
import secrets
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bootstrap.steps import tell
from pytest_foodtrucks.engine.discovery import find_engine
from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.settings import read_settings

from . import document, machine, proc
from .document import Section

_TOLD_ELSEWHERE: Final = {"seed", "document", "no_document"}
_PATIENCE: Final = 60.0
"""Seconds that the last watchdogs may take."""


@dataclass(frozen=True)
class Soak:
    """One soak run as it goes on.

    `folder` is a temporary folder of its own; `choose` is where all its random choices come from.
    """

    name: str
    options: argparse.Namespace
    engine: Engine
    folder: Path
    choose: random.Random

    def say(self, line: str) -> None:
        """Tell the one who waits how far it is."""
        tell(f"[soak {self.name}] {line}")


@dataclass(frozen=True)
class Command:
    """A soak run's name, a sentence about it, its own options, and what does it."""

    name: str
    help: str
    options: Callable[[argparse.ArgumentParser], object]
    run: Callable[[Soak], Section]

    def main(self, arguments: Sequence[str]) -> int:
        """Run it; return the exit code: 1 where a promise was broken."""
        parser = self._parser()
        options = parser.parse_args(arguments)
        began = time.monotonic()
        with closing(an_engine()) as engine, _temporary_folder() as folder:
            soak = Soak(self.name, options, engine, folder, random.Random(options.seed))  # noqa: S311 - no secret
            soak.say(f"seed {options.seed}")
            section = of_engine(self.run(soak), options.engine_label)
            where = machine.facts(engine)
        minutes = (time.monotonic() - began) / 60
        about = [f"{document.today()}, commit {machine.commit()}, {minutes:.0f} minutes, seed {options.seed}", where]
        text = document.rendered(section, command=command_line(self.name, parser, options), about=about)
        tell(f"\n{text}")
        if not options.no_document:
            document.write(options.document, section.name, text)
        return 1 if section.broken else 0

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(prog=f"./run soak {self.name}", description=self.help)
        parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of all random choices")
        parser.add_argument(
            "--document", type=Path, default=document.DOCUMENT, help="file to write to (default: docs/reliability.md)"
        )
        parser.add_argument(
            "--engine-label",
            metavar="TEXT",
            help="what to call the engine that DOCKER_HOST leads to: the document has a section for each label",
        )
        parser.add_argument("--no-document", action="store_true", help="write no file: for a short trial")
        self.options(parser)
        return parser


def of_engine(section: Section, label: str | None) -> Section:
    """Return a section that is a labelled engine's own, beside those of other engines; without a label it stays."""
    if label is None:
        return section
    return replace(section, name=f"{section.name} on {label}", title=f"{section.title}: {label}")


def command_line(name: str, parser: argparse.ArgumentParser, options: argparse.Namespace) -> str:
    """Return the command with the options that change what it does; the seed is shown elsewhere."""
    given = [
        f"--{field.replace('_', '-')} {shlex.join(map(str, value if isinstance(value, list) else [value]))}"
        for field, value in vars(options).items()
        if field not in _TOLD_ELSEWHERE and value != parser.get_default(field)
    ]
    return " ".join(["./run soak", name, *given])


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Make a folder, and remove it when nothing of the sessions in it runs any more.

    A watchdog works without its session's folder, but a session that is still ending needs it, as after Ctrl-C.
    """
    folder = Path(tempfile.mkdtemp(prefix="foodtrucks-soak-"))
    try:
        yield folder
    finally:
        give_up = time.monotonic() + _PATIENCE
        while (working := proc.mentioning(folder)) and time.monotonic() < give_up:
            time.sleep(0.2)
        if working:
            tell(f"[soak] {folder} stays, since these processes still work for it: {working}")
        else:
            shutil.rmtree(folder)


def an_engine() -> Engine:
    """Return the engine that the sessions will find too: the one that set-up wrote into the environment."""
    return find_engine(read_settings(lambda _: None, os.environ, lambda _: None).engine)
