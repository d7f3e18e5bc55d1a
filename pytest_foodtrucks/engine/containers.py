"""Containers on the engine: created, started, stopped, looked at, removed."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from http import HTTPStatus
from math import inf
from typing import Any, Final, Literal, TypeVar

from pytest_foodtrucks.errors import EngineError

from . import logs, patience
from .asking import EngineClient, gone_is_fine, if_found
from .inspected import Inspected
from .labels import NAME_LABEL
from .logs import LogLine, Search

T = TypeVar("T")

_PIECE: Final = 64 * 1024
"""Bytes of a log that are read at once."""


class ContainerRequests(EngineClient):
    """What an engine is asked about containers."""

    def create_container(self, name: str, config: Mapping[str, Any], *, platform: str | None = None) -> str:
        """Create a container from the engine API's own JSON, and return its id.

        `platform` is the one that its image must be for, such as linux/arm64.
        """
        labels = {**config["Labels"], NAME_LABEL: name}

        def create() -> dict[str, Any]:
            return dict(self.api.create_container_from_config({**config, "Labels": labels}, name, platform))  # type: ignore[no-untyped-call] # a gap of types-docker

        def find() -> dict[str, Any] | None:
            found = self.api.inspect_container(name)
            return found if labels.items() <= found["Config"]["Labels"].items() else None

        return self._create_once(f"create the container {name} from {config['Image']}", create, find)

    def start_container(self, container: str) -> None:
        """Start a container: once, also where the answer got lost."""

        def last_start() -> str:
            return self.inspected(container).started_at

        def start() -> None:
            if self.silent and last_start() != before:
                return  # the request whose answer got lost has started it
            with self._asking(f"start the container {container}"):
                self.api.start(container)

        before = last_start()
        self._patience.ask(start, patience.change)

    def stop_container(self, container: str, *, timeout: int) -> None:
        """Ask a container's process to end, and kill it after `timeout` seconds; one that doesn't run is stopped."""
        with self._asking(f"stop the container {container}"):
            self.api.stop(container, timeout=timeout)

    def kill_container(self, container: str) -> None:
        """Kill a container's processes."""
        with self._asking(f"kill the container {container}"):
            self.api.kill(container)

    def pause_container(self, container: str) -> None:
        """Freeze a container's processes."""
        self._ask(f"pause the container {container}", lambda: self.api.pause(container), policy=patience.freeze)

    def unpause_container(self, container: str) -> None:
        """Let a container's frozen processes go on."""
        with self._asking(f"unpause the container {container}"):
            self.api.unpause(container)

    def remove_container(self, container: str) -> None:
        """Kill and remove a container with its anonymous volumes; one that is gone counts as removed."""
        with gone_is_fine():
            self._ask(
                f"remove the container {container}",
                lambda: self.api.remove_container(container, force=True, v=True),
                policy=patience.removal,
            )

    def inspect_container(self, container: str) -> dict[str, Any]:
        """Return all that the engine shows of a container, as its API has it."""
        return dict(self._ask(f"inspect the container {container}", lambda: self.api.inspect_container(container)))

    def inspected(self, container: str) -> Inspected:
        """Return the same, as far as this package uses it, with types."""
        return Inspected.of(self.inspect_container(container))

    def is_on(self, container: str, network: str) -> bool:
        """Tell whether a container was created for a network; one that is gone wasn't."""
        about = if_found(lambda: self.inspected(container))
        return about is not None and about.network_mode == network

    def aliases_on(self, container: str, network: str) -> tuple[str, ...]:
        """Return a container's names on a network; none where it isn't there."""
        about = if_found(lambda: self.inspected(container))
        names = {} if about is None else {each.network: each.aliases for each in about.attachments}
        return names.get(network, ())

    def running_since(self, container: str) -> str | None:
        """Return when a container was started, in the engine's words; None where it isn't there or doesn't run."""
        about = if_found(lambda: self.inspected(container))
        return about.started_at if about is not None and about.state.runs else None

    def command_lines(self, container: str) -> list[str]:
        """Return the command lines of the processes in a container; none where it isn't there or doesn't run."""
        try:
            with self._asking(f"list the processes of {container}"):
                return [" ".join(row) for row in self.api.top(container)["Processes"] or ()]
        except EngineError as error:
            if error.status in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                return []
            raise

    def logs(self, container: str, *, since: float | None = None, tail: int | Literal["all"] = "all") -> str:
        """Return a container's log; `since` is in seconds of the epoch, by the engine's clock."""
        return self._read_log(container, logs.whole, since, tail, stamps=False).decode(errors="replace")

    def read_log(
        self,
        container: str,
        take: Callable[[Iterable[bytes]], T],
        *,
        since: float | None = None,
        tail: int | Literal["all"] = "all",
    ) -> T:
        """Hand a container's log to `take` in pieces, and return what it makes of them; of any size, since none stays.

        Where the engine is asked again `take` is called anew. `since` is in seconds of the epoch, by the engine's
        clock. docker-py's own stream waits for a next piece without end.
        """
        return self._read_log(container, lambda pieces: take(logs.contents(pieces)), since, tail, stamps=False)

    def search_log(self, container: str, pattern: re.Pattern[str], *, since: float | None = None) -> Search:
        """Search a container's log line by line, until a line matches; `since` is as in `read_log`."""

        def take(pieces: Iterable[bytes]) -> Search:
            return logs.search(logs.frames(pieces, stamps=True), pattern)

        return self._read_log(container, take, since, "all", stamps=True)

    def log_lines(
        self, container: str, *, since: float | None = None, tail: int | Literal["all"] = "all"
    ) -> list[LogLine]:
        """Return the lines of a container's log with their times and streams; `since` is as in `read_log`."""

        def take(pieces: Iterable[bytes]) -> list[LogLine]:
            return list(logs.lines(logs.frames(pieces, longest=inf, stamps=True)))

        return self._read_log(container, take, since, tail, stamps=True)

    def follow_log(self, container: str, *, tail: int | Literal["all"] = "all") -> Iterator[LogLine]:
        """Yield the lines of a container's log as they come, until it ends; closing the iterator hangs up."""
        params = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": 1, "tail": tail}
        with self._asking(f"follow the log of {container}"):
            answer = self._get_stream("/containers/{0}/logs", container, params=params, timeout=None)
            with closing(answer):
                yield from logs.lines(logs.frames(answer.iter_content(_PIECE)))

    def _read_log(
        self,
        container: str,
        take: Callable[[Iterable[bytes]], T],
        since: float | None,
        tail: int | Literal["all"],
        *,
        stamps: bool,
    ) -> T:
        params = {"stdout": 1, "stderr": 1, "timestamps": int(stamps), "since": since, "tail": tail}

        def read() -> T:
            with closing(self._get_stream("/containers/{0}/logs", container, params=params)) as answer:
                return take(answer.iter_content(_PIECE))

        return self._ask(f"read the log of {container}", read)

    def _get_stream(self, path: str, *names: str, params: Mapping[str, Any], **more: Any) -> Any:
        """GET a path of the engine's API, for an answer that is read piece by piece; the engine doesn't compress it."""
        api: Any = self.api
        plain = {"Accept-Encoding": "identity"}
        answer = api._get(api._url(path, *names), params=params, stream=True, headers=plain, **more)  # noqa: SLF001 - as its methods do
        api._raise_for_status(answer)  # noqa: SLF001 - likewise
        return answer
