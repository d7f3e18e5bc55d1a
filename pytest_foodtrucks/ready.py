"""Readiness: the checks, and the wait until a service is ready, has ended, or is out of time.

A check is any callable that takes the service and raises `NotReady("reason")` until it is ready.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakKeyDictionary

from pytest_foodtrucks.clock import monotonic, sleep

from .callers import name_and_place
from .engine.logs import Search
from .errors import (
    DefinitionError,
    EngineError,
    FoodtrucksError,
    NotReady,
    NotReadyInTime,
    StartError,
    mark_raised_by,
)
from .excerpts import shortened
from .values import (
    checked,
    entries,
    expression,
    has_only_begun,
    is_list,
    only_begins,
    seconds,
    shown,
    takes_one,
    whole,
    words_of_command,
)

if TYPE_CHECKING:
    from .engine.execs import ExecResult
    from .engine.inspected import ContainerState

LOG_LINES: Final = 30
"""How many of a container's last log lines an error shows."""

OVERLAP: Final = 1.0
"""Seconds of a log that are searched again: lines can be written in another order than that of their times."""

FIRST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 0.25


class Target(Protocol):
    """What a check may ask of a service."""

    @property
    def alias(self) -> str:
        """The name on the network."""

    @property
    def container_ports(self) -> Sequence[int]:
        """The published ports, by their numbers in the container."""

    def state(self) -> "ContainerState":
        """Return the state of the container's life."""

    def logs(self, *, tail: int | None = None) -> str:
        """Return the container's log unchanged: all of it, or its last `tail` lines."""

    def last_words(self, *, lines: int) -> str:
        """Return the last lines of the container's log, printable, long ones cut."""

    def search_log(self, pattern: re.Pattern[str], *, since: float | None = None) -> Search:
        """Search the container's log line by line, since its last start or a later moment (seconds of the epoch)."""

    def exec(self, argv: Sequence[str], *, timeout: float | None = None) -> "ExecResult":
        """Run a command in the container; TimeoutError when it hasn't ended in so many seconds."""

    def listens(self, port: int) -> bool:
        """Tell whether something accepts connections, asked inside the container's network namespace."""

    def fetch(self, path: str, *, port: int | None = None, timeout: float = 2.0) -> tuple[int, str]:
        """GET a path; return the status, and the body or its beginning. NotReady where no answer comes."""

    def listens_elsewhere(self, port: int) -> tuple[str, str] | None:
        """Say on what it listens instead of this port of its address, and what to do, or nothing; else None."""


def target_of(service: Any) -> Target:
    """Return what the checks of this module ask; the public `Service` has fewer methods."""
    target: Target = getattr(service, "__foodtrucks__", service)
    return target


Check = Callable[[Any], None]
"""Takes the service, and raises NotReady until it is ready."""


def _port(value: Any) -> int | None:
    return None if value is None else whole(value, least=1, most=65535)


@dataclass(frozen=True)
class PortCheck:
    """A check that asks a port: `port`, or the service's own where that is None; `call` is how it was written.

    `by_http` tells that the service speaks HTTP there.
    """

    call: str
    port: int | None
    ask: Check = field(repr=False)
    by_http: bool = False

    def __call__(self, service: Any) -> None:
        """Ask."""
        self.ask(service)

    def __repr__(self) -> str:
        return self.call


def http(path: str = "/", *, port: int | None = None, status: int = 200, timeout: float = 2.0) -> Check:
    """Ready when a GET answers with just this status; redirects aren't followed.

    `port` is the container's (default: the first of its `ports`), asked through the published port if there is
    one, else from inside its network namespace. `timeout` is in seconds, for one try and its whole answer; of a body
    the first megabyte is enough.

    Raises DefinitionError for a path without a slash before it, and for other values that can't be asked.
    """
    if not isinstance(path, str) or not re.fullmatch(r"/[^\s\0-\x1f\x7f\ud800-\udfff]*", path):
        raise DefinitionError(
            f"ready.http({shown(path)}) is no path. Remedy: begin it with a slash, such as '/health'."
        )
    checked("ready.http has port", port, _port)
    checked("ready.http has status", status, partial(whole, least=100, most=599))
    checked("ready.http has timeout", timeout, seconds)

    def check(service: Any) -> None:
        answered, body = target_of(service).fetch(path, port=port, timeout=timeout)
        if answered != status:
            raise NotReady(f"GET {path} answered {answered}, not {status}: {shortened(body)}")

    return PortCheck(f"ready.http({shown(path)})", port, check, by_http=True)


def tcp(port: int | None = None) -> Check:
    """Ready when a port accepts connections inside the container's network namespace.

    Asked there because a published port accepts before anything listens behind it (moby's userland proxy).
    `port` defaults to all of the service's `ports`.
    """
    checked("ready.tcp has port", port, _port)

    def check(service: Any) -> None:
        target = target_of(service)
        ports = target.container_ports if port is None else (port,)
        if not ports:
            raise DefinitionError(
                f"{target.alias} has no ports that ready.tcp() could ask. Remedy: give ready.tcp(PORT), or ports=."
            )
        for each in ports:
            if not target.listens(each):
                raise NotReady(f"nothing listens on port {each}", port=each)

    return PortCheck("ready.tcp()", port, check)


def log(pattern: str) -> Check:
    """Ready when a line of the log matches the regular expression; after a restart, a line since then.

    The pattern sees one line at a time, up to its 65536th byte: one that spans lines matches nothing. For several
    lines give several checks.

    Raises DefinitionError for what is no regular expression.
    """
    compiled = checked("ready.log has pattern", pattern, expression)
    searched: WeakKeyDictionary[Target, float] = WeakKeyDictionary()

    def check(service: Any) -> None:
        """Read on from where the last try ended."""
        target = target_of(service)
        search = target.search_log(compiled, since=searched.get(target))
        if search.moment is not None:
            searched[target] = search.moment - OVERLAP
        if not search.found:
            raise NotReady(f"no line of its log matches {pattern!r}")

    return check


def healthcheck() -> Check:
    """Ready when the container's own health check says healthy."""

    def check(service: Any) -> None:
        state = target_of(service).state()
        if state.health is None and state.status == "running":
            raise DefinitionError(
                f"{target_of(service).alias} has no health check that ready.healthcheck() could ask: neither its image "
                "has one, nor its definition. Remedy: give healthcheck={'test': 'COMMAND'}, or another check."
            )
        if state.health != "healthy":
            words = f": {shortened(state.health_output)}" if state.health_output else ""
            raise NotReady(f"its health check says {state.health}{words}")

    return check


def exec(argv: Sequence[str] | str, *, timeout: float = 30.0) -> Check:  # noqa: A001 - the contract's name
    """Ready when a command in the container ends with exit code 0, each time within `timeout` seconds.

    No shell runs it: a text is split into words as a shell does.
    """
    argv = checked("ready.exec has argv", argv, words_of_command)
    checked("ready.exec has timeout", timeout, seconds)

    def check(service: Any) -> None:
        try:
            result = target_of(service).exec(argv, timeout=timeout)
        except TimeoutError as error:
            raise NotReady(f"{argv[0]} hasn't ended within {timeout:g} s") from error
        if result.exit_code != 0:
            words = shortened(result.stderr if result.stderr else result.stdout)
            raise NotReady(f"{argv[0]} ended with exit code {result.exit_code}: {words}")

    return check


def running() -> Check:
    """Ready when the container runs."""

    def check(service: Any) -> None:
        status = target_of(service).state().status
        if status != "running":
            raise NotReady(f"it is {status}")

    return check


def wait_until_ready(
    target: Target,
    checks: Iterable[Check],
    *,
    timeout: float,
    service: Any = None,
    clock: Callable[[], float] = monotonic,
    sleep: Callable[[float], None] = sleep,
) -> None:
    """Ask the checks, more rarely with time, until all pass.

    `timeout` is in seconds; `service` is what a check takes, the target itself by default. Raises StartError at once
    when the container has ended, and NotReadyInTime, which says the elapsed time, the tries, and the last reason.
    """
    import tenacity  # noqa: PLC0415 - only sessions that start something pay for it

    checks = tuple(checks)
    began = clock()
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(NotReady),
        stop=lambda _: clock() - began >= timeout,
        wait=tenacity.wait_exponential(multiplier=FIRST_PAUSE, exp_base=1.2, max=LONGEST_PAUSE),
        sleep=sleep,
        reraise=True,
    )
    tries = 0
    try:
        for attempt in retrying:
            with attempt:
                tries += 1
                _ask(target, checks, target if service is None else service, elapsed=clock() - began)
    except NotReady as error:
        words = f"{target.alias} was not ready after {clock() - began:.1f} s and {tries} tries: {error.message}"
        raise _time_is_up_error(target, words, asked=error.port) from error


def _time_is_up_error(target: Target, words: str, *, asked: int | None) -> NotReadyInTime:
    """Return the error for a service that wasn't ready in time; `asked` is the port that didn't answer, if one."""
    instead = None if asked is None else target.listens_elsewhere(asked)
    seen, remedy = ("", "") if instead is None else (f". {instead[0]}", instead[1])
    return NotReadyInTime(f"{words}{seen}. Remedy: {remedy or _USUAL_REMEDY}.", logs=target.last_words(lines=LOG_LINES))


def _ask(target: Target, checks: Iterable[Check], service: Any, *, elapsed: float) -> None:
    _refuse_ended(target, elapsed=elapsed)
    try:
        for check in checks:
            answer = _answer_of(check, service)
            if answer is False or callable(answer) or has_only_begun(answer):
                raise _no_check_error(check, f" (it returned {shown(answer)})")
    except (EngineError, StartError):  # as the engine refuses what is asked of a container that ended meanwhile
        _refuse_ended(target, elapsed=elapsed)
        raise
    _refuse_ended(target, elapsed=elapsed)  # meanwhile; what is in a log stays there


def _answer_of(check: Callable[[Any], object], service: Any) -> object:
    """Call a check; an error of another kind than ours tells which check raised it."""
    try:
        return check(service)
    except FoodtrucksError:
        raise
    except Exception as error:
        mark_raised_by(error, f"The readiness check {name_and_place(check)} of {target_of(service).alias}")
        raise


_USUAL_REMEDY: Final = "mend what the log shows, or allow more with timeout= or --foodtrucks-timeout"
_DID_ITS_WORK: Final = (
    "its command did all it had to do; give one that goes on, such as a server in the foreground, or "
    "command=['sleep', '3600'] for a container that only has to be there; what is to run once is a job()"
)


def _refuse_ended(target: Target, *, elapsed: float) -> None:
    state = target.state()
    if state.ended:
        raise StartError(
            f"{target.alias} ended before it was ready, after {elapsed:.1f} s: {state}. "
            f"Remedy: {_DID_ITS_WORK if state.exit_code == 0 else 'mend what its log shows'}.",
            logs=target.last_words(lines=LOG_LINES),
        )


def as_checks(ready: Check | Iterable[Check]) -> tuple[Check, ...]:
    """Return one check or several as a tuple; DefinitionError for what is no check, and for no check at all."""
    checks: tuple[Any, ...] = (ready,) if callable(ready) or not is_list(ready) else tuple(entries(ready))
    if not checks:
        raise DefinitionError(f"ready={shown(ready)} has no check. Remedy: leave it out, or give ready.running().")
    for check in checks:
        if not callable(check) or isinstance(check, type) or any(check is maker for maker in MAKERS):
            raise _no_check_error(check)
        if only_begins(check):
            raise _no_check_error(check, ": it is asynchronous, or a generator, and nobody would await it")
        if not takes_one(check):
            raise _no_check_error(check, ": it doesn't take one value, the service")
    return checks


def refuse_without_ports(ready: Check | Iterable[Check], ports: Iterable[int | str]) -> None:
    """Raise DefinitionError for a check of the service's own TCP ports where it has none."""
    by_tcp = [port for port in ports if isinstance(port, int) or not str(port).endswith("/udp")]
    for check in as_checks(ready):
        if isinstance(check, PortCheck) and check.port is None and not by_tcp:
            raise DefinitionError(
                f"ready={check.call} asks a TCP port of the service, and it has none. Remedy: name the container's "
                "port with ports=, or in the check with port=."
            )


MAKERS: Final[tuple[Callable[..., Check], ...]] = (http, tcp, log, healthcheck, exec, running)
"""All functions here that return a check.

Written without parentheses (`ready=ready.http`), most of these would return a check, and never raise NotReady.
"""


def _no_check_error(check: object, seen: str = "") -> DefinitionError:
    return DefinitionError(
        f"ready={shown(check)} is no readiness check{seen}. Remedy: use one of "
        f"ready.{', '.join(f'{maker.__name__}(…)' for maker in MAKERS)}, or a callable that takes the service and "
        "raises NotReady until it is ready."
    )
