"""./run soak workers: what xdist's workers make together, by the engine's live events."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from . import events, suites
from .command import Command, Soak
from .document import Section, table
from .events import Made
from .pytest_sessions import Ended

_WAYS: Final = ("load", "each", "worksteal", "loadfile")
_ONE_OF_EACH: Final = ("es", "foodtrucks-web")


@dataclass(frozen=True)
class Counted:
    """What the sessions of one command made, and how it ended; one is right."""

    dist: str
    ended: Ended
    sessions: Sequence[Made]

    def broken(self) -> list[str]:
        """Return a sentence for each thing that is wrong."""
        broken = []
        if self.ended.code != 0:
            broken.append(f"--dist={self.dist} ended with exit code {self.ended.code}: {self.ended.tail()!r}")
        if len(self.sessions) != 1:
            return [*broken, f"--dist={self.dist} had {len(self.sessions)} stacks"]
        made = self.sessions[0]
        wrong = {alias: made.containers[alias] for alias in _ONE_OF_EACH if made.containers[alias] != 1}
        if len(made.networks) != 1 or wrong:
            broken.append(f"--dist={self.dist} made {len(made.networks)} networks and {dict(made.containers)}")
        return broken


def _run(soak: Soak) -> Section:
    counted = []
    for dist in _WAYS:
        suite = suites.write(soak.folder / dist, elasticsearch=True, tests=12)
        with events.heard(soak.engine) as heard:
            ended = suite.run(f"-n{soak.options.workers}", f"--dist={dist}", "--foodtrucks-timeout=600", timeout=900)
        identity = suite.identity()
        made = events.made(heard, {identity} if identity is not None else set())
        counted.append(Counted(dist, ended, list(made.values())))
        soak.say(f"--dist={dist}: {ended.seconds:.0f} s, {[dict(one.containers) for one in made.values()]}")
    return reported(counted, soak.options.workers)


def reported(counted: Sequence[Counted], workers: int) -> Section:
    """Sum up: one row for each way to distribute the tests."""
    rows: list[list[object]] = []
    for one in counted:
        made = one.sessions[0] if one.sessions else Made()
        services = [made.containers[alias] for alias in _ONE_OF_EACH]
        rows.append([f"`--dist={one.dist}`", len(made.networks), *services, made.containers["probe"]])
    return Section(
        name="workers",
        title="One stack for all workers",
        summary=f"`pytest -n {workers}` with a real Elasticsearch and the app; made, by the engine's live events.",
        body=table(["", "networks", "Elasticsearch", "web", "probes, one for each worker that asks"], rows),
        broken=[text for one in counted for text in one.broken()],
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, default=4, help="of each session (default: 4)")


COMMAND: Final = Command("workers", "what xdist's workers make together", _add_options, _run)
