"""Where questions are asked from, and the beacons that show that asking works there."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.containers.compose import ContainerSpec
from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.containers.creation import Creation
from pytest_foodtrucks.errors import EngineError, ImageError, ProbeError
from pytest_foodtrucks.stacks.on_demand import OnDemand

from .agent.link import NoReply
from .probe import Probe

if TYPE_CHECKING:
    from pytest_foodtrucks.stacks.stack import Stack

IDLE: Final = ("tail", "-f", "/dev/null")

DEFAULT: Final = "bridge"
"""The engine's default network."""


@contextmanager
def running_probe(
    stack: "Stack",
    network: str,
    described_as: str,
    *,
    subject: Container | None = None,
    command: Sequence[str] = IDLE,
    alias: str | None = None,
) -> Iterator[Probe]:
    """Start a probe on a network, on the default bridge (`bridge`) or in a container's namespace, and remove it.

    `subject` is that container. `alias` is a name on the network, for a probe that others ask for.
    """
    # The entrypoint is in place of the image's own, which may do anything with a command.
    spec = ContainerSpec(entrypoint=command, aliases=() if alias is None else (alias,))
    image = _probe_image(stack)
    title = "probe" if alias is None else alias
    made = partial(Creation, stack.engine, spec, image=image, network=network, labels=stack.labels(title), title=title)
    creation = stack.created(made, Creation.remove)
    try:
        probe = Probe(creation.start(), described_as, subject=subject, stack=stack)
        try:
            yield probe
        finally:
            probe.close()
    finally:
        stack.undo(creation.remove)


def _probe_image(stack: "Stack") -> str:
    """See that the engine has the image of probes, and return its name."""
    try:
        return stack.image(stack.settings.probe_image)
    except ImageError as error:
        raise ImageError(
            f"No probe can start: it needs the image of the option probe-image. {error.message}", logs=error.logs
        ) from error


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


# A network's own probes. Each asks, and is a beacon for whoever asks from another container on that network; the second
# is started only where the first one asks itself.


def keep_probes(stack: "Stack", network: str) -> None:
    """Let the network's own probes stay once they were started; `remove_probes` is to be called before it goes."""
    place = "the default bridge" if network == DEFAULT else f"the network {network}"
    for key in _keys(network):
        stack.on_demand.setdefault(key, probe_on_demand(lambda: running_probe(stack, network, place)))


def remove_probes(stack: "Stack", network: str) -> None:
    """Remove a network's own probes, if there are any."""
    for kept in [stack.on_demand.pop(key, None) for key in _keys(network)]:
        if kept is not None:
            kept.close()


def network_probe(stack: "Stack", network: str) -> Probe:
    """Return the first of a network's own probes."""
    keep_probes(stack, network)
    probe: Probe = stack.on_demand[_keys(network)[0]].get()
    return probe


def _keys(network: str) -> tuple[str, str]:
    return f"first probe of {network}", f"second probe of {network}"


def outside_probe(stack: "Stack") -> Probe:
    """Return a probe on the default bridge that stays: it shows that something outside can be reached at all."""
    return network_probe(stack, DEFAULT)


def probe_on_default_bridge(stack: "Stack") -> AbstractContextManager[Probe]:
    """Start a probe on the default bridge, where strangers are."""
    return running_probe(stack, DEFAULT, "the default bridge")


@dataclass(frozen=True)
class Beacon:
    """A container that surely listens: its name, its address and its port."""

    name: str
    network: str
    address: str
    port: int


@contextmanager
def beacon(probe: Probe) -> Iterator[Beacon]:
    """Yield a container that surely listens on a network of the probe's own, and isn't the probe itself.

    It stays on the default bridge, and on networks of ours; a stranger's network could not be removed while it is
    there. Raises ProbeError where the probe is on no network, or the beacon doesn't listen.
    """
    stack = stack_of(probe)
    network = _network(probe)
    if network == DEFAULT:
        keep_probes(stack, network)
    if _keys(network)[0] not in stack.on_demand:
        with running_probe(stack, network, f"the network {network}") as other:
            yield _listening_beacon(other)
        return
    first = network_probe(stack, network)
    yield _listening_beacon(first if first is not probe else stack.on_demand[_keys(network)[1]].get())


def stack_of(probe: Probe) -> "Stack":
    """Return what beacons are started for; ProbeError where a probe has none."""
    if probe.stack is None:
        raise ProbeError(f"{probe!r} was made by hand, and has no beacon. Remedy: use a probe of a fixture or network.")
    return probe.stack


def outside_beacon(stack: "Stack") -> Beacon:
    """Return the default bridge's own probe as one that surely listens."""
    return _listening_beacon(outside_probe(stack))


def _listening_beacon(probe: Probe) -> Beacon:
    addresses = [address for attachment in probe.container.attachments for address in attachment.addresses]
    if not addresses:
        raise ProbeError(
            f"The beacon {probe.container.name} has no address; its log says {probe.container.last_words(lines=3)!r}. "
            "Remedy: see why it ended; the probe image must have tail, and Python."
        )
    try:
        port = probe.agent.listen("tcp")
    except NoReply as error:
        raise ProbeError(f"The beacon {probe.container.name} doesn't listen: {error}") from error
    return Beacon(probe.container.name, probe.container.network, addresses[0], port)


def _network(probe: Probe) -> str:
    """Return the name of a network that the probe is on; its own before others."""
    attached = {attachment.network: attachment.addresses for attachment in probe.subject.attachments}
    if "host" in attached:  # reaches the default bridge's containers, and has no containers beside it
        return DEFAULT
    on = [network for network, addresses in attached.items() if addresses]
    if not on:
        raise ProbeError(
            f"{probe.described_as} is on no network, so whatever it doesn't reach says nothing. Remedy: connect it "
            "first."
        )
    return probe.subject.network if probe.subject.network in on else on[0]
