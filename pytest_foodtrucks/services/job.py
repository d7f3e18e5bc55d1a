"""A job, as people have it: a container that ran once and ended well."""

from datetime import datetime
from typing import TYPE_CHECKING

from .running import RunningService

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_foodtrucks.containers.container import Container
    from pytest_foodtrucks.engine.logs import LogLine
    from pytest_foodtrucks.stacks.stack import Stack

    from .definitions import ServiceDefinition
    from .memberships import NetworkRef


class Job:
    """What ran once, and ended with exit code 0.

    No public constructor: a fixture of the factory `job` yields one.
    """

    def __init__(
        self, stack: "Stack", networks: "Sequence[NetworkRef]", container: "Container", definition: "ServiceDefinition"
    ) -> None:
        self.__foodtrucks__ = RunningService(stack, networks, container, definition, service=self)
        """What the package itself asks; nobody else's."""

    def __repr__(self) -> str:
        return f"<Job {self.alias} on {' and '.join(self.__foodtrucks__.on.names)}>"

    @property
    def alias(self) -> str:
        """Its name."""
        return self.__foodtrucks__.alias

    @property
    def container(self) -> "Container":
        """Its container, which has ended and is still there."""
        return self.__foodtrucks__.container

    @property
    def exit_code(self) -> int:
        """The exit code of its container."""
        return self.__foodtrucks__.state().exit_code

    def logs(self, *, since: float | datetime | None = None, tail: int | None = None) -> str:
        """Return what it logged, all of it and as it is; `since` and `tail` are as for a service."""
        return self.__foodtrucks__.logs(since=since, tail=tail)

    def log_lines(self, *, since: float | datetime | None = None, tail: int | None = None) -> "list[LogLine]":
        """Return the lines of that, each with `time`, `stream` (stdout or stderr) and `text`."""
        return self.__foodtrucks__.log_lines(since=since, tail=tail)
