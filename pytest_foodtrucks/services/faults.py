"""Faults: a service is paused, stopped, killed or disconnected for the length of a block, and healed after it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.clock import monotonic, sleep
from pytest_foodtrucks.containers.creation import in_use, port_taken
from pytest_foodtrucks.containers.naming import naming
from pytest_foodtrucks.errors import DefinitionError, EngineError, FaultError, FoodtrucksError
from pytest_foodtrucks.values import shown

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.inspected import Inspected

    from .memberships import HasRef, NetworkRef
    from .running import RunningService

_LOG_LINES: Final = 30
_PORT_SECONDS: Final = 10.0
"""How long a host port that somebody took during a fault is awaited."""
_PORT_PAUSE: Final = 0.1

_OWN: Final = (
    "Remedy: use a service of this worker's own: one with shared=False or a narrower scope, or within the test "
    "`with foodtrucks_net.service(…) as mine:`."
)


def paused(service: "RunningService") -> AbstractContextManager[None]:
    """Freeze a service's processes for the length of a block."""
    return _fault(service, "paused", lambda: service.stack.engine.pause_container(service.container.id))


def stopped(service: "RunningService", *, timeout: int | None) -> AbstractContextManager[None]:
    """Stop a service for the length of a block."""
    seconds = _stop_seconds(service, timeout)
    return _fault(service, "stopped", lambda: _stop(service, seconds))


def killed(service: "RunningService") -> AbstractContextManager[None]:
    """Kill a service, and start it again at the end of a block."""
    return _fault(service, "killed", lambda: service.stack.engine.kill_container(service.container.id))


def disconnected(service: "RunningService", network: "HasRef | None" = None) -> AbstractContextManager[None]:
    """Detach a service from its networks for the length of a block, or from one of them."""
    networks = service.on.networks if network is None else [_one_of(service, network)]
    return _fault(service, "disconnected", lambda: _detach(service, networks))


def _detach(service: "RunningService", networks: "Sequence[NetworkRef]") -> None:
    for network in networks:
        service.stack.engine.disconnect(network.id, service.container.id)


def _one_of(service: "RunningService", network: "HasRef") -> "NetworkRef":
    """Return one of a service's networks; DefinitionError for what is none."""
    name = getattr(getattr(network, "ref", None), "name", None)
    found = [each for each in service.on.networks if each.name == name]
    if not found:
        raise DefinitionError(
            f"{shown(network)} is no network of {service.alias}, which is on {' and '.join(service.on.names)}. "
            "Remedy: give one of these, or none to detach it from all; what a test connected it to is detached by that "
            "network's disconnect()."
        )
    return found[0]


def restart(service: "RunningService", *, timeout: int | None) -> None:
    """Stop a service, if it runs, and start it again."""
    seconds = _stop_seconds(service, timeout)
    _refuse_shared(service, "restarted")
    if service.in_fault:
        _refuse_detached(service, _inspected(service, "restarted"), "restarted")
    with naming(service.container.id, service.container.name):
        _stop(service, seconds)
    heal(service, "restarted")


@contextmanager
def _fault(service: "RunningService", name: str, begin: Callable[[], object]) -> Iterator[None]:
    """Begin a fault, and heal it at the end of the block.

    `name` is its participle, such as `paused`. An error of the block stays; if healing fails too, that is a note to it.
    """
    _refuse_shared(service, name)
    _refuse_unfit(service, name)
    try:
        service.in_fault = True
        try:
            with naming(service.container.id, service.container.name):
                begin()
            yield
        finally:
            service.in_fault = False
    except BaseException as error:
        try:
            heal(service, name)
        except FoodtrucksError as failed:
            error.add_note(f"pytest-foodtrucks: {failed}")
        except Exception as failed:  # noqa: BLE001 - of a readiness check of somebody's own
            error.add_note(f"pytest-foodtrucks: {service.alias} was {name} and can't be healed: {failed!r}")
        raise
    heal(service, name)


def heal(
    service: "RunningService",
    name: str,
    *,
    clock: Callable[[], float] = monotonic,
    sleep: Callable[[float], None] = sleep,
) -> None:
    """Resume, connect and start the service, whatever of that it needs, and return when it is ready.

    Raises FaultError, and what the wait for its readiness raises.
    """
    try:
        with naming(service.container.id, service.container.name):
            _make_whole(service, clock, sleep)
        service.wait_until_ready()
    except EngineError as error:
        _refuse_gone(service, f"was {name} and can't be healed", error)
        remedy = (
            "" if "Remedy: " in str(error) else ". Remedy: see to what is refused there; its restart() tries again."
        )
        raise FaultError(f"{service.alias} was {name} and can't be healed: {error}{remedy}") from error


def _make_whole(service: "RunningService", clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
    engine, container = service.stack.engine, service.container.id
    about = service.container.inspected()
    if about.status == "paused":
        engine.unpause_container(container)
    missing = service.on.missing(about.networks)
    if missing or not about.state.runs:
        service.renew()
    for network in missing:  # with its names and addresses, which the engine forgets
        settings, names = network.settings, service.on.names[network.name]
        connect = partial(engine.connect, network.id, container, aliases=names, **settings.fixed)
        _with_its_ports(service, connect, clock, sleep)
    if not about.state.runs:
        _with_its_ports(service, lambda: engine.start_container(container), clock, sleep)


def _with_its_ports(
    service: "RunningService", act: Callable[[], object], clock: Callable[[], float], sleep: Callable[[float], None]
) -> None:
    """Call `act`, which publishes a container's host ports, as soon as nobody else has them.

    The ports are checked first. Docker 20.10 can't connect a container whose host port is taken, and leaves it in a
    state that only a restart ends.
    """
    began = clock()
    while True:
        try:
            _refuse_taken(service)
            act()
        except EngineError as error:
            if not port_taken(error) or clock() - began >= _PORT_SECONDS:
                raise
        else:
            return
        sleep(_PORT_PAUSE)


def _refuse_taken(service: "RunningService") -> None:
    engine = service.stack.engine
    if not engine.local or service.on.internal or service.container.inspected().published:
        return  # where it has another network, Docker publishes by way of that one meanwhile
    for inside, port in service.container.ports.items():
        address = service.published_on(inside)
        if in_use(address, port):
            raise EngineError(
                f"its host port {port} was taken meanwhile, and {address}:{port} is an address already in use"
            )


def _stop(service: "RunningService", timeout: int) -> None:
    service.stack.engine.stop_container(service.container.id, timeout=timeout)


def _stop_seconds(service: "RunningService", timeout: int | None) -> int:
    """Return how long its process gets to end by itself; DefinitionError for no number of seconds."""
    if timeout is None:
        return service.stop_seconds
    if isinstance(timeout, bool) or not isinstance(timeout, int) or timeout < 0:
        raise DefinitionError(
            f"timeout={timeout!r}. Remedy: give the seconds that the process gets to end by itself as a whole number, "
            "such as 10."
        )
    return timeout


def _refuse_shared(service: "RunningService", name: str) -> None:
    if service.shared:
        raise FaultError(
            f"{service.alias} can't be {name}: it is one for all xdist workers, and their tests would fail. {_OWN}"
        )


def _refuse_unfit(service: "RunningService", name: str) -> None:
    """Refuse a fault on a service that isn't up: its end would heal the earlier fault."""
    about = _inspected(service, name)
    if about.state.ended:
        raise FaultError(
            f"{service.alias} can't be {name}: its container doesn't run, {about.state}. Remedy: leave the block "
            "of one fault before the next; its restart() starts what ended by itself.",
            logs=service.last_words(lines=_LOG_LINES),
        )
    if about.status != "running":
        raise FaultError(
            f"{service.alias} can't be {name}: it is {about.status} already. Remedy: leave the block of one fault "
            "before the next."
        )
    _refuse_detached(service, about, name)


def _refuse_detached(service: "RunningService", about: "Inspected", name: str) -> None:
    missing = " and ".join(network.name for network in service.on.missing(about.networks))
    if missing:
        raise FaultError(
            f"{service.alias} can't be {name}: it is disconnected from {missing}. Remedy: leave the block of one fault "
            "before the next."
        )


def _inspected(service: "RunningService", name: str) -> "Inspected":
    try:
        return service.container.inspected()
    except EngineError as error:
        _refuse_gone(service, f"can't be {name}", error)
        raise


def _refuse_gone(service: "RunningService", what: str, error: EngineError) -> None:
    """Raise a FaultError where the container was removed."""
    try:
        gone = service.container.status == "removing"
    except EngineError as again:
        gone = again.status == HTTPStatus.NOT_FOUND
    if gone:
        raise FaultError(
            f"{service.alias} {what}: its container {service.container.name} was removed. Remedy: leave removal to the "
            "fixture; a test that wants it removed starts a service of its own, "
            "`with foodtrucks_net.service(…) as mine:`."
        ) from error
