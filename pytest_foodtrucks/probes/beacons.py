"""Where questions are asked from, and the beacons that show that asking works there."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.containers.compose import ContainerSpec
from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.containers.creation import Creation
from pytest_foodtrucks.errors import EngineError, ProbeError
from pytest_foodtrucks.stacks.on_demand import OnDemand

from .probe import Probe

if TYPE_CHECKING:
    from pytest_foodtrucks.stacks.stack import Stack

IDLE: Final = ("tail", "-f", "/dev/null")

DEFAULT: Final = "bridge"
"""The engine's default network."""

BEACON_PORT: Final = 7777

_SERVER: Final = f"httpd -f -p {BEACON_PORT} -h /beacon || nc -ll -p {BEACON_PORT} -e true"
"""busybox' httpd took 60 connections at once in 0.1 s; its `nc -ll`, with a backlog of 2, let some wait 1 to 2 s.

It is for images whose busybox has no httpd, such as Alpine's.
"""

_BEACON: Final = ("sh", "-c", _SERVER)


@contextmanager
def running_probe(
    stack: "Stack",
    network: str,
    place: str,
    *,
    subject: Container | None = None,
    command: Sequence[str] = IDLE,
    tmpfs: Sequence[str] = (),
) -> Iterator[Probe]:
    """Start a probe on a network, on the default bridge (`bridge`) or in a container's namespace, and remove it.

    `subject` is that container.
    """
    spec = ContainerSpec(command=command, tmpfs=tmpfs)
    image = stack.image(stack.settings.probe_image)
    made = partial(
        Creation, stack.engine, spec, image=image, network=network, labels=stack.labels("probe"), title="probe"
    )
    creation = stack.created(made, Creation.remove)
    try:
        probe = Probe(creation.start(), place, subject=subject, stack=stack)
        try:
            yield probe
        finally:
            probe.close()
    finally:
        stack.undo(creation.remove)


def probe_on_demand(start: Callable[[], AbstractContextManager[Probe]]) -> OnDemand[Probe]:
    """Return a probe that is started when it is first asked for, and started anew when it runs no more."""
    return OnDemand(start, alive=_runs)


def _runs(probe: Probe) -> bool:
    try:
        return probe.container.status == "running"
    except EngineError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return False


def keep_beacon(stack: "Stack", network: str) -> None:
    """Let the network's beacon stay once it was started; `remove_beacon` is to be called before the network goes."""
    stack.on_demand.setdefault(network, probe_on_demand(lambda: _running_beacon(stack, network)))


def remove_beacon(stack: "Stack", network: str) -> None:
    """Remove a network's beacon, if there is one."""
    kept = stack.on_demand.pop(network, None)
    if kept is not None:
        kept.close()


def _running_beacon(stack: "Stack", network: str) -> AbstractContextManager[Probe]:
    return running_probe(stack, network, f"a beacon on {network}", command=_BEACON, tmpfs=("/beacon",))


@contextmanager
def beacon(place: Probe) -> Iterator[Probe]:
    """Yield a container that surely listens on a network of the place's own, at BEACON_PORT.

    It stays on the default bridge, and on networks of ours; a stranger's network could not be removed while it is
    there. Raises ProbeError where the place is on no network.
    """
    if place.stack is None:
        raise ProbeError(f"{place!r} was made by hand, and has no beacon. Remedy: use a probe of a fixture or network.")
    network = _network(place)
    if network == DEFAULT:
        keep_beacon(place.stack, network)
    kept = place.stack.on_demand.get(network)
    if kept is not None:
        yield kept.get()
    else:
        with _running_beacon(place.stack, network) as probe:
            yield probe


def _network(place: Probe) -> str:
    """Return the name of a network that the place is on; its own before others."""
    attached = {attachment.network: attachment.addresses for attachment in place.subject.attachments}
    if "host" in attached:  # reaches the default bridge's containers, and has no containers beside it
        return DEFAULT
    on = [network for network, addresses in attached.items() if addresses]
    if not on:
        raise ProbeError(
            f"{place.place} is on no network, so whatever it doesn't reach says nothing. Remedy: connect it first."
        )
    return place.subject.network if place.subject.network in on else on[0]


def probe_on_default_bridge(stack: "Stack") -> AbstractContextManager[Probe]:
    """Start a probe on the default bridge, where strangers are."""
    return running_probe(stack, DEFAULT, "the default bridge")


def bystander(stack: "Stack") -> Probe:
    """Return a probe on the default bridge that is kept: it shows that something outside can be reached at all."""
    key = f"bystander on {DEFAULT}"
    probe: Probe = stack.on_demand.setdefault(key, probe_on_demand(lambda: probe_on_default_bridge(stack))).get()
    return probe
