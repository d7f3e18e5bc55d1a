"""Asks an agent for names and connections, and says what the answers mean; what has no answer is inconclusive."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from pytest_foodtrucks.clock import monotonic
from pytest_foodtrucks.errors import ProbeError

from .agent.client import Agent, Connection
from .agent.link import NoReply
from .verdicts import Attempt, Resolution, Verdict, VerdictKind, resolution_of, verdict_of

_AT_ONCE: Final = 3.0
"""Seconds within which an answer that is none was no silence; resolv.conf's patience ends later."""


_MORE_TIMES: Final = 2
"""How often names that failed are asked for again; of a burst the engine's resolver answers only some."""


@dataclass(frozen=True)
class Answers:
    """What became of names and of connections; `changed` tells that the source's addresses changed meanwhile."""

    names: Mapping[str, Resolution] = field(default_factory=dict)
    verdicts: Mapping[Connection, Verdict] = field(default_factory=dict)
    changed: bool = False


def ask_agent(agent: Agent, names: Sequence[str] = (), connections: Sequence[Connection] = ()) -> Answers:
    """Ask for names and connections side by side."""
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(look_up, agent, names)
        verdicts, changed = connect(agent, connections)
        return Answers(found.result(), verdicts, changed)


def look_up(agent: Agent, names: Sequence[str]) -> dict[str, Resolution]:
    """Look names up; again those that failed, if that was at once, or the name server answers for others meanwhile."""
    if not names:
        return {}
    began = monotonic()
    found = _looked_up(agent, names)
    for _ in range(_MORE_TIMES):
        failed = [name for name, resolution in found.items() if resolution.failure is not None]
        if not failed or (len(failed) == len(found) and monotonic() - began >= _AT_ONCE):
            break
        found |= _looked_up(agent, failed)
    return found


def _looked_up(agent: Agent, names: Sequence[str]) -> dict[str, Resolution]:
    try:
        return {name: resolution_of(name, found) for name, found in agent.look_up(names).items()}
    except NoReply as error:
        return {name: Resolution(name, (), VerdictKind.INCONCLUSIVE, str(error)) for name in names}


def connect(agent: Agent, connections: Sequence[Connection]) -> tuple[dict[Connection, Verdict], bool]:
    """Try connections; return their verdicts, and whether the source's addresses changed meanwhile."""
    if not connections:
        return {}, False
    try:
        tries, changed = agent.connect(connections)
    except NoReply as error:
        return {each: _unanswered(each, str(error)) for each in connections}, False
    return {each: verdict_of(each, outcomes) for each, outcomes in tries.items()}, changed


def _unanswered(connection: Connection, words: str) -> Verdict:
    kind, attempts = VerdictKind.INCONCLUSIVE, (Attempt(VerdictKind.INCONCLUSIVE, 0.0, words),)
    return Verdict(kind, connection.address, connection.port, 1, words, attempts, connection.protocol)


def accepts(agent: Agent, place: str, address: str, port: int) -> bool:
    """Tell whether something accepts connections there; ProbeError where that can't be told."""
    connection = Connection(address, port, tries=1)
    verdict = connect(agent, [connection])[0][connection]
    if verdict.kind is VerdictKind.INCONCLUSIVE:
        raise ProbeError(f"{place}: whether {address} accepts on port {port} can't be told: {verdict.evidence}.")
    return verdict.kind is VerdictKind.CONNECTED
