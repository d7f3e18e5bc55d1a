"""A service, as people have it: a container with a name on the network, an address for the test, a client, faults."""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pytest_foodtrucks.callers import calling_place
from pytest_foodtrucks.containers import archives

from . import faults, waiting
from .running import Address, RunningService

if TYPE_CHECKING:
    import httpx2

    from pytest_foodtrucks.containers.container import Container
    from pytest_foodtrucks.engine.execs import ExecResult
    from pytest_foodtrucks.engine.logs import LogLine
    from pytest_foodtrucks.stacks.stack import Stack

    from .definitions import ServiceDefinition
    from .memberships import HasRef, NetworkRef


class Service:
    """A running service.

    No public constructor: a fixture of the factories yields one, and so does `Network.service`.
    """

    def __init__(
        self, stack: "Stack", networks: "Sequence[NetworkRef]", container: "Container", definition: "ServiceDefinition"
    ) -> None:
        self.__foodtrucks__ = RunningService(stack, networks, container, definition, service=self)
        """What the package itself asks; nobody else's."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.alias} on {' and '.join(self.__foodtrucks__.on.names)}>"

    @property
    def alias(self) -> str:
        """Its name on its networks; the first of its `aliases`."""
        return self.__foodtrucks__.alias

    @property
    def container(self) -> "Container":
        """Its container."""
        return self.__foodtrucks__.container

    def address(self, port: int) -> Address:
        """Return the host and the port that lead from the test to a port of the container.

        In gateway mode `routed` no port of the host leads there; it is the container's own address then, which may
        change when it is started again. Raises DefinitionError for a port that isn't published, and where that address
        can't be reached from here.
        """
        return self.__foodtrucks__.address(port)

    @property
    def host(self) -> str:
        """The host of the first of its ports, from the test."""
        return self._first_address().host

    @property
    def port(self) -> int:
        """The port of the first of its ports, from the test."""
        return self._first_address().port

    @property
    def endpoint(self) -> str:
        """Both as host:port; an IPv6 address stands in brackets."""
        return self._first_address().endpoint

    def _first_address(self) -> Address:
        return self.address(self.__foodtrucks__.first_port())

    @property
    def url(self) -> str:
        """The URL of the first of its ports, from the test; it begins with the `scheme` of its definition."""
        return f"{self.__foodtrucks__.scheme}://{self.endpoint}"

    @property
    def internal_url(self) -> str:
        """The URL of the first of its ports, from each of its networks; it begins with its definition's `scheme`."""
        inside = self.__foodtrucks__
        return f"{inside.scheme}://{inside.name_in_urls}:{inside.first_port()}"

    @property
    def client(self) -> Any:
        """An `httpx2.Client` with the service's URL as base, finite time-outs, and no proxies of the environment.

        Without a type, because a service of another kind has another client, such as Elasticsearch's; `http` has one.
        """
        return self.http

    @property
    def http(self) -> "httpx2.Client":
        """The HTTP client, whatever `client` is."""
        return self.__foodtrucks__.http

    def logs(self, *, since: float | datetime | None = None, tail: int | None = None) -> str:
        """Return the container's log, all of it and as it is.

        `since` is a moment: seconds of the epoch, such as `time.time()`, or a datetime with its time zone. `tail`
        counts lines from the end.
        """
        return self.__foodtrucks__.logs(since=since, tail=tail)

    def log_lines(self, *, since: float | datetime | None = None, tail: int | None = None) -> "list[LogLine]":
        """Return the lines of the container's log, each with `time`, `stream` (stdout or stderr) and `text`.

        `since` and `tail` are as in `logs`. A container with a terminal (`tty`) has stdout alone.
        """
        return self.__foodtrucks__.log_lines(since=since, tail=tail)

    def wait_for_log(
        self,
        pattern: str | re.Pattern[str],
        *,
        since: float | datetime | None = None,
        timeout: float | None = None,
    ) -> re.Match[str]:
        """Wait until a line of its log matches a regular expression, and return the match; its `string` is the line.

        Lines since the container's last start count, or since a moment, as in `logs`. `timeout` is in seconds, and by
        default as long as its start may take. Raises NotInTime, a TimeoutError, with the last lines of its log when the
        time is up, and at once when the container has ended.
        """
        return waiting.wait_for_log(self.__foodtrucks__, pattern, since=since, timeout=timeout)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until its container has ended, and return the exit code.

        `timeout` is in seconds, and by default as long as its start may take. Raises NotInTime, a TimeoutError, when
        it still runs then.
        """
        return waiting.wait_for_end(self.__foodtrucks__, timeout=timeout)

    def exec(
        self,
        argv: Sequence[str] | str,
        *,
        env: Mapping[str, object] | Sequence[str] | None = None,
        user: str | int | None = None,
        workdir: str | None = None,
        input: bytes | str | None = None,  # noqa: A002 - the name that subprocess has for it
        timeout: float | None = None,
        check: bool = False,
    ) -> "ExecResult":
        """Run a command in the container and return `exit_code`, `stdout` and `stderr`.

        No shell runs it: a text is only split into words as a shell does. `env` is added to the container's variables;
        `input` is sent to the command's standard input, which is then closed. Raises NotInTime, a TimeoutError, when it
        hasn't ended within `timeout` seconds; it goes on then. With `check` raises CommandError when its exit code
        isn't 0.
        """
        return self.container.exec(argv, env=env, user=user, workdir=workdir, input=input, timeout=timeout, check=check)

    def put(self, path_or_bytes: str | os.PathLike[str] | bytes, to: str, *, mode: int | str | None = None) -> None:
        """Put bytes, or a file or a whole folder of this machine, at a path of the container, which need have no shell.

        Folders that are missing there are made. Where `to` ends with a slash, the file or folder keeps its own name
        there. `mode` is a file's, such as 0o600; without it a file has its own, and bytes have 0o644. All of it belongs
        to root. A relative path begins at the calling file. Raises DefinitionError for what can't be put, and
        EngineError, with the path, where the container doesn't take it.
        """
        folder = calling_place().file.parent
        archives.put(self.container, path_or_bytes, to, mode=mode, folder=folder)

    def get(self, path: str) -> bytes:
        """Return the content of a file of the container.

        Raises EngineError, with the path, where there is no file: a folder has to be got file by file.
        """
        return archives.get(self.container, path)

    # faults

    def paused(self) -> AbstractContextManager[None]:
        """Freeze its processes for the length of a `with` block.

        Connections are still accepted, by the kernel, and nobody answers. This fault and the others end when the
        service is ready again, also where the block fails. They raise FaultError for a service that other xdist
        workers have too, for one that isn't up, and where it can't be healed.
        """
        return faults.paused(self.__foodtrucks__)

    def stopped(self, *, timeout: int | None = None) -> AbstractContextManager[None]:
        """Stop it for the length of a `with` block, as `docker stop` does, and start the same container again.

        `timeout` is in seconds: the time that its process gets to end by itself before it is killed. If none is given
        it is the service's `stop_grace_period`, else 10.
        """
        return faults.stopped(self.__foodtrucks__, timeout=timeout)

    def killed(self) -> AbstractContextManager[None]:
        """Kill its processes, and start the same container again at the end of a `with` block."""
        return faults.killed(self.__foodtrucks__)

    def disconnected(self, network: "HasRef | None" = None) -> AbstractContextManager[None]:
        """Detach it from its networks for the length of a `with` block; it goes on running, and its published ports go.

        Those are all that it was defined with; given one of them, a `Network`, only that one. Other networks that it
        was connected to stay; where there is one, the engine publishes the ports by way of it.
        """
        return faults.disconnected(self.__foodtrucks__, network)

    def restart(self, *, timeout: int | None = None) -> None:
        """Stop it and start it again, also where it ended by itself; return when it is ready.

        `timeout` is in seconds, as in `stopped`.
        """
        faults.restart(self.__foodtrucks__, timeout=timeout)
