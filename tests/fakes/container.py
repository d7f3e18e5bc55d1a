"""A container's state, and a service as readiness checks see it."""

import re
from collections.abc import Sequence
from typing import Any

from pytest_foodtrucks.engine.execs import ExecResult
from pytest_foodtrucks.engine.inspected import ContainerState
from pytest_foodtrucks.engine.logs import Search, search
from pytest_foodtrucks.errors import NotReady

from .logs import stamped


def state(status: str = "running", **about: Any) -> ContainerState:
    """Return a container's state; what isn't given is as for one that runs well."""
    well = {"exit_code": 0, "oom_killed": False, "error": "", "health": None, "health_output": ""}
    return ContainerState(status=status, **{**well, **about})


class Target:
    """A service as readiness checks see it, which answers what its attributes say."""

    def __init__(self, *, answers: Sequence[tuple[int, str]] = (), container_ports: Sequence[int] = ()) -> None:
        self.alias = "es"
        self.container_ports = container_ports
        self.states = [state()]
        self.log = ""
        self.open_ports: set[int] = set()
        self.result = ExecResult(0, "", "")
        self.elsewhere: tuple[str, str] | None = None
        self.asked: list[str] = []
        self.searched_since: list[float | None] = []
        self._answers = iter(answers)

    def state(self) -> ContainerState:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def logs(self, *, tail: int | None = None) -> str:
        lines = self.log.splitlines(keepends=True)
        return "".join(lines if tail is None else lines[-tail:])

    def last_words(self, *, lines: int) -> str:
        return self.logs(tail=lines)

    def search_log(self, pattern: re.Pattern[str], *, since: float | None = None) -> Search:
        self.searched_since.append(since)
        return search(stamped(self.log), pattern)

    def exec(self, argv: Sequence[str], *, timeout: float | None = None) -> ExecResult:
        del timeout
        self.asked.append(" ".join(argv))
        return self.result

    def listens(self, port: int) -> bool:
        return port in self.open_ports

    def listens_elsewhere(self, port: int) -> tuple[str, str] | None:
        del port
        return self.elsewhere

    def fetch(self, path: str, *, port: int | None = None, timeout: float = 2.0) -> tuple[int, str]:
        self.asked.append(f"{path} on {port} within {timeout}")
        answer = next(self._answers, None)
        if answer is None:
            raise NotReady("nobody answers", port=port)
        return answer
