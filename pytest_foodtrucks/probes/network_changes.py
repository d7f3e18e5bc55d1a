"""The moments without isolation: Docker lets everything through for a while whenever a network is created."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from pytest_foodtrucks.clock import monotonic, sleep

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine

T = TypeVar("T")

ROUNDS: Final = 12
"""How often a question is asked that networks' creation disturbs. Four weren't enough where tests made networks all the
time: three of four questions about what leads out had no verdict."""

_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
"""Seconds between these rounds, doubled each time: without them twelve were over within the same burst of
creations, for what got through is answered in milliseconds."""

_LOOK_BACK: Final = 0.1
"""Seconds. The event of a creation comes after all that it does, so one from before the question says nothing; and an
event that made a question doubtful is not to be seen again when it is asked anew."""

_STEADY_SINCE: Final = 28
"""Docker's major version."""

DISTURBED: Final = (
    "networks were created or removed on the engine each time that this was asked, and it lets everything through for "
    "a moment then"
)
"""What is to be said of an answer that was disturbed each time."""


def undisturbed(ask: Callable[[], T], engine: "Engine", *, suspect: Callable[[T], bool]) -> tuple[T, bool]:
    """Return an answer, and whether it can be trusted; a suspect one that was disturbed is asked for again.

    Suspect is an answer by which something got through: Docker takes its isolation's first rule out and puts it back at
    each creation (EnsureJumpRule of moby's iptables package), and for some milliseconds everything does. 10 to 19 of 60
    connects did, seen with 20.10 while networks were created all the time; 26.1 does the same, 28.5 and 29 don't.
    Tries side by side share such a moment, and may get through all alike.
    """
    if not _opens_for_a_moment(engine):
        return ask(), True
    for number in range(ROUNDS):
        if number > 0:
            sleep(min(_PAUSE * 2 ** (number - 1), _LONGEST_PAUSE))
        began = monotonic()
        answer = ask()
        if not suspect(answer) or not engine.networks_changed(monotonic() - began + _LOOK_BACK):
            return answer, True
    return answer, False


def _opens_for_a_moment(engine: "Engine") -> bool:
    """Tell whether an engine's isolation goes away for a moment; one whose version can't be read may do that."""
    major = engine.version.partition(".")[0]
    return engine.kind == "docker" and not (major.isdigit() and int(major) >= _STEADY_SINCE)
