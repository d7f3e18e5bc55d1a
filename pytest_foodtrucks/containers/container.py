"""One container: what the engine shows of it, its log, and commands in it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_foodtrucks.engine.inspected import Attachment, ContainerState, Inspected
from pytest_foodtrucks.engine.labels import IMAGE_LABEL, SERVICE_LABEL
from pytest_foodtrucks.engine.logs import LogLine, Search
from pytest_foodtrucks.errors import EngineError, NoAnswer, NotInTime
from pytest_foodtrucks.excerpts import SHORT_TAIL, Excerpt
from pytest_foodtrucks.values import checked, switch, whole

from .commands import command_error, how_to_run, shown_command
from .naming import naming

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine
    from pytest_foodtrucks.engine.execs import ExecResult, ExecStream

_READ_AT_MOST: Final = 8_000_000
"""Bytes of a log that are read for an excerpt: the engine needs 20 s for 150 MB, and a moment for its end alone."""
_LAST_LINES: Final = 400
"""At 16 KB, the longest that the engine writes as one entry, less than what is read at most."""


def _lines_from_the_end(tail: int | None) -> int | Literal["all"]:
    """Check how many lines of a log are wanted; the engine takes any wrong number for all of them."""
    return "all" if tail is None else checked("tail", tail, partial(whole, least=0, most=2**31 - 1))


class Container:
    """A container on the engine; each property asks the engine anew.

    No public constructor: a service's `container` is one.
    """

    def __init__(self, engine: "Engine", container_id: str, name: str, network: str) -> None:
        self.engine = engine
        self.id = container_id
        self.name = name
        self.network = network

    def __repr__(self) -> str:
        return f"<Container {self.name} {self.id[:12]}>"

    def inspect(self) -> dict[str, Any]:
        """Return all that the engine shows of it, as its API has it."""
        with naming(self.id, self.name):
            return self.engine.inspect_container(self.id)

    def inspected(self) -> Inspected:
        """Return the same, as far as this package uses it, with types."""
        with naming(self.id, self.name):
            return self.engine.inspected(self.id)

    @property
    def image(self) -> str:
        """The image's name: as it was asked for, or what it was built under."""
        about = self.inspected()
        return about.labels.get(IMAGE_LABEL, about.image) if about.image.startswith("sha256:") else about.image

    @property
    def ip(self) -> str:
        """The IPv4 address on the service's first network; empty while the container doesn't run."""
        return self.addresses.get(self.network, "")

    @property
    def addresses(self) -> dict[str, str]:
        """The IPv4 address on each network that it is attached to, by the network's name; empty as long as `ip` is."""
        return {attachment.network: attachment.ipv4 for attachment in self.attachments}

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """What it has on each network at this moment."""
        return self.inspected().attachments

    @property
    def ports(self) -> dict[int, int]:
        """The published ports: container port to the engine's host port."""
        return dict(self.inspected().host_ports)

    @property
    def status(self) -> str:
        """The engine's word for its state, such as created, running, paused or exited."""
        return self.state().status

    @property
    def started_at(self) -> str:
        """When it was started last, in the engine's words; another time is another network namespace."""
        return self.inspected().started_at

    def state(self) -> ContainerState:
        """Return its state with exit code and health."""
        return self.inspected().state

    def logs(self, *, since: float | None = None, tail: int | None = None) -> str:
        """Return its log, standard output and error together: all of it, as it is.

        `since` is in seconds of the epoch, by the engine's clock; `tail` counts lines from the end.
        """
        with naming(self.id, self.name):
            return self.engine.logs(self.id, since=since, tail=_lines_from_the_end(tail))

    def log_lines(self, *, since: float | None = None, tail: int | None = None) -> list[LogLine]:
        """Return the lines of its log with their times and streams; `since` and `tail` are as in `logs`."""
        with naming(self.id, self.name):
            return self.engine.log_lines(self.id, since=since, tail=_lines_from_the_end(tail))

    def log_excerpt(self, *, since: float | None = None) -> Excerpt:
        """Return head and tail of its log, in bounded memory and time; `since` is as in `logs`."""
        excerpt = self._excerpt(Excerpt, since=since)
        if excerpt.size > _READ_AT_MOST:
            excerpt.skip_to(self._excerpt(lambda: Excerpt(head=0), since=since, tail=_LAST_LINES))
        return excerpt

    def last_words(self, *, lines: int, since: float | None = None) -> str:
        """Return the last lines of its log, 16 kB of them at most; `since` is as in `logs`."""
        return str(self._excerpt(lambda: Excerpt(head=0, tail=SHORT_TAIL), tail=lines, since=since))

    def _excerpt(self, empty: Callable[[], Excerpt], **which: Any) -> Excerpt:
        """Add its log to an empty excerpt: all of it, or as much as is read at most."""

        def take(pieces: Iterable[bytes]) -> Excerpt:
            excerpt = empty()
            for piece in pieces:
                excerpt.add(piece)
                if excerpt.size > _READ_AT_MOST:
                    break
            return excerpt

        with naming(self.id, self.name):
            return self.engine.read_log(self.id, take, **which)

    def search_log(self, pattern: re.Pattern[str], *, since: float | None = None) -> Search:
        """Search its log line by line, of whatever size it is; `since` is as in `logs`."""
        with naming(self.id, self.name):
            return self.engine.search_log(self.id, pattern, since=since)

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
        """Run a command in it and return `exit_code`, `stdout` and `stderr`.

        No shell runs it: a text is only split into words as a shell does. `input` is sent to its standard input, which
        is then closed. Raises NotInTime, a TimeoutError, when it hasn't ended within `timeout` seconds; it goes on
        then. With `check` raises CommandError when its exit code isn't 0.
        """
        is_checked = checked("check", check, switch)
        how = how_to_run(env=env, user=user, workdir=workdir, input=input, timeout=timeout)
        with naming(self.id, self.name), self._running(argv, timeout):
            result = self.engine.exec(self.id, argv, **how)
        if is_checked and result.exit_code != 0:
            raise command_error(argv, self._title(), result)
        return result

    @contextmanager
    def _running(self, argv: Sequence[str] | str, timeout: float | None) -> Iterator[None]:
        """Name the command, and the service whose container this is, in the error of a command that doesn't end."""
        try:
            yield
        except TimeoutError as error:
            raise NotInTime(
                f"{shown_command(argv)} in {self._title()} hasn't ended within {timeout:g} s, and goes on there. "
                "Remedy: give it more with timeout=, or look for what it waits for."
            ) from error
        except EngineError as error:
            halted = None if isinstance(error, NoAnswer) else self._standstill()
            if halted is None:
                raise
            raise EngineError(
                f"{shown_command(argv)} can't be run in {self._title()}: {halted}. Remedy: see why; a service's "
                "restart() starts it again.",
                status=error.status,
                reason=error.reason,
            ) from error

    def _standstill(self) -> str | None:
        """Say why no command runs in it, also where its processes are frozen; None where one can."""
        halted = self.halted()
        status = self.status if halted is None else ""
        return f"it is {status}" if status not in {"", "running"} else halted

    def _title(self) -> str:
        """Return what people call it: the service that it is of, and its name."""
        about = self._if_there()
        alias = None if about is None else about.labels.get(SERVICE_LABEL)
        return f"the container {self.name}" if alias is None else f"{alias} (the container {self.name})"

    def _if_there(self) -> Inspected | None:
        try:
            return self.inspected()
        except EngineError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return None

    def halted(self) -> str | None:
        """Say why it has no processes: it ended, and when, or it is gone; None where it has some."""
        about = self._if_there()
        if about is None:
            return "it was removed"
        if about.state.runs:
            return None
        return f"it {about.state}{about.state.ending}" if about.status == "exited" else f"it is {about.status}"

    def exec_bytes(
        self,
        argv: Sequence[str] | str,
        *,
        input: bytes | str | None = None,  # noqa: A002 - as above
        timeout: float | None = None,
        most: int | None = None,
    ) -> tuple[int | None, bytes, bytes]:
        """Run a command in it as `exec` does, and return exit code, standard output and error as they came.

        After `most` bytes it isn't listened to any longer.
        """
        how = how_to_run(input=input, timeout=timeout)
        with naming(self.id, self.name), self._running(argv, timeout):
            return self.engine.exec_bytes(self.id, argv, most=most, **how)

    def opener(self) -> "Callable[[Sequence[str]], ExecStream]":
        """Return what starts a command in it whose input stays open; it doesn't hold on to this object."""
        return partial(self.engine.open_exec, self.id)
