"""A network's life: created on a free subnet, had in common by workers or kept, removed."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.engine.subnets import first_overlap, free_subnet, gateway_of, host_routes, local_ipv6_subnet
from pytest_foodtrucks.errors import EngineError
from pytest_foodtrucks.stacks import parts
from pytest_foodtrucks.stacks.bulk_removal import remove_network
from pytest_foodtrucks.stacks.stack import PartLabel
from pytest_foodtrucks.stacks.volumes import remove_unused_volumes

from .network import Network

if TYPE_CHECKING:
    from pytest_foodtrucks.stacks.stack import Stack

_POOLS_USED_UP: Final = ("fully subnetted", "could not find an available")
_OVERLAP: Final = "overlap"
_SUBNET_TRIES: Final = 5


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """The keywords of a network with their checked values; a subnet and a gateway for each family at most."""

    driver: str = "bridge"
    internal: bool = False
    ipv6: bool = False
    subnet: Sequence[str] = ()
    gateway: Sequence[str] = ()
    driver_opts: Mapping[str, str] = field(default_factory=dict)

    def subnets(self) -> dict[str, str]:
        """Return the subnets that are asked for, each with its gateway; one of IPv6 is chosen where none is given."""
        chosen = [local_ipv6_subnet()] if self.ipv6 and not any(":" in subnet for subnet in self.subnet) else []
        gateways = {":" in gateway: gateway for gateway in self.gateway}
        return {
            subnet: gateways.get(":" in subnet, gateway_of({"Subnet": subnet})) for subnet in (*self.subnet, *chosen)
        }


@contextmanager
def throwaway_network(stack: "Stack", *, shared_as: str | None = None, **keywords: Any) -> Iterator[Network]:
    """Create a network, yield it, and remove it.

    With a name in `shared_as` xdist workers have it in common, and it stays until their controller ends, or for the
    next session. `keywords` are those of a `NetworkSpec`.
    """
    spec = NetworkSpec(**keywords)
    if shared_as is not None and stack.parts_outlive_fixtures:
        part = NetworkPart(stack=stack, title=shared_as, spec=spec)
        with parts.shared(stack, part) as network:
            network.shared = stack.worker is not None
            try:
                yield network
            finally:
                network.dismiss()
    else:
        network, undo = _started_network(stack, spec, for_session=shared_as is not None)
        with undo:
            yield network


@dataclass(frozen=True, kw_only=True)
class NetworkPart:
    """A network as a part of its stack; `title` is its fixture's name."""

    stack: "Stack"
    title: str
    spec: NetworkSpec

    @property
    def name(self) -> str:
        """What finds it again."""
        return f"network {self.title}"

    @property
    def key(self) -> str:
        """What tells it from others: another driver, or another subnet, is another network."""
        return f"network {self.title} {self.spec}"

    @property
    def values(self) -> Mapping[str, object]:
        """Nothing more: the key has all of it."""
        return {}

    @property
    def why_not_kept(self) -> str | None:
        """Nothing: nothing is in it that had to be put back."""
        return None

    def made_from(self) -> Mapping[str, object]:
        """Return what makes it another network."""
        return {**asdict(self.spec), "engine": self.stack.engine.url}

    def start(self) -> Network:
        """Create it."""
        return _started_network(self.stack, self.spec, part=PartLabel(self.name))[0]

    def dump(self, network: Network) -> Mapping[str, Any]:
        """Return where it is."""
        return {"id": network.id, "name": network.name}

    def load(self, about: Mapping[str, Any]) -> Network:
        """Return the network that somebody else created."""
        spec = self.spec
        return Network(self.stack, about["name"], spec.driver, internal=spec.internal, network_id=about["id"])

    def take_over(self, network: Network, about: Mapping[str, Any]) -> None:
        """See that it is still there."""
        del about
        self.stack.engine.inspect_network(network.id)

    def clear(self, kept: Mapping[str, Any] | None) -> None:
        """Remove what an earlier session kept under this name, with all that is on it."""
        if kept is not None:
            self.stack.remove_containers_on(kept["name"])
            remove_unused_volumes(self.stack, self._volumes_on(kept["name"]))
            remove_network(self.stack.engine, kept["id"])

    def _volumes_on(self, network: str) -> Iterator[str]:
        """Yield the volumes of the kept services on a network: they are made anew with it."""
        kept = self.stack.kept_stack
        values = [record["value"] for record in kept.records()] if kept is not None else []
        for value in values:
            if network in value.get("networks", ()):
                yield from value.get("volumes", ())


def _started_network(
    stack: "Stack", spec: NetworkSpec, *, part: PartLabel | None = None, for_session: bool = True
) -> tuple[Network, ExitStack]:
    name = f"foodtrucks-net-{secrets.token_hex(4)}"
    create = partial(_created, stack, name, spec, labels=stack.labels(part=part))
    network_id = stack.created(create, stack.engine.remove_network)
    about: Any = {"internal": spec.internal, "network_id": network_id, "for_session": for_session}
    network = Network(stack, name, spec.driver, **about)
    undo = ExitStack()
    undo.callback(_remove, network)
    return network, undo


def _created(stack: "Stack", name: str, spec: NetworkSpec, *, labels: Mapping[str, str]) -> str:
    """Create a network; where the engine's address pools are used up (moby#29239), on a free subnet chosen here."""
    create = partial(
        stack.engine.create_network,
        name,
        driver=spec.driver,
        internal=spec.internal,
        labels=labels,
        ipv6=spec.ipv6,
        driver_opts=spec.driver_opts,
    )
    subnets = spec.subnets()
    try:
        return create(subnets=subnets)
    except EngineError as error:
        if any(words in str(error) for words in _POOLS_USED_UP) and all(":" in subnet for subnet in subnets):
            return _created_on_a_free_subnet(stack, name, create, subnets, error)
        raise _refused(stack, spec, error) from error


def _created_on_a_free_subnet(
    stack: "Stack", name: str, create: Callable[..., str], others: Mapping[str, str], refused: EngineError
) -> str:
    for _ in range(_SUBNET_TRIES):
        subnet = free_subnet([*stack.engine.subnets(), *host_routes()])
        if subnet is None:
            break
        try:
            network_id = create(subnets={subnet: gateway_of({"Subnet": subnet}), **others})
        except EngineError as error:
            if _OVERLAP not in str(error):
                raise
            continue  # somebody took it meanwhile
        stack.say(f"the engine's address pools are used up; {name} is on {subnet}, which was free")
        return network_id
    raise EngineError(
        f"{refused}. No free subnet was found either: networks, and this machine's routes, have all private ones. "
        "Remedy: remove networks that nobody needs (docker network prune); see whose the routes are (ip route).",
        status=refused.status,
    ) from refused


def _refused(stack: "Stack", spec: NetworkSpec, error: EngineError) -> EngineError:
    """Return an engine's refusal of a network with what is to be done about it, where that is known."""
    message = str(error)
    if _OVERLAP in message and spec.subnet:
        message = _overlapping(stack, spec)
    elif spec.ipv6 and "ipv6" in message.lower():
        message = (
            f"{message}. So this engine, or its machine's kernel, has no IPv6. Remedy: leave ipv6= out, or let it have "
            "IPv6 (sysctl net.ipv6.conf.all.disable_ipv6=0; a kernel that was started without ipv6.disable=1)."
        )
    return error if message == str(error) else EngineError(message, status=error.status, reason=error.reason)


def _overlapping(stack: "Stack", spec: NetworkSpec) -> str:
    """Say which network of the engine, or which route of this machine, overlaps a subnet that was asked for."""
    routes = [("a route of this machine", route) for route in host_routes()]
    networks = [(f"the network {name}", subnet) for name, subnet in stack.engine.subnets_by_network()]
    found = [(subnet, first_overlap(subnet, [*networks, *routes])) for subnet in spec.subnet]
    which = "; ".join(f"{subnet} overlaps {about[1]} of {about[0]}" for subnet, about in found if about is not None)
    return (
        f"The engine has no room for the subnet {' and '.join(spec.subnet)}: "
        f"{which if which else 'a network that is gone by now had it'}. Remedy: give another subnet=, or leave it out "
        "for a free one; a network named foodtrucks-net-… is of a session, this one or another, and goes with it, or "
        "is kept for the next one, until `foodtrucks prune`."
    )


def _remove(network: Network) -> None:
    """Remove a network, with whatever the tests attached and left there."""
    network.dismiss()
    stack = network.stack
    stack.undo(lambda: remove_network(stack.engine, network.id))
